"""Let the encoder read before it judges: hidden words of every text at hand are to be guessed.

Continuing a language model on the texts of a task before fine-tuning on its labels helps most where they differ
from what it has read (Gururangan et al. 2020, "Don't stop pretraining"); here it also gives meaning to the
characters that the vocabulary gained.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sentiment.train.data import Corpus
from sentiment.train.heads import HeadRow
from sentiment.train.loop import Example, RowAdam, batches, grouped, learning_rate_at, padded
from sentiment.train.network import Network
from sentiment.train.vocabulary import Vocabulary

MASKED_SHARE = 0.18
MAX_TOKENS = 64
BATCH, LEARNING_RATE = 48, 2e-4
OLD_FACTOR, NEW_FACTOR = 2.0, 6.0
_SHOPPING = 14_000
_ENGLISH_PASSES = 2
_FIRST_WORD = 999  # below it the vocabulary holds special and unused tokens


def texts_to_read(corpus: Corpus, head_rows: Sequence[HeadRow], seed: int) -> list[str]:
    """Every training text, English twice, and a sample of the many shop reviews. No label is used."""
    chance = random.Random(seed)  # noqa: S311  # a seeded sample, nothing secret
    english = [row.text for name in ("en", "airline") for row in corpus.train[name]]
    english += [row.text for row in head_rows if row.source.startswith(("urgency", "sla"))]
    result = english * _ENGLISH_PASSES
    for name, rows in corpus.train.items():
        if name not in {"en", "airline", "indonesian", "malay"}:
            texts = [row.text for row in rows]
            result += chance.sample(texts, _SHOPPING) if len(texts) > 2 * _SHOPPING else texts
    chance.shuffle(result)
    return result


class _Guess(nn.Module):
    """From a token's vector to one logit a token of the vocabulary; the output matrix is the embedding itself."""

    def __init__(self, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.turn = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        nn.init.eye_(self.turn[0].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.turn[0].bias)  # type: ignore[arg-type]
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, vectors: Tensor, embedding: Tensor) -> Tensor:
        """Return (tokens, vocabulary). The embedding learns as input alone, so that its gradient stays sparse."""
        turned = self.turn(vectors)
        logits: Tensor = nn.functional.linear(turned, embedding.detach().to(turned.dtype)).float()
        return logits + self.bias


def read(
    network: Network, vocabulary: Vocabulary, texts: Sequence[str], seed: int, report: Callable[[str], None]
) -> None:
    """Train the encoder in place to guess hidden tokens, one pass over the texts."""
    torch.manual_seed(seed)
    vocabulary.tokenizer.enable_truncation(MAX_TOKENS)
    examples = [Example(e.ids, 0, 0.0, False) for e in vocabulary.tokenizer.encode_batch(list(texts))]
    examples = [example for example in examples if len(example.ids) > 4]
    mask_token = vocabulary.tokenizer.token_to_id("[MASK]")
    assert mask_token is not None
    embedding = network.embedding
    guess = _Guess(embedding.shape[1], len(embedding)).to(embedding.device)
    encoder = [p for n, p in network.bert.named_parameters() if p is not embedding and "pooler" not in n]
    rest = [*encoder, *guess.parameters()]
    optimiser = torch.optim.AdamW(grouped(rest), lr=LEARNING_RATE, fused=True)
    factor = torch.full((len(embedding),), OLD_FACTOR)
    factor[vocabulary.old_size :] = NEW_FACTOR
    rows = RowAdam(embedding, factor)
    steps, began, running = -(-len(examples) // BATCH), time.monotonic(), 0.0
    network.train()
    for step, batch in enumerate(batches(examples, BATCH, seed)):
        rate = learning_rate_at(step, steps, LEARNING_RATE)
        for group in optimiser.param_groups:
            group["lr"] = rate
        tokens, attention = padded([example.ids for example in batch], embedding.device)
        shown, hidden = _hide(tokens, mask_token, len(embedding))
        if not hidden.any():
            continue
        with torch.autocast(embedding.device.type, dtype=torch.bfloat16):
            vectors = network.bert(input_ids=shown, attention_mask=attention).last_hidden_state
            logits = guess(vectors[hidden], embedding)
        loss = nn.functional.cross_entropy(logits, tokens[hidden])
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(nn.utils.clip_grad_norm_(rest, 1.0))
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        rows.step(rate, min(1.0, 1.0 / (norm + 1e-6)))
        running += (0.02 if step else 1.0) * (float(loss.detach()) - running)
        if step % 200 == 199:
            left = (time.monotonic() - began) / (step + 1) * (steps - step - 1)
            report(f"reading: step {step + 1}/{steps} loss {running:.3f}, about {left:.0f} s left")


def _hide(tokens: Tensor, mask_token: int, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Of the chosen tokens four fifths are hidden, a tenth is another word, a tenth stays (Devlin et al. 2019)."""
    special = (tokens == 0) | (tokens == 101) | (tokens == 102)
    chosen = (torch.rand(tokens.shape, device=tokens.device) < MASKED_SHARE) & ~special
    way = torch.rand(tokens.shape, device=tokens.device)
    shown = tokens.masked_fill(chosen & (way < 0.8), mask_token)
    swapped = chosen & (way > 0.9)
    first = min(_FIRST_WORD, vocabulary // 2)
    shown[swapped] = torch.randint(first, vocabulary, (int(swapped.sum()),), device=tokens.device)
    return shown, chosen
