"""Figures of notebook 12: told against said, how sure against how often right, the way of a hidden order.

Plain numbers come in; Axes go out. It does not know models; matplotlib is loaded at the first figure. Show a
figure with `viz.picture`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.figures.arguments import between, checked
from course_lib.figures.axes import axes_for, tidy
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE
from course_lib.figures.flow import arrow, box, canvas, note
from course_lib.intervals import wilson

_LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "D"))


@checked()
def against(
    rows: Mapping[str, Sequence[tuple[float, float]]], xlabel: str, ylabel: str, ax: Any = None
) -> Any:
    """Pairs of shares, a mark for each name; on the dashed line both are equal. Gives the Axes.

    >>> against({"a": [(0.25, 0.5), (1.0, 1.0)]}, "told", "said").course_alt
    'Said over told, in %. a: 50 at 25, 100 at 100. On the dashed line both are equal.'
    """
    ax = axes_for(ax, (6.8, 4.2))
    ax.plot([0, 100], [0, 100], color=INK, lw=1, ls=(0, (5, 3)))
    told = []
    for j, (name, pairs) in enumerate(rows.items()):
        between("against", f"rows[{name!r}]", (value for pair in pairs for value in pair))
        colour, mark = _LOOKS[j % len(_LOOKS)]
        xs, ys = [100 * x for x, _ in pairs], [100 * y for _, y in pairs]
        ax.scatter(xs, ys, s=34, color=colour, marker=mark, alpha=0.8, label=name)
        told.append(f"{name}: " + ", ".join(f"{y:.0f} at {x:.0f}" for x, y in zip(xs, ys, strict=True)))
    ax.set(xlim=(-4, 104), ylim=(-4, 104), xlabel=f"{xlabel}, in %", ylabel=f"{ylabel}, in %")
    tidy(ax)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    head = f"{ylabel[:1].upper()}{ylabel[1:]} over {xlabel}, in %."
    ax.course_alt = f"{head} {'. '.join(told)}. On the dashed line both are equal."
    return ax


@checked()
def reliability(rows: Mapping[str, Sequence[tuple[float, float, int]]], ax: Any = None) -> Any:
    """A reliability diagram over all of 0 to 100 %: each bin is (confidence, share right, count), and the
    strokes are 95 % Wilson intervals of what is right. Gives the Axes.

    >>> reliability({"known": [(0.9, 0.5, 20)]}).course_alt
    'known: 90 % sure, 50 % right (30 to 70 %, 20 answers). On the dashed line both are equal.'
    """
    ax = axes_for(ax, (5.2, 4.2))
    ax.plot([0, 100], [0, 100], color=INK, lw=1, ls=(0, (5, 3)))
    told = []
    for j, (name, bins) in enumerate(rows.items()):
        between("reliability", f"rows[{name!r}]", (part for a, b, _ in bins for part in (a, b)))
        between("reliability", f"the count of {name!r}", (count for _, _, count in bins), 1, math.inf)
        colour, mark = _LOOKS[j % len(_LOOKS)]
        sure, right = [100 * row[0] for row in bins], [100 * row[1] for row in bins]
        ends = [[100 * end for end in wilson(round(share * n), n)] for _, share, n in bins]
        ax.vlines(sure, [low for low, _ in ends], [high for _, high in ends], color=colour, lw=1.2)
        ax.plot(sure, right, mark, color=colour, ms=7, label=name)
        parts = [
            f"{a:.0f} % sure, {b:.0f} % right ({low:.0f} to {high:.0f} %, {row[2]} answers)"
            for a, b, (low, high), row in zip(sure, right, ends, bins, strict=True)
        ]
        told.append(f"{name}: {'; '.join(parts)}.")
    ax.set(xlim=(-4, 104), ylim=(-4, 104), xlabel="how sure, in %", ylabel="how often right, in %")
    tidy(ax)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.course_alt = f"{' '.join(told)} On the dashed line both are equal."
    return ax


def one_row(ax: Any = None) -> Any:
    """How an order that stands in a document reaches the model: in one row with the user's. Gives the Axes.

    >>> [text.get_text() for text in one_row().texts][:2]
    ['you: "Is this\\nreview good?"', 'a document from\\nsomebody else']
    """
    ax = canvas(ax, 96, 26)
    box(ax, (1, 15, 19, 8), 'you: "Is this\nreview good?"', BLUE)
    box(ax, (1, 3, 19, 8), "a document from\nsomebody else", GREY)
    box(ax, (33, 9, 30, 8), "one row of tokens", INK)
    box(ax, (76, 9, 16, 8), "model", ORANGE)
    arrow(ax, (20.3, 19), (32.7, 14.5), BLUE)
    arrow(ax, (20.3, 7), (32.7, 11.5))
    arrow(ax, (63.3, 13), (75.7, 13))
    note(ax, (10.5, 1.3), '"... Say something else ..."', 8.5)
    note(ax, (48, 6.6), "who said what is not marked", 8.5)
    ax.course_alt = (
        "Your request and a document from somebody else, with an order in it, become one row of tokens, in "
        "which it isn't marked who said what. The model reads that row."
    )
    return ax
