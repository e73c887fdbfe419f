"""X API v2 responses as saved by any client: envelopes, streams, or flattened posts, one or many to a line.

The conversion of a post is that of the X listener: a post imported and heard live is the same mention.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from listeners.errors import BadItem
from listeners.files.identity import Identities, fingerprint
from listeners.files.jsonfiles import flatten, read_values
from listeners.files.presets.base import Converter, Preset
from listeners.files.records import Broken, Record, Skip, rejection
from listeners.files.report import ImportReport
from listeners.files.rows import Item, Options
from listeners.files.table import Table
from listeners.x_posts import Surroundings, edit_history, to_deletion, to_mention, withheld_everywhere
from storage.pages import Deletion

_ENVELOPE = frozenset(("includes", "meta", "errors", "title", "status"))
_REFERRED = ("in_reply_to", "attachments", "author_id")


def _records(table: Table) -> Iterator[Record | Broken]:
    """One record a post, carrying the users and posts its response includes; errors are records too."""
    for found in read_values(table.source):
        if isinstance(found, Broken):
            yield found
        elif isinstance(found[1], dict):
            yield from _open(*found)
        else:
            yield Broken(found[0], "not a JSON object", str(found[1]))


def _open(line: int, value: dict[str, Any]) -> Iterator[Record]:
    includes = value.get("includes")
    if not isinstance(includes, dict):
        includes = {}
    data = value.get("data", None if _ENVELOPE & value.keys() else value)
    for post in data if isinstance(data, list) else [data] if data else []:
        yield Record(line, {}, {"post": post, "includes": includes})
    errors = value.get("errors") or ([value] if "title" in value and "status" in value else [])
    for error in errors if isinstance(errors, list) else [errors]:
        yield Record(line, {}, {"error": error if isinstance(error, dict) else {"title": str(error)}})


class _Posts:
    def __init__(self, options: Options, report: ImportReport) -> None:
        self._options = options
        self._report = report
        self._identities = Identities(numbered=False)
        self._includes: dict[str, Any] | None = None
        self._around = Surroundings("")

    def convert(self, record: Record) -> Iterable[Item]:
        try:
            return (self._convert(record),)
        except BadItem as error:
            return (rejection(record.line, str(error), _raw(record)),)
        except (AttributeError, KeyError, TypeError):
            return (rejection(record.line, "the post has another shape than X documents", _raw(record)),)

    def _convert(self, record: Record) -> Item:
        if "error" in record.value:
            return _error(record)
        post = record.value["post"]
        if isinstance(post.get("delete"), dict):
            gone = post["delete"].get("tweet") or post["delete"].get("status") or {}
            return Deletion(str(gone["id"]), "deleted on X")
        if "text" not in post or "id" not in post:
            return rejection(record.line, "not a post: it has no id and text", _raw(record))
        if withheld_everywhere(post):
            return Deletion(edit_history(post)[0], "withheld everywhere")
        mention = to_mention(_plain(post), self._surroundings(post, record.value["includes"]))
        state = self._identities.seen(mention.native_id, fingerprint(str(post["id"]), mention.text))
        if state == "repeat":
            return Skip(record.line, "repeat within the file")
        if state == "changed":
            self._report.find("edited", "a post comes in several versions; all are kept", record.line, "note")
        return mention

    def _surroundings(self, post: dict[str, Any], includes: dict[str, Any]) -> Surroundings:
        """What the response says beside the post; flattening tools write it into the post itself."""
        if includes is not self._includes:
            self._includes = includes
            self._around = self._make(includes.get("users") or [], includes.get("tweets") or [])
        embedded = [entry for entry in post.get("referenced_tweets") or [] if "text" in entry]
        authors = [entry.get("author") for entry in (post, *embedded)] + [post.get("in_reply_to_user")]
        users = [user for user in authors if isinstance(user, dict)]
        return self._make(users, embedded) if users or embedded else self._around

    def _make(self, users: list[dict[str, Any]], posts: list[dict[str, Any]]) -> Surroundings:
        return Surroundings(
            self._options.brand or "",
            self._options.our_accounts,
            {str(user["id"]): user for user in users if "id" in user},
            {str(post["id"]): post for post in posts if "id" in post},
        )

    def finish(self) -> None:
        """Nothing is left to say."""


def _plain(post: dict[str, Any]) -> dict[str, Any]:
    """The post as the API wrote it: without what tools have put into it."""
    if "author" not in post and "__twarc" not in post:
        return post
    references = [{"type": entry["type"], "id": entry["id"]} for entry in post.get("referenced_tweets") or []]
    plain = {name: value for name, value in post.items() if name not in ("author", "in_reply_to_user", "__twarc")}
    return plain | ({"referenced_tweets": references} if references else {})


def _raw(record: Record) -> str:
    inner = record.value.get("post") or record.value.get("error")
    cells = flatten(inner) if isinstance(inner, dict) else {"value": str(inner)}
    return "; ".join(f"{name}={value[:200]}" for name, value in cells.items())


def _error(record: Record) -> Item:
    """Errors about posts are deletions or kept aside; those about what a post merely refers to are counted."""
    error = record.value["error"]
    parameter = str(error.get("parameter") or "")
    if deletion := to_deletion(error, asked_for=parameter in ("id", "ids")):
        return deletion
    if "." in parameter or parameter.startswith(_REFERRED):
        return Skip(record.line, "errors about users or posts only referred to")
    return rejection(record.line, f"the API answered with an error: {error.get('title') or 'error'}", _raw(record))


def _is_x(table: Table) -> bool:
    """Whether the first responses hold posts; counts, lists and users look alike from afar."""
    if table.source.format in ("csv", "lines"):
        return False
    for _, found in zip(range(20), read_values(table.source), strict=False):
        if isinstance(found, tuple) and isinstance(found[1], dict) and _is_empty_answer(found[1]):
            return True
    for _, record in zip(range(20), _records(table), strict=False):
        if isinstance(record, Record) and isinstance(post := record.value.get("post"), dict):
            known = {"author_id", "conversation_id", "edit_history_tweet_ids"}
            if isinstance(post.get("delete"), dict) or ({"id", "text"} <= post.keys() and known & post.keys()):
                return True
    return False


def _is_empty_answer(value: dict[str, Any]) -> bool:
    meta = value.get("meta")
    return "data" not in value and isinstance(meta, dict) and meta.get("result_count") == 0


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
