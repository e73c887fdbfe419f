"""What the model was trained on and how: no development text leaks in, no class and no character is forgotten."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn

from sentiment.train import figures
from sentiment.train.data import (
    DEV_FILES,
    LABELS,
    SOURCES,
    DataError,
    Row,
    load_corpus,
    read_rows,
    text_key,
    training_passes,
    without_emoticons,
)
from sentiment.train.loop import Example, RowAdam, Settings, batches, learning_rate_at, loss_of, train
from sentiment.train.vocabulary import Vocabulary, widen, widened_embedding

TRADITIONAL = {"難": "难", "愛": "爱"}


def simplify(text: str) -> str:
    return "".join(TRADITIONAL.get(c, c) for c in text)


def write_csv(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["text", "label"])
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder of the expected shape: forty rows a file, some of which also stand in a development file."""
    for source in SOURCES:
        rows = [(f"{source.name} row {'x' * (i % 7)} {i} [泪]", LABELS[i % 3]) for i in range(40)]
        rows += [("Shared, between @all of THEM!", "neutral"), (rows[0][0].upper(), rows[0][1])]
        write_csv(tmp_path / source.file, rows)
    for name, file in DEV_FILES.items():
        write_csv(
            tmp_path / file,
            [("shared between @anyone of them", "negative"), (name, "positive")],
        )
    return tmp_path


def test_no_development_text_is_trained_on_however_it_is_written(folder: Path) -> None:
    corpus = load_corpus(folder)
    dev = {text_key(row.text) for rows in corpus.dev.values() for row in rows}
    train_rows = [row for rows in corpus.train.values() for row in rows]
    assert train_rows
    assert not {text_key(row.text) for row in train_rows} & dev
    assert not {text_key(without_emoticons(row.text)) for row in train_rows} & dev


def test_a_repeated_text_is_trained_on_once_and_what_is_left_out_is_counted(folder: Path) -> None:
    corpus = load_corpus(folder)
    assert len(corpus.train["en"]) == 40
    assert corpus.left_out["en"] == 2
    weibo = len(corpus.train["zh_weibo"]), len(corpus.dev["zh_weibo"]), corpus.left_out["zh_weibo"]
    assert weibo[0] + weibo[2] == 42
    assert weibo[1] > 0


def test_the_same_seed_shows_the_same_rows_and_another_seed_does_not(folder: Path) -> None:
    corpus = load_corpus(folder)
    first = training_passes(corpus.train, 1, str)
    assert first == training_passes(corpus.train, 1, str)
    assert first != training_passes(corpus.train, 2, str)
    english = sum(row.source == "en" for row in first)
    assert english == 2 * len(corpus.train["en"])


@pytest.mark.parametrize(
    ("content", "said"),
    [("text,label\nx,good\n", "labels must be"), ("tweet,label\nx,neutral\n", "no column")],
)
def test_a_malformed_file_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "en_train.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_rows(path, "en")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data"):
        load_corpus(tmp_path)


def tiny_base() -> Tokenizer:
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "love",
        "se",
        "##ha",
        "##r",
        "@",
        "user",
        "http",
        "l",
        "##x",
    ]
    base = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    base.normalizer = normalizers.BertNormalizer()
    base.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    base.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return base


@pytest.fixture
def vocabulary() -> Vocabulary:
    chinese = ["难爱難愛", "冷"] + ["难爱難愛"] * 4
    return widen(tiny_base(), chinese, ["sehar sehar"] * 4, ["love 😍"] * 5, simplify)


def test_frequent_characters_emoji_and_words_become_tokens_and_rare_ones_do_not(vocabulary: Vocabulary) -> None:
    tokens = vocabulary.tokenizer.encode("Love😍難愛冷 sehar").tokens
    assert tokens == ["[CLS]", "love", "😍", "難", "愛", "[UNK]", "sehar", "[SEP]"]


def test_traditional_and_simplified_characters_share_one_embedding(vocabulary: Vocabulary) -> None:
    ids = {c: vocabulary.tokenizer.token_to_id(c) for c in "难難爱愛"}
    assert vocabulary.twin[ids["難"]] == ids["难"]
    assert vocabulary.twin[ids["难"]] == ids["难"]
    matrix = widened_embedding(torch.randn(vocabulary.old_size, 8), vocabulary, 1)
    assert torch.equal(matrix[ids["愛"]], matrix[ids["爱"]])


def test_a_new_word_starts_near_the_mean_of_its_pieces(vocabulary: Vocabulary) -> None:
    old = torch.randn(vocabulary.old_size, 384)
    matrix = widened_embedding(old, vocabulary, 1)
    new = matrix[vocabulary.tokenizer.token_to_id("sehar")]
    mean = old[[6, 7, 8]].mean(0)
    assert float(torch.cosine_similarity(new, mean, dim=0)) > 0.95
    assert torch.equal(matrix[: vocabulary.old_size], old)


def test_every_example_is_shown_exactly_once_in_batches_of_like_length() -> None:
    examples = [Example([2] * (1 + i * 7 % 50), i % 3, 1.0, False) for i in range(501)]
    cut = list(batches(examples, 16, 3))
    assert sorted(id(e) for b in cut for e in b) == sorted(map(id, examples))
    spread = [max(len(e.ids) for e in b) - min(len(e.ids) for e in b) for b in cut]
    assert max(spread) <= 3


def test_a_row_without_neutral_class_learns_only_negative_against_positive() -> None:
    logits = torch.tensor([[0.0, 5.0, 1.0]], requires_grad=True)
    loss = loss_of(logits, [Example([2], 2, 1.0, True)])
    assert loss.item() == pytest.approx(float(np.log(1 + np.exp(-1.0))), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 1] == 0


