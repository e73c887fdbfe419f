"""X API v2 responses as saved by any client: envelopes, streams, or flattened posts, one or many to a line."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from listeners.files.identity import Identities, fingerprint
from listeners.files.jsonfiles import flatten, read_values
from listeners.files.presets.base import Converter, Preset
from listeners.files.records import Broken, Record, Skip, rejection
from listeners.files.report import ImportReport
from listeners.files.rows import Item, Options, account, explain
from listeners.files.table import Table
from listeners.files.times import TimeReader, UnreadableTime
from storage.models import MentionData
from storage.pages import Deletion

_EPOCH_MS = 1_288_834_974_657
"""Ids count milliseconds from here in their upper bits, since November 2010."""
_METRICS = ("like_count", "retweet_count", "reply_count", "quote_count", "impression_count", "bookmark_count")
_KINDS = {"retweeted": "repost", "quoted": "quote", "replied_to": "comment"}


def _records(table: Table) -> Iterator[Record | Broken]:
    """One record a post, carrying the users and posts its response includes; errors are records too."""
    for found in read_values(table.source):
        if isinstance(found, Broken):
            yield found
            continue
        line, value = found
        if not isinstance(value, dict):
            yield Broken(line, "not a JSON object", str(value))
            continue
        includes = value.get("includes") if isinstance(value.get("includes"), dict) else {}
        data = value.get("data", None if {"includes", "meta", "errors", "title"} & value.keys() else value)
        for post in data if isinstance(data, list) else [data] if data else []:
            yield Record(line, {}, {"post": post, "includes": includes})
        errors = value.get("errors") or ([value] if "title" in value and "status" in value else [])
        for error in errors if isinstance(errors, list) else []:
            yield Record(line, {}, {"error": error})


class _Posts:
    def __init__(self, options: Options, report: ImportReport) -> None:
        self._brand = options.brand or ""
        self._ours = options.our_accounts
        self._report = report
        self._times = TimeReader(("iso",))
        self._identities = Identities(numbered=False)
        self._includes: dict[str, Any] = {}
        self._users: dict[str, dict[str, Any]] = {}
        self._posts: dict[str, dict[str, Any]] = {}

    def convert(self, record: Record) -> Iterable[Item]:
        try:
            return (self._convert(record),)
        except UnreadableTime as error:
            return (rejection(record.line, str(error), self._raw(record)),)
        except ValidationError as error:
            return (rejection(record.line, explain(error), self._raw(record)),)
        except (AttributeError, KeyError, TypeError, ValueError):
            return (rejection(record.line, "the post is not of the shape the API documents", self._raw(record)),)

    @staticmethod
    def _raw(record: Record) -> str:
        inner = record.value.get("post") or record.value.get("error")
        return "; ".join(f"{name}={value[:200]}" for name, value in flatten(inner).items()) if isinstance(
            inner, dict) else str(inner)  # fmt: skip

    def _convert(self, record: Record) -> Item:
        if "error" in record.value:
            return _error(record)
        post = record.value["post"]
        if isinstance(post.get("delete"), dict):
            gone = post["delete"].get("tweet") or post["delete"].get("status") or {}
            return Deletion(str(gone["id"]), "deleted on X")
        if "text" not in post or "id" not in post:
            return rejection(record.line, "not a post: it has no id and text", self._raw(record))
        self._remember(record.value["includes"])
        mention = self._mention(post)
        state = self._identities.seen(mention.native_id, fingerprint(str(post["id"]), mention.text))
        if state == "repeat":
            return Skip(record.line, "repeat within the file")
        if state == "changed":
            self._report.find("edited", "a post comes in several versions; all are kept", record.line, "note")
        return mention

    def _remember(self, includes: dict[str, Any]) -> None:
        if includes is not self._includes:
            self._includes = includes
            self._users = {str(user["id"]): user for user in includes.get("users", []) if "id" in user}
            self._posts = {str(post["id"]): post for post in includes.get("tweets", []) if "id" in post}

    def _mention(self, post: dict[str, Any]) -> MentionData:
        references = {entry["type"]: str(entry["id"]) for entry in post.get("referenced_tweets") or []}
        native_id, posted_at, edited_at = self._version(post)
        conversation = str(post.get("conversation_id") or "") or None
        author = self._author(post)
        handle = author.get("handle")
        ours = any(account(str(name)) in self._ours for name in (author.get("native_id"), handle) if name)
        data: dict[str, Any] = {
            "network": "x",
            "native_id": native_id,
            "brand": self._brand,
            "kind": next((kind for name, kind in _KINDS.items() if name in references), "post"),
            "author": author or None,
            "text": self._text(post, references),
            "url": f"https://x.com/{handle or 'i/web'}/status/{post['id']}",
            "posted_at": posted_at,
            "edited_at": edited_at,
            "lang": None
            if post.get("lang") in (None, "und", "qst", "zxx", "qme", "qam", "qht", "qct")
            else post["lang"],
            "parent_native_id": references.get("replied_to"),
            # An edit gets an id of its own, and a conversation that consists of the edit alone gets that id too.
            "thread_native_id": native_id if conversation == str(post["id"]) else conversation,
            "quoted_native_id": references.get("quoted") or references.get("retweeted"),
            "is_ours": ours,
            "addressed": not ours and self._addresses_us(post, references),
            "metrics": _metrics(post.get("public_metrics")),
            "permissions": {name: post[name] for name in ("reply_settings", "withheld") if post.get(name)},
            "raw": {
                name: post[name] for name in ("source", "possibly_sensitive", "geo", "attachments") if name in post
            },
        }
        return MentionData(**data)

    def _version(self, post: dict[str, Any]) -> tuple[str, datetime, datetime | None]:
        """The id of the first version, when it was posted, and when this version replaced it."""
        created = self._times.read(str(post.get("created_at") or ""))
        history = [str(name) for name in post.get("edit_history_tweet_ids") or []]
        if not history or history[0] == str(post["id"]) or not history[0].isdigit():
            return str(post["id"]), created, None
        return history[0], min(created, time_of_id(int(history[0]))), created

    def _text(self, post: dict[str, Any], references: dict[str, str]) -> str:
        """The whole text: long posts carry it apart, reposts are cut off unless the original is included."""
        if original := references.get("retweeted"):
            whole = self._posts.get(original) or _embedded(post, original)
            if whole:
                return _full_text(whole)
        return _full_text(post)

    def _author(self, post: dict[str, Any]) -> dict[str, Any]:
        user = self._users.get(str(post.get("author_id"))) or post.get("author") or {}
        native_id = str(post.get("author_id") or user.get("id") or "")
        if not native_id:
            return {}
        followers = (user.get("public_metrics") or {}).get("followers_count")
        return {
            "native_id": native_id,
            "handle": user.get("username"),
            "name": user.get("name"),
            "followers": followers,
        }

    def _addresses_us(self, post: dict[str, Any], references: dict[str, str]) -> bool:
        if not self._ours:
            return False
        names = [str(post.get("in_reply_to_user_id") or "")]
        for mention in (post.get("entities") or {}).get("mentions") or []:
            names += [str(mention.get("username") or ""), str(mention.get("id") or "")]
        quoted = self._posts.get(references.get("quoted", "")) or _embedded(post, references.get("quoted")) or {}
        names.append(str(quoted.get("author_id") or ""))
        return any(account(name) in self._ours for name in names if name)

    def finish(self) -> None:
        """Nothing is left to say."""


def time_of_id(native_id: int) -> datetime:
    """When a post of this id was made, from the id itself."""
    return datetime.fromtimestamp(((native_id >> 22) + _EPOCH_MS) / 1000, UTC)


def _embedded(post: dict[str, Any], native_id: str | None) -> dict[str, Any] | None:
    """A referenced post as flattening tools write it: inside the reference."""
    for entry in post.get("referenced_tweets") or []:
        if str(entry.get("id")) == native_id and "text" in entry:
            return dict(entry)
    return None


def _full_text(post: dict[str, Any]) -> str:
    return str((post.get("note_tweet") or {}).get("text") or post["text"])


def _metrics(counts: Any) -> dict[str, int]:
    if not isinstance(counts, dict):
        return {}
    return {name: int(counts[name]) for name in _METRICS if str(counts.get(name, "")).isdigit()}


def _error(record: Record) -> Item:
    """Errors about a post we asked for are kept aside; those about posts it merely refers to are counted."""
    error = (
        record.value["error"] if isinstance(record.value["error"], dict) else {"title": str(record.value["error"])}
    )
    parameter = str(error.get("parameter") or "")
    if "." in parameter or parameter.startswith(("in_reply_to", "attachments", "author_id")):
        return Skip(record.line, "errors about users or posts only referred to")
    title = str(error.get("title") or "error")
    return rejection(record.line, f"the API answered with an error: {title}", "; ".join(
        f"{name}={value[:300]}" for name, value in flatten(error).items()))  # fmt: skip


def _is_x(table: Table) -> bool:
    """Whether the first responses hold posts; counts, lists and users look alike from afar."""
    if table.source.format == "csv":
        return False
    for _, record in zip(range(20), _records(table), strict=False):
        if isinstance(record, Record) and isinstance(post := record.value.get("post"), dict):
            known = {"author_id", "conversation_id", "edit_history_tweet_ids", "public_metrics", "created_at"}
            if isinstance(post.get("delete"), dict) or ({"id", "text"} <= post.keys() and known & post.keys()):
                return True
    return False


def _prepare(_table: Table, options: Options, report: ImportReport) -> Converter:
    return _Posts(options, report)


X_API = Preset(
    "x-api",
    "posts as the X API v2 returns them: JSON with data, includes and meta",
    "x",
    (),
    _prepare,
    needs_brand=True,
    records=_records,
    matches=_is_x,
)
