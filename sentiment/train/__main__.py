"""``python -m sentiment.train --data DIR --out DIR``: train the bundled model and write its folder."""

from __future__ import annotations

import argparse
import importlib.resources
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from sentiment.card import BUNDLED, PACKED_WEIGHTS
from sentiment.train import closing, masked
from sentiment.train.data import SOURCES, Corpus, DataError, load_corpus, text_key, training_passes
from sentiment.train.examples import head_examples, sentiment_examples
from sentiment.train.export import Trained, write_model_folder
from sentiment.train.heads import HeadRow, load_head_rows, training_targets
from sentiment.train.loop import Settings, train
from sentiment.train.network import ENCODER, Network, adopt, fresh_network
from sentiment.train.vocabulary import MAX_TOKENS, Vocabulary, widen
from sentiment.train.wide_fit import fit_wide, folded
from sentiment.weights import unpack

READ, CHECKPOINT = "read.safetensors", "checkpoint.safetensors"
_WORDS = "bert.embeddings.word_embeddings.weight"

Report = Callable[[str], None]
Converters = dict[str, Callable[[str], str]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, train, fit the table, calibrate, pack and write the model folder; or go on from a checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m sentiment.train", description=main.__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that holds sentiment/, mentions/, urgency/"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--resume", type=Path, help=f"go on from an earlier run's {READ} or {CHECKPOINT}")
    parser.add_argument("--warm", type=Path, default=BUNDLED, help="earlier model: starts new tokens, teaches")
    parser.add_argument("--limit", type=int, help="train on this many rows only, to try the line out")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    options = parser.parse_args(arguments)
    try:
        corpus = load_corpus(options.data)
        measured = {text_key(row.text) for rows in corpus.dev.values() for row in rows}
        head_rows = [r for r in load_head_rows(options.data, options.seed) if text_key(r.text) not in measured]
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
    network = fresh_network(vocabulary, options.seed, _warm(options.warm))
    if torch.cuda.is_available():
        network.cuda()
    learn(network, vocabulary, corpus, head_rows, convert["s2twp"], options, report)
    fold = folded(list(vocabulary.tokenizer.get_vocab()), convert["t2s"])
    wide = fit_wide(corpus.train, training_targets(head_rows), fold, options.seed, report)
    trained = Trained(network, wide, vocabulary, options.seed)
    write_model_folder(options.out, trained, corpus, head_rows, convert["s2t"], report)


def learn(
    network: Network,
    vocabulary: Vocabulary,
    corpus: Corpus,
    head_rows: Sequence[HeadRow],
    to_traditional: Callable[[str], str],
    options: argparse.Namespace,
    report: Report,
) -> None:
    """Train the encoder and its heads in place: reading, all tasks in one pass, English once more."""
    resumed = load_checkpoint(network, options.resume) if options.resume else None
    if resumed is None:
        texts = masked.texts_to_read(corpus, head_rows, options.seed)[: options.limit]
        masked.read(network, vocabulary, texts, options.seed, report)
        save_checkpoint(network, options.out / READ, 0)
    vocabulary.tokenizer.enable_truncation(MAX_TOKENS)
    shown = training_passes(corpus.train, options.seed, to_traditional)[: options.limit]
    examples = sentiment_examples(shown, vocabulary, corpus, options.seed)
    examples += head_examples(training_targets(head_rows)[: options.limit], vocabulary, options.seed)
    random.Random(options.seed).shuffle(examples)  # noqa: S311  # a seeded order, nothing secret
    report(f"{len(examples)} rows, {sum(len(e.ids) for e in examples)} tokens, on {network.embedding.device}")
    settings = Settings(seed=options.seed)

    def checkpoint(step: int) -> None:
        save_checkpoint(network, options.out / CHECKPOINT, step)

    train(network, vocabulary.old_size, examples, settings, report, checkpoint, resumed or 0)
    rows = closing.closing_rows(corpus.train, closing.SETTINGS.seed)[: options.limit]
    teachers = [network, *earlier_network(vocabulary, options.warm)]
    said = closing.teachings(teachers, vocabulary, [row.text for row in rows if row.source == closing.TAUGHT])
    report(f"closing: {len(rows)} rows, taught by {len(teachers)}")
    taught = training_targets(head_rows)[: options.limit]
    examples = closing.closing_examples(rows, taught, said, vocabulary, corpus)
    train(network, vocabulary.old_size, examples, closing.SETTINGS, report, lambda _: None)


def save_checkpoint(network: Network, path: Path, steps: int) -> None:
    """Write full-precision weights and how many steps of the training pass they have seen."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, path, metadata={"steps": str(steps)})


def load_checkpoint(network: Network, path: Path) -> int:
    """Load full-precision weights; return the steps they have seen."""
    adopt(network, load_file(path))
    with safe_open(path, framework="pt") as file:
        return int((file.metadata() or {}).get("steps", 0))


def earlier_network(vocabulary: Vocabulary, folder: Path) -> list[Network]:
    """An earlier model over the same tokens, as a second teacher; empty where there is none."""
    if _warm(folder) is None:
        return []
    state = unpack(folder / PACKED_WEIGHTS)
    if len(state[_WORDS]) != len(vocabulary.twin):
        return []
    network = fresh_network(vocabulary, 0)
    adopt(network, {name: tensor.float() for name, tensor in state.items() if not name.startswith("heads.")})
    return [network.eval()]


def _warm(folder: Path) -> torch.Tensor | None:
    weights = folder / PACKED_WEIGHTS
    return unpack(weights)[_WORDS].float() if weights.is_file() else None


def _converters() -> Converters:
    from opencc import OpenCC  # type: ignore[import-not-found,unused-ignore]

    return {name: OpenCC(name).convert for name in ("s2t", "s2twp", "t2s")}


def build_vocabulary(corpus: Corpus, convert: Converters) -> Vocabulary:
    """Widen the encoder's vocabulary by what the training texts need."""
    with importlib.resources.as_file(importlib.resources.files(ENCODER) / "model" / "tokenizer.json") as path:
        base = Tokenizer.from_file(str(path))
    texts: dict[str, list[str]] = {"zh": [], "en": [], "other": []}
    for source in SOURCES:
        if source.name in {"airline", "zh_reviews", "ja"}:
            continue
        group = {"en": "en", "zh": "zh", "yue": "zh"}.get(source.language, "other")
        texts[group] += [row.text for row in corpus.train[source.name]]
    chinese = texts["zh"] + [convert["s2t"](text) for text in texts["zh"]]
    return widen(base, chinese, texts["other"], texts["en"], convert["t2s"])


if __name__ == "__main__":
    main()
