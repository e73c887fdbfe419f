"""A digest for a terminal or a plain mail: 80 columns, wide characters counted as two, nothing but text."""

import re

from rich.cells import cell_len, chop_cells, set_cell_size

from social_care.digest.blocks import (
    Bars,
    Block,
    Cell,
    Footnote,
    Item,
    Items,
    Note,
    Page,
    Section,
    Table,
    Tiles,
    footnotes,
    numbers,
)
from social_care.digest.commands import folded
from social_care.safe import safe_line

WIDTH = 80
QUOTE = 200
"""Characters of a customer's words that are shown at most."""
_BLOCKS = " ▁▂▃▄▅▆▇█"
_MARK = {"bad": "!", "warn": "~", "good": "+", "plain": " ", "quiet": " "}
_MIX = {"bad": "-", "quiet": "·", "good": "+", "warn": "?"}


def render_text(page: Page, width: int = WIDTH) -> str:
    """The page as lines of at most `width` columns; a quiet one as a single line.

    The commands that reproduce the figures stand at the end, numbered; they are folded with backslashes and can be
    copied as they stand.
    """
    if page.quiet is not None:
        return safe_line(page.quiet) + "\n"
    lines = [safe_line(page.title, 120).upper() if page.title.isascii() else safe_line(page.title, 120)]
    lines = [line for title in lines for line in wrapped(title, width)]
    lines += [*wrapped(page.period, width), *(line for text in page.lead for line in wrapped(text, width))]
    notes = footnotes(page)
    for section in page.sections:
        lines += ["", *_section(section, notes, width)]
    lines += ["", _rule("To get the figures again", "", width), *_commands(notes, width), "", "─" * width]
    for text in page.foot:
        lines += wrapped(safe_line(text), width)
    return "\n".join(lines) + "\n"


def _section(section: Section, notes: tuple[Footnote, ...], width: int) -> list[str]:
    marks = " ".join(map(str, numbers(section, notes)))
    lines = [_rule(section.title, f" [{marks}]" if marks else "", width)]
    for block in section.blocks:
        lines += _block(block, width)
    while not lines[-1]:
        lines.pop()
    return lines


def _rule(title: str, end: str, width: int) -> str:
    head = f"── {title} "
    return head + "─" * max(width - cell_len(head) - cell_len(end), 0) + end


def _commands(notes: tuple[Footnote, ...], width: int) -> list[str]:
    size = len(str(len(notes))) + 3
    lines: list[str] = []
    for note in notes:
        lines += wrapped(f"{f'[{note.number}]':<{size}}{safe_line('; '.join(note.what))}", width, hang=size)
        lines += [f"{'':<{size}}{line}" for line in folded(note.command, width - size)]
    return lines


def _block(block: Block, width: int) -> list[str]:
    if isinstance(block, Tiles):
        return _tiles(block, width)
    if isinstance(block, Table):
        return [*_table(block, width), ""]
    if isinstance(block, Bars):
        return _bars(block, width)
    if isinstance(block, Items):
        return [line for item in block.items for line in _item(item, width)]
    return _note(block, width)


def _tiles(block: Tiles, width: int) -> list[str]:
    size = max(cell_len(tile.value) for tile in block.tiles)
    lines = []
    for tile in block.tiles:
        detail = f"  ({tile.detail})" if tile.detail else ""
        lines += wrapped(
            f"{_MARK[tile.tone]} {_right(tile.value, size)}  {tile.label}{detail}", width, hang=4 + size
        )
    return lines


def _note(note: Note, width: int) -> list[str]:
    mark = _MARK[note.tone]
    return wrapped(f"{mark} {safe_line(note.text, 600)}", width, hang=2)


