"""Notebook 02's bug to find, and what its numbers show: other repairs, and numbers worked out anew."""

import math

import pytest
import torch

from course_lib.context import exercises as ex
from course_lib.exercises import State


def cost(windows, T, weeks=100):
    """What a bigram model pays for the days of the week, counted from windows and measured on them."""
    x, y = (part.flatten().tolist() for part in windows(torch.arange(7).repeat(weeks), T))
    pairs = list(zip(x, y, strict=True))
    return -sum(math.log(pairs.count(pair) / x.count(pair[0])) for pair in pairs) / len(pairs)


def coin(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def test_the_symptom_of_the_costly_windows():
    for T in (2, 4, 16):  # one target in T is wrong
        assert cost(ex.costly_windows.faulty, T) == pytest.approx(coin(1 / T), abs=0.01)
    assert cost(ex.costly_windows.faulty, 7) == 0
    assert [cost(ex.costly_windows.reference, T) for T in (2, 4, 7, 16)] == [0, 0, 0, 0]


def rolled_as_one_line(ids, T):
    after, inputs, targets = ids.roll(-1), [], []
    for start in range(0, len(ids) - T, T):
        inputs.append(ids[start : start + T])
        targets.append(after[start : start + T])
    return torch.stack(inputs), torch.stack(targets)


def one_more_is_cut_and_shared(ids, T):
    windows = [ids[start : start + T + 1] for start in range(0, len(ids) - T, T)]
    return torch.stack([w[:-1] for w in windows]), torch.stack([w[1:] for w in windows])


def last_target_put_in(ids, T):
    inputs, targets = ex.costly_windows.faulty(ids, T)
    targets[:, -1] = ids[T : len(inputs) * T + 1 : T]
    return inputs, targets


@pytest.mark.parametrize("repair", [rolled_as_one_line, one_more_is_cut_and_shared, last_target_put_in])
def test_other_repairs_are_right(repair):
    assert ex.costly_windows.judge(repair).right


def not_rolled(ids, T):
    inputs, _ = ex.costly_windows.faulty(ids, T)
    return inputs, inputs


def rolled_the_other_way(ids, T):
    inputs, _ = ex.costly_windows.faulty(ids, T)
    return inputs, inputs.roll(1, dims=1)


def last_day_left_out(ids, T):
    inputs, targets = ex.costly_windows.reference(ids, T)
    return inputs[:, :-1], targets[:, :-1]


@pytest.mark.parametrize(
    ("repair", "mistake"),
    [
        (not_rolled, "the targets are the inputs themselves"),
        (rolled_the_other_way, None),
        (last_day_left_out, None),
    ],
)
def test_a_repair_that_is_none_is_told_so(repair, mistake):
    feedback = ex.costly_windows.judge(repair)
    assert (feedback.state, feedback.mistake) == (State.WRONG, mistake)


def test_what_two_tokens_cost():
    assert ex.cost_of_two.judge(-math.log(0.5 * 0.01)).right
    named = {
        "the mean of the two": -(math.log(0.5) + math.log(0.01)) / 2,
        "the surprises were multiplied": math.log(0.5) * math.log(0.01),
        "the second token alone": -math.log(0.01),
        "the probability of both": 0.5 * 0.01,
        "the probabilities were added": -math.log(0.5 + 0.01),
    }
    assert {ex.cost_of_two.judge(number).mistake: number for number in named.values()} == named


def state_after(event, quiet=5):
    states = [math.tanh(event)]
    for _ in range(quiet):
        states.append(math.tanh(0.5 * states[-1]))
    return states


def test_a_louder_event_is_a_little_larger_everywhere_and_fades_alike():
    plain, loud = state_after(1.0), state_after(3.0)
    assert [round(state, 3) for state in plain] == [0.762, 0.363, 0.180, 0.090, 0.045, 0.022]  # as shown
    assert all(1.2 < b / a < 4 / 3 for a, b in zip(plain, loud, strict=True))
    assert loud[0] < 1 and state_after(3.0, 6)[-1] < plain[-1]  # less than one token more
