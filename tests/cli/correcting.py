"""A workspace of a brand whose posts are in a jargon that nobody taught the bundled model."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from clock import NOW

from social_care.workspace import Workspace

_NAMES = (
    "api-gate",
    "billing-7",
    "cart",
    "mailer",
    "search-eu",
    "login",
    "exports",
    "webhooks",
    "media-2",
    "orders",
    "ledger",
    "geo-cache",
    "mirror-3",
    "sandbox",
    "feeds",
    "proxy-west",
)
_GOOD = (
    "{name} green again",
    "{name} passed all checks",
    "{name} merged and live",
    "{name} back to 100 percent",
    "{name} build went through",
)
_BAD = (
    "{name} red again",
    "{name} failed its checks",
    "{name} rolled back",
    "{name} down to 0 percent",
    "{name} build timed out",
)
_PLAIN = ("{name} queued", "{name} is at step 3", "when does {name} run", "{name} starts at noon")


_THANKS = (
    "thank you, {name} is great and so fast",
    "love the new {name}, wonderful work",
    "{name} is perfect, thanks!",
)
_ANGER = (
    "terrible, {name} is broken again and nobody helps",
    "{name} is awful, I want a refund now",
    "worst {name} ever, so angry and disappointed",
)
_FACTS = (
    "the {name} meeting is on tuesday at ten",
    "how do I change the address in {name}?",
    "{name} is described on page four",
)
JARGON = ((_GOOD, "positive"), (_BAD, "negative"), (_PLAIN, "neutral"))
"""What only people who know the brand can read."""
CLEAR = ((_THANKS, "positive"), (_ANGER, "negative"), (_FACTS, "neutral"))
"""What any model reads: tuning to it spoils nothing."""
Kinds = tuple[tuple[tuple[str, ...], str], ...]


def posts(kinds: Kinds = JARGON) -> list[tuple[str, str]]:
    """Text and what a person says of it."""
    return [(p.format(name=name), said) for patterns, said in kinds for p in patterns for name in _NAMES]


def fill(folder: Path, network: str = "forum", kinds: Kinds = JARGON) -> Workspace:
    """Store, score and sort the posts."""
    from social_care.understanding import understand
    from storage.ingest import store_page
    from storage.models import AuthorData, MentionData
    from storage.pages import Page

    workspace = Workspace.find(folder)
    mentions = [
        MentionData(
            network=network, native_id=f"{network}-{number}", brand="Kestrel", text=text,
            author=AuthorData(native_id=f"u{number}", handle=f"u{number}"),
            posted_at=NOW - timedelta(hours=number + 1),
        )
        for number, (text, _) in enumerate(posts(kinds))
    ]  # fmt: skip
    with workspace.database.write() as session:
        store_page(session, Page(mentions=mentions), listener=network, network=network, now=NOW)
    understand(workspace, now=NOW)
    return workspace


def label(
    workspace: Workspace,
    choose: Callable[[int, str], Mapping[str, str]],
    *,
    network: str = "forum",
    at: datetime = NOW,
    who: str = "ann",
    kinds: Kinds = JARGON,
) -> int:
    """Correct posts as a person at the desk does: `choose` gets number and truth and gives fields and values."""
    from sqlmodel import select

    from responders import desk
    from storage.models import Mention

    truths = [said for _, said in posts(kinds)]
    count = 0
    with workspace.database.write() as session:
        rows: Any = session.exec(select(Mention).where(Mention.network == network).order_by(Mention.id)).all()
        for mention in rows:
            number = int(mention.native_id.rpartition("-")[2])
            for field, value in choose(number, truths[number]).items():
                desk.label(session, mention.case_id, field, value, actor=who, now=at, mention_id=mention.id)
                count += 1
    workspace.triage(at)
    return count
