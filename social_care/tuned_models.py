"""The models of a workspace: which is in use, which were tuned here, and how another one is put to use.

The configuration is the one place that says which model reads: putting one to use changes the key `model` under
`[scorer]`, and nothing else, in the user's file.
"""

import os
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from social_care.config import FILE_NAME
from social_care.workspace import Workspace
from storage.errors import ConfigError

if TYPE_CHECKING:
    from sentiment.transformer import TransformerScorer

FOLDER = "models"
BUNDLED = "bundled"
_HEADING = re.compile(r"^\s*\[\s*scorer\s*\]\s*(#.*)?$")
_ANY_HEADING = re.compile(r"^\s*\[")
_MODEL_KEY = re.compile(r"^(\s*model\s*=\s*)(\"[^\"\n]*\"|'[^'\n]*')(\s*(?:#.*)?)$")
_VARIABLE = "SOCIAL_CARE_SCORER__MODEL"


def models_folder(workspace: Workspace) -> Path:
    """Where the tuned models of a workspace stand; need not exist."""
    return workspace.folder / FOLDER


def model_path(workspace: Workspace, name: str) -> Path | None:
    """The folder a name means: a tuned model's name, a folder, or None for the bundled model.

    Raises:
        ConfigError: There is no such model; says which there are.
    """
    from sentiment.tuned import tuned_models

    if name == BUNDLED:
        return None
    tuned = {path.name: path for path in tuned_models(models_folder(workspace))}
    if name in tuned:
        return tuned[name]
    for place in (workspace.folder / name, Path(name)):
        if (place / "config.json").is_file():
            return place.resolve()
    known = ", ".join([BUNDLED, *tuned])
    raise ConfigError(
        f"there is no model {name!r} in {models_folder(workspace)}, nor a model folder there; known: {known}"
    )


def base_folder(workspace: Workspace) -> Path:
    """The folder of the model that tuning starts from: the one in use, or the one that was tuned from.

    Raises:
        ConfigError: The model in use is no folder that could be tuned.
    """
    from sentiment.card import BUNDLED as BUNDLED_FOLDER
    from sentiment.card import read_card

    chosen = workspace.chosen_model
    if chosen is None:
        return BUNDLED_FOLDER
    folder = Path(chosen)
    if not folder.is_dir():
        raise ConfigError(
            f"the model in use, {chosen!r}, is neither the bundled one nor a folder; only those can be tuned "
            '(set [scorer] model to "bundled" first)'
        )
    adapted = read_card(folder).get("adapted")
    if not isinstance(adapted, dict):
        return folder
    path = adapted.get("base", {}).get("path")
    # The bundled model may have been replaced by a newer one since: that is what tuning starts from then.
    return Path(path) if path is not None and Path(path).is_dir() else BUNDLED_FOLDER


def say_base(folder: Path) -> str:
    """`model@revision` of a folder."""
    from sentiment.card import read_card

    card = read_card(folder)
    return f"{card['name']}@{card['revision']}"


def load_scorer(workspace: Workspace, folder: Path | None) -> "TransformerScorer":
    """Load a model with the settings of the workspace; None is the bundled one.

    Raises:
        ModelError: It cannot be loaded.
        ConfigError: An urgency weight is unknown.
    """
    from sentiment.card import BUNDLED as BUNDLED_FOLDER
    from sentiment.transformer import TransformerScorer

    settings = workspace.settings
    model = None if folder is None or folder == BUNDLED_FOLDER else folder
    try:
        return TransformerScorer.load(
            model,
            threads=settings.scorer.threads,
            urgency_weights=settings.urgency,
            default_language=settings.language,
        )
    except ValueError as error:
        raise ConfigError(f"[urgency] needs mending: {error}") from None


def list_models(workspace: Workspace) -> list[dict[str, Any]]:
    """The bundled model and those tuned here, with what their cards say of the tuning."""
    from sentiment.card import BUNDLED as BUNDLED_FOLDER
    from sentiment.tuned import tuned_models

    chosen = workspace.settings.scorer.model
    places = [(BUNDLED, BUNDLED_FOLDER), *((path.name, path) for path in tuned_models(models_folder(workspace)))]
    return [
        _listed(name, folder, in_use=chosen in {name, f"{FOLDER}/{name}", str(folder)}) for name, folder in places
    ]


