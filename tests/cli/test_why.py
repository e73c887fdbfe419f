"""`social-care why`: the sum, the words and the nearest change, of a case and of any text; read-only and safe."""

from pathlib import Path

import pytest
from cli_program import HOSTILE, UNSAFE, App, rows, write_csv
from rich.cells import cell_len

POST = "@KestrelCare my parcel never arrived and nobody answers. I want a refund! When will you send it?"
MIXED = "sooo 气死我了 the app 又crash了!!! 客服 no reply for 3 days, I want a refund"


def why_text(app: App, text: str, *more: object):
    return app("--json", "why", "--text", text, *more).json


# --- any text ---


@pytest.mark.parametrize(
    "text", [POST, MIXED, "Thank you, lovely service", "訂單一直沒有出貨，我要退款！", "😡😡", ""]
)
def test_a_text_is_explained_without_a_workspace(app: App, text: str) -> None:
    found = why_text(app, text)
    assert found["untrusted"] is True
    assert found["case"] is None
    assert found["text"] == text
    assert found["sum"] == pytest.approx(found["urgency"], abs=1e-6)
    assert found["priority"] == ("none" if not found["reply_needed"] else found["priority"])
    assert bool(found["policy"]) is found["reply_needed"]
    for word in found["explanation"]["words"]:
        for start, end in word["at"]:
            assert text[start:end].casefold()[0] == word["word"].casefold()[0]
    for factor in found["explanation"]["factors"]:
        for start, end in factor["at"]:
            assert text[start:end].strip()
    assert "Traceback" not in app("why", "--text", text).said


@pytest.mark.parametrize(
    "text",
    [POST, MIXED, "Someone stole my card, block my account now!", "味道太差了。", "How do I change my address?"],
)
def test_what_a_change_claims_is_what_the_changed_text_gets(app: App, text: str) -> None:
    before = why_text(app, text)
    found = before["explanation"]["counterfactuals"]
    assert found or before["explanation"]["not_found"]
    for change in found:
        after = why_text(app, change["text"])
        decided = after["explanation"]["decisions"]
        assert decided[change["target"]] == change["becomes"] != change["was"]
        assert before["explanation"]["decisions"][change["target"]] == change["was"]
        assert after["urgency"] == pytest.approx(change["urgency"], abs=0.005)
        assert all(words in text and words not in change["text"] for words in change["without"])


def test_every_decision_is_explained_or_said_to_have_no_change(app: App) -> None:
    found = why_text(app, POST)["explanation"]
    changed = {change["target"] for change in found["counterfactuals"]}
    assert changed.isdisjoint(found["not_found"])
    assert changed | set(found["not_found"]) <= {"priority", "reply_needed", "sentiment"}
    assert {"priority", "reply_needed"} <= changed | set(found["not_found"])
    out = app("why", "--text", POST).out
    assert ("would " in out) is bool(changed)
    assert ("found no words without which" in out) is bool(found["not_found"])


def test_the_screen_names_factors_points_and_words_without_colour(app: App) -> None:
    out = app("why", "--text", "The worst airline ever, I want a refund").out
    assert "\x1b" not in out
    line = next(line for line in out.splitlines() if "complaint" in line)
    assert "worst" in line
    assert any("money lost" in line and "refund" in line for line in out.splitlines())
    assert "worst to 0." in out


def test_a_long_text_comes_from_standard_input(app: App) -> None:
    text = "The weather was fine and we saw the river. " * 2_300 + "Someone stole my card! " + "We had tea. " * 100
    found = app("--json", "why", "--text", "-", input=text[:100_000] + "\n").json
    assert found["text"] == text[:100_000]
    assert found["explanation"]["looked_at"]["changes"] == 0
    assert len(found["explanation"]["sentences"]) == 3
    out = app("why", "--text", "-", input=text[:100_000]).out
    assert "100,000" in out
    assert len(out) < 5_000


def test_bytes_that_are_no_text_are_read_as_far_as_they_go(app: App) -> None:
    assert (
        app("--json", "why", "--text", "-", input=b"refund \xff\xfe now\n").json["text"]
        == "refund \ufffd\ufffd now"
    )


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_shown_safely_in_80_columns(app: App, text: str) -> None:
    if "\x00" in text or len(text) > 100_000:
        pytest.skip("no argument of a program")
    for words in (("why", "--text", text), ("--json", "why", "--text", text)):
        assert UNSAFE.search(app(*words).said) is None
    for line in app("why", "--text", text).said.splitlines():
        assert cell_len(line) <= 80, line


def test_colours_change_no_letter_of_the_post(app: App) -> None:
    from datetime import UTC, datetime

    from social_care.cli.why_view import _shaded
    from social_care.explaining import explain_text
    from social_care.safe import safe_line

    for text in (
        POST,
        MIXED,
        "the \u202eworst\u202c\x1b[31m z\u0301\u0301\u0301\u0301\u0301algo\nline\tever 👨‍👩‍👧",
    ):
        found = explain_text(None, text, None, datetime(2026, 3, 2, tzinfo=UTC)).explanation
        shaded = _shaded(found, 0, len(text), 700)
        assert " ".join(shaded.plain.split()) == safe_line(text)
        assert UNSAFE.search(shaded.plain) is None
    found = explain_text(None, "The worst airline ever", None, datetime(2026, 3, 2, tzinfo=UTC)).explanation
    assert any("red" in str(span.style) for span in _shaded(found, 0, 22, 700).spans)


