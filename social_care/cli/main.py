"""The entry point: global options, commands by name, and errors told once, in words."""

import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from social_care.cli import exits
from social_care.cli.context import Invocation

app = typer.Typer(
    name="social-care",
    help="Hear what is said about your brand, score it on this machine, answer it, and keep your promises.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"social-care {version('social-care')}")
        raise typer.Exit


def _moment(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter("write it like 2026-03-02T12:00:00+00:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@app.callback()
def start(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON (every command that reads).")] = False,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            "-w",
            help="The workspace folder; default: this folder or one above.",
            envvar="SOCIAL_CARE_WORKSPACE",
        ),
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--as", help="Who acts; default: SOCIAL_CARE_USER or the login name.")
    ] = None,
    now: Annotated[
        str | None, typer.Option("--now", help="Pretend it is this time (replays and tests).", metavar="TIME")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep the global options where every command finds them."""
    context.obj = Invocation(folder=workspace, json=json, actor=actor, pretended_now=_moment(now))


def _register() -> None:
    from social_care.cli import (
        cases,
        config,
        db,
        digest,
        draft,
        first,
        inbox,
        line,
        listener,
        model,
        reference,
        saved_reply,
        sla,
        topic,
        why,
    )

    for module in (first, line, inbox, why, digest, reference):
        module.register(app)
    for name, module in (
        ("case", cases), ("draft", draft), ("sla", sla), ("listener", listener), ("topic", topic),
        ("saved-reply", saved_reply), ("model", model), ("db", db), ("config", config),
    ):  # fmt: skip
        app.add_typer(module.app, name=name)


_register()


def _json_first(arguments: list[str]) -> list[str]:
    """`--json` means the same wherever it stands before a lone `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head, tail = arguments[:end], arguments[end:]
    if "--json" in head:
        head = ["--json", *[word for word in head if word != "--json"]]
    return head + tail


def main() -> None:
    """Run one command line; exits with a documented code and never with a traceback for a known error."""
    for stream in (sys.stdout, sys.stderr):
        # A post may hold what the terminal's encoding cannot show; a "?" beats a crash.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    arguments = _json_first(sys.argv[1:])
    try:
        app(args=arguments, prog_name="social-care")
    except SystemExit:
        # Where the reader left (`| head`), Typer mutes standard output and exits with 1: no error of ours.
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":
            sys.exit(exits.OK)
        raise
    except Exception as error:
        code = _tell(error, as_json="--json" in arguments[:1])
        if code is None:
            raise
        sys.exit(code)


def _tell(error: Exception, *, as_json: bool) -> int | None:
    """Print a known error once; None for one nobody foresaw."""
    from social_care.safe import safe_json, safe_text

    known = {
        "ConfigError": exits.USAGE,
        "ModelError": exits.USAGE,
        "EvaluationError": exits.USAGE,
        "StreamError": exits.USAGE,
        "SocialCareError": exits.FAILED,
    }
    code = next((known[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in known), None)
    if code is None:
        return None
    if as_json:
        sys.stdout.write(safe_json({"error": type(error).__name__, "message": str(error)}) + "\n")
    sys.stderr.write(f"social-care: {safe_text(str(error))}\n")
    return code
