"""What was measured several times: lines with an interval at each point, rows with a dot for each trial.

Numbers come in, Axes go out. It does not know what was measured, nor how an interval is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from course_lib.figures.arguments import as_many, checked
from course_lib.figures.axes import axes_for, name_rows, tidy
from course_lib.figures.colours import BLUE, COLOURS, GREY, INK, MARKERS, SKY

Line = tuple[Sequence[float], Sequence[float], Sequence[tuple[float, float]]]  # x, y, intervals of y


@checked()
def with_intervals(
    lines: Mapping[str, Line], xlabel: str, ylabel: str, log: Literal["", "y"] = "", ax: Any = None
) -> Any:
    """Several named lines, each (x values, y values, intervals of y); the intervals are bars. Gives the Axes.

    Lines stand a little beside each other, so that no bar hides another.

    >>> with_intervals({"a": ([1, 2], [3.0, 4.0], [(2.0, 4.0), (3.0, 5.0)])}, "n", "loss").course_alt
    'Loss over n. a: 3 (2 to 4) at 1, 4 (3 to 5) at 2.'
    """
    for name, (xs, ys, ends) in lines.items():
        as_many(f"with_intervals, in {name!r},", x=xs, y=ys, intervals=ends)
        for y, (low, high) in zip(ys, ends, strict=True):
            if not low - 1e-6 <= y <= high + 1e-6:  # an end may miss it by rounding
                raise ValueError(f"with_intervals got {y:g} in {name!r}, outside of {low:g} to {high:g}.")
    ax, told = axes_for(ax, (7.2, 3.8)), []
    every = [x for xs, _, _ in lines.values() for x in xs]
    gap = 0.012 * (max(every) - min(every)) if every else 0
    for i, (name, (xs, ys, ends)) in enumerate(lines.items()):
        beside = [x + gap * (i - (len(lines) - 1) / 2) for x in xs]
        reach = [[y - low for y, (low, _) in zip(ys, ends, strict=True)]]
        reach += [[high - y for y, (_, high) in zip(ys, ends, strict=True)]]
        reach = [[max(0.0, length) for length in side] for side in reach]
        look = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        ax.errorbar(beside, ys, reach, ms=5.5, lw=1.5, capsize=2.5, elinewidth=1.1, label=name, **look)
        points = zip(xs, ys, ends, strict=True)
        told.append(
            f"{name}: " + ", ".join(f"{y:.3g} ({a:.3g} to {b:.3g}) at {x:g}" for x, y, (a, b) in points)
        )
    if log:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    tidy(ax)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.course_alt = f"{ylabel[:1].upper()}{ylabel[1:]} over {xlabel}. {'. '.join(told)}."
    return ax


@checked()
def trials(
    rows: Mapping[str, Sequence[float]], label: str, marks: Mapping[str, float] | None = None, ax: Any = None
) -> Any:
    """A row for each name, with a dot for each trial and a bar at their mean; `marks` are dashed lines with
    their names. Gives the Axes.

    >>> trials({"whole": [1.5, 2.5]}, "loss", marks={"counting": 3.0}).course_alt
    'Loss: whole 2.00 (1.50, 2.50). Marked: counting 3.00.'
    """
    ax, told = axes_for(ax, (7.4, 0.42 * len(rows) + 1.2)), []
    for y, (name, values) in enumerate(rows.items()):
        mean = sum(values) / len(values)
        ax.plot([min(values), max(values)], [y, y], color=SKY, lw=5, solid_capstyle="butt", zorder=1)
        ax.plot(values, [y] * len(values), "o", color=BLUE, ms=6, alpha=0.75, zorder=2)
        ax.plot([mean], [y], "|", color=INK, ms=17, mew=2, zorder=3)
        ax.text(
            1.01, y, f"{mean:.2f}", transform=ax.get_yaxis_transform(), va="center", fontsize=9, color=INK
        )
        told.append(f"{name} {mean:.2f} ({', '.join(f'{value:.2f}' for value in values)})")
    name_rows(ax, list(rows))
    for name, value in (marks or {}).items():
        ax.axvline(value, color=GREY, lw=1.2, ls=(0, (5, 3)), zorder=0)
        ax.text(value, -0.62, name, ha="center", va="bottom", fontsize=8.5, color=INK)
    ax.set(xlabel=label, ylim=(len(rows) - 0.5, -0.7 if marks else -0.5))
    marked = "; ".join(f"{name} {value:.2f}" for name, value in (marks or {}).items())
    ax.course_alt = f"{label[:1].upper()}{label[1:]}: {'; '.join(told)}." + f" Marked: {marked}." * bool(
        marked
    )
    return ax
