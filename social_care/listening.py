"""`social-care listen`: poll chosen listeners once, by hand, under the same claims as `run`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from social_care.cli import exits, show
from social_care.scheduler import Ticker, reads_left
from social_care.workspace import Workspace
from storage.errors import ConfigError


def poll_now(
    workspace: Workspace, names: Sequence[str], clock: Callable[[], datetime], *, as_json: bool, dry_run: bool
) -> int:
    """Poll listeners now, whatever their schedule says; returns the exit code.

    Without `names` every listener that is not parked is polled. One that is named but cannot be polled is told,
    with the reason.

    Raises:
        ConfigError: an unknown listener, or none configured.
    """
    chosen = list(dict.fromkeys(names)) or sorted(workspace.settings.listeners)
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
    missed = {name: _why_not(workspace, name) for name in chosen if name not in results}
    if as_json:
        heard = {name: asdict(item) for name, item in results.items()}
        show.print_json({"listeners": heard, "not_polled": missed, "log": said})
    else:
        for line in said:
            show.say(line)
        for name, reason in missed.items():
            show.warn(f"{name}: not polled: {reason}")
    return exits.PARTLY if missed or any(item.error for item in results.values()) else exits.OK


def _why_not(workspace: Workspace, name: str) -> str:
    from social_care.safe import safe_line
    from storage import queries

    with workspace.database.read() as session:
        state = queries.listener_state(session, name)
    if state is not None and state.parked_at is not None:
        reason = safe_line(state.parked_reason or "", 300)
        return f"it is parked ({reason}); when that is mended: social-care listener resume {name}"
    return "another process is polling it"


def _count(workspace: Workspace, names: Sequence[str], clock: Callable[[], datetime], as_json: bool) -> int:
    """Poll under the same budget and count what came; stores nothing."""
    from listeners.errors import SourceError
    from storage import queries

    counts: dict[str, dict[str, Any]] = {}
    for name in names:
        now = clock()
        with workspace.database.read() as session:
            state = queries.listener_state(session, name)
        left = reads_left(workspace.listener_settings(name), state, now)
        count: dict[str, Any] = {"pages": 0, "mentions": 0, "deletions": 0, "kept_aside": 0, "error": None}
        counts[name] = count
        try:
            for page in workspace.listener(name, reads_left=left).poll(state.cursor if state else None, now):
                count["pages"] += 1
                count["mentions"] += len(page.mentions)
                count["deletions"] += len(page.deletions)
                count["kept_aside"] += len(page.rejections)
        except (SourceError, ConfigError) as error:
            count["error"] = str(error)
    if as_json:
        show.print_json({"dry_run": True, "listeners": counts})
    else:
        for name, count in counts.items():
            _say_count(name, count)
    return exits.PARTLY if any(count["error"] for count in counts.values()) else exits.OK


def _say_count(name: str, count: dict[str, Any]) -> None:
    show.say(
        f"{name}: would store {count['mentions']:,} mentions"
        + (f", purge {count['deletions']:,}" if count["deletions"] else "")
        + (f", keep {count['kept_aside']:,} aside" if count["kept_aside"] else "")
    )
    if count["error"]:
        show.warn(f"{name}: {count['error']}")
