"""Tiny models with random weights of several architectures, with tokenizers trained on a few sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SENTENCES = [
    "The order is late and nobody answers, I want my money back.",
    "Great flight, thanks to the whole crew!",
    "The app crashes every time I open it since the update.",
    "Where is my parcel? It was promised for Monday.",
    "什么时候发货？等了两个星期了。",
    "謝謝你們，包裹很快就到了，服務很好。",
    "太糟糕了，客服不回复，我要退款！",
    "Le colis n'est jamais arrivé.",
]
THREE = {0: "negative", 1: "neutral", 2: "positive"}
NUMBERED = {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
STARS = {i: f"{i + 1} star{'s' if i else ''}" for i in range(5)}
TWO = {0: "negative (stars 1, 2 and 3)", 1: "positive (stars 4 and 5)"}
ARCHITECTURES: Mapping[str, Mapping[int, str]] = {
    "bert": THREE, "roberta": TWO, "xlm-roberta": NUMBERED, "distilbert": STARS, "modernbert": THREE,
}  # fmt: skip
"""Model types and the labels their tiny models have."""
SPREAD = 1.5
"""Standard deviation of the logits over the sentences."""
VOCABULARY = 300
POSITIONS = 66


def build(folder: Path, kind: str, labels: Mapping[int, str] | None = None, **changes: Any) -> Path:
    """Write a model of one architecture into a new folder, as `save_pretrained` writes it."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(sum(map(ord, kind)))
    named = dict(labels or ARCHITECTURES[kind])
    common: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "max_position_embeddings": POSITIONS,
        "num_labels": len(named),
        "id2label": named,
        "label2id": {label: number for number, label in named.items()},
        "pad_token_id": 1 if "roberta" in kind else 0,
        "initializer_range": 0.2,
    }
    if kind == "distilbert":
        shape = {"dim": 48, "n_layers": 3, "n_heads": 3, "hidden_dim": 64}
    else:
        shape = {
            "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 64,
        }  # fmt: skip
    if kind == "modernbert":
        common |= {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
        shape |= {"initializer_cutoff_factor": 3.0}
    config = AutoConfig.for_model(kind, **{**common, **shape, **changes})
    network = AutoModelForSequenceClassification.from_config(config).eval()
    tokenizer = _tokenizer(kind)
    _spread(network, tokenizer)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _spread(network: Any, tokenizer: Any) -> None:
    """Shift and scale the last layer so that texts differ about as much as with a trained network."""
    import torch

    rows = network.config.num_labels
    last = next(m for m in network.modules() if isinstance(m, torch.nn.Linear) and m.out_features == rows)
    with torch.no_grad():
        logits = torch.cat([network(**tokenizer(text, return_tensors="pt")).logits for text in SENTENCES])
        scale = SPREAD / logits.std(0)
        last.weight.mul_(scale[:, None])
        last.bias.copy_((last.bias - logits.mean(0)) * scale)


def _tokenizer(kind: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    if "roberta" in kind:
        names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
        names |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    else:
        names = {f"{n}_token": f"[{n.upper()}]" for n in ("pad", "unk", "cls", "sep", "mask")}
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if kind == "xlm-roberta":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer: Any = trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=special, unk_token="<unk>")
    elif kind in {"roberta", "modernbert"}:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        )
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    first, last = names["cls_token"], names["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in (first, last)],
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS - 2, **names)


def change_config(folder: Path, **changes: Any) -> None:
    """Change keys of a folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")
