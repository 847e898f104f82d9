"""What notebook 08 has of bugs and explanations: symptoms, repairs good and bad, numbers by formula."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib import training
from course_lib.exercises import State
from course_lib.finetuning import exercises as ex
from course_lib.intervals import wilson


def loss_on_random_digits(pad_batch):
    """What a table of logits reaches that learns what follows each digit."""
    digits = torch.randint(10, (64, 20), generator=torch.Generator().manual_seed(0)).tolist()
    x, y = pad_batch([(row, row) for row in digits], 0)
    logits = torch.zeros(10, 10, requires_grad=True)
    for _ in range(41):
        loss = training.cross_entropy(logits[x], y)
        (slope,) = torch.autograd.grad(loss, logits)
        logits = (logits - 20 * slope).detach().requires_grad_()
    return loss.item()


def test_the_symptom_is_there_and_goes_away():
    assert loss_on_random_digits(ex.easy_batch.faulty) < 0.1
    assert loss_on_random_digits(ex.easy_batch.reference) == pytest.approx(math.log(10), abs=0.05)


def batch(x_from, x_to, y_from, y_to, fill=-100):
    """The faulty code with other cuts; what is 0 from the end is the end."""

    def easy_batch(examples, pad_id):
        T = max(len(ids) for ids, _ in examples) - 1
        x = torch.full((len(examples), T), pad_id)
        y = torch.full((len(examples), T), pad_id if fill is None else fill)
        for row, (ids, targets) in enumerate(examples):
            length = len(ids) - 1
            x[row, :length] = torch.tensor(ids[x_from : len(ids) - x_to])
            y[row, :length] = torch.tensor(targets[y_from : len(ids) - y_to])
        return x, y

    return easy_batch


def test_another_repair_is_right():
    def easy_batch(examples, pad_id):
        T = max(len(ids) for ids, _ in examples)
        x = torch.full((len(examples), T), pad_id)
        y = torch.full((len(examples), T), -100)
        for row, (ids, targets) in enumerate(examples):
            x[row, : len(ids) - 1] = torch.tensor(ids[:-1])
            y[row, : len(ids)] = torch.tensor(targets)
        return x[:, :-1], y[:, 1:]

    assert ex.easy_batch.judge(easy_batch).right and ex.easy_batch.judge(batch(0, 1, 1, 0)).right


@pytest.mark.parametrize(
    ("repair", "name"),
    [
        (batch(0, 1, 0, 1), "only x is shifted"),
        (batch(1, 0, 0, 1), "it is shifted the wrong way"),
        (batch(0, 1, 1, 0, fill=None), "the filling counts"),
        (batch(0, 1, 1, 0, fill=0), None),
    ],
)
def test_a_repair_that_does_not_mend_it_is_named(repair, name):
    feedback = ex.easy_batch.judge(repair)
    assert feedback.state is State.WRONG and feedback.mistake == name


def test_the_width_read_off_is_that_of_the_formula():
    low, high = wilson(3600, 4000)
    assert ex.interval_at_4000.judge(100 * (high - low)).right and ex.interval_at_4000.judge(2).right
    low, high = wilson(900, 1000)
    assert ex.interval_at_4000.judge(100 * (high - low)).mistake == "the width of 1000 questions"
    assert ex.interval_at_4000.judge(1).mistake == "four times as many questions, a quarter of the width"


def test_the_two_ways_in_which_the_mean_can_have_moved():
    story_stayed = (150 * 0.5 + 2 * 0.5) / 152
    answer_stayed = (150 * (0.5 - 4 / 150) + 3 + 2) / 152
    assert round(story_stayed, 2) == round(answer_stayed, 2) == 0.50 and round((75 + 5) / 152, 2) == 0.53
    assert [letter for letter in "abcd" if ex.hardly_moved.judge(letter).right] == ["b"]
