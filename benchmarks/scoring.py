"""Measure scoring: how fast, how near the machine's limit, how right, beside the usual ways to do it.

``python benchmarks/scoring.py [--texts N] [--file CSV] [--labelled CSV] [--threads N] [--json]``. Every way reads
the same texts in the same process, one after the other, on the same cores:

- ours starts from the text as posted and also tells language, urgency with reasons, reply-needed and the heads;
- the `transformers` pipeline runs the same weights in float32 with torch's usual threads, as its users do, one by
  one and in batches of 32. It is given the normalised texts, so that normalising is our cost and not its own;
- VADER, the usual lexicon, runs on one core, as it does.

The pipeline's one-by-one run reads a part of the texts, since its rate does not depend on how many follow.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in {None, ""}:  # started by its path: the tree comes before what is installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from sentiment.transformer import TransformerScorer

ONE_BY_ONE_TEXTS = 300
PIPELINE_TEXTS = 4_000
SIZES = (1_000, 10_000, 100_000)
LONGEST_SECONDS = 150
"""A size of the growth table that would take longer is left out."""
_SLICE = 50_000
_PEAK_SIZE = 2_048
LABELS = ("negative", "neutral", "positive")

_OPENINGS = ["@brand", "Hey @brand", "So", "Well", "@brand_help", "Update:", "Honestly", "", "", ""]
_SUBJECTS = [
    "my order",
    "the new app",
    "your driver",
    "the soup",
    "this jacket",
    "the hotline",
    "my refund",
    "the lamp",
]
_VERBS = [
    "is late again",
    "broke after a day",
    "never arrived",
    "works like a charm",
    "was lovely",
    "is still missing",
]
_ENDINGS = [
    "and nobody answers my emails", "thank you so much!", "can you check please?", "third time this month",
    "😡", "#never #again", "I need it before tomorrow, my flight leaves at 9", "https://example.org/a/b",
]  # fmt: skip
_CHINESE = [
    "快递三天了还没到，客服也不回复",
    "衣服很好看，下次还会再来",
    "請問週日有營業嗎？",
    "個app又死機，點算好",
    "退款什么时候到账",
]


def sample_texts(count: int, seed: int = 11) -> list[str]:
    """Make up posts of the usual lengths: mostly English, one in eight Chinese, none real."""
    chance = random.Random(seed)

    def english() -> str:
        sentences = [
            " ".join([*map(chance.choice, (_SUBJECTS, _VERBS, _ENDINGS)), str(chance.randrange(10**4))])
            for _ in range(chance.choice([1, 1, 1, 2, 2, 3]))
        ]
        return f"{chance.choice(_OPENINGS)} {'. '.join(sentences)}".strip()

    return [
        f"{chance.choice(_CHINESE)}{chance.randrange(10**4)}" if chance.random() < 0.125 else english()
        for _ in range(count)
    ]


def read_texts(path: Path, count: int | None) -> list[str]:
    """Read the ``text`` column of a CSV."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    return texts[:count]


