"""What a scorer promises: one score a text, in order, the same in any company, whatever the text."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path

import pytest

from sentiment.passages import MAX_PASSAGES, read_whole
from sentiment.ports import SENTIMENTS, UNIFORM, ModelError, Scorer
from sentiment.transformer import TOLERANCE, TransformerScorer

POSTS = [
    "Where is my order? Third email and still no reply",
    "great flight, thanks!",
    "The app is down again.",
    "什么时候发货？等了两个星期了",
    "多謝你哋，好好食",
    "我的帳號被盜了，客服打不通",
    "Le colis n'est jamais arrivé",
    "ok",
    "your staff were rude and my bag is lost " * 12,
    "Thank you for the quick fix, everything works again.",
]


def test_scores_come_one_a_text_in_order(bundled: TransformerScorer) -> None:
    scores = bundled.score(POSTS)
    assert len(scores) == len(POSTS)
    shuffled = random.Random(1).sample(POSTS, len(POSTS))
    again = dict(zip(shuffled, bundled.score(shuffled), strict=True))
    for text, score in zip(POSTS, scores, strict=True):
        assert again[text].probabilities == pytest.approx(score.probabilities, abs=TOLERANCE)
    assert isinstance(bundled, Scorer)
    assert bundled.score([]) == []


def test_a_text_scores_the_same_alone_and_in_any_batch(bundled: TransformerScorer) -> None:
    filler = [f"flight number {i} was {'late' if i % 3 else 'lovely'} {'indeed ' * (i % 40)}" for i in range(150)]
    batch = bundled.score([*filler, *POSTS])[-len(POSTS) :]
    for text, together in zip(POSTS, batch, strict=True):
        alone = bundled.score([text])[0]
        assert alone.sentiment == together.sentiment, text
        assert alone.probabilities == pytest.approx(together.probabilities, abs=TOLERANCE)
        assert (alone.language, alone.reply_reason) == (together.language, together.reply_reason)
        assert [f.name for f in alone.factors] == [f.name for f in together.factors]


def test_probabilities_sum_to_one_and_the_sentiment_is_the_most_probable(bundled: TransformerScorer) -> None:
    for score in bundled.score(POSTS):
        assert sum(score.probabilities) == pytest.approx(1, abs=0.001)
        assert score.probabilities[SENTIMENTS.index(score.sentiment)] == max(score.probabilities)
        assert 0 <= score.urgency <= 1
        assert score.scorer == bundled.name
        assert "@" in bundled.name


@pytest.mark.parametrize("text", ["", "   ", "12:30", "!!!", "@someone", "https://example.org/x", "\x00\x1b[2J"])
def test_a_text_with_nothing_to_read_is_left_to_a_person(bundled: TransformerScorer, text: str) -> None:
    score = bundled.score([text])[0]
    assert score.language == "und" or text.startswith("\x00")
    if score.language == "und":
        assert score.probabilities == UNIFORM
        assert score.abstained
        assert score.sentiment == "neutral"


def test_the_end_of_a_long_text_counts(bundled: TransformerScorer) -> None:
    filler = "We ordered on Monday and the parcel came on Wednesday as the page had said. " * 12
    terrible = "It is terrible, broken, the worst I ever bought, I hate it. " * 12
    plain, ends_badly = bundled.score([filler, filler + terrible])
    assert len(filler) < 1000 < len(filler + terrible)
    assert ends_badly.probabilities.negative > plain.probabilities.negative + 0.1


def test_a_megabyte_is_scored_in_a_few_seconds_and_says_what_was_left_out(bundled: TransformerScorer) -> None:
    began = time.process_time()
    score = bundled.score(["the charger caught fire " + "la " * 350_000])[0]
    assert time.process_time() - began < 10
    note = next(f for f in score.factors if f.name == "partly_read")
    assert note.evidence.startswith(f"{MAX_PASSAGES} of 1051")
    assert note.points == 0
    assert "safety" in {f.name for f in score.factors}


def test_texts_up_to_the_limit_are_read_whole() -> None:
    reading = read_whole("word " * 6000)
    assert reading.note is None
    assert reading.shown.split() == ["word"] * 6000


def test_the_language_its_network_gave_is_believed(bundled: TransformerScorer) -> None:
    given = bundled.score(["haha 666", "haha 666"], ["zh-TW", None])
    assert [s.language for s in given] == ["en", "en"]  # no Chinese letter in it
    assert bundled.score(["tak fordi"], ["da"])[0].language == "da"
    with pytest.raises(ValueError, match="2 texts came with 1"):
        bundled.score(["a", "b"], ["en"])


def test_other_weights_change_the_urgency_and_the_name(tiny_bert: Path) -> None:
    usual = TransformerScorer.load(tiny_bert)
    careful = TransformerScorer.load(tiny_bert, urgency_weights={"outage": 0.9})
    text = ["the site is down"]
    assert careful.score(text)[0].urgency > usual.score(text)[0].urgency
    assert careful.name != usual.name
    with pytest.raises(ValueError, match="no urgency factor is called 'outrage'"):
        TransformerScorer.load(tiny_bert, urgency_weights={"outrage": 0.9})
    with pytest.raises(ValueError, match="between -1 and 1"):
        TransformerScorer.load(tiny_bert, urgency_weights={"outage": 9})


def test_a_model_of_another_architecture_with_stars_is_used_through_transformers(tiny_stars: Path) -> None:
    scorer = TransformerScorer.load(tiny_stars)
    assert scorer.way == "transformers"
    assert scorer.name.startswith("tiny-stars@")
    texts = ["the order is late", "great !", "refund now " * 90]
    together = scorer.score(texts)
    for text, score in zip(texts, together, strict=True):
        assert sum(score.probabilities) == pytest.approx(1, abs=0.001)
        assert scorer.score([text])[0].probabilities == pytest.approx(score.probabilities, abs=TOLERANCE)


def test_both_ways_agree_on_one_model(tiny_bert: Path, tmp_path: Path) -> None:
    other = tmp_path / "tiny-bert"
    shutil.copytree(tiny_bert, other)
    config = json.loads((other / "config.json").read_text())
    # The same network under a name that the fast way does not claim.
    (other / "config.json").write_text(json.dumps(config | {"architectures": ["Unknown"]}))
    fast, slow = TransformerScorer.load(tiny_bert), TransformerScorer.load(other)
    assert (fast.way, slow.way) == ("packed", "transformers")
    texts = ["the order is late", "not good", "great thanks", "where is my refund ?"]
    for one, two in zip(fast.score(texts), slow.score(texts), strict=True):
        assert one.probabilities == pytest.approx(two.probabilities, abs=0.06)  # bfloat16 in both


def test_models_that_cannot_be_loaded_say_what_to_do(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="no model folder at"):
        TransformerScorer.load(tmp_path / "nowhere" / "deep")
    with pytest.raises(ModelError, match=r"config\.json is missing|holds no weights"):
        TransformerScorer.load(tmp_path)
    with pytest.raises(ModelError, match="not in the cache"):
        TransformerScorer.load("nobody/there", revision="abc1" * 10)
    with pytest.raises(ModelError, match="no revisions"):
        TransformerScorer.load(tiny_bert, revision="main")
    for file, damage in [("model.safetensors", b"\x00" * 40), ("tokenizer.json", b"{"), ("config.json", b"[]")]:
        broken = tmp_path / file.replace(".", "-")
        shutil.copytree(tiny_bert, broken)
        (broken / file).write_bytes(damage)
        with pytest.raises(ModelError, match=r"again|JSON object"):
            TransformerScorer.load(broken)


def test_a_model_that_tells_no_sentiments_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "topics"
    shutil.copytree(tiny_bert, folder)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "sports", "1": "politics", "2": "weather"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="'sports', 'politics', 'weather' apart, which are not sentiments"):
        TransformerScorer.load(folder)
