"""What a model's vocabulary makes of texts, without loading the model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.ports import ModelError
from sentiment.text import model_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MOST = 96
"""Tokens of a text that are looked at: its beginning tells which words it is made of."""


def unknown_shares(tokenizer: Path, texts: Sequence[str]) -> list[float]:
    """Say which share of each text's tokens the vocabulary does not know; 0 for a text without any.

    Args:
        tokenizer: A ``tokenizer.json``.
        texts: Posts as they were written.

    Raises:
        ModelError: The file is damaged.
    """
    loaded = _load(str(tokenizer), tokenizer.stat().st_mtime_ns)
    unknown = next((n for t in ("[UNK]", "<unk>") if (n := loaded.token_to_id(t)) is not None), None)
    shares = []
    for encoded in loaded.encode_batch_fast([model_text(text) for text in texts], add_special_tokens=False):
        ids = encoded.ids[:_MOST]
        shares.append(ids.count(unknown) / len(ids) if ids and unknown is not None else 0.0)
    return shares


@lru_cache(maxsize=2)
def _load(path: str, _changed: int) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        loaded = Tokenizer.from_file(path)
    except Exception as error:  # the Rust tokenizer raises nothing more precise
        raise ModelError(f"cannot read {path}: {error}. Copy or download the model again.") from error
    loaded.no_padding()
    loaded.no_truncation()
    return loaded
