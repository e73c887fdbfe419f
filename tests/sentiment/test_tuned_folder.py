"""A tuned model on disk: whole or not there, loaded like any other, its own scorer."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sentiment.card import read_card
from sentiment.ports import ModelError
from sentiment.transformer import TransformerScorer
from sentiment.tuned import candidate, checked_name, read_head, sweep, tuned_models

MAKER = Path(__file__).with_name("maker.py")
TEXTS = ["my order is late", "great , thanks !", "the refund was terrible now"]


def raised(base: Path, by: float) -> dict[str, np.ndarray]:
    """The head with the second class made more likely."""
    head = {name: value.copy() for name, value in read_head(base).items()}
    head["classifier.bias"][1] += by
    return head


def test_an_accepted_model_is_loaded_with_its_own_head_and_name(tiny_bert: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    with candidate(tiny_bert, models, "mine", raised(tiny_bert, 50.0), {"by": "ann"}) as made:
        assert tuned_models(models) == []
        made.accept(made.card)
    assert [path.name for path in tuned_models(models)] == ["mine"]
    old, new = TransformerScorer.load(tiny_bert), TransformerScorer.load(models / "mine")
    assert old.name != new.name
    assert {score.sentiment for score in new.score(TEXTS)} == {"neutral"}
    assert {score.sentiment for score in old.score(TEXTS)} != {"neutral"}
    assert read_card(models / "mine")["adapted"] == {"by": "ann"}


def test_the_head_that_was_not_changed_scores_the_same(tiny_bert: Path, tmp_path: Path) -> None:
    with candidate(tiny_bert, tmp_path, "same", read_head(tiny_bert), {}) as made:
        old, new = TransformerScorer.load(tiny_bert), TransformerScorer.load(made.folder)
        assert [s.probabilities for s in old.score(TEXTS)] == [s.probabilities for s in new.score(TEXTS)]


def test_the_packed_head_of_the_bundled_model_is_read_as_it_is_used(bundled: TransformerScorer) -> None:
    from sentiment.card import BUNDLED
    from sentiment.weights import unpack

    state = unpack(BUNDLED / "weights.safetensors")
    for name, value in read_head(BUNDLED).items():
        assert np.array_equal(value, state[name].numpy()), name


def test_another_head_is_another_revision(tiny_bert: Path, tmp_path: Path) -> None:
    revisions = []
    for number in (0.0, 1.0, 1.0):
        with candidate(tiny_bert, tmp_path, "one", raised(tiny_bert, number), {}) as made:
            revisions.append(made.card["revision"])
    assert revisions[0] != revisions[1] == revisions[2]


def test_one_that_is_not_accepted_leaves_nothing_behind(tiny_bert: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    with candidate(tiny_bert, models, "bad", read_head(tiny_bert), {}):
        assert models.exists()
    assert not models.exists()
    with pytest.raises(RuntimeError), candidate(tiny_bert, models, "bad", read_head(tiny_bert), {}):
        raise RuntimeError
    assert not models.exists()


def test_figures_of_the_shipped_head_are_not_taken_over(bundled: TransformerScorer, tmp_path: Path) -> None:
    from sentiment.card import BUNDLED

    with candidate(BUNDLED, tmp_path, "mine", read_head(BUNDLED), {}) as made:
        card = json.loads((made.folder / "model.json").read_text("utf-8"))
    assert "dev" not in card
    assert card["max_tokens"] == read_card(BUNDLED)["max_tokens"]


def test_a_name_that_is_taken_stays_with_who_has_it(tiny_bert: Path, tmp_path: Path) -> None:
    with candidate(tiny_bert, tmp_path, "mine", raised(tiny_bert, 1.0), {}) as made:
        made.accept(made.card)
    before = (tmp_path / "mine" / "head.safetensors").read_bytes()
    with pytest.raises(ModelError, match="another --name"), candidate(tiny_bert, tmp_path, "mine", {}, {}):
        pass
    assert (tmp_path / "mine" / "head.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "Upper", "bundled", "a" * 65, "a\nb", "a\x1b[2J"])
def test_what_could_leave_the_folder_is_no_name(name: str) -> None:
    with pytest.raises(ModelError, match="name a model"):
        checked_name(name)


def test_killed_at_any_moment_every_model_that_stands_is_whole(tiny_bert: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    chance = random.Random(3)
    left = 0
    for attempt in range(8):
        process = subprocess.Popen([sys.executable, MAKER, tiny_bert, models], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for folder in tuned_models(models):
            card = read_card(folder)
            assert card["adapted"]["accepted"] is True
            number = card["adapted"]["number"]
            assert number % 3
            expected = read_head(tiny_bert)["classifier.bias"] + np.float32(number)
            assert np.array_equal(read_head(folder)["classifier.bias"], expected)
            folder.rename(tmp_path / f"{attempt}-{folder.name}")
        hidden = [path for path in models.iterdir() if path.name.startswith(".")]
        left += len(hidden)
        assert sweep(models) == len(hidden)
        assert list(models.iterdir()) == []
    assert left, "no kill hit a model in the making"
    assert list(tmp_path.glob("*-m*")), "no model was made"


def test_what_a_living_process_is_making_is_not_swept_away(tiny_bert: Path, tmp_path: Path) -> None:
    with candidate(tiny_bert, tmp_path, "mine", read_head(tiny_bert), {}) as made:
        assert sweep(tmp_path) == 0
        assert made.folder.exists()