def _table(table: Table, width: int) -> list[str]:
    mixed = [any(row[place].parts for row in table.rows) for place in range(len(table.columns))]
    texts = [
        ["- · + ?" if mix else safe_line(column.name) for column, mix in zip(table.columns, mixed, strict=True)]
    ]
    texts += [[_cell(cell) for cell in row] for row in table.rows]
    sizes = [max(cell_len(row[place]) for row in texts) for place in range(len(table.columns))]
    gaps = 2 * (len(sizes) - 1)
    flexible = next((place for place, column in enumerate(table.columns) if column.flexible), 0)
    sizes[flexible] = max(min(sizes[flexible], width - gaps - sum(sizes) + sizes[flexible]), 8)
    lines = []
    for row in texts:
        pieces = [wrapped(text, size) if place == flexible else [clip(text, size)]
                  for place, (text, size) in enumerate(zip(row, sizes, strict=True))]  # fmt: skip
        for level in range(max(map(len, pieces))):
            cells = [
                _aligned(piece[level] if level < len(piece) else "", size, column.align)
                for piece, size, column in zip(pieces, sizes, table.columns, strict=True)
            ]
            lines.append(clip("  ".join(cells).rstrip(), width))
    return lines


def _cell(cell: Cell) -> str:
    if not cell.parts:
        return safe_line(cell.text, 160)
    drawn = "".join(_MIX.get(tone, " ") * round(share * 12) for tone, share in cell.parts)
    return drawn[:13]


def _aligned(text: str, size: int, align: str) -> str:
    return _right(text, size) if align == "right" else set_cell_size(text, size)


def _right(text: str, size: int) -> str:
    return " " * (size - cell_len(text)) + text


def _bars(block: Bars, width: int) -> list[str]:
    top = max(block.counts, default=0)
    counts = block.counts[-(width - 2) :]
    drawn = "".join(_BLOCKS[0 if not count else max(1, round(8 * count / top))] for count in counts)
    skipped = len(block.counts) - len(counts)
    marks = "".join("^" if place + skipped in block.high else " " for place in range(len(counts))).rstrip()
    lines = [f"  {drawn}"] + ([f"  {marks}"] if marks else [])
    return lines + wrapped(f"  {block.caption}, {block.first} to {block.last}; the most is {top:,}", width, hang=2)


def _item(item: Item, width: int) -> list[str]:
    badge = f"[{item.badge}] " if item.badge else ""
    who = f" · {safe_line(item.who, 40)}" if item.who else ""
    lines = wrapped(f"{_MARK[item.tone]} {badge}{safe_line(item.head, 160)}{who}", width, hang=2)
    if item.quote.strip():
        lines += wrapped(f"    “{safe_line(item.quote, QUOTE)}”", width, hang=5)
    if item.facts:
        lines += wrapped("    " + "; ".join(safe_line(fact, 200) for fact in item.facts), width, hang=4)
    if item.url:
        lines += wrapped(f"    {safe_line(item.url, 300)}", width, hang=4)
    for command in item.commands:
        lines += [f"    {line}" for line in folded(command, width - 4)]
    return lines


# A line may be broken at a space and between wide characters, but not before a closing mark.
_WIDE = "\u1100-\u115f\u2e80-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U0001f000-\U0003ffff"
_CLOSING = "，。！？、；：」』）》”’,.!?;:)…"
_PIECES = re.compile(rf"[{_WIDE}][{_CLOSING}]*|(?:(?![{_WIDE}])\S)+|\s+")


def clip(text: str, width: int) -> str:
    """The text cut to `width` columns, with an ellipsis where something is missing."""
    return text if cell_len(text) <= width else chop_cells(text, width - 1)[0].rstrip() + "…"


def wrapped(text: str, width: int, hang: int = 0) -> list[str]:
    """The text on lines of at most `width` columns, broken at spaces where it can be; later lines hang in."""
    lines: list[str] = []
    line = ""
    for piece in _PIECES.findall(text):
        if cell_len(line) + cell_len(piece) <= width:
            line += piece
            continue
        if piece.isspace():
            continue
        if line.strip() and (cell_len(piece) <= width - hang or cell_len(line) >= width - 6):
            lines.append(line.rstrip())
            line = " " * hang
        for part in _chopped(piece, width - cell_len(line), width - hang):
            if cell_len(line) + cell_len(part) > width:
                lines.append(line.rstrip())
                line = " " * hang
            line += part
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _chopped(piece: str, first: int, rest: int) -> list[str]:
    """A run without spaces cut to what fits on this line and on the next ones (Chinese, links)."""
    if cell_len(piece) <= first:
        return [piece]
    head = chop_cells(piece, first)[0] if first > 1 else ""
    return [*([head] if head else []), *chop_cells(piece[len(head) :], rest)]
