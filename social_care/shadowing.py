"""`model shadow`: a new model beside the one in use, over stored mentions; nothing is written.

Both models' answers go through the same triage, as things stand now, so what is shown is what would happen: which
labels, whose urgency, which cases enter or leave the priorities people answer first.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from social_care.pipeline import kind_of, text_of
from social_care.safe import safe_line
from social_care.workspace import Workspace
from storage.threads import Post, ScoreState, Thread

if TYPE_CHECKING:
    from sentiment.ports import Scorer, TextScore
    from storage.corrections import Words

CHUNK = 500
"""Mentions read, scored and sorted at a time."""
LARGE_MOVE = 0.05
"""An urgency moved where it changed by this much or more."""
EXAMPLES = 10
EXAMPLE_CHARACTERS = 160
FIRST = ("P1", "P2")
"""The priorities people answer first."""

Advance = Callable[[int], object]
Seen = dict[tuple[int, int], "tuple[TextScore, TextScore]"]
"""Mention and version to what the model in use and the new one say."""


@dataclass(slots=True)
class Tally:
    """How the two agree on some mentions."""

    mentions: int = 0
    labels_changed: int = 0
    reply_changed: int = 0
    changed: int = 0
    """Either of the two."""

    @property
    def disagreement(self) -> float:
        """The share of mentions whose sentiment or reply-needed would change."""
        return round(self.changed / self.mentions, 4) if self.mentions else 0.0


@dataclass(frozen=True, slots=True)
class Example:
    """A mention the two read differently; the text is cut and holds nothing a terminal would obey."""

    mention: int
    network: str
    language: str
    text: str
    before: str
    after: str
    urgency_before: float
    urgency_after: float


@dataclass(frozen=True, slots=True)
class CaseMove:
    """A case whose priority would change."""

    case: int | None
    """None for a case that triage has not opened yet."""
    network: str
    before: str
    after: str
    urgency_before: float
    urgency_after: float
    lead_mention: int | None


@dataclass
class Shadow:
    """What would change if the other model were put to use.

    Attributes:
        old: The model in use.
        new: The other one.
        since: Posts from then on; None: all.
        mentions: Mentions compared.
        labels: Sentiment changes, `negative → neutral` to how many.
        abstained: How many each would leave to a person.
        reply_needed: How many each asks to answer, and how many would be `gained` and `lost`.
        urgency: How many moved by 0.05 or more, the mean and the largest move.
        cases: Cases looked at.
        priorities: Priority changes, `P2 → P1` to how many cases.
        entering: Cases that would enter P1 or P2.
        leaving: Cases that would leave them.
        by_language: Agreement by the language the model in use told.
        by_network: Agreement by network.
        examples: Those read most differently, without the same words twice.
    """

    old: str
    new: str
    since: datetime | None
    mentions: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    abstained: dict[str, int] = field(default_factory=lambda: {"before": 0, "after": 0})
    reply_needed: dict[str, int] = field(default_factory=lambda: {"before": 0, "after": 0, "gained": 0, "lost": 0})
    urgency: dict[str, float] = field(default_factory=lambda: {"moved": 0, "mean_move": 0.0, "largest_move": 0.0})
    cases: int = 0
    priorities: Counter[str] = field(default_factory=Counter)
    entering: list[CaseMove] = field(default_factory=list)
    leaving: list[CaseMove] = field(default_factory=list)
    by_language: dict[str, Tally] = field(default_factory=dict)
    by_network: dict[str, Tally] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)

    @property
    def labels_changed(self) -> int:
        """Mentions whose sentiment would change."""
        return sum(self.labels.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        found = asdict(self)
        for name in ("by_language", "by_network"):
            tallies = getattr(self, name)
            found[name] = {k: asdict(t) | {"disagreement": t.disagreement} for k, t in tallies.items()}
        # `asdict` cannot copy a Counter.
        changes = {"labels": dict(self.labels), "priorities": dict(self.priorities)}
        return found | changes | {"labels_changed": self.labels_changed}


def shadow(
    workspace: Workspace,
    new: "Scorer",
    *,
    since: datetime | None,
    limit: int,
    now: datetime,
    advance: Advance = lambda _: None,
) -> Shadow:
    """Compare the model in use with another one over the newest stored mentions.

    Args:
        workspace: Whose mentions, policies and rules.
        new: The other model.
        since: Only posts from then on; None takes all.
        limit: At most so many mentions, the newest first.
        now: The time it is, for triage.
        advance: Told how many mentions are done.
    """
    from storage.corrections import recent_words

    old = workspace.scorer
    report = Shadow(old.name, new.name, since)
    seen: Seen = {}
    with workspace.database.read() as session:
        words = recent_words(session, since, limit)
        stored = _stored(session, old.name, words)
    for start in range(0, len(words), CHUNK):
        chunk = words[start : start + CHUNK]
        _both(old, new, chunk, seen, stored)
        _tally(report, chunk, seen)
        advance(len(chunk))
    with workspace.database.read() as session:
        _cases(workspace, session, words, old, new, seen, report, now)
    _finish(report)
    return report


def _stored(session: Any, scorer: str, words: "Iterable[Words]") -> "dict[tuple[int, int], TextScore]":
    """What the model in use said already of the current versions: it would say the same again."""
    from sentiment.ports import Factor, Probabilities, TextScore
    from storage.queries import latest_scores

    current = {one.mention_id: one.version for one in words}
    return {
        (number, score.mention_version): TextScore(
            language=score.language,
            sentiment=score.sentiment,  # type: ignore[arg-type]  # the database checks it
            probabilities=Probabilities(score.negative, score.neutral, score.positive),
            abstained=score.abstained,
            urgency=score.urgency,
            reply_needed=score.reply_needed,
            reply_reason=score.reply_reason,
            factors=tuple(Factor(f["name"], f["points"], f["evidence"]) for f in score.factors),
            scorer=score.scorer,
        )
        for number, score in latest_scores(session, list(current), scorer).items()
        if score.mention_version == current[number]
    }


def _both(
    old: "Scorer",
    new: "Scorer",
    words: "Sequence[Words]",
    seen: Seen,
    stored: "Mapping[tuple[int, int], TextScore]",
) -> None:
    """Let the new model read them, and the one in use what it has not read yet."""
    fresh = [one for one in words if (one.mention_id, one.version) not in seen]
    unread = [one for one in fresh if (one.mention_id, one.version) not in stored]
    known = dict(stored) | _read(old, unread)
    for key, after in _read(new, fresh).items():
        seen[key] = (known[key], after)


def _read(scorer: "Scorer", words: "Sequence[Words]") -> "dict[tuple[int, int], TextScore]":
    texts = [text_of(one.title, one.text) for one in words]
    kinds = [kind_of(one.kind) for one in words]
    scores = scorer.score(texts, [one.lang for one in words], kinds)
    return {(one.mention_id, one.version): score for one, score in zip(words, scores, strict=True)}


def _tally(report: Shadow, words: "Sequence[Words]", seen: Seen) -> None:
    for one in words:
        before, after = seen[(one.mention_id, one.version)]
        label, reply = before.sentiment != after.sentiment, before.reply_needed != after.reply_needed
        report.mentions += 1
        for table, key in ((report.by_language, before.language), (report.by_network, one.network)):
            tally = table.setdefault(key, Tally())
            tally.mentions += 1
            tally.labels_changed += label
            tally.reply_changed += reply
            tally.changed += label or reply
        if label:
            report.labels[f"{before.sentiment} → {after.sentiment}"] += 1
        report.abstained["before"] += before.abstained
        report.abstained["after"] += after.abstained
        report.reply_needed["before"] += before.reply_needed
        report.reply_needed["after"] += after.reply_needed
        report.reply_needed["gained"] += reply and after.reply_needed
        report.reply_needed["lost"] += reply and before.reply_needed
        move = abs(after.urgency - before.urgency)
        report.urgency["moved"] += move >= LARGE_MOVE - 1e-9
        report.urgency["mean_move"] += move
        report.urgency["largest_move"] = max(report.urgency["largest_move"], move)
        if label or reply or move >= LARGE_MOVE:
            _example(report, one, before, after)


def _example(report: Shadow, one: "Words", before: "TextScore", after: "TextScore") -> None:
    """Keep the most different ones."""
    shown = safe_line(text_of(one.title, one.text), EXAMPLE_CHARACTERS)
    example = Example(
        one.mention_id,
        one.network,
        before.language,
        shown,
        _said(before),
        _said(after),
        before.urgency,
        after.urgency,
    )
    if any(kept.text == shown for kept in report.examples):
        return
    report.examples.append(example)
    if len(report.examples) > 4 * EXAMPLES:
        _trim(report)


def _trim(report: Shadow) -> None:
    report.examples.sort(key=lambda e: (-abs(e.urgency_after - e.urgency_before), e.before == e.after, e.mention))
    del report.examples[EXAMPLES:]


def _said(score: "TextScore") -> str:
    sure = max(score.probabilities)
    return (
        f"{score.sentiment} {sure:.2f}{', abstained' if score.abstained else ''}{', reply' * score.reply_needed}"
    )


def _finish(report: Shadow) -> None:
    _trim(report)
    if report.mentions:
        report.urgency["mean_move"] /= report.mentions
    report.urgency = {name: round(value, 4) for name, value in report.urgency.items()}
    report.urgency["moved"] = int(report.urgency["moved"])
    for name in ("by_language", "by_network"):
        ordered = sorted(getattr(report, name).items(), key=lambda item: (-item[1].mentions, item[0]))
        setattr(report, name, dict(ordered))
    for moves in (report.entering, report.leaving):
        moves.sort(key=lambda m: (m.after, m.before, -m.urgency_after, m.case or 0))


# --- cases -----------------------------------------------------------------------------------------------------


def _cases(
    workspace: Workspace,
    session: Any,
    words: "Sequence[Words]",
    old: "Scorer",
    new: "Scorer",
    seen: Seen,
    report: Shadow,
    now: datetime,
) -> None:
    """Decide about every thread twice and compare the cases."""
    from responders.triage import decider
    from storage.corrections import words_of
    from storage.threads import load_threads

    decide = decider(workspace.policies, workspace.rules, now)
    ids = sorted(one.mention_id for one in words)
    done: set[tuple[Any, ...]] = set()
    for start in range(0, len(ids), CHUNK):
        threads = load_threads(session, ids[start : start + CHUNK], lock=False)
        # Of a case's older posts too: they would be read anew as well.
        missing = {p.id for t in threads for p in t.posts if p.score is not None and (p.id, p.version) not in seen}
        older = list(words_of(session, missing).values())
        _both(old, new, older, seen, _stored(session, old.name, older))
        for thread in threads:
            before, after = (_resulting(decide(_with(thread, seen, which)), thread) for which in (0, 1))
            for key in before.keys() & after.keys() - done:
                done.add(key)
                _compare_case(report, thread, before[key], after[key])


def _with(thread: Thread, seen: Seen, which: int) -> Thread:
    """The thread as if one of the two models had read it."""
    posts = [_read_by(post, seen, which) for post in thread.posts]
    return Thread(
        thread.brand_id, thread.brand, thread.network, thread.native_id, posts, thread.fresh, thread.cases,
        thread.clocks, thread.replies, thread.drafts,
    )  # fmt: skip


def _read_by(post: Post, seen: Seen, which: int) -> Post:
    pair = seen.get((post.id, post.version))
    if pair is None:
        return post
    said = pair[which]
    factors = [{"name": f.name, "points": f.points, "evidence": f.evidence} for f in said.factors]
    state = ScoreState(
        said.sentiment, said.abstained, said.urgency, said.reply_needed, said.reply_reason, said.language, factors
    )
    return post._replace(score=state)


def _resulting(decision: Any, thread: Thread) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The cases of a thread as a decision leaves them."""
    stored = {case.id: case._asdict() for case in thread.cases}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for outcome in decision.outcomes:
        values = {**stored.get(outcome.case_id, {}), **outcome.values, "id": outcome.case_id}
        key = (thread.brand_id, thread.network, thread.native_id, values["author_key"], values["sequence"])
        found[key] = values
    return found


def _compare_case(report: Shadow, thread: Thread, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    report.cases += 1
    was, now = before["priority"], after["priority"]
    if was == now:
        return
    report.priorities[f"{was} → {now}"] += 1
    if before["status"] != "open" and after["status"] != "open":
        return  # nobody waits on a closed case
    move = CaseMove(
        after["id"], thread.network, was, now, before["urgency"], after["urgency"], after["lead_mention_id"]
    )
    if now in FIRST and was not in FIRST:
        report.entering.append(move)
    elif was in FIRST and now not in FIRST:
        report.leaving.append(move)


def ordered(counts: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    """Changes, the most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
