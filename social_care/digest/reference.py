"""Published figures to hold one's own against: where they come from, and reading a workspace's own."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from storage.errors import ConfigError

FILE_NAME = "reference.toml"
_KEYS = {"value": (int, float), "text": (str,), "source": (str,), "year": (str, int)}


@dataclass(frozen=True, slots=True)
class Reference:
    """One published figure: its value, what it says, who said it and when."""

    name: str
    value: float
    text: str
    source: str
    year: str

    def cite(self) -> str:
        """Source and year in one phrase."""
        return f"{self.source}, {'year unverified' if self.year == 'unverified' else self.year}"


@cache
def _shipped() -> str:
    return files("social_care").joinpath("data", FILE_NAME).read_text(encoding="utf-8")


def references(folder: Path | None = None) -> dict[str, Reference]:
    """The reference lines by name; a `reference.toml` in `folder` replaces those it holds.

    Raises:
        ConfigError: the workspace's file cannot be read, or a table of it lacks a key.
    """
    found = _read(_shipped(), f"the shipped {FILE_NAME}")
    own = folder / FILE_NAME if folder is not None else None
    if own is not None and own.is_file():
        try:
            found |= _read(own.read_text(encoding="utf-8-sig"), str(own))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{own} cannot be read: {error}") from None
    return found


def _read(text: str, where: str) -> dict[str, Reference]:
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not valid TOML: {error}") from None
    return {name: _one(name, table, where) for name, table in tables.items()}


def _one(name: str, table: Any, where: str) -> Reference:
    if not isinstance(table, dict) or set(table) != set(_KEYS):
        raise ConfigError(f"{where}: [{name}] needs exactly the keys {', '.join(_KEYS)}")
    for key, kinds in _KEYS.items():
        if not isinstance(table[key], kinds) or isinstance(table[key], bool):
            raise ConfigError(f"{where}: [{name}] {key} is {table[key]!r}; {_WANTED[key]} is needed")
    return Reference(name, float(table["value"]), table["text"], table["source"], str(table["year"]))


_WANTED = {"value": "a number", "text": "a text", "source": "a text", "year": "a year"}
