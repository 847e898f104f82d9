"""Where a token stands: vectors that are added, hands of clocks, waves, pairs that are turned.

Numbers come in, Axes go out. It does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from course_lib.context.views.plans import short
from course_lib.figures.arguments import as_many, checked
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import BLUE, GREY, ORANGE, RED
from course_lib.figures.flow import arrow, canvas, cells, note
from course_lib.figures.tokens import TINTS


@checked("tokens", "vectors", "positions")
def added_positions(
    tokens: Sequence[str], vectors: Sequence[Sequence[float]], positions: Sequence[Sequence[float]],
    ax: Any = None,
) -> Any:  # fmt: skip
    """The vectors of tokens, those of their positions, and the sums. Gives the Axes.

    Shapes: vectors, positions (T, C).

    >>> added_positions(["Tom", "ran"], [[1.0], [2.0]], [[0.0], [0.5]]).course_alt
    'Vectors of tokens plus vectors of positions. Tom: 1 + 0 = 1. ran: 2 + 0.5 = 2.5.'
    """
    as_many("added_positions", tokens=tokens, vectors=vectors, positions=positions)
    T, C = len(tokens), len(vectors[0])
    if any(len(row) != C for row in (*vectors, *positions)):
        raise ValueError("added_positions got rows of different lengths; give two tables (T, C).")
    ax, told = canvas(ax, 28 + 18 * C, 3.4 * T + 4), []
    lefts = [13 + (6 * C + 6) * i for i in range(3)]
    for row, (token, one, other) in enumerate(zip(tokens, vectors, positions, strict=True)):
        bottom = 3.4 * (T - row - 1) + 3
        note(ax, (12, bottom + 1.7), token, align="right")
        total = [a + b for a, b in zip(one, other, strict=True)]
        for left, numbers, face in zip(lefts, (one, other, total), TINTS, strict=False):
            cells(ax, (left, bottom), short(numbers), [face] * C, (6.0, 3.4))
        told.append(f"{token}: " + " = ".join(
            " + ".join(map(" ".join, part)) for part in ([short(one), short(other)], [short(total)])
        ))  # fmt: skip
    for left, name in zip(lefts, ("tokens", "positions", "the sum"), strict=True):
        note(ax, (left + 3 * C, 1.2), f"{name} ({T}, {C})")
    for left, sign in zip(lefts[1:], "+=", strict=True):
        note(ax, (left - 3, 3 + 1.7 * T), sign, 13)
    ax.course_alt = f"Vectors of tokens plus vectors of positions. {'. '.join(told)}."
    return ax


@checked("angles")
def clock_hands(angles: Sequence[Sequence[float]], ax: Any = None) -> Any:
    """Hands of a clock that have turned by these angles: a row for each hand, a column for each position.
    Gives the Axes.

    Shapes: angles (T, hands). Units: radians.

    >>> clock_hands([[0.0, 0.0], [1.0, 0.01]]).course_alt
    'Hands of clocks, in radians. Position 0: 0.00, 0.00. Position 1: 1.00, 0.01.'
    """
    T, hands = len(angles), len(angles[0])
    if any(len(row) != hands for row in angles):
        raise ValueError("clock_hands got rows of different lengths; give a table (T, hands).")
    ax = canvas(ax, 11 * T + 12, 11 * hands + 5)
    turn = [2 * math.pi * i / 60 for i in range(61)]
    for position, row in enumerate(angles):
        x = 17 + 11 * position
        note(ax, (x, 1.6), f"position {position}", 8.5)
        for hand, angle in enumerate(row):
            y = 11 * (hands - hand) - 3
            ax.plot(
                [x + 4 * math.cos(t) for t in turn], [y + 4 * math.sin(t) for t in turn], color=GREY, lw=0.9
            )
            arrow(ax, (x, y), (x + 4 * math.cos(angle), y + 4 * math.sin(angle)), ORANGE if hand else BLUE)
    for hand in range(hands):
        note(ax, (11, 11 * (hands - hand) - 3), f"pair {hand}", align="right")
    told = " ".join(
        f"Position {i}: {', '.join(f'{angle:.2f}' for angle in row)}." for i, row in enumerate(angles)
    )
    ax.course_alt = f"Hands of clocks, in radians. {told}"
    return ax


@checked()
def position_waves(table: Sequence[Sequence[float]], ax: Any = None) -> Any:
    """A table of position vectors as a picture: positions downwards, entries to the right. Gives the Axes.

    Shapes: table (T, C).

    >>> position_waves([[0.0, 1.0], [0.8, 0.5]]).get_ylabel()
    'position'
    """
    rows = table
    if any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("position_waves got rows of different lengths; give a table (T, C).")
    ax = axes_for(ax, (7.2, 3.8))
    bound = max(abs(value) for row in rows for value in row) or 1.0
    image = ax.imshow(rows, cmap="cividis", vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest")
    ax.set(xlabel="entry of the vector", ylabel="position")
    ax.figure.colorbar(image, ax=ax, fraction=0.04)
    ax.course_alt = (
        f"{len(rows)} position vectors with {len(rows[0])} entries each, as rows of a picture, from "
        f"{-bound:.2g} (dark) to {bound:.2g} (bright)."
    )
    return ax


@checked()
def turned_pairs(
    query: tuple[float, float], key: tuple[float, float], places: tuple[int, int], score: float,
    ax: Any = None,
) -> Any:  # fmt: skip
    """One pair of numbers of a query and of a key as arrows, after each was turned by its place. Gives the
    Axes.

    Shapes: query (2,), key (2,).

    >>> turned_pairs([1.0, 0.0], [0.0, 1.0], (3, 1), 0.0).course_alt
    'A query at place 3 and a key at place 1 as arrows in a circle; their product is 0.00.'
    """
    ax = axes_for(ax, (3.3, 3.5))
    turn = [2 * math.pi * i / 90 for i in range(91)]
    ax.plot([math.cos(t) for t in turn], [math.sin(t) for t in turn], color="#cccccc", lw=1)
    arrows = (("query", query, places[0], BLUE, "-"), ("key", key, places[1], RED, "--"))
    for name, tip, place, colour, style in arrows:
        x, y = tip
        ax.annotate(
            "", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2, "ls": style}
        )
        ax.text(1.32 * x, 1.2 * y, f"{name}\n{place}", ha="center", va="center", color=colour, fontsize=9)
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.45, 1.45), aspect="equal")
    ax.set_title(f"score {score:.2f}", fontsize=11)
    ax.axis("off")
    ax.course_alt = (
        f"A query at place {places[0]} and a key at place {places[1]} as arrows in a circle; their product "
        f"is {score:.2f}."
    )
    return ax
