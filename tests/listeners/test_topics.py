"""What a topic's author is promised: the query means what it says, here and on every network."""

import pytest
from clock import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from listeners.topics import Topic, explain, first_match, parse_topic, reddit_query, x_query
from storage.errors import ConfigError
from storage.models import AuthorData, MentionData


def mention(text: str = "", **more: object) -> MentionData:
    return MentionData.model_validate(
        {"network": "x", "native_id": "1", "brand": "Acme", "text": text, "posted_at": NOW, **more}
    )


def hears(query: str, text: str, **more: object) -> bool:
    return parse_topic(query).matches(mention(text, **more))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("refund", "I want a REFUND."),
        ("refund", "refund"),
        ("ＡＣＭＥ", "acme is wide"),
        ("acme", "是acme的错"),
        ("退款", "我要求退款！"),
        ("iPhone", "这个iphone很好"),
        ("เงินคืน", "ขอเงินคืนด้วย"),
        ("can't", "I can’t log in"),
        ('"late flight"', "a Late, flight"),
        ('"客服 不理"', "客服不理人"),
        ("refund*", "refunded twice"),
        ("colo?r", "the colour? no: color? colour"),
        ("#acme", "love #acme"),
        ("at&t", "AT&T is down"),
        ("c++", "in C++ again"),
        ("a b OR c d", "c and d"),
        ("acme -spam", "acme is fine"),
        ("acme NOT (spam OR ham)", "acme is fine"),
        ("“late flight” AND （acme OR 航空）", "late flight, 航空"),
        ("wi-fi", "no wi-fi here"),
    ],
)
def test_a_query_hears_what_it_asks_for(query: str, text: str) -> None:
    assert hears(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("refund", "refunds are refundable"),
        ("art", "start the cart"),
        ('"late flight"', "flight late"),
        ('"late flight"', "plate flights"),
        ("a b OR c d", "a and c"),
        ("acme -spam", "acme spam"),
        ("acme NOT (spam OR ham)", "acme and ham"),
        ("refund AND acme", "refund"),
        ("acme", "acmeology"),
        ("acme", "@acme_support"),
    ],
)
def test_a_query_does_not_hear_what_it_does_not_ask_for(query: str, text: str) -> None:
    assert not hears(query, text)


def test_fields_ask_about_facts_beside_the_text() -> None:
    author = AuthorData(native_id="7", handle="Jane")
    assert hears("acme author:jane", "acme", author=author)
    assert not hears("acme author:joe", "acme", author=author)
    assert hears("network:(x OR reddit) acme", "acme")
    assert not hears("network:reddit acme", "acme")
    assert hears("rating:<=3", "acme", rating=3.0)
    assert not hears("rating:<3", "acme", rating=3.0)
    assert hears("rating:[1 TO 2}", "acme", rating=1.5)
    assert not hears("rating:[1 TO 2}", "acme", rating=2.0)
    assert not hears("rating:>3", "acme")
    assert hears("title:late", "acme", title="Late again")
    assert not hears("title:late", "late")
    assert hears("kind:quote acme", "acme", kind="quote")


def test_a_language_nobody_told_is_no_reason_to_drop_a_post() -> None:
    assert hears("acme lang:zh", "acme", lang="zh-Hant")
    assert not hears("acme lang:en", "acme", lang="zh")
    assert hears("acme lang:en", "acme")
    assert hears("acme NOT lang:en", "acme")
    assert not hears("acme lang:en", "other")


