"""Examples for fine-tuning: targets, filling up, and completing many prompts at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from course_lib.finetuning.examples import complete, masked, pad_batch
from course_lib.training.evaluation import IGNORE

PIECES = st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=4), st.booleans()), max_size=5)
EXAMPLES = st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=7), min_size=1, max_size=5)


def successor(ids):
    """A model that is sure that after n comes n + 1."""
    return F.one_hot((ids + 1) % 50, 50).float()


@given(PIECES)
def test_targets_are_the_ids_or_nothing(pieces):
    ids, targets = masked(pieces)
    assert ids == [token for part, _ in pieces for token in part]
    assert len(targets) == len(ids)
    assert [t for t in targets if t != IGNORE] == [t for part, learned in pieces if learned for t in part]


@given(EXAMPLES, st.integers(2, 9))
def test_a_batch_holds_each_example_and_filling(rows, longest):
    x, y = pad_batch([(row, row) for row in rows], pad_id=0, longest=longest)
    assert x.shape == y.shape == (len(rows), min(longest, max(map(len, rows))) - 1)
    for row, read, learned in zip(rows, x.tolist(), y.tolist(), strict=True):
        kept = row[:longest]
        assert read[: len(kept) - 1] == kept[:-1] and not any(read[len(kept) - 1 :])
        assert learned[: len(kept) - 1] == kept[1:] and set(learned[len(kept) - 1 :]) <= {IGNORE}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7])
def test_completions_come_in_the_order_of_the_prompts(batch_size):
    prompts = [[5], [1, 2, 3], [30], [9, 10], [17]]
    found = complete(successor, prompts, stop=19, most=3, batch_size=batch_size)
    assert found == [[6, 7, 8], [4, 5, 6], [31, 32, 33], [11, 12, 13], [18]]


def test_no_prompts_have_no_completions():
    assert complete(successor, [], stop=3, most=3) == []


def test_a_drawn_completion_is_repeatable():
    from course_lib.generation.sampling import PLAIN

    def flat(ids):
        return torch.zeros(*ids.shape, 7)

    draws = [
        complete(flat, [[1], [2, 3]], 6, 5, sampling=PLAIN, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    assert draws[0] == draws[1] and draws[0][0] != draws[0][1]
