"""The drafter picks the fitting saved reply, says why, and stays silent where a person has to write."""

import tomllib
from datetime import date
from pathlib import Path

import pytest
from clock import NOW

from responders.drafter import UNSAFE_SIGNALS, SavedReplyDrafter
from responders.ports import Drafter
from responders.saved_replies import SavedReply, When, load_saved_replies, write_starter_set
from storage.models import Case, Mention

TODAY = date(2026, 3, 2)


def make_case(*signals: str, **values: object) -> Case:
    base: dict[str, object] = {
        "id": 5,
        "brand_id": 1,
        "network": "x",
        "author_key": "1",
        "thread_native_id": "t",
        "sentiment": "negative",
        "opened_at": NOW,
        "first_seen_at": NOW,
        "last_inbound_at": NOW,
        "lead_mention_id": 1,
        "reasons": [{"name": name, "points": 0.3, "evidence": "…"} for name in signals],
    }
    return Case(**(base | values))


def make_mention(text: str, **values: object) -> Mention:
    base: dict[str, object] = {
        "id": 1,
        "brand_id": 1,
        "network": "x",
        "native_id": "m1",
        "kind": "post",
        "text": text,
        "text_hash": "0",
        "posted_at": NOW,
        "first_seen_at": NOW,
        "thread_native_id": "m1",
        "listener": "t",
        "author_id": 1,
    }
    return Mention(**(base | values))


def reply(name: str, language: str = "en", text: str = "", **values: object) -> SavedReply:
    when = When(**{key: values.pop(key) for key in list(values) if key in When.model_fields})  # type: ignore[arg-type]
    return SavedReply(name, language, text or f"{name} in {language}", when=when, **values)  # type: ignore[arg-type]


def draft_of(replies: list[SavedReply], case: Case, *posts: Mention, language: str = "en", **options: object):  # type: ignore[no-untyped-def]
    drafter: Drafter = SavedReplyDrafter(replies, TODAY, **options)  # type: ignore[arg-type]
    return drafter.draft(case, posts, language=language, brand="Acme")


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> list[SavedReply]:
    folder = tmp_path_factory.mktemp("replies")
    write_starter_set(folder, TODAY)
    return list(load_saved_replies(folder))


@pytest.mark.parametrize(
    ("text", "language", "sentiment", "expected"),
    [
        ("You charged me twice, I want my money back", "en", "negative", "double-charge"),
        ("被重复扣款，什么时候退款", "zh-Hans", "negative", "double-charge"),
        ("包裹還沒到，等了兩個禮拜", "zh-Hant", "negative", "delivery-late"),
        ("快遞幾時到呀，等咗好耐", "yue", "negative", "delivery-late"),
        ("the app crashes on start", "en", "negative", "app-bug"),
        ("充电器冒烟了！", "zh-Hans", "negative", "safety"),
        ("My account got hacked", "en", "negative", "account-security"),
        ("is the service down? can't log in", "en", "negative", "outage"),
        ("How do I change my plan?", "en", "neutral", "how-to"),
        ("third time I write, no reply", "en", "negative", "repeated-contact"),
        ("just awful", "en", "negative", "ask-details"),
        ("love it", "en", "positive", "thanks"),
        ("非常好用", "zh-Hans", "positive", "thanks"),
    ],
)
def test_the_starter_set_answers_what_people_write(
    starter: list[SavedReply], text: str, language: str, sentiment: str, expected: str
) -> None:
    found = draft_of(starter, make_case(sentiment=sentiment), make_mention(text), language=language)
    assert found.saved_reply == f"{expected}@1"
    assert found.language == {"yue": "zh-Hant"}.get(language, language)
    assert "{{" not in found.text


def test_a_low_review_gets_the_answer_for_reviews_with_its_reference(starter: list[SavedReply]) -> None:
    post = make_mention("meh", network="play", kind="review", rating=2)
    assert "reference 5" in draft_of(starter, make_case(network="play"), post).text


def test_the_reasons_say_why_this_one_and_why_not_three_others() -> None:
    replies = [
        reply("fraud-help", signals=("fraud",), words=("stolen",)),
        reply("general"),
        reply("for-reddit", networks=("reddit",)),
        reply("old", signals=("fraud",), expires=date(2026, 3, 1)),
        reply("other", words=("parcel",)),
    ]
    found = draft_of(replies, make_case("fraud"), make_mention("My card was STOLEN"))
    assert found.reasons == (
        "fraud-help: 6 points",
        "signal fraud +3",
        "the post says “stolen” +2",
        "written in en +1",
        "not general: 1.5 points",
        "not other: about something else",
        "not for-reddit: not for x",
    )


