"""A post of the X API v2 as a mention: pure conversion, no network.

An edited post has a new id on X each time; its mention keeps the first one. Post texts arrive with `&amp;`, `&lt;`
and `&gt;` written as entities, long posts with their full text beside a cut one.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from listeners.errors import BadItem
from storage.models import AuthorData, MentionData
from storage.pages import Deletion

Json = Mapping[str, Any]

# Ids carry their time since November 2010: milliseconds after this moment, shifted by 22 bits.
_EPOCH_MS = 1_288_834_974_657
_FIRST_TIMED_ID = 29_700_000_000
_WORLDWIDE = frozenset({"XX", "XY"})
"""Country codes X uses for `everywhere` and `everywhere, after a copyright claim`."""
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi"}
_METRICS = {
    "like_count": "likes", "reply_count": "replies", "retweet_count": "reposts", "repost_count": "reposts",
    "quote_count": "quotes", "bookmark_count": "bookmarks", "impression_count": "views",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else the answer said, and whose brand this is.

    `ours` holds handles (lower case) and ids of the brand's accounts; `users` and `referenced` are by id.
    """

    brand: str
    ours: frozenset[str] = frozenset()
    users: Mapping[str, Json] = field(default_factory=dict)
    referenced: Mapping[str, Json] = field(default_factory=dict)

    def is_ours(self, *names: object) -> bool:
        """Whether one of these ids or handles is the brand's."""
        return any(str(name).lower() in self.ours for name in names if name)

    def first_id(self, post_id: str) -> str:
        """The id the post was first published with, as far as this answer tells."""
        post = self.referenced.get(post_id)
        return edit_history(post)[0] if post is not None else post_id


def id_time(post_id: str) -> datetime | None:
    """When a post was published, from its id; None for ids of before November 2010 and for no ids."""
    if not post_id.isdigit() or len(post_id) > 19 or int(post_id) < _FIRST_TIMED_ID * 1_000:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=(int(post_id) >> 22) + _EPOCH_MS)


def id_at(moment: datetime) -> int:
    """The smallest id a post of that moment can have."""
    return max(0, (int(moment.timestamp() * 1000) - _EPOCH_MS) << 22)


def edit_history(post: Json) -> list[str]:
    """All ids of a post, first to newest; only its own id where it says nothing else."""
    own = post.get("id")
    if not isinstance(own, str) or not own.isdigit():
        raise BadItem("the post has no id that is a number")
    history = post.get("edit_history_tweet_ids") or post.get("edit_history_post_ids") or [own]
    ids = [str(each) for each in history if str(each).isdigit()] if isinstance(history, list) else []
    return sorted(set(ids), key=int) or [own]


def to_mention(post: Json, around: Surroundings, topic: str | None = None) -> MentionData:
    """One post as a mention.

    Raises:
        BadItem: no id, no author, no readable time, or another shape than X documents.
    """
    try:
        return _convert(post, around, topic)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # pydantic's error is a ValueError
        raise BadItem(f"the post has another shape than X documents ({_short(error)})") from None


def _short(error: Exception) -> str:
    fields = {".".join(map(str, each["loc"])) for each in getattr(error, "errors", list)()}
    return f"{type(error).__name__}: {', '.join(sorted(fields)) or str(error)[:80]}"


def _convert(post: Json, around: Surroundings, topic: str | None) -> MentionData:
    history = edit_history(post)
    own_id = str(post["id"])
    author_id = _id(post["author_id"])
    user = around.users.get(author_id, {})
    references = _references(post)
    created = _time(post["created_at"])
    edited = len(history) > 1 and own_id != history[0]
    conversation = str(post.get("conversation_id") or own_id)
    quoted = references.get("quoted") or references.get("retweeted")
    is_ours = around.is_ours(author_id, user.get("username"))
    kind = _kind(references)
    return MentionData(
        network="x",
        native_id=history[0],
        brand=around.brand,
        kind=kind,
        author=_author(author_id, user),
        text=_text(post, references, around),
        url=f"https://x.com/{user.get('username') or 'i'}/status/{own_id}",
        posted_at=(id_time(history[0]) or created).replace(microsecond=0) if edited else created,
        edited_at=created if edited else None,
        lang=_lang(post.get("lang")),
        parent_native_id=_first(references.get("replied_to"), around),
        thread_native_id=history[0] if conversation in history else around.first_id(conversation),
        quoted_native_id=_first(quoted, around),
        is_ours=is_ours,
        addressed=not is_ours and kind != "repost" and any(_reaches_us(post, references, around).values()),
        metrics=_metrics(post.get("public_metrics")),
        permissions=_permissions(post, references, around),
        raw=dict(post),
        topic=topic,
    )


