"""Which column is what: the mapping a user writes, and the checks that keep a misspelt column from losing data."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from listeners.files.times import FORMATS, zone_of
from storage.errors import ConfigError

ROLES = (
    "id", "author_id", "author", "author_name", "followers", "text", "title", "time", "edited", "rating", "url",
    "lang", "parent", "thread", "quoted", "reply", "reply_id", "reply_time", "brand", "network", "kind", "ours",
    "deleted",
)  # fmt: skip
"""Every part of a mention a column can hold."""


class Mapping(BaseModel):
    """Which column of a file holds what. Each role names one column by its heading; unset roles are absent.

    Only `text` or `rating`, and `time`, must be there; with neither an `id` nor an author, rows are told apart by
    content and an occurrence number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = None
    id_pattern: str | None = None
    """A regular expression whose first group is the id within the cell, for ids that are part of a link."""
    author_id: str | None = None
    author: str | None = None
    """The author's handle."""
    author_name: str | None = None
    followers: str | None = None
    text: str | None = None
    title: str | None = None
    time: str | None = None
    time_format: tuple[str, ...] = ()
    """Names of `listeners.files.times.FORMATS` or strptime patterns, tried in order; empty: guessed."""
    zone: str | None = None
    """Zone of times that name none: an IANA name or an offset."""
    edited: str | None = None
    rating: str | None = None
    rating_scale: float = Field(default=5.0, gt=0)
    url: str | None = None
    lang: str | None = None
    parent: str | None = None
    thread: str | None = None
    quoted: str | None = None
    reply: str | None = None
    """The text of our own answer, where it stands in the customer's row."""
    reply_id: str | None = None
    reply_time: str | None = None
    brand: str | None = None
    network: str | None = None
    kind: str | None = None
    ours: str | None = None
    """A column that tells our own posts from the customers'."""
    ours_values: tuple[str, ...] = ("true", "1", "yes", "ours", "outbound", "outgoing", "agent", "是")
    """What stands in the `ours` column for a post of ours, compared without case."""
    our_accounts: tuple[str, ...] = ()
    """Handles or ids whose posts are ours."""
    deleted: str | None = None
    deleted_means: Literal["purge", "note"] = "purge"
    """`purge`: the post is gone and its text must go; `note`: keep it for the figures and note it."""
    html_entities: bool = False
    """Texts arrive with `&amp;`, `&lt;` and `&gt;` written out, as X serves them: turn them back."""
    metrics: dict[str, str] = Field(default_factory=dict)
    """Counts: their name here and the column they stand in."""
    identity: tuple[str, ...] = ()
    """Columns that together identify a row without an id; empty: author, time, title and text."""
    constants: dict[Literal["brand", "network", "kind", "lang"], str] = Field(default_factory=dict)
    """What holds for every row of the file."""

    @field_validator("time_format", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("time_format")
    @classmethod
    def _known_format(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in FORMATS and "%" not in name:
                raise ValueError(f"{name!r} is no time format; one of {', '.join(FORMATS)} or a strptime pattern")
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                zone_of(value)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("id_pattern")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                groups = re.compile(value).groups
            except re.error as error:
                raise ValueError(f"the pattern is broken: {error}") from None
            if groups < 1:
                raise ValueError("the pattern needs a group in brackets: the id")
        return value

    @model_validator(mode="after")
    def _enough(self) -> "Mapping":
        if not self.text and not self.rating and not self.title:
            raise ValueError("no column is mapped to text; name the one that holds what people wrote")
        return self

    def columns(self) -> dict[str, str]:
        """Role (or metric) to column, for every column the mapping names."""
        named = {role: column for role in ROLES if (column := getattr(self, role))}
        named.update({f"metrics.{name}": column for name, column in self.metrics.items()})
        named.update({f"identity[{index}]": column for index, column in enumerate(self.identity)})
        return named

    def check(self, columns: Sequence[str], name: str) -> None:
        """Make sure that every column the mapping names is in the file.

        Raises:
            ConfigError: names the missing columns, the nearest ones, and what the file has.
        """
        missing = [f"{role} = {column!r}" for role, column in self.columns().items() if column not in columns]
        if missing:
            wanted = [column for column in self.columns().values() if column not in columns]
            raise ConfigError(
                f"{name} has no column for {', '.join(missing)}{suggest(wanted, columns)}; {list_columns(columns)}"
            )


def suggest(wanted: Iterable[str], columns: Sequence[str]) -> str:
    """` (did you mean 'comment'?)` for the nearest headings, or nothing."""
    folded = {column.casefold(): column for column in columns}
    near = [
        folded[match]
        for name in wanted
        for match in difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.7)
    ]
    return f" (did you mean {', '.join(repr(name) for name in near)}?)" if near else ""


def list_columns(columns: Sequence[str]) -> str:
    """The columns a file has, as the end of an error message."""
    shown = ", ".join(repr(column[:60]) for column in columns[:40])
    more = f" and {len(columns) - 40} more" if len(columns) > 40 else ""
    return f"its columns are: {shown}{more}" if columns else "it has no columns"
