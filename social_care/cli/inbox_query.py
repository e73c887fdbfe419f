"""The inbox's query: `network:x priority:P1 is:breached refund` and the like, read into a filter."""

import difflib
import re
from typing import TYPE_CHECKING, Any

from storage.errors import ConfigError

if TYPE_CHECKING:
    from storage.queries import InboxFilter

KEYS = {
    "brand": "a brand's name",
    "network": "x, reddit, ...",
    "status": "open, answered, resolved, dismissed, withdrawn or all",
    "priority": "P1, P2, P3 or none",
    "assignee": "a person, me, or nobody",
    "lang": "en, zh, zh-Hant, ...",
    "sentiment": "negative, neutral or positive",
    "is": "breached, at-risk, pending, complaint, snoozed, unassigned, mine or any",
}
VALUES = {
    "status": ("open", "answered", "resolved", "dismissed", "withdrawn", "all"),
    "priority": ("P1", "P2", "P3", "none"),
    "sentiment": ("negative", "neutral", "positive"),
}
_PAIR = re.compile(r'(-?)([a-z]+):("[^"]*"|\S+)')


def parse_query(query: str | None, who: str) -> "InboxFilter":
    """Read a query; what is not `key:value` is searched for in the text.

    Raises:
        ConfigError: an unknown key or value; the message lists those there are.
    """
    from storage.queries import InboxFilter

    if not query:
        return InboxFilter()
    chosen: dict[str, Any] = {}

    def take(match: re.Match[str]) -> str:
        key, value = match.group(2), match.group(3).strip('"')
        if value.startswith("//"):
            return match.group(0)  # an address in the text, not a key
        if match.group(1) or key not in KEYS:
            raise ConfigError(_unknown(key))
        _apply(chosen, key, value, who)
        return " "

    text = " ".join(_PAIR.sub(take, query).split())
    return InboxFilter(**chosen, text=text or None)


def _unknown(key: str) -> str:
    close = difflib.get_close_matches(key, KEYS, n=1)
    guess = f"; did you mean {close[0]}:?" if close else ""
    return f"the inbox has no key {key}:{guess} Keys: " + ", ".join(
        f"{name}: ({what})" for name, what in KEYS.items()
    )


def _checked(key: str, value: str) -> tuple[str, ...]:
    """The values of a list such as `p1,p2`, written as the store writes them."""
    known = {item.lower(): item for item in VALUES[key]}
    given = [item.strip().lower() for item in value.split(",")]
    wrong = [item for item in given if item not in known]
    if wrong:
        raise ConfigError(f"{key}:{wrong[0]} is not known; write {key}: with {', '.join(VALUES[key])}")
    return tuple(known[item] for item in given)


def _apply(chosen: dict[str, Any], key: str, value: str, who: str) -> None:
    if key == "is":
        _apply_is(chosen, value, who)
    elif key == "status":
        names = _checked(key, value)
        chosen["status"] = None if "all" in names else names
        chosen["reply_needed"] = None
    elif key == "priority":
        chosen["priority"] = _checked(key, value)
        chosen["reply_needed"] = None
    elif key == "sentiment":
        names = _checked(key, value)
        if len(names) > 1:
            raise ConfigError("sentiment: takes one value")
        chosen["sentiment"] = names[0]
    elif key == "assignee":
        chosen["assignee"] = {"me": who, "nobody": ""}.get(value, value)
    else:
        chosen[{"lang": "language"}.get(key, key)] = value


def _apply_is(chosen: dict[str, Any], value: str, who: str) -> None:
    plain: dict[str, dict[str, Any]] = {
        "breached": {"state": ("breached",)},
        "at-risk": {"state": ("at_risk",)},
        "pending": {"state": ("pending", "at_risk")},
        "complaint": {"complaint": True},
        "snoozed": {"snoozed": True},
        "unassigned": {"assignee": ""},
        "mine": {"assignee": who},
        "any": {"status": None, "reply_needed": None, "snoozed": None},
    }
    if value not in plain:
        raise ConfigError(f"is:{value} is not known; write is: with one of {', '.join(plain)}")
    chosen.update(plain[value])
