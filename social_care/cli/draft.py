"""`draft new|show|edit|approve|reject|handoff`: propose, consent to the exact text, take it to the network."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from social_care.cli import exits, show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from storage.desk import DraftReport

app = typer.Typer(no_args_is_help=True, help="Answers: propose, edit, approve word for word, hand off.")

Number = Annotated[int, typer.Argument(help="The draft's number.", min=1)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")]
Text = Annotated[str | None, typer.Option("--text", help="The answer's text; - reads standard input.")]


@app.command()
def new(
    context: typer.Context,
    case: Annotated[int, typer.Argument(help="The case to answer.", min=1)],
    text: Text = None,
    language: Annotated[
        str | None, typer.Option(help="Answer in this language instead of the customer's.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Draft an answer: the saved reply that fits best, or your own text. Says why this one."""
    from social_care.drafting import draft_for

    invocation = of(context)
    made = draft_for(
        invocation.workspace(), case, now=invocation.now, actor=invocation.who, text=_text(text),
        language=language, dry_run=dry_run,
    )  # fmt: skip
    if invocation.json:
        draft_id = made.report.draft_id if made.report else None
        show.print_json(
            {"draft": draft_id, "text": made.text, "saved_reply": made.saved_reply, "reasons": made.reasons}
        )
        raise typer.Exit(exits.OK if made.report else exits.FAILED)
    for reason in made.reasons:
        show.say("  ", show.coloured(reason, "dim"))
    if made.report is None:
        show.warn(f"no draft was made; write one: social-care draft new {case} --text '…'")
        raise typer.Exit(exits.FAILED)
    _print_report(made.report)
    if made.report.draft_id is not None:
        _print_sheet(invocation, made.report.draft_id)


@app.command("show")
def show_draft(context: typer.Context, draft: Number) -> None:
    """Show what would appear, where, with warnings: exactly what an approval consents to."""
    _print_sheet(of(context), draft)


@app.command()
def edit(context: typer.Context, draft: Number, text: Text = None, dry_run: DryRun = False) -> None:
    """Change a draft's text (in your $EDITOR without --text); an approval it had is void."""
    from responders import draft_desk
    from storage import desk

    invocation = of(context)
    database = invocation.workspace().database
    given = _text(text)
    if given is None:
        with database.read() as session:
            current = desk.load_draft_facts(session, draft, lock=False).draft.text
        given = _in_editor(current)
    with database.write() as session:
        report = draft_desk.edit_draft(
            session, draft, given, actor=invocation.who, now=invocation.now, dry_run=dry_run
        )
    _answer(invocation, report)


@app.command()
def approve(
    context: typer.Context,
    draft: Number,
    hash_: Annotated[
        str | None, typer.Option("--hash", help="The hash of the text you were shown (12 digits or more).")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; needs --hash, so that you approve what you read.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Consent to a draft's exact text. The text is shown first; if it changed meanwhile, the approval fails."""
    from responders import draft_desk

    invocation = of(context)
    shown = _print_sheet(invocation, draft) if hash_ is None else hash_
    if hash_ is None and not dry_run:
        if yes or invocation.json or not sys.stdin.isatty():
            raise typer.BadParameter("name the text you read with --hash (draft show prints it)")
        if not typer.confirm("Approve exactly this text?"):
            raise typer.Exit(exits.FAILED)
    with invocation.workspace().database.write() as session:
        report = draft_desk.approve_draft(
            session, draft, shown=shown, actor=invocation.who, now=invocation.now, dry_run=dry_run
        )
    _answer(invocation, report)


@app.command()
def reject(
    context: typer.Context,
    draft: Number,
    note: Annotated[str | None, typer.Option("--note", help="Why, for the record.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Not this one; also takes back a hand-off that was not used."""
    from responders import draft_desk

    invocation = of(context)
    with invocation.workspace().database.write() as session:
        report = draft_desk.reject_draft(
            session, draft, actor=invocation.who, now=invocation.now, note=note, dry_run=dry_run
        )
    _answer(invocation, report)


@app.command()
def handoff(
    context: typer.Context,
    draft: Number,
    force: Annotated[bool, typer.Option("--force", help="Although somebody else holds the case.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Take an approved text to the network: shows text and link. The reply is recognised when it is heard."""
    from responders import draft_desk

    invocation = of(context)
    with invocation.workspace().database.write() as session:
        report, sheet = draft_desk.hand_off_draft(
            session, draft, actor=invocation.who, now=invocation.now, force=force, dry_run=dry_run
        )
    if invocation.json:
        show.print_json({name: getattr(sheet, name) for name in sheet.__slots__} | {"status": report.status})
        return
    show.say("open   ", show.coloured(sheet.url or f"{sheet.network} post {sheet.native_id}", "cyan"))
    show.say("paste:")
    # Bare, without colour or wrapping: what is copied must be what was approved.
    sys.stdout.write(sheet.text + "\n")
    for warning in (*sheet.warnings, *report.warnings):
        show.warn(f"  {warning}")


def _text(given: str | None) -> str | None:
    return sys.stdin.read() if given == "-" else given


def _in_editor(current: str) -> str:
    import os
    import shlex
    import subprocess
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.txt"
        path.write_text(current, encoding="utf-8")
        subprocess.run([*shlex.split(os.environ.get("EDITOR", "vi")), str(path)], check=True)
        return path.read_text(encoding="utf-8").rstrip("\n")


def _answer(invocation: Invocation, report: "DraftReport") -> None:
    if invocation.json:
        show.print_json({name: getattr(report, name) for name in report.__slots__})
    else:
        _print_report(report)


def _print_report(report: "DraftReport") -> None:
    verb = report.action.removeprefix("draft.").replace("_", " ")
    number = f"draft {report.draft_id}" if report.draft_id else "a draft"
    lead = "would " if report.dry_run else ""
    show.say(f"{lead}{verb}: {number} of case {report.case_id}, ", show.coloured(report.status, "bold"))
    for warning in report.warnings:
        show.warn(f"  {warning}")


def _print_sheet(invocation: Invocation, draft_id: int) -> str:
    """Print what would appear; returns the text's hash."""
    from responders.draft_desk import case_language
    from responders.handoff import HandOff
    from social_care.safe import safe_text
    from storage import desk

    with invocation.workspace().database.read() as session:
        facts = desk.load_draft_facts(session, draft_id, lock=False)
        thread = desk.case_thread(session, facts.case)
        language = case_language(session, facts.case)
    poster = HandOff(facts.mention.network)
    preview = poster.preview(facts.draft, facts.mention, case=facts.case, thread=thread, language=language)
    if invocation.json:
        values: dict[str, Any] = {name: getattr(preview, name) for name in preview.__slots__}
        show.print_json({"draft": draft_id, "case": facts.case.id, "status": facts.draft.status, **values})
        return preview.text_hash
    limit = f" of {preview.limit}" if preview.limit else ""
    show.say(
        show.coloured(f"draft {draft_id}", "bold"), f" for case {facts.case.id} on {facts.mention.network}, ",
        show.coloured(facts.draft.status, "bold"), f", {preview.length}{limit} characters",
    )  # fmt: skip
    for line in safe_text(preview.text).split("\n"):
        show.say(show.coloured("│ ", "cyan"), line)
    if facts.draft.saved_reply:
        show.say(show.coloured(f"from {facts.draft.saved_reply}", "dim"))
    show.say(show.coloured(f"hash {preview.text_hash[:12]}", "dim"))
    for warning in preview.warnings:
        show.warn(f"  {warning}")
    return preview.text_hash
