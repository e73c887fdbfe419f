"""An explanation claims nothing that scoring the changed text does not show."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.explain import Explanation, by_itself, explain
from sentiment.language import UNKNOWN, detect
from sentiment.occlusion import MOST_SENTENCES, MOST_WORDS, WORK, cost
from sentiment.ports import UNIFORM, Probabilities, Scorer, TextScore
from sentiment.reply import reply_needed
from sentiment.signals import bundled_lexicon, prepare
from sentiment.transformer import TransformerScorer
from sentiment.urgency import urgency
from sentiment.words import cut_out, pieces

POST = "@brand my parcel never arrived and nobody answers. I want a refund! When will you send it?"


class LexiconScorer:
    """The words alone: the real urgency and reply rules, with a sentiment counted from the lexicon."""

    name = "lexicon@1"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def score(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        kinds: Sequence[str | None] | None = None,
    ) -> list[TextScore]:
        self.batches.append(len(texts))
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> TextScore:
        language = detect(text)
        found = bundled_lexicon().find(prepare(text), language)
        bad = len(found.get("displeased", ())) + len(found.get("failed_service", ()))
        good = len(found.get("pleased", ())) + len(found.get("thanks", ()))
        total = 1.0 + 3 * bad + 3 * good
        triple = Probabilities(3 * bad / total, 1 / total, 3 * good / total) if language != UNKNOWN else UNIFORM
        level, factors = urgency(text, triple, language, found=found)
        reply = reply_needed(text, triple, found, abstained=max(triple) < 0.5)
        label = ("negative", "neutral", "positive")[triple.index(max(triple))]
        heads = (("complaint", triple.negative), ("reply_needed", 0.9 if "question" in found else 0.1))
        return TextScore(
            language, label, triple, max(triple) < 0.5, level, reply.needed, reply.reason, factors, self.name,
            heads=heads,
        )  # fmt: skip


PHRASES = st.sampled_from(
    [
        "my flight was cancelled", "terrible", "worst service", "thank you", "love it", "I want a refund",
        "where is my order?", "charged twice", "the", "@brand", "https://x.example/a", "😡", "!!", "太差了",
        "退款", "客服没人理", "谢谢", "怎么回事？", "great", "not", "my card was stolen", "\u202e", "\n",
    ]
)  # fmt: skip
POSTS = st.lists(PHRASES, max_size=10).map(" ".join)


def claims_hold(scorer: Scorer, found: Explanation) -> None:
    """Every figure and claim of an explanation is what the scorer says of the changed text."""
    text = found.text
    assert sum(e.factor.points for e in found.evidence) == pytest.approx(found.score.urgency, abs=1e-9)
    for item in found.evidence:
        for start, end in item.spans:
            assert 0 <= start < end <= len(text)
    for word in found.words:
        assert all(text[start:end].casefold()[:1] for start, end in word.spans)
        assert word.word == text[slice(*word.spans[0])]
    for change in found.counterfactuals:
        assert change.text == cut_out(text, change.spans)
        assert all(words in text for words in change.without)
        assert by_itself(scorer.score([change.text])[0])[change.target] == change.becomes
        assert found.decisions[change.target] == change.was != change.becomes


@settings(max_examples=150)
@given(POSTS)
def test_every_claim_is_what_scoring_the_changed_text_gives(text: str) -> None:
    scorer = LexiconScorer()
    found = explain(scorer, text)
    claims_hold(scorer, found)
    for word in found.words:
        assert word.without == scorer.score([cut_out(text, word.spans)])[0]


@settings(max_examples=100)
@given(POSTS)
def test_no_word_of_a_change_can_stay(text: str) -> None:
    scorer = LexiconScorer()
    found = explain(scorer, text)
    for change in found.counterfactuals:
        removed = [piece for piece in pieces(text) if set(piece.spans) <= set(change.spans)]
        if change.kind != "words" or len(removed) < 2:
            continue
        for piece in removed:
            rest = [span for span in change.spans if span not in piece.spans]
            left = by_itself(scorer.score([cut_out(text, rest)])[0])
            assert left[change.target] == change.was, piece.text


@given(st.text(max_size=300))
def test_any_text_is_explained(text: str) -> None:
    scorer = LexiconScorer()
    claims_hold(scorer, explain(scorer, text))


@pytest.mark.parametrize(
    "text",
    [
        POST,
        "Thank you so much, the driver was kind and quick.",
        "订单一直没有发货，客服也不回复，我要退款！",
        "sooo 气死我了 the app 又crash了!!! 客服 no reply for 3 days",
        "應用程式更新後一直閃退，太糟糕了，什麼時候修好？",
        "the worst airline ever, but thanks to Mary at the gate",
        "😡😡😡",
        "",
        "   ",
    ],
)
def test_the_claims_hold_for_the_bundled_model(bundled: TransformerScorer, text: str) -> None:
    claims_hold(bundled, explain(bundled, text))


def test_the_words_that_drive_a_sentiment_are_named(bundled: TransformerScorer) -> None:
    found = explain(bundled, "the worst airline ever, but thanks to Mary at the gate")
    assert found.score.sentiment == "negative"
    assert found.drivers("negative")[0].word == "worst"


def test_a_question_is_what_a_reply_rests_on() -> None:
    found = explain(LexiconScorer(), "Nice weather at the lake today. Where is the nearest shop?")
    assert found.decisions["reply_needed"] == "yes"
    change = next(c for c in found.counterfactuals if c.target == "reply_needed")
    assert change.becomes == "no"
    assert "Where is" in change.without[0]


def test_each_head_that_spoke_has_its_words() -> None:
    found = explain(LexiconScorer(), "Terrible. Where is my order?")
    assert list(found.heads) == ["reply_needed", "complaint"]
    assert [word.word for word in found.drivers("complaint")] == ["Terrible"]
    assert {"Where", "is"} & {word.word for word in found.drivers("reply_needed")}


def test_a_word_that_stands_twice_is_left_out_twice() -> None:
    found = explain(LexiconScorer(), "refund refund REFUND for the broken lamp")
    word = next(word for word in found.words if word.word == "refund")
    assert len(word.spans) == 3
    assert "money_lost" not in {factor.name for factor in word.without.factors}


def test_a_step_is_one_batch_and_stays_small() -> None:
    scorer = LexiconScorer()
    explain(scorer, POST)
    assert len(scorer.batches) <= 12
    assert max(scorer.batches) <= MOST_WORDS
    assert len([size for size in scorer.batches if size > 8]) <= 3


@pytest.mark.parametrize("text", ["terrible refund now. " * 5_000, "退款！客服没人理。" * 11_112, "x" * 100_000])
def test_a_long_post_costs_no_more_than_was_promised(text: str) -> None:
    asked: list[str] = []

    class Counting(LexiconScorer):
        def _one(self, text: str) -> TextScore:
            asked.append(text)
            return super()._one(text)

    found = explain(Counting(), text[:100_000])
    assert found.sentences_read <= MOST_SENTENCES
    assert found.tried == 0
    assert not found.counterfactuals
    assert sum(cost(t) for t in asked if len(t) < 1_000) <= 3 * WORK
    assert len([t for t in asked if len(t) >= 1_000]) == 1
    assert len(found.sentences) <= 3


def test_a_long_post_names_the_sentences_that_say_most() -> None:
    filler = " ".join(f"On day {number} we walked along the river and saw some ducks." for number in range(60))
    text = f"{filler} The worst service ever, my card was stolen. {filler}"
    found = explain(LexiconScorer(), text)
    assert text[slice(*found.sentences[0].span)] == "The worst service ever, my card was stolen."
    assert "worst" in {word.word for word in found.drivers("negative")}
    assert found.sentences_in_all == 61 + 60


def test_an_unsure_reader_is_a_decision_of_its_own() -> None:
    score = LexiconScorer().score(["terrible but great, thanks"])[0]
    assert by_itself(score)["sentiment"] == ("unsure" if score.abstained else score.sentiment)
