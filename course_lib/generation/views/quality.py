"""Quality over variety, with labels that keep out of each other's way.

Numbers and labels come in, Axes go out. It does not know how either is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from course_lib.arguments import number
from course_lib.figures.arguments import checked
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import COLOURS, INK, MARKERS, ORANGE

Point = tuple[str, float, float, tuple[float, float]]  # label, variety, quality, its interval


@checked()
def quality_curve(
    curves: Mapping[str, Sequence[Point]],
    goal: tuple[str, float, float],
    axes: tuple[str, str] = ("variety", "quality"),
    ax: Any = None,
) -> Any:
    """Quality over variety, each point with its label and the interval of its quality; a star is the goal.
    Gives the Axes.

    The points of the first curve are joined by a line, in their order. The axis of variety, which must lie
    between 0 and 1, is stretched near 1.

    >>> ax = quality_curve({"plain": [("T = 1", 0.9, 0.3, (0.2, 0.4))]}, ("the world", 0.93, 1.0))
    >>> ax.course_alt
    'Quality over variety. plain: T = 1 at 0.90, 0.30 (0.20 to 0.40). The goal, the world, is at 0.93, 1.00.'
    """
    for x in (goal[1], *(variety for points in curves.values() for _, variety, _, _ in points)):
        number("quality_curve", "variety", x, "a number between 0 and 1", lambda x: 0 < x < 1)
    for label, _, y, (low, high) in (point for points in curves.values() for point in points):
        if not low - 1e-6 <= y <= high + 1e-6:  # an end may miss it by rounding
            raise ValueError(f"quality_curve got {y} for {label!r}, outside of its interval {low} to {high}.")
    ax = axes_for(ax, (7.6, 4.4))
    told = []
    for i, (name, points) in enumerate(curves.items()):
        colour, marker = COLOURS[i % 5], MARKERS[i % 5]
        xs, ys = [x for _, x, _, _ in points], [y for _, _, y, _ in points]
        reach = [
            [max(0.0, y - low) for _, _, y, (low, _) in points],
            [max(0.0, high - y) for _, _, y, (_, high) in points],
        ]
        join = "-" if i == 0 else ""
        look = {"color": colour, "marker": marker, "ms": 7, "capsize": 3, "elinewidth": 1.1, "label": name}
        ax.errorbar(xs, ys, reach, ls=join, lw=1.2, **look)
        spots = (
            f"{label} at {x:.2f}, {y:.2f} ({low:.2f} to {high:.2f})" for label, x, y, (low, high) in points
        )
        told.append(f"{name}: {', '.join(spots)}.")
    name, x, y = goal
    ax.plot([x], [y], "*", color=ORANGE, ms=17, mec=INK, mew=0.8, label=name, ls="")
    ax.set(xscale="logit", xlabel=axes[0], ylabel=axes[1], ylim=(-0.03, 1.08))
    variety = [x, *(point[1] for points in curves.values() for point in points)]
    ticks = [
        t for t in (0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98) if min(variety) - 0.1 < t < max(variety) + 0.05
    ]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.margins(x=0.1)
    _label_points(ax, curves)
    ax.grid(color="#e4e4e4", lw=0.7)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="center left")
    ax.course_alt = (
        f"{axes[1].capitalize()} over {axes[0]}. {' '.join(told)} The goal, {name}, is at {x:.2f}, {y:.2f}."
    )
    return ax


def _label_points(ax: Any, curves: Mapping[str, Sequence[Point]]) -> None:
    """Put each label to the side of its point where it covers the least of what is drawn."""
    ax.figure.canvas.draw()
    scale = ax.figure.dpi / 72
    points = [(i, *point) for i, curve in enumerate(curves.values()) for point in curve]
    taken = _drawn(ax, curves, 5 * scale)
    for i, label, x, y, _ in points:
        a, b = ax.transData.transform((x, y))
        wide, high = 3.2 * len(label) * scale, 5 * scale
        sides = [(side * (wide + 8 * scale), up * scale) for up in (7, -7, 0, 16, -16) for side in (1, -1)]
        sides += [(0, up * scale) for up in (-14, 14)]
        dx, dy = min(
            sides, key=lambda d: sum(_covers((a + d[0], b + d[1], wide, high), other) for other in taken)
        )
        taken.append((a + dx, b + dy, wide, high))
        look = {"fontsize": 9, "color": COLOURS[i % 5], "ha": "center", "va": "center"}
        ax.annotate(label, (x, y), (dx / scale, dy / scale), textcoords="offset points", **look)


def _drawn(ax: Any, curves: Mapping[str, Sequence[Point]], size: float) -> list[tuple[float, ...]]:
    """Points, intervals and the line of the first curve as boxes: centre, half width and height."""
    boxes = []
    for i, curve in enumerate(curves.values()):
        places = [ax.transData.transform((x, y)) for _, x, y, _ in curve]
        boxes += [(*place, size, size) for place in places]
        for _, x, _, (low, high) in curve:
            (a, bottom), (_, top) = ax.transData.transform([(x, low), (x, high)])
            boxes.append((a, (bottom + top) / 2, size / 2, (top - bottom) / 2))
        if i == 0:
            for (a, b), (c, d) in pairwise(places):
                boxes += [(a + (c - a) * t / 20, b + (d - b) * t / 20, 1, 1) for t in range(21)]
    return boxes


def _covers(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes, given by their centres and half sizes, have a place in common."""
    return abs(one[0] - other[0]) < one[2] + other[2] and abs(one[1] - other[1]) < one[3] + other[3]
