"""The line by hand or on a schedule: `import`, `listen`, `score`, `run`, `worker`."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from social_care.cli import exits, show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from sentiment.records import Broken

PRESETS = "support-reply-pairs, support-threads, airline, appstore-replies, play-console, x-api"


def register(app: typer.Typer) -> None:
    """Put these commands on the top level."""
    app.command("import")(import_)
    app.command()(listen)
    app.command()(score)
    app.command()(run)
    app.command()(worker)


def import_(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            help="A CSV, JSON or JSON Lines file (also .gz), or - for standard input.", metavar="FILE|-"
        ),
    ],
    preset: Annotated[
        str | None, typer.Option(help=f"A known format: {PRESETS}. Without it the columns are guessed and shown.")
    ] = None,
    brand: Annotated[str | None, typer.Option(help="The brand, where the file does not name one.")] = None,
    zone: Annotated[str | None, typer.Option(help="Zone of times without one; default: the workspace's.")] = None,
    time_format: Annotated[
        str | None,
        typer.Option(
            "--time-format", help="dmy or mdy where the days do not tell, iso, epoch, or a strptime pattern."
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", help="A column by role: --map text=Body --map time=Date.", metavar="ROLE=COLUMN"),
    ] = None,
    no_score: Annotated[
        bool, typer.Option("--no-score", help="Store only; score later (social-care score --pending).")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count; store nothing.")] = False,
) -> None:
    """Store the posts of a file, score them and sort them into cases. Importing it again changes nothing."""
    from social_care.importing import ImportRequest, run_import

    invocation = of(context)
    request = ImportRequest(
        source=source,
        preset=preset,
        brand=brand,
        zone=zone,
        time_format=time_format,
        columns=_pairs(map_),
        score=not no_score,
        dry_run=dry_run,
    )
    raise typer.Exit(run_import(invocation.workspace(), request, now=invocation.now, as_json=invocation.json))


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = {}
    for item in given or []:
        role, equals, column = item.partition("=")
        if not equals or not role or not column:
            raise typer.BadParameter(f"{item!r}: write ROLE=COLUMN, for example text=Body")
        pairs[role.strip()] = column.strip()
    return pairs


def listen(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Listeners to poll; default: all that are not parked.", metavar="[NAME]..."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Poll and count; store nothing and move no cursor.")
    ] = False,
) -> None:
    """Poll listeners once, now, then score and triage what came."""
    from social_care.listening import poll_now

    invocation = of(context)
    raise typer.Exit(
        poll_now(invocation.workspace(), names or [], _clock(invocation), as_json=invocation.json, dry_run=dry_run)
    )


def score(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            help="Text lines, CSV with a text column, or JSON Lines; - for standard input.", metavar="[FILE|-]"
        ),
    ] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Score and triage what waits in the workspace instead.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="A folder or a Hugging Face id; default: bundled.")] = None,
    revision: Annotated[str | None, typer.Option(help="The commit of a Hugging Face model.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --pending: count what waits; store nothing.")
    ] = False,
) -> None:
    """Score texts, one JSON object a line, in order. Stateless: needs no workspace, stores nothing."""
    invocation = of(context)
    if pending:
        _score_pending(invocation, dry_run=dry_run)
        return
    from sentiment.score_stream import score_lines
    from social_care.other_models import load_scorer
    from social_care.safe import safe_json, safe_line

    broken = 0

    def tell(record: "Broken") -> None:
        nonlocal broken
        broken += 1
        show.warn(f"line {record.line}: {safe_line(record.reason, 300)}")

    with open_bytes(source or "-") as stream:
        for record in score_lines(stream, source or "-", load_scorer(invocation.folder, model, revision), tell):
            sys.stdout.write(safe_json(record) + "\n")
    raise typer.Exit(exits.PARTLY if broken else exits.OK)


def _score_pending(invocation: Invocation, *, dry_run: bool) -> None:
    from social_care.understanding import understand
    from storage import queries

    workspace = invocation.workspace()
    if dry_run:
        with workspace.database.read() as session:
            waiting = queries.unscored_count(session, workspace.scorer_name)
        if invocation.json:
            show.print_json({"dry_run": True, "scored": waiting})
        else:
            show.say(f"would score {waiting:,}")
        return
    scored, triaged = understand(workspace, now=invocation.now)
    if invocation.json:
        show.print_json({"scored": scored, "triaged": triaged})
    else:
        show.say(f"{scored:,} scored, {triaged:,} sorted into cases")


def open_bytes(source: str) -> Any:
    """Standard input or a file, as bytes.

    Raises:
        ConfigError: no such file, or it cannot be read.
    """
    from storage.errors import ConfigError

    if source == "-":
        return sys.stdin.buffer
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}") from None


def run(
    context: typer.Context,
    tick: Annotated[float, typer.Option("--tick", min=0.05, hidden=True, help="Seconds between two looks.")] = 5.0,
) -> None:
    """Listen, score, triage, track and write the daily digest, until stopped (Ctrl-C or SIGTERM)."""
    from social_care import scheduler

    invocation = of(context)
    workspace = invocation.workspace()
    if not workspace.settings.listeners:
        show.warn(
            "no listeners are configured; only clocks and the digest are looked after (docs/configuration.md)"
        )
    show.say(f"social-care runs in {workspace.folder}; Ctrl-C stops it")
    scheduler.run(workspace, _clock(invocation), _log_line(invocation), tick=timedelta(seconds=tick))


def worker(
    context: typer.Context,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Stop when no job is left.")] = False,
    stalled_after: Annotated[
        float, typer.Option("--stalled-after", min=0.5, hidden=True, help="Seconds without a sign of life.")
    ] = 20.0,
) -> None:
    """Take scoring and triage jobs from a shared PostgreSQL database (extra: postgres)."""
    from social_care import worker as work_queue

    workspace = of(context).workspace()
    show.say(f"worker on {workspace.database.url}; Ctrl-C stops it")
    work_queue.work(workspace, wait=not until_empty, stalled_after=stalled_after)


def _clock(invocation: Invocation) -> Any:
    return (lambda: invocation.now) if invocation.pretended_now else (lambda: datetime.now(UTC))


def _log_line(invocation: Invocation) -> Any:
    from social_care.safe import safe_line

    def tell(text: str) -> None:
        sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {safe_line(text)}\n")
        sys.stdout.flush()

    del invocation
    return tell