def test_words_are_whole_words_except_in_chinese() -> None:
    replies = [reply("late", words=("late",)), reply("refund", words=("退款",)), reply("bug", words=("bug",))]
    assert draft_of(replies, make_case(), make_mention("I bought chocolate")) is None
    assert draft_of(replies, make_case(), make_mention("我要退款啦")).saved_reply == "refund@1"
    assert draft_of(replies, make_case(), make_mention("有bug啊")).saved_reply == "bug@1"


@pytest.mark.parametrize(
    ("condition", "case", "post"),
    [
        ({"networks": ("reddit",)}, {}, {}),
        ({"brands": ("Other",)}, {}, {}),
        ({"kinds": ("review",)}, {}, {}),
        ({"sentiments": ("positive",)}, {}, {}),
        ({"rating_max": 3}, {}, {}),
        ({"rating_max": 3}, {}, {"rating": 4}),
        ({"rating_min": 4}, {}, {"rating": 3}),
        ({"not_signals": ("safety",)}, {"reasons": [{"name": "safety", "points": 1}]}, {}),
        ({"messages_min": 2}, {}, {}),
    ],
)
def test_a_condition_that_does_not_hold_excludes_the_answer(
    condition: dict[str, object], case: dict[str, object], post: dict[str, object]
) -> None:
    assert draft_of([reply("a")], make_case(**case), make_mention("x", **post)) is not None
    assert draft_of([reply("a", **condition)], make_case(**case), make_mention("x", **post)) is None


def test_the_closest_language_wins_and_an_expired_variant_is_passed_over() -> None:
    replies = [reply("a", "en"), reply("a", "zh-Hans"), reply("a", "zh-Hant")]
    case, post = make_case(), make_mention("x")
    assert draft_of(replies, case, post, language="yue").language == "zh-Hant"
    assert draft_of(replies, case, post, language="zh-CN").language == "zh-Hans"
    assert draft_of(replies, case, post, language="fr").language == "en"
    replies[2] = reply("a", "zh-Hant", expires=date(2020, 1, 1))
    assert draft_of(replies, case, post, language="yue").language == "zh-Hans"
    assert draft_of([reply("a", "ja")], case, post, language="en") is None


@pytest.mark.parametrize("signal", ["legal", "self_harm", "doxxing"])
def test_an_unsafe_case_is_left_to_a_person_with_the_reason(signal: str) -> None:
    choice = SavedReplyDrafter([reply("a")], TODAY).explain(
        make_case(signal), [make_mention("x")], language="en", brand="Acme"
    )
    assert choice.draft is None
    assert choice.reasons == (f"no draft: {signal}; hand it to a person who may speak for the brand",)


@pytest.mark.parametrize(
    "text", ["your bank makes me want to die", "我不想活了", "唔想做人", "my mother passed away"]
)
def test_beside_some_words_no_prepared_sentence_is_right(starter: list[SavedReply], text: str) -> None:
    assert draft_of(starter, make_case("safety"), make_mention(text)) is None


def test_a_plain_question_is_left_to_a_person(starter: list[SavedReply]) -> None:
    case = make_case("question", sentiment="neutral", reply_reason="question")
    assert draft_of(starter, case, make_mention("Are you open on Sunday?")) is None


def test_the_starter_set_names_signals_that_exist(starter: list[SavedReply]) -> None:
    from sentiment import signals

    source = Path(signals.__file__).parent / "data" / "signals.toml"
    known = set(tomllib.loads(source.read_text(encoding="utf-8"))["signal"])
    assert {signal for one in starter for signal in one.when.signals} <= known
    assert UNSAFE_SIGNALS & known == {"legal"}


def test_closed_spam_and_deleted_cases_get_no_draft() -> None:
    replies = [reply("a")]
    assert draft_of(replies, make_case(status="resolved"), make_mention("x")) is None
    assert draft_of(replies, make_case(reply_reason="spam"), make_mention("x")) is None
    assert draft_of(replies, make_case(), make_mention("x", deleted_at=NOW)) is None
    assert draft_of(replies, make_case(), make_mention("x", is_ours=True)) is None


def test_an_answer_that_cannot_be_filled_in_or_is_too_long_gives_way_to_the_next() -> None:
    replies = [
        reply("a-handle", text="Hi @{{ handle }}", signals=("fraud",)),
        reply("b-long", text="x" * 281, signals=("fraud",)),
        reply("c-plain"),
    ]
    case, post = make_case("fraud"), make_mention("x")
    found = draft_of(replies, case, post)
    assert found.saved_reply == "c-plain@1"
    assert any("not a-handle: not known here" in reason for reason in found.reasons)
    assert any("not b-long: too long for x: 281 of 280" in reason for reason in found.reasons)
    assert draft_of(replies, case, post, handles={1: "jo"}).text == "Hi @jo"


def test_a_post_is_never_a_template() -> None:
    found = draft_of([reply("a")], make_case(), make_mention("{{ 9**9**9 }} {% for x in y %}" + "x" * 1_000_000))
    assert found.text == "a in en"
