"""A digest as Markdown: what customers wrote cannot become markup, a link or a picture."""

import re

from social_care.digest.blocks import (
    Bars,
    Block,
    Cell,
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
from social_care.digest.links import safe_link
from social_care.safe import safe_line

QUOTE = 240
_MARKUP = re.compile(r"([\\`*_\[\]<>|#~!$&])")
_AUTOLINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp|www)([:.])")
_SIGN = {"bad": "🔴", "warn": "🟡", "good": "🟢", "plain": "", "quiet": ""}
_SPARKS = " ▁▂▃▄▅▆▇█"


def render_markdown(page: Page) -> str:
    """The page as GitHub-flavoured Markdown; a quiet one as a single line."""
    if page.quiet is not None:
        return plain(page.quiet, 600) + "\n"
    notes = footnotes(page)
    lines = [f"# {plain(page.title)}", "", f"**{plain(page.period)}**", ""]
    lines += [f"{plain(text, 300)}  " for text in page.lead]
    for section in page.sections:
        marks = " ".join(f"[[{number}]](#c{number})" for number in numbers(section, notes))
        lines += ["", f"## {plain(section.title)}", "", *_section(section)]
        lines += [f"Commands: {marks}"] if marks else []
    lines += ["", "## To get the figures again", ""]
    for note in notes:
        what = plain("; ".join(note.what), 400)
        lines += [f'<a id="c{note.number}"></a>{note.number}\\. {what}', "", "```sh", note.command, "```", ""]
    lines += ["---", "", *(f"{plain(text, 600)}  " for text in page.foot)]
    return "\n".join(lines) + "\n"


def plain(text: str, limit: int = 200) -> str:
    """One line in which nothing is markup: no emphasis, link, HTML, table edge or self-made link."""
    line = _MARKUP.sub(r"\\\1", safe_line(text, limit))
    # An entity in place of the colon or dot: the eye sees the address, no parser does.
    return _AUTOLINK.sub(lambda found: f"{found[1]}&#{ord(found[2])};", line)


def _section(section: Section) -> list[str]:
    return [line for block in section.blocks for line in [*_block(block), ""]]


def _block(block: Block) -> list[str]:
    if isinstance(block, Tiles):
        rows = [f"| {_sign(tile.tone)}{plain(tile.label)} | **{plain(tile.value)}** | {plain(tile.detail)} |"
                for tile in block.tiles]  # fmt: skip
        return ["| | | |", "|---|---:|---|", *rows]
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Bars):
        top = max(block.counts, default=0) or 1
        drawn = "".join(_SPARKS[0 if not count else max(1, round(8 * count / top))] for count in block.counts)
        return [f"`{drawn}` {plain(f'{block.caption}, {block.first} to {block.last}; the most is {top:,}')}"]
    if isinstance(block, Items):
        return [line for item in block.items for line in _item(item)]
    assert isinstance(block, Note)
    return [f"{_sign(block.tone)}{plain(block.text, 600)}"]


def _sign(tone: str) -> str:
    return f"{_SIGN[tone]} " if _SIGN[tone] else ""


def _table(table: Table) -> list[str]:
    shown = [
        place
        for place in range(len(table.columns))
        if not any(row[place].parts for row in table.rows)  # a drawn bar says nothing here its columns do not
    ]
    head = "| " + " | ".join(plain(table.columns[place].name) for place in shown) + " |"
    rule = "|" + "|".join("---:" if table.columns[place].align == "right" else "---" for place in shown) + "|"
    return [head, rule, *("| " + " | ".join(_cell(row[place]) for place in shown) + " |" for row in table.rows)]


def _cell(cell: Cell) -> str:
    sign = _sign(cell.tone) if cell.tone in ("bad", "warn") else ""
    return f"{sign}{plain(cell.text)}"


def _item(item: Item) -> list[str]:
    badge = f"`{item.badge}` " if item.badge else ""
    who = f" · {plain(item.who, 60)}" if item.who else ""
    lines = [f"- {_sign(item.tone)}{badge}**{plain(item.head)}**{who}"]
    if item.quote.strip():
        lines.append(f"  > “{plain(item.quote, QUOTE)}”")
    if item.facts:
        lines += ["", "  " + "; ".join(plain(fact) for fact in item.facts) + "  "]
    link = safe_link(item.url)
    if link:
        lines.append(f"  [open the post](<{link}>)  ")
    lines += [f"  `{command.replace('`', '')}`  " for command in item.commands]
    return lines
