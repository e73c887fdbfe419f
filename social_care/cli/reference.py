"""`social-care reference`: every command and option as a Markdown page (docs/commands.md), from the program."""

import inspect
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import typer
from typer.main import get_command

_HEAD = """# Commands

Written by `social-care reference`; do not edit by hand. `social-care COMMAND --help` says the same.

`--json` may stand before or after the command. Every command that writes has `--dry-run`, but for `run` and
`worker`, which are the line itself (`listen --dry-run` polls without storing), and `demo`, which writes only its
own folder. Exit codes: docs/operations.md.
"""


def register(app: typer.Typer) -> None:
    """Put the command on the top level, out of sight: it is for those who keep the manual."""

    @app.command(hidden=True)
    def reference() -> None:
        """Print docs/commands.md."""
        typer.echo(render(app), nl=False)


def commands(app: typer.Typer) -> Iterator[tuple[str, Any]]:
    """Every visible command with its full name, in the order of `--help`."""
    yield from _walk(get_command(app), "")


def _walk(group: Any, lead: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _walk(command, f"{lead}{name} ")
        else:
            yield lead + name, command


def render(app: typer.Typer) -> str:
    """The whole page."""
    root = get_command(app)
    parts = [_HEAD, "## Global options\n", _table(root.params)]
    parts += ["\n## Commands\n", "| command | what it does |\n|---|---|"]
    found = list(commands(app))
    parts += [f"| [`{name}`](#{_anchor(name, command)}) | {_first_line(command)} |" for name, command in found]
    for name, command in found:
        table = _table(command.params)
        parts += [f"\n## {_usage(name, command)}\n", _first_line(command), *(["", table] if table else [])]
    return "\n".join(parts).rstrip() + "\n"


def _arguments(command: Any) -> list[Any]:
    return [item for item in command.params if item.param_type_name == "argument"]


def _metavar(argument: Any) -> str:
    name = argument.metavar or argument.name.upper().rstrip("_")
    return str(name) if argument.required or str(name).startswith("[") else f"[{name}]"


def _usage(name: str, command: Any) -> str:
    return " ".join([name, *map(_metavar, _arguments(command))])


def _anchor(name: str, command: Any) -> str:
    kept = (char for char in _usage(name, command).lower() if char.isalnum() or char in " -_")
    return "".join(kept).replace(" ", "-")


def _first_line(command: Any) -> str:
    return inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ")


def _table(parameters: list[Any]) -> str:
    rows = [_row(item) for item in parameters if not getattr(item, "hidden", False) and item.name != "help"]
    rows = [row for row in rows if "completion" not in row]
    return "\n".join(["| argument or option | default | meaning |", "|---|---|---|", *rows]) if rows else ""


def _row(item: Any) -> str:
    if item.param_type_name == "argument":
        names, value = "`" + _escaped(_metavar(item)) + "`", ""
    else:
        names = ", ".join(f"`{name}`" for name in item.opts)
        word = "N" if isinstance(item.default, int | float) else names.split("`")[1].lstrip("-").upper()
        value = "" if item.is_flag else f" `{item.metavar or word}`"
    default = item.default if isinstance(item.default, str | int | float | PurePath) else None
    shown = "" if default is None or isinstance(default, bool) else f"`{default}`"
    needed = "needed" if item.required else shown
    return f"| {names}{value} | {needed} | {_escaped(item.help or '')} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
