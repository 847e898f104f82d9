"""Drawn cases: they find what fixed ones do not, are small, and come again with the same seed."""

from __future__ import annotations

import math
import random as python_random
import time

import numpy as np
import pytest
import torch
from exercise_demos import demo, random

from course_lib.attention import exercises as attention
from course_lib.exercises import Case, Draw, topics
from course_lib.exercises._overview import exercises_of
from course_lib.exercises._right import prepare

ALL = [exercise for topic in topics() for exercise in exercises_of(topic)]


# Drawn cases ------------------------------------------------------------------------------------------------


def count(text, word):
    return text.split().count(word)


def count_case(draw):
    text = draw.text()
    return Case(text, draw.choose(text.split() or ["a"]))


COUNT = demo(count, [Case("a b a", "a"), Case("b", "a")], fresh=count_case)
CARELESS = {
    "part of a word": lambda text, word: text.count(word),
    "small letters": lambda text, word: text.lower().split().count(word.lower()),
    "single spaces": lambda text, word: text.split(" ").count(word),
    "once": lambda text, word: min(1, count(text, word)) if len(text) > 9 else count(text, word),
    "letters only": lambda text, word: ["".join(filter(str.isalnum, w)) for w in text.split()].count(word),
}


@pytest.mark.parametrize("answer", CARELESS.values(), ids=CARELESS)
def test_drawn_cases_find_what_fixed_ones_do_not(answer):
    assert demo(count, COUNT.cases).judge(answer).right  # the fixed ones alone
    found = [not COUNT.judge(answer, seed=seed).right for seed in range(20)]
    assert sum(found) >= 15


def test_a_right_answer_passes_whatever_is_drawn():
    answer = lambda text, word: sum(w == word for w in text.split())  # noqa: E731
    assert all(COUNT.judge(answer, seed=seed).right for seed in range(50))


def test_the_failing_case_is_shown_small():
    shown = [COUNT.judge(CARELESS["small letters"], seed=seed) for seed in range(20)]
    shown = [feedback for feedback in shown if not feedback.right]
    assert sorted(len(feedback.call) for feedback in shown)[len(shown) // 2] < 30


def test_the_same_seed_draws_the_same_cases():
    judge = COUNT._judge()
    calls = [[judge.call(drawn.case) for drawn in judge.drawn_cases(seed)] for seed in (3, 3, 4)]
    assert calls[0] == calls[1] != calls[2] and len(calls[0]) == 32
    feedback = COUNT.judge(CARELESS["small letters"])
    assert feedback.right or COUNT.judge(CARELESS["small letters"], seed=feedback.seed).call == feedback.call


def test_drawing_leaves_random_states_alone():
    torch.manual_seed(0), np.random.seed(0), python_random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), python_random.getstate()
    attention_demo().judge(attention.softmax.reference)
    assert torch.equal(before[0], torch.get_rng_state()) and python_random.getstate() == before[2]
    assert (before[1] == np.random.get_state()[1]).all()


def attention_demo(**changes):
    return demo(
        attention.scaled_dot_product.reference,
        [Case(random(2, 3), random(2, 3, seed=1), random(2, 3, seed=2))],
        fresh=attention_case,
        **changes,
    )


def attention_case(draw):
    outer = draw.shape((0, 2), (1, 2))
    T, S, D = draw.integer(1, 4), draw.integer(1, 4), draw.integer(1, 4)
    mask = draw.mask(*outer[draw.integer(0, len(outer)) :], T, S) if draw.boolean() else None
    return Case(draw.tensor(*outer, T, D), draw.tensor(*outer, S, D), draw.tensor(*outer, S, D), mask)


def only_three_axes(q, k, v, mask=None):
    if q.ndim == 2:
        return attention.scaled_dot_product.reference(q, k, v, mask)
    scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(q.shape[-1])
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    return torch.bmm(scores.softmax(-1), v)


@pytest.mark.parametrize(
    "answer",
    [
        only_three_axes,
        lambda q, k, v, mask=None: attention.scaled_dot_product.reference(q, k, v),
        lambda q, k, v, mask=None: attention.scaled_dot_product.reference(
            q.view(-1).view(q.shape), k, v, mask
        ),
        lambda q, k, v, mask=None: attention.scaled_dot_product.reference(q, k.detach(), v, mask),
    ],
    ids=["three axes", "no mask", "view", "cut"],
)
def test_drawn_tensors_find_shapes_masks_layouts_and_cuts(answer):
    assert not attention_demo().judge(answer, seed=1).right
    assert attention_demo().judge(attention.scaled_dot_product.reference, seed=1).right


def test_drawn_scores_lie_in_memory_in_either_order():
    made = [Draw(seed).logits(3, 4).is_contiguous() for seed in range(60)]
    assert 5 < made.count(False) < 40


def test_drawn_cases_in_which_the_reference_crashes_are_left_out():
    exercise = demo(max, [[1, 2]], fresh=lambda draw: Case(draw.id_list(9)))
    assert exercise.judge(lambda items: sorted(items)[-1]).right


def test_a_drawn_case_may_be_refused():
    exercise = demo(sum, [[1]], fresh=lambda draw: Case(draw.id_list(9)) if draw.boolean() else None)
    assert exercise.judge(lambda items: sum(items)).right


def test_whole_numbers_are_not_compared_by_identity():
    def careless(ids, id):
        return sum(other is id for other in ids)

    exercise = demo(
        lambda ids, id: ids.count(id),
        [Case([1, 2], 1)],
        fresh=lambda draw: Case(draw.id_list(900, 1), draw.id(900)),
    )
    assert not exercise.judge(careless, seed=0).right


def test_a_right_answer_that_is_slow_has_time():
    def slow(items):
        time.sleep(0.1)
        return sum(items)

    exercise = demo(sum, [[1], [2, 3]], fresh=lambda draw: Case(draw.id_list(9)), seconds=1.5)
    assert exercise.judge(slow).right


# Every exercise ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise", [e for e in ALL if e.fresh is not None], ids=lambda e: e.key)
def test_the_reference_is_right_in_hundreds_of_drawn_cases(exercise):
    judge = exercise._judge()
    drawn = judge.drawn_cases(seed=0, count=200)
    trial = prepare(judge, exercise.reference, [], drawn)
    assert len(trial.cases) == len(drawn), "the reference crashes in some"
    assert len(drawn) > 100, "too many are refused"
    for seed in range(3):
        assert exercise.judge(exercise.reference, seed=seed).right
