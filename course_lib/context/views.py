"""Figures of notebook 02: windows, surprise, losses above a floor, a map of words, waves, turning pairs.

Numbers, lists and tensors come in; Axes or `Html` go out. It does not know models, tokenizers or training;
matplotlib is loaded at the first figure. Show an Axes with `viz.picture(ax)`, which brings its text along.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number, whole
from course_lib.figures.arguments import as_many, checked
from course_lib.figures.axes import axes_for, tidy
from course_lib.figures.colours import BLUE, COLOURS, INK, MARKERS, RED
from course_lib.figures.shown import Html

_CELL = "text-align: center; padding: 2px 7px; white-space: pre"
_HEAD = '<th style="text-align: right; padding: 2px 10px; font-weight: normal">'
_BOX = "border: 1px solid #9a9a9a; color: #1a1a1a"
_ROW = "background-color: transparent"  # notebooks stripe the rows of tables otherwise


# Tables -----------------------------------------------------------------------------------------------------


@checked()
def window_table(inputs: Sequence[str], targets: Sequence[str]) -> Html:
    """A window of tokens with its targets below, each target under the input after which it comes.

    >>> print(window_table(["a", "b"], ["b", "c"]))
    input   a  b
    target  b  c
    """
    as_many("window_table", inputs=inputs, targets=targets)
    rows = (("input", inputs, "#cfe8f7"), ("target", targets, "#fde3b3"))
    body = "".join(
        f'<tr style="{_ROW}">{_HEAD}{name}</th>' + "".join(_cell(token, back) for token in tokens) + "</tr>"
        for name, tokens, back in rows
    )
    wide = [max(len(a), len(b)) for a, b in zip(inputs, targets, strict=True)]
    lines = [
        f"{name:<6}  " + "  ".join(f"{t:<{w}}" for t, w in zip(tokens, wide, strict=True))
        for name, tokens, _ in rows
    ]
    table = f'<table style="border-collapse: separate; border-spacing: 3px">{body}</table>'
    return Html(f'<div style="overflow-x: auto">{table}</div>', "\n".join(line.rstrip() for line in lines))


@checked("tokens")
def reach_table(tokens: Sequence[str], reach: Mapping[str, int | None]) -> Html:
    """Which tokens each model looks at when it predicts what comes after the last: so many, or None for all.

    >>> print(reach_table(["a", "b", "c"], {"bigram": 1, "recurrent": None}))
    bigram     . . c
    recurrent  a b c
    """
    for name, count in reach.items():
        if count is not None:
            whole("reach_table", f"reach[{name!r}]", count, 0)
    rows, lines, wide = [], [], max(map(len, reach))
    for name, count in reach.items():
        first = 0 if count is None else max(0, len(tokens) - count)
        cells = [_cell(t, "#cfe8f7") if i >= first else _unseen(t) for i, t in enumerate(tokens)]
        rows.append(
            f'<tr style="{_ROW}">{_HEAD}{html.escape(name)}</th>{"".join(cells)}{_cell("?", "white")}</tr>'
        )
        seen = [t if i >= first else "." for i, t in enumerate(tokens)]
        lines.append(f"{name:<{wide}}  {' '.join(seen)}")
    table = f'<table style="border-collapse: separate; border-spacing: 3px">{"".join(rows)}</table>'
    return Html(f'<div style="overflow-x: auto">{table}</div>', "\n".join(lines))


@checked()
def neighbours_table(neighbours: Mapping[str, Sequence[tuple[str, float]]]) -> Html:
    """Words with their nearest neighbours and how near these are (the cosine); any language.

    >>> print(neighbours_table({"red": [("blue", 0.9), ("green", 0.75)]}))
    red: blue 0.90, green 0.75
    """
    rows = "".join(
        f'<tr style="{_ROW}"><th style="text-align: right; padding: 3px 12px; white-space: pre">'
        f"{html.escape(word.strip())}</th>"
        + "".join(
            f'<td style="text-align: left; padding: 3px 12px">{html.escape(near.strip())} '
            f'<span style="font-size: 0.8em">{cosine:.2f}</span></td>'
            for near, cosine in found
        )
        + "</tr>"
        for word, found in neighbours.items()
    )
    lines = [
        f"{word.strip()}: " + ", ".join(f"{near.strip()} {cosine:.2f}" for near, cosine in found)
        for word, found in neighbours.items()
    ]
    return Html(f'<table style="border-collapse: collapse">{rows}</table>', "\n".join(lines))


def _cell(token: str, back: str) -> str:
    return f'<td style="{_CELL}; {_BOX}; background-color: {back}">{html.escape(token)}</td>'


def _unseen(token: str) -> str:
    return f'<td style="{_CELL}; border: 1px dotted #c0c0c0; color: #8a8a8a">{html.escape(token)}</td>'


# Losses -----------------------------------------------------------------------------------------------------


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


# Vectors ----------------------------------------------------------------------------------------------------


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


# Positions --------------------------------------------------------------------------------------------------


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
    for name, arrow, place, colour, style in arrows:
        x, y = arrow
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
