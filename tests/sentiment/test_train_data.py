"""What the model was trained on and how: no development text leaks in, no class and no character is forgotten."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import AutoTokenizer, BertConfig

from sentiment.train import figures
from sentiment.train.calibrate import WANTED_RIGHT, Rows, abstain_below, fit, measured
from sentiment.train.closing import closing_rows
from sentiment.train.data import (
    DEV_FILES,
    LABELS,
    SOURCES,
    DataError,
    Row,
    held_out,
    load_corpus,
    read_rows,
    text_key,
    training_passes,
    without_emoticons,
)
from sentiment.train.export import REVIEW, Trained, revision_of, write_model_folder
from sentiment.train.heads import HEADS, HeadRow, targets, training_targets
from sentiment.train.loop import Example, RowAdam, Settings, batches, head_loss, learning_rate_at, loss_of, train
from sentiment.train.masked import read
from sentiment.train.network import Network
from sentiment.train.vocabulary import Vocabulary, widen, widened_embedding
from sentiment.train.wide_fit import BITS, design, fit_wide, packed
from sentiment.transformer import TransformerScorer
from sentiment.wide import Wide

TRADITIONAL = {"難": "难", "愛": "爱"}


def simplify(text: str) -> str:
    return "".join(TRADITIONAL.get(c, c) for c in text)


def write_csv(path: Path, rows: list[tuple[str, str]], label: str = "label") -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["text", label])
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder of the expected shape: forty rows a file, some of which also stand in a development file."""
    for source in SOURCES:
        rows = [(f"{source.name} row {'x' * (i % 7)} {i} [泪]", LABELS[i % 3]) for i in range(40)]
        rows += [("Shared, between @all of THEM!", "neutral"), (rows[0][0].upper(), rows[0][1])]
        write_csv(tmp_path / source.file, rows, source.label_column)
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


def test_a_file_that_trains_and_measures_is_cut_by_the_hash_of_the_text(folder: Path) -> None:
    corpus = load_corpus(folder)
    for source in SOURCES:
        if source.dev_share:
            assert all(held_out(row.text, source.dev_share) for row in corpus.dev[source.name])
            assert not any(held_out(row.text, source.dev_share) for row in corpus.train[source.name])
    assert 10 < len(corpus.dev["ja"]) < 32


def test_the_closing_pass_draws_what_it_says(folder: Path) -> None:
    corpus = load_corpus(folder)
    rows = closing_rows(corpus.train, 1)
    assert rows == closing_rows(corpus.train, 1)
    assert sum(row.source == "en" for row in rows) == len(corpus.train["en"])
    assert not {"yue"} & {row.source for row in rows}


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


def halves(count: int, seed: int = 1) -> Rows:
    """Rows where both halves know something, the deep one is far too sure, and classes are uneven."""
    chance = np.random.default_rng(seed)
    labels = chance.choice(3, count, p=[0.2, 0.5, 0.3])
    truth = np.eye(3)[labels]
    deep, wide = (5 * (truth * k + chance.normal(size=(count, 3))) for k in (0.9, 0.7))
    return Rows(deep, wide, labels, chance.random(count) < 0.5)


def test_both_halves_together_are_better_than_either_and_sure_as_often_as_right() -> None:
    rows = halves(6_000)
    entry = fit(rows)
    fresh = halves(6_000, 2)
    both = figures.quality(entry.probabilities(fresh), fresh.labels)
    for one in (fresh.deep, fresh.wide):
        assert both["macro_recall"] > figures.quality(figures.softmax(one), fresh.labels)["macro_recall"] + 0.02
    assert both["ece"] < 0.03


def test_the_threshold_keeps_the_promised_share_right_or_never_answers() -> None:
    rows, fresh = halves(8_000), halves(8_000, 3)
    entry = fit(rows)
    chances = entry.probabilities(fresh)
    kept = chances.max(axis=1) >= entry.abstain_below
    assert kept.mean() > 0.1
    assert (chances.argmax(axis=1) == fresh.labels)[kept].mean() >= WANTED_RIGHT - 0.02
    noise = np.random.default_rng(0).dirichlet(np.ones(3), 5_000)
    assert abstain_below(noise, np.random.default_rng(1).integers(0, 3, 5_000)) == 1.0


def test_a_small_language_stays_near_the_setting_of_all() -> None:
    default = fit(halves(6_000))
    few = fit(halves(12, 5), default)
    assert few.deep / few.wide == pytest.approx(default.deep / default.wide, rel=0.6)


def test_figures_are_crosswise_so_no_row_judges_its_own_numbers() -> None:
    chance = np.random.default_rng(4)
    labels = chance.integers(0, 3, 60)
    noise = Rows(chance.normal(size=(60, 3)), chance.normal(size=(60, 3)), labels, np.arange(60) % 2 == 0)
    assert measured(noise)["macro_recall"] < 0.55


