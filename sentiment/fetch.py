"""Fetch a model's files from the Hugging Face hub: one commit, only what decides a score, checked on arrival."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sentiment.lock import LockedFile, hash_file
from sentiment.ports import ModelError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

COMMIT = re.compile(r"[0-9a-f]{40}")
"""A commit of the hub, in full: the only name there that cannot be moved."""
_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96}|[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True, slots=True)
class Announced:
    """One file as the hub announces it: its size in bytes, and a checksum of one kind or the other."""

    size: int
    sha256: str | None
    git_sha1: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What the hub says about one commit of a model."""

    model: str
    commit: str
    files: Mapping[str, Announced]
    licence: str | None
    languages: tuple[str, ...]
    gated: bool


def is_offline() -> bool:
    """Whether the environment forbids the network (``HF_HUB_OFFLINE``)."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}


def check_id(model: str) -> None:
    """Refuse what cannot be a Hugging Face id.

    Raises:
        ModelError: It is none; also where it looks like a path that is not there.
    """
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise ModelError(f"no model folder at {model}")
    if not _ID.fullmatch(model) or ".." in model or "--" in model:
        raise ModelError(f"{model!r} is neither a folder nor a Hugging Face id such as owner/name")


def listing(model: str, revision: str) -> Listing:
    """Ask the hub what a revision holds.

    Raises:
        ModelError: Offline, no such model or revision, no access, or no answer.
    """
    if is_offline():
        raise ModelError(
            f"{model}: offline (HF_HUB_OFFLINE is set), and revision {revision} is not in the cache. Run once "
            f"online: social-care model add {model} --revision {revision}"
        )
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # httpx's, of either version

    try:
        facts = _api().model_info(model, revision=revision, files_metadata=True, timeout=30)
    except (HTTPError, OSError, ValueError) as error:
        _tell(model, revision, error)
    card = dict(vars(facts.card_data)) if facts.card_data else {}
    languages = card.get("language") or ()
    if not facts.sha or not COMMIT.fullmatch(facts.sha):
        raise ModelError(f"{model}: the hub named no commit for {revision}")
    files = {
        item.rfilename: Announced(
            size=item.size or 0,
            sha256=item.lfs.sha256 if item.lfs else None,
            git_sha1=None if item.lfs else item.blob_id,
        )
        for item in facts.siblings or ()
    }
    return Listing(
        model=model,
        commit=facts.sha,
        files=files,
        licence=str(card["license"]) if card.get("license") else None,
        languages=(languages,) if isinstance(languages, str) else tuple(map(str, languages)),
        gated=bool(facts.gated),
    )


def cached(model: str, commit: str, names: Sequence[str]) -> Path | None:
    """The folder of a commit in the cache of `huggingface_hub`, if it holds all these files."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(model, name, revision=commit, cache_dir=_cache()) for name in names]
    paths = [Path(path) for path in found if isinstance(path, str)]
    return paths[0].parent if paths and len(paths) == len(names) else None


def cached_names(model: str, commit: str) -> list[str]:
    """The files of a commit that lie in the cache."""
    folder = cached(model, commit, ["config.json"])
    return [] if folder is None else [file.name for file in folder.iterdir() if file.is_file()]


def fetch(
    model: str, commit: str, names: Sequence[str], *, again: bool = False
) -> tuple[Path, dict[str, LockedFile]]:
    """Download files into the cache of `huggingface_hub`; what is there already stays.

    Args:
        model: The Hugging Face id.
        commit: A full commit.
        names: Which files.
        again: Download them even if the cache has them.

    Returns:
        The folder they lie in, and their checksums.

    Raises:
        ModelError: A file did not arrive whole; what did stays for the next try.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    paths: dict[str, Path] = {}
    for name in names:
        try:
            path = hf_hub_download(
                model,
                name,
                revision=commit,
                cache_dir=_cache(),
                endpoint=_endpoint(),
                local_files_only=is_offline(),
                force_download=again,
            )
        except (HTTPError, OSError, ValueError) as error:
            _tell(model, commit, error, name)
        paths[name] = Path(str(path))
    return paths["config.json"].parent, {name: hash_file(path) for name, path in paths.items()}


def compare(announced: Listing, folder: Path, found: Mapping[str, LockedFile]) -> None:
    """Compare what arrived with what the hub announced; a file that differs is taken out of the cache.

    Raises:
        ModelError: One differs; names it.
    """
    for name, file in found.items():
        told = announced.files[name]
        if file.size == told.size and _agrees(folder / name, file, told):
            continue
        bad = (folder / name).resolve()
        (folder / name).unlink(missing_ok=True)
        bad.unlink(missing_ok=True)
        raise ModelError(
            f"{announced.model}: {name} did not arrive as the hub announces it ({file.size:,} of {told.size:,} "
            f"bytes, SHA-256 {file.sha256[:12]}…). It was deleted and nothing recorded; try again"
        )


def _agrees(path: Path, file: LockedFile, told: Announced) -> bool:
    if told.sha256 is not None:
        return file.sha256 == told.sha256
    if told.git_sha1 is None:
        return True
    # Small files stand in the hub's git: their checksum is git's, over a header and the bytes.
    body = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\x00" % len(body) + body, usedforsecurity=False)
    return blob.hexdigest() == told.git_sha1


def _api() -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(endpoint=_endpoint(), library_name="social-care")


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _cache() -> str | None:
    # Read at each call: the library reads it once, when it is imported.
    home = os.environ.get("HF_HOME")
    return os.environ.get("HF_HUB_CACHE") or (str(Path(home) / "hub") if home else None)


def _tell(model: str, revision: str, error: Exception, name: str | None = None) -> NoReturn:
    """Say in one sentence what went wrong and what to do; the hub's own messages run over many lines."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"https://huggingface.co/{model}"
    what = f"{model}: {name}" if name else model
    if isinstance(error, GatedRepoError):
        text = f"{model} is gated: accept its terms at {page}, then set HF_TOKEN to a token that may read it"
    elif isinstance(error, RepositoryNotFoundError):
        text = f"there is no model {model!r} on the hub, or it is private; check the name, or set HF_TOKEN"
    elif isinstance(error, RevisionNotFoundError):
        text = f"{model} has no revision {revision!r}; its commits: {page}/commits/main"
    elif isinstance(error, LocalEntryNotFoundError) and is_offline():
        text = f"{what} is not in the cache, and HF_HUB_OFFLINE is set; run the command once online"
    elif isinstance(error, HfHubHTTPError) and getattr(error, "response", None) is not None:
        status = error.response.status_code
        if status in {401, 403}:
            text = f"{what}: the hub refuses access ({status}); set HF_TOKEN to a token that may read it ({page})"
        else:
            text = f"{what}: the hub answers {status}; try again later"
    else:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        text = f"{what} could not be fetched: {reason}. Try again: what has arrived is kept"
    raise ModelError(text) from error
