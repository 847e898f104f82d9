"""Slips of the pen: found in an answer's text, and named only where no listed mistake explains it."""

from __future__ import annotations

import functools

import pytest
from exercise_demos import demo

from course_lib.exercises import Case, Mistake, State
from course_lib.exercises._slips import slip_of

TOTAL = demo(sum, [Case([1, 2, 3]), Case([4]), Case([])])


def total_returned_early(numbers):
    total = 0
    for number in numbers:
        total += number
        return total
    return total


def total_in_a_while(numbers):
    total, i = 0, 0
    while i < len(numbers):
        total += numbers[i]
        i += 1
        break
    return total


def total_by_both_ways(numbers):
    total = 0
    for number in numbers:
        total += number
        if total > 100:
            return 100
        else:
            return total
    return 0


def total_of_pairs(numbers):
    total = 0
    for number in numbers:
        for other in numbers:
            total += number * other
            return total
    return total


@pytest.mark.parametrize(
    ("answer", "end", "head"),
    [
        (total_returned_early, "return total", "for number in numbers:"),
        (total_in_a_while, "break", "while i < len(numbers):"),
        (total_by_both_ways, "return total", "for number in numbers:"),
        (total_of_pairs, "return total", "for other in numbers:"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_loop_that_ends_in_its_first_round_is_named(answer, end, head):
    feedback = TOTAL.judge(answer)
    assert (feedback.state, feedback.mistake) == (State.WRONG, "a loop ends in its first round")
    assert f"`{end}` ends the loop `{head}`" in str(feedback)


def first_even(numbers):
    for number in numbers:
        if number % 2 == 0:
            return number
    return None


def first_of_all(numbers):
    for number in numbers:
        return number
    return None


def until_nothing_is_left(numbers):
    numbers, total = list(numbers), 0
    while True:
        if numbers:
            total += numbers.pop()
            continue
        return total


@pytest.mark.parametrize(
    "answer",
    [
        *(first_even, first_of_all, until_nothing_is_left, lambda numbers: 0, len),
        *(functools.partial(sum), eval("lambda numbers: 0"), print),
    ],
    ids=lambda value: getattr(value, "__name__", "partial"),
)
def test_other_loops_and_answers_without_a_text_have_no_slip(answer):
    assert slip_of(answer) is None


def test_a_listed_mistake_goes_first_and_a_right_answer_has_none():
    def only_the_first(numbers):
        for number in numbers:
            first = number
            return first
        return 0

    def by_one_round(numbers):
        for _ in range(1):
            total = sum(numbers)
            return total

    mistake = Mistake("the first number alone", lambda numbers: numbers[0], "Add the others.")
    listed = demo(sum, [Case([1, 2]), Case([4])], mistakes=(*TOTAL.mistakes[:2], mistake))
    assert listed.judge(only_the_first).mistake == "the first number alone"
    assert TOTAL.judge(by_one_round).right and TOTAL.judge(by_one_round).mistake is None


def test_the_method_of_a_class_is_looked_at_too():
    class Adder:
        def __call__(self, numbers):
            total = 0
            for number in numbers:
                total += number
                return total

    assert slip_of(Adder)[0] == "a loop ends in its first round"
