"""The surprise over the probability, and a map of words.

Numbers and words come in, Axes go out. It does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number
from course_lib.figures.arguments import checked
from course_lib.figures.axes import axes_for, tidy
from course_lib.figures.colours import BLUE, COLOURS, INK, MARKERS, RED


@checked()
def surprise_curve(marked: Sequence[float] = (0.9, 0.5, 0.1, 0.01), ax: Any = None) -> Any:
    """-ln p over p, with some probabilities marked. Gives the Axes.

    >>> surprise_curve().get_xlabel()
    'probability of the token that came'
    """
    for p in marked:
        number("surprise_curve", "marked", p, "probabilities above 0 and up to 1", lambda p: 0 < p <= 1)
    ax = axes_for(ax, (6.4, 3.2))
    chances = [i / 400 for i in range(2, 401)]
    ax.plot(chances, [-math.log(p) for p in chances], color=BLUE, lw=2)
    for p in marked:
        nats = -math.log(p)
        ax.plot([p], [nats], "o", color=RED, ms=7)
        ax.annotate(f"{p:g}: {nats:.2f}", (p, nats), xytext=(8, 5), textcoords="offset points", color=INK)
    ax.set(
        xlabel="probability of the token that came", ylabel="surprise in nats", xlim=(0, 1.09), ylim=(0, 5.4)
    )
    tidy(ax)
    told = ", ".join(f"{-math.log(p):.2f} at {p:g}" for p in marked)
    ax.course_alt = (
        f"Surprise over probability: it falls from far above 5 nats near 0 to 0 at 1. It is {told}."
    )
    return ax


@checked()
def word_map(
    points: Sequence[tuple[float, float]], groups: Mapping[str, Sequence[str]], ax: Any = None
) -> Any:
    """Words at their places in the plane, each group with a colour and a marker of its own. Gives the Axes.

    Shapes: points (number of words, 2), in the order of the groups.
    Raises: ValueError if there are not as many points as words.

    >>> word_map([[0.0, 0.0], [1.0, 1.0]], {"days": ["Monday"], "colours": ["red"]}).course_alt
    'Words in the plane, in groups: days (Monday); colours (red).'
    """
    places = points
    if len(places) != sum(map(len, groups.values())):
        raise ValueError(
            f"word_map got {len(places)} points for {sum(map(len, groups.values()))} words; give one each."
        )
    ax, start = axes_for(ax, (7.4, 5.0)), 0
    for i, (name, words) in enumerate(groups.items()):
        own = places[start : start + len(words)]
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        ax.plot([x for x, _ in own], [y for _, y in own], marker, color=colour, ms=7, label=name)
        start += len(words)
    ax.set(xticks=[], yticks=[])
    ax.margins(0.1)
    _label_points(ax, places, [word for words in groups.values() for word in words])
    ax.spines[:].set_color("#c8c8c4")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = "; ".join(f"{name} ({', '.join(words)})" for name, words in groups.items())
    ax.course_alt = f"Words in the plane, in groups: {told}."
    return ax


def _label_points(ax: Any, places: Sequence[Sequence[float]], words: Sequence[str]) -> None:
    """Write each word beside its point, on the first of six sides where it covers no other word or point."""
    scale = 72 / ax.figure.dpi
    dots = [(scale * x, scale * y) for x, y in ax.transData.transform(places)]
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in dots]
    for word, place, (x, y) in zip(words, places, dots, strict=True):
        wide = 5.4 * len(word)
        sides = [(7, dy) for dy in (-3, 5, -11)] + [(-7 - wide, dy) for dy in (-3, 5, -11)]
        boxes = [(x + dx, y + dy, x + dx + wide, y + dy + 8) for dx, dy in sides]
        covers = [sum(_overlap(box, other) for other in taken) for box in boxes]
        best = covers.index(min(covers))
        taken.append(boxes[best])
        ax.annotate(word, place, xytext=sides[best], textcoords="offset points", fontsize=8.5, color=INK)


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
