"""Rendering a digest in a format, and writing the day's digest as files."""

import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from social_care.digest.window import last_day
from storage.errors import ConfigError

if TYPE_CHECKING:
    from social_care.digest.figures import Digest
    from social_care.workspace import Workspace

ENDINGS: Mapping[str, str] = {"text": "txt", "markdown": "md", "html": "html", "json": "json"}
"""Each format and the ending of its files."""


def render(digest: "Digest", form: str) -> str:
    """The digest as text, markdown, html or json.

    Raises:
        ConfigError: another format.
    """
    if form == "json":
        from social_care.digest.render_json import render_json

        return render_json(digest)
    from social_care.digest.layout import lay_out

    renderers: dict[str, Callable[[], Callable[..., str]]] = {
        "text": _text, "markdown": _markdown, "html": _html,
    }  # fmt: skip
    if form not in renderers:
        raise ConfigError(f"{form!r} is no format of the digest; one of {', '.join(ENDINGS)} is needed")
    return renderers[form]()(lay_out(digest))


def _text() -> Callable[..., str]:
    from social_care.digest.render_text import render_text

    return render_text


def _markdown() -> Callable[..., str]:
    from social_care.digest.render_markdown import render_markdown

    return render_markdown


def _html() -> Callable[..., str]:
    from social_care.digest.render_html import render_html

    return render_html


def write_daily(workspace: "Workspace", now: datetime) -> list[Path]:
    """Write the digest of the 24 hours before `now` in the configured formats, named after the local date.

    A file is complete or not there: it is written beside its place and then moved there. Writing the same day
    again replaces it.

    Raises:
        ConfigError: the folder cannot be written; the message names it.
    """
    from social_care.digest.make import make_digest

    settings = workspace.settings
    digest = make_digest(workspace.database, settings, last_day(now, workspace.zone), now, folder=workspace.folder)
    folder = workspace.folder / settings.digest.folder
    name = f"digest-{digest.window.date.isoformat()}"
    forms = dict.fromkeys(settings.digest.formats)
    return [write_file(folder / f"{name}.{ENDINGS[form]}", render(digest, form)) for form in forms]


def write_file(path: Path, text: str) -> Path:
    """Write a file whole or not at all, readable by its owner only; makes its folder.

    Raises:
        ConfigError: it cannot be written; the message says why.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Posts are people's words: mkstemp lets no other account on this machine read them.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ConfigError(f"the digest cannot be written to {path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise ConfigError(f"the digest cannot be written to {path}: {error.strerror}") from None
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
