"""Measure scoring: texts a second and processor time a text, beside the `transformers` pipeline on the same texts.

``python -m benchmarks.scoring [--texts N] [--file CSV] [--threads N] [--json]``. The pipeline runs the very same
network in float32, as its users do; ours also tells language, urgency with reasons and reply-needed, and starts
from the text as posted. Every way reads the same texts in the same process, one after the other; the pipeline's
one-by-one run reads a part of them, since its rate does not depend on how many follow.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ONE_BY_ONE_TEXTS = 300
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


def plain_folder(folder: Path) -> None:
    """Write the bundled model as an ordinary `transformers` folder, for the pipeline."""
    import shutil

    from safetensors.torch import save_file

    from sentiment.card import BUNDLED, PACKED_WEIGHTS
    from sentiment.weights import unpack

    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(BUNDLED / name, folder / name)
    save_file(unpack(BUNDLED / PACKED_WEIGHTS), folder / "model.safetensors", metadata={"format": "pt"})


def compare(texts: Sequence[str], threads: int | None) -> dict[str, Any]:
    """Measure the three ways; returns the figures that ``--json`` prints."""
    start = time.process_time()
    from sentiment.transformer import TransformerScorer

    scorer = TransformerScorer.load(threads=threads)
    scorer.score(["warm up", *texts[:50]])
    started = time.process_time() - start
    ours = measured(lambda: scorer.score(texts), len(texts))
    import torch
    from transformers import logging, pipeline

    logging.set_verbosity_error()
    torch.set_num_threads(threads or len(_cores()))
    with tempfile.TemporaryDirectory() as name:
        plain_folder(Path(name))
        pipe = pipeline("text-classification", model=name, truncation=True, max_length=96, top_k=None)
    few = list(texts[:ONE_BY_ONE_TEXTS])
    pipe(few[:40], batch_size=32)
    singly = measured(lambda: [pipe(text) for text in few], len(few))
    batched = measured(lambda: pipe(list(texts), batch_size=32), len(texts))
    return {
        "texts": len(texts),
        "scorer": scorer.name,
        **ours,
        "start_cpu_seconds": round(started, 2),
        "ratio_vs_pipeline_one_by_one": round(ours["texts_per_second"] / singly["texts_per_second"], 2),
        "ratio_vs_pipeline_batch_32": round(ours["texts_per_second"] / batched["texts_per_second"], 2),
        "pipeline_one_by_one": singly,
        "pipeline_batch_32": batched,
        "cores": len(_cores()),
    }


def _cores() -> set[int]:
    import os

    return os.sched_getaffinity(0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring")
    parser.add_argument("--texts", type=int, default=4000, help="how many texts (default 4000)")
    parser.add_argument("--file", type=Path, help="take the texts from the `text` column of this CSV")
    parser.add_argument("--threads", type=int, help="processor cores to use (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    texts = read_texts(options.file, options.texts) if options.file else sample_texts(options.texts)
    figures = compare(texts, options.threads)
    if options.json:
        print(json.dumps(figures))
        return
    for key, value in figures.items():
        sys.stdout.write(f"{key:32} {value}\n")


if __name__ == "__main__":
    main()
