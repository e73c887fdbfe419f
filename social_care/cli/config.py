"""`config check|show`: read the configuration back, with the origin of every value."""

import os
from typing import TYPE_CHECKING, Any

import typer

from social_care.cli import exits, show
from social_care.cli.context import of

if TYPE_CHECKING:
    from social_care.config import Settings
    from social_care.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True, help="Read the configuration back: check it, or show every value's origin."
)


@app.command()
def check(context: typer.Context) -> None:
    """Check social-care.toml, every listener's settings, policies and saved replies; changes nothing."""
    from social_care.checks import configuration_checks, report

    results = configuration_checks(of(context).workspace())
    raise typer.Exit(report(results, as_json=of(context).json))


@app.command("show")
def show_values(context: typer.Context) -> None:
    """Show each value and where it comes from: file, environment or default."""
    workspace = of(context).workspace()
    values = workspace.settings.model_dump(mode="json") | {"database": _without_password(workspace)}
    rows = _values(values, workspace.settings)
    if of(context).json:
        show.print_json(
            {
                "folder": str(workspace.folder),
                "values": [dict(zip(("key", "value", "origin"), r, strict=True)) for r in rows],
            }
        )
        return
    show.say("workspace ", show.coloured(str(workspace.folder), "bold"))
    show.table([("key", {"no_wrap": True}), ("value", {"overflow": "fold"}), "origin"], rows)
    raise typer.Exit(exits.OK)


def _values(tree: dict[str, Any], settings: "Settings") -> list[tuple[str, str, str]]:
    rows = []
    given = settings.model_fields_set
    for key, value in tree.items():
        origin = _variable(key) or ("file" if key in given else "default")
        if isinstance(value, dict) and value:
            inner = getattr(getattr(settings, key), "model_fields_set", set(value))
            rows += [
                (
                    f"{key}.{name}",
                    str(item),
                    _variable(f"{key}__{name}") or ("file" if name in inner else "default"),
                )
                for name, item in value.items()
            ]
        else:
            rows.append((key, str(value), origin))
    return rows


def _variable(key: str) -> str | None:
    """The environment variable that gives this value, if one does."""
    wanted = f"SOCIAL_CARE_{key.upper()}"
    return next((name for name in os.environ if name.upper() == wanted), None)


def _without_password(workspace: "Workspace") -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(workspace.database_url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(unreadable)"
