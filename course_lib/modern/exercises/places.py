"""The exercise on rotary positions."""

from __future__ import annotations

from collections.abc import Callable

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake
from course_lib.modern.exercises.shared import Tensor, drawn


def _rotary(x: Tensor, base: float) -> Tensor:
    """Each pair (i, i + D/2) turned by position / base^(2i / D): x (..., T, D) -> the same shape."""
    T, D = x.shape[-2:]
    speeds = 1 / base ** (torch.arange(0, D, 2, device=x.device) / D)
    angles = torch.arange(T, device=x.device)[:, None] * speeds  # (T, D/2)
    cos, sin = angles.cos(), angles.sin()
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _cases() -> list[Case]:
    shapes = ((1, 1, 3, 2), (2, 3, 5, 4), (1, 2, 2, 8), (2, 1, 1, 6), (3, 2, 4, 4), (1, 1, 40, 6))
    bases = (10_000.0, 10_000.0, 100.0, 10_000.0, 500_000.0, 7.0)
    cases = [Case(drawn(*s, seed=20 + i), b) for i, (s, b) in enumerate(zip(shapes, bases, strict=True))]
    return [*cases, Case(90 * drawn(1, 2, 4, 4, seed=30), 7.5), Case(1e-3 * drawn(2, 1, 3, 6, seed=31), 1.5)]


def _fresh(draw: Draw) -> Case:
    shape = [draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 5), 2 * draw.integer(1, 4)]
    return Case(draw.tensor(*shape, extremes=False), draw.choose((10.0, 10_000.0, 100_000.0)))


def _angles(x: Tensor, base: float, first: int = 0, per: float = 2.0, sign: float = -1.0) -> Tensor:
    T, D = x.shape[-2:]
    speeds = base ** (sign * per * torch.arange(D // 2) / D)
    return torch.arange(first, first + T)[:, None] * speeds


def _turned(x: Tensor, angles: Tensor, direction: float = 1.0) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), direction * angles.sin()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def _neighbours(x: Tensor, base: float) -> Tensor:
    a, b = x[..., 0::2], x[..., 1::2]
    cos, sin = _angles(x, base).cos(), _angles(x, base).sin()
    return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2)


def _signs_alike(x: Tensor, base: float) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    cos, sin = _angles(x, base).cos(), _angles(x, base).sin()
    return torch.cat([a * cos + b * sin, b * cos + a * sin], dim=-1)


def _second_half_left(x: Tensor, base: float) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * _angles(x, base).cos() - b * _angles(x, base).sin(), b], dim=-1)


def _in_place_of_the_old(x: Tensor, base: float) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    cos, sin = _angles(x, base).cos(), _angles(x, base).sin()
    a = a * cos - b * sin
    return torch.cat([a, b * cos + a * sin], dim=-1)


def _along_the_heads(x: Tensor, base: float) -> Tensor:
    return _rotary(x.transpose(1, 2), base).transpose(1, 2)


def _by(angles: Callable[[Tensor, float], Tensor], direction: float = 1.0) -> Callable[..., Tensor]:
    return lambda x, base: _turned(x, angles(x, base), direction)


rotary = Exercise(
    name="rotary",
    topic="modern",
    title="Rotary positions",
    difficulty="medium",
    minutes=15,
    reference=_rotary,
    cases=_cases,
    fresh=_fresh,
    draws=16,
    hints=(
        "First the speeds, one for each of the D/2 pairs: `torch.arange(0, D, 2) / D` gives 2i / D. Then the "
        "angles, (T, D/2): each place times each speed.",
        "`first, second = x.chunk(2, dim=-1)` are the pairs: entry i of the one belongs to entry i of the "
        "other. Turning makes first · cos - second · sin of the first; what of the second?",
        "Put the two new halves side by side with `torch.cat([..., ...], dim=-1)`. Both are made of "
        "the *old* "
        "halves.",
    ),
    explanation=(
        "The angles are a table of T rows and D/2 columns, which fits every text and every head. "
        "Each pair is "
        "turned as the hand of a clock is: (a, b) becomes (a cos - b sin, b cos + a sin). The first pair "
        "turns by one radian from token to token, the last one hardly at all.\n\n"
        "Nothing is learned here, and nothing is added to x: a length stays what it was, and the "
        "score of two "
        "turned vectors depends on the difference of their angles only."
    ),
    mistakes=(
        Mistake(
            "neighbours are paired",
            _neighbours,
            "So does the paper, and it works as well; but the weights of a Llama in this course, and in "
            "`transformers`, are made for the pairs i and i + D/2: two halves.",
        ),
        Mistake(
            "turned the other way",
            _by(_angles, -1.0),
            "(a, b) becomes (a cos - b sin, b cos + a sin): the minus stands in the first half.",
        ),
        Mistake(
            "there is no minus",
            _signs_alike,
            "Without a minus it is no turn, and lengths change: first · cos *-* second · sin.",
        ),
        Mistake(
            "the places begin with 1",
            _by(lambda x, base: _angles(x, base, first=1)),
            "The first token stands at place 0, and is not turned: `torch.arange(T)`.",
        ),
        Mistake(
            "the exponent is i / D",
            _by(lambda x, base: _angles(x, base, per=1.0)),
            "It is 2i / D: `torch.arange(0, D, 2) / D`. The slowest pair comes close to 1 / base.",
        ),
        Mistake(
            "multiplied by base^(2i / D), not divided",
            _by(lambda x, base: _angles(x, base, sign=1.0)),
            "Then pairs turn faster and faster. Divide: each pair is slower than the one before it.",
        ),
        Mistake(
            "the base is always 10,000",
            lambda x, base: _rotary(x, 10_000.0),
            "`base` is an argument: SmolLM2 has 100,000.",
        ),
        Mistake(
            "all pairs turn alike",
            _by(lambda x, base: _angles(x, base, per=0.0)),
            "Each pair has a speed of its own, 1 / base^(2i / D).",
        ),
        Mistake(
            "the second half stays as it was",
            _second_half_left,
            "Both numbers of a pair turn: the second becomes second · cos + first · sin.",
        ),
        Mistake(
            "the second half is made of the new first one",
            _in_place_of_the_old,
            "Both are made of the old ones. Give the new first half another name.",
        ),
        Mistake(
            "the places run along the heads",
            _along_the_heads,
            "x is (B, H, T, D): the places are the axis before the last, `x.shape[-2]`.",
        ),
        Mistake(
            "nothing is turned",
            lambda x, base: x * 1.0,
            "Only the first token stays as it was.",
        ),
    ),
)
