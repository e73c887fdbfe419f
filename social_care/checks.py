"""`doctor` and `config check`: every part tried for real, each finding with its mend. Changes nothing."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from social_care.cli import exits, show
from social_care.workspace import Workspace
from storage.errors import ConfigError, SocialCareError

if TYPE_CHECKING:
    from social_care.cli.context import Invocation


@dataclass(frozen=True, slots=True)
class Check:
    """One part that was tried."""

    part: str
    ok: bool
    detail: str
    fix: str = ""
    warning: bool = False


def report(checks: Iterator[Check], *, as_json: bool) -> int:
    """Print the findings as they come; returns the exit code: 2 when something must be mended."""
    done = []
    for check in checks:
        done.append(check)
        if not as_json:
            mark = (
                ("✓", "green")
                if check.ok and not check.warning
                else (("!", "yellow") if check.ok else ("✗", "bold red"))
            )
            show.say(show.coloured(*mark), f" {check.part:<16} ", check.detail)
            if check.fix:
                show.say(" " * 19, show.coloured("fix: ", "cyan"), check.fix)
    if as_json:
        show.print_json({"ok": all(check.ok for check in done), "checks": [asdict(check) for check in done]})
    return exits.OK if all(check.ok for check in done) else exits.USAGE


def _tried(part: str, action: Callable[[], str], fix: str = "") -> Check:
    try:
        return Check(part, True, action())
    except SocialCareError as error:
        return Check(part, False, str(error), fix)
    except Exception as error:  # noqa: BLE001  (a doctor that crashes helps nobody)
        if type(error).__name__ == "ModelError":
            return Check(part, False, str(error), fix)
        return Check(part, False, f"{type(error).__name__}: {error}", fix or "please report this")


def configuration_checks(workspace: Workspace) -> Iterator[Check]:
    """The configuration and everything it names."""
    yield Check("configuration", True, str(workspace.folder / "social-care.toml"))
    yield _tried("SLA policies", lambda: _policies(workspace))
    yield _tried("triage rules", lambda: _triage(workspace))
    yield _tried("topics", lambda: _topics(workspace), "social-care topic test NAME shows how a query is read")
    yield _tried(
        "saved replies", lambda: f"{len(workspace.saved_replies)} read from {workspace.settings.saved_replies}"
    )
    for name in sorted(workspace.settings.listeners):
        yield _tried(f"listener {name}", lambda name=name: _listener(workspace, name))  # type: ignore[misc]


def _policies(workspace: Workspace) -> str:
    found = workspace.policies
    return ", ".join(policy.name for policy in found.policies) + (f". {found.note}" if found.note else "")


def _triage(workspace: Workspace) -> str:
    from sentiment.naming import bundled_scorer_name

    try:
        bundled_scorer_name(workspace.settings.urgency)
    except ValueError as error:
        raise ConfigError(f"[urgency] needs mending: {error}") from None
    changed = len(workspace.settings.urgency) + len(workspace.settings.triage)
    return f"{workspace.rules.reopen_days:g} days to reopen; {changed} settings of your own"


def _topics(workspace: Workspace) -> str:
    from listeners.topics import parse_topic

    for topic in workspace.settings.topics:
        parse_topic(topic.query, topic.name)
    return f"{len(workspace.settings.topics)} read"


def _listener(workspace: Workspace, name: str) -> str:
    listener = workspace.listener(name)
    return f"{listener.network}, every {workspace.listener_settings(name).every}"


def all_checks(invocation: "Invocation") -> Iterator[Check]:
    """Everything `run` needs, so that nothing is called ready that cannot run."""
    yield Check("python", True, f"{sys.version.split()[0]}, process {os.getpid()}")
    yield _clock(invocation.now)
    try:
        workspace = invocation.workspace()
    except SocialCareError as error:
        yield Check("workspace", False, str(error), "social-care init")
        yield _tried("bundled model", _bundled_model)
        return
    yield from configuration_checks(workspace)
    yield _tried("database", lambda: _database(workspace))
    yield _tried(
        "model", lambda: _model(workspace), 'set [scorer] model to "bundled", or to a folder that holds one'
    )
    yield _drift(workspace, invocation.now)
    yield _tried("digest folder", lambda: _writable(workspace.folder / workspace.settings.digest.folder))
    if workspace.database_url.startswith("postgres"):
        yield _tried("work queue", lambda: _queue(workspace, invocation.now))


def _clock(now: datetime) -> Check:
    real = datetime.now(UTC)
    if real.year < 2026:
        return Check("clock", False, f"the machine says {real:%Y-%m-%d}", "set the clock: SLA times rest on it")
    return Check("clock", True, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _database(workspace: Workspace) -> str:
    from storage import queries

    with workspace.database.read() as session:
        counts = queries.table_counts(session)
    return f"{workspace.database.url}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _bundled_model() -> str:
    from sentiment.transformer import TransformerScorer

    return TransformerScorer.load().name


def _model(workspace: Workspace) -> str:
    verdict = workspace.scorer.score(["Thank you, that was quick and friendly!", "这次服务太差了，一直没人回复"])
    words = " and ".join(item.sentiment for item in verdict)
    return f"{workspace.scorer.name} reads; a thank-you and a complaint came out {words}"


def _drift(workspace: Workspace, now: datetime) -> Check:
    from social_care import drifting

    warning = False

    def look() -> str:
        nonlocal warning
        told, warning = drifting.in_words(drifting.look(workspace, now))
        return told

    check = _tried("drift", look)
    return replace(check, warning=True, fix="social-care model drift") if warning else check


def _writable(folder: Path) -> str:
    place = folder if folder.exists() else folder.parent
    if not os.access(place, os.W_OK):
        raise SocialCareError(f"{place} cannot be written")
    return str(folder)


def _queue(workspace: Workspace, now: datetime) -> str:
    from storage import jobs

    with workspace.database.read() as session:
        if not jobs.has_queue(session):
            return "not set up; run scores by itself (social-care worker sets it up)"
        return "a worker is alive" if jobs.workers_alive(session, now) else "no worker alive; run scores by itself"
