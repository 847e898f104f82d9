"""The bug and the readings of notebook 06: the symptom is there, right repairs pass, wrong ones are named."""

from __future__ import annotations

import itertools

import pytest
import torch

from course_lib.exercises import State
from course_lib.generation import exercises as ex
from course_lib.generation import temperature, top_p


def counting(ids):
    return torch.nn.functional.one_hot((ids + 1) % 12, 12).float()


def likeliest(logits):
    return logits.argmax(dim=-1)


def counted(loop, context_length):
    return loop(counting, [0], 14, context_length, likeliest, 9)


def test_the_loop_is_stuck_only_where_the_text_is_longer_than_the_context():
    assert counted(ex.stuck_loop.faulty, 16) == list(range(10))
    assert counted(ex.stuck_loop.faulty, 4) == [0, 1, 2, 3, *[4] * 11]


@pytest.mark.parametrize("context_length", [1, 4, 16])
def test_mended_it_counts_to_the_end(context_length):
    assert counted(ex.stuck_loop.reference, context_length) == list(range(10))


def with_window(window):
    """The loop, with the ids that the model sees from another place."""

    def loop(model, ids, max_new_tokens, context_length, choose, stop):
        text = list(ids)
        for _ in range(max_new_tokens):
            token = int(choose(model(torch.tensor([window(text, context_length)]))[:, -1]))
            text.append(token)
            if token == stop:
                break
        return text

    return loop


RIGHT = {
    "from the end": lambda text, n: text[-n:],
    "from where": lambda text, n: text[max(0, len(text) - n) :],
    "turned twice": lambda text, n: text[::-1][:n][::-1],
}


@pytest.mark.parametrize("window", RIGHT.values(), ids=list(RIGHT))
def test_other_repairs_of_the_loop_pass(window):
    assert ex.stuck_loop.judge(with_window(window)).right


WRONG = {
    "the first ids of the text are shown, not the last": lambda text, n: [*itertools.islice(text, n)],
    "only the newest id is shown": lambda text, n: text[-1:],
    "the whole text is shown to the model": lambda text, n: text,
    "one id too few is shown": lambda text, n: text[-n + 1 :],
}


@pytest.mark.parametrize(("name", "window"), WRONG.items(), ids=list(WRONG))
def test_wrong_repairs_of_the_loop_are_named(name, window):
    feedback = ex.stuck_loop.judge(with_window(window))
    assert (feedback.state, feedback.mistake) == (State.WRONG, name)


def test_ending_when_the_context_is_full_is_no_repair():
    def cut(model, ids, max_new_tokens, context_length, choose, stop):
        text = list(ids)
        while len(text) < min(len(ids) + max_new_tokens, context_length):
            text.append(int(choose(model(torch.tensor([text]))[:, -1])))
            if text[-1] == stop:
                break
        return text

    assert ex.stuck_loop.judge(cut).mistake == "the text ends when the context is full"


# Where does top-p cut? ------------------------------------------------------------------------------------

TOY = torch.tensor([[3.0, 2.0, 1.0, 0.0, -1.0]])


def kept(p):
    return int((top_p(temperature(TOY, 1.0), p) > -torch.inf).sum())


def test_two_words_stay_up_to_the_number_asked_for():
    wanted = ex.two_words_stay.reference
    assert [kept(p) for p in (0.66, wanted, wanted + 0.003, 0.9)] == [2, 2, 3, 3]


@pytest.mark.parametrize("answer", [0.87, 0.871, 0.86, torch.tensor(0.87)])
def test_the_sum_of_two_words_is_right(answer):
    assert ex.two_words_stay.judge(answer).right


@pytest.mark.parametrize("answer", [0.64, 0.96, 0.23, 0.9])
def test_other_sums_are_told_why_not(answer):
    feedback = ex.two_words_stay.judge(answer)
    assert feedback.state is State.WRONG and feedback.mistake


# Twice the steps ------------------------------------------------------------------------------------------


def squares(prompt, steps):
    """What is computed in the picture, without a cache and with one."""
    return sum(range(prompt, prompt + steps)), prompt + steps - 1


def test_the_letter_is_what_counting_gives():
    (long, short), (long_after, short_after) = squares(3, 7), squares(3, 14)
    assert (long, short, long_after, short_after) == (42, 9, 133, 16)
    assert 2.5 < long_after / long < 3.5 and 1.5 < short_after / short < 2.5
    assert ex.twice_the_steps.judge("c").right
    assert all(ex.twice_the_steps.judge(letter).mistake for letter in "abd")
