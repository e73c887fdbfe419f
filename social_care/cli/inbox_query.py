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


def _apply(chosen: dict[str, Any], key: str, value: str, who: str) -> None:
    if key == "is":
        _apply_is(chosen, value, who)
    elif key == "status":
        chosen["status"] = None if value == "all" else tuple(value.split(","))
        chosen["reply_needed"] = None
    elif key == "priority":
        chosen["priority"] = tuple(item if item == "none" else item.upper() for item in value.split(","))
        chosen["reply_needed"] = None
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
