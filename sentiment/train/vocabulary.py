"""Widen an English WordPiece vocabulary: Chinese characters, emoji, frequent words of the other languages."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from torch import Tensor

MAX_TOKENS = 96
MIN_COUNT = 5
MIN_WORD_COUNT = 8
_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"[^\W\d_]{2,20}")


@dataclass(frozen=True)
class Vocabulary:
    """A widened tokenizer and how its new tokens start.

    Attributes:
        tokenizer: Cuts at `MAX_TOKENS`, does not pad.
        old_size: Number of tokens the encoder came with; new ones follow.
        pieces: For each new token, the old token ids whose mean it starts from; may be empty.
        twin: For every token id, the id whose embedding it shares: a traditional character has that of its
            simplified form, every other token its own.
    """

    tokenizer: Tokenizer
    old_size: int
    pieces: list[list[int]]
    twin: Tensor


def widen(
    base: Tokenizer,
    chinese: Iterable[str],
    other: Iterable[str],
    english: Iterable[str],
    simplify: Callable[[str], str],
) -> Vocabulary:
    """Add the characters, emoji and words that occur at least five times in the training texts.

    Args:
        base: The encoder's own WordPiece tokenizer.
        chinese: Training texts in Chinese, simplified and traditional.
        other: Training texts in the other languages except English: these also give whole words.
        english: English training texts: these give characters and emoji only.
        simplify: Maps a traditional character to its simplified form.
    """
    base.no_padding()
    base.no_truncation()
    known = base.get_vocab()
    other = list(other)
    characters = Counter(c for text in (*chinese, *other, *english) for c in _normal(text))
    wanted = [c for c, n in characters.most_common() if n >= MIN_COUNT and c not in known and _stands_alone(c)]
    words = Counter(w for text in other for w in _WORD.findall(_normal(text)) if not _IDEOGRAPH.search(w))
    wanted += [w for w, n in words.most_common() if n >= MIN_WORD_COUNT and w not in known]
    unknown = known["[UNK]"]
    pieces = [[i for i in base.encode(w, add_special_tokens=False).ids if i != unknown] for w in wanted]
    vocab = known | {token: len(known) + i for i, token in enumerate(wanted)}
    return Vocabulary(_rebuilt(base, vocab), len(known), pieces, twins(vocab, simplify))


def twins(vocab: Mapping[str, int], simplify: Callable[[str], str]) -> Tensor:
    """Return for every token id the id whose embedding it shares, see `Vocabulary.twin`."""
    twin = torch.arange(len(vocab))
    for token, index in vocab.items():
        if _IDEOGRAPH.fullmatch(token):
            twin[index] = vocab.get(simplify(token), index)
    return twin[twin]


def _normal(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.category(c).startswith(("Mn", "C", "Z")) or c == " ")


def _stands_alone(character: str) -> bool:
    return bool(_IDEOGRAPH.match(character)) or unicodedata.category(character)[0] in "PS"


def _rebuilt(base: Tokenizer, vocab: dict[str, int]) -> Tokenizer:
    state = json.loads(base.to_str())
    state["model"]["vocab"] = vocab
    state["truncation"] = state["padding"] = None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    # BERT's own splitter keeps an emoji glued to the word before it, and the whole word becomes unknown.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\p{S}"), "isolated"), pre_tokenizers.BertPreTokenizer()]
    )
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def widened_embedding(old: Tensor, vocabulary: Vocabulary, seed: int) -> Tensor:
    """Return the embedding matrix for the widened vocabulary.

    A new token starts from the mean of the pieces it was read as before; one that was unknown starts near the
    mean of all tokens, with a tenth of their usual spread so that it can move anywhere.

    Args:
        old: The encoder's matrix, one row a token.
        vocabulary: Result of `widen`.
        seed: Decides the random part.
    """
    generator = torch.Generator().manual_seed(seed)
    centre, spread = old.mean(0), old.std(0)
    rows = [
        (old[p].mean(0) if p else centre)
        + (0.1 if p else 0.5) * spread * torch.randn(old.shape[1], generator=generator)
        for p in vocabulary.pieces
    ]
    return torch.cat([old, torch.stack(rows)])[vocabulary.twin]
