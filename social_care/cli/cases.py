"""`case show|assign|release|snooze|wake|resolve|dismiss|reopen|label`: work on one case."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from social_care.cli import show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from storage.desk import CaseChange, CaseChangeReport, CaseFacts

app = typer.Typer(
    no_args_is_help=True, help="Work on one case: show it, take it, put it off, close it, correct it."
)

Number = Annotated[int, typer.Argument(help="The case's number, as the inbox shows it.", min=1)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Act although somebody else holds the case.")]
Revision = Annotated[int | None, typer.Option("--revision", help="Only if the case is still at this revision.")]
Note = Annotated[str | None, typer.Option("--note", help="Why, for the record.")]


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
    from responders import actions

    who, now = to or of(context).who, of(context).now
    _act(of(context), case, lambda facts: actions.assign(facts, who, now=now, force=force), revision, dry_run)


@app.command()
def release(context: typer.Context, case: Number, force: Force = False, dry_run: DryRun = False) -> None:
    """Give a case back to everybody."""
    from responders import actions

    who = of(context).who
    _act(of(context), case, lambda facts: actions.release(facts, actor=who, force=force), None, dry_run)


@app.command()
def snooze(
    context: typer.Context,
    case: Number,
    until: Annotated[
        str, typer.Option("--until", help="2h, 3d, or a time such as 2026-03-02T09:00 in the workspace's zone.")
    ],
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Put a case out of sight until a time; its clocks run on."""
    from responders import actions

    invocation = of(context)
    moment = read_moment(until, invocation.now, invocation.workspace().zone)
    _act(
        invocation,
        case,
        lambda facts: actions.snooze(facts, moment, actor=invocation.who, now=invocation.now, force=force),
        None,
        dry_run,
    )


@app.command()
def wake(context: typer.Context, case: Number, force: Force = False, dry_run: DryRun = False) -> None:
    """End a snooze early."""
    from responders import actions

    who = of(context).who
    _act(of(context), case, lambda facts: actions.wake(facts, actor=who, force=force), None, dry_run)


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
    from responders import actions

    who, now = of(context).who, of(context).now
    _act(
        of(context),
        case,
        lambda facts: actions.resolve(facts, actor=who, now=now, note=note, force=force),
        revision,
        dry_run,
    )


@app.command()
def dismiss(
    context: typer.Context,
    case: Number,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            help="spam, news, duplicate, own, opted_out, not_about_us, resolved_elsewhere, unsafe, other.",
        ),
    ],
    note: Note = None,
    force: Force = False,
    revision: Revision = None,
    dry_run: DryRun = False,
) -> None:
    """Close a case that needs no reply, for a named reason. A breach that happened stays."""
    from responders import actions

    who, now = of(context).who, of(context).now
    _act(
        of(context),
        case,
        lambda facts: actions.dismiss(facts, reason, actor=who, now=now, note=note, force=force),
        revision,
        dry_run,
    )


@app.command()
def reopen(context: typer.Context, case: Number, force: Force = False, dry_run: DryRun = False) -> None:
    """Undo a closing; the clocks run on with their old deadlines."""
    from responders import actions

    who = of(context).who
    _act(of(context), case, lambda facts: actions.reopen(facts, actor=who, force=force), None, dry_run)


@app.command()
def label(
    context: typer.Context,
    case: Number,
    sentiment: Annotated[str | None, typer.Option(help="negative, neutral or positive.")] = None,
    urgency: Annotated[str | None, typer.Option(help="0 to 1.")] = None,
    reply_needed: Annotated[str | None, typer.Option(help="yes or no.")] = None,
    language: Annotated[str | None, typer.Option(help="A language code.")] = None,
    theme: Annotated[str | None, typer.Option(help="A word for what it is about.")] = None,
    mention: Annotated[
        int | None, typer.Option("--mention", help="Which mention; default: the one to read first.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Correct what the model said. Both answers are kept; yours counts."""
    from responders import actions
    from social_care.pipeline import triage_pending
    from storage import desk

    given = {
        "sentiment": sentiment,
        "urgency": urgency,
        "reply_needed": reply_needed,
        "language": language,
        "theme": theme,
    }
    chosen = {field: value for field, value in given.items() if value is not None}
    if not chosen:
        raise typer.BadParameter("name at least one correction, e.g. --sentiment negative")
    invocation = of(context)
    workspace = invocation.workspace()
    reports = []
    with workspace.database.write() as session:
        for field, value in chosen.items():
            facts = desk.load_case(session, case)
            number = mention or facts.case.lead_mention_id
            if number is None:
                raise typer.BadParameter("this case has no mention to label; name one with --mention")
            about = desk.load_mention(session, number)
            change = actions.label(facts, field, value, about, desk.newest_score(session, about))
            reports.append(
                desk.execute_case(
                    session, facts, change, actor=invocation.who, now=invocation.now, dry_run=dry_run
                )
            )
    if not dry_run:
        triage_pending(
            workspace.database, scorer_name=workspace.scorer_name, policies=workspace.policies, now=invocation.now
        )
    for report in reports:
        print_change(report, as_json=invocation.json)


def read_moment(value: str, now: datetime, zone: str) -> datetime:
    """A duration from now (`2h`) or a local time, as aware UTC."""
    from social_care.durations import parse_duration

    try:
        return now + parse_duration(value)
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
    decide: "Callable[[CaseFacts], CaseChange]",
    revision: int | None,
    dry_run: bool,
) -> None:
    from storage import desk

    with invocation.workspace().database.write() as session:
        facts = desk.load_case(session, case)
        report = desk.execute_case(
            session,
            facts,
            decide(facts),
            actor=invocation.who,
            now=invocation.now,
            expected_revision=revision,
            dry_run=dry_run,
        )
    print_change(report, as_json=invocation.json)


def print_change(report: "CaseChangeReport", *, as_json: bool) -> None:
    """Say what was changed, or would be."""
    if as_json:
        show.print_json({name: getattr(report, name) for name in report.__slots__})
        return
    verb = report.action.removeprefix("case.")
    lead = "would " if report.dry_run else ""
    fields = ", ".join(
        f"{name}: {_short(report.before.get(name))} → {_short(value)}" for name, value in report.after.items()
    )
    outcome = fields or ("done" if report.changed else "nothing to change")
    show.say(f"{lead}{verb} case {report.case_id}  ", show.coloured(outcome, "dim"))
    for warning in report.warnings:
        show.warn(f"  {warning}")


def _short(value: Any) -> str:
    return "-" if value is None else str(value)[:40]
