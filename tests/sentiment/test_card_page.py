"""The model card says what was measured: the page in docs is made from the bundled card."""

from __future__ import annotations

import json
from pathlib import Path

from sentiment.card import BUNDLED
from sentiment.train.card_page import TEMPLATE, page

DOCS = Path(__file__).parents[2] / "docs" / "model-card.md"


def test_the_page_is_generated_from_the_bundled_card() -> None:
    card = json.loads((BUNDLED / "model.json").read_text(encoding="utf-8"))
    written = DOCS.read_text(encoding="utf-8")
    assert written == page(card, TEMPLATE.read_text(encoding="utf-8"))
    assert "{{" not in written


def test_every_development_set_and_head_is_on_the_page() -> None:
    card = json.loads((BUNDLED / "model.json").read_text(encoding="utf-8"))
    written = DOCS.read_text(encoding="utf-8")
    for name in card["head_quality"]:
        assert f"`{name}`" in written
    assert written.count("| tweets") + written.count(" tweets |") >= 7
    for row in card["dev"].values():
        assert f"{100 * row['accuracy']:.1f}" in written