def _references(post: Json) -> dict[str, str]:
    """Ids this post refers to, by `replied_to`, `quoted` and `retweeted`."""
    found = post.get("referenced_tweets") or post.get("referenced_posts") or []
    names = {"reposted": "retweeted"}
    return {names.get(str(item["type"]), str(item["type"])): _id(item["id"]) for item in found}


def _id(value: object) -> str:
    if not isinstance(value, str) or not value.isdigit():
        raise ValueError("an id is no number")
    return value


def _kind(references: Mapping[str, str]) -> str:
    if "retweeted" in references:
        return "repost"
    if "replied_to" in references:
        return "comment"
    return "quote" if "quoted" in references else "post"


def _first(post_id: str | None, around: Surroundings) -> str | None:
    return around.first_id(post_id) if post_id else None


def _author(author_id: str, user: Json) -> AuthorData:
    followers = (user.get("public_metrics") or {}).get("followers_count")
    return AuthorData(
        native_id=author_id,
        handle=user.get("username"),
        name=user.get("name"),
        followers=followers if isinstance(followers, int) and followers >= 0 else None,
    )


def _text(post: Json, references: Mapping[str, str], around: Surroundings) -> str:
    """The whole text: the long form where there is one, a repost with the whole text of what it repeats."""
    repeated = around.referenced.get(references.get("retweeted", ""))
    if repeated is not None:
        handle = around.users.get(str(repeated.get("author_id")), {}).get("username")
        if handle:
            return f"RT @{handle}: {_own_text(repeated)}"
    return _own_text(post)


def _own_text(post: Json) -> str:
    note = post.get("note_tweet") or post.get("note_post") or {}
    text = note.get("text") or post.get("text") or ""
    return html.unescape(str(text)) if "&" in text else str(text)


def _reaches_us(post: Json, references: Mapping[str, str], around: Surroundings) -> dict[str, bool]:
    """How a post turns to us: what X's rule for API replies asks about, and whether it answers us."""
    entities = post.get("entities") or {}
    note = (post.get("note_tweet") or post.get("note_post") or {}).get("entities") or {}
    named = [*(entities.get("mentions") or []), *(note.get("mentions") or [])]
    quoted = around.referenced.get(references.get("quoted", ""), {})
    quoted_author = str(quoted.get("author_id") or "")
    return {
        "author_mentioned_us": any(around.is_ours(item.get("username"), item.get("id")) for item in named),
        "author_quoted_us": around.is_ours(quoted_author, around.users.get(quoted_author, {}).get("username")),
        "author_answered_us": around.is_ours(
            post.get("in_reply_to_user_id"),
            around.users.get(str(post.get("in_reply_to_user_id")), {}).get("username"),
        ),
    }


def _permissions(post: Json, references: Mapping[str, str], around: Surroundings) -> dict[str, Any]:
    """What a poster must know before anyone drafts: who may reply, and whether the author turned to us."""
    said: dict[str, Any] = {"reply_settings": str(post.get("reply_settings") or "unknown")}
    said.update(_reaches_us(post, references, around))
    countries = withheld_in(post)
    if countries:
        said["withheld_in"] = countries
    return said


def withheld_in(post: Json) -> list[str]:
    """Countries in which X does not show the post or its author."""
    withheld = post.get("withheld") or {}
    return sorted({str(code).upper() for code in withheld.get("country_codes") or []})


def withheld_everywhere(post: Json) -> bool:
    """Whether X shows the post nowhere: to us that is a deletion."""
    return bool(_WORLDWIDE & set(withheld_in(post)))


def _lang(code: object) -> str | None:
    """X's language code as BCP 47; its codes for `undetermined` and for posts without words are None."""
    text = str(code or "").strip()
    if not text or text.startswith("q") or text in ("und", "zxx"):
        return None
    return _OLD_CODES.get(text, text)


def _metrics(found: object) -> dict[str, int]:
    counts = found if isinstance(found, Mapping) else {}
    return {_METRICS[name]: value for name, value in counts.items() if name in _METRICS and type(value) is int}


def _time(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("created_at has no zone")
    return moment.astimezone(UTC)


def to_deletion(problem: Json, asked_for: bool) -> Deletion | None:
    """What an entry of `errors` says about a post: a deletion, or None where it says nothing of the kind.

    A post that is not found is gone. One we may not see (its author is protected or suspended) counts as gone only
    where we asked for it by id: X wants such posts removed too.
    """
    if str(problem.get("resource_type", "tweet")) not in ("tweet", "post"):
        return None
    native_id = str(problem.get("resource_id") or problem.get("value") or "")
    kind = str(problem.get("type") or "").rsplit("/", 1)[-1]
    if not native_id.isdigit():
        return None
    if kind == "resource-not-found":
        return Deletion(native_id, "no longer on X")
    if asked_for and kind in ("not-authorized-for-resource", "resource-unavailable", "disallowed-resource"):
        return Deletion(native_id, "no longer public on X")
    return None