def test_the_row_optimiser_is_adam_where_every_row_is_used_and_leaves_the_others_alone() -> None:
    torch.manual_seed(0)
    start = torch.randn(6, 4)
    lazy = nn.Embedding.from_pretrained(start.clone(), freeze=False, sparse=True)
    dense = nn.Parameter(start[:4].clone())
    ours, reference = RowAdam(lazy.weight, torch.ones(6)), torch.optim.Adam([dense], lr=0.01)
    for step in range(5):
        target = torch.full((4, 4), float(step))
        ((lazy(torch.arange(4)) - target) ** 2).sum().backward()
        ours.step(0.01, 1.0)
        reference.zero_grad()
        ((dense - target) ** 2).sum().backward()
        reference.step()
    assert torch.allclose(lazy.weight[:4], dense, atol=1e-5)
    assert torch.equal(lazy.weight[4:], start[4:])


def test_the_learning_rate_rises_falls_and_ends_near_zero() -> None:
    rates = [learning_rate_at(s, 1000, 1.0) for s in range(1000)]
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 59
    assert rates[-1] < 0.002


def test_quality_agrees_with_a_count_by_hand() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2])
    guess = np.array([0, 1, 1, 2, 2, 0])
    row = figures.quality(np.eye(3)[guess] * 0.7 + 0.1, labels)
    assert row["macro_recall"] == pytest.approx((1 / 2 + 1 + 2 / 3) / 3, abs=1e-4)
    assert row["macro_f1"] == pytest.approx((2 / 4 + 2 / 3 + 4 / 5) / 3, abs=1e-4)
    assert row["accuracy"] == pytest.approx(4 / 6, abs=1e-4)
    assert row["ece"] == pytest.approx(0.8 - 4 / 6, abs=1e-4)


def test_temperature_undoes_overconfidence() -> None:
    chance = np.random.default_rng(1)
    calm = chance.normal(size=(20_000, 3)) * 1.5
    labels = np.array([chance.choice(3, p=p) for p in figures.softmax(calm)])
    assert figures.fit_temperature(calm * 2, labels) == pytest.approx(2.0, abs=0.1)


def test_the_threshold_keeps_the_promised_share_right_or_says_there_is_none() -> None:
    top = np.linspace(0.4, 0.99, 500)
    probabilities = np.stack([top, (1 - top) / 2, (1 - top) / 2], axis=1)
    labels = np.where(top > 0.6, 0, 1)
    threshold = figures.abstain_threshold(probabilities, labels, 0.9)
    assert threshold is not None
    kept = top >= threshold
    assert (labels[kept] == 0).mean() >= 0.9
    assert figures.abstain_threshold(probabilities, np.ones(500, dtype=int), 0.9) is None


def test_a_resumed_run_shows_the_rest_of_the_rows_and_follows_the_same_schedule() -> None:
    assert learning_rate_at(500, 1000, 1.0, first=500) == pytest.approx(learning_rate_at(500, 1000, 1.0) / 60)
    assert learning_rate_at(559, 1000, 1.0, first=500) == learning_rate_at(559, 1000, 1.0)
    seen: list[int] = []

    class Recorder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(50, 3, sparse=True)
            self.head = nn.Linear(3, 3)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
            if self.training:
                seen.extend(input_ids[:, 0].tolist())
            return SimpleNamespace(logits=self.head(self.table(input_ids).sum(1)))

    examples = [Example([i, 2], 0, 1.0, False) for i in range(40)]
    saved: list[int] = []
    model = Recorder()
    train(model, model.table.weight, 50, examples, Settings(batch=8), print, saved.append, first_step=3)
    assert sorted(seen) == sorted(e.ids[0] for b in list(batches(examples, 8, 7))[3:] for e in b)
    assert saved == [5]


@pytest.mark.timeout(400)
def test_a_small_run_learns_packs_and_reads_back(folder: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from sentiment.train.export import revision_of, write_model_folder
    from sentiment.weights import unpack

    torch.manual_seed(0)
    size = len(vocabulary.twin)
    config = BertConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        num_labels=3, id2label=dict(enumerate(LABELS)),
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    embedding = nn.Embedding(size, 32, padding_idx=0, sparse=True)
    model.bert.embeddings.word_embeddings = embedding
    words = {0: "sehar", 1: "@user", 2: "love 😍"}
    ids = {label: vocabulary.tokenizer.encode(f"{text} 1").ids for label, text in words.items()}
    examples = [Example(ids[i % 3], i % 3, 1.0, False) for i in range(800)]
    train(model, embedding.weight, 14, examples, Settings(16, 5e-3, 2.0, 1), print, lambda steps: None)
    corpus = load_corpus(folder)
    for name in corpus.dev:
        corpus.dev[name] = [Row(f"{words[i % 3]} {i}", i % 3, name) for i in range(30)]
    out = tmp_path / "model"
    out.mkdir()
    write_model_folder(out, model, vocabulary, corpus, 1, str, print)
    card = json.loads((out / "model.json").read_text())
    assert card["revision"] == revision_of(out)
    assert card["dev"]["en"]["macro_recall"] > 0.6  # chance is 0.33
    assert card["packed_agrees_with_full_precision"]["share"] == 1.0
    again = BertForSequenceClassification(BertConfig.from_json_file(out / "config.json"))
    again.load_state_dict(unpack(out / "weights.safetensors"))
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer("Love😍 sehar難").input_ids == vocabulary.tokenizer.encode("Love😍 sehar難").ids
    with torch.inference_mode():
        texts = tokenizer(["love 😍 1", "難 sehar"], return_tensors="pt", padding=True)
        assert torch.allclose(again.eval()(**texts).logits, model.eval()(**texts).logits, atol=1e-5)
    assert list(again.config.id2label.values()) == list(LABELS)
