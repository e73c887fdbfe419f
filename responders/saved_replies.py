"""Saved replies: answers a brand has approved, one Markdown file for each language.

    +++
    name = "double-charge"
    language = "en"
    owner = "Care team"
    version = 2
    expires = 2027-06-30

    [when]
    signals = ["fraud"]
    words = ["charged twice", "double charge"]
    +++
    {% if handle is defined %}@{{ handle }} {% endif %}Thanks for telling us …

Files of one answer in several languages share `name`. See docs/saved-replies.md for every key.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, field_validator, model_validator

from responders.languages import is_tag, normal_tag
from responders.lengths import network_key
from responders.templates import render
from storage.errors import ConfigError

MAX_FILE = 100_000

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


class When(BaseModel):
    """When an answer fits. Conditions that are left out hold always; those that are given must all hold.

    `signals`, `words` and `reply_reasons` say what the post is about: one of them is enough, more count for more.
    An answer with none of the three is a general one, taken where nothing particular fits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    signals: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    reply_reasons: tuple[str, ...] = ()
    sentiments: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    not_signals: tuple[str, ...] = ()
    rating_min: float | None = Field(default=None, ge=0, le=5)
    rating_max: float | None = Field(default=None, ge=0, le=5)
    messages_min: int | None = Field(default=None, ge=1)
    """Fewest messages the customer has written in the case."""

    @field_validator("sentiments")
    @classmethod
    def _known_sentiments(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return _known(values, ("negative", "neutral", "positive"))

    @field_validator("kinds")
    @classmethod
    def _known_kinds(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return _known(values, ("post", "comment", "review", "dm", "repost", "quote"))

    @field_validator("networks")
    @classmethod
    def _network_keys(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(network_key(value) for value in values)

    @field_validator("words", "signals", "reply_reasons", "brands", "not_signals")
    @classmethod
    def _not_blank(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if any(not value.strip() for value in values):
            raise ValueError("holds an empty text; remove it")
        return values

    @model_validator(mode="after")
    def _range(self) -> "When":
        if self.rating_min is not None and self.rating_max is not None and self.rating_min > self.rating_max:
            raise ValueError("rating_min is above rating_max; swap them")
        return self

    @property
    def particular(self) -> bool:
        """Says what the post is about."""
        return bool(self.signals or self.words or self.reply_reasons)


class _Front(BaseModel):
    """The front matter as it stands in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    language: str
    owner: str = ""
    version: StrictInt = Field(default=1, ge=1)
    expires: date | None = None
    note: str = ""
    when: When = Field(default_factory=When)

    @field_validator("name")
    @classmethod
    def _slug(cls, value: str) -> str:
        if not _NAME.fullmatch(value) or len(value) > 80:
            raise ValueError(f"is {value!r}; use lower-case words joined by '-', such as double-charge")
        return value

    @field_validator("language")
    @classmethod
    def _tag(cls, value: str) -> str:
        if not is_tag(value):
            raise ValueError(f"is {value!r}; use a language tag such as en, zh-Hans, zh-Hant or yue")
        return normal_tag(value)

    @field_validator("expires", mode="before")
    @classmethod
    def _only_date(cls, value: object) -> object:
        if value is not None and (isinstance(value, datetime) or not isinstance(value, date)):
            raise ValueError("must be a date without quotes, such as 2027-06-30")
        return value


@dataclass(frozen=True, slots=True)
class SavedReply:
    """One approved answer in one language."""

    name: str
    language: str
    text: str
    """The Jinja template."""
    owner: str = ""
    version: int = 1
    expires: date | None = None
    """The last day it may be used."""
    when: When = field(default_factory=When)
    note: str = ""
    path: Path | None = None
    line: int = 1
    """Where the text starts in the file."""

    @property
    def reference(self) -> str:
        """`name@version`, as a draft remembers it."""
        return f"{self.name}@{self.version}"

    def expired(self, today: date) -> bool:
        """Whether its last day is past."""
        return self.expires is not None and self.expires < today

    def render(self, values: Mapping[str, str]) -> str:
        """The answer with its variables put in (see `responders.templates.safe_values`).

        Raises:
            TemplateProblem: the template is unusable, or needs a variable that is not known here.
        """
        return render(self.text, values)


class SavedReplyError(ConfigError):
    """Files that cannot be read as saved replies; `problems` has one `file:line: what; what to do` each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def load_saved_replies(folder: Path) -> tuple[SavedReply, ...]:
    """Read every `*.md` file under a folder (README.md and hidden ones left out), sorted by name and language.

    Raises:
        SavedReplyError: the folder is missing, or files are broken; all of them are named at once.
    """
    if not folder.is_dir():
        raise SavedReplyError([f"{folder}: there is no such folder; make it, or correct the setting"])
    problems: list[str] = []
    found: dict[tuple[str, str], SavedReply] = {}
    for path in sorted(folder.rglob("*.md")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.name.lower() == "readme.md" or not path.is_file():
            continue
        try:
            reply = _read_file(path)
        except SavedReplyError as error:
            problems.extend(error.problems)
            continue
        first = found.setdefault((reply.name, reply.language), reply)
        if first is not reply:
            problems.append(
                f"{path}:1: {reply.name} in {reply.language} is in {first.path} already; keep one of the two"
            )
    if problems:
        raise SavedReplyError(problems)
    return tuple(found[key] for key in sorted(found))


def parse_saved_reply(source: str, path: Path) -> SavedReply:
    """Read one saved reply; `path` is for messages.

    Raises:
        SavedReplyError: with file, line and what to do.
    """
    lines = source.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "+++":
        raise _problem(path, 1, "the file must start with a line +++, its settings, and a second line +++")
    end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == "+++"), None)
    if end is None:
        raise _problem(path, 1, "the second line +++ that ends the settings is missing")
    head = lines[1:end]
    front = _front(head, path)
    text = "\n".join(lines[end + 1 :])
    skipped = len(text) - len(text.lstrip("\n"))
    if not text.strip():
        raise _problem(path, end + 2, "the answer is empty; write it below the second line +++")
    return SavedReply(
        name=front.name,
        language=front.language,
        text=text.strip("\n"),
        owner=front.owner.strip(),
        version=front.version,
        expires=front.expires,
        when=front.when,
        note=front.note,
        path=path,
        line=end + 2 + skipped,
    )


def write_starter_set(folder: Path, today: date) -> list[Path]:
    """Copy the starter answers into a folder, good for a year from `today`; files that exist are kept.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    expires = f"expires = {(today + timedelta(days=365)).isoformat()}\n\n[when]\n"
    written = []
    for name, source in starter_sources():
        target = folder / name
        if not target.exists():
            target.write_text(source.replace("\n[when]\n", expires, 1), encoding="utf-8")
            written.append(target)
    return written


def starter_sources() -> list[tuple[str, str]]:
    """File name and content of every starter answer, sorted by name."""
    folder = Path(__file__).parent / "data" / "saved_replies"
    return [(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.md"))]


def _read_file(path: Path) -> SavedReply:
    try:
        if path.stat().st_size > MAX_FILE:
            raise _problem(path, 1, f"the file is larger than {MAX_FILE:,} bytes; a saved reply is a short text")
        source = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise _problem(path, 1, f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _problem(path, line, "is not UTF-8; save the file in that encoding") from None
    return parse_saved_reply(source, path)


def _front(head: list[str], path: Path) -> _Front:
    try:
        table = tomllib.loads("\n".join(head) + "\n")
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line = int(place.group(1)) + 1 if place else 2
        what = _TOML_PLACE.sub("", str(error)).strip()
        raise _problem(path, line, f"the settings are not TOML: {what}") from None
    try:
        return _Front.model_validate(table)
    except ValidationError as error:
        raise SavedReplyError(list(_explained(error, head, path))) from None


def _explained(error: ValidationError, head: list[str], path: Path) -> Iterator[str]:
    for item in error.errors(include_url=False, include_input=False):
        names = [part for part in item["loc"] if isinstance(part, str)]
        key = ".".join(names) or "settings"
        line = _line_of(names, head)
        if item["type"] == "missing":
            yield f"{path}:{line}: {key} is missing; add {key} = …"
        elif item["type"] == "extra_forbidden":
            model: type[BaseModel] = When if names[0] == "when" else _Front
            yield f"{path}:{line}: there is no setting {key!r}; known here: {', '.join(model.model_fields)}"
        else:
            what = item["msg"].removeprefix("Value error, ")
            yield f"{path}:{line}: {key}: {what}"


def _line_of(names: list[str], head: list[str]) -> int:
    for name in reversed(names):
        pattern = re.compile(rf"\s*\[?\s*[\"']?{re.escape(name)}[\"']?\s*[=\]]")
        for number, line in enumerate(head, 2):
            if pattern.match(line):
                return number
    return 1


def _problem(path: Path, line: int, message: str) -> SavedReplyError:
    return SavedReplyError([f"{path}:{line}: {message}"])


def _known(values: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if value not in allowed:
            raise ValueError(f"{value!r} is unknown; use {', '.join(allowed)}")
    return values
