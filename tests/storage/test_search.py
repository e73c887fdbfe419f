"""Search finds the same on both databases, in every script, whatever is typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import mention, store
from sqlalchemy import text

from storage.database import Database
from storage.search import rebuild, search
from storage.words import MAX_WORDS, parse, words

POSTS = {
    "late": "Flight UA-123 is LATE again, don't bother calling. #fail @united_air https://x.co/a",
    "cafe": "Café crème at the airport: straße, naïve, Ünïted",
    "delay": "我的航班又延误了,行李也丢了,客服不理人",
    "refund": "要求退款!ABC航空真差 refund now",
    "japan": "フライトが遅れています。荷物がない",
    "arabic": "الرحلة متأخرة جداً",
    "arabic_points": "مُحَمَّد",
    "korean": "비행기가 늦었어요",
    "thai": "เที่ยวบินล่าช้า",
    "hindi": "उड़ान देर से है",
    "emoji": "great job 😡👍🏽 thanks",
    "russian": "Рейс задержан, Йогурт испорчен",
    "wide": "ＶＩＰ　lounge",
    "turkish": "İstanbul uçuşu",
}

EXPECTED = {
    "late": {"late"},
    "LATE flight": {"late"},
    '"flight late"': set(),
    '"is late"': {"late"},
    "ua-123": {"late"},
    "ua 123 -united": set(),
    "don't": {"late"},
    "@united_air": {"late"},
    "#fail": {"late"},
    "cafe creme": {"cafe"},
    "CAFÉ": {"cafe"},
    "strasse": {"cafe"},
    "unit*": {"late", "cafe"},
    "united": {"late", "cafe"},
    "航班": {"delay"},
    "行李": {"delay"},
    "延误": {"delay"},
    "航": {"delay", "refund"},
    "班航": set(),
    "航班 退款": set(),
    "退款 refund": {"refund"},
    "ABC航空": {"refund"},
    "abc": {"refund"},
    "航* -航班": {"refund"},
    "「航班」": {"delay"},
    "荷物": {"japan"},
    "フライト": {"japan"},
    "ﾌﾗｲﾄ": {"japan"},
    "متأخرة": {"arabic"},
    "محمد": {"arabic_points"},
    "비행기": {"korean"},
    "ล่าช้า": {"thai"},
    "देर": {"hindi"},
    "😡": {"emoji"},
    "👍": {"emoji"},
    "👍🏿": {"emoji"},
    "рейс": {"russian"},
    "йогурт": {"russian"},
    "vip": {"wide"},
    "istanbul": {"turkish"},
    "-flight -航 -cafe vip": {"wide"},
    "great -job": set(),
}


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_words_of_every_script_are_found(kind: str, request: pytest.FixtureRequest) -> None:
    from storage.database import open_database

    database = open_database(request.getfixturevalue(f"{kind}_url"))
    store(database, *(mention(name, words) for name, words in POSTS.items()))
    with database.read() as session:
        found = {query: {hit.native_id for hit in search(session, query)} for query in EXPECTED}
    database.dispose()
    assert found == EXPECTED


def test_only_unwanted_words_leave_everything_else(database: Database) -> None:
    store(database, mention("1", "good"), mention("2", "bad"))
    with database.read() as session:
        assert [hit.native_id for hit in search(session, "-bad")] == ["1"]


TYPED = ['"', "'", "AND", "OR late", "NOT", "late AND", "(late", "late)", "a:b", "^late", "late:*", "late & !x"]
TYPED += [
    "-",
    "*",
    "\\",
    "%",
    "_",
    "--",
    '""',
    '"late',
    "NEAR(late x)",
    "title:late",
    "{late}",
    "a + b",
    "\x00",
    "🏽",
]
TYPED += ["late <-> x", "'late':1", "; drop table mention", "”", "\u202e", "!!!", "", "late " * 3000, "航" * 9000]
TYPED += [" ".join(f"{sign}w{number}" for number in range(3000)) for sign in ("", "-")]


def test_nothing_a_person_types_is_an_error(database: Database) -> None:
    store(database, mention("1", "late"))
    with database.read() as session:
        found = {typed: len(search(session, typed)) for typed in TYPED}
    finds = {TYPED[-1], '"late', "(late", "late)", "{late}", "late:*", "^late", "late " * 3000}
    assert {typed for typed, hits in found.items() if hits} == finds


def test_title_and_text_are_searched_but_no_phrase_crosses_them(database: Database) -> None:
    store(database, mention("1", "bag lost", title="my red"))
    with database.read() as session:
        found = [
            len(search(session, query))
            for query in ("red", "bag", "red bag", '"red bag"', '"my red"', '"bag lost"')
        ]
    assert found == [1, 1, 1, 0, 1, 1]


def test_hits_come_newest_first_and_can_be_narrowed(database: Database) -> None:
    from datetime import timedelta

    from clock import NOW

    store(
        database,
        *(
            mention(str(age), "late", posted_at=NOW - timedelta(hours=age), brand="Acme" if age % 2 else "Beta")
            for age in range(6)
        ),
    )
    with database.read() as session:
        assert [hit.native_id for hit in search(session, "late", 3)] == ["0", "1", "2"]
        assert [hit.native_id for hit in search(session, "late", 2, offset=2)] == ["2", "3"]
        assert [hit.native_id for hit in search(session, "late", brand="Acme")] == ["1", "3", "5"]
        narrowed = search(session, "late", since=NOW - timedelta(hours=4), until=NOW - timedelta(hours=2))
        assert [hit.native_id for hit in narrowed] == ["3", "4"]
        hit = search(session, "late", 1)[0]
        assert (hit.brand, hit.network, hit.author, hit.text, hit.case_id) == ("Beta", "x", "alice", "late", None)


def test_indexing_again_gives_the_same(database: Database) -> None:
    store(database, *(mention(name, words) for name, words in POSTS.items()))
    with database.write() as session:
        if database.dialect == "postgresql":
            session.connection().execute(text("DELETE FROM mention_search WHERE mention_id % 2 = 0"))
        assert rebuild(session, batch=3) == len(POSTS)
    with database.read() as session:
        assert [hit.native_id for hit in search(session, "航班")] == ["delay"]
        assert {hit.native_id for hit in search(session, "united")} == {"late", "cafe"}


def test_a_huge_text_is_found_by_its_beginning(database: Database) -> None:
    hostile = " ".join(f"{number:x}{'字' * 30}é" for number in range(60_000))
    store(
        database,
        mention("1", "needle " + hostile),
        mention("2", "a" * 1_000_000),
        mention("3", "needle " * 150_000),
    )
    with database.read() as session:
        assert {hit.native_id for hit in search(session, "needle")} == {"1", "3"}


@given(st.text(max_size=200))
def test_cutting_twice_is_cutting_once(given_text: str) -> None:
    once = words(given_text)
    assert words(" ".join(once)) == once
    assert all(word and not set(word) & set(" '\"\\:&|!()*\t\n\x00") for word in once)
    assert len(once) <= MAX_WORDS


@given(st.text(max_size=80))
def test_any_question_is_understood_as_terms_of_words(typed: str) -> None:
    question = parse(typed)
    for term in (*question.wanted, *question.unwanted):
        assert term.words
        assert all(words(word) == [word] for word in term.words)
