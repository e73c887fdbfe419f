"""The last pass: learning from teachers beside the labels."""

import pytest

pytest.importorskip("torch")

import torch

from sentiment.train import distil
from sentiment.train.data import Row
from sentiment.train.loop import Example, loss_of


def example(label: int, soft: tuple[float, ...] | None = None) -> Example:
    return Example([1, 2], label, 1.0, False, soft)


def test_a_row_without_a_teacher_costs_its_label_only() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    plain = torch.nn.functional.cross_entropy(logits, torch.tensor([0]))
    assert torch.isclose(loss_of(logits, [example(0)]), plain)


def test_agreeing_with_the_teacher_costs_less_than_contradicting_it() -> None:
    agrees = loss_of(torch.tensor([[3.0, 0.0, -3.0]]), [example(0, (3.0, 0.0, -3.0))])
    contradicts = loss_of(torch.tensor([[3.0, 0.0, -3.0]]), [example(0, (-3.0, 0.0, 3.0))])
    assert agrees < contradicts


def test_a_teacher_pulls_the_answer_towards_its_own() -> None:
    logits = torch.zeros((1, 3), requires_grad=True)
    loss_of(logits, [example(0, (0.0, 4.0, 0.0))]).backward()
    assert logits.grad is not None
    label_alone = torch.zeros((1, 3), requires_grad=True)
    loss_of(label_alone, [example(0)]).backward()
    assert label_alone.grad is not None
    assert logits.grad[0, 1] < label_alone.grad[0, 1]  # downhill is towards the teacher's class


def test_only_english_rows_are_taught_and_in_their_order() -> None:
    rows = [Row("a", 0, "en"), Row("中", 1, "zh_weibo"), Row("b", 2, "en")]
    examples = [example(0), example(1), example(2)]
    taught = distil.softened(examples, rows, torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert [one.soft for one in taught] == [(1.0, 0.0, 0.0), None, (0.0, 0.0, 1.0)]
    weighted = distil.english_weighted(examples, rows)
    assert [one.weight for one in weighted] == [2.0, 1.0, 0.9]


def test_fragments_are_parts_of_english_rows_and_every_time_the_same() -> None:
    names = ("zh_weibo", "french", "german", "spanish", "italian", "portuguese", "indonesian")
    rows = {"en": [Row("one two three four", 2, "en"), Row("five", 0, "en")]} | {
        n: [Row("x y", 1, n)] for n in names
    }
    fragments, whole, others = distil.short_rows(rows, 41)
    assert [row.text in "one two three four" for row in fragments] == [True]  # one word has no part
    assert (len(whole), {row.source for row in others}) == (2, set(names))
    assert distil.short_rows(rows, 41) == (fragments, whole, others)
