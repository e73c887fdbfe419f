"""Models from elsewhere: a folder or a Hugging Face id, on whatever this machine computes fastest with.

A BERT classifier on a processor takes the same packed way as the bundled model; every other one goes through the
Auto classes of `transformers`. Code that comes with a model is never run, and nothing is loaded that
`sentiment.pinned` has not compared with its record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.card import read_json
from sentiment.loading import HEAD_FILE, OVERLAP_TOKENS, Model, Windows, load_packed, model_of
from sentiment.lock import Terms
from sentiment.pinned import Place, Reading, card_of, reading, settle, suffix
from sentiment.ports import ModelError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TOKENS_PER_BATCH = 4096
"""Tokens of a batch on a processor, padding included: as many as its caches hold the activations of."""
TOKENS_PER_BATCH_ON_GPU = 32_768
_CLOSE = 0.06
"""How near a border bfloat16 is not trusted: twice the drift of a probability seen in the tests' networks."""
_DEFAULT_MAX_TOKENS = 512
_OFFSET = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "data2vec-text", "xmod"}
"""Model types that count positions from the padding token on: two fewer than their table has."""


def load_other(model: str | Path, revision: str | None, threads: int, terms: Terms) -> Model:
    """Load a model that does not ship with the package.

    Args:
        model: A folder or a Hugging Face id.
        revision: The commit of an id.
        threads: Processor cores to use.
        terms: What a person settled about such models.

    Raises:
        ModelError: It cannot be had, is not what it was, or cannot be used; the message says what to fix.
    """
    # The checksums are computed beside the imports, which take as long.
    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(settle, model, revision, terms)
        import torch  # noqa: F401

        place = settling.result()
    config = read_json(place.folder / "config.json")
    refuse_code(config, place.model)
    card = card_of(place)
    read = reading(config, card, place.entry, terms)
    card |= {
        "revision": f"{card['revision']}{suffix(place.entry, terms)}",
        "temperature": read.temperature,
        "abstain_below": read.abstain_below,
    }
    if place.entry is not None and place.entry.calibration:
        card.pop("calibration", None)  # what was fitted here counts more than what came with the model
    elif terms.abstain_below is not None and isinstance(card.get("calibration"), Mapping):
        band = {"abstain_below": terms.abstain_below}
        card["calibration"] = {k: {**v, **band} for k, v in card["calibration"].items() if isinstance(v, Mapping)}
    device = choose_device(terms.device)
    if takes_packed_way(place.folder, config, device):
        return load_packed(place.folder, card, config, threads, read.classes)
    return _through_transformers(place, card, config, read, threads, device)


def takes_packed_way(folder: Path, config: Mapping[str, Any], device: str) -> bool:
    """Say whether a model is computed by `sentiment.fast`: packed weights always, a plain BERT on a processor.

    Raises:
        ModelError: It has to, for its weights are packed, and cannot.
    """
    from sentiment.card import PACKED_WEIGHTS, weights_file
    from sentiment.fast import unsupported_reason

    weights = weights_file(folder)
    reason = unsupported_reason(config)
    if reason is None and not (folder / "tokenizer.json").is_file():
        reason = "it has no tokenizer.json"
    if reason is not None and weights.name == PACKED_WEIGHTS:
        raise ModelError(f"{folder}: packed weights need a BERT classifier with tokenizer.json ({reason})")
    if weights.name == PACKED_WEIGHTS or (reason is None and (folder / HEAD_FILE).is_file()):
        return True  # only this way knows of a head beside the weights
    return reason is None and device == "cpu" and weights.suffix == ".safetensors"


def refuse_code(config: Mapping[str, Any], model: str) -> None:
    """Refuse a model that asks for code from elsewhere.

    Raises:
        ModelError: Its type is known to no release of transformers, or it names compute kernels of the hub.
    """
    for key, value in config.items():
        chooses = "attn_implementation" in key or "experts_implementation" in key
        if chooses and (isinstance(value, Mapping) or "/" in str(value)):
            raise ModelError(f"{model}: its config.json asks for compute kernels from the hub ({key})")
    if "auto_map" in config:
        from transformers import CONFIG_MAPPING

        if config.get("model_type") not in CONFIG_MAPPING:
            raise ModelError(
                f"{model} brings code of its own, which is never run (model type {config.get('model_type')!r}); "
                "choose one that transformers knows"
            )


