"""Score a stream without a workspace: texts in, one plain dictionary a text out, in order, nothing stored."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import IO, Any

from sentiment.ports import Scorer, TextScore
from sentiment.records import Broken, Record, StreamError, records

__all__ = ["Broken", "StreamError", "as_dict", "score_lines"]

FIRST_CHUNK = 32
"""Records scored together at first, so that someone who types or pipes a little sees an answer soon."""
CHUNK = 2048
"""Records held in memory at a time."""
_CHUNK_CHARACTERS = 4_000_000


def score_lines(
    source: IO[bytes] | IO[str],
    name: str,
    scorer: Scorer,
    on_broken: Callable[[Broken], None] = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """Score every text of a stream.

    Args:
        source: Text lines, CSV with a column of texts, or JSONL; see `sentiment.records.records`.
        name: Its file name, or ``-`` for standard input.
        scorer: What scores.
        on_broken: Is told line and reason of every record that could not be read; it is then left out.

    Yields:
        For each text, in order: ``text, language, sentiment, probabilities, abstained, urgency, reply_needed,
        reasons, scorer`` and, beside them, ``reply_reason`` and ``heads`` (probabilities by name).

    Raises:
        StreamError: The stream as a whole cannot be read.
    """
    found = records(source, name, on_broken)
    size = FIRST_CHUNK
    while chunk := _take(found, size):
        scores = scorer.score([r.text for r in chunk], [r.language for r in chunk])
        for record, score in zip(chunk, scores, strict=True):
            yield as_dict(record.text, score)
        size = min(CHUNK, size * 4)


def _take(found: Iterator[Record], size: int) -> list[Record]:
    """Take the next records: so many, or fewer where they are long."""
    chunk: list[Record] = []
    characters = 0
    for record in itertools.islice(found, size):
        chunk.append(record)
        characters += len(record.text)
        if characters > _CHUNK_CHARACTERS:
            break
    return chunk


def as_dict(text: str, score: TextScore) -> dict[str, Any]:
    """Return a score as plain values for JSON, with the text it belongs to."""
    return {
        "text": text,
        "language": score.language,
        "sentiment": score.sentiment,
        "probabilities": score.probabilities._asdict(),
        "abstained": score.abstained,
        "urgency": score.urgency,
        "reply_needed": score.reply_needed,
        "reply_reason": score.reply_reason,
        "reasons": [{"name": f.name, "points": f.points, "evidence": f.evidence} for f in score.factors],
        "scorer": score.scorer,
        "heads": dict(score.heads),
    }
