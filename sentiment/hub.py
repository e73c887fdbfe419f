"""Any model that is no packed BERT: through the Auto classes of `transformers`, by folder or Hugging Face id."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.labels import class_of_each, names_in_order
from sentiment.loading import OVERLAP_TOKENS, Model, Windows, model_of
from sentiment.ports import ModelError

if TYPE_CHECKING:
    from torch import Tensor

_TOKENS_PER_BATCH = 4096
_DEFAULT_MAX_TOKENS = 512


def load_from_hub(model: str, revision: str | None, threads: int) -> Model:
    """Load a model by its Hugging Face id; without the network where ``HF_HUB_OFFLINE`` says so.

    Raises:
        ModelError: It cannot be loaded; the message says what to fix.
    """
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    options = {"revision": revision, "local_files_only": offline}
    return load_through_transformers(model, None, {}, threads, options)


def load_through_transformers(
    source: str, name: str | None, card: Mapping[str, Any], threads: int, options: Mapping[str, Any]
) -> Model:
    """Load any classifier with the Auto classes of `transformers`; code that comes with it is never run.

    Args:
        source: A folder or a Hugging Face id.
        name: ``model@revision``; None takes the source and its commit.
        card: The folder's card; empty where there is none.
        threads: Processor cores to use.
        options: What `from_pretrained` is told: ``revision``, ``local_files_only``.

    Raises:
        ModelError: It cannot be loaded; the message says what to fix.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from sentiment.fast import bfloat16_is_fast

    torch.set_num_threads(threads)
    dtype = torch.bfloat16 if bfloat16_is_fast() else torch.float32
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, **options)
        classes = class_of_each(names_in_order({"id2label": dict(config.id2label)}))
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **options)
        network = AutoModelForSequenceClassification.from_pretrained(
            source, config=config, trust_remote_code=False, dtype=dtype, **options
        )
    except ModelError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError) as error:
        raise ModelError(_load_advice(source, options, error)) from error
    network.eval()
    commit = getattr(config, "_commit_hash", None) or options.get("revision") or "unknown"
    limit = _token_limit(tokenizer, config, card)

    def encode(texts: Sequence[str]) -> list[Windows]:
        return _windows(tokenizer, texts, limit)

    def logits(sequences: Sequence[Sequence[int]]) -> Tensor:
        return _padded_logits(network, sequences, tokenizer.pad_token_id or 0)

    return model_of(name or f"{source}@{commit}", encode, logits, classes, card, "transformers")


def _token_limit(tokenizer: Any, config: Any, card: Mapping[str, Any]) -> int:
    # Some tokenizers name a limit of 10**30; RoBERTa counts two positions more than it can read.
    positions = int(getattr(config, "max_position_embeddings", None) or _DEFAULT_MAX_TOKENS)
    if config.model_type in {"roberta", "xlm-roberta", "camembert"}:
        positions -= 2
    limits = [int(tokenizer.model_max_length), positions, _DEFAULT_MAX_TOKENS]
    return min([*limits, int(card["max_tokens"])] if card.get("max_tokens") else limits)


def _windows(tokenizer: Any, texts: Sequence[str], limit: int) -> list[Windows]:
    if not getattr(tokenizer, "is_fast", False):  # reads the head only: the slow ones cannot cut into windows
        return [[ids] for ids in tokenizer(list(texts), truncation=True, max_length=limit)["input_ids"]]
    encoded = tokenizer(
        list(texts),
        truncation=True,
        max_length=limit,
        stride=min(OVERLAP_TOKENS, limit // 4),
        return_overflowing_tokens=True,
    )
    windows: list[Windows] = [[] for _ in texts]
    for ids, text in zip(encoded["input_ids"], encoded["overflow_to_sample_mapping"], strict=True):
        windows[text].append(ids)
    return windows


def _padded_logits(network: Any, sequences: Sequence[Sequence[int]], pad: int) -> Tensor:
    """Run any classifier over batches of like length."""
    import torch

    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    result = torch.empty(len(sequences), network.config.num_labels)
    start = 0
    with torch.inference_mode():
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(sequences[order[end]]) <= _TOKENS_PER_BATCH:
                end += 1
            chosen = order[start:end]
            width = len(sequences[chosen[-1]])
            ids = torch.tensor([[*sequences[i], *[pad] * (width - len(sequences[i]))] for i in chosen])
            lengths = torch.tensor([len(sequences[i]) for i in chosen])
            mask = (torch.arange(width) < lengths[:, None]).long()
            result[chosen] = network(input_ids=ids, attention_mask=mask).logits.float()
            start = end
    return result


def _load_advice(source: str, options: Mapping[str, Any], error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if options.get("revision") is not None or not Path(source).is_dir():
        where = (
            "offline (HF_HUB_OFFLINE is set), and it is not in the cache"
            if options["local_files_only"]
            else "online"
        )
        return (
            f"cannot load the model {source!r} ({where}): {reason}. Check the name and revision, download it once "
            "while online, or give the path of a folder that holds it."
        )
    return f"cannot load the model in {source}: {reason}. Copy or download it again."