def test_heads_learn_only_where_something_is_known() -> None:
    logits = torch.zeros(2, 2, requires_grad=True)
    rows = [Example([2], 1, 0.0, False, targets=(1.0, math.nan)), Example([2], 0, 1.0, False)]
    loss = head_loss(logits, rows, 0.5)
    assert loss is not None
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 0] < 0
    assert gradient[0, 1] == gradient[1, 0] == 0
    assert head_loss(logits, rows[1:], 0.5) is None


def test_a_taught_row_follows_its_teachers_beside_its_label() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    loss = loss_of(logits, [Example([2], 0, 1.0, False, soft=(0.0, 0.0, 9.0))])
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 2] < gradient[0, 1]


def test_a_table_is_read_back_as_it_was_packed(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    weights, bias = chance.normal(size=(13, 1 << BITS)), chance.normal(size=13)
    wide = packed(weights, bias, {ord("難"): ord("难")})
    wide.save(tmp_path)
    again = Wide.load(tmp_path)
    assert again is not None
    assert again.heads == 1
    texts, languages = ["難以置信", "难以置信", "bonjour", ""], ["zh", "zh", "fr", "en"]
    said = again.logits(texts, languages)
    assert np.array_equal(said, wide.logits(texts, languages))
    assert np.array_equal(said[0], said[1])
    exact = design([texts[0]], {ord("難"): ord("难")}) @ weights[6:9].T + bias[6:9]
    assert np.allclose(said[0, :3], np.asarray(exact)[0], atol=0.2)


def tiny_network(vocabulary: Vocabulary) -> Network:
    torch.manual_seed(0)
    config = BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
    return Network(config, len(vocabulary.twin))


def test_a_resumed_run_shows_the_rest_of_the_rows_and_follows_the_same_schedule(vocabulary: Vocabulary) -> None:
    assert learning_rate_at(500, 1000, 1.0, first=500) == pytest.approx(learning_rate_at(500, 1000, 1.0) / 60)
    assert learning_rate_at(559, 1000, 1.0, first=500) == learning_rate_at(559, 1000, 1.0)
    examples = [Example([2, 5 + i % 9, 3], 0, 1.0, False) for i in range(40)]
    network, saved = tiny_network(vocabulary), []
    before = network.embedding.detach().clone()
    train(network, 14, examples, Settings(batch=8), print, saved.append, first_step=3)
    assert saved == [5]
    shown = {token for batch in list(batches(examples, 8, 7))[3:] for e in batch for token in e.ids}
    moved = (network.embedding.detach() != before).any(dim=1).nonzero().flatten().tolist()
    assert set(moved) == shown


def test_reading_guesses_hidden_words_better_and_better(vocabulary: Vocabulary) -> None:
    said: list[str] = []
    read(tiny_network(vocabulary), vocabulary, ["love sehar 難 愛 love sehar"] * 20_000, 1, said.append)
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in said]
    assert losses[-1] < losses[0]


@pytest.mark.timeout(400)
def test_a_small_run_learns_packs_and_reads_back(folder: Path, vocabulary: Vocabulary, tmp_path: Path) -> None:
    network = tiny_network(vocabulary)
    words = {0: "sehar", 1: "@user", 2: "love 😍"}
    ids = {label: vocabulary.tokenizer.encode(f"{text} 1").ids for label, text in words.items()}
    heads = [
        HeadRow(
            f"{words[i % 3]} {i}", targets({"complaint": float(i % 3 == 0), "reply_needed": float(i % 3 != 2)}), ""
        )
        for i in range(240)
    ]
    examples = [Example(ids[i % 3], i % 3, 1.0, False, targets=heads[i % 3].targets) for i in range(800)]
    train(network, 14, examples, Settings(16, 5e-3, 2.0, 2.0, 1), print, lambda steps: None)
    corpus = load_corpus(folder)
    for name in corpus.dev:
        corpus.dev[name] = [Row(f"{words[i % 3]} {i}", i % 3, name) for i in range(60)]
    train_rows = {name: [Row(f"{words[i % 3]} {i}", i % 3, name) for i in range(60)] for name in corpus.train}
    wide = fit_wide(train_rows, training_targets(heads), {}, 1, print)
    out = tmp_path / "model"
    out.mkdir()
    write_model_folder(out, Trained(network, wide, vocabulary, 1), corpus, heads, str, print)
    card = json.loads((out / "model.json").read_text())
    assert card["revision"] == revision_of(out)
    assert card["dev"]["en"]["macro_recall"] > 0.6  # chance is 0.33
    assert card["packed_agrees_with_full_precision"]["share"] == 1.0
    assert card["head_quality"]["complaint"]["auc"] > 0.9
    scorer = TransformerScorer.load(out)
    angry, happy = scorer.score(["sehar 77", "love 😍 77"], ["en", "en"])
    assert (angry.sentiment, happy.sentiment) == ("negative", "positive")
    assert dict(angry.heads)["complaint"] > dict(happy.heads)["complaint"]
    assert list(dict(angry.heads)) == list(HEADS)
    assert card["heads"] == [*HEADS, REVIEW]
    assert (
        AutoTokenizer.from_pretrained(out)("Love😍 難").input_ids == vocabulary.tokenizer.encode("Love😍 難").ids
    )
