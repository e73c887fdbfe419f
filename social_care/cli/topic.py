"""`topic list|test`: what we listen for, and how each network is asked."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from social_care.cli import exits, show
from social_care.cli.context import of

app = typer.Typer(
    no_args_is_help=True, help="What we listen for: list the topics, test a query on text before using it."
)


@app.command("list")
def list_topics(context: typer.Context) -> None:
    """List the configured topics."""
    settings = of(context).workspace().settings
    if of(context).json:
        show.print_json([topic.model_dump() for topic in settings.topics])
        return
    if not settings.topics:
        show.hint("no topics yet: add [[topics]] to social-care.toml (docs/configuration.md)")
        return
    show.table(
        ["topic", "brand", ("query", {"overflow": "fold"})], [(t.name, t.brand, t.query) for t in settings.topics]
    )


@app.command("test")
def try_query(
    context: typer.Context,
    topic: Annotated[str, typer.Argument(help="A topic's name, or a query in quotes.")],
    source: Annotated[
        str | None, typer.Argument(help="Text lines to try it on; - for standard input.", metavar="[FILE|-]")
    ] = None,
) -> None:
    """Show how a query is read and what each network is asked; with FILE, which lines it matches."""
    from listeners import topics

    invocation = of(context)
    query = _query(invocation, topic)
    parsed = topics.parse_topic(query)
    reading = topics.explain(parsed)
    matched = [] if source is None else list(_matches(source, parsed, invocation.now))
    if invocation.json:
        show.print_json({"query": query, "reading": reading.splitlines(), "matches": matched})
        return
    show.say(reading)
    for line in matched:
        show.say(show.coloured("✓ ", "green") if line["matches"] else show.coloured("· ", "dim"), line["text"])
    if source is not None:
        show.hint(f"{sum(line['matches'] for line in matched)} of {len(matched)} lines match")
    raise typer.Exit(exits.OK)


def _query(invocation: Any, topic: str) -> str:
    from social_care.workspace import Workspace
    from storage.errors import ConfigError

    try:
        workspace: Workspace = invocation.workspace()
    except ConfigError:
        return topic
    return next((item.query for item in workspace.settings.topics if item.name == topic), topic)


def _matches(source: str, parsed: Any, now: datetime) -> Iterator[dict[str, Any]]:
    from social_care.cli.line import open_bytes
    from social_care.safe import safe_line
    from storage.models import MentionData

    for number, raw in enumerate(open_bytes(source)):
        text = raw.decode("utf-8", "replace").rstrip("\n")
        if text:
            mention = MentionData(network="test", native_id=str(number), brand="test", text=text, posted_at=now)
            yield {"matches": parsed.matches(mention), "text": safe_line(text, 76)}
