"""The command behind each figure: what a person types to get the same number again."""

import re
import shlex
from collections.abc import Sequence
from datetime import datetime

from social_care.digest.window import Window, stamp
from social_care.safe import safe_line

PROGRAM = "social-care"
INBOUND = "NOT m.is_ours AND m.kind <> 'repost'"
# What a shell or the next reader of a line could take for something else.
_PLAIN_WORD = re.compile(r"[^\W_]+")


def command(*words: str, now: datetime | None = None) -> str:
    """One command line, quoted for a shell; with `--now` where the figure depends on the time it is read at."""
    front = [PROGRAM, *(["--now", stamp(now)] if now is not None else [])]
    return safe_line(shlex.join([*front, *words]))


def inbox(brand: str | None, *words: str, now: datetime) -> str:
    """The inbox, narrowed to a brand by its query."""
    query = [f'brand:"{brand}"' if " " in brand else f"brand:{brand}"] if brand else []
    return command("inbox", *query, *words, now=now)


def sql(statement: str) -> str:
    """`social-care db sql "…"`. The statement is ours: it holds no post text and nothing a shell would expand."""
    return f'{PROGRAM} db sql "{" ".join(statement.split())}"'


def select(columns: str, source: str, where: str, tail: str = "") -> str:
    """`social-care db sql "SELECT …"` from its parts."""
    return sql(" ".join(("SELECT", columns, "FROM", source, "WHERE", where, tail)))


def moment(value: datetime) -> str:
    """A time as both databases compare it with a stored one."""
    return f"'{value:%Y-%m-%d %H:%M:%S+00}'"


def within(window: Window, brands: Sequence[int], column: str = "m.posted_at") -> str:
    """The condition of the window's inbound mentions, in SQL."""
    condition = f"{INBOUND} AND {column} >= {moment(window.since)} AND {column} < {moment(window.until)}"
    return condition + (f" AND m.brand_id IN ({', '.join(map(str, brands))})" if brands else "")


def count(window: Window, brands: Sequence[int]) -> str:
    """The command that counts the window's inbound mentions."""
    return select("count(*)", "mention m", within(window, brands))


def search(term: str, brand: str | None = None) -> str:
    """The search for one term: its letters and digits only, as a phrase where it has several words."""
    words = " ".join(_PLAIN_WORD.findall(term)) or term
    return command("search", f'"{words}"' if " " in words else words, *(["--brand", brand] if brand else []))


MOOD = (
    "CASE WHEN l.value IS NOT NULL THEN l.value WHEN s.id IS NULL THEN 'unscored' "
    "WHEN s.abstained THEN 'abstained' ELSE s.sentiment END"
)
UNDERSTOOD = (
    "mention m LEFT JOIN score s ON s.id = (SELECT max(id) FROM score "
    "WHERE mention_id = m.id AND mention_version = m.version) "
    "LEFT JOIN label l ON l.id = (SELECT max(id) FROM label "
    "WHERE mention_id = m.id AND mention_version = m.version AND field = 'sentiment')"
)


_ATOM = re.compile(r"(?:'[^']*'|[^\s'])+")


def folded(text: str, width: int) -> list[str]:
    """A command on lines of at most `width` columns that a shell reads as one, broken at spaces only.

    A backslash at the end of a line joins it to the next one, also between double quotes; what stands in
    single quotes is never broken, so a line may stay longer than `width` where such a text is.
    """
    from rich.cells import cell_len

    lines = [""]
    for atom in _ATOM.findall(text):
        longer = f"{lines[-1]} {atom}" if lines[-1].strip() else f"{lines[-1]}{atom}"
        if cell_len(longer) <= width - 2 or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(f"  {atom}")
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]