@pytest.mark.parametrize("words", [("why",), ("why", "1", "--text", "x"), ("why", "0"), ("why", "x")])
def test_a_call_that_names_nothing_or_two_things_is_refused(reader: App, words: tuple[str, ...]) -> None:
    assert "Traceback" not in reader(*words, code=2).said


def test_inside_a_workspace_its_weights_and_policies_apply(fresh: App) -> None:
    settings = fresh.folder / "social-care.toml"
    settings.write_text(
        settings.read_text("utf-8") + '\n[urgency]\nmoney_lost = 0.9\n[[sla]]\nname = "all"\n'
        'priority = "P2"\nfirst_reply = "2h"\n',
        "utf-8",
    )
    found = why_text(fresh, POST)
    assert (found["priority"], found["policy"]) == ("P2", "all")
    # A trouble counts for 0.7 of its weight beside the levels; the shipped weight of 0.26 could never reach this.
    assert {factor["name"]: factor["points"] for factor in found["reasons"]}["money_lost"] > 0.5
    assert "by the workspace's policies" in fresh("why", "--text", POST).out


# --- a case ---


def test_a_case_is_explained_and_nothing_is_written(desk: App) -> None:
    counts = (
        "select (select count(*) from score), (select count(*) from audit), (select max(revision) from 'case')"
    )
    before = desk("--json", "db", "sql", counts).json
    explained = 0
    for case in desk("--json", "inbox", "is:any", "-n", 6).json["cases"]:
        found = desk("--json", "why", case["id"]).json
        explanation = found["explanation"]
        assert explanation["decisions"]["priority"] == found["priority"] == case["priority"]
        assert explanation["decisions"]["reply_needed"] == ("yes" if found["reply_needed"] else "no")
        assert explanation["scorer"] == found["scorer"]
        explained += len(explanation["counterfactuals"])
        for line in desk("why", case["id"]).said.splitlines():
            assert cell_len(line) <= 80, line
    assert explained > 2
    assert desk("--json", "db", "sql", counts).json == before


def test_a_post_with_the_change_gets_the_priority_that_was_claimed(desk: App, tmp_path: Path) -> None:
    known = {row["text"]: row for row in rows()}
    changed = []
    for case in desk("--json", "inbox", "priority:P1,P2", "-n", 12).json["cases"]:
        found = desk("--json", "why", case["id"]).json
        for change in found["explanation"]["counterfactuals"]:
            row = known.get(found["text"])
            if row and change["target"] == "priority" and change["text"] and "\x1b" not in change["text"]:
                changed.append(({**row, "author": f"new{len(changed)}"}, change))
    assert len(changed) >= 3
    table = [{**row, "id": f"changed{n}", "text": change["text"]} for n, (row, change) in enumerate(changed)]
    desk("import", write_csv(tmp_path / "changed.csv", table))
    for number, (_, change) in enumerate(changed):
        where = f"m.native_id = 'changed{number}'"
        query = f"select c.priority from 'case' c join mention m on m.case_id = c.id where {where}"
        assert desk("--json", "db", "sql", query).json[0]["priority"] == change["becomes"]


def test_what_a_person_said_is_not_argued_with(desk: App) -> None:
    case = next(c for c in desk("--json", "inbox", "priority:P1,P2", "-n", 5).json["cases"])
    desk("case", "label", case["id"], "--reply-needed", "no")
    found = desk("--json", "why", case["id"]).json
    assert found["reply_needed"] is False
    targets = {change["target"] for change in found["explanation"]["counterfactuals"]}
    assert targets <= {"sentiment"}
    assert not {"priority", "reply_needed"} & set(found["explanation"]["not_found"])


def test_the_reach_of_an_author_is_a_factor_that_can_be_left_out() -> None:
    from datetime import UTC, datetime

    from responders.readings import TriageRules
    from responders.sla import PolicySet, default_policies
    from sentiment.transformer import TransformerScorer
    from social_care.explaining import _post, _Triage
    from storage.threads import Thread

    now = datetime(2026, 3, 2, tzinfo=UTC)
    scorer = TransformerScorer.load()
    text = "I was charged twice for one parcel. Unacceptable!"
    post = _post(text, now)._replace(followers=2_000_000)
    plain = scorer.score([text])[0].urgency
    rules = TriageRules(reach_points={1_000: 0.86 - plain})
    thread = Thread(0, "Acme", "x", "1", posts=[post], fresh={1})
    why = _Triage(thread, 1, PolicySet.of(default_policies()), rules, now).why(
        scorer, text, None, None, by_workspace=False
    )
    assert 0 < plain < 0.85
    assert why.explanation.decisions["priority"] == "P1"
    assert [(w.factor, w.target, w.becomes) for w in why.without_factor] == [("reach", "priority", "P2")]
