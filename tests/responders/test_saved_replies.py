"""Saved replies: files a person can write and mend, templates that can do no harm."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responders.languages import chinese_variant, fallbacks, normal_tag, written_in
from responders.lengths import limit_for, x_length
from responders.linter import LintContext, lint
from responders.saved_replies import (
    SavedReply,
    SavedReplyError,
    When,
    load_saved_replies,
    parse_saved_reply,
    starter_sources,
    write_starter_set,
)
from responders.saved_reply_check import Finding, check
from responders.templates import VARIABLES, TemplateProblem, parse, render, safe_values, web_address

TODAY = date(2026, 3, 2)
GOOD = """+++
name = "late"
language = "zh_TW"
owner = "Mei"
version = 3
expires = 2026-12-31

[when]
signals = ["delivery"]
rating_max = 2
+++

謝謝您，{{ brand }} 會跟進。
"""


def problems(source: str) -> str:
    with pytest.raises(SavedReplyError) as caught:
        parse_saved_reply(source, Path("late.md"))
    return str(caught.value)


def test_a_file_becomes_a_saved_reply() -> None:
    reply = parse_saved_reply(GOOD, Path("late.md"))
    assert (reply.name, reply.language, reply.reference) == ("late", "zh-Hant", "late@3")
    assert (reply.owner, reply.expires, reply.line) == ("Mei", date(2026, 12, 31), 13)
    assert reply.when == When(signals=("delivery",), rating_max=2)
    assert reply.render({"brand": "Acme"}) == "謝謝您，Acme 會跟進。"
    assert parse_saved_reply("\ufeff" + GOOD.replace("\n", "\r\n"), Path("x")).text == reply.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("+++\nname", "name"), "late.md:1: the file must start with a line +++"),
        (("version = 3", "version = "), "late.md:5: the settings are not TOML"),
        (("version = 3", 'version = "3"'), "late.md:5: version"),
        (("version = 3", "version = 0"), "late.md:5: version"),
        (('name = "late"', 'name = "Late one"'), "late.md:2: name: is 'Late one'; use lower-case words"),
        (('name = "late"\n', ""), "late.md:1: name is missing; add name"),
        (("owner =", "ovner ="), "late.md:4: there is no setting 'ovner'; known here: name, language, owner"),
        (("2026-12-31", '"2026-12-31"'), "late.md:6: expires: must be a date without quotes"),
        (("rating_max = 2", "rating_max = 9"), "late.md:10: when.rating_max"),
        (("rating_max = 2", "rating_maximum = 2"), "late.md:10: there is no setting 'when.rating_maximum'"),
        (("rating_max = 2", "rating_min = 4\nrating_max = 2"), "rating_min is above rating_max"),
        (("rating_max = 2", 'sentiments = ["angry"]'), "late.md:10: when.sentiments: 'angry' is unknown"),
        (('"zh_TW"', '"Chinese (TW)"'), "late.md:3: language: is 'Chinese (TW)'"),
        (("謝謝您，{{ brand }} 會跟進。", " "), "late.md:12: the answer is empty"),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_what_to_do(change: tuple[str, str], expected: str) -> None:
    assert expected in problems(GOOD.replace(*change, 1))


def test_the_second_mark_may_not_be_missing() -> None:
    assert "second line +++" in problems("+++\nname = 'x'\n")


def test_all_broken_files_of_a_folder_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.md").write_text(GOOD, encoding="utf-8")
    (tmp_path / "c.md").write_bytes(b"+++\nname = 'x'\n\xff\n+++\n")
    (tmp_path / "d.md").write_text("hello", encoding="utf-8")
    (tmp_path / "README.md").write_text("not a reply", encoding="utf-8")
    (tmp_path / ".draft.md").write_text("not a reply", encoding="utf-8")
    with pytest.raises(SavedReplyError) as caught:
        load_saved_replies(tmp_path)
    assert len(caught.value.problems) == 3
    assert "b.md:1: late in zh-Hant is in" in caught.value.problems[0]
    assert "c.md:3: is not UTF-8" in caught.value.problems[1]
    with pytest.raises(SavedReplyError, match="no such folder"):
        load_saved_replies(tmp_path / "none")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_a_place(source: str) -> None:
    places: tuple[str, ...] = ()
    try:
        parse_saved_reply("+++\n" + source, Path("f.md"))
    except SavedReplyError as error:
        places = error.problems
    assert all(problem.startswith("f.md:") for problem in places)


# --- templates ---


@pytest.mark.parametrize(
    "source",
    [
        '{{ "a" * 10**7 }}',
        '{{ ("a" * 9999) * 9999 }}',
        "{{ 9**9**9 }}",
        '{{ "%999999999d" % 1 }}',
        "{% for a in range(99999999) %}a{% endfor %}",
        "{{ brand.__class__ }}",
        '{{ brand["__class__"] }}',
        "{{ brand.upper() }}",
        "{{ brand ~ brand }}",
        "{% set x = brand %}",
        "{% macro m() %}{% endmacro %}",
        "{{ brand|center(99999999) }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{{ lipsum(99) }}",
        "{{ cycler }}",
        "{{ self }}",
        "{{ text }}",
        "{% if brand is divisibleby 3 %}{% endif %}",
        "{{ [1] }}",
        "{{ brand|replace('a', 'b') }}",
        "{% filter upper %}{% endfilter %}",
        "{% block a %}{% endblock %}",
    ],
)
def test_a_template_can_do_nothing_but_words_variables_and_if(source: str) -> None:
    with pytest.raises(TemplateProblem):
        parse(source)
    with pytest.raises(TemplateProblem):
        render(source, {"brand": "Acme", "network": "x"})


@pytest.mark.parametrize("source", ["{{ brand", "{% if brand %}", "{{ }}", "{% endif %}", "{{ brand }", "{# x"])
def test_unbalanced_braces_are_an_error_with_a_line(source: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        render("first\n" + source, {"brand": "Acme"})
    assert caught.value.line in {1, 2} or source == "{{ brand }"


def test_deep_nesting_is_refused_and_does_not_crash() -> None:
    for source in (
        "{% if brand %}" * 500 + "x" + "{% endif %}" * 500,
        "{{ " + "(" * 5000 + "brand" + ")" * 5000 + " }}",
        "{{ " + "not " * 4000 + "brand }}",
    ):
        with pytest.raises(TemplateProblem):
            render(source, {"brand": "Acme"})


def test_a_variable_that_is_not_known_is_an_error_unless_asked_for() -> None:
    with pytest.raises(TemplateProblem, match="handle"):
        render("Hi @{{ handle }}", {"brand": "Acme"})
    polite = "Hi{% if handle is defined %} @{{ handle }}{% endif %}, {{ agent|default('the team') }}"
    assert render(polite, {}) == "Hi, the team"
    assert render(polite, {"handle": "jo", "agent": "Kim"}) == "Hi @jo, Kim"


def test_what_a_stranger_calls_themselves_is_never_a_template_or_a_link() -> None:
    for handle in ("{{ 7*7 }}", "a b", "x\u202ey", "https://evil.example", "a\nb", "x" * 65, "@", ""):
        assert "handle" not in safe_values(brand="B", network="x", case_id=1, handle=handle)
    values = safe_values(brand="B", network="x", case_id=1, handle="@jo.bsky-1", url="javascript:alert(1)")
    assert values["handle"] == "jo.bsky-1"
    assert "url" not in values
    assert render("{{ brand }}", {"brand": "{{ 7*7 }}"}) == "{{ 7*7 }}"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://a.example",
        "https://",
        "//a.example",
        "https://user:pw@a.example",
        "https://a.example\\@b.example",
        "https://a.exa\u202emple",
        "https://a b",
        "x",
        "https://a.example:99999/",
        "https://[::1",
        "vbscript:x",
        " https://a.example",
        "https://a.example/\x1b[2J",
    ],
)
def test_an_address_that_could_mislead_is_not_shown(url: str) -> None:
    assert web_address(url) is None


def test_a_look_alike_host_is_shown_in_its_true_form() -> None:
    assert web_address("https://аpple.example/x?y=1#z") == "https://xn--pple-43d.example/x?y=1#z"
    assert web_address("https://x.com/a/status/1") == "https://x.com/a/status/1"
    assert web_address("http://a.example:8080/") == "http://a.example:8080/"


# --- languages and lengths ---


@pytest.mark.parametrize(
    ("tag", "normal"),
    [
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh_TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-Hant-HK", "zh-Hant"),
        ("yue", "yue"),
        ("yue-Hant", "yue"),
        ("EN-gb", "en-GB"),
        ("pt_br", "pt-BR"),
        ("", "und"),
        (None, "und"),
        ("??", "und"),
        ("sr-latn", "sr-Latn"),
    ],
)
def test_tags_are_written_one_way(tag: str | None, normal: str) -> None:
    assert normal_tag(tag) == normal


def test_cantonese_falls_back_to_traditional_then_simplified_then_english() -> None:
    assert fallbacks("yue") == ("yue", "zh-Hant", "zh-Hans", "en")
    assert fallbacks("pt-BR") == ("pt-BR", "pt", "en")
    assert fallbacks("en") == ("en",)


def test_scripts_and_chinese_variants_are_told_apart() -> None:
    assert chinese_variant("我们会尽快处理您的订单问题") == "zh-Hans"
    assert chinese_variant("我們會盡快處理您的訂單問題") == "zh-Hant"
    assert chinese_variant("點解我仲未收到嘅？佢哋冇覆我") == "yue"
    assert chinese_variant("你好") is None
    assert [written_in(text) for text in ("Hello", "你好 hi", "こんにちは世界", "Привет", "!?")] == [
        "latin",
        "han",
        "kana",
        "cyrillic",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("hello", 5),
        ("你好", 4),
        ("謝謝！", 6),
        ("こんにちは", 10),
        ("é", 1),
        ("e\u0301", 1),
        ("👍", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇹🇼", 2),
        ("👍🏽", 2),
        ("1️⃣", 2),
        ("see https://example.com/" + "x" * 200, 27),
        ("a…b", 4),
        ("x" * 281, 281),
        ("go to example.com", 29),
    ],
)
def test_x_counts_weighted_characters(text: str, length: int) -> None:
    assert x_length(text) == length


def test_limits_know_other_names_of_a_network() -> None:
    assert [limit_for(name) for name in ("x", "twitter", "Google-Play", "app_store", "reddit", "forum")] == [
        280,
        280,
        350,
        5_970,
        10_000,
        None,
    ]
    assert limit_for("x", "dm") == 10_000


# --- check ---


def found(*replies: SavedReply, **options: object) -> dict[str, Finding]:
    return {finding.code: finding for finding in check(replies, TODAY, **options)}  # type: ignore[arg-type]


def reply(text: str = "Thank you.", **values: object) -> SavedReply:
    base: dict[str, object] = {
        "name": "late",
        "language": "en",
        "text": text,
        "owner": "Mei",
        "expires": date(2027, 1, 1),
        "line": 8,
    }
    return SavedReply(**(base | values))  # type: ignore[arg-type]


def test_a_good_set_has_no_findings() -> None:
    assert check([reply()], TODAY) == []


def test_the_check_names_what_is_wrong() -> None:
    assert found(reply(expires=date(2026, 3, 1)))["expired"].level == "error"
    assert "expired" not in found(reply(expires=TODAY))
    assert found(reply(expires=date(2026, 4, 1)))["near_expiry"].level == "warning"
    assert found(reply(expires=None))["no_expiry"].level == "note"
    assert found(reply(owner=""))["no_owner"]
    unknown = found(reply("Hi\n{{ first_name }}"))["template"]
    assert (unknown.level, unknown.line) == ("error", 9)
    assert "no variable 'first_name'; known: brand, handle" in unknown.message
    assert found(reply("{% if brand %}"))["template"].level == "error"
    assert found(reply("謝" * 141, when=When(networks=("x",))))["too_long"].message.startswith("282 of 280")
    assert "too_long" not in found(reply("x" * 5000, when=When(networks=("reddit",))))
    assert "zh-Hant" in found(reply(), languages=["en", "zh-TW"])["no_variant"].message


def test_the_starter_set_is_complete_clean_and_good_for_a_year(tmp_path: Path) -> None:
    written = write_starter_set(tmp_path / "replies", TODAY)
    assert len(written) == len(starter_sources()) == 33
    replies = load_saved_replies(tmp_path / "replies")
    assert check(replies, TODAY, languages=["en", "zh-Hans", "zh-Hant"]) == []
    assert {one.expires for one in replies} == {date(2027, 3, 2)}
    values = {"brand": "Acme", "network": "x", "case_id": "7", "agent": "Kim", "handle": "jo"}
    for one in replies:
        context = LintContext(
            "x", language=one.language, signals=frozenset({"safety", "legal", "fraud_or_account"})
        )
        assert lint(one.render(values), context) == (), one.name


def test_the_starter_set_never_overwrites(tmp_path: Path) -> None:
    write_starter_set(tmp_path, TODAY)
    changed = tmp_path / "thanks.en.md"
    changed.write_text("mine", encoding="utf-8")
    assert write_starter_set(tmp_path, TODAY) == []
    assert changed.read_text(encoding="utf-8") == "mine"


def test_the_manual_names_every_setting_variable_and_filter() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "saved-replies.md").read_text(encoding="utf-8")
    for name in (*VARIABLES, *When.model_fields, "name", "language", "owner", "version", "expires", "note"):
        assert f"`{name}`" in manual or f"`[when] {name}`" in manual, name
    example = manual.split("```")[1].lstrip("\n")
    reply = parse_saved_reply(example, Path("example.md"))
    assert reply.render({"agent": "Kim"}).endswith("amount. – Kim")
    assert len({one.name for one in load_starter()}) == 11


def load_starter() -> list[SavedReply]:
    return [parse_saved_reply(source, Path(name)) for name, source in starter_sources()]
