"""`inbox`, `search`: what to answer first, and what was said."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from social_care.cli import exits, show
from social_care.cli.context import of
from social_care.safe import safe_line

if TYPE_CHECKING:
    from social_care.workspace import Workspace
    from storage.queries import InboxCounts, InboxRow


def register(app: typer.Typer) -> None:
    """Put these commands on the top level."""
    app.command()(inbox)
    app.command()(search)


def inbox(
    context: typer.Context,
    query: Annotated[
        list[str] | None,
        typer.Argument(
            help="Words, and network:x priority:P1 lang:zh is:breached is:mine status:all …", metavar="[QUERY]"
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many cases.")] = 20,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Leave out the first so many.")] = 0,
) -> None:
    """Show the cases that wait for an answer, most pressing first, each with its reason."""
    invocation = of(context)
    workspace = invocation.workspace()
    words = " ".join(query or [])
    if invocation.json:
        rows, counts = find_cases(workspace, words, invocation.who, invocation.now, limit, offset)
        show.print_json(
            {
                "as_of": invocation.now.isoformat(),
                "query": words,
                "counts": asdict(counts),
                "cases": [case_json(row, invocation.now) for row in rows],
            }
        )
        return
    show_inbox(workspace, query=words, limit=limit, now=invocation.now, who=invocation.who, offset=offset)


def find_cases(
    workspace: "Workspace", query: str | None, who: str, now: datetime, limit: int, offset: int
) -> "tuple[list[InboxRow], InboxCounts]":
    """The cases a query finds, with the counts of all it finds.

    Raises:
        ConfigError: the query cannot be read.
    """
    from social_care.cli.inbox_query import parse_query
    from storage import queries

    where = parse_query(query, who)
    with workspace.database.read() as session:
        rows = queries.inbox(session, now=now, where=where, limit=limit, offset=offset)
        return rows, queries.inbox_counts(session, now=now, where=where)


def case_json(row: "InboxRow", now: datetime) -> dict[str, Any]:
    """One case as machines read it. Its text was written by strangers: `untrusted` says so."""
    values = asdict(row)
    values["untrusted"] = True
    values["age_seconds"] = round((now - row.opened_at).total_seconds())
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}


def show_inbox(
    workspace: "Workspace", *, query: str | None, limit: int, now: datetime, who: str = "", offset: int = 0
) -> None:
    """Print the inbox: two lines a case, so that 80 columns are enough for the reason and the words."""
    rows, counts = find_cases(workspace, query, who, now, limit, offset)
    parts = [f"{counts.total:,} waiting"]
    for count, word in ((counts.breached, "breached"), (counts.at_risk, "at risk")):
        if count:
            parts.append(f"{count:,} {word}")
    show.say(show.coloured("inbox", "bold"), "  " + ", ".join(parts))
    for row in rows:
        _print_row(row, now)
    if not rows:
        show.hint("nothing waits" if not query else "nothing matches; status:all looks at closed cases too")
    elif counts.total > offset + len(rows):
        rest = counts.total - offset - len(rows)
        show.hint(f"{rest:,} more: --offset {offset + len(rows)}, or narrow it: inbox is:breached lang:zh")


def _print_row(row: "InboxRow", now: datetime) -> None:
    head = Text()
    head.append(f"{row.id:>6} ", "bold")
    head.append(f"{row.priority if row.priority != 'none' else '--':<3}", show.STYLES.get(row.priority, ""))
    head.append(f"{row.urgency:.2f} ")
    head.append(f"{_promise(row, now):<14} ", show.STYLES.get(row.state.replace("_", " "), ""))
    who = f"@{row.author}" if row.author and row.network == "x" else (row.author or "someone")
    head.append(safe_line(f"{row.network} {who}", 28), "cyan")
    if row.rating is not None:
        head.append(f" {row.rating:g}★", "yellow")
    if row.mentions > 1:
        head.append(f" {row.mentions} posts", "dim")
    if row.assigned_to:
        head.append(f" → {safe_line(row.assigned_to, 16)}", "magenta")
    if row.draft_status:
        head.append(f" [{row.draft_status}]", "green")
    show.one_line(head)
    body = Text(" " * 7)
    body.append(reasons_line(row.reasons, 34), "dim")
    body.append("  ")
    body.append(safe_line(row.text or row.title or "(no text)", 160))
    show.one_line(body)


def _promise(row: "InboxRow", now: datetime) -> str:
    from social_care.durations import say_duration

    if row.due_at is None:
        return "no clock"
    left = (row.due_at - now).total_seconds()
    return f"due {say_duration(left)}" if left >= 0 else f"late {say_duration(-left)}"


def reasons_line(reasons: list[dict[str, Any]], limit: int) -> str:
    """The strongest factors in a few words."""
    from sentiment.levels import in_short

    return safe_line(", ".join(in_short(reasons)), limit)


def search(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(help='Words (all must be there), "phrases", -not, prefix*.')],
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
    network: Annotated[str | None, typer.Option(help="Only this network.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many mentions.")] = 20,
) -> None:
    """Find mentions by their words, in any language; Chinese words are found inside sentences."""
    from storage.search import search as find

    invocation = of(context)
    workspace = invocation.workspace()
    with workspace.database.read() as session:
        hits = find(session, " ".join(query), limit, brand=brand, network=network)
    if invocation.json:
        show.print_json(
            [{**asdict(hit), "posted_at": hit.posted_at.isoformat(), "untrusted": True} for hit in hits]
        )
        return
    for hit in hits:
        case = f"case {hit.case_id}" if hit.case_id else ("ours" if hit.is_ours else "-")
        head = Text()
        head.append(f"{show.local(hit.posted_at, workspace.zone, '%Y-%m-%d %H:%M')}  ", "dim")
        head.append(f"{case:<10} ", "bold")
        head.append(safe_line(f"{hit.network} {hit.author or ''}", 40), "cyan")
        show.one_line(head)
        show.one_line(Text("  " + safe_line(hit.text or hit.title or "", 300)))
    if not hits:
        show.hint("nothing found")
    raise typer.Exit(exits.OK)
