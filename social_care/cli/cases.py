"""`case show|assign|release|snooze|wake|resolve|dismiss|reopen|label`: work on one case."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from social_care.cli import show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from storage.desk import CaseChangeReport

app = typer.Typer(
    no_args_is_help=True, help="Work on one case: show it, take it, put it off, close it, correct it."
)

Number = Annotated[int, typer.Argument(help="The case's number, as the inbox shows it.", min=1)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Act although somebody else holds the case.")]
Revision = Annotated[int | None, typer.Option("--revision", help="Only if the case is still at this revision.")]
Note = Annotated[str | None, typer.Option("--note", help="Why, for the record.")]
REASONS = "spam, news, duplicate, own, opted_out, not_about_us, resolved_elsewhere, unsafe or other"


@app.command("show")
def show_case(context: typer.Context, case: Number) -> None:
    """Show one case: thread, scores, clocks, drafts and history."""
    from social_care.cli.case_view import print_case
    from storage import queries

    invocation = of(context)
    workspace = invocation.workspace()
    with workspace.database.read() as session:
        detail = queries.case_detail(session, case)
    print_case(detail, workspace.zone, invocation.now, as_json=invocation.json)


@app.command()
def assign(
    context: typer.Context,
    case: Number,
    to: Annotated[str | None, typer.Option("--to", help="Whom; default: yourself.")] = None,
    force: Force = False,
    revision: Revision = None,
    dry_run: DryRun = False,
) -> None:
    """Take a case, so that nobody else answers the same customer."""
    from responders import desk

    verb = partial(desk.assign, who=to or of(context).who, force=force)
    _act(of(context), case, verb, revision=revision, dry_run=dry_run)


@app.command()
def release(context: typer.Context, case: Number, force: Force = False, dry_run: DryRun = False) -> None:
    """Give a case back to everybody."""
    from responders import desk

    _act(of(context), case, partial(desk.assign, who=None, force=force), dry_run=dry_run)


@app.command()
def snooze(
    context: typer.Context,
    case: Number,
    until: Annotated[
        str, typer.Option("--until", help="2h, 3d, or a time such as 2026-03-02T09:00 in your zone.")
    ],
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Put a case out of sight until a time; its clocks run on."""
    from responders import desk

    invocation = of(context)
    moment = read_moment(until, invocation.now, invocation.workspace().zone)
    _act(invocation, case, partial(desk.snooze, until=moment, force=force), dry_run=dry_run)


@app.command()
def wake(context: typer.Context, case: Number, force: Force = False, dry_run: DryRun = False) -> None:
    """End a snooze early."""
    from responders import desk

    _act(of(context), case, partial(desk.snooze, until=None, force=force), dry_run=dry_run)


@app.command()
def resolve(
    context: typer.Context,
    case: Number,
    note: Note = None,
    force: Force = False,
    revision: Revision = None,
    dry_run: DryRun = False,
) -> None:
    """Close a case: the matter is settled. A breach that happened stays."""
    from responders import desk

    _act(of(context), case, partial(desk.resolve, note=note, force=force), revision=revision, dry_run=dry_run)


@app.command()
def dismiss(
    context: typer.Context,
    case: Number,
    reason: Annotated[str, typer.Option("--reason", help=REASONS + ".")],
    note: Note = None,
    force: Force = False,
    revision: Revision = None,
    dry_run: DryRun = False,
) -> None:
    """Close a case that needs no reply, for a named reason. A breach that happened stays."""
    from responders import desk

    verb = partial(desk.dismiss, reason=reason, note=note, force=force)
    _act(of(context), case, verb, revision=revision, dry_run=dry_run)


@app.command()
def reopen(context: typer.Context, case: Number, force: Force = False, dry_run: DryRun = False) -> None:
    """Undo a closing; the clocks run on with their old deadlines."""
    from responders import desk

    _act(of(context), case, partial(desk.reopen, force=force), dry_run=dry_run)


@app.command()
def label(
    context: typer.Context,
    case: Number,
    sentiment: Annotated[str | None, typer.Option(help="negative, neutral or positive.")] = None,
    urgency: Annotated[str | None, typer.Option(help="0 to 1.")] = None,
    reply_needed: Annotated[str | None, typer.Option(help="yes or no.")] = None,
    language: Annotated[str | None, typer.Option(help="A language code.")] = None,
    theme: Annotated[str | None, typer.Option(help="A word for what it is about.")] = None,
    mention: Annotated[int | None, typer.Option("--mention", help="Which mention; default: the newest.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Correct what the model said. Both answers are kept; yours counts."""
    from responders import desk

    given = {
        "sentiment": sentiment, "urgency": urgency, "reply_needed": reply_needed,
        "language": language, "theme": theme,
    }  # fmt: skip
    chosen = {field: value for field, value in given.items() if value is not None}
    if not chosen:
        raise typer.BadParameter("name at least one correction, e.g. --sentiment negative")
    invocation = of(context)
    with invocation.workspace().database.write() as session:
        reports = [
            desk.label(
                session, case, field, value,
                actor=invocation.who, now=invocation.now, mention_id=mention, dry_run=dry_run,
            )
            for field, value in chosen.items()
        ]  # fmt: skip
    if not dry_run:
        invocation.workspace().triage(invocation.now)
    if invocation.json:
        show.print_json({"case": case, "changes": [_report_json(report) for report in reports]})
        return
    for (field, value), report in zip(chosen.items(), reports, strict=True):
        _print_change(report, f"{field} is {value}" + ("" if report.changed else " already"))


def read_moment(value: str, now: datetime, zone: str) -> datetime:
    """A duration from now (`2h`) or a local time, as aware UTC.

    Raises:
        BadParameter: it is neither.
    """
    from social_care.durations import parse_duration

    try:
        return now + parse_duration(value)
    except OverflowError:
        raise typer.BadParameter(f"{value!r} is too far ahead") from None
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(
            f"{value!r} is neither a duration (2h, 3d) nor a time (2026-03-02T09:00)"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def _act(
    invocation: Invocation,
    case: int,
    verb: "Callable[..., CaseChangeReport]",
    *,
    revision: int | None = None,
    dry_run: bool = False,
) -> None:
    named = {} if revision is None else {"expected_revision": revision}
    with invocation.workspace().database.write() as session:
        report = verb(session, case, actor=invocation.who, now=invocation.now, dry_run=dry_run, **named)
    if invocation.json:
        show.print_json(_report_json(report))
    else:
        _print_change(report)


def _report_json(report: "CaseChangeReport") -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__slots__}


def _print_change(report: "CaseChangeReport", said: str = "") -> None:
    verb = report.action.removeprefix("case.")
    fields = ", ".join(
        f"{name}: {_short(report.before.get(name))} → {_short(value)}" for name, value in report.after.items()
    )
    outcome = said or fields or ("done" if report.changed else "nothing to change")
    show.say(f"{'would ' if report.dry_run else ''}{verb} case {report.case_id}  ", show.coloured(outcome, "dim"))
    for warning in report.warnings:
        show.warn(f"  {warning}")


def _short(value: Any) -> str:
    return "-" if value is None else str(value)[:40]
