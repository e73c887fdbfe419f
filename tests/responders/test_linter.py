"""The linter points at what a person would regret, and stays quiet about good answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responders.linter import LintContext, lint
from responders.private_data import find_private, luhn

X = LintContext("x", language="en")


def codes(text: str, context: LintContext = X) -> set[str]:
    return {warning.code for warning in lint(text, context)}


@pytest.mark.parametrize(
    "text",
    [
        "Sorry to hear that! Please send us a direct message and we will look into it.",
        "We will never ask for your password or card number.",
        "Please do not post your card number here.",
        "Please send us your order number in a direct message.",
        "Thanks 👨‍👩‍👧 for the kind words, IKEA and NASA are great too.",
        "The update 2026.03.02 fixes build 123456789012.",
        "See https://x.com/acme/status/1234567890123456789",
    ],
)
def test_a_good_answer_has_no_warning(text: str) -> None:
    context = LintContext("reddit", language="en", links=frozenset({"x.com"}))
    assert lint(text, context) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Please send us your card number.",
        "Can you share your password so we can check?",
        "Tell us your one-time code",
        "Please DM us! Reply with your passport number.",
        "请提供您的身份证号码",
        "請告訴我們您的信用卡號碼",
        "请把验证码发给我们",
    ],
)
def test_asking_for_a_secret_is_pointed_out_in_public_and_in_private(text: str) -> None:
    assert "asks_secret" in codes(text)
    assert "asks_secret" in codes(text, LintContext("x", kind="dm"))


@pytest.mark.parametrize(
    "text", ["Please share your email address.", "What's your order number?", "请提供您的手机号", "請留下您的電話"]
)
def test_asking_for_private_details_belongs_in_a_direct_message(text: str) -> None:
    assert "asks_private_detail" in codes(text)
    assert "asks_private_detail" not in codes(text, LintContext("x", kind="dm"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("We wrote to jo.doe@example.com", "email"),
        ("Is +44 20 7946 0958 yours?", "phone"),
        ("Call (02) 2712 3456", "phone"),
        ("您的号码13800138000", "phone"),
        ("號碼 0912345678", "phone"),
        ("card 4111 1111 1111 1111", "card"),
        ("card 4111-1111-1111-1111", "card"),
        ("card 4111 1111 1111 1112", None),
        ("ID 11010519491231002X", "identity"),
        ("ID 110105194912310021", None),
        ("Your order AB-12345 is on its way", "order"),
        ("您的订单号：20260302001", "order"),
        ("post 1234567890123456789 and build 20260302", None),
        ("https://apps.example/review?id=4111111111111111", None),
    ],
)
def test_private_data_is_told_from_ids_and_links(text: str, kind: str | None) -> None:
    assert [found.kind for found in find_private(text)] == ([kind] if kind else [])


def test_the_customers_own_data_is_named_and_the_brands_own_is_allowed() -> None:
    context = LintContext(
        "x", customer_text="my mail is jo@example.com", contacts=frozenset({"help@acme.example"})
    )
    (warning,) = lint("We wrote to jo@example.com, not help@acme.example", context)
    assert warning.code == "private_data"
    assert "the customer's own" in warning.message
    context = LintContext("x", contacts=frozenset({"+44 20 7946 0958"}))
    assert lint("Call +44-20-7946-0958", context) == ()


def test_luhn_accepts_real_check_digits_only() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")


@given(st.text(alphabet="0123456789", min_size=12, max_size=18))
def test_exactly_one_check_digit_is_right(digits: str) -> None:
    assert sum(luhn(digits + check) for check in "0123456789") == 1


@pytest.mark.parametrize(
    "text",
    [
        "Hi {{ handle }}",
        "Hi {name}",
        "Hi [NAME]",
        "Hi [customer name],",
        "Dear <first name>",
        "ref XXXX",
        "ref ____",
        "TODO: write",
        "您好【姓名】",
        "{% if x %}",
    ],
)
def test_gaps_left_to_fill_are_found(text: str) -> None:
    assert "placeholder" in codes(text)


@pytest.mark.parametrize("sign", ["\u200b", "\u202e", "\u2066", "\u00ad", "\ufeff", "\x1b", "\x00", "\u200d"])
def test_hidden_characters_are_named_by_number_and_place(sign: str) -> None:
    (warning,) = [one for one in lint(f"ab{sign}cd", X) if one.code == "hidden_character"]
    assert f"U+{ord(sign):04X} stands at 3" in warning.message


def test_length_is_counted_as_the_network_counts() -> None:
    assert "too_long" in codes("謝" * 141, LintContext("x"))
    assert "too_long" not in codes("謝" * 141, LintContext("reddit"))
    assert "too_long" in codes("a" * 351, LintContext("play"))


@pytest.mark.parametrize(
    ("text", "language", "warned"),
    [
        ("Thank you", "zh-Hans", True),
        ("谢谢您的反馈，我们会处理", "en", True),
        ("谢谢您的反馈，我们会处理", "zh-Hant", True),
        ("謝謝您的回饋，我們會處理", "zh-Hans", True),
        ("謝謝您的回饋，我們會處理", "zh-Hant", False),
        ("謝謝您的回饋，我們會處理", "yue", False),
        ("谢谢您的反馈，我们会处理", "yue", True),
        ("Thank you", "fr", False),
        ("Thank you", "und", False),
        ("👍", "en", False),
    ],
)
def test_the_wrong_script_for_the_customer_is_seen(text: str, language: str, warned: bool) -> None:
    assert ("language" in codes(text, LintContext("reddit", language=language))) is warned


@pytest.mark.parametrize(
    ("link", "warned"),
    [
        ("https://acme.example/help", False),
        ("https://help.acme.example", False),
        ("http://acme.example", True),
        ("https://evilacme.example", True),
        ("https://acme.example.evil.com", True),
        ("https://acme.example@evil.com", True),
        ("https://аcme.example", True),
        ("https://bit.ly/x", True),
    ],
)
def test_only_the_brands_links_pass(link: str, warned: bool) -> None:
    context = LintContext("reddit", links=frozenset({"acme.example", "bit.ly"}))
    assert ("link" in codes(f"see {link} please", context)) is warned


def test_admitting_blame_matters_where_someone_may_be_hurt_or_sue() -> None:
    safety = LintContext("reddit", signals=frozenset({"safety"}))
    for text in ("This was our fault.", "We are fully responsible", "这是我们的错", "我們會賠償您"):
        assert "liability" in codes(text, safety)
        assert "liability" not in codes(text, LintContext("reddit"))


@pytest.mark.parametrize(
    "text",
    [
        "We will reply within 24 hours",
        "in two business days",
        "by tomorrow",
        "you will get a full refund",
        "We'll refund you",
        "this will never happen again",
        "24小时内回复",
        "24 小時內回覆您",
        "保证解决",
        "我們會為您退款",
        "三个工作日内处理",
    ],
)
def test_promises_are_pointed_out(text: str) -> None:
    assert "promise" in codes(text)


def test_shouting_is_heard_but_abbreviations_are_not() -> None:
    assert "shouting" in codes("PLEASE SEND US A MESSAGE NOW")
    assert "shouting" not in codes("Your DM about USB OTG arrived")


def test_a_stale_draft_says_what_happened() -> None:
    (warning,) = lint("Thanks!", LintContext("x", stale="the customer wrote again"))
    assert warning.message == "the customer wrote again since this was written: read the thread again"


@given(st.text(max_size=400))
def test_any_text_can_be_read_and_places_are_inside_it(text: str) -> None:
    context = LintContext("x", language="zh-Hant", customer_text=text, signals=frozenset({"safety"}))
    for warning in lint(text, context):
        assert 0 <= warning.start <= warning.end <= len(text)
        assert warning.message.isprintable() or warning.code in {"placeholder", "link", "asks_secret"}


@pytest.mark.parametrize("text", ["1 " * 10_000, "a@" * 10_000, "order " * 3_000, "[" * 20_000, "请" * 20_000])
def test_a_long_hostile_text_is_read_quickly(text: str) -> None:
    import time

    started = time.perf_counter()
    lint(text, LintContext("x", customer_text=text))
    assert time.perf_counter() - started < 5