def choose_device(wish: str) -> str:
    """Return where to compute: what was asked for, else a GPU where there is one.

    Args:
        wish: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        ModelError: This machine, or this build of torch, has no such device.
    """
    import torch

    has_mps = torch.backends.mps.is_available()
    if wish == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    kind, _, number = wish.partition(":")
    there = {"cpu": 1, "mps": int(has_mps), "cuda": torch.cuda.device_count()}
    if kind not in there or (number and not number.isdigit()) or int(number or 0) >= there[kind]:
        found = ", ".join(name for name, count in there.items() if count)
        raise ModelError(f"device {wish!r}: this machine offers torch {found}; write one of these, or auto")
    return wish


def arithmetic(device: str) -> torch.dtype:
    """The number format a device is fast with: bfloat16 where the hardware multiplies it, else float32."""
    import torch

    from sentiment.fast import bfloat16_is_fast

    if device.startswith("cuda"):
        # Emulated bfloat16 on older cards is slower than float32, and float16 overflows in some models.
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device == "cpu" and bfloat16_is_fast()
    return torch.bfloat16 if fast else torch.float32


def _through_transformers(
    place: Place, card: Mapping[str, Any], config: Mapping[str, Any], read: Reading, threads: int, device: str
) -> Model:
    import torch

    if device == "cpu":
        torch.set_num_threads(threads)
    dtype = arithmetic(device)
    network, tokenizer = _load(place, device, dtype)
    limit = _token_limit(tokenizer, config, card)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    exact: list[Any] = []

    def encode(texts: Sequence[str]) -> list[Windows]:
        return _windows(tokenizer, texts, limit)

    def logits(sequences: Sequence[Sequence[int]]) -> Tensor:
        return padded_logits(network, sequences, pad, device)

    def exact_logits(sequences: Sequence[Sequence[int]]) -> Tensor:
        if not exact:  # a second copy in memory, only once a close call asks for it
            exact.append(_load(place, device, torch.float32)[0])
        return padded_logits(exact[0], sequences, pad, device)

    careful: Callable[[Sequence[Sequence[int]]], Tensor] | None = exact_logits
    if dtype == torch.float32:
        careful = None
    name = f"{card['name']}@{card['revision']}"
    loaded = model_of(name, encode, logits, read.classes, card, "transformers", careful)
    return replace(
        loaded, close=_CLOSE, close_abstain=_CLOSE, device=device, dtype=str(dtype).removeprefix("torch.")
    )


def _load(place: Place, device: str, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # what goes wrong is told once, by us
    source = str(place.folder)
    safe = any(file.suffix == ".safetensors" for file in place.folder.iterdir())
    # The files lie here and were compared: nothing may be looked up, and nothing they bring may be run.
    closed = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **closed)
        network, report = AutoModelForSequenceClassification.from_pretrained(
            source, dtype=dtype, use_safetensors=safe, output_loading_info=True, **closed
        )
    except ModelError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, AttributeError) as error:
        raise ModelError(_advice(place, error)) from error
    except Exception as error:  # safetensors and the Rust tokenizer raise nothing more precise
        raise ModelError(_advice(place, error)) from error
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers fills them with random numbers: a base model without its classifier would score by dice.
        raise ModelError(
            f"{place.model} is no finished classifier: {len(missing)} of its weights are missing ({missing[0]})"
        )
    network.to(device).eval()
    return network, tokenizer


def _token_limit(tokenizer: Any, config: Mapping[str, Any], card: Mapping[str, Any]) -> int:
    # Some tokenizers name a limit of 10**30.
    positions = int(config.get("max_position_embeddings") or _DEFAULT_MAX_TOKENS)
    if config.get("model_type") in _OFFSET:
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


def padded_logits(network: Any, sequences: Sequence[Sequence[int]], pad: int, device: str) -> Tensor:
    """Run any classifier over batches of like length, filled by tokens rather than by texts.

    Returns:
        Float32 (sequences, classes) on the processor, in the order of the sequences.
    """
    import torch

    budget = TOKENS_PER_BATCH if device == "cpu" else TOKENS_PER_BATCH_ON_GPU
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    parts: list[Tensor] = []
    start = 0
    with torch.inference_mode():
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(sequences[order[end]]) <= budget:
                end += 1
            chosen = order[start:end]
            width = len(sequences[chosen[-1]])
            ids = torch.tensor([[*sequences[i], *[pad] * (width - len(sequences[i]))] for i in chosen])
            lengths = torch.tensor([len(sequences[i]) for i in chosen])
            mask = (torch.arange(width) < lengths[:, None]).long()
            # Results stay on the device until the end, so that it never waits for a copy.
            parts.append(network(input_ids=ids.to(device), attention_mask=mask.to(device)).logits.float())
            start = end
        result = torch.empty(len(order), network.config.num_labels)
        if parts:
            result[order] = torch.cat(parts).cpu()
    return result


def _advice(place: Place, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return f"cannot load the model {place.model}: {reason}. Copy or download it again, or choose another."
