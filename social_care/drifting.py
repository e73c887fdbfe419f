"""Drift: is what people write, or how the model reads it, still what it was? Figures, a line for doctor, an alarm.

The last week is held against the four weeks before it, over mentions by the time they were posted and the scores
of the model in use. Nothing is guessed: a window with too few rows says so.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.drift import Drift, Level, measure
from social_care.pipeline import text_of
from social_care.workspace import Workspace

if TYPE_CHECKING:
    from storage.corrections import Words

RECENT = timedelta(days=7)
REFERENCE = timedelta(days=28)
"""How far the reference window reaches back before the recent one."""
LEAST_LABELS = 20
"""Mentions people must have spoken about in each window before the rate of overruling says anything."""
SAMPLE = 2_000
"""Texts of each window whose tokens are looked up."""
NOTICE = "model_drift"
MEANINGS = {
    "language": "languages people write in",
    "sentiment": "the sentiments told",
    "negative": "probabilities of negative",
    "positive": "probabilities of positive",
    "abstained": "how often the model abstains",
    "unknown_tokens": "words the model has no token for",
    "overruled": "how often people overrule the model",
}
"""Every figure and what it is about."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What was found.

    Attributes:
        scorer: Whose scores.
        reference_from: Where the reference window begins.
        recent_from: Where it ends and the recent one begins.
        until: The end of the recent one.
        figures: Each figure; see `MEANINGS`.
        unmeasured: Figures that could not be had, and why.
    """

    scorer: str
    reference_from: datetime
    recent_from: datetime
    until: datetime
    figures: tuple[Drift, ...]
    unmeasured: dict[str, str]

    def at(self, level: Level) -> list[str]:
        """The figures at a level."""
        return [found.figure for found in self.figures if found.level == level]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"drifted": self.at("drifted"), "moved": self.at("moved")}


def look(workspace: Workspace, now: datetime) -> Watch:
    """Measure every figure as of now; reads only."""
    from storage import corrections as stored
    from storage.corrections import Span

    recent = Span(now - RECENT, now)
    reference = Span(recent.since - REFERENCE, recent.since)
    scorer = workspace.scorer_name
    with workspace.database.read() as session:
        counts = stored.score_distributions(session, scorer, reference, recent)
        spoken = [stored.overrules(session, span) for span in (reference, recent)]
        samples = [stored.sample_words(session, span, SAMPLE) for span in (reference, recent)]
    figures = [measure(name, found.reference, found.recent) for name, found in counts.items()]
    unmeasured: dict[str, str] = {}
    unknown = _unknown(workspace, samples)
    if unknown is None:
        unmeasured["unknown_tokens"] = "the model in use brings no tokenizer.json"
    else:
        figures.append(measure("unknown_tokens", *unknown))
    figures.append(measure("overruled", _overruled(spoken[0]), _overruled(spoken[1]), LEAST_LABELS))
    return Watch(scorer, reference.since, recent.since, now, tuple(figures), unmeasured)


def _overruled(counted: tuple[int, int]) -> dict[str, int]:
    overruled, spoken = counted
    return {"confirmed": spoken - overruled, "overruled": overruled}


def _unknown(
    workspace: Workspace, samples: "Sequence[Sequence[Words]]"
) -> tuple[dict[str, int], dict[str, int]] | None:
    """How many texts of each window have how large a share of tokens the model does not know."""
    from sentiment.tokens import unknown_shares

    tokenizer = _tokenizer(workspace)
    if tokenizer is None:
        return None
    counted = []
    for words in samples:
        shares = unknown_shares(tokenizer, [text_of(one.title, one.text) for one in words])
        counted.append(dict(Counter(_band(share) for share in shares)))
    return counted[0], counted[1]


def _band(share: float) -> str:
    """Most texts have no unknown token at all, so the bands are narrow near zero."""
    for edge, name in ((0.0, "none"), (0.05, "up to 5 %"), (0.2, "up to 20 %")):
        if share <= edge:
            return name
    return "more"


def _tokenizer(workspace: Workspace) -> Path | None:
    from sentiment.card import BUNDLED

    chosen = workspace.chosen_model
    path = (BUNDLED if chosen is None else Path(chosen)) / "tokenizer.json"
    return path if path.is_file() else None


def in_words(found: Watch) -> tuple[str, bool]:
    """One line for `doctor`, and whether it is a warning."""
    drifted, moved = found.at("drifted"), found.at("moved")
    if drifted or moved:
        told = [
            f"{MEANINGS[name]} ({word})"
            for word, names in (("drifted", drifted), ("moved", moved))
            for name in names
        ]
        return "; ".join(told), bool(drifted)
    steady = found.at("steady")
    if not steady:
        return "too little data: a week and the four before it need 200 scored posts each", False
    short = found.at("too little data")
    return f"{len(steady)} figures steady" + (f", {len(short)} with too little data" if short else ""), False


def alarm(workspace: Workspace, now: datetime) -> str | None:
    """Put a notice into the outbox where something drifted, once a week; returns what it says, if it is new."""
    from storage.corrections import add_notice

    found = look(workspace, now)
    drifted = [one for one in found.figures if one.level == "drifted"]
    if not drifted:
        return None
    year, week, _ = now.isocalendar()
    body = {
        "scorer": found.scorer,
        "figures": {one.figure: {"psi": one.psi, "about": MEANINGS[one.figure]} for one in drifted},
        "recent_from": found.recent_from.isoformat(),
        "until": found.until.isoformat(),
        "command": "social-care model drift",
    }
    with workspace.database.write() as session:
        new = add_notice(session, f"drift:{year}-W{week:02d}", NOTICE, body, now)
    return f"drift: {in_words(found)[0]}; see: social-care model drift" if new else None


def watch_daily(workspace: Workspace, clock: Callable[[], datetime], owner: str) -> str | None:
    """What `run` does once a day: `alarm`, unless this process or another did so today."""
    from storage import leases

    now = clock()
    day = now.date().isoformat()
    with workspace.database.read() as session:
        if leases.slot_taken(session, NOTICE, day):
            return None
    told = alarm(workspace, now)
    # The slot is taken last: killed in between, the next start looks again, and the notice's key keeps it single.
    with workspace.database.write() as session:
        leases.claim_slot(session, NOTICE, day, owner, now)
    return told
