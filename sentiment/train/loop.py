"""The training loop: batches of like length, bfloat16 arithmetic, an optimiser that touches only rows in use."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sentiment.train.network import Network

NEUTRAL = 1
SHARE_OF_LABEL = 0.35
SOFTNESS = 2.0
"""In a batch with taught rows: the labels' share of the loss, and the temperature the answers are compared at."""
SHARE_OF_HEADS = 0.6
"""Weight of a text's heads in the loss, beside the sentiment of another."""
_MEGABATCH = 40
_WARM_UP = 0.06
_RESUME_WARM_UP = 60


@dataclass(frozen=True)
class Example:
    """One tokenised row: token ids, label, weight in the loss, and whether its source knows no neutral class.

    `targets` holds 1, 0 or not a number for each head beside sentiment; a row that teaches heads alone has the
    weight 0. `soft` holds the teachers' logits of sentiment, to be learned beside the label.
    """

    ids: Sequence[int]
    label: int
    weight: float
    polar: bool
    targets: tuple[float, ...] | None = None
    soft: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Settings:
    """What the run may be told: batch size, peak learning rate, and how much faster tokens move.

    Row by row, Adam with the encoder's own rate leaves rare words almost where they were.
    """

    batch: int = 32
    learning_rate: float = 1.2e-4
    new_token_factor: float = 8.0
    old_token_factor: float = 6.0
    seed: int = 7


class RowAdam:
    """Adam over the rows of an embedding that the batch used.

    The embedding holds more than half of all parameters and a batch touches one row in twenty: a dense
    optimiser would spend its time on rows with no gradient. Each row counts its own steps for the bias
    correction, so that a rare token's first step is no larger than a frequent one's.

    Args:
        weight: The embedding matrix, from an ``nn.Embedding(sparse=True)``.
        factor: Learning-rate factor of each row.
    """

    def __init__(self, weight: nn.Parameter, factor: Tensor) -> None:
        self._weight, self._factor = weight, factor.to(weight.device)
        self._mean, self._square = torch.zeros_like(weight), torch.zeros_like(weight)
        self._steps = torch.zeros(len(weight), device=weight.device)

    @torch.no_grad()
    def step(self, learning_rate: float, scale: float) -> None:
        """Apply the gradient, multiplied by `scale`, and clear it."""
        assert self._weight.grad is not None
        gradient = self._weight.grad.coalesce()
        rows, values = gradient.indices()[0], gradient.values() * scale
        self._steps[rows] += 1
        steps = self._steps[rows].unsqueeze(1)
        mean = torch.lerp(self._mean[rows], values, 0.1)
        square = torch.lerp(self._square[rows], values * values, 0.001)
        self._mean[rows], self._square[rows] = mean, square
        move = (mean / (1 - 0.9**steps)) / ((square / (1 - 0.999**steps)).sqrt() + 1e-8)
        self._weight[rows] -= learning_rate * self._factor[rows].unsqueeze(1) * move
        self._weight.grad = None


def batches(examples: Sequence[Example], size: int, seed: int) -> Iterator[list[Example]]:
    """Yield batches of like length in random order; each example once."""
    chance = random.Random(seed)  # noqa: S311  # a seeded shuffle, nothing secret
    for start in range(0, len(examples), size * _MEGABATCH):
        mega = sorted(examples[start : start + size * _MEGABATCH], key=lambda e: len(e.ids))
        cut = [mega[i : i + size] for i in range(0, len(mega), size)]
        chance.shuffle(cut)
        yield from cut


