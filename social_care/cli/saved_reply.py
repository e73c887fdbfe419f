"""`saved-reply list|check`: the approved answers."""

from typing import Annotated

import typer

from social_care.cli import exits, show
from social_care.cli.context import of

app = typer.Typer(
    no_args_is_help=True, help="Approved reusable answers: list them, check them before they are needed."
)


@app.command("list")
def list_replies(
    context: typer.Context,
    language: Annotated[str | None, typer.Option(help="Only this language.")] = None,
) -> None:
    """List the saved replies with language, owner, version and expiry."""
    invocation = of(context)
    replies = [reply for reply in invocation.workspace().saved_replies if language in (None, reply.language)]
    if invocation.json:
        show.print_json(
            [
                {
                    "name": r.name,
                    "language": r.language,
                    "version": r.version,
                    "owner": r.owner,
                    "expires": r.expires,
                    "text": r.text,
                }
                for r in replies
            ]
        )
        return
    today = invocation.now.date()
    show.table(
        ["name", "language", "version", "owner", "expires"],
        [
            (
                r.name,
                r.language,
                r.version,
                r.owner,
                show.coloured(str(r.expires or "-"), "red" if r.expired(today) else ""),
            )
            for r in replies
        ],
    )


@app.command()
def check(context: typer.Context) -> None:
    """Check every saved reply: expired, no owner, unknown variables, too long for a network, missing languages."""
    from responders.saved_reply_check import check as check_replies

    invocation = of(context)
    findings = check_replies(invocation.workspace().saved_replies, invocation.now.date())
    if invocation.json:
        show.print_json([{name: getattr(item, name) for name in item.__slots__} for item in findings])
    else:
        for item in findings:
            style = "bold red" if item.level == "error" else "yellow"
            where = f"{item.name} {item.language or ''}".strip()
            show.say(show.coloured(f"{item.level:<8}", style), show.coloured(where, "bold"), f": {item.message}")
        show.hint(f"{len(invocation.workspace().saved_replies)} saved replies, {len(findings)} findings")
    raise typer.Exit(exits.FAILED if any(item.level == "error" for item in findings) else exits.OK)
