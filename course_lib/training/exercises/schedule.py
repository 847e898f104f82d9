"""The learning rate at each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from course_lib.exercises import Case, Draw, Exercise, Mistake


def _learning_rate(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    """Up in a straight line to `peak`, then down along half a cosine to `floor * peak`, and stay there."""
    if step < warmup:
        return peak * step / warmup
    if step >= steps:
        return peak * floor
    height = (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
    return peak * (floor + (1 - floor) * height)


def _rate_cases() -> list[Case]:
    of_100 = {"steps": 100, "peak": 0.5, "warmup": 20, "floor": 0.1}
    return [
        Case(10, 100, 2.0, 20, 0.0),
        Case(60, 100, 2.0, 20, 0.0),
        *(Case(step, *of_100.values()) for step in (0, 1, 20, 40, 60, 93, 100, 130)),
        *(Case(step, 7, 0.003, 0, 0.25) for step in (0, 2, 7)),
        *(Case(step, 7, 3e-4, 6, 0.25) for step in (3, 6, 7, 30)),
        *(Case(step, 3000, 90.0, 300, 8e-4) for step in (1, 299, 300, 301, 2999, 3000, 3001)),
        *(Case(step, 3000, 90.0, 300, 1.0) for step in (1000, 5000)),
        *(Case(step, 400_000, 3e-4, 30_000, 0.1) for step in (9_000, 20_000, 150_000, 390_000, 700_000)),
        Case(0, 1, 2.0, 0, 0.5),
        Case(1, 1, 2.0, 0, 0.5),
        *(Case(step, 7, 0.0, 2, 0.5) for step in (1, 5, 9)),
    ]


def _rate_fresh(draw: Draw) -> Case:
    steps = draw.integer(1, 12) * draw.choose((1, 10, 1000))
    warmup = draw.choose((0, steps // 4, draw.integer(0, steps - 1), steps - 1))
    step = draw.choose((draw.integer(0, 2 * steps), 0, max(0, warmup - 1), warmup, steps, steps + 1))
    peak = draw.choose((2.0, 0.5, 1e-3, draw.real(0.1, 3.0)))
    return Case(step, steps, peak, warmup, draw.choose((0.0, 0.1, 1.0, draw.real(0.0, 1.0))))


def _cosine(
    step: int,
    steps: int,
    peak: float,
    warmup: int,
    floor: float,
    bend: Callable[[float], float] = lambda done: (1 + math.cos(math.pi * done)) / 2,
    blend: Callable[[float, float, float], float] = lambda peak, floor, height: (
        peak * (floor + (1 - floor) * height)
    ),
    done: Callable[[int, int, int], float] = lambda step, steps, warmup: (step - warmup) / (steps - warmup),
    capped: bool = True,
    ended: bool = False,
) -> float:
    """A schedule whose descent may be wrong in some way; if `ended`, it is right from `steps` on."""
    if step < warmup:
        return peak * step / warmup
    if ended and step >= steps:
        return peak * floor
    done = done(step, steps, warmup)
    return blend(peak, floor, bend(min(1.0, done) if capped else done))


def _descents(name: str, why: str, **changes: Any) -> tuple[Mistake, Mistake]:
    """A mistake on the way down, of those who cut the way off at its end and of those who ask for the end."""
    return tuple(Mistake(name, partial(_cosine, ended=ended, **changes), why) for ended in (False, True))


def _no_warmup(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return _learning_rate(max(step, warmup), steps, peak, warmup, floor)


def _from_the_floor(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    if step < warmup:
        return peak * (floor + (1 - floor) * step / warmup)
    return _learning_rate(step, steps, peak, warmup, floor)


def _next_step(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return _learning_rate(step + 1 if step < warmup else step, steps, peak, warmup, floor)


def _whole_steps(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return peak * (step // warmup) if step < warmup else _learning_rate(step, steps, peak, warmup, floor)


def _peak_in_the_warmup(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return peak * step / warmup if step <= warmup else _learning_rate(step, steps, peak, warmup, floor)


def _ends_at_zero(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return _learning_rate(step, steps, peak, warmup, floor) if step < steps else 0.0


learning_rate = Exercise(
    name="learning_rate",
    topic="training",
    title="Warm-up, then half a cosine",
    difficulty="easy",
    minutes=10,
    reference=_learning_rate,
    cases=_rate_cases,
    fresh=_rate_fresh,
    differentiable=False,
    atol=1e-6,
    hints=(
        "Two cases: before `warmup`, a straight line from 0 to `peak`; from there on, the way down. Which "
        "fraction of the way down is done at a given step?",
        "`done = (step - warmup) / (steps - warmup)`, at most 1. `(1 + math.cos(math.pi * done)) / 2` falls "
        "from 1 to 0 while `done` grows from 0 to 1.",
        "Stretch that so that it falls from 1 to `floor`: `floor + (1 - floor) * height`. All of it "
        "times `peak`.",
    ),
    explanation=(
        "During the warm-up the rate is `peak * step / warmup`. Then half a cosine wave, moved and squeezed "
        "so that it runs from 1 to `floor`: flat at the top, steep in the middle, flat at the end. A "
        "training that goes on after `steps` stays at the floor; a cosine alone would climb again.\n\n"
        "`floor` is a fraction of the peak, so 0.1 means a tenth. `schedules.cosine_schedule` is the same "
        "without `peak`: a factor that multiplies whatever rate a parameter has."
    ),
    mistakes=(
        Mistake(
            "the warm-up is left out",
            _no_warmup,
            "Before step `warmup` the rate rises in a straight line from 0: `peak * step / warmup`.",
        ),
        Mistake(
            "the warm-up begins at the floor",
            _from_the_floor,
            "It begins at 0: `peak * step / warmup`. The floor is for the end.",
        ),
        Mistake(
            "the warm-up is one step ahead",
            _next_step,
            "At step 0 the rate is 0 here, and at step `warmup` it is `peak`: no `+ 1`.",
        ),
        Mistake(
            "whole-number division in the warm-up",
            _whole_steps,
            "`step // warmup` is 0 all the way. A single `/` gives the fraction.",
        ),
        Mistake(
            "divided by a warm-up of no steps",
            _peak_in_the_warmup,
            "With `warmup=0` the very first step is on the way down. Ask `step < warmup`, not `<=`.",
        ),
        Mistake(
            "the cosine begins at step 0",
            partial(_cosine, done=lambda step, steps, warmup: step / steps),
            "Then the rate jumps down where the warm-up ends. The way down begins there: "
            "`(step - warmup) / (steps - warmup)`.",
        ),
        *_descents(
            "the way down is as long as the whole training",
            "It begins at `warmup` and ends at `steps`, so it has `steps - warmup` steps.",
            done=lambda step, steps, warmup: (step - warmup) / steps,
        ),
        Mistake(
            "it climbs again after the end",
            partial(_cosine, capped=False),
            "Past `steps` the cosine turns round. Keep `done` at 1: `min(1.0, ...)`.",
        ),
        Mistake(
            "it falls to 0 after the end",
            _ends_at_zero,
            "At the end, and after it, the rate stays at `floor * peak`.",
        ),
        *_descents(
            "a whole cosine wave",
            "That falls and rises again. Half a wave is enough: `math.cos(math.pi * done)`.",
            bend=lambda done: (1 + math.cos(2 * math.pi * done)) / 2,
        ),
        Mistake(
            "a quarter of a cosine wave",
            partial(_cosine, bend=lambda done: math.cos(math.pi / 2 * done)),
            "That falls ever faster, and is steepest at the end. Half a wave is flat there: `(1 + "
            "math.cos(math.pi * done)) / 2`.",
        ),
        *_descents(
            "the cosine is used as it is, from 1 to -1",
            "A rate below zero would climb the loss. `(1 + cos) / 2` runs from 1 to 0.",
            bend=lambda done: math.cos(math.pi * done),
        ),
        *_descents(
            "the angle is in degrees",
            "`math.cos` takes radians: half a turn is `math.pi`, not 180.",
            bend=lambda done: (1 + math.cos(180 * done)) / 2,
        ),
        Mistake(
            "a straight line down",
            partial(_cosine, bend=lambda done: 1 - done),
            "That is a good schedule too (`linear_schedule`), but another one. Here: half a cosine.",
        ),
        *_descents(
            "the floor is left out",
            "It ends at `floor * peak`, not at 0: `floor + (1 - floor) * height`.",
            blend=lambda peak, floor, height: peak * height,
        ),
        Mistake(
            "the floor is added on top",
            partial(_cosine, blend=lambda peak, floor, height: peak * (floor + height)),
            "Then the rate jumps above the peak. Squeeze the cosine to the height that is left: `1 - floor`.",
        ),
        Mistake(
            "the floor is taken for a rate",
            partial(_cosine, blend=lambda peak, floor, height: floor + (peak - floor) * height),
            "`floor` is a fraction of the peak: the lowest rate is `floor * peak`.",
        ),
        Mistake(
            "cut off at the floor",
            partial(_cosine, blend=lambda peak, floor, height: peak * max(floor, height)),
            "The curve should reach the floor at the end, smoothly, and not run along it before.",
        ),
        Mistake(
            "the peak is left out",
            lambda step, steps, peak, warmup, floor: _learning_rate(step, steps, 1.0, warmup, floor),
            "That is the factor. Multiply it by `peak`, on both sides of the warm-up's end.",
        ),
    ),
)
