"""`social-care try`: the first minute. The real line on a throw-away database; nothing stays behind."""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from social_care import importing, pipeline
from social_care.cli import exits, show
from social_care.durations import say_duration
from social_care.safe import safe_line
from storage.errors import ConfigError

if TYPE_CHECKING:
    from listeners.files import Reading
    from listeners.files.guess import Guess
    from storage.trial import TrialRow

READ_AT_MOST = 2_000
"""Rows read of a file: enough to meet threads and repeats, few enough for a minute."""
FETCH_AT_MOST = 64 * 1024 * 1024
"""Bytes fetched from a URL."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a look at a file gave."""

    reading: "Reading"
    guess: "Guess | None"
    rows: "list[TrialRow]"


def try_source(
    source: str, *, preset: str | None, brand: str | None, limit: int, now: datetime, as_json: bool
) -> int:
    """Score and show the first rows of a file, URL or pipe; returns the exit code.

    Raises:
        ConfigError: nothing readable is there; the message says what to do.
    """
    with tempfile.TemporaryDirectory(prefix="social-care-try-") as folder:
        where = _fetch(source, Path(folder)) if source.startswith(("http://", "https://")) else source
        trial = _look(where, Path(folder), preset=preset, brand=brand, limit=limit, now=now)
    if as_json:
        show.print_json(_as_json(trial, now))
    else:
        _print(trial, source, now)
    return exits.PARTLY if trial.reading.report.rejected else exits.OK


def _look(where: str, folder: Path, *, preset: str | None, brand: str | None, limit: int, now: datetime) -> Trial:
    from listeners.files import Options, open_source
    from responders.readings import TriageRules
    from responders.sla import PolicySet, default_policies
    from sentiment.transformer import TransformerScorer
    from storage.database import open_database
    from storage.trial import trial_rows

    database = open_database(f"sqlite:///{folder}/try.db")
    try:
        database.upgrade()
        with open_source(where) as opened:
            options = Options(brand=brand or "(your brand)", now=now, undated_at=now)
            reading, guess = importing.make_reading(opened, preset=preset, columns={}, options=options)
            pipeline.store_pages(
                database,
                importing.pages(reading, now, limit=max(READ_AT_MOST, limit)),
                listener="try",
                network=reading.network,
                clock=lambda: now,
            )
        scorer = TransformerScorer.load()
        # All that was read is scored, not only what is shown: a case's urgency is its thread's.
        pipeline.score_pending(database, scorer, now=now)
        pipeline.triage_pending(
            database,
            scorer_name=scorer.name,
            policies=PolicySet.of(default_policies()),
            rules=TriageRules(),
            now=now,
        )
        with database.read() as session:
            return Trial(reading, guess, trial_rows(session, limit))
    finally:
        database.dispose()


def _fetch(url: str, folder: Path) -> str:
    """Fetch a URL into the folder; its name keeps the URL's ending, which tells the format.

    Raises:
        ConfigError: it cannot be fetched, or is too large.
    """
    import httpx2

    path = folder / (Path(urlsplit(url).path).name or "fetched")
    size = 0
    try:
        with httpx2.stream("GET", url, follow_redirects=True, timeout=30) as response, path.open("wb") as file:
            if response.status_code != 200:
                raise ConfigError(f"{_bare(url)} answered {response.status_code}; check the address")
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > FETCH_AT_MOST:
                    raise ConfigError(
                        f"{_bare(url)} is larger than {FETCH_AT_MOST // 2**20} MB; fetch it to a file first"
                    )
                file.write(chunk)
    except httpx2.HTTPError as error:
        raise ConfigError(f"{_bare(url)} cannot be fetched: {type(error).__name__}") from None
    return str(path)


def _bare(url: str) -> str:
    """The URL without user, password and query, which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


def _promise(row: "TrialRow", now: datetime) -> tuple[str, str]:
    """What is due, and the colour that means it."""
    case, clock = row.case, row.clock
    if case is None or not case.reply_needed:
        return (f"no: {case.reply_reason}" if case else "-"), "dim"
    if clock is None:
        return case.priority, ""
    if clock.stopped_at is not None:
        took = say_duration((clock.stopped_at - clock.started_at).total_seconds())
        return f"answered in {took}", "green" if clock.stopped_at <= clock.due_at else "red"
    left = (clock.due_at - now).total_seconds()
    return (f"due in {say_duration(left)}", "yellow") if left >= 0 else (f"late {say_duration(-left)}", "bold red")


def _why(row: "TrialRow") -> str:
    from sentiment.levels import in_short

    return ", ".join(in_short(row.case.reasons if row.case else [])[:3])


def _print(trial: Trial, source: str, now: datetime) -> None:
    importing.say_guess(trial.guess, trial.reading)
    for number, row in enumerate(trial.rows, 1):
        _print_row(number, row, now)
    importing.say_findings(trial.reading)
    show.hint(f"{trial.reading.report.summary()}; {len(trial.rows)} shown (-n for more). Nothing was stored.")
    if source != "-":
        show.hint(f"next: social-care init, then: social-care import {safe_line(source)}")


def _print_row(number: int, row: "TrialRow", now: datetime) -> None:
    """Two lines a post, so that 80 columns are enough for the promise, the reasons and the words."""
    due, style = _promise(row, now)
    mood = row.score.sentiment if row.score else "no text"
    doubt = "?" if row.score and row.score.abstained else ""
    priority = row.case.priority if row.case else "none"
    head = show.coloured(f"{number:>5} ", "bold")
    head.append(f"{'--' if priority == 'none' else priority:<3}", show.STYLES[priority])
    head.append(f"{row.case.urgency if row.case else 0:.2f} ")
    head.append(f"{mood + doubt:<10}", show.STYLES.get(mood, ""))
    head.append(f"{due:<22} ", style)
    head.append(safe_line(_why(row), 40), "dim")
    show.one_line(head)
    words = safe_line(row.mention.text or row.mention.title or "(no text)", 200)
    show.one_line(show.coloured(f"      {words}", ""))


def _as_json(trial: Trial, now: datetime) -> dict[str, Any]:
    guess = trial.guess
    return {
        "preset": trial.reading.preset.name if trial.reading.preset else None,
        "columns": {role: choice.column for role, choice in guess.choices.items()} if guess else None,
        "findings": importing.findings(trial.reading),
        "kept_aside": dict(trial.reading.report.rejected),
        "rows": [_row_json(row, now) for row in trial.rows],
    }


def _row_json(row: "TrialRow", now: datetime) -> dict[str, Any]:
    score, case, clock = row.score, row.case, row.clock
    return {
        "untrusted": True,
        "text": row.mention.text,
        "brand": row.brand,
        "network": row.mention.network,
        "posted_at": row.mention.posted_at.isoformat() if row.mention.time_known else None,
        "language": score.language if score else None,
        "sentiment": score.sentiment if score else None,
        "abstained": score.abstained if score else None,
        "urgency": case.urgency if case else None,
        "priority": case.priority if case else None,
        "reply_needed": case.reply_needed if case else None,
        "reply_reason": case.reply_reason if case else None,
        "reasons": case.reasons if case else [],
        "due_at": clock.due_at.isoformat() if clock else None,
        "promise": _promise(row, now)[0],
    }
