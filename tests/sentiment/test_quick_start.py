"""A few texts are scored before torch would be imported, and score as they do with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sentiment.engine import SMALL_TOKENS
from sentiment.processor import fastest
from sentiment.transformer import TOLERANCE, TransformerScorer

POSTS = [
    "Where is my order? Third email and still no reply",
    "great flight, thanks!",
    "The app is down again.",
    "什么时候发货？等了两个星期了",
    "我的帳號被盜了，客服打不通",
    "Le colis n'est jamais arrivé",
    "ok",
    "your staff were rude and my bag is lost " * 12,
    *(f"flight {i} was {word} and the crew {other}" for i in range(8) for word, other in [("late", "kind")]),
]
SCORED = """
import json, sys
import sentiment.loading
from sentiment.transformer import TransformerScorer
sentiment.loading.arithmetic = lambda whole: "bfloat16"
scores = TransformerScorer.load().score(json.load(sys.stdin))
told = [[s.sentiment, list(s.probabilities), s.abstained, [p for _, p in s.heads]] for s in scores]
print(json.dumps({"torch": "torch" in sys.modules, "scores": told}))
"""


def scored_elsewhere(texts: list[str]) -> dict[str, list[list[object]]]:
    ran = subprocess.run(
        [sys.executable, "-c", SCORED], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


@pytest.fixture
def rounding(monkeypatch: pytest.MonkeyPatch) -> TransformerScorer:
    """The bundled model in bfloat16, whatever this processor is fastest with."""
    monkeypatch.setattr("sentiment.loading.arithmetic", lambda whole: "bfloat16")
    return TransformerScorer.load()


def test_a_few_texts_need_no_torch_and_score_as_with_it(rounding: TransformerScorer) -> None:
    import torch  # noqa: F401  # from here on this process scores with it

    told = scored_elsewhere(POSTS)
    assert told["torch"] is False
    for text, (sentiment, triple, abstained, heads) in zip(POSTS, told["scores"], strict=True):
        score = rounding.score([text])[0]
        assert (score.sentiment, score.abstained) == (sentiment, abstained), text
        assert score.probabilities == pytest.approx(tuple(triple), abs=TOLERANCE)  # type: ignore[arg-type]
        assert [p for _, p in score.heads] == pytest.approx(heads, abs=0.03)


def test_many_texts_are_worth_the_import() -> None:
    told = scored_elsewhere([f"{i} flights were late and nobody could say why" for i in range(SMALL_TOKENS // 10)])
    assert told["torch"] is True


@pytest.mark.parametrize(
    ("flags", "measured", "other"),
    [
        ("fpu avx512_vnni avx512_bf16 amx_bf16", "bfloat16", "bfloat16"),
        ("fpu avx512_vnni avx512_bf16", "int8", "bfloat16"),
        ("fpu avx512f avx512_vnni", "int8", "float32"),
        ("fpu avx2", "float32", "float32"),
        ("", "float32", "float32"),
    ],
)
def test_the_arithmetic_follows_what_the_processor_has(flags: str, measured: str, other: str) -> None:
    told = f"processor\t: 0\nmodel name\t: any\nflags\t\t: {flags}\n"
    assert fastest(told) == measured
    assert fastest(told, whole=False) == other


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to cores")
def test_only_the_cores_that_the_process_may_run_on_are_counted() -> None:
    bound = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"
    asked = f"{bound}; from sentiment.processor import cores; print(cores())"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout.strip() == b"1"
