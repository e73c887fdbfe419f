"""`social-care listen`: poll chosen listeners once, by hand, under the same claims as `run`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from social_care import pipeline
from social_care.cli import exits, show
from social_care.scheduler import Ticker
from social_care.workspace import Workspace
from storage.errors import ConfigError


def poll_now(
    workspace: Workspace, names: Sequence[str], clock: Callable[[], datetime], *, as_json: bool, dry_run: bool
) -> int:
    """Poll listeners now, whatever their schedule says; returns the exit code.

    Raises:
        ConfigError: an unknown listener, or none configured.
    """
    chosen = list(names) or sorted(workspace.settings.listeners)
    if not chosen:
        raise ConfigError(
            "no listeners are configured; see docs/configuration.md, or use: social-care import FILE"
        )
    for name in chosen:
        workspace.listener_settings(name)
    if dry_run:
        return _count(workspace, chosen, clock, as_json)
    said: list[str] = []
    ticker = Ticker(workspace, clock, tell=said.append)
    results = ticker.poll(chosen)
    ticker.understand()
    ticker.track()
    if as_json:
        show.print_json({"listeners": {name: asdict(heard) for name, heard in results.items()}, "log": said})
    else:
        for line in said:
            show.say(line)
        for name in chosen:
            if name not in results:
                show.warn(f"{name}: not polled: it is parked, or another process is polling it")
    return exits.PARTLY if len(results) < len(chosen) or any(item.error for item in results.values()) else exits.OK


def _count(workspace: Workspace, names: Sequence[str], clock: Callable[[], datetime], as_json: bool) -> int:
    from storage import queries

    counts: dict[str, Any] = {}
    for name in names:
        with workspace.database.read() as session:
            state = queries.listener_state(session, name)
        listener = workspace.listener(name)
        pages = list(listener.poll(state.cursor if state else None, clock()))
        counts[name] = {
            "pages": len(pages),
            "mentions": sum(len(page.mentions) for page in pages),
            "kept_aside": sum(len(page.rejections) for page in pages),
        }
    if as_json:
        show.print_json({"dry_run": True, "listeners": counts})
    else:
        for name, count in counts.items():
            show.say(
                f"{name}: would store "
                + pipeline.say_heard(pipeline.Heard(new=count["mentions"], rejected=count["kept_aside"]))
            )
    return exits.OK
