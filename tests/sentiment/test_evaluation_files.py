"""Any labelled CSV can be measured: other names, other numbers, other encodings; garbage is counted and named."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.evaluate import Condition, EvaluationError, Options, join_texts, label_map, measure, read_table
from sentiment.evaluate.answers import sentiment_labels, urgency_levels, yes_or_no
from sentiment.evaluate.targets import find_targets
from sentiment.ports import Probabilities, TextScore

if TYPE_CHECKING:
    from conftest import WordScorer


def write(path: Path, rows: Sequence[Sequence[object]], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["Negative", " NEUTRAL ", "positive"], [0, 1, 2]),
        (["neg", "Neu", "POS"], [0, 1, 2]),
        (["负面", "中性", "正面"], [0, 1, 2]),
        (["-1", "0", "1"], [0, 1, 2]),
        (["\u22121", "0", "+1"], [0, 1, 2]),
        (["-1.0", "0.0", "1.0"], [0, 1, 2]),
        (["0", "1", "2"], [0, 1, 2]),
        (["0", "1", "２"], [0, 1, 2]),
        (["2", "1", "1", "?"], [2, 1, 1, -1]),
        (["negative", "", "unclear"], [0, -1, -1]),
    ],
)
def test_labels_are_read_by_name_and_by_number(cells: list[str], read: list[int]) -> None:
    assert sentiment_labels(cells) == read


def test_a_stray_number_does_not_change_what_the_others_mean() -> None:
    assert sentiment_labels(["-1", "0", "1"] * 20 + ["2"])[-1] == -1
    assert sentiment_labels(["0", "1", "2"] * 20 + ["-1"])[-1] == -1
    assert sentiment_labels(["negative", "positive"] * 20 + ["1"])[-1] == -1


@pytest.mark.parametrize(
    ("cells", "two", "told"),
    [
        (["0", "1", "0", "1"], False, "--two-class"),
        (["1", "1"], False, "--two-class"),
        (["1", "2", "3", "4", "5"], False, "--stars"),
        (["0", "1", "2", "3", "4"], False, "--label-map"),
        (["1", "3", "5"], True, "--stars"),
    ],
)
def test_ambiguous_numbers_are_refused_with_the_option_that_says_what_they_mean(
    cells: list[str], two: bool, told: str
) -> None:
    with pytest.raises(EvaluationError, match=told):
        sentiment_labels(cells, two=two)


def test_two_classes_stars_and_own_names() -> None:
    assert sentiment_labels(["0", "1"], two=True) == [0, 2]
    stars = ["1", "2 stars", "3.0", "4.5", "5/5", "★★★★", "6", "great", "2.4", "3.6", ""]
    assert sentiment_labels(stars, stars=True) == [0, 0, 1, 2, 2, 2, -1, -1, 0, 2, -1]
    assert sentiment_labels(["Happy", "1", "meh"], known=label_map("happy=positive, 1=neg")) == [2, 0, -1]
    for wrong in ("happy", "happy=glad", "=positive"):
        with pytest.raises(EvaluationError, match="write labels as"):
            label_map(wrong)


def test_yes_and_levels_are_read_in_their_usual_forms() -> None:
    assert yes_or_no(["1", "0", "Yes", "no", "TRUE", "1.0", "是", "maybe", ""]) == [1, 0, 1, 0, 1, 1, 1, -1, -1]
    assert urgency_levels(["0", "3", "now", "soon", "7", "2.0"]) == [0, 3, 3, 1, -1, 2]
    assert urgency_levels(["1", "4", "2"]) == [3, 0, 2]  # counted down, as docs/urgency.md does


@given(st.lists(st.text(max_size=12), max_size=30), st.booleans(), st.booleans())
def test_no_label_is_a_crash(cells: list[str], two: bool, stars: bool) -> None:
    with contextlib.suppress(EvaluationError):  # numbers that could mean anything
        assert set(sentiment_labels(cells, two=two, stars=stars)) <= {-1, 0, 1, 2}
    assert len(yes_or_no(cells)) == len(urgency_levels(cells)) == len(cells)


CHINESE = "快递三天了还没有到，客服也不回，太差了"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "big5hkscs"])
def test_every_usual_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    said = "速遞三天了還沒有到，客服也不回，太差了" if encoding == "big5hkscs" else CHINESE
    # The English beginning is longer than any sample of bytes.
    rows = [["text", "label"], *[["all plain " * 40, "neutral"]] * 1500, *[[said, "negative"]] * 9]
    table = read_table(write(tmp_path / "rows.csv", rows, encoding))
    assert table.texts[-1] == said
    assert table.columns["label"][-1] == "negative"
    assert table.damaged == 0


def test_a_named_encoding_wins_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", [["text", "label"], ["café naïve", "positive"]], "latin-1")
    assert read_table(path, encoding="latin-1").texts == ["café naïve"]
    with pytest.raises(EvaluationError, match="unknown encoding"):
        read_table(path, encoding="klingon")


def test_a_damaged_file_is_read_and_its_damage_is_told(tmp_path: Path, words: WordScorer) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(f"text,label\n{CHINESE},negative\n".encode() * 3 + b"good \xff\xfe,positive\n")
    table = read_table(path)
    assert table.damaged == 2
    assert "2 characters" in measure(table, words).notes[0]


@pytest.mark.parametrize("start", [b"PK\x03\x04\x00\x00", b"\x1f\x8b\x08", b"SQLite format 3\0", b"\0" * 9000])
def test_what_is_no_text_is_refused_in_words(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(start + bytes(range(256)) * 20)
    with pytest.raises(EvaluationError, match="cannot read"):
        read_table(path)


@given(st.binary(max_size=400))
def test_no_bytes_are_a_crash(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "rows.csv"
    path.write_bytes(b"text,label\n" + data)
    try:
        table = read_table(path)
    except EvaluationError:
        return
    assert len(table.texts) == len(table.columns["label"]) == len(table.lines)


@pytest.mark.parametrize("delimiter", ",\t;|")
def test_any_usual_delimiter_and_heading_is_found(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f" Label {delimiter}TWEET\nnegative{delimiter}so bad\n", encoding="utf-8")
    table = read_table(path)
    assert table.texts == ["so bad"]
    assert table.columns["label"] == ["negative"]


def test_garbage_rows_are_counted_and_named(tmp_path: Path, words: WordScorer) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        "text,label\nso bad,negative\n,negative\nwhat,hm\nwhich,hm\nwhy,dunno\nshort row\n"
        'good,positive,and,more,cells\n"never closed,negative\n',
        encoding="utf-8",
    )
    found = measure(read_table(path), words)
    assert found.overall is not None
    assert (found.overall.n, found.left_out) == (2, 6)
    told = {reason.reason: reason for reason in found.left_out_because}
    assert told["no text"].lines == (3,)
    assert told["label not understood"].count == 4
    assert told["label not understood"].lines == (4, 5, 6, 7)
    assert told["label not understood"].examples[0] == "hm"
    assert any("quote" in reason for reason in told)


def test_languages_and_kinds_of_the_file_are_used(tmp_path: Path, words: WordScorer) -> None:
    rows = [
        ["text", "label", "language", "kind"],
        ["bad", "negative", "zh-CN", "reviews"],
        ["good", "positive", "zh-CN", "post"],
        ["bad", "negative", "fr", "Review"],
        ["hm", "neutral", "", "leaflet"],
    ]
    found = measure(read_table(write(tmp_path / "rows.csv", rows)), words, Options(kind="post"))
    assert {code: part.n for code, part in found.by_language.items()} == {"zh-Hans": 2, "en": 1, "fr": 1}
    assert found.by_kind is not None
    assert {kind: part.n for kind, part in found.by_kind.items()} == {"post": 2, "review": 2}


class KindScorer:
    """Remembers which kinds it was given."""

    name = "kinds@1"

    def __init__(self) -> None:
        self.kinds: list[str | None] = []

    def score(
        self,
        texts: Sequence[str],
        languages: Sequence[str | None] | None = None,
        kinds: Sequence[str | None] | None = None,
    ) -> list[TextScore]:
        self.kinds += kinds or []
        third = Probabilities(0.3, 0.4, 0.3)
        return [TextScore("en", "neutral", third, False, 0.0, False, "chatter", (), self.name) for _ in texts]


def test_the_scorer_is_told_the_kind_and_a_scorer_without_kinds_is_named(tmp_path: Path) -> None:
    rows = [["text", "label", "kind"], ["a", "neutral", "post"], ["b", "neutral", ""]]
    table = read_table(write(tmp_path / "rows.csv", rows))
    scorer = KindScorer()
    measure(table, scorer, Options(kind="review"))
    assert scorer.kinds == ["post", "review"]
    assert any("heads@1 reads posts and reviews alike" in note for note in measure(table, HeadScorer()).notes)


def test_conditions_choose_rows_by_any_column(tmp_path: Path, words: WordScorer) -> None:
    rows = [
        ["text", "label", "Domain"],
        ["bad", "negative", "food"],
        ["good", "positive", "Cars"],
        ["hm", "neutral", ""],
    ]
    table = read_table(write(tmp_path / "rows.csv", rows))
    assert table.where([Condition.parse("domain=food,cars")]).texts == ["bad", "good"]
    assert table.where([Condition.parse("domain=food,cars", wanted=False)]).texts == ["hm"]
    assert table.where([Condition.parse("domain=")]).texts == ["hm"]
    chosen = table.where([Condition.parse("domain=food", wanted=False), Condition.parse("label=positive")])
    assert (chosen.texts, chosen.lines, chosen.filtered) == (["good"], [3], 2)
    with pytest.raises(EvaluationError, match="no column 'shop'"):
        table.where([Condition.parse("shop=x")])
    with pytest.raises(EvaluationError, match="no row"):
        table.where([Condition.parse("domain=trains")])
    for wrong in ("domain", "=food"):
        with pytest.raises(EvaluationError, match="COLUMN=VALUE"):
            Condition.parse(wrong)


def test_a_file_with_nothing_to_measure_by_is_refused(tmp_path: Path, words: WordScorer) -> None:
    for heading, told in ((["text", "colour"], "missing: label"), (["words", "label"], "missing: text")):
        path = write(tmp_path / "rows.csv", [heading, ["a", "b"]])
        with pytest.raises(EvaluationError, match=told):
            find_targets(read_table(path), Options())
    path = write(tmp_path / "rows.csv", [["text", "verified"], ["a", "1"], ["b", "0"]])
    with pytest.raises(EvaluationError, match="verified"):
        measure(read_table(path), words)
    path = write(tmp_path / "rows.csv", [["text", "label"]])
    with pytest.raises(EvaluationError, match="no rows"):
        read_table(path)
    path.write_bytes(b"")
    with pytest.raises(EvaluationError, match="needs the columns"):
        read_table(path)


class HeadScorer:
    """A scorer with heads, in the order of a card."""

    name = "heads@1"

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[TextScore]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> TextScore:
        angry = "bad" in text
        heads = (("complaint", 0.9 if angry else 0.2), ("outage", 0.6 if "down" in text else 0.1))
        triple = Probabilities(0.6, 0.3, 0.1) if angry else Probabilities(0.1, 0.6, 0.3)
        sentiment = "negative" if angry else "neutral"
        level = 0.8 if "down" in text else 0.3 if angry else 0.0
        return TextScore(
            "en", sentiment, triple, False, level, angry, "complaint", (), self.name, 0.9, heads=heads
        )


HEADS = [
    ["text", "complaint", "reply_needed", "outage", "urgency"],
    *[["site down, bad", 1, 1, 1, 3]] * 10,
    *[["bad soup", 1, 1, 0, 1]] * 10,
    *[["lovely", 0, 0, 0, 0]] * 10,
    ["bad taste, they say", 0, "", 0, "?"],
]


def test_heads_decision_and_order_are_measured_by_their_columns(tmp_path: Path) -> None:
    found = measure(read_table(write(tmp_path / "rows.csv", HEADS)), HeadScorer())
    assert (found.overall, found.by_language, found.left_out) == (None, {}, 0)
    by_source = {(head.name, head.source): head for head in found.heads}
    assert list(by_source) == [
        ("complaint", "head"), ("complaint", "negative"), ("reply_needed", "decision"),
        ("outage", "head"), ("outage", "signals"),
    ]  # fmt: skip
    complaint = by_source["complaint", "head"].overall
    assert complaint.confusion == ((10, 1), (0, 20))
    assert complaint.auc == pytest.approx((20 * 10 + 0.5 * 20) / (20 * 11), abs=1e-4)
    assert by_source["reply_needed", "decision"].left_out == 1
    assert by_source["reply_needed", "decision"].overall.f1 == 1.0
    assert by_source["outage", "signals"].overall.recall == 0.0
    assert found.urgency is not None
    assert (found.urgency.overall.right, found.urgency.left_out) == (1.0, 1)
    assert found.urgency.sentiment_alone.right == pytest.approx((100 / 2 + 100 + 100) / 300, abs=1e-4)


def test_a_threshold_moves_the_head_and_not_the_order(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "rows.csv", HEADS))
    strict = measure(table, HeadScorer(), Options(threshold=0.95)).heads[0]
    assert (strict.threshold, strict.overall.recall) == (0.95, 0.0)
    assert strict.overall.auc == measure(table, HeadScorer()).heads[0].overall.auc


def test_levels_that_run_the_other_way_are_pointed_out(tmp_path: Path) -> None:
    turned = [HEADS[0], *[[*row[:4], 3 - int(row[4])] for row in HEADS[1:-1]]]
    rng = [["site down, bad", 1, 1, 1, 3]]  # one row against the rest keeps the share from being exactly nought
    found = measure(read_table(write(tmp_path / "rows.csv", [*turned, *rng])), HeadScorer())
    assert any("count down" in note for note in found.notes)


def test_two_scorers_are_compared_on_the_same_rows(tmp_path: Path, words: WordScorer) -> None:
    rows = [["text", "label", "complaint", "urgency"]]
    rows += [["bad", "negative", 1, 2]] * 15 + [["good", "positive", 0, 0]] * 14 + [["hm", "neutral", 0, 0]] * 11
    table = read_table(write(tmp_path / "rows.csv", rows))
    done: list[int] = []
    found = measure(table, words, Options(examples=3), other=HeadScorer(), advance=done.append)
    assert sum(done) == 80
    other = found.comparison
    assert other is not None
    assert other.overall is not None
    assert found.overall is not None
    assert other.differences["accuracy"].value == pytest.approx(other.overall.accuracy - found.overall.accuracy)
    assert other.agreement is not None
    assert (other.agreement.differing, other.agreement.only_first_right) == (14, 14)
    assert other.agreement.mcnemar == pytest.approx(2 / 2**14, abs=1e-6)
    assert [(example.line, example.text) for example in other.examples] == [
        (17, "good"),
        (18, "good"),
        (19, "good"),
    ]
    assert (other.examples[0].first.sentiment, other.examples[0].other.sentiment) == ("positive", "neutral")
    assert other.heads[0].differences["f1"].value == 0.0
    assert other.urgency_difference is not None
    assert set(other.differences_by_language) == {"en"}


def test_labels_by_file_and_row_find_their_texts(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "posts.csv", [["id", "text"], [1, "bad soup"], [2, "lovely"], [3, "site down, bad"]])
    labels = [["file", "row", "level", "signals"], ["posts.csv", 2, 3, "outage"], ["posts.csv", 1, 0, ""]]
    path = write(tmp_path / "labels.csv", labels)
    with pytest.raises(EvaluationError, match="--data"):
        read_table(path)
    table = join_texts(read_table(path, texts_elsewhere=True), tmp_path / "data")
    assert table.texts == ["site down, bad", "lovely"]
    assert table.columns["outage"] == ["1", "0"]
    assert measure(table, HeadScorer()).urgency is not None


@pytest.mark.parametrize(
    ("file", "row", "told"),
    [
        ("posts.csv", "1", "has no row"),
        ("posts.csv", "-1", "has no row"),
        ("posts.csv", "x", "has no row"),
        ("../labels.csv", "0", "not inside"),
        ("gone.csv", "0", "cannot read"),
    ],
)
def test_labels_that_point_nowhere_are_refused(tmp_path: Path, file: str, row: str, told: str) -> None:
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "posts.csv", [["text"], ["bad"]])
    path = write(tmp_path / "labels.csv", [["file", "row", "level"], [file, row, 1]])
    with pytest.raises(EvaluationError, match=told):
        join_texts(read_table(path, texts_elsewhere=True), tmp_path / "data")
