"""Bring a model into memory: the bundled one, any folder, any Hugging Face id.

Two ways lead to the same answer. A BERT classifier in a folder goes through `sentiment.fast` and the Rust
tokenizer alone, which saves two seconds of imports and most of the processor time; every other model goes through
the Auto classes of `transformers`. Code that comes with a model is never run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.card import BUNDLED, PACKED_WEIGHTS, read_card, read_json, weights_file
from sentiment.labels import class_of_each, names_in_order
from sentiment.ports import ModelError

if TYPE_CHECKING:
    from torch import Tensor

OVERLAP_TOKENS = 16
"""Tokens that two windows of a long text share, so that no phrase is lost at the cut."""
_TOKENS_PER_BATCH = 4096
_DEFAULT_MAX_TOKENS = 512

Windows = list[list[int]]
"""The token ids of a text in windows that the model can read at once; one for most posts."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model in memory and what its card says.

    Attributes:
        name: ``model@revision``.
        encode: Texts to windows of token ids, special tokens included.
        logits: Windows to class logits, float32, (windows, model classes).
    exact_logits: The same computed in float32 throughout, for close calls; None where there is no such way.
        classes: For each model class 0 (negative), 1 (neutral) or 2 (positive).
        temperature: Divides the logits before they become probabilities.
        abstain_below: The top probability from which on the model's word counts.
        languages: Languages it reads well; None where its card does not say, which is taken as all.
        languages_weak: Languages it reads so-so.
        way: ``packed`` or ``transformers``.
    """

    name: str
    encode: Callable[[Sequence[str]], list[Windows]]
    logits: Callable[[Sequence[Sequence[int]]], Tensor]
    exact_logits: Callable[[Sequence[Sequence[int]]], Tensor] | None
    classes: tuple[int, ...]
    temperature: float
    abstain_below: float
    languages: frozenset[str] | None
    languages_weak: frozenset[str]
    way: str


def load_model(model: str | Path | None, *, revision: str | None, threads: int) -> Model:
    """Load a model.

    Args:
        model: A folder, a Hugging Face id such as ``owner/name``, or None for the bundled model.
        revision: A commit, tag or branch of a Hugging Face id; pin a commit for scores that can be repeated.
        threads: Processor cores to use.

    Raises:
        ModelError: It cannot be loaded; the message says what to fix.
    """
    folder = BUNDLED if model is None else Path(model)
    if model is None or folder.is_dir():
        if revision is not None:
            raise ModelError("a model folder has no revisions; leave `revision` out")
        return _from_folder(folder, threads)
    if str(model).startswith((".", "/", "~")) or str(model).count("/") > 1:
        raise ModelError(f"no model folder at {model}")
    return _from_hub(str(model), revision, threads)


def _from_folder(folder: Path, threads: int) -> Model:
    card = read_card(folder)
    config = read_json(folder / "config.json")
    packed = weights_file(folder).name == PACKED_WEIGHTS
    from sentiment.fast import unsupported_reason

    reason = unsupported_reason(config)
    if reason is None and (folder / "tokenizer.json").is_file() and weights_file(folder).suffix == ".safetensors":
        return _packed(folder, card, config, threads)
    if packed:
        raise ModelError(f"{folder}: packed weights need a BERT classifier with tokenizer.json ({reason})")
    name = f"{card['name']}@{card['revision']}"
    return _through_transformers(str(folder), name, card, threads, {"local_files_only": True})


def _packed(folder: Path, card: Mapping[str, Any], config: Mapping[str, Any], threads: int) -> Model:
    import torch
    from tokenizers import Tokenizer

    from sentiment.fast import PackedBert

    torch.set_num_threads(1)  # cores work on batches of their own, see PackedBert
    classes = class_of_each(names_in_order(config))
    positions = config.get("max_position_embeddings", _DEFAULT_MAX_TOKENS)
    limit = min(int(card.get("max_tokens") or positions), int(positions))
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        bert = PackedBert(config, _state(folder), threads=threads)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"{folder} does not hold a complete model: {error}. Copy or download it again."
        ) from error
    except Exception as error:  # the Rust tokenizer raises nothing more precise
        raise ModelError(
            f"cannot read {folder / 'tokenizer.json'}: {error}. Copy or download it again."
        ) from error
    exact: list[PackedBert] = []

    def exact_logits(sequences: Sequence[Sequence[int]]) -> Tensor:
        if not exact:  # a second copy in memory, only once a close call asks for it
            exact.append(PackedBert(config, _state(folder), dtype=torch.float32, threads=threads))
        return exact[0].logits(sequences)

    tokenizer.no_padding()
    tokenizer.enable_truncation(limit, stride=min(OVERLAP_TOKENS, limit // 4))

    def encode(texts: Sequence[str]) -> list[Windows]:
        return [
            [e.ids, *(o.ids for o in e.overflowing)] if len(e.ids) >= limit else [e.ids]
            for e in tokenizer.encode_batch_fast(list(texts))
        ]

    careful = None if bert.dtype == torch.float32 else exact_logits
    return _model(f"{card['name']}@{card['revision']}", encode, bert.logits, classes, card, "packed", careful)


def _state(folder: Path) -> dict[str, Tensor]:
    weights = weights_file(folder)
    if weights.name == PACKED_WEIGHTS:
        from sentiment.weights import unpack

        return unpack(weights)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(weights)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"cannot read {weights}: {error}. Copy or download the model again.") from error


def _from_hub(model: str, revision: str | None, threads: int) -> Model:
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    options = {"revision": revision, "local_files_only": offline}
    return _through_transformers(model, None, {}, threads, options)


def _through_transformers(
    source: str, name: str | None, card: Mapping[str, Any], threads: int, options: Mapping[str, Any]
) -> Model:
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

    return _model(name or f"{source}@{commit}", encode, logits, classes, card, "transformers")


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


def _model(
    name: str,
    encode: Callable[[Sequence[str]], list[Windows]],
    logits: Callable[[Sequence[Sequence[int]]], Tensor],
    classes: tuple[int, ...],
    card: Mapping[str, Any],
    way: str,
    exact_logits: Callable[[Sequence[Sequence[int]]], Tensor] | None = None,
) -> Model:
    languages = card.get("languages")
    return Model(
        name=name,
        encode=encode,
        logits=logits,
        exact_logits=exact_logits,
        classes=classes,
        temperature=float(card.get("temperature") or 1.0),
        abstain_below=float(card.get("abstain_below") or 0.0),
        languages=None if languages is None else frozenset(map(str, languages)),
        languages_weak=frozenset(map(str, card.get("languages_weak") or ())),
        way=way,
    )


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