def measured(work: Callable[[], object], texts: int) -> dict[str, float]:
    """Run once; return texts a second and milliseconds of processor time a text."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"texts_per_second": round(texts / wall, 1), "cpu_ms_per_text": round(cpu / texts * 1000, 3)}


def cold_start() -> dict[str, float]:
    """Measure a new process that scores one post: seconds on the clock and of processor time."""
    import resource

    program = "from sentiment.transformer import TransformerScorer as T; T.load().score(['my order is late'])"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).resolve().parents[1])
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"one_text_cold_seconds": round(wall, 2), "one_text_cold_cpu_seconds": round(cpu, 2)}


def plain_folder(folder: Path) -> None:
    """Write the bundled model as an ordinary `transformers` folder, for the pipeline: the encoder half alone."""
    import shutil

    from safetensors.torch import save_file

    from sentiment.card import BUNDLED, PACKED_WEIGHTS
    from sentiment.weights import unpack

    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(BUNDLED / name, folder / name)
    state = {name: value for name, value in unpack(BUNDLED / PACKED_WEIGHTS).items() if name[:6] != "heads."}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def pipeline_of_bundled(threads: int) -> Any:
    """Load the bundled encoder as a `transformers` pipeline on so many threads."""
    import torch
    from transformers import pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as name:
        plain_folder(Path(name))
        return pipeline("text-classification", model=name, truncation=True, max_length=96)


def peak_flops(arithmetic: str, threads: int) -> float:
    """Multiply large matrices on so many cores at once; returns operations a second, the best of five runs."""
    import torch

    torch.set_num_threads(1)
    size = _PEAK_SIZE
    if arithmetic == "int8":
        left, right = torch.ones(size, size, dtype=torch.int8), torch.ones(size, size, dtype=torch.int8)
        multiply: Callable[[Any, Any], Any] = torch._int_mm
    else:
        dtype = getattr(torch, arithmetic)
        left, right = torch.ones(size, size, dtype=dtype), torch.ones(size, size, dtype=dtype)
        multiply = torch.mm
    best = float("inf")
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for _ in range(6):  # the first one warms up
            start = time.perf_counter()
            list(pool.map(lambda _: multiply(left, right), range(threads)))
            best = min(best, time.perf_counter() - start)
    return 2 * size**3 * threads / best


def needed_flops(lengths: Sequence[int]) -> float:
    """Count the operations in matrix products that the encoder needs for texts of so many tokens.

    Of the last layer only the first token of each text is needed beyond keys and values.
    """
    from sentiment.card import BUNDLED, read_json

    config = read_json(BUNDLED / "config.json")
    width, inner = int(config["hidden_size"]), int(config["intermediate_size"])
    layers = int(config["num_hidden_layers"])
    tokens, squares, texts = sum(lengths), sum(n * n for n in lengths), len(lengths)
    after = width * width + 2 * width * inner
    whole = tokens * (3 * width * width + after) + 2 * squares * width
    last = tokens * 2 * width * width + texts * (width * width + after) + 2 * tokens * width
    return 2.0 * ((layers - 1) * whole + last)


def shares_of_peak(scorer: TransformerScorer, texts: Sequence[str], rate: float, threads: int) -> dict[str, Any]:
    """Compare the rate of matrix operations with what this machine reaches on matrices alone."""
    from sentiment.text import model_text

    model = scorer._model
    windows = [window for of_text in model.encode([model_text(text) for text in texts]) for window in of_text]
    flops = needed_flops([len(window) for window in windows])
    start = time.perf_counter()
    model.logits(windows)
    network = time.perf_counter() - start
    peaks = {name: peak_flops(name, threads) for name in ("float32", "bfloat16", "int8")}
    used = peaks[scorer.runs_on[1]]
    return {
        "share_of_peak": round(flops / len(texts) * rate / used, 3),
        "share_of_peak_network": round(flops / network / used, 3),
        "share_of_int8_peak": round(flops / len(texts) * rate / peaks["int8"], 3),
        "network_texts_per_second": round(len(texts) / network, 1),
        "arithmetic": scorer.runs_on[1],
        "peak_gflops": {name: round(peak / 1e9) for name, peak in peaks.items()},
        "tokens_per_text": round(sum(map(len, windows)) / len(texts), 1),
    }


def growth(scorer: TransformerScorer, asked: int | None) -> dict[str, dict[str, float]]:
    """Score more and more texts; sizes that would take too long are left out, unless someone asked for them."""
    import resource

    rows: dict[str, dict[str, float]] = {}
    rate = 0.0
    for size in sorted({*SIZES, asked or SIZES[0]}):
        if rate and size / rate > LONGEST_SECONDS and size != asked:
            continue
        texts = sample_texts(size, seed=size)

        def work(texts: list[str] = texts) -> None:
            for start in range(0, len(texts), _SLICE):
                scorer.score(texts[start : start + _SLICE])

        row = measured(work, size)
        rate = row["texts_per_second"]
        rows[str(size)] = row | {"peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    return rows


def vader() -> Callable[[str], str] | None:
    """Return VADER as its authors say to read it, or None where it is not installed."""
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        return None
    analyser = SentimentIntensityAnalyzer()

    def label(text: str) -> str:
        compound = analyser.polarity_scores(text)["compound"]
        return "positive" if compound >= 0.05 else "negative" if compound <= -0.05 else "neutral"

    return label


def deep_labels(scorer: TransformerScorer, shown: Sequence[str]) -> list[str]:
    """Label texts by our encoder half alone, without the n-gram table and the calibration."""
    import numpy as np

    model = scorer._model
    firsts = [windows[0] for windows in model.encode(shown)]  # the pipeline reads no further
    best = np.asarray(model.logits(firsts))[:, : len(model.classes)].argmax(axis=1)
    return [LABELS[model.classes[column]] for column in best.tolist()]


def accuracies(scorer: TransformerScorer, pipe: Any, path: Path) -> dict[str, Any]:
    """Compare labels with those of people: a CSV of ``text`` and ``label`` (negative, neutral, positive)."""
    from sentiment.text import model_text

    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file) if row["label"] in LABELS]
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    shown = [model_text(text) for text in texts]
    lexicon = vader()
    answers = {
        "ours": [score.sentiment for score in scorer.score(texts)],
        "ours_encoder_alone": deep_labels(scorer, shown),
        "pipeline": [answer["label"] for answer in pipe(shown, batch_size=32)],
        "vader": [lexicon(text) for text in texts] if lexicon else [],
    }
    same = agreement(answers["ours_encoder_alone"], answers["pipeline"])
    figures = {name: _standing(said, labels) for name, said in answers.items() if said}
    return {"labelled": path.name, "labelled_texts": len(rows), "label_agreement_labelled": same, **figures}


def agreement(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the share of equal labels."""
    return round(sum(a == b for a, b in zip(one, other, strict=True)) / max(1, len(one)), 4)


