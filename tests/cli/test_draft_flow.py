"""From a proposal to the hand-off: nothing leaves that a person has not approved word for word."""

import pytest
from cli_program import App


def first(app: App) -> int:
    return app("--json", "inbox", "refund", "lang:en", "-n", 1).json["cases"][0]["id"]


def drafted(app: App, text: str = "We are sorry; please send us your order number in a direct message.") -> int:
    return app("--json", "draft", "new", first(app), "--text", text).json["draft"]


def hash_of(app: App, draft: int) -> str:
    return app("--json", "draft", "show", draft).json["text_hash"]


def approved(app: App) -> int:
    draft = drafted(app)
    app("draft", "approve", draft, "--hash", hash_of(app, draft))
    return draft


def test_a_saved_reply_is_proposed_with_the_reasons(desk: App) -> None:
    made = desk("--json", "draft", "new", first(desk)).json
    assert made["draft"]
    assert "@" in made["saved_reply"]
    assert made["reasons"]
    assert made["text"]
    shown = desk("--json", "draft", "show", made["draft"]).json
    assert shown["text"] == made["text"]
    assert shown["status"] == "drafted"


def test_chinese_customers_are_answered_in_their_script(desk: App) -> None:
    number = desk("--json", "inbox", "lang:zh-Hans", "退款", "-n", 1).json["cases"][0]["id"]
    text = desk("--json", "draft", "new", number).json["text"]
    assert any("\u4e00" <= char <= "\u9fff" for char in text)


def test_a_persons_own_words_become_a_draft_unchanged(desk: App) -> None:
    text = "抱歉让您久等了 😀 – <b>order</b>"
    assert desk("--json", "draft", "show", drafted(desk, text)).json["text"] == text


def test_own_words_may_come_from_a_pipe(desk: App) -> None:
    made = desk("--json", "draft", "new", first(desk), "--text", "-", input="Sorry about this.").json
    assert desk("--json", "draft", "show", made["draft"]).json["text"] == "Sorry about this."


def test_the_whole_way_to_the_hand_off(desk: App) -> None:
    draft = approved(desk)
    answer = desk("draft", "handoff", draft)
    assert "https://reviews.example/" in answer.out
    assert "\nWe are sorry; please send us your order number in a direct message.\n" in answer.out
    assert desk("--json", "draft", "show", draft).json["status"] in ("handed_off", "handoff")


def test_the_hand_off_in_json_has_the_exact_text(desk: App) -> None:
    text = "Sorry!\n  Two   spaces, a\ttab, and 中文."
    draft = drafted(desk, text)
    stored = desk("--json", "draft", "show", draft).json["text"]
    desk("draft", "approve", draft, "--hash", hash_of(desk, draft))
    assert desk("--json", "draft", "handoff", draft).json["text"] == stored


def test_nothing_is_handed_off_without_an_approval(desk: App) -> None:
    draft = drafted(desk)
    answer = desk("draft", "handoff", draft, code=1)
    assert "approve" in answer.err


def test_editing_voids_the_approval(desk: App) -> None:
    draft = approved(desk)
    desk("draft", "edit", draft, "--text", "Something else entirely.")
    assert desk("--json", "draft", "show", draft).json["status"] == "drafted"
    desk("draft", "handoff", draft, code=1)


def test_an_approval_of_words_that_changed_meanwhile_fails(desk: App) -> None:
    draft = drafted(desk)
    read = hash_of(desk, draft)
    desk("draft", "edit", draft, "--text", "Changed by somebody else.", who="bob")
    answer = desk("draft", "approve", draft, "--hash", read, code=1)
    assert "Traceback" not in answer.err
    assert desk("--json", "draft", "show", draft).json["status"] == "drafted"


@pytest.mark.parametrize("given", ["", "0", "000000000000", "zzzzzzzzzzzz", "short"])
def test_a_hash_that_is_not_the_texts_approves_nothing(desk: App, given: str) -> None:
    draft = drafted(desk)
    answer = desk("draft", "approve", draft, f"--hash={given}", code=None)
    assert answer.code in (1, 2)
    assert desk("--json", "draft", "show", draft).json["status"] == "drafted"


def test_twelve_digits_of_the_hash_are_enough(desk: App) -> None:
    draft = drafted(desk)
    desk("draft", "approve", draft, "--hash", hash_of(desk, draft)[:12])
    assert desk("--json", "draft", "show", draft).json["status"] == "approved"


def test_without_a_terminal_the_hash_must_be_named(desk: App) -> None:
    draft = drafted(desk)
    for words in ((), ("--yes",)):
        desk("draft", "approve", draft, *words, code=2, input="y\n")
    assert desk("--json", "draft", "show", draft).json["status"] == "drafted"


def test_a_rejected_draft_is_done_with(desk: App) -> None:
    draft = drafted(desk)
    desk("draft", "reject", draft, "--note", "wrong tone")
    assert desk("--json", "draft", "show", draft).json["status"] == "rejected"
    desk("draft", "approve", draft, "--hash", hash_of(desk, draft), code=1)


def test_every_verb_has_a_dry_run_that_writes_nothing(desk: App) -> None:
    number = first(desk)
    desk("draft", "new", number, "--text", "Sorry.", "--dry-run")
    assert desk("--json", "case", "show", number).json["drafts"] == []
    draft = drafted(desk)
    before = desk("--json", "case", "show", number).json
    desk("draft", "edit", draft, "--text", "Other.", "--dry-run")
    desk("draft", "approve", draft, "--hash", hash_of(desk, draft), "--dry-run")
    desk("draft", "reject", draft, "--dry-run")
    assert desk("--json", "case", "show", number).json == before
    desk("draft", "approve", draft, "--hash", hash_of(desk, draft))
    before = desk("--json", "case", "show", number).json
    desk("draft", "handoff", draft, "--dry-run")
    assert desk("--json", "case", "show", number).json == before


def test_a_case_held_by_another_is_not_handed_off_unasked(desk: App) -> None:
    number = first(desk)
    draft = drafted(desk)
    desk("case", "assign", number, who="bob")
    desk("draft", "approve", draft, "--hash", hash_of(desk, draft), code=None)
    answer = desk("draft", "handoff", draft, code=1)
    assert "bob" in answer.err


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_answer_is_refused(desk: App, text: str) -> None:
    answer = desk("draft", "new", first(desk), "--text", text, code=1)
    assert "Traceback" not in answer.err


def test_drafts_and_cases_that_do_not_exist_are_told(desk: App) -> None:
    for words in (["show", 77], ["edit", 77, "--text", "x"], ["reject", 77], ["handoff", 77]):
        assert "77" in desk("draft", *words, code=1).err
    assert "999" in desk("draft", "new", 999, code=1).err
