"""Learning-rate schedules: functions from a step to a factor for the learning rate.

Each rises from 0 to 1 during a warm-up and then falls in its own way. They know nothing but numbers, and
refuse a warm-up that is longer than the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from course_lib.arguments import number, wrong


def constant_schedule(step: float, steps: float, warmup: float = 0.0, floor: float = 0.0) -> float:
    """Rise from 0 to 1 during the warm-up, then stay at 1; `floor` has no effect.

    >>> constant_schedule(5, 100, warmup=10), constant_schedule(60, 100, warmup=10)
    (0.5, 1.0)
    """
    _check(step, steps, warmup, floor)
    return min(1.0, step / warmup) if warmup else 1.0


def linear_schedule(step: float, steps: float, warmup: float = 0.0, floor: float = 0.0) -> float:
    """Rise from 0 to 1 during the warm-up, then fall in a straight line to `floor` at the end.

    Units: `step`, `steps` and `warmup` share one unit: steps, seconds, or fractions of the run. The result is
    a factor for the learning rate.
    Source: Bergsma and others 2025, on decay to zero (arXiv:2502.15938).

    >>> [linear_schedule(step, 100, warmup=10) for step in (0, 5, 10, 55, 100)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    _check(step, steps, warmup, floor)
    if step < warmup:
        return step / warmup
    return floor + (1 - floor) * (1 - _done(step, steps, warmup))


def cosine_schedule(step: float, steps: float, warmup: float = 0.0, floor: float = 0.0) -> float:
    """Rise from 0 to 1 during the warm-up, then fall along half a cosine wave to `floor` at the end.

    Units: as in `linear_schedule`.
    Source: Loshchilov and Hutter 2017, section 3 (arXiv:1608.03983).

    >>> [round(cosine_schedule(step, 100, warmup=10, floor=0.1), 3) for step in (5, 10, 55, 100)]
    [0.5, 1.0, 0.55, 0.1]
    """
    _check(step, steps, warmup, floor)
    if step < warmup:
        return step / warmup
    return floor + (1 - floor) * (1 + math.cos(math.pi * _done(step, steps, warmup))) / 2


SCHEDULES: dict[str, Callable[..., float]] = {
    "cosine": cosine_schedule,
    "linear": linear_schedule,
    "constant": constant_schedule,
}


def _check(step: float, steps: float, warmup: float, floor: float) -> None:
    number("a schedule", "step", step, "0 or more", lambda x: 0 <= x < math.inf)
    number("a schedule", "steps", steps, "0 or more", lambda x: 0 <= x < math.inf)
    number("a schedule", "floor", floor, "a fraction of the highest rate, from 0 to 1", lambda x: 0 <= x <= 1)
    number("a schedule", "warmup", warmup, "0 or more", lambda x: 0 <= x < math.inf)
    if warmup > steps:
        raise wrong("a schedule", "warmup", warmup, f"no longer than the run, of steps={steps!r}")


def _done(step: float, steps: float, warmup: float) -> float:
    """The fraction of the time after the warm-up that has passed, between 0 and 1."""
    return min(1.0, (step - warmup) / (steps - warmup)) if steps > warmup else 1.0
