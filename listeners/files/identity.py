"""Who a row is: its id where the column can be trusted, else a digest of its content; always said, never silent.

Spreadsheets ruin long ids: they write `5.70306E+17`, or keep 15 digits and fill up with zeros. Thousands of posts
then share one id, and storing by it would merge them into one.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from listeners.files.cells import is_rounded, is_scientific, read_id

_CLASHES_TOLERATED = 0.01
"""Share of rows whose id is shared by different content up to which the ids are still believed (edits)."""
_ROUNDED_TOLERATED = 0.05
"""An honest long id ends in zeros after its 15th digit once in a thousand."""


def content_id(*parts: str) -> str:
    """A stable id made of the content; the same parts give the same id in every file and on every machine."""
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=12)
    return f"content-{digest.hexdigest()}"


def fingerprint(*parts: str) -> int:
    """64 bits of the content: enough to tell a repeat from a change, small enough to remember for every row."""
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


@dataclass(frozen=True, slots=True)
class Spoiled:
    """Why an id column is not believed."""

    column: str
    reason: str
    rows: int
    """Rows whose own id is useless."""


@dataclass(slots=True)
class IdSurvey:
    """One look over the whole id column before the first row is handed out."""

    column: str
    rows: int = 0
    scientific: int = 0
    rounded: int = 0
    empty: int = 0
    clashing: int = 0
    """Rows whose id an earlier row with other content already had."""
    repeated: int = 0
    """Rows whose id and content an earlier row already had."""
    _seen: dict[int, int] = field(default_factory=dict, repr=False)

    def add(self, native_id: str, content: int) -> None:
        """Take in one row: its id cell and the fingerprint of its content."""
        self.rows += 1
        if not native_id.strip():
            self.empty += 1
            return
        self.scientific += is_scientific(native_id)
        self.rounded += is_rounded(native_id)
        key = hash(native_id)
        earlier = self._seen.setdefault(key, content)
        if earlier != content:
            self.clashing += 1
        elif len(self._seen) + self.clashing + self.repeated < self.rows - self.empty:
            self.repeated += 1

    def verdict(self) -> Spoiled | None:
        """None where the column can be trusted."""
        filled = self.rows - self.empty
        if self.scientific:
            reason = f"{self.scientific:,} ids are rounded numbers such as 5.70306E+17: a spreadsheet spoiled them"
            return Spoiled(self.column, reason, self.scientific)
        if filled and self.rounded > max(1, _ROUNDED_TOLERATED * filled):
            reason = f"{self.rounded:,} ids have only zeros after their 15th digit: a spreadsheet rounded them"
            return Spoiled(self.column, reason, self.rounded)
        if filled and self.clashing > max(1, _CLASHES_TOLERATED * filled):
            reason = f"{self.clashing:,} of {filled:,} rows share their id with a different text, author or time"
            return Spoiled(self.column, reason, self.clashing)
        return None


@dataclass(slots=True)
class Identities:
    """Names each row, and tells repeats within the file from new rows.

    With an author, the same words by the same person at the same time are one post listed twice. Without an
    author, they may be two people: both are kept, the second numbered.
    """

    numbered: bool
    """Whether rows with equal content are kept apart by an occurrence number."""
    _contents: dict[int, int] = field(default_factory=dict, repr=False)
    _occurrences: Counter[int] = field(default_factory=Counter, repr=False)

    def of_content(self, *parts: str) -> str:
        """The id of a row that has none to be trusted."""
        name = content_id(*parts)
        if not self.numbered:
            return name
        self._occurrences[hash(name)] += 1
        count = self._occurrences[hash(name)]
        return name if count == 1 else f"{name}-{count}"

    def seen(self, native_id: str, content: int) -> str:
        """`new`, `repeat` (the same once more) or `changed` (the same id with other content)."""
        key = hash(native_id)
        earlier = self._contents.get(key)
        if earlier is None:
            self._contents[key] = content
            return "new"
        if earlier == content:
            return "repeat"
        self._contents[key] = content
        return "changed"


__all__ = ["IdSurvey", "Identities", "Spoiled", "content_id", "fingerprint", "read_id"]
