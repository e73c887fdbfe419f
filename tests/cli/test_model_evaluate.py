"""`model evaluate` with the bundled model: 80 columns, one JSON document, nothing a terminal obeys."""

import csv
import shutil
from pathlib import Path

import pytest
from cli_program import HOSTILE, UNSAFE, App
from rich.cells import cell_len

GOOD = (
    "I love it, thank you so much!",
    "Great service, quick and kind.",
    "很好，谢谢你们！",
    "Best purchase ever, love it",
)
BAD = (
    "Terrible, never again. I want a refund!",
    "This is awful and broken.",
    "太差了，非常失望",
    "Worst service ever",
)
PLAIN = (
    "The store opens at nine.",
    "Kestrel box 7 on the shelf.",
    "今天发布了新版本。",
    "Our meeting is on Monday",
)


@pytest.fixture
def labelled(app: App) -> Path:
    """48 rows in two languages with every column that can be measured, and hostile texts."""
    rows = []
    for texts, label, level in ((GOOD, "Positive", 0), (BAD, "NEGATIVE", 2), (PLAIN, "neutral", 0)):
        for number in range(16):
            text = texts[number % 4] + (f" ({number})" if number > 3 else "")
            yes = int(label == "NEGATIVE")
            rows.append({"text": text, "label": label, "complaint": yes, "reply_needed": yes, "urgency": level})
    rows += [
        {"text": t, "label": "neutral", "complaint": 0, "reply_needed": 1, "urgency": 1} for t in HOSTILE.values()
    ]
    rows.append({"text": "what\x1b[2J?", "label": "\x1b[31mred\x1b]0;owned\x07", "urgency": "soonish"})
    path = app.folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_people_see_every_part_within_80_columns(app: App, labelled: Path) -> None:
    said = app("model", "evaluate", "rows.csv", "--compare", "bundled", "--examples", "2").out
    for part in ("macro-recall", "ECE", "covered accuracy", "Reliability", "Confusion", "By language", "complaint",
                 "reply_needed", "Order by urgency", "sentiment alone", "Side by side", "McNemar"):  # fmt: skip
        assert part in said, part
    assert "0 of 58 labels differ" in said
    assert "left out 1: label not understood" in said
    assert max(cell_len(line) for line in said.splitlines()) <= 80
    assert UNSAFE.search(said) is None


def test_programs_get_the_keys_there_always_were_and_the_new_ones(app: App, labelled: Path) -> None:
    answer = app("--json", "model", "evaluate", "rows.csv")
    assert UNSAFE.search(answer.out.rstrip("\n")) is None
    found = answer.json
    assert {"scorer", "classes", "overall", "by_language", "left_out"} <= found.keys()
    overall = found["overall"]
    assert {"n", "macro_recall", "macro_recall_interval", "macro_f1", "accuracy", "ece", "coverage",
            "covered_accuracy", "confusion"} <= overall.keys()  # fmt: skip
    for name in ("macro_recall", "macro_f1", "accuracy", "ece", "coverage"):
        low, high = overall[f"{name}_interval"]
        assert low <= overall[name] <= high, name
    assert sum(part["n"] for part in overall["reliability"]) == overall["n"] == 58
    assert (found["left_out"], found["comparison"], found["untrusted"]) == (1, None, True)
    assert {head["name"] for head in found["heads"]} == {"complaint", "reply_needed"}
    assert found["urgency"]["overall"]["pairs"] == 16 * 32 + 10 * 48
    assert set(found["by_language"]) >= {"en"}


def test_two_classes_and_filters_say_what_they_left_out(app: App, labelled: Path) -> None:
    found = app("--json", "model", "evaluate", "rows.csv", "--two-class", "--where-not", "complaint=").json
    assert (found["classes"], found["overall"]["n"], found["file"]["filtered"]) == (2, 32, 1)
    assert found["left_out"] == 26
    chosen = app("--json", "model", "evaluate", "rows.csv", "--where", "label=positive").json
    assert chosen["overall"]["n"] == 16


def test_other_columns_labels_and_stars(app: App) -> None:
    path = app.folder / "stars.csv"
    path.write_text("review;stars\nI love it;5\nIt is awful;1 star\nOn Monday;3\n?;9\n", encoding="gb18030")
    found = app("--json", "model", "evaluate", "stars.csv", "--stars", "--kind", "review").json
    assert (found["overall"]["n"], found["left_out"]) == (3, 1)
    path.write_text("said,mood\nI love it,happy\nIt is awful,sad\n", encoding="utf-8")
    words = ("--text", "said", "--label", "mood", "--label-map", "happy=positive,sad=negative")
    assert app("--json", "model", "evaluate", "stars.csv", *words).json["overall"]["confusion"][1] == [0, 0, 0]


def test_a_broken_record_makes_it_partly_done(app: App) -> None:
    path = app.folder / "rows.csv"
    path.write_text('text,label\nI love it,positive\n"never closed,negative\n', encoding="utf-8")
    found = app("--json", "model", "evaluate", "rows.csv", code=3).json
    assert found["left_out"] == 1
    assert "quote" in found["left_out_because"][0]["reason"]


@pytest.mark.parametrize(
    ("rows", "words", "told"),
    [
        ("text,label\na,0\nb,1\n", (), "--two-class"),
        ("text,label\na,1\nb,5\nc,3\n", (), "--stars"),
        ("text,colour\na,red\n", (), "missing: label"),
        ("text,label\na,negative\n", ("--where", "shop=x"), "no column 'shop'"),
        ("text,label\na,negative\n", ("--where", "shop"), "COLUMN=VALUE"),
        ("text,label\na,negative\n", ("--encoding", "klingon"), "klingon"),
        ("text,label\na,negative\n", ("--label", "mood"), "no column 'mood'"),
        ("text,label\na,negative\n", ("--compare", "nowhere/at-all"), "nowhere/at-all"),
        ("text,label\na,negative\n", ("--kind", "novel"), "novel"),
        ("file,row,level\nx.csv,0,1\n", (), "--data"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_what_to_do(
    app: App, rows: str, words: tuple[str, ...], told: str
) -> None:
    (app.folder / "rows.csv").write_text(rows, encoding="utf-8")
    assert told in app("model", "evaluate", "rows.csv", *words, code=2).err


def test_a_model_tuned_here_is_named_by_its_name(desk: App) -> None:
    """A copy of the bundled model stands for a tuned one: the folder is what makes it one."""
    from sentiment.card import BUNDLED

    shutil.copytree(BUNDLED, desk.folder / "models" / "autumn")
    (desk.folder / "rows.csv").write_text("text,label\nI love it,positive\nIt is awful,negative\n", "utf-8")
    found = desk("--json", "model", "evaluate", "rows.csv", "--compare", "autumn").json
    assert found["comparison"]["agreement"]["differing"] == 0
