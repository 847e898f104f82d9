"""A power law through a few losses."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake, Property
from course_lib.training.exercises.shared import Tensor, random


def _fit_power_law(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    """The (a, b) of loss - floor = a * size**(-b), by least squares in logarithms; sizes, losses (N,)."""
    x, y = sizes.log(), (losses - floor).log()
    from_mean = x - x.mean()
    slope = (from_mean * (y - y.mean())).sum() / from_mean.square().sum()
    height = y.mean() - slope * x.mean()
    return height.exp().item(), -slope.item()


def _law_cases() -> list[Case]:
    three, five = torch.tensor([2.0, 20.0, 300.0]), torch.tensor([3.0, 10.0, 40.0, 100.0, 700.0])
    noise = 0.2 * random(5, seed=130)
    return [
        Case(torch.tensor([1.0, 4.0, 16.0]), torch.tensor([5.0, 3.0, 2.0]), 1.0),
        Case(torch.tensor([100.0, 10_000.0]), torch.tensor([3.5, 2.0]), 1.5),
        Case(three, 0.7 + torch.tensor([4.0, 1.5, 0.9]), 0.7),
        Case(five, 1.2 + 3 * five**-0.3 * noise.exp(), 1.2),
        Case(five.flip(0), 2 * five.flip(0) ** -0.5 * noise.exp(), 0.0),  # from large to small, down to 0
        Case(torch.tensor([2.0, 2.0, 50.0]), torch.tensor([1.5, 1.2, 0.6]), 0.5),  # one size twice
        Case(torch.tensor([1e3, 1e6, 1e9]), torch.tensor([90.0, 4.0, 0.8]), 8e-4),
        Case(torch.tensor([3.0, 30.0, 300.0]), torch.tensor([0.5, 0.9, 2.5]), 0.25),  # it rises: b is below 0
        Case(torch.tensor([8223.0, 33217.0, 131585.0]), torch.tensor([2.71, 1.93, 1.4142]), 0.5),
        Case(torch.tensor([5.5e-4, 7.9e-3, 0.1337]), torch.tensor([4.0, 2.5, 2.0]), 0.5),  # sizes in billions
        Case(torch.tensor([2.0, 20.0, 300.0]), torch.tensor([2.5e-3, 9e-4, 6e-4]), 5e-4),
        _law_of_300(),
    ]


def _law_of_300() -> Case:
    sizes = torch.logspace(0, 3, 1100)
    return Case(sizes, 0.5 + 4 * sizes**-0.4 * (2 * random(1100, seed=131)).exp(), 0.5)


def _law_fresh(draw: Draw) -> Case | None:
    sizes = draw.list(lambda: float(draw.integer(1, 9) * draw.choose((1, 10, 100))), 2, 8)
    if max(sizes) < 10 * min(sizes):
        return None
    floor = draw.choose((0.5, 0.0, 1.5, draw.real(0.0, 3.0)))
    return Case(torch.tensor(sizes), floor + draw.positive(len(sizes), low=0.1, high=5.0), floor)


def _twice_as_far_above(answer: Callable[..., tuple[float, float]]) -> bool:
    """Losses twice as far above the floor: a doubles, b stays."""
    sizes, above = torch.tensor([1.0, 5.0, 20.0]), torch.tensor([3.0, 2.0, 0.5])
    a, b = answer(sizes, 1 + above, 1.0)
    twice, same = answer(sizes, 1 + 2 * above, 1.0)
    return math.isclose(twice, 2 * a, rel_tol=1e-3) and math.isclose(same, b, rel_tol=1e-3)


def _line(
    of_x: Callable[[Tensor], Tensor] = torch.log,
    of_y: Callable[[Tensor], Tensor] = torch.log,
    give: Callable[[float, float], tuple[float, float]] = lambda height, slope: (math.exp(height), -slope),
    swap: bool = False,
) -> Callable[..., tuple[float, float]]:
    """A straight line through other numbers, or with something else made of it."""

    def wrong(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
        x, y = of_x(sizes), of_y(losses - floor)
        x, y = (y, x) if swap else (x, y)
        from_mean = x - x.mean()
        slope = (from_mean * y).sum() / from_mean.square().sum()
        return give((y.mean() - slope * x.mean()).item(), slope.item())

    return wrong


def _gives_floats(answer: Callable[..., tuple[float, float]]) -> bool:
    a_and_b = answer(torch.tensor([1.0, 5.0, 20.0]), torch.tensor([4.0, 3.0, 1.5]), 1.0)
    return not any(isinstance(number, Tensor) for number in a_and_b)


def _in_tensors(sizes: Tensor, losses: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    a, b = _fit_power_law(sizes, losses, floor)
    return torch.tensor(a), torch.tensor(b)


def _without_floor(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    return _fit_power_law(sizes, losses, 0.0)


def _floor_added(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    return _fit_power_law(sizes, losses, -floor)


def _logs_apart(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    return _line(of_y=lambda above: (above + floor).log() - floor)(sizes, losses, floor)


def _first_and_last(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    return _fit_power_law(sizes[[0, -1]], losses[[0, -1]], floor)


def _slope_of_two(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    x, y = sizes.log(), (losses - floor).log()
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    return (y.mean() - slope * x.mean()).exp().item(), -slope.item()


def _through_the_origin(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    x, y = sizes.log(), (losses - floor).log()
    return 1.0, -((x * y).sum() / x.square().sum()).item()


_ALSO_Y = "That fits a logarithm, not a power. Take the logarithm of `losses - floor` as well."
_NO_LOGS = "A power is a straight line only in logarithms: `sizes.log()` and `(losses - floor).log()`."
_ALL_POINTS = "All points count: least squares. Two points alone take all of their noise."


fit_power_law = Exercise(
    name="fit_power_law",
    topic="training",
    title="Fit a power law",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=10,
    reference=_fit_power_law,
    cases=_law_cases,
    fresh=_law_fresh,
    differentiable=False,
    rtol=1e-3,
    properties=(
        Property("scale", _twice_as_far_above, "losses twice as far above the floor double a and keep b"),
        Property("float", _gives_floats, "a and b are given as plain numbers"),
    ),
    hints=(
        "Take logarithms on both sides of `loss - floor = a * size**(-b)`. What was a power becomes a "
        "straight line. Which are its x, its y, its slope?",
        "`log(loss - floor) = log(a) - b * log(size)`. Fit a line through x = log(size), y = log(loss - "
        "floor): the slope is the sum of (x - mean x)(y - mean y), divided by the sum of (x - mean x)².",
        "`b` is *minus* the slope. The line's height at x = 0, `y.mean() - slope * x.mean()`, is log(a).",
    ),
    explanation=(
        "In logarithms the law is a line with the slope -b and the height log(a); the least-squares line has "
        "a formula for both (`np.polyfit(x, y, 1)` computes the same).\n\n"
        "A `floor` that is a little wrong bends the points, most of all where the loss is close to it, and b "
        "changes with it. Here it is known, as the little world's entropy is; for real text it has to be "
        "fitted too, and that takes many more points (Hoffmann and others 2022)."
    ),
    mistakes=(
        Mistake(
            "the floor is not taken away",
            _without_floor,
            "What falls as a power is the part *above* the floor: take the logarithm of `losses - floor`.",
        ),
        Mistake(
            "the floor is added",
            _floor_added,
            "Take it away: `losses - floor`.",
        ),
        Mistake(
            "the floor is taken away after the logarithm",
            _logs_apart,
            "First `losses - floor`, then the logarithm of that.",
        ),
        Mistake(
            "b has the wrong sign",
            _line(give=lambda height, slope: (math.exp(height), slope)),
            "The law says `size**(-b)`: the line falls, and b is *minus* its slope.",
        ),
        Mistake(
            "a is left as a logarithm",
            _line(give=lambda height, slope: (height, -slope)),
            "The line's height is log(a). Take e to the power of it.",
        ),
        Mistake(
            "logarithms to base 10, but powers of e",
            _line(torch.log10, torch.log10),
            "Keep to one base. With `log10` the height is turned back by `10**height`.",
        ),
        Mistake(
            "only the sizes are taken as logarithms",
            _line(of_y=lambda y: y, give=lambda height, slope: (height, -slope)),
            _ALSO_Y,
        ),
        Mistake("only the sizes are taken as logarithms", _line(of_y=lambda y: y), _ALSO_Y),
        Mistake(
            "no logarithms are taken",
            _line(lambda x: x, lambda y: y, lambda height, slope: (height, -slope)),
            _NO_LOGS,
        ),
        Mistake("no logarithms are taken", _line(lambda x: x, lambda y: y), _NO_LOGS),
        Mistake(
            "only the losses are taken as logarithms",
            _line(of_x=lambda x: x),
            "That fits an exponential decay, not a power. Take the logarithm of the sizes as well.",
        ),
        Mistake(
            "x and y are swapped",
            _line(swap=True),
            "The sizes' logarithms are x, the losses' are y.",
        ),
        Mistake("a line through the first and last point only", _first_and_last, _ALL_POINTS),
        Mistake("the slope is that from the first to the last point", _slope_of_two, _ALL_POINTS),
        Mistake(
            "a line through the origin",
            _through_the_origin,
            "That sets a to 1. Let the line have a height of its own: take both means away first.",
        ),
        Mistake(
            "a and b are tensors",
            _in_tensors,
            "They are right. `.item()` makes plain numbers of them.",
        ),
        Mistake(
            "b and a are in the wrong order",
            lambda sizes, losses, floor: _fit_power_law(sizes, losses, floor)[::-1],
            "Give (a, b): first the factor, then the power.",
        ),
    ),
)
