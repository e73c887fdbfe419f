"""`score` without a workspace: in order, one dictionary a text, in constant memory."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sentiment.records import Broken
from sentiment.score_stream import CHUNK, score_lines
from sentiment.transformer import TransformerScorer

if TYPE_CHECKING:
    from conftest import WordScorer

KEYS = [
    "text",
    "language",
    "sentiment",
    "probabilities",
    "abstained",
    "urgency",
    "reply_needed",
    "reasons",
    "scorer",
]


def test_each_text_gives_one_dictionary_ready_for_json(bundled: TransformerScorer) -> None:
    source = io.BytesIO("text\nyour app is down again\n多謝你哋\n".encode())
    rows = [json.loads(json.dumps(row)) for row in score_lines(source, "-", bundled)]
    assert [row["text"] for row in rows] == ["your app is down again", "多謝你哋"]
    for row in rows:
        assert set(KEYS) <= set(row)
        assert set(row["probabilities"]) == {"negative", "neutral", "positive"}
        assert all(set(reason) == {"name", "points", "evidence"} for reason in row["reasons"])
    assert rows[1]["language"] == "yue"


def test_order_is_kept_over_many_chunks(words: WordScorer) -> None:
    source = io.StringIO("".join(f"post {i}\n" for i in range(3 * CHUNK)))
    assert [row["text"] for row in score_lines(source, "-", words)] == [f"post {i}" for i in range(3 * CHUNK)]
    assert max(words.calls) == CHUNK


def test_the_first_answers_come_before_the_stream_has_ended(words: WordScorer) -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1, /) -> bytes:
            Endless.taken += size
            return b"bad news again\n" * (size // 15)

    first = list(itertools.islice(score_lines(Endless(), "-", words), 5))  # type: ignore[arg-type]
    assert len(first) == 5
    assert Endless.taken < 1_000_000


def test_broken_rows_are_told_and_left_out(words: WordScorer) -> None:
    told: list[Broken] = []
    source = io.StringIO('{"text": "good"}\n{oops\n{"text": "bad"}\n')
    rows: Iterator[dict[str, object]] = score_lines(source, "-", words, told.append)
    assert [row["sentiment"] for row in rows] == ["positive", "negative"]
    assert [b.line for b in told] == [2]


def test_the_language_a_file_gives_reaches_the_scorer(words: WordScorer) -> None:
    rows = list(score_lines(io.StringIO("lang,text\nfr,bon\n,ok\n"), "a.csv", words))
    assert [row["language"] for row in rows] == ["fr", "en"]
