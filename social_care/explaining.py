"""Why a case, or any text, got its place: the words that did it, and what would have put it elsewhere.

`sentiment.explain` asks; this is where triage answers: each changed text is scored and triaged again, with the
thread, the labels, the policies and the rules of the workspace. Nothing is stored.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from responders.readings import TriageRules
from responders.sla import PolicySet, default_policies
from responders.triage import decide
from sentiment.explain import Explanation, explain
from social_care.pipeline import kind_of, text_of
from storage.threads import Post, ScoreState, Thread, load_threads

if TYPE_CHECKING:
    from sentiment.ports import Scorer, TextScore
    from social_care.workspace import Workspace
    from storage.case_detail import CaseDetail

TARGETS = ("priority", "reply_needed", "sentiment")
"""What a change may change, in the order in which it matters."""
_SETTLED = frozenset({"labelled", "opted_out", "platform_forbids", "deleted", "no_text"})
"""Reasons for a reply decision that no word of the post has a say in."""

Decisions = dict[str, str]


@dataclass(frozen=True, slots=True)
class WithoutFactor:
    """What one factor of triage, not of the text, changes: the decision without it."""

    factor: str
    target: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Why:
    """An explanation with what triage adds to it.

    Attributes:
        explanation: The words; its decisions are those of triage.
        searched: The decisions for which a change was looked for; people and platforms settle the others.
        without_factor: Factors of triage without which a decision would be another one.
        policy: The policy that applies now; empty where no reply is needed.
        reason: Why a reply is needed or not, as triage says.
        by_workspace: Whether the policies are a workspace's; else those that ship.
    """

    explanation: Explanation
    searched: tuple[str, ...]
    without_factor: tuple[WithoutFactor, ...]
    policy: str
    reason: str
    by_workspace: bool

    @property
    def not_found(self) -> list[str]:
        """Decisions for which a change was looked for in vain."""
        changed = {c.target for c in self.explanation.counterfactuals} | {w.target for w in self.without_factor}
        return [target for target in self.searched if target not in changed]


@dataclass(frozen=True)
class _Triage:
    """Triage of one thread, asked again and again about one of its posts."""

    thread: Thread
    post_id: int
    policies: PolicySet
    rules: TriageRules
    now: datetime

    def outcome(self, score: "TextScore", rules: TriageRules | None = None) -> dict[str, object]:
        """The case's values if the post had this score; only those that differ from the stored case."""
        posts = [
            post._replace(score=_state(score)) if post.id == self.post_id else post for post in self.thread.posts
        ]
        decision = decide(replace(self.thread, posts=posts), self.policies, rules or self.rules, self.now)
        home = next(post.case_id for post in posts if post.id == self.post_id)
        values: list[dict[str, object]] = [o.values for o in decision.outcomes if o.case_id == home]
        stored = next((case._asdict() for case in self.thread.cases if case.id == home), {})
        return stored | (values[0] if values else {})

    def decisions(self, score: "TextScore", rules: TriageRules | None = None) -> Decisions:
        """Priority, reply and sentiment if the post had this score."""
        values = self.outcome(score, rules)
        labels = next(post.labels for post in self.thread.posts if post.id == self.post_id)
        unsure = score.abstained and "sentiment" not in labels
        return {
            "priority": str(values.get("priority", "none")),
            "reply_needed": "yes" if values.get("reply_needed") else "no",
            "sentiment": "unsure" if unsure else labels.get("sentiment", score.sentiment),
        }

    def why(
        self, scorer: "Scorer", text: str, language: str | None, kind: str | None, *, by_workspace: bool
    ) -> Why:
        """Explain the post."""
        score = scorer.score([text], [language], [kind])[0]
        values = self.outcome(score)
        post = next(post for post in self.thread.posts if post.id == self.post_id)
        searched = tuple(target for target in TARGETS if not _settled(target, post, score, values))
        explanation = explain(
            scorer, text, language=language, kind=kind, decide=self.decisions, targets=searched, score=score
        )
        return Why(
            explanation=explanation,
            searched=searched,
            without_factor=tuple(self._without_factors(score)),
            policy=str(values.get("policy", "")) if values.get("reply_needed") else "",
            reason=str(values.get("reply_reason", score.reply_reason)),
            by_workspace=by_workspace,
        )

    def _without_factors(self, score: "TextScore") -> "list[WithoutFactor]":
        before = self.decisions(score)
        found = []
        for factor, change in (("reach", {"reach_points": {}}), ("repeated_contact", {"repeat_points": 0.0})):
            after = self.decisions(score, self.rules.model_copy(update=change))
            found += [WithoutFactor(factor, t, before[t], after[t]) for t in TARGETS if after[t] != before[t]]
        return found


def _settled(target: str, post: Post, score: "TextScore", values: dict[str, object]) -> bool:
    """Whether no word of the post has a say in a decision, or the model did not make one."""
    if target == "sentiment":
        return "sentiment" in post.labels or score.abstained
    return values.get("reply_reason") in _SETTLED


def explain_case(workspace: "Workspace", detail: "CaseDetail", now: datetime) -> Why | None:
    """Explain a stored case by the mention to read first; None where its text is gone or there is none."""
    lead = detail.lead
    if lead is None or lead.mention.id is None or lead.mention.deleted_at is not None:
        return None
    mention = lead.mention
    with workspace.database.read() as session:
        threads = load_threads(session, [lead.mention.id], lock=False)
    thread = next((t for t in threads if any(post.id == mention.id for post in t.posts)), None)
    text = text_of(mention.title, mention.text)
    if thread is None or not text.strip():
        return None
    triage = _Triage(thread, lead.mention.id, workspace.policies, workspace.rules, now)
    kind = kind_of(mention.kind)
    return triage.why(workspace.scorer, text, mention.lang, kind, by_workspace=True)


def explain_text(workspace: "Workspace | None", text: str, language: str | None, now: datetime) -> Why:
    """Explain any text as if it were a public post addressed to the brand.

    Args:
        workspace: Whose model, weights, policies and rules apply; None takes those that ship.
        text: The text; may be empty.
        language: Its language code, where it is known.
        now: The time it is.
    """
    if workspace is None:
        from sentiment.transformer import TransformerScorer

        scorer: Scorer = TransformerScorer.load()
        policies, rules, brand = PolicySet.of(default_policies()), TriageRules(), ""
    else:
        scorer, policies, rules = workspace.scorer, workspace.policies, workspace.rules
        brand = next((brand.name for brand in workspace.settings.brands), "")
    thread = Thread(0, brand, "text", "1", posts=[_post(text, now)], fresh={1})
    return _Triage(thread, 1, policies, rules, now).why(
        scorer, text, language, None, by_workspace=workspace is not None
    )


def _state(score: "TextScore") -> ScoreState:
    """A score as triage reads it from the database."""
    return ScoreState(
        sentiment=score.sentiment,
        abstained=score.abstained,
        urgency=score.urgency,
        reply_needed=score.reply_needed,
        reply_reason=score.reply_reason,
        language=score.language,
        factors=[{"name": f.name, "points": f.points, "evidence": f.evidence} for f in score.factors],
    )


def _post(text: str, now: datetime) -> Post:
    """A text as a post that nobody has answered."""
    return Post(
        id=1, native_id="1", kind="post", author_id=1, posted_at=now, edited_at=None, first_seen_at=now,
        has_text=bool(text.strip()), text="", lang=None, rating=None, url=None, parent_native_id=None,
        quoted_native_id=None, ours=False, addressed=True, backfilled=False, time_known=True, permissions={},
        version=1, triaged_version=0, deleted_at=None, case_id=None,
    )  # fmt: skip
