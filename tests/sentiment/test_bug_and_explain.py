"""What notebook 10 has of bugs and explanations: symptoms, repairs good and bad, numbers by hand."""

from __future__ import annotations

import pytest
import torch

from course_lib.exercises import State
from course_lib.sentiment import exercises as ex
from course_lib.sentiment import scores


def with_one_more(error):
    """The error of a thousand texts for which all is well, and with one more that is wrong."""
    sure, right = torch.full((1000,), 0.9), torch.arange(1000) < 900
    more = torch.cat([sure, torch.tensor([0.55])]), torch.cat([right, torch.tensor([False])])
    return error(sure, right, 10), error(*more, 10)


def test_the_symptom_is_there_and_goes_away():
    before, after = with_one_more(ex.jumpy_error.faulty)
    assert before == pytest.approx(0, abs=1e-4) and after == pytest.approx(0.275, abs=1e-4)
    before, after = with_one_more(ex.jumpy_error.reference)
    assert before == pytest.approx(0, abs=1e-4) and after == pytest.approx(0.55 / 1001, abs=1e-4)


def error(each, total):
    """The faulty code with another number for a bin, and another sum over them."""

    def jumpy_error(confidences, right, bins):
        gaps = []
        for number in range(bins):
            inside = (confidences > number / bins) & (confidences <= (number + 1) / bins)
            if inside.any():
                gap = right[inside].float().mean() - confidences[inside].mean()
                gaps.append(float(each(gap, inside)))
        return total(gaps, confidences)

    return jumpy_error


@pytest.mark.parametrize(
    "repair",
    [
        error(lambda gap, inside: gap.abs() * inside.sum(), lambda gaps, sure: sum(gaps) / len(sure)),
        error(lambda gap, inside: gap.abs() * inside.float().mean(), lambda gaps, sure: sum(gaps)),
    ],
)
def test_other_repairs_are_right(repair):
    assert ex.jumpy_error.judge(repair).right


@pytest.mark.parametrize(
    ("repair", "name"),
    [
        (error(lambda gap, inside: gap.abs(), lambda gaps, sure: sum(gaps) / len(gaps)), "all bins weigh"),
        (error(lambda gap, inside: gap.abs(), lambda gaps, sure: sum(gaps)), "the gaps are added up without"),
        (
            error(lambda gap, inside: gap.abs() * inside.sum(), lambda gaps, sure: sum(gaps)),
            "the sum isn't divided",
        ),
        (
            error(lambda gap, inside: gap * inside.float().mean(), lambda gaps, sure: sum(gaps)),
            "the gaps keep their sign",
        ),
        (error(lambda gap, inside: gap.abs(), lambda gaps, sure: max(gaps)), "the largest gap is given"),
    ],
)
def test_a_repair_that_does_not_mend_it_is_named(repair, name):
    feedback = ex.jumpy_error.judge(repair)
    assert feedback.state is State.WRONG and feedback.mistake.startswith(name)


def test_the_share_is_read_off_the_row_of_the_good():
    table = [[2, 0], [2, 1]]
    assert ex.share_of_good.judge(table[1][1] / sum(table[1])).right and ex.share_of_good.judge(0.33).right
    assert ex.share_of_good.judge((table[0][0] + table[1][1]) / 5).mistake.startswith("the share of all")
    assert ex.share_of_good.judge(table[1][1] / (table[0][1] + table[1][1])).mistake.startswith(
        "the share of a col"
    )


@pytest.mark.parametrize("times", [1, 100])
def test_what_cancels_out_in_the_means(times):
    """The numbers of the task, also with a hundred times as many texts."""
    sure = torch.tensor(([0.7] * 2 + [0.95] * 6) * times)
    right = torch.tensor(([True, False] + [True] * 6) * times)
    assert (sure.mean() - right.float().mean()).item() == pytest.approx(0.0125, abs=1e-5)
    assert scores.expected_calibration_error(sure, right, bins=4) == pytest.approx(7 * 0.0125, abs=1e-5)
    assert [letter for letter in "abcd" if ex.larger_than_the_means.judge(letter).right] == ["a"]
