"""What a scorer is called: its model, and the version of the urgency lexicon and weights it judges by."""

import hashlib
from collections.abc import Mapping

from sentiment.card import BUNDLED, read_card
from sentiment.signals import bundled_lexicon
from sentiment.urgency import checked_weights


def scorer_name(model: str, urgency_weights: Mapping[str, float]) -> str:
    """``model@revision+uN``: another lexicon or changed weights are another scorer, and lead to new scores.

    Raises:
        ValueError: an urgency weight is unknown or out of range.
    """
    weights = checked_weights(urgency_weights)
    name = f"{model}+u{bundled_lexicon().version}"
    if weights == checked_weights({}):
        return name
    return f"{name}.{hashlib.sha256(repr(sorted(weights.items())).encode()).hexdigest()[:8]}"


def bundled_scorer_name(urgency_weights: Mapping[str, float]) -> str:
    """The name of the bundled model's scorer, without loading it.

    Raises:
        ModelError: the bundled model is missing or damaged.
        ValueError: an urgency weight is unknown or out of range.
    """
    card = read_card(BUNDLED)
    return scorer_name(f"{card['name']}@{card['revision']}", urgency_weights)
