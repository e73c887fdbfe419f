"""Tiny models with random weights, written to disk as other people's models are, and the bundled scorer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from sentiment.ports import Probabilities, TextScore
from sentiment.transformer import TransformerScorer

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "my", "order", "is", "late", "great", "terrible"),
    *("thanks", "where", "refund", "now", "not", "good", "bad", "was", "flight", ",", ".", "!", "?", "好", "差"),
]
LABELS = {0: "negative", 1: "neutral", 2: "positive"}


def write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{n}_token": f"[{n.upper()}]" for n in ("unk", "sep", "pad", "cls", "mask")}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 100, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer BERT classifier of three classes whose weights are large enough to disagree."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    folder.mkdir()
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=64,
        max_position_embeddings=128,
        id2label=LABELS,
        label2id={v: k for k, v in LABELS.items()},
        initializer_range=0.3,
    )
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    write_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_stars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of another architecture that gives one to five stars."""
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    folder = tmp_path_factory.mktemp("models") / "tiny-stars"
    folder.mkdir()
    torch.manual_seed(4)
    stars = {i: f"{i + 1} star{'s' if i else ''}" for i in range(5)}
    config = DistilBertConfig(
        vocab_size=len(WORDS),
        dim=32,
        n_layers=2,
        n_heads=2,
        hidden_dim=48,
        max_position_embeddings=128,
        id2label=stars,
        label2id={v: k for k, v in stars.items()},
        initializer_range=0.3,
    )
    DistilBertForSequenceClassification(config).eval().save_pretrained(folder)
    write_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def bundled() -> TransformerScorer:
    """The scorer that ships in the package."""
    return TransformerScorer.load()


class WordScorer:
    """A scorer in ten lines: the port is small enough for that."""

    name = "words@1"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def score(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        kinds: Sequence[str | None] | None = None,
    ) -> list[TextScore]:
        self.calls.append(len(texts))
        given = languages or [None] * len(texts)
        return [self._one(t, code) for t, code in zip(texts, given, strict=True)]

    def _one(self, text: str, code: str | None) -> TextScore:
        bad, good = "bad" in text, "good" in text
        triple = Probabilities(0.8, 0.1, 0.1) if bad else Probabilities(0.1, 0.1, 0.8) if good else None
        probabilities = triple or Probabilities(0.2, 0.6, 0.2)
        label = "negative" if bad else "positive" if good else "neutral"
        return TextScore(
            code or "en",
            label,
            probabilities,
            triple is None,
            0.3 if bad else 0.0,
            bad,
            "complaint",
            (),
            self.name,
        )


@pytest.fixture
def words() -> WordScorer:
    return WordScorer()
