"""Making a workspace: the configuration file with its comments, the database, the starter saved replies."""

import json
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

from social_care.config import FILE_NAME, load_settings
from social_care.workspace import Workspace
from storage.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` asks."""

    brand: str | None = None
    zone: str = "UTC"
    language: str = "en"
    x: str | None = None
    reddit: str | None = None


def _quoted(value: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's."""
    return json.dumps(value, ensure_ascii=False)


def render_config(answers: Answers) -> str:
    """The text of a new `social-care.toml`."""
    brand = ""
    if answers.brand:
        accounts = {name: value for name, value in (("x", answers.x), ("reddit", answers.reddit)) if value}
        inline = ", ".join(f"{name} = [{_quoted(value.lstrip('@'))}]" for name, value in accounts.items())
        brand = f"\n[[brands]]\nname = {_quoted(answers.brand)}\n" + (
            f"accounts = {{ {inline} }}\n" if inline else ""
        )
    template = files("social_care").joinpath("templates", "social-care.toml").read_text(encoding="utf-8")
    for mark, value in (
        ("@ZONE@", _quoted(answers.zone)),
        ("@LANGUAGE@", _quoted(answers.language)),
        ("@BRAND@", brand),
    ):
        template = template.replace(mark, value)
    return template


def create_workspace(folder: Path, answers: Answers, today: date) -> Workspace:
    """Write the workspace and open its database.

    Raises:
        ConfigError: there is one already (nothing is overwritten), the folder cannot be written, or an answer is
            not acceptable (an unknown zone, say); then nothing is left behind.
    """
    from responders.saved_replies import write_starter_set

    path = folder / FILE_NAME
    if path.exists():
        raise ConfigError(f"{path} is there already; edit it, or choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(render_config(answers), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    try:
        workspace = Workspace(folder.resolve(), load_settings(path))
        write_starter_set(workspace.folder / workspace.settings.saved_replies, today)
        workspace.database.upgrade()
    except ConfigError:
        path.unlink()
        raise
    return workspace
