"""The network in training: one encoder, one pass, a head for sentiment and yes-or-no heads beside it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from sentiment.train.heads import HEADS

CLASSES = 3


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
        weight: nn.Parameter = self.bert.embeddings.word_embeddings.weight
        return weight

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the vector all heads read, (texts, hidden)."""
        vector: Tensor = self.bert(input_ids=input_ids, attention_mask=attention_mask).pooler_output
        return vector

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Answers:
        """Answer for a padded batch of token ids."""
        vector = self.dropout(self.pooled(input_ids, attention_mask))
        return Answers(self.classifier(vector), self.heads(vector))


def adopt(network: Network, state: dict[str, Any]) -> list[str]:
    """Load what `state` holds; return the names it lacks, which keep their fresh values."""
    with torch.no_grad():
        own = network.state_dict()
        missing = [name for name in own if name not in state]
        for name, tensor in state.items():
            if name in own:
                own[name].copy_(tensor)
    return missing
