"""`social-care score`: texts in, one JSON object a line out, in order; nothing stored, no workspace needed."""

import json

KEYS = {
    "text", "language", "sentiment", "probabilities", "abstained", "urgency", "reply_needed", "reasons", "scorer",
}  # fmt: skip
TEXTS = ["Thank you, that was wonderful!", "订单一直没有发货，我要退款", "Where is my parcel? Terrible service."]


def lines(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_every_line_gives_one_object_in_order_with_all_keys(app) -> None:
    found = lines(app("score", "-", input="\n".join(TEXTS) + "\n").out)
    assert [item["text"] for item in found] == TEXTS
    for item in found:
        assert set(item) >= KEYS
        assert set(item["probabilities"]) == {"negative", "neutral", "positive"}
        assert abs(sum(item["probabilities"].values()) - 1) < 0.01
        assert 0 <= item["urgency"] <= 1
        assert isinstance(item["reasons"], list)
        assert isinstance(item["reply_needed"], bool)
    assert found[0]["sentiment"] == "positive"
    assert found[2]["sentiment"] == "negative"


def test_the_order_of_the_keys_is_the_same_on_every_line(app) -> None:
    found = lines(app("score", "-", input="\n".join(TEXTS)).out)
    assert len({tuple(item) for item in found}) == 1


def test_no_workspace_is_needed_and_nothing_is_left_behind(app) -> None:
    app("score", "-", input="hello\n")
    assert list(app.folder.iterdir()) == []


def test_json_lines_and_csv_give_the_same_scores_as_plain_lines(app) -> None:
    plain = lines(app("score", "-", input="\n".join(TEXTS)).out)
    (app.folder / "t.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in TEXTS), encoding="utf-8")
    (app.folder / "t.csv").write_text("n,text\n" + "\n".join(f'{i},"{t}"' for i, t in enumerate(TEXTS)), "utf-8")
    for name in ("t.jsonl", "t.csv"):
        again = lines(app("score", name).out)
        assert [(a["text"], a["sentiment"], a["urgency"]) for a in again] == [
            (p["text"], p["sentiment"], p["urgency"]) for p in plain
        ]


def test_a_broken_line_is_told_with_its_number_and_costs_only_itself(app) -> None:
    given = '{"text": "fine, thanks"}\n{"text": 7\n{"text": "refund me"}\n'
    answer = app("score", "-", input=given, code=3)
    assert [item["text"] for item in lines(answer.out)] == ["fine, thanks", "refund me"]
    assert "line 2" in answer.err


def test_hostile_characters_are_escaped_and_come_back_unchanged(app) -> None:
    text = "\x1b[31mrefund\u202e \x9b31m"
    out = app("score", "-", input=text + "\n").out
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)
    assert lines(out)[0]["text"] == text


def test_a_missing_file_is_an_error_in_words(app) -> None:
    answer = app("score", "nowhere.csv", code=2)
    assert "nowhere.csv" in answer.err
    assert "Traceback" not in answer.err


def test_pending_scores_what_an_unscored_import_left(fresh, posts_csv) -> None:
    fresh("import", posts_csv, "--no-score")
    dry = fresh("--json", "score", "--pending", "--dry-run").json
    assert dry["dry_run"] is True
    assert dry["scored"] == 64
    assert fresh("--json", "score", "--pending").json["scored"] == 64
    assert fresh("--json", "score", "--pending").json["scored"] == 0
