"""A small world to digest: rows written directly, so that every figure can be worked out by hand."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from clock import NOW
from sqlmodel import Session

from social_care.config import Settings, make_settings
from storage.database import Database
from storage.models import Author, Brand, Case, Coverage, Label, ListenerState, Mention, Reply, Score, SlaClock
from storage.search import add_to_index
from storage.text import text_hash

SETTINGS = make_settings({"zone": "UTC", "brands": [{"name": "Acme"}]}, "test")


def ago(hours: float = 0.0, minutes: float = 0.0) -> datetime:
    """So long before NOW."""
    return NOW - timedelta(hours=hours, minutes=minutes)


@dataclass
class World:
    """Writes mentions with their scores, cases, clocks and replies."""

    database: Database
    brand: str = "Acme"
    settings: Settings = field(default_factory=lambda: SETTINGS)
    count: int = 0

    def brand_id(self, session: Session) -> int:
        """The brand's number; made where it is new."""
        from sqlmodel import select

        found = session.exec(select(Brand).where(Brand.name == self.brand)).first()
        if found is None:
            found = Brand(name=self.brand, created_at=NOW)
            session.add(found)
            session.flush()
        assert found.id is not None
        return found.id

    def say(
        self,
        text: str,
        posted_at: datetime,
        *,
        mood: str | None = "neutral",
        abstained: bool = False,
        network: str = "x",
        lang: str = "en",
        rating: float | None = None,
        listener: str = "acme-x",
        lag: timedelta = timedelta(minutes=2),
        urgency: float = 0.4,
        author: str | None = None,
        handle: str | None = None,
        title: str | None = None,
        url: str | None = None,
        topic: str | None = None,
        target: timedelta | None = None,
        replied_at: datetime | None = None,
        complaint: bool = False,
        priority: str = "P2",
        kind: str = "post",
        ours: bool = False,
        label: str | None = None,
        backfilled: bool = False,
        factors: list[dict[str, object]] | None = None,
    ) -> int | None:
        """One mention; with `target` its case owes a reply. Returns the case's number."""
        self.count += 1
        name = author or f"author-{self.count}"
        with self.database.write() as session:
            brand_id = self.brand_id(session)
            who = _author(session, network, name, handle or name, posted_at)
            seen = posted_at + lag
            mention = Mention(
                brand_id=brand_id, network=network, native_id=f"n{self.count}", kind=kind, author_id=who,
                text=text, title=title, text_hash=text_hash(text), url=url, posted_at=posted_at,
                first_seen_at=seen, lang=lang, rating=rating, thread_native_id=f"n{self.count}", listener=listener,
                is_ours=ours, topic=topic, backfilled=backfilled, triaged_version=1,
            )  # fmt: skip
            session.add(mention)
            session.flush()
            assert mention.id is not None
            add_to_index(session, [(mention.id, title, text)])
            if ours:
                return None
            if mood is not None:
                session.add(_score(mention.id, mood, lang, urgency, abstained, factors or []))
            if label is not None:
                session.add(
                    Label(
                        mention_id=mention.id, mention_version=1, field="sentiment", value=label, by="ann", at=NOW
                    )
                )
            case = self._case(mention, who, seen, target, replied_at, complaint, priority, urgency, mood, factors)
            session.add(case)
            session.flush()
            mention.case_id = case.id
            session.add(mention)
            assert case.id is not None
            if target is not None:
                session.add(_clock(case.id, mention, seen, target, replied_at, priority))
            if replied_at is not None:
                session.add(
                    Reply(
                        brand_id=brand_id, case_id=case.id, network=network, native_id=f"r{self.count}",
                        in_reply_to=mention.id, posted_at=replied_at, by="native",
                    )
                )  # fmt: skip
            return case.id

    def _case(
        self, mention: Mention, who: int, seen: datetime, target: timedelta | None, replied_at: datetime | None,
        complaint: bool, priority: str, urgency: float, mood: str | None, factors: list[dict[str, object]] | None,
    ) -> Case:  # fmt: skip
        return Case(
            brand_id=mention.brand_id, network=mention.network, author_key=str(who), author_id=who,
            thread_native_id=mention.thread_native_id, status="answered" if replied_at else "open",
            priority=priority if target else "none", urgency=urgency, sentiment=mood or "neutral",
            reply_needed=target is not None, reply_reason="complaint" if complaint else "question",
            reasons=factors or [{"name": "complaint", "points": 0.3, "evidence": "x"}], complaint=complaint,
            policy=priority if target else "", policy_version="v1" if target else "", lead_mention_id=mention.id,
            opened_at=mention.posted_at, first_seen_at=seen, last_inbound_at=mention.posted_at,
            first_reply_at=replied_at, backfilled=mention.backfilled,
        )  # fmt: skip

    def hear(
        self,
        listener: str,
        started_at: datetime,
        ended_at: datetime,
        kind: str = "heard",
        reason: str | None = None,
    ) -> None:
        """One recorded interval."""
        with self.database.write() as session:
            if session.get(ListenerState, listener) is None:
                session.add(ListenerState(name=listener, network="x", last_success_at=ended_at))
            session.add(
                Coverage(
                    listener=listener, kind=kind, started_at=started_at, ended_at=ended_at, reason=reason,
                    recorded_at=NOW,
                )
            )  # fmt: skip


def _author(session: Session, network: str, name: str, handle: str, seen: datetime) -> int:
    from sqlmodel import select

    found = session.exec(select(Author).where(Author.network == network, Author.native_id == name)).first()
    if found is None:
        found = Author(network=network, native_id=name, handle=handle, first_seen_at=seen)
        session.add(found)
        session.flush()
    assert found.id is not None
    return found.id


def _score(
    mention_id: int, mood: str, lang: str, urgency: float, abstained: bool, factors: list[dict[str, object]]
) -> Score:
    shares = {"negative": 0.03, "neutral": 0.03, "positive": 0.03} | {mood: 0.94}
    return Score(
        mention_id=mention_id, mention_version=1, scorer="test@1", language=lang, sentiment=mood, **shares,
        abstained=abstained, urgency=urgency, reply_needed=True,
        reply_reason="praise_without_ask" if mood == "positive" else "question", factors=factors, scored_at=NOW,
    )  # fmt: skip


def _clock(
    case_id: int, mention: Mention, seen: datetime, target: timedelta, replied_at: datetime | None, policy: str
) -> SlaClock:
    assert mention.id is not None
    return SlaClock(
        case_id=case_id, mention_id=mention.id, metric="first_reply", policy=policy, policy_version="v1",
        target_seconds=int(target.total_seconds()), started_at=mention.posted_at, seen_at=seen,
        due_at=mention.posted_at + target, team_due_at=None if mention.backfilled else seen + target,
        stopped_at=replied_at, stop_reason="reply" if replied_at else None,
    )  # fmt: skip
