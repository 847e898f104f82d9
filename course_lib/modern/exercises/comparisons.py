"""The exercise on a comparison that isn't fair: find its bug."""

from __future__ import annotations

from collections.abc import Callable

from course_lib.exercises import Case, Draw, Exercise, Mistake


def _unequal(old: list[float], new: list[float], ms_old: int, ms_new: int) -> float:
    steps = min(len(old), len(new))
    return old[steps - 1] - new[steps - 1]


def _gain_at_equal_time(old: list[float], new: list[float], ms_old: int, ms_new: int) -> float:
    """How much lower the new model's loss is after a time that both have had."""
    time = min(len(old) * ms_old, len(new) * ms_new)
    return old[time // ms_old - 1] - new[time // ms_new - 1]


def _cases() -> list[Case]:
    falling = [4.0, 3.0, 2.5, 2.2, 2.0, 1.9, 1.85, 1.82]
    quick = [3.5, 2.9, 2.3, 2.1, 1.8, 1.7]
    return [
        Case(falling, quick, 10, 20),
        Case(quick, falling, 10, 10),
        Case(falling, quick[:4], 30, 10),
        Case(falling[:5], quick, 7, 11),
        Case([2.0, 1.0, 3.0], [5.0, 4.0], 2, 3),
        Case([1.5], [1.25], 9, 9),
        Case([90.0, 0.0, 70.0, 60.0], [80.0, 0.0, 75.0, 0.5], 3, 4),
        Case([0.0, 5.0, 4.0, 3.0], [0.0, 65.0, 0.25], 20, 20),
    ]


def _fresh(draw: Draw) -> Case:
    ms = draw.integer(1, 9), draw.integer(1, 9)
    counts = [draw.integer(9, 14) for _ in ms]
    old, new = ([draw.integer(10, 400) / 100 for _ in range(count)] for count in counts)
    return Case(old, new, *ms)


def _with(choose: Callable[[int, int, int, int], tuple[int, int]]) -> Callable[..., float]:
    """A comparison after other numbers of steps."""

    def gain(old: list[float], new: list[float], ms_old: int, ms_new: int) -> float:
        steps_old, steps_new = choose(len(old), len(new), ms_old, ms_new)
        at = [max(0, min(n, len(row)) - 1) for n, row in ((steps_old, old), (steps_new, new))]
        return old[at[0]] - new[at[1]]

    return gain


gain_at_equal_time = Exercise(
    name="gain_at_equal_time",
    topic="modern",
    title="Find the bug: a gain that is none",
    kind="bug",
    difficulty="medium",
    minutes=8,
    reference=_gain_at_equal_time,
    faulty=_unequal,
    symptom=(
        "For two models that cost the same it is right. But a new part that makes every step twice "
        "as slow is "
        "praised for a gain that vanishes as soon as both may run equally long."
    ),
    cases=_cases,
    fresh=_fresh,
    differentiable=False,
    hints=(
        "Which of the four arguments does the function never look at?",
        "After how many milliseconds has the new model done `steps` steps, and after how many the old one? "
        "What is the longest time that *both* have had?",
        "A time in milliseconds, divided by those of one step and rounded down (`//`), is how many "
        "steps were "
        "finished by then, for each model another number.",
    ),
    explanation=(
        "Equal steps are not equal costs: the slower model had twice the time. Fair is what both "
        "could afford: "
        "the shorter of the two times, and of each model the loss after the steps that it had *finished* by "
        "then.\n\n"
        "The same fault hides in comparisons by epochs, by tokens or by numbers of parameters. None of these "
        "is wrong in itself; but say which was held equal, and ask who gains by it."
    ),
    mistakes=(
        Mistake(
            "each at its own end",
            lambda old, new, ms_old, ms_new: old[-1] - new[-1],
            "One of them may have run for longer. Take a time that both have had.",
        ),
        Mistake(
            "the two are the wrong way round",
            lambda *given: -_gain_at_equal_time(*given),
            "A gain is positive where the *new* model's loss is lower: old minus new.",
        ),
        Mistake(
            "one step too far",
            _with(lambda a, b, i, j: ((t := min(a * i, b * j)) // i + 1, t // j + 1)),
            "Entry 0 is the loss after step 1. After n steps it is entry n - 1.",
        ),
        Mistake(
            "steps that are not finished are counted",
            _with(lambda a, b, i, j: (-(-(t := min(a * i, b * j)) // i), -(-t // j))),
            "Round down: only what is finished by then counts. `//` does that.",
        ),
        Mistake(
            "the milliseconds are exchanged",
            _with(lambda a, b, i, j: ((t := min(a * i, b * j)) // j, t // i)),
            "The old model's steps take `ms_old`: the slower a model, the *fewer* steps it gets.",
        ),
        Mistake(
            "the time is the old model's",
            _with(lambda a, b, i, j: (a, a * i // j)),
            "The new model may not have run for so long. Take the shorter of the two times.",
        ),
        Mistake(
            "the time is the new model's",
            _with(lambda a, b, i, j: (b * j // i, b)),
            "The old model may not have run for so long. Take the shorter of the two times.",
        ),
    ),
)
