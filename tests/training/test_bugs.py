"""The bug and the reading of notebook 05: the symptom is there, right repairs pass, wrong ones are named."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.exercises import State
from course_lib.training import exercises as ex

V, B, T = 6, 3, 4


def learned(step):
    """The first and the last loss of sixty steps on one batch that a table of pairs can learn by heart."""
    x = torch.arange(B * T).remainder(V).reshape(B, T)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(V, 8), nn.Linear(8, V))
    nn.init.zeros_(model[1].weight), nn.init.zeros_(model[1].bias)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    losses = [step(model, optimizer, x, (x + 1) % V) for _ in range(60)]
    return losses[0], losses[-1]


def test_the_step_begins_at_an_even_guess_and_never_becomes_sure():
    begin, end = learned(ex.stubborn_step.faulty)
    least = math.log(V - 1 + math.e) - 1  # for a model that is sure and right
    assert begin == pytest.approx(math.log(V)) and least <= end < least + 0.1


def test_mended_it_begins_at_the_same_loss_and_learns():
    begin, end = learned(ex.stubborn_step.reference)
    assert begin == pytest.approx(math.log(V)) and end < 0.05


def repaired(loss):
    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        found = loss(model(x), y)
        found.backward()
        optimizer.step()
        return found.item()

    return step


RIGHT = {
    "one list": lambda logits, y: F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1)),
    "the axes swapped": lambda logits, y: F.cross_entropy(logits.transpose(1, 2), y),
    "the logarithm of the softmax": lambda logits, y: F.nll_loss(
        logits.log_softmax(-1).flatten(0, 1), y.flatten()
    ),
    "by hand": lambda logits, y: -logits.log_softmax(-1).gather(-1, y[..., None]).mean(),
}


@pytest.mark.parametrize("loss", RIGHT.values(), ids=list(RIGHT))
def test_other_repairs_of_the_step_pass(loss):
    assert ex.stubborn_step.judge(repaired(loss)).right


def of(scores, y):
    return F.cross_entropy(scores.flatten(0, 1), y.flatten())


WRONG = {
    "a softmax before the loss": lambda logits, y: of(logits.softmax(-1), y),
    "a softmax over the wrong axis, before the loss": lambda logits, y: of(logits.softmax(1), y),
    "minus the probability, not minus its logarithm": lambda logits, y: F.nll_loss(
        logits.softmax(-1).transpose(1, 2), y
    ),
    "B, T and V are reshaped instead of swapped": lambda logits, y: F.cross_entropy(
        logits.view(len(logits), logits.shape[-1], -1), y
    ),
    "only the last position counts": lambda logits, y: F.cross_entropy(logits[:, -1], y[:, -1]),
}


@pytest.mark.parametrize(("name", "loss"), WRONG.items(), ids=list(WRONG))
def test_wrong_repairs_of_the_step_are_named(name, loss):
    feedback = ex.stubborn_step.judge(repaired(loss))
    assert (feedback.state, feedback.mistake) == (State.WRONG, name)


def test_repairing_the_wrong_line_is_wrong():
    def without_zero_grad(model, optimizer, x, y):
        logits = model(x)
        loss = F.cross_entropy(logits.transpose(1, 2), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    assert ex.stubborn_step.judge(without_zero_grad).mistake == "the old gradients are not zeroed"


# Too long, after 100 steps --------------------------------------------------------------------------------


def test_after_100_steps_one_mean_has_arrived_and_the_other_has_not():
    mean, square = 0.0, 0.0
    for _ in range(100):
        mean, square = 0.9 * mean + 0.1 * 4.0, 0.999 * square + 0.001 * 16.0
    assert mean == pytest.approx(4, abs=1e-3) and square == pytest.approx(1.5, abs=0.05)
    assert mean / square**0.5 == pytest.approx(3.24, abs=0.005)
    assert ex.still_too_long.judge("b").right
    assert all(ex.still_too_long.judge(letter).mistake for letter in "acd")


# How many windows? ----------------------------------------------------------------------------------------


def test_the_error_of_a_mean_is_a_third_where_it_says():
    noise = torch.randn(4000, 9, generator=torch.Generator().manual_seed(0))
    assert noise.mean(dim=1).std() / noise[:, 0].std() == pytest.approx(1 / 3, rel=0.05)


@pytest.mark.parametrize("answer", [7, 8, 9.0, 10, 11])
def test_about_nine_windows_are_right(answer):
    assert ex.windows_for_a_third.judge(answer).right


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (3, "the error was taken to fall in step with the number of windows"),
        (16, "a quarter of the error"),
        (64, "the end of the curve"),
        (30, None),
    ],
)
def test_other_numbers_of_windows_are_told_why_not(answer, name):
    feedback = ex.windows_for_a_third.judge(answer)
    assert (feedback.state, feedback.mistake) == (State.WRONG, name)
