"""From the posts of a thread to cases: who waits, how urgently, since when, and what our posts answered. Pure.

Facts and what was decided before go in, a `Decision` comes out; `storage.care` carries it out. Deciding again
about the same facts decides nothing new.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from responders.drafts import settle, void
from responders.readings import Factor, Reading, TriageRules, read, thread_factors
from responders.reply_match import ThreadIndex, addressees, answered_mention, index_thread, link_drafts
from responders.sla import PolicySet, SlaPolicy, Traits
from responders.waiting import Answer, ClockPlan, Timeline, plan_clocks
from storage.care import CaseOutcome, Decision
from storage.desk import DraftChange
from storage.models import Draft, Mention
from storage.threads import CaseState, Post, ReplyState, Thread

CLOSED = frozenset({"resolved", "dismissed", "withdrawn"})


class _Heard(NamedTuple):
    """One of our posts, and the post of this case that it answers."""

    post: Post
    to: Post


def decider(policies: Sequence[SlaPolicy] | PolicySet, rules: TriageRules, now: datetime) -> "Decide":
    """`decide` with everything but the thread filled in.

    Raises:
        ConfigError: two policies have one name.
    """
    known = PolicySet.of(policies)
    return lambda thread: decide(thread, known, rules, now)


Decide = Callable[[Thread], Decision]


def decide(thread: Thread, policies: PolicySet, rules: TriageRules, now: datetime) -> Decision:
    """What the new mentions of a thread change."""
    spoken = _spoken(thread, rules)
    fresh = thread.fresh
    authors = {post.author_key for post in thread.posts if post.id in fresh and post.inbound}
    for post, to in spoken:
        if post.id in fresh:
            authors |= to
    decision = Decision()
    by_author: dict[str, list[Post]] = defaultdict(list)
    for post in thread.posts:
        if post.inbound and post.author_key in authors:
            by_author[post.author_key].append(post)
    index = index_thread(thread.posts) if spoken else None
    for author, posts in by_author.items():
        posts.sort(key=lambda post: (post.posted_at, post.id))
        own = [post for post, to in spoken if author in to]
        cases = [case for case in thread.cases if case.author_key == author or _attached(case, posts)]
        for slot in _assign(posts, cases, rules):
            heard = _heard(own, slot.posts, posts, index) if index is not None else []
            work = _CaseWork(thread, slot, heard, policies, rules, now)
            decision.outcomes.append(work.outcome())
    decision.done = [(p.id, p.version) for p in thread.posts if p.id in fresh and p.triaged_version != p.version]
    return decision


def _spoken(thread: Thread, rules: TriageRules) -> list[tuple[Post, frozenset[str]]]:
    """Our posts in the thread that may be replies, each with the authors it answers."""
    own = [post for post in thread.posts if post.ours and post.kind != "repost" and post.deleted_at is None]
    if not own:
        return []
    index = index_thread(thread.posts)
    bots = rules.automated_accounts
    return [
        (post, to)
        for post in sorted(own, key=lambda one: (one.posted_at, one.id))
        if (post.handle or "").lstrip("@").lower() not in bots
        and (to := addressees(post, index, thread.native_id))
    ]


def _attached(case: CaseState, posts: Sequence[Post]) -> bool:
    return any(post.case_id == case.id for post in posts)


@dataclass(slots=True)
class _Slot:
    """A case, stored or about to be, with the posts that belong to it."""

    sequence: int
    case: CaseState | None
    posts: list[Post]

    @property
    def began(self) -> datetime:
        return self.case.opened_at if self.case is not None else self.posts[0].posted_at


def _assign(posts: Sequence[Post], cases: Sequence[CaseState], rules: TriageRules) -> list[_Slot]:
    """Put each post (oldest first) into its case: the stored one, or a new one too long after it was closed."""
    slots = [_Slot(case.sequence, case, []) for case in sorted(cases, key=lambda one: one.opened_at)]
    home = {slot.case.id: slot for slot in slots if slot.case is not None}
    reopen = timedelta(days=rules.reopen_days)
    for post in posts:
        if post.case_id in home:
            home[post.case_id].posts.append(post)
            continue
        earlier = [slot for slot in slots if slot.began <= post.posted_at]
        slot = earlier[-1] if earlier else (slots[0] if slots else None)
        closed = slot.case.closed_at if slot is not None and slot.case is not None else None
        late = closed is not None and slot is slots[-1] and post.posted_at - closed > reopen
        if slot is None or late:
            slot = _Slot(max((one.sequence for one in slots), default=0) + 1, None, [post])
            slots.append(slot)
        else:
            slot.posts.append(post)
    return [slot for slot in slots if slot.posts]


def _heard(
    own: Sequence[Post], members: Sequence[Post], all_posts: Sequence[Post], index: ThreadIndex
) -> list[_Heard]:
    """Our posts that answer this case rather than an earlier or later one of the same author."""
    found = []
    mine = {post.id for post in members}
    for post in own:
        to = answered_mention(post, all_posts, index)
        if to is not None and to.id in mine:
            found.append(_Heard(post, to))
    return found


class _CaseWork:
    """One case on the desk: reads its posts, then says what to write."""

    def __init__(
        self,
        thread: Thread,
        slot: _Slot,
        heard: Sequence[_Heard],
        policies: PolicySet,
        rules: TriageRules,
        now: datetime,
    ) -> None:
        self._thread = thread
        self._case = slot.case
        self._sequence = slot.sequence
        self._posts = posts = sorted(slot.posts, key=lambda post: (post.posted_at, post.id))
        self._heard = heard
        self._policies = policies
        self._rules = rules
        self._now = now
        self._readings = [read(post, rules) for post in posts]
        self._alive = [reading for reading in self._readings if reading.post.deleted_at is None]
        stored = thread.replies.get(self._case.id, []) if self._case else []
        self._replies: list[ReplyState] = stored
        self._timeline = Timeline.of(self._readings, self._answers())

    def _answers(self) -> list[Answer]:
        times = {post.id: post.posted_at for post in self._posts}
        known = {reply.native_id for reply in self._replies}
        pairs = [(r.posted_at, r.time_known, times.get(r.in_reply_to)) for r in self._replies]
        pairs += [(h.post.posted_at, h.post.time_known, h.to.posted_at) for h in self._heard
                  if h.post.native_id not in known]  # fmt: skip
        # An answer cannot come before what it answers, whatever two clocks say.
        return [Answer((to or at) if not sure else max(at, to or at), sure) for at, sure, to in pairs]

    def outcome(self) -> CaseOutcome:
        """Everything this case needs written."""
        values = self._understood()
        traits_policy = self._policy(values) if values["reply_needed"] else None
        clocks = self._thread.clocks.get(self._case.id, []) if self._case else []
        plan = plan_clocks(self._timeline, self._readings, clocks, traits_policy, self._now)
        values |= self._promised(plan, traits_policy)
        values |= self._status()
        replies, changed, drafts = self._answered()
        drafts += self._voided({draft for draft, _ in drafts})
        return CaseOutcome(
            case_id=self._case.id if self._case else None,
            values=self._difference(values),
            mention_ids=[post.id for post in self._posts if self._case is None or post.case_id != self._case.id],
            clocks=plan.new,
            clock_changes=plan.changed,
            replies=replies,
            reply_changes=changed,
            drafts=drafts,
            notice=self._notice(values),
        )

    # --- what the posts say ---

    def _understood(self) -> dict[str, Any]:
        first, last = self._posts[0], self._posts[-1]
        values: dict[str, Any] = {
            "kind": "review" if any(post.kind == "review" for post in self._posts) else "post",
            "opened_at": first.posted_at,
            "first_seen_at": min(post.first_seen_at for post in self._posts),
            "last_inbound_at": last.posted_at,
            "backfilled": first.backfilled,
        }
        if not self._alive:
            # The words are gone; what was decided about them stays.
            kept = self._case
            return values | {
                "urgency": kept.urgency if kept else 0.0,
                "sentiment": kept.sentiment if kept else "neutral",
                "reply_needed": kept.reply_needed if kept else False,
                "reply_reason": kept.reply_reason if kept else "deleted",
                "reasons": kept.reasons if kept else [],
                "complaint": kept.complaint if kept else False,
                "lead_mention_id": kept.lead_mention_id if kept else None,
                "priority": kept.priority if kept else "none",
            }
        return values | self._led()

    def _led(self) -> dict[str, Any]:
        """What the most urgent unanswered post says for the case."""
        waiting = self._waiting()
        pool = [r for r in waiting if r.needed] or waiting
        pool = pool or [r for r in self._alive if r.needed] or self._alive
        lead = max(pool, key=lambda r: (r.urgency, -r.post.posted_at.timestamp(), -r.post.id))
        factors: list[Factor] = list(lead.factors)
        urgency = lead.urgency
        if lead.needed and not lead.labelled_urgency:
            added = thread_factors(waiting, lead, self._rules)
            factors += added
            urgency += sum(factor["points"] for factor in added)
        return {
            "urgency": round(min(1.0, max(0.0, urgency)), 4),
            "sentiment": lead.sentiment,
            "reply_needed": any(r.needed for r in self._alive),
            "reply_reason": lead.reason,
            "reasons": factors,
            "complaint": any(r.complaint for r in self._alive),
            "lead_mention_id": lead.post.id,
        }

    def _waiting(self) -> list[Reading]:
        """Posts after the last answer, edited ones that ask again included."""
        again = {wait.reading.post.id for wait in self._timeline.open_waits()}
        total = len(self._timeline.answers)
        return [r for r in self._alive if r.post.id in again or self._timeline.turn(r.post.posted_at) == total]

    def _policy(self, values: dict[str, Any]) -> tuple[SlaPolicy, str]:
        asking = [r for r in self._waiting() if r.needed] or [r for r in self._alive if r.needed] or self._readings
        lead = next((r for r in asking if r.post.id == values["lead_mention_id"]), asking[0])
        ratings = [r.post.rating for r in asking if r.post.rating is not None]
        return self._policies.match(
            Traits(
                network=self._thread.network,
                brand=self._thread.brand,
                kinds=frozenset({r.post.kind for r in asking} | {values["kind"]}),
                language=lead.language,
                urgency=values["urgency"],
                signals=frozenset(f["name"] for r in asking for f in r.factors if f["points"] > 0),
                complaint=any(r.complaint for r in asking),
                question=any(r.question for r in asking),
                addressed=any(r.post.addressed for r in asking),
                rating=min(ratings, default=None),
            )
        )

    def _promised(self, plan: ClockPlan, policy: tuple[SlaPolicy, str] | None) -> dict[str, Any]:
        """Priority as things stand now; the policy is that of the case's first promise, for ever."""
        priority = {"priority": policy[0].priority if policy else "none"} if self._alive else {}
        if self._case is not None and self._case.policy:
            return priority | {"policy": self._case.policy, "policy_version": self._case.policy_version}
        if plan.new:
            return priority | {k: plan.new[0][k] for k in ("policy", "policy_version")}
        named = {"policy": policy[0].name, "policy_version": policy[1]} if policy else {}
        return priority | (named or {"policy": "", "policy_version": ""})

    # --- where the case stands ---

    def _status(self) -> dict[str, Any]:
        answers, case = self._timeline.answers, self._case
        values: dict[str, Any] = {
            "first_reply_at": answers[0].at if answers else None,
            "reply_time_known": answers[0].known if answers else True,
        }
        if case is not None and case.status in CLOSED and not self._asks_again(case):
            return values | {"status": case.status, "closed_at": case.closed_at, "close_reason": case.close_reason}
        waits = self._timeline.open_waits()
        if not self._alive and not answers:
            gone = max(post.deleted_at for post in self._posts if post.deleted_at is not None)
            return values | {"status": "withdrawn", "closed_at": gone, "close_reason": "deleted"}
        status = "open" if waits or not answers else "answered"
        return values | {"status": status, "closed_at": None, "close_reason": None}

    def _asks_again(self, case: CaseState) -> bool:
        """Something nobody had seen when the case was closed needs a reply."""
        return any(
            wait.reading.post.case_id != case.id
            or (0 < wait.reading.post.triaged_version < wait.reading.post.version)
            or case.status == "withdrawn"
            for wait in self._timeline.open_waits()
        )

    # --- our answers and drafts ---

    def _answered(
        self,
    ) -> tuple[list[dict[str, Any]], list[tuple[int, dict[str, Any]]], list[tuple[int, DraftChange]]]:
        """New replies, stored replies now heard on the network, and hand-offs that proved to be posted."""
        stored = {reply.native_id: reply for reply in self._replies}
        new = [heard for heard in self._heard if heard.post.native_id not in stored]
        drafts = self._drafts()
        linked = link_drafts(drafts, [heard.post for heard in new]) if drafts else {}
        by_id = {draft.id: draft for draft in drafts}
        rows = []
        for heard in new:
            post = heard.post
            draft = by_id.get(linked.get(post.id))
            rows.append(
                {
                    "native_id": post.native_id,
                    "mention_id": post.id,
                    "in_reply_to": heard.to.id,
                    "url": post.url,
                    "posted_at": post.posted_at,
                    "time_known": post.time_known,
                    "by": (draft.approved_by if draft is not None else None) or post.handle or "own account",
                    "draft_id": draft.id if draft is not None else None,
                }
            )
        changed = [
            (reply.id, {"mention_id": heard.post.id})
            for heard in self._heard
            if (reply := stored.get(heard.post.native_id)) is not None and reply.mention_id is None
        ]
        posted = [(number, settle(by_id[number], "posted")) for number in linked.values()]
        return rows, changed, posted

    def _voided(self, settled: set[int]) -> list[tuple[int, DraftChange]]:
        """Drafts whose post was edited or deleted: nobody consented to answer what it says now."""
        posts = {post.id: post for post in self._posts}
        found = []
        for draft in self._drafts():
            post = posts.get(draft.in_reply_to)
            if post is None or draft.id is None or draft.id in settled:
                continue
            change = void(draft, cast(Mention, post))  # reads `version` and `deleted_at` only
            if change is not None:
                found.append((draft.id, change))
        return found

    def _drafts(self) -> list[Draft]:
        return self._thread.drafts.get(self._case.id, []) if self._case else []

    # --- the rest ---

    def _notice(self, values: dict[str, Any]) -> dict[str, Any] | None:
        """Someone should know at once: a new, open P1. Never for history."""
        was = self._case.priority if self._case is not None else "none"
        live = not all(post.backfilled for post in self._posts)
        if values["priority"] != "P1" or was == "P1" or values["status"] != "open" or not live:
            return None
        lead = next((post for post in self._posts if post.id == values["lead_mention_id"]), self._posts[0])
        return {
            "brand": self._thread.brand,
            "network": self._thread.network,
            "url": lead.url,
            "urgency": values["urgency"],
            "reasons": [factor["name"] for factor in values["reasons"] if factor["points"] > 0],
            "policy": values["policy"],
        }

    def _difference(self, values: dict[str, Any]) -> dict[str, Any]:
        """All values of a new case; of a stored one those that changed."""
        if self._case is None:
            post = self._posts[0]
            return values | {
                "brand_id": self._thread.brand_id,
                "network": self._thread.network,
                "thread_native_id": self._thread.native_id,
                "author_key": post.author_key,
                "author_id": post.author_id,
                "sequence": self._sequence,
            }
        case = self._case
        return {name: value for name, value in values.items() if getattr(case, name) != value}