@pytest.mark.parametrize(
    ("query", "position", "hint"),
    [
        ("refund AND", None, "ends too early"),
        ("(refund", None, "ends too early"),
        ("refund)", 7, "cannot be read"),
        ("acme && refund", 6, "AND"),
        ("foo~2", 1, "not supported"),
        ('"late flight"~3', 1, "not supported"),
        ("acme^3", 1, "not supported"),
        ("acme colour:red", 6, "colour"),
        ("https://acme.example", 1, "quotes"),
        ("rating:good", 8, "numbers"),
        ("acme *", 6, "match everything"),
        ("", None, "empty"),
        ("x" * 5000, None, "5,000"),
        ("(" * 200 + "a" + ")" * 200, None, "brackets"),
        ("text:(title:a)", 7, "side by side"),
    ],
)
def test_a_query_that_cannot_be_read_says_where_and_why(query: str, position: int | None, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_topic(query, "outages")
    text = str(raised.value)
    assert "outages" in text
    assert hint in text
    if position is not None:
        assert f"position {position}" in text
        assert text.splitlines()[-1].index("^") - 2 == position - 1


def test_an_error_never_writes_a_control_character() -> None:
    with pytest.raises(ConfigError) as raised:
        parse_topic("acme \x1b[31m\u202e ) red")
    assert all(letter.isprintable() or letter == "\n" for letter in str(raised.value))


def test_x_is_asked_in_its_own_words() -> None:
    topic = parse_topic('acme ("late flight" OR 退款 OR AT&T) -spam lang:en author:jane', "care")
    assert x_query(topic).text == 'acme ("late flight" OR 退款 OR "AT&T") -spam lang:en from:jane'
    assert x_query(topic, suffix=" -is:retweet").text == x_query(topic).text + " -is:retweet"


def test_an_or_is_bracketed_before_something_is_added_to_it() -> None:
    assert x_query(parse_topic("a OR b"), suffix=" -is:retweet").text == "(a OR b) -is:retweet"


def test_a_negated_group_is_negated_word_by_word() -> None:
    assert x_query(parse_topic("acme NOT (spam OR ham)")).text == "acme -spam -ham"
    assert x_query(parse_topic("acme NOT (spam AND ham)")).text == "acme (-spam OR -ham)"


def test_reddit_is_asked_in_its_own_words() -> None:
    topic = parse_topic('acme ("late flight" OR 退款) -spam title:refund author:u/jane')
    expected = 'acme AND ("late flight" OR 退款) AND NOT spam AND title:refund AND author:jane'
    assert reddit_query(topic).text == expected


def test_what_a_network_cannot_search_for_is_told_and_left_to_us() -> None:
    asked = reddit_query(parse_topic("acme lang:en"))
    assert asked.text == "acme"
    assert any("lang" in note for note in asked.notes)
    asked = x_query(parse_topic("acme OR refund*"))
    assert asked.text == "acme"
    assert any("not heard" in note for note in asked.notes)


def test_a_topic_for_another_network_is_not_asked_here() -> None:
    topic = parse_topic("acme AND network:reddit")
    assert x_query(topic).text is None
    assert reddit_query(topic).text == "acme"
    mixed = parse_topic("(network:x acme) OR (network:reddit acmesupport)")
    assert x_query(mixed).text == "acme"
    assert reddit_query(mixed).text == "acmesupport"


@pytest.mark.parametrize("query", ["-spam", "lang:en", "acme OR -spam", "refund*", "network:x"])
def test_a_query_without_a_word_to_look_for_is_refused(query: str) -> None:
    with pytest.raises(ConfigError, match="nothing X can look for"):
        x_query(parse_topic(query))


def test_a_query_too_long_for_the_network_is_refused_with_its_length() -> None:
    topic = parse_topic(" OR ".join(f"word{number}" for number in range(100)), "long")
    with pytest.raises(ConfigError, match=r"long.*\d{3} characters.*512"):
        x_query(topic)
    assert len(x_query(topic, limit=4096).text or "") > 512


def test_words_that_are_operators_are_asked_for_in_quotes() -> None:
    assert x_query(parse_topic('acme "OR"')).text == 'acme "OR"'


def test_an_explanation_shows_how_the_query_was_understood() -> None:
    text = explain(parse_topic("acme or refund NOT spam rating:<3"))
    assert 'the word "acme"' in text
    assert "'or' in small letters is a word" in text
    assert "rating is less than 3" in text


def test_an_explanation_fits_a_terminal_of_80_columns() -> None:
    for word in ("delivery", "包裹没有收到"):
        topic = parse_topic(" OR ".join(f"{word}{number}" for number in range(60)) + ' OR "' + word * 30 + '"')
        for line in explain(topic).splitlines():
            assert sum(1 if letter.isascii() else 2 for letter in line) < 80


def test_the_first_topic_that_fits_gives_its_name() -> None:
    topics = [parse_topic("late", "delays"), parse_topic("acme", "all")]
    assert first_match(topics, mention("acme is late")) == "delays"
    assert first_match(topics, mention("acme")) == "all"
    assert first_match(topics, mention("other")) is None


def test_a_megabyte_of_hostile_text_is_matched_at_once() -> None:
    topic = parse_topic('a*b*c AND "late flight" AND refund')
    assert not topic.matches(mention("a" * 1_000_000))
    assert not topic.matches(mention("late " * 200_000))


words = st.sampled_from(["acme", "refund", "late", "退款", '"money back"', "lang:en", "rating:>2"])
queries = st.recursive(
    words,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" ", " AND ", " OR "]), inner).map(lambda p: f"({p[0]}{p[1]}{p[2]})"),
        inner.map(lambda part: f"NOT {part}"),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(queries, st.text(alphabet="acmeREFUND late退款 money back", max_size=40))
def test_a_query_and_its_negation_never_disagree(query: str, text: str) -> None:
    post = mention(text, lang="en")
    assert parse_topic(query).matches(post) is not parse_topic(f"NOT ({query})").matches(post)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_either_understood_or_refused_in_words(text: str) -> None:
    try:
        topic = parse_topic(text)
    except ConfigError as error:
        assert str(error)  # noqa: PT017
    else:
        assert isinstance(topic, Topic)
        assert explain(topic)
        topic.matches(mention("anything"))