def _listed(name: str, folder: Path, *, in_use: bool) -> dict[str, Any]:
    from sentiment.card import read_card
    from sentiment.ports import ModelError

    try:
        card = read_card(folder)
    except ModelError as error:
        return {"name": name, "in_use": in_use, "problem": str(error)}
    adapted = card.get("adapted") or {}
    return {
        "name": name,
        "in_use": in_use,
        "scorer": f"{card['name']}@{card['revision']}",
        "tuned_at": adapted.get("at"),
        "tuned_by": adapted.get("by"),
        "base": adapted.get("base", {}).get("scorer"),
        "corrections": {k: v.get("learned") for k, v in (adapted.get("corrections") or {}).items()},
    }


@dataclass(frozen=True, slots=True)
class Switch:
    """What putting a model to use changes."""

    name: str
    before: str
    after: str
    scorer: str
    to_score: int
    """Mentions that will be read again."""
    changed: bool
    dry_run: bool


def use_model(workspace: Workspace, name: str, *, actor: str, now: datetime, dry_run: bool) -> Switch:
    """Put a model to use: change the configuration and write the audit, or say what would change.

    Raises:
        ConfigError: There is no such model, the environment decides, or the file cannot be changed safely.
        ModelError: The model cannot be read.
    """
    from sentiment.naming import scorer_name
    from storage import queries
    from storage.corrections import add_audit, sort_again

    if any(key.upper() == _VARIABLE for key in os.environ):
        raise ConfigError(f"the environment variable {_VARIABLE} decides which model reads; unset it first")
    folder = model_path(workspace, name)
    after = _value(workspace, folder)
    before = workspace.settings.scorer.model
    scorer = scorer_name(_named(workspace, folder, after), workspace.settings.urgency)
    with workspace.database.read() as session:
        waiting = queries.unscored_count(session, scorer)
    switch = Switch(name, before, after, scorer, waiting, before != after, dry_run)
    path = workspace.folder / FILE_NAME
    text = with_model(path.read_text(encoding="utf-8-sig"), after)
    if dry_run or not switch.changed:
        return switch
    with workspace.database.write() as session:
        add_audit(
            session, "model.use", f"model:{name}", actor=actor, now=now,
            before={"model": before}, after={"model": after, "scorer": scorer},
        )  # fmt: skip
        sort_again(session)
        # Inside the transaction: where the file cannot be written, the audit does not say it was.
        _replace(path, text)
    return switch


def _named(workspace: Workspace, folder: Path | None, value: str) -> str:
    """`model@revision` as the scorer will call it, without loading it."""
    from sentiment.card import BUNDLED as BUNDLED_FOLDER
    from sentiment.pinned import name_of
    from social_care.other_models import terms_for

    if folder is None:
        return say_base(BUNDLED_FOLDER)
    return name_of(folder, None, terms_for(workspace, value)) or say_base(folder)


def _value(workspace: Workspace, folder: Path | None) -> str:
    """What the configuration says for a folder: relative where it lies in the workspace, which may be moved."""
    if folder is None:
        return BUNDLED
    resolved, home = folder.resolve(), workspace.folder.resolve()
    return resolved.relative_to(home).as_posix() if resolved.is_relative_to(home) else str(resolved)


def with_model(text: str, model: str) -> str:
    """The configuration with another model and not a byte changed beside; checked by reading it back.

    Raises:
        ConfigError: It cannot be done safely; says what to write by hand.
    """
    quoted = '"' + model.replace("\\", "\\\\").replace('"', '\\"') + '"'
    changed = _edited(text, quoted)
    wanted = tomllib.loads(text)
    wanted["scorer"] = {**wanted.get("scorer", {}), "model": model}
    try:
        same = tomllib.loads(changed) == wanted
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise ConfigError(
            f"{FILE_NAME} is written in a way that is not changed safely; write: [scorer] model = {quoted}"
        )
    return changed


def _edited(text: str, quoted: str) -> str:
    lines = text.splitlines(keepends=True)
    heading = next((n for n, line in enumerate(lines) if _HEADING.match(line)), None)
    if heading is None:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}\n[scorer]\nmodel = {quoted}\n"
    for number in range(heading + 1, len(lines)):
        if _ANY_HEADING.match(lines[number]):
            break
        found = _MODEL_KEY.match(lines[number].rstrip("\r\n"))
        if found:
            end = lines[number][len(lines[number].rstrip("\r\n")) :]
            lines[number] = f"{found[1]}{quoted}{found[3]}{end}"
            return "".join(lines)
    if not lines[heading].endswith("\n"):
        lines[heading] += "\n"
    lines.insert(heading + 1, f"model = {quoted}\n")
    return "".join(lines)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
