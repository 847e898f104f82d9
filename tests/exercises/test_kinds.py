"""Exercises that ask for a bug or an explanation: when they are begun, what is right, what is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from exercise_demos import demo

from course_lib.attention import exercises as attention
from course_lib.exercises import Exercise, Mistake, State, _progress, exercises_of, topics
from course_lib.exercises import _checking as checking
from course_lib.exercises._starters import same_text

ALL = [exercise for topic in topics() for exercise in exercises_of(topic)]
BUGS = [exercise for exercise in ALL if exercise.kind == "bug"]
EXPLAIN = [exercise for exercise in ALL if exercise.kind == "explain"]


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))


# Explain ----------------------------------------------------------------------------------------------------


def wrong(*answers):
    return tuple(Mistake(f"mistake {answer}", answer, f"Not {answer}.") for answer in answers)


def explain(reference, *mistakes, **more) -> Exercise:
    return demo(reference, (), kind="explain", mistakes=wrong(*mistakes), explanation="So it is.", **more)


CHOICE = explain("b", "a", "c", "d")
NUMBER = explain(10.0, 100, 0.1, 25, atol=1.5)


@pytest.mark.parametrize("answer", ["b", "B", "(b)", " b. "])
def test_a_letter_is_right_however_it_is_written(answer):
    feedback = CHOICE.judge(answer)
    assert feedback.right and feedback.message == "So it is."


@pytest.mark.parametrize("answer", [10, 8.5, 11.5, np.float32(9.0), torch.tensor(10.9), np.array(9)])
def test_a_number_may_be_off_by_the_tolerance(answer):
    assert NUMBER.judge(answer).right


@pytest.mark.parametrize(
    ("exercise", "answer", "name"),
    [(CHOICE, "a", "mistake a"), (CHOICE, "(D)", "mistake d"), (NUMBER, 99.5, "mistake 100")],
)
def test_a_known_mistake_says_why(exercise, answer, name):
    feedback = exercise.judge(answer)
    assert (feedback.state, feedback.mistake) == (State.WRONG, name)
    assert feedback.why.startswith("Not ")


def test_a_number_that_nobody_thought_of_is_wrong_and_nothing_is_given_away():
    feedback = NUMBER.judge(13.7)
    assert (feedback.state, feedback.mistake) == (State.WRONG, None)
    assert feedback.message == "It is not 13.7. For a start: `.hint()`." and "10" not in str(feedback)
    assert NUMBER.judge(math.nan).state is State.WRONG and NUMBER.judge(-10).state is State.WRONG


@pytest.mark.parametrize("answer", [..., None, ""])
def test_nothing_yet_is_not_attempted(answer):
    assert CHOICE.judge(answer).state is NUMBER.judge(answer).state is State.NOT_ATTEMPTED


@pytest.mark.parametrize("answer", ["e", "ab", True, [1], print, torch.ones(2), np.ones(2)])
def test_what_is_no_letter_or_number_is_told_what_is_asked_for(answer):
    assert CHOICE.judge(answer).message == "Put a letter in its place: 'a', 'b', 'c', 'd'."
    assert NUMBER.judge(answer).message.startswith("Put a number in its place")


def test_it_counts_in_the_progress_and_is_not_kept(capsys):
    exercise = attention.sure_at_the_end
    assert exercise.check("a").mistake == "too little training"
    assert exercise.check("b").right
    assert _progress.load()[0]["exercises"][exercise.key] == {"tries": 2, "state": "right"}
    assert not _progress.pieces_folder().exists()


@pytest.mark.parametrize("exercise", EXPLAIN, ids=lambda exercise: exercise.key)
def test_a_wrong_answer_does_not_give_the_right_one_away(exercise):
    for mistake in exercise.mistakes:
        feedback = exercise.judge(mistake.wrong)
        assert feedback.difference is None and "should be" not in feedback.message


def test_there_are_some_of_both_kinds():
    assert BUGS and len(EXPLAIN) >= 2


# Bugs -------------------------------------------------------------------------------------------------------


def triple(x):
    return 3 * x


def faulty_triple(x):
    total = 0
    for _ in range(2):
        total += x
    return total


BUG = demo(triple, [2, 5], kind="bug", faulty=faulty_triple, symptom="It gives 4 for 2.")


def as_it_was(x):
    """As it was, with another name and a word on it."""
    total = 0

    for _ in range(2):
        total += x  # a comment changes nothing
    return total


def mended(x):
    total = 0
    for _ in range(3):
        total += x
    return total


def still_wrong(x):
    total = 0
    for _ in range(4):
        total += x
    return total


def test_the_code_as_it_was_is_not_attempted_and_its_symptom_is_told():
    feedback = BUG.judge(as_it_was)
    assert feedback.state is State.NOT_ATTEMPTED
    assert feedback.message.startswith("The code is as it was. It gives 4 for 2.")


def test_whatever_was_changed_is_judged():
    assert BUG.judge(mended).right and BUG.judge(triple).right
    assert BUG.judge(still_wrong).state is State.WRONG
    assert BUG.judge(lambda x: faulty_triple(x)).state is State.WRONG


def test_same_text_looks_into_what_is_inside():
    def one(x):
        return [i + 1 for i in x]

    def other(x):
        return [i + 2 for i in x]

    assert same_text(one, one) and not same_text(one, other)
    assert not same_text(one, print) and not same_text(one, 3)


def test_a_bug_needs_code_and_a_symptom_and_others_have_none():
    with pytest.raises(ValueError, match="faulty code and a symptom"):
        demo(triple, [2], kind="bug", faulty=faulty_triple)
    with pytest.raises(ValueError, match="faulty code and a symptom"):
        demo(triple, [2], faulty=faulty_triple, symptom="It gives 4 for 2.")


@pytest.mark.parametrize("exercise", BUGS, ids=lambda exercise: exercise.key)
def test_the_faulty_code_is_wrong_in_a_way_that_has_a_name(exercise):
    assert exercise.judge(exercise.faulty).state is State.NOT_ATTEMPTED
    feedback = exercise.judge(lambda *args: exercise.faulty(*args))
    assert feedback.state is State.WRONG and feedback.mistake in {m.name for m in exercise.mistakes}
    assert not any(line in "".join(exercise.hints) for line in exercise.solution_source().splitlines()[6:])


@pytest.mark.parametrize("exercise", BUGS, ids=lambda exercise: exercise.key)
def test_the_faulty_code_is_not_tried_in_another_process(exercise, monkeypatch, capsys):
    monkeypatch.setattr(checking._tryout, "try_apart", None)  # would crash if it were called
    assert exercise.check(exercise.faulty).state is State.NOT_ATTEMPTED
    assert not _progress.progress_path().exists()


def test_the_symptom_of_the_heads_that_leak():
    chance = torch.Generator().manual_seed(0)
    x, matrices = torch.randn(1, 4, 6, generator=chance), torch.randn(4, 6, 6, generator=chance)
    changed = x.clone()
    changed[:, -1] += 1.0

    def earlier_moves(attend, n_heads):
        before, after = (attend(text, *matrices, n_heads) for text in (x, changed))
        return bool((before - after)[:, :-1].any())

    faulty = attention.leaky_heads.faulty
    assert [earlier_moves(faulty, n_heads) for n_heads in (1, 2, 3, 6)] == [False, True, True, True]
    assert not any(earlier_moves(attention.leaky_heads.reference, n_heads) for n_heads in (1, 2, 3, 6))


# The solution -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise", [attention.split_heads, attention.MultiHeadAttention, *BUGS[:1]])
def test_a_check_shows_no_line_of_the_solution_until_it_is_asked_for(exercise, capsys):
    lines = [line.strip() for line in exercise.solution_source().splitlines()]
    answers = [..., exercise.mistakes[0].wrong, exercise.reference]
    seen = [form for answer in answers for form in _forms(exercise.judge(answer))]
    assert not [line for line in lines if "return" in line and any(line in form for form in seen)]
    text, page = _forms(exercise.solution())
    assert lines[-1] in text and "return" in page


def _forms(shown):
    return str(shown), shown._repr_html_()
