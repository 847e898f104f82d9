"""New cases at every check: made from a seed, the small ones first; and a failing one made smaller.

It runs no answer itself and does not know what is right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from course_lib.exercises._draw import Draw
from course_lib.exercises._values import is_array

_TRIES = 5  # for a case that the topic refuses (None)


@dataclass(frozen=True)
class Drawn:
    """A case with the choices that it was made of."""

    case: Any
    choices: tuple[int, ...]
    size: float


def new_seed() -> int:
    """A seed from the operating system: nobody's random state moves.

    >>> 0 <= new_seed() < 2**32
    True
    """
    return int.from_bytes(os.urandom(4), "big")


def draw_cases(make: Callable[[Draw], Any] | None, seed: int, count: int) -> list[Drawn]:
    """`count` cases, the same for the same seed; in the order of how much is in them.

    >>> [drawn.case for drawn in draw_cases(lambda draw: [draw.integer(0, 9)], seed=1, count=1)]
    [[0]]
    """
    if make is None:
        return []
    drawn = [_draw(make, f"{seed}/{number}", number / max(1, count - 1)) for number in range(count)]
    return sorted((d for d in drawn if d is not None), key=lambda d: weight(d.case))


def _draw(make: Callable[[Draw], Any], seed: str, size: float) -> Drawn | None:
    for attempt in range(_TRIES):
        draw = Draw(f"{seed}/{attempt}", size)
        if (case := make(draw)) is not None:
            return Drawn(case, tuple(draw.choices), size)
    return None


def weight(value: Any) -> int:
    """How much there is to look at in a value.

    >>> weight("abc") < weight(["abc", "d"])
    True
    """
    if hasattr(value, "args") and hasattr(value, "kwargs"):
        return weight([*value.args, *value.kwargs.values()])
    if is_array(value):
        return 1 + (value.numel() if hasattr(value, "numel") else value.size)
    if isinstance(value, str | bytes):
        return 1 + len(value)
    if isinstance(value, Mapping):
        return 1 + sum(weight(item) for pair in value.items() for item in pair)
    return 1 + sum(map(weight, value)) if isinstance(value, list | tuple | set | frozenset) else 1


def smaller(make: Callable[[Draw], Any], drawn: Drawn, fails: Callable[[Any], bool], most: int = 80) -> Drawn:
    """A case as small as can be found with `most` tries that still fails.

    >>> start = Drawn([7, 3, 9], (4, 7, 3, 9), 1.0)
    >>> def make(draw): return [draw.integer(0, 9) for _ in range(draw.integer(0, 3))]
    >>> len(smaller(make, draw_cases(make, 3, 8)[-1], lambda case: len(case) > 0).case)
    1
    """
    best, left = drawn, most
    improved = True
    while improved and left > 0:
        improved = False
        for choices in _lower(best.choices):
            if left == 0:
                break
            found = _again(make, choices, best)
            if found is None:
                continue
            left -= 1
            if fails(found.case):
                best, improved = found, True
                break
    return best


def _again(make: Callable[[Draw], Any], choices: tuple[int, ...], than: Drawn) -> Drawn | None:
    """The case made of these choices, if it is simpler than another."""
    draw = Draw(0, than.size, choices)
    case = make(draw)
    made = tuple(draw.choices)
    if case is None or (weight(case), len(made), made) >= (
        weight(than.case),
        len(than.choices),
        than.choices,
    ):
        return None
    return Drawn(case, made, than.size)


def _lower(choices: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Simpler lists of choices: pieces left out, then single ones lowered."""
    for length in (8, 4, 2, 1):
        for start in range(0, len(choices) - length + 1):
            yield choices[:start] + choices[start + length :]
    for at, choice in enumerate(choices):
        for lower in dict.fromkeys((0, choice // 2, choice - 1)):
            if 0 <= lower < choice:
                yield (*choices[:at], lower, *choices[at + 1 :])
