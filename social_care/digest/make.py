"""From the database to a `Digest`: one question a section, all on one snapshot."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from responders.metrics import Report, report
from social_care.digest import care, commands, hearing, voices
from social_care.digest.figures import Counts, Digest, Foot, Quiet
from social_care.digest.reference import Reference, references
from social_care.digest.scope import Scope
from social_care.digest.volume import volume
from social_care.digest.window import Window, between, stamp
from storage import digest_queries as ask
from storage.errors import ConfigError
from storage.reporting import case_facts, heard_facts

if TYPE_CHECKING:
    from social_care.config import Settings
    from storage.database import Database

DEFINITIONS = "docs/metrics.md"


def make_digest(
    database: "Database",
    settings: "Settings",
    window: Window,
    now: datetime,
    *,
    brand: str | None = None,
    folder: Path | None = None,
) -> Digest:
    """Everything a digest says about a window, as it stands at `now`.

    Args:
        database: the open database; only read.
        settings: goals, listeners and brands of the workspace.
        window: the stretch of time, by `posted_at`.
        now: the time it is (aware); running clocks and open cases are judged by it.
        brand: one brand; None for all.
        folder: the workspace's folder, where it may keep its own `reference.toml`.

    Raises:
        ConfigError: no such brand, or an unreadable `reference.toml`.
    """
    lines = references(folder)
    with database.read() as session:
        ids = ask.brand_ids(session, brand)
        if brand is not None and not ids:
            known = ", ".join(ask.brand_ids(session)) or "none has a mention yet"
            raise ConfigError(f"there is no brand {brand!r} in the database; known: {known}")
        scope = Scope(
            session=session,
            settings=settings,
            window=window,
            before=window.before(),
            now=now,
            brand=brand,
            brand_ids=tuple(ids.values()) if brand is not None else (),
        )
        cohort = _report(scope, window)
        names = tuple(ids) or tuple(item.name for item in settings.brands)
        frame = _frame(scope, cohort, names, tuple(lines.values()))
        return _quiet(scope, frame) if frame.counts.mentions == 0 else _full(scope, frame, cohort)


def _frame(scope: Scope, cohort: Report, brands: tuple[str, ...], lines: tuple[Reference, ...]) -> Digest:
    """What every digest has, a quiet one too."""
    session, window = scope.session, scope.window
    return Digest(
        brands=brands,
        window=window,
        now=scope.now,
        counts=care.counts(scope, cohort),
        listeners=hearing.listener_figures(scope, cohort, heard_facts(session, window.since, window.until)),
        listeners_command=care.report_command(scope, window, "--json"),
        foot=Foot(
            scorers=ask.scorers(session, window.since, window.until, scope.brand_ids),
            policies=tuple(ask.policy_versions(session, window.since, window.until, scope.brand_ids)),
            references=lines,
            definitions=DEFINITIONS,
            again=_again(scope),
        ),
    )


def _report(scope: Scope, window: Window) -> Report:
    facts = case_facts(scope.session, window.since, window.until, scope.brand)
    zone = ZoneInfo(window.zone)
    return report(facts, now=scope.now, since=window.since, until=window.until, zone=zone)


def _full(scope: Scope, frame: Digest, cohort: Report) -> Digest:
    window = scope.window
    posts = ask.posts(scope.session, window.since, window.until, scope.brand_ids, voices.MOST_POSTS)
    themes, themes_note = voices.themes(scope, posts)
    return replace(
        frame,
        promises=care.promises(scope, cohort, _report(scope, scope.before)),
        urgent=care.urgent(scope),
        urgent_command=care.urgent_command(scope),
        volume=volume(scope),
        themes=themes,
        themes_note=themes_note,
        ratings=voices.ratings(scope),
        moods=voices.moods(scope),
        praise=voices.praise(posts),
        praise_command=voices.praise_command(scope),
        kept_aside=hearing.kept_aside(scope),
    )


def _again(scope: Scope) -> str:
    window = scope.window
    return commands.command(
        "digest",
        *scope.brand_words(),
        "--since",
        stamp(window.since),
        "--until",
        stamp(window.until),
        now=scope.now,
    )


def _quiet(scope: Scope, frame: Digest) -> Digest:
    known = ask.span(scope.session, scope.brand_ids)
    if known is None:
        step = Quiet(None, commands.command("import", "--help"), None)
        return replace(frame, quiet=step)
    newest = known[1]
    day = scope.window.local(newest).date().isoformat()
    show = commands.command("digest", *scope.brand_words(), "--date", day)
    return replace(frame, quiet=Quiet(newest, show, _waiting(frame.counts)))


def _waiting(counts: Counts) -> str | None:
    if not counts.open:
        return None
    cases = f"{counts.open:,} open case" + ("s" if counts.open != 1 else "")
    return cases + (f", {counts.breached:,} past due" if counts.breached else "")


def whole_history(database: "Database", zone: str, brand: str | None = None) -> Window | None:
    """The window from the oldest mention to the newest; None in a database without mentions."""
    with database.read() as session:
        ids: Sequence[int] = tuple(ask.brand_ids(session, brand).values()) if brand is not None else ()
        known = ask.span(session, ids)
    return None if known is None else between(known[0], known[1] + timedelta(seconds=1), zone)
