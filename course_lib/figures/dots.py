"""Shares and scores as dots over their intervals, a row for each name.

Numbers come in, Axes go out. It does not know what was measured; intervals are made by
`course_lib.intervals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_lib.arguments import shown
from course_lib.figures.arguments import checked, has_all, ordered
from course_lib.figures.axes import axes_for, dot, name_rows
from course_lib.figures.colours import BLUE, GREEN, INK, RED

Scored = tuple[float, float, float]  # a score and the ends of its interval


@checked()
def shares(
    rows: Mapping[str, tuple[float, float]], intervals: Mapping[str, tuple[float, float]], label: str,
    bar: float | None = None, ax: Any = None,
) -> Any:  # fmt: skip
    """Shares (hits, trials) as dots with their intervals as lines; `bar` draws a dashed line. Gives the Axes.

    >>> shares({"base": (1, 4)}, {"base": (0.05, 0.7)}, "right").course_alt
    'right: base 25 % (5 % to 70 %).'
    """
    has_all("shares", "intervals", intervals, rows)
    ordered("shares", intervals.values())
    for name, count in rows.items():
        if not 0 <= count[0] <= count[1] > 0:
            raise ValueError(f"shares got {shown(count)} for {name!r}; needed (hits, trials), e.g. (3, 10).")
    ax = axes_for(ax, (7.2, 0.5 * len(rows) + 1.1))
    told = []
    for y, (name, (hits, trials)) in enumerate(rows.items()):
        share, (low, high) = 100 * hits / trials, (100 * end for end in intervals[name])
        dot(ax, y, share, (low, high), BLUE, "o", None)
        ax.text(114, y, f"{share:.0f} %", va="center", ha="right", fontsize=10, color=INK)
        told.append(f"{name} {share:.0f} % ({low:.0f} % to {high:.0f} %)")
    if bar is not None:
        ax.axvline(100 * bar, color=GREEN, lw=1.4, ls=(0, (5, 3)))
    name_rows(ax, list(rows))
    ax.set(xlim=(-2, 115), xlabel=f"{label}, in %")
    ax.set_xticks(range(0, 101, 20))
    ax.course_alt = f"{label}: {'; '.join(told)}."
    return ax


@checked()
def scores(
    rows: Mapping[str, Mapping[str, Scored]], label: str, bar: float | None = None, ax: Any = None
) -> Any:
    """Scores with their intervals: a row for each system, a dot for each direction. Gives the Axes.

    `bar` draws a dashed line.

    >>> scores({"copy": {"en-zh": (2.0, 1.0, 3.0)}}, "chrF").course_alt
    'chrF: copy, en-zh 2.0 (1.0 to 3.0).'
    """
    looks = list(zip((BLUE, RED, GREEN), ("o", "s", "^"), strict=True))
    for row in rows.values():
        ordered("scores", [(low, high) for _, low, high in row.values()], 100)
    if (most := max(map(len, rows.values()))) > len(looks):
        raise ValueError(f"scores got {most} scores in a row; it has colours for {len(looks)}: give fewer.")
    ax = axes_for(ax, (7.4, 0.56 * len(rows) + 1.3))
    told = []
    for y, (name, row) in enumerate(rows.items()):
        for k, (direction, (value, low, high)) in enumerate(row.items()):
            place, (colour, marker) = y + 0.32 * (k - (len(row) - 1) / 2), looks[k]
            dot(ax, place, value, (low, high), colour, marker, direction if not y else None)
            ax.text(113, place, f"{value:.1f}", va="center", ha="right", fontsize=9, color=colour)
            told.append(f"{name}, {direction} {value:.1f} ({low:.1f} to {high:.1f})")
    if bar is not None:
        ax.axvline(bar, color=INK, lw=1.2, ls=(0, (5, 3)))
    name_rows(ax, list(rows))
    ax.set(xlim=(-1, 114), xlabel=label)
    ax.set_xticks(range(0, 101, 20))
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3)
    ax.course_alt = f"{label}: {'; '.join(told)}."
    return ax