def _standing(said: Sequence[str], labels: Sequence[str]) -> dict[str, float]:
    recalls = []
    for label in set(labels):
        of_label = [one for one, true in zip(said, labels, strict=True) if true == label]
        recalls.append(sum(one == label for one in of_label) / len(of_label))
    return {"accuracy": agreement(said, labels), "macro_recall": round(sum(recalls) / len(recalls), 4)}


def compare(texts: Sequence[str], threads: int | None, labelled: Path | None = None) -> dict[str, Any]:
    """Measure every way; returns the figures that ``--json`` prints."""
    figures: dict[str, Any] = {"texts": len(texts), **cold_start()}
    import torch

    usual = threads or torch.get_num_threads()
    from sentiment.processor import cores
    from sentiment.text import model_text
    from sentiment.transformer import TransformerScorer

    scorer = TransformerScorer.load(threads=threads)
    scorer.score(["warm up", *texts[:2000]])
    ours = measured(lambda: scorer.score(texts), len(texts))
    shown = [model_text(text) for text in texts[:PIPELINE_TEXTS]]
    deep = deep_labels(scorer, shown)
    pipe = pipeline_of_bundled(usual)
    pipe(shown[:64], batch_size=32)
    few = shown[:ONE_BY_ONE_TEXTS]
    singly = measured(lambda: [pipe(text) for text in few], len(few))
    answers: list[str] = []
    batched = measured(lambda: answers.extend(a["label"] for a in pipe(shown, batch_size=32)), len(shown))
    lexicon = vader()
    rate = ours["texts_per_second"]
    figures |= {
        "scorer": scorer.name,
        "cores": cores(),
        **ours,
        "ratio_vs_pipeline_one_by_one": round(rate / singly["texts_per_second"], 2),
        "ratio_vs_pipeline_batch_32": round(rate / batched["texts_per_second"], 2),
        "pipeline_one_by_one": singly,
        "pipeline_batch_32": batched,
        "pipeline_threads": usual,
        "label_agreement_with_pipeline": agreement(deep, answers),
        **shares_of_peak(scorer, texts[:PIPELINE_TEXTS], rate, threads or cores()),
        "vader_texts_per_second": None,
    }
    if lexicon:
        some = texts[:PIPELINE_TEXTS]
        figures["vader_texts_per_second"] = measured(lambda: list(map(lexicon, some)), len(some))[
            "texts_per_second"
        ]
    if labelled:
        torch.set_num_threads(usual)
        figures["accuracy"] = accuracies(scorer, pipe, labelled)
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description="Measure scoring beside the usual ways to do it.")
    parser.add_argument("--texts", type=int, help="how many texts (default 4000; growth goes up to 100,000)")
    parser.add_argument("--file", type=Path, help="take the texts from the `text` column of this CSV")
    parser.add_argument("--labelled", type=Path, help="measure accuracy on this CSV of text and label")
    parser.add_argument("--threads", type=int, help="processor cores to use (default: all)")
    parser.add_argument("--no-growth", action="store_true", help="leave out 1,000, 10,000 and 100,000 texts")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    count = min(options.texts or PIPELINE_TEXTS, SIZES[-1])
    texts = read_texts(options.file, count) if options.file else sample_texts(count)
    figures = compare(texts, options.threads, options.labelled)
    if not options.no_growth:
        from sentiment.transformer import TransformerScorer

        scorer = TransformerScorer.load(threads=options.threads)
        figures["growth"] = growth(scorer, options.texts)
    if options.json:
        print(json.dumps(figures))
        return
    for key, value in figures.items():
        sys.stdout.write(f"{key:32} {value}\n")


if __name__ == "__main__":
    main()