def padded(ids: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return token ids padded with zeros to the longest, and the attention mask."""
    width = max(map(len, ids))
    tokens = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids], device=device)
    lengths = torch.tensor([len(row) for row in ids], device=device)
    return tokens, (torch.arange(width, device=device) < lengths[:, None]).long()


def loss_of(logits: Tensor, batch: Sequence[Example]) -> Tensor:
    """Weighted cross entropy; rows of two-class sources compare negative with positive only."""
    polar = torch.tensor([e.polar for e in batch], device=logits.device)
    labels = torch.tensor([e.label for e in batch], device=logits.device)
    weights = torch.tensor([e.weight for e in batch], device=logits.device)
    logits = logits.float()
    hidden = torch.zeros_like(logits, dtype=torch.bool)
    hidden[:, NEUTRAL] = polar
    losses = nn.functional.cross_entropy(logits.masked_fill(hidden, -1e4), labels, reduction="none")
    hard = (losses * weights).mean()
    taught = [index for index, example in enumerate(batch) if example.soft is not None]
    if not taught:
        return hard
    # Hinton et al. 2015: as far as the softened answers are apart, beside the label.
    teacher = torch.tensor([batch[index].soft for index in taught], device=logits.device)
    said, wanted = (torch.log_softmax(each / SOFTNESS, dim=1) for each in (logits[taught], teacher))
    apart = nn.functional.kl_div(said, wanted, log_target=True, reduction="none").sum() * SOFTNESS**2
    return SHARE_OF_LABEL * hard + (1 - SHARE_OF_LABEL) * apart / len(batch)


def head_loss(logits: Tensor, batch: Sequence[Example], share: float) -> Tensor | None:
    """Binary cross entropy of the heads where something is known of them; None where nothing is.

    Args:
        logits: (texts, heads).
        batch: The examples.
        share: Weight of one text's mean over its known heads beside one text's sentiment.
    """
    taught = [index for index, example in enumerate(batch) if example.targets is not None]
    if not taught:
        return None
    wanted = torch.tensor([batch[index].targets for index in taught], device=logits.device)
    known = ~wanted.isnan()
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits[taught].float(), wanted.nan_to_num(0.0), reduction="none"
    )
    each = (losses * known).sum(1) / known.sum(1).clamp(min=1).sqrt()
    return share * each.sum() / len(batch)


def learning_rate_at(step: int, steps: int, peak: float, first: int = 0) -> float:
    """Linear warm-up over the first 6 % of the steps, then linearly down to zero.

    A run resumed at step `first` warms up again over `_RESUME_WARM_UP` steps, since its moments start anew.
    """
    warm_up = max(1, round(steps * _WARM_UP))
    again = min(1.0, (step - first + 1) / _RESUME_WARM_UP) if first else 1.0
    return again * peak * min((step + 1) / warm_up, (steps - step) / max(1, steps - warm_up))


def train(
    network: Network,
    old_size: int,
    examples: Sequence[Example],
    settings: Settings,
    report: Callable[[str], None],
    checkpoint: Callable[[int], None],
    first_step: int = 0,
    every_seconds: float = 480,
) -> None:
    """Train in place, one pass over `examples`.

    Args:
        network: What to train.
        old_size: Tokens from this index on are new and move `Settings.new_token_factor` times as fast.
        examples: In the order to show them, apart from sorting by length within a neighbourhood.
        settings: Batch size, rates and seed.
        report: Receives a progress line now and then.
        checkpoint: Called about every `every_seconds`, and at the end, with the number of steps done.
        first_step: Steps an earlier run has done already: their batches are passed over.
        every_seconds: Seconds between checkpoints.
    """
    torch.manual_seed(settings.seed)
    embedding = network.embedding
    factor = torch.full((len(embedding),), settings.old_token_factor)
    factor[old_size:] = settings.new_token_factor
    rows = RowAdam(embedding, factor)
    rest = [p for p in network.parameters() if p is not embedding]
    optimiser = torch.optim.AdamW(grouped(rest), lr=settings.learning_rate, fused=True)
    steps = -(-len(examples) // settings.batch)
    began = saved = time.monotonic()
    running = 0.0
    network.train()
    for step, batch in enumerate(batches(examples, settings.batch, settings.seed)):
        if step < first_step:
            continue
        rate = learning_rate_at(step, steps, settings.learning_rate, first_step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = batch_loss(network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(nn.utils.clip_grad_norm_(rest, 1.0))
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        rows.step(rate, min(1.0, 1.0 / (norm + 1e-6)))
        running += (0.02 if step > first_step else 1.0) * (float(loss.detach()) - running)
        if step % 100 == 99:
            spent = time.monotonic() - began
            left = spent / (step + 1 - first_step) * (steps - step - 1)
            report(f"step {step + 1}/{steps} loss {running:.3f} after {spent:.0f} s, about {left:.0f} s left")
        if time.monotonic() - saved > every_seconds:
            checkpoint(step + 1)
            saved = time.monotonic()
    network.eval()
    checkpoint(steps)


def batch_loss(network: Network, batch: Sequence[Example]) -> Tensor:
    """The loss of one batch: sentiment where a row has a weight, heads where it has targets."""
    device = network.embedding.device
    tokens, mask = padded([example.ids for example in batch], device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        answers = network(tokens, mask)
    loss = loss_of(answers.logits, batch)
    heads = head_loss(answers.heads, batch, SHARE_OF_HEADS)
    return loss if heads is None else loss + heads


def grouped(parameters: Sequence[nn.Parameter]) -> list[dict[str, Any]]:
    """Matrices decay, vectors (biases, norms) do not."""
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
