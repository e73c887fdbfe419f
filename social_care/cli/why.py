"""`why`: how a case, or any text, got its urgency, priority and reply decision, and what would change them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from social_care.cli import show
from social_care.cli.context import Invocation, of

if TYPE_CHECKING:
    from social_care.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Put this command on the top level."""
    app.command()(why)


def why(
    context: typer.Context,
    case: Annotated[int | None, typer.Argument(help="The case's number.", min=1)] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", help="Explain this text instead, as a post to the brand; - reads it. Needs no workspace."
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="With --text: its language code, if its network gave one.")
    ] = None,
) -> None:
    """Show what led to a decision: each factor with points and evidence, the words, and what would change it.

    Each word is left out once and the rest is scored and sorted again; nothing is stored.
    """
    invocation = of(context)
    if (case is None) == (text is None):
        raise typer.BadParameter("name a case, or give a text with --text")
    if text is not None:
        _text(invocation, _read() if text == "-" else text, language)
    elif case is not None:
        _case(invocation, case)


def _case(invocation: Invocation, number: int) -> None:
    from social_care.cli.why_json import case_why_json
    from social_care.cli.why_view import print_case_why
    from social_care.explaining import explain_case
    from storage import queries

    workspace = invocation.workspace()
    with workspace.database.read() as session:
        detail = queries.case_detail(session, number)
    with show.progress("leaving out words"):
        found = explain_case(workspace, detail, invocation.now)
    if invocation.json:
        show.print_json(case_why_json(detail, found, workspace, invocation.now))
    else:
        print_case_why(detail, found, workspace, invocation.now)


def _text(invocation: Invocation, text: str, language: str | None) -> None:
    from social_care.cli.why_json import text_why_json
    from social_care.cli.why_view import print_text_why
    from social_care.explaining import explain_text

    with show.progress("leaving out words"):
        found = explain_text(_workspace(invocation), text, language, invocation.now)
    if invocation.json:
        show.print_json(text_why_json(found, invocation.now))
    else:
        print_text_why(found)


def _workspace(invocation: Invocation) -> "Workspace | None":
    """The workspace, where there is one: its model, weights and policies apply."""
    from social_care.config import FILE_NAME

    here = Path.cwd()
    if invocation.folder is None and not any((folder / FILE_NAME).is_file() for folder in (here, *here.parents)):
        return None
    return invocation.workspace()


def _read() -> str:
    """Standard input as text; what is not UTF-8 is replaced, the last line break is none of the post."""
    return sys.stdin.buffer.read().decode("utf-8", errors="replace").removesuffix("\n")
