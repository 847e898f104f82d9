"""Mutants of references: each kind is made where it should be, judged rightly, and counted honestly."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from mutants import Mutant, gradients, judged, mutants_of, short
from mutants.__main__ import chosen, in_total, main, told
from mutants.equal import EQUAL
from mutants.score import (
    EQUAL_TO_IT,
    KILLED,
    NO_RESULT,
    SURVIVED,
    THE_SAME,
    difference,
    spread,
)
from torch import Tensor

from course_lib.exercises import Case, Exercise, Mistake, exercises_of, topics
from course_lib.exercises._recognise import twins

MISTAKES = tuple(Mistake(name, lambda *args: None, "") for name in ("one", "two", "three"))


def demo(reference, *cases: Case, **more) -> Exercise:
    name = getattr(reference, "__name__", "demo").replace("<lambda>", "demo")
    return Exercise(
        name=name, topic="demo", title="A demo", reference=reference, cases=cases, hints=("a", "b"),
        explanation="", mistakes=MISTAKES, **more,
    )  # fmt: skip


def count_below(numbers: list[int], limit: int = 3) -> int:
    """How many numbers are below a limit."""
    count = 0
    for number in numbers:
        if number < limit:
            count += 1
    return count


THIN = demo(count_below, Case([1, 5]), Case([2, 9, 0]))
THICK = demo(
    count_below,
    *(
        Case(numbers, limit)
        for numbers in ([], [1, 1, 5], [4, 0, 3, 3], [-1, 2, 2, 7, 3])
        for limit in (3, 4)
    ),
    *(Case(numbers) for numbers in ([3, 2, 2], [4, 3, -4, -4], list(range(-70, 300)), [0, 0, 9])),
    *(Case([70, 80, 90], limit) for limit in (0, 75, -5)),
)


def scale(x: Tensor, factor: Tensor) -> Tensor:
    """The rows of x (B, C), stretched; nothing but gradients tells a cut."""
    return x * factor


def countdown(n: int) -> int:
    """How many steps down to 0."""
    steps = 0
    while n > 0:
        n -= 1
        steps += 1
    return steps


COUNTDOWN = demo(countdown, Case(0), Case(3), seconds=0.1)


class Adder:
    """Adds what it was made with."""

    def __init__(self, more: int) -> None:
        self.more = more

    def __call__(self, x: int) -> int:
        return x + self.more


def names(mutants: list[Mutant]) -> list[str]:
    return [mutant.name for mutant in mutants]


def fate_of(exercise: Exercise, name: str) -> str:
    result = judged(exercise)
    return next(fate for fate, mutants in result.fates.items() if name in names(mutants))


# What is made -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "comparison changed: number < limit -> number <= limit",
        "condition forced: if number < limit: -> if True:",
        "whole number changed: 3 -> 4",
        "operator changed: count += 1 -> count -= 1",
        "first forgotten: for number in numbers: -> for number in witho...irst(numbers):",
        "statement dropped: for: for number in numbers: -> pass",
        "argument fixed: numbers",
        "argument ignored for its default: limit",
        "list sorted: numbers",
        "list cut at 64: numbers",
        "falsy refused: numbers",
        "result kept: for the first argument",
        "argument changed: numbers (list)",
    ],
)
def test_mutant_is_made(name):
    assert name in names(mutants_of(THIN))


def test_names_are_unique_and_the_same_at_every_run():
    made = names(mutants_of(THIN))
    assert len(set(made)) == len(made)
    assert made == names(mutants_of(THIN))


def test_every_mutant_is_fresh():
    keeping = next(m for m in mutants_of(THIN) if m.name == "result kept: for good")
    assert keeping.make()([1]) == 1
    assert keeping.make()([]) == 0


def test_the_reference_stays_as_it_is():
    before = THIN.solution_source()
    judged(THIN)
    assert THIN.solution_source() == before
    assert THIN.judge(count_below).right


def test_text_of_a_mutant_differs_in_one_place():
    mutant = next(m for m in mutants_of(THIN) if m.name == "whole number changed: 3 -> 4")
    changed = difference(THIN, mutant).splitlines()
    assert [line[0] for line in changed] == ["-", "+"]
    assert "limit: int=4" in changed[1]


# How it is judged -------------------------------------------------------------------------------------------


def test_thin_cases_let_mutants_live_that_thick_ones_kill():
    thin, thick = judged(THIN), judged(THICK)
    assert thin.share < 0.8 < thick.share
    for name in (
        "comparison changed: number < limit -> number <= limit",
        "argument ignored for its default: limit",
        "list cut at 64: numbers",
        "falsy refused: numbers",
        "result kept: for the first argument",
    ):
        assert name in names(thin.of(SURVIVED))
        assert name in names(thick.of(KILLED))


def test_equal_order_of_additions_survives_any_case():
    assert "list sorted: numbers" in names(judged(THICK).of(SURVIVED))


def test_what_crashes_everywhere_does_not_count():
    exercise = demo(scale, Case(torch.ones(2, 3), torch.ones(3)), Case(torch.rand(4, 2), torch.rand(2)))
    assert fate_of(exercise, "operand dropped: x * factor -> x") == KILLED
    dead = judged(THIN).of(NO_RESULT)
    assert "statement dropped: assign: count = 0 -> pass" in names(dead)


def test_same_code_counts_once():
    result = judged(COUNTDOWN)
    every = [mutant for mutants in result.fates.values() for mutant in mutants]
    assert result.number + len(result.of(NO_RESULT)) + len(result.of(THE_SAME)) == len(every)


def test_endless_mutant_is_stopped_and_killed():
    assert fate_of(COUNTDOWN, "condition forced: while n > 0: -> while True:") == KILLED


@pytest.mark.parametrize(
    ("name", "fate"),
    [
        ("gradient cut: x -> cut(x)", SURVIVED),
        ("result detached: all", SURVIVED),
        ("gradients off: all", SURVIVED),
    ],
)
def test_cut_gradients_survive_where_nothing_looks_at_them(name, fate):
    exercise = demo(scale, Case(torch.rand(2, 3), torch.rand(3)))
    assert fate_of(replace(exercise, atol=1e-4), name) in (fate, KILLED)  # killed once gradients are compared
    assert not gradients.same_gradients(exercise, lambda x, factor: x.detach() * factor)


def test_cut_that_changes_no_gradient_is_no_mutant():
    assert fate_of(COUNTDOWN, "gradient cut: steps -> cut(steps)") == THE_SAME


@pytest.mark.parametrize("name", ["gradient cut: x -> cut(x)", "result detached: all", "gradients off: all"])
def test_cut_is_no_mutant_where_no_gradient_is_asked_for(name):
    exercise = demo(scale, Case(torch.rand(2, 3), torch.rand(3)), differentiable=False)
    assert fate_of(exercise, name) == THE_SAME


def test_listed_as_equal_is_left_out_of_the_share(monkeypatch):
    monkeypatch.setitem(EQUAL, THIN.key, {"list sorted: numbers": "A sum has no order.", "not there": "-"})
    result = judged(THIN)
    assert names(result.of(EQUAL_TO_IT)) == ["list sorted: numbers"]
    assert "list sorted: numbers" not in names(result.of(SURVIVED))
    assert result.stale == ["not there"]
    assert "not equal any more  not there" in told(THIN, result)


# Other kinds of references ----------------------------------------------------------------------------------


def test_class():
    exercise = demo(Adder, Case(1, 2), Case(3, 4), use=lambda cls, more, x: cls(more)(x))
    result = judged(exercise)
    assert "operator changed: x + self.more -> x - self.more" in names(result.of(KILLED))
    assert result.share > 0.5


def test_lambda_has_no_text_but_arguments():
    kinds = {mutant.kind for mutant in mutants_of(demo(lambda x: 2 * x, Case(1), Case(4)))}
    assert "argument fixed" in kinds
    assert not any(kind.startswith("operator") for kind in kinds)


def test_adapter():
    exercise = demo(scale, Case(torch.rand(3)), Case(torch.rand(2)), use=lambda answer, x: answer(x, x).sum())
    assert judged(exercise).of(KILLED)


def test_plain_values_and_open_exercises_are_left_out():
    assert judged(demo(3, Case())).note
    assert judged(replace(THIN, open_ended=True)).note
    assert "left out" in told(THIN, judged(replace(THIN, open_ended=True)))


# The short form ---------------------------------------------------------------------------------------------


def test_short_form_takes_the_same_few_of_many_kinds():
    few = spread(mutants_of(THIN), 20)
    assert names(few) == names(spread(mutants_of(THIN), 20))
    assert names(few) != names(spread(mutants_of(THIN), 20, seed=1))
    assert len({mutant.kind for mutant in few}) == 20


def test_short_form_avoids_loops_that_may_not_end():
    assert any(mutant.endless for mutant in mutants_of(COUNTDOWN))
    assert not any(mutant.endless for mutant in spread(mutants_of(COUNTDOWN), 1000))


def test_short_gives_survivors():
    assert set(names(short(THIN))) <= set(names(judged(THIN).of(SURVIVED)))
    assert short(THIN)


def test_random_numbers_go_on_as_before():
    states = random.getstate(), torch.get_rng_state()
    judged(THIN, number=5)
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])


# The command ------------------------------------------------------------------------------------------------


def test_command_prints_survivors_and_a_total(capsys):
    main(["most_likely_next", "--short", "--seed", "3"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("start_here.most_likely_next: ")
    assert lines[-1].startswith("In total: ")


def test_unknown_name_is_told():
    with pytest.raises(SystemExit, match="No topic or exercise is called nonsense"):
        chosen(["nonsense"])


def test_share_is_of_those_that_count():
    result = judged(THIN)
    assert result.number == len(result.of(KILLED)) + len(result.of(SURVIVED))
    assert f"{len(result.of(KILLED))} of {result.number} killed" in in_total([result])


# The exercises of the course ------------------------------------------------------------------------------

THOROUGH = [
    exercise
    for topic in topics()
    for exercise in exercises_of(topic)
    if exercise.fresh and not exercise.open_ended
]


# The time limit of a mutant may strike within a callback of another library, which can only be reported.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("exercise", THOROUGH, ids=lambda exercise: exercise.key)
def test_an_exercise_that_draws_cases_finds_mutants_out(exercise):
    survivors = short(exercise)
    assert len(survivors) <= 1, [mutant.name for mutant in survivors]  # of twelve


@pytest.mark.parametrize("exercise", THOROUGH, ids=lambda exercise: exercise.key)
def test_no_two_mistakes_look_alike_on_all_cases(exercise):
    assert not twins(exercise, draws=15) or not twins(exercise, draws=200)
