"""`config check|show`: read the configuration back, with the origin of every value."""

import os
from typing import Any

import typer

from social_care.cli import exits, show
from social_care.cli.context import of

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
    rows = list(_values(workspace.settings.model_dump(mode="json"), workspace.settings.model_fields_set))
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


def _values(tree: dict[str, Any], given: set[str]) -> list[tuple[str, str, str]]:
    rows = []
    for key, value in tree.items():
        from_environment = [name for name in os.environ if name.startswith(f"SOCIAL_CARE_{key.upper()}")]
        origin = from_environment[0] if from_environment else ("file" if key in given else "default")
        if isinstance(value, dict) and value:
            rows += [(f"{key}.{name}", str(item), origin) for name, item in value.items()]
        else:
            rows.append((key, str(value), origin))
    return rows
