"""Texts as the last layer of a model sees them: pooled vectors, and what the model says without any tuning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from social_care.pipeline import kind_of, text_of

if TYPE_CHECKING:
    from sentiment.transformer import TransformerScorer
    from sentiment.tuning import Rows
    from storage.corrections import Correction, Words

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """Texts and what the shipped model says of them.

    Attributes:
        features: Pooled vectors, (texts, width).
        sentiment: Probabilities, (texts, 3).
        heads: Of each further head: the probability of yes, (texts,).
        scale: What one unit of the classifier's logits adds before the softmax, (texts,).
        read: Whether the model read the text at all: it does not where no language can be told.
    """

    features: Floats
    sentiment: Floats
    heads: Mapping[str, Floats]
    scale: Floats
    read: npt.NDArray[np.bool_]

    def answers(self, field: str, chosen: npt.NDArray[np.int64]) -> Floats:
        """The model's own answers for a field, as probabilities, (texts, classes)."""
        from sentiment.tuning import as_two

        if field == "sentiment":
            return self.sentiment[chosen]
        return as_two(self.heads[field][chosen])

    def rows(self, field: str, chosen: npt.NDArray[np.int64], targets: Floats, weights: Floats) -> "Rows":
        """Some texts as rows to learn from."""
        from sentiment.tuning import Rows, as_logits

        scale = self.scale[chosen] if field == "sentiment" else np.ones(len(chosen))
        return Rows(self.features[chosen], as_logits(self.answers(field, chosen)), scale, targets, weights)


def look(scorer: "TransformerScorer", base: Path, texts: "Sequence[Correction | Words]") -> Seen:
    """Read texts with the shipped model.

    Args:
        scorer: The shipped model.
        base: Its folder: the card says how the parts of a logit are weighed.
        texts: At least one.

    Raises:
        ModelError: The model does not give its pooled vectors, as one that goes through transformers.
    """
    from sentiment.calibration import Calibrations
    from sentiment.card import read_card
    from sentiment.irony import calm
    from sentiment.language import UNKNOWN

    shown = [text_of(one.title, one.text) for one in texts]
    kinds = [kind_of(one.kind) for one in texts]
    scores = scorer.score(shown, [one.lang for one in texts], kinds)
    features = scorer.features(shown).astype(np.float64)
    card = read_card(base)
    names = [str(name) for name in card.get("heads") or ()]
    calibrations = Calibrations.of_card(card)
    return Seen(
        features=features,
        sentiment=np.array([score.probabilities for score in scores], dtype=np.float64),
        heads={
            name: np.array([dict(score.heads).get(name, 0.5) for score in scores], dtype=np.float64)
            for name in names
        },
        # What one unit of the classifier's logits adds before the softmax.
        scale=np.array(
            [
                calibrations.find(score.language, kind).deep * calm(text)
                for score, kind, text in zip(scores, kinds, shown, strict=True)
            ]
        ),
        read=np.array([score.language != UNKNOWN for score in scores]),
    )
