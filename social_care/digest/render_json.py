"""A digest as JSON: the figures as they are, for programs. `schema` grows when a field changes its meaning."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from social_care.digest.figures import Digest
from social_care.safe import safe_json

SCHEMA = 1


def to_plain(digest: Digest) -> dict[str, Any]:
    """The digest as JSON values: times ISO 8601 in UTC, durations in seconds, shares 0 to 1."""
    plain: dict[str, Any] = {"schema": SCHEMA, **_plain(asdict(digest))}
    plain["quiet_day"] = digest.quiet is not None
    return plain


def render_json(digest: Digest) -> str:
    """One JSON document; its strings hold nothing a terminal would obey."""
    return safe_json(to_plain(digest), indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.isoformat() if isinstance(value, date) else value
