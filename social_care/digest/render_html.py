"""A digest as one HTML file: no script, nothing loaded from anywhere, readable in a browser and in a mail."""

from functools import cache
from typing import TYPE_CHECKING, Any

from social_care.digest.blocks import Bars, Block, Items, Note, Page, Table, Tiles, footnotes, numbers
from social_care.digest.links import safe_link
from social_care.safe import safe_line

if TYPE_CHECKING:
    from jinja2 import Template

QUOTE = 280
BARS_HEIGHT = 56
"""Pixels of the tallest bar."""
_KINDS: tuple[tuple[type[Block], str], ...] = (
    (Tiles, "tiles"), (Table, "table"), (Bars, "bars"), (Items, "items"), (Note, "note"),
)  # fmt: skip


def render_html(page: Page) -> str:
    """The page as a self-contained HTML document; a quiet one says its one line."""
    return _template().render(page=page, notes=footnotes(page))


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("social_care"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["line"] = _line
    environment.filters["link"] = safe_link
    environment.filters["kind"] = _kind
    environment.globals["numbers"] = numbers
    environment.globals["heights"] = _heights
    environment.globals["QUOTE"] = QUOTE
    return environment.get_template("digest.html.j2")


def _line(text: Any, limit: int = 300) -> str:
    """One line without control and direction characters; autoescaping does the rest."""
    return safe_line(str(text), limit)


def _kind(block: Block) -> str:
    return next(name for kind, name in _KINDS if isinstance(block, kind))


def _heights(bars: Bars) -> list[int]:
    """The height of each bar in pixels; what is not nothing is at least two."""
    top = max(bars.counts, default=0) or 1
    return [max(2, round(BARS_HEIGHT * count / top)) if count else 0 for count in bars.counts]
