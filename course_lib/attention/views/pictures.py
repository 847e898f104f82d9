"""Masks, arrows, bars of weights, stacked matrices, and attention maps as pictures.

Numbers, lists and tensors come in; Axes or figures go out, to be shown with `viz.picture`. It does not know
models or tokenizers; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number, whole, wrong
from course_lib.figures.arguments import between, checked
from course_lib.figures.axes import axes_for, subplots
from course_lib.figures.colours import BLUE, GREY, INK, RED
from course_lib.figures.strokes import canvas
from course_lib.figures.tokens import TINTS

# Masks and vectors ------------------------------------------------------------------------------------------


@checked()
def masks_picture(masks: Mapping[str, Sequence[Sequence[float]]], size: float = 2.3) -> Any:
    """Masks side by side: blue where a query (row) may look at a key (column), white where not. Gives the
    figure.

    Shapes: each mask (T, S), boolean.

    >>> masks_picture({"all": [[True, True], [True, True]]}).axes[0].course_alt
    'Masks, queries in the rows: all (4 of 4 pairs may look).'
    """
    from matplotlib.colors import ListedColormap

    number("masks_picture", "size", size, "a number of inches above 0", lambda inches: 0 < inches < 100)
    for name, mask in masks.items():
        if any(len(row) != len(mask[0]) or not {*row} <= {0, 1} for row in mask):
            raise wrong("masks_picture", f"masks[{name!r}]", mask, "(T, S), True or False")
    figure, grid = subplots(
        1, len(masks), figsize=((size + 0.4) * len(masks), size + 0.9), squeeze=False, layout="constrained"
    )
    told = []
    for ax, (title, mask) in zip(grid[0], masks.items(), strict=True):
        rows = [[int(value) for value in row] for row in mask]
        T, S = len(rows), len(rows[0])
        ax.imshow(rows, cmap=ListedColormap(["white", BLUE]), vmin=0, vmax=1, interpolation="nearest")
        ax.set_xticks([i - 0.5 for i in range(1, S)], minor=True)
        ax.set_yticks([i - 0.5 for i in range(1, T)], minor=True)
        ax.grid(which="minor", color="#bbbbbb", lw=0.7)
        ax.tick_params(which="both", length=0, labelsize=8)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="key", ylabel="query", xticks=range(S), yticks=range(T))
        told.append(f"{title} ({sum(map(sum, rows))} of {T * S} pairs may look)")
    grid[0][0].course_alt = f"Masks, queries in the rows: {', '.join(told)}."
    return figure


@checked()
def arrows(
    query: tuple[str, tuple[float, float]], keys: Mapping[str, tuple[float, float]], ax: Any = None
) -> Any:
    """A query and the keys that it is compared with, as arrows in the plane, each key with its score. Gives
    the Axes.

    Keys at one place share an arrow. Shapes: the query and each key (2,).

    >>> arrows(("She", [3.0, 3.0]), {"Lily": [1.0, 1.0], "Tom": [-1.0, 1.0]}).course_alt
    'The query of She as an arrow to (3, 3). Keys and their products with it: Lily (1, 1): 6, Tom (-1, 1): 0.'
    """
    ax = axes_for(ax, (4.6, 3.6))
    name, (x, y) = query
    places: dict[tuple[float, float], list[str]] = {}
    for key, arrow in keys.items():
        places.setdefault(arrow, []).append(key)
    _arrow(ax, (x, y), f"query of {name}", BLUE, "--")
    for (a, b), names in places.items():
        _arrow(ax, (a, b), f"{', '.join(names)}: {a * x + b * y:g}", RED, "-")
    ends = [(x, y), *places]
    bound = 1.25 * max(max(abs(a), abs(b)) for a, b in ends) or 1.0
    ax.axhline(0, color="#cccccc", lw=0.8, zorder=0)
    ax.axvline(0, color="#cccccc", lw=0.8, zorder=0)
    ax.set(xlim=(-bound, 1.3 * bound), ylim=(-0.35 * bound, 1.1 * bound), aspect="equal")
    ax.spines[["top", "right"]].set_visible(False)
    scores = ", ".join(f"{key} ({a:g}, {b:g}): {a * x + b * y:g}" for key, (a, b) in keys.items())
    ax.course_alt = (
        f"The query of {name} as an arrow to ({x:g}, {y:g}). Keys and their products with it: {scores}."
    )
    return ax


def _arrow(ax: Any, end: tuple[float, float], label: str, colour: str, style: str) -> None:
    if end == (0.0, 0.0):
        ax.plot([0], [0], "o", color=colour, ms=6)
    else:
        ax.annotate("", end, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2, "ls": style})
    left = end[0] < 0 or end == (0.0, 0.0)
    place = {
        "xytext": (-7 if left else 8, -9),
        "textcoords": "offset points",
        "ha": "right" if left else "left",
    }
    ax.annotate(label, end, color=colour, fontsize=9, **place)


@checked()
def weight_bars(panels: Mapping[str, Sequence[float]], top: float = 1.0) -> Any:
    """Weights as bars, one panel for each set, on one scale from 0 to `top`. Gives the figure.

    >>> weight_bars({"even": [0.5, 0.5], "sharp": [0.0, 1.0]}).axes[0].course_alt
    'The largest of the weights: even 0.50, sharp 1.00.'
    """
    between("weight_bars", "panels", (one for weights in panels.values() for one in weights))
    number("weight_bars", "top", top, "a number above 0", lambda height: 0 < height < math.inf)
    figure, grid = subplots(
        1, len(panels), figsize=(2.4 * len(panels), 2.5), sharey=True, squeeze=False, layout="constrained"
    )
    largest = []
    for ax, (title, weights) in zip(grid[0], panels.items(), strict=True):
        ax.bar(range(len(weights)), weights, color=BLUE)
        ticks = range(0, len(weights), 1 if len(weights) <= 8 else 5)
        ax.set(xlabel="key", ylim=(0, 1.02 * top), xticks=ticks)
        ax.set_title(title, fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        largest.append(f"{title} {max(weights):.2f}")
    grid[0][0].set_ylabel("weight")
    grid[0][0].course_alt = f"The largest of the weights: {', '.join(largest)}."
    return figure


# Matrices ---------------------------------------------------------------------------------------------------


@checked()
def stacked_matrix(n_heads: int, ax: Any = None) -> Any:
    """The matrices of several heads, apart and as rows of one, in the colours of the heads. Gives the Axes.

    >>> stacked_matrix(2).course_alt
    'Apart, 2 heads have 6 matrices of D rows. Stacked: one of 3C, query 0, 1; key 0, 1; value 0, 1.'
    """
    from matplotlib.patches import Rectangle

    n_heads = whole("stacked_matrix", "n_heads", n_heads, 1, len(TINTS))
    ax = canvas(ax, (8.4, 0.34 * 3 * n_heads + 1.0), (-0.3, 20.6), (3 * n_heads + 0.9, -1.1))
    parts = ("query", "key", "value")
    for i, (part, head) in enumerate((part, head) for part in range(3) for head in range(n_heads)):
        look = {"facecolor": TINTS[head], "edgecolor": INK}
        name = f"{parts[part]} {head}"
        for x, y in ((0.2 + 3.6 * part, 1.5 * head + 0.75 * n_heads + 0.25), (14, i)):
            ax.add_patch(Rectangle((x, y), 3.2, 1, **look, lw=0.9))
            ax.text(x + 1.6, y + 0.5, name, ha="center", va="center", fontsize=9)
    for part in range(3):
        ax.add_patch(Rectangle((14, part * n_heads), 3.2, n_heads, fill=False, edgecolor=INK, lw=2.2))
        ax.text(17.5, (part + 0.5) * n_heads, f"C rows: {parts[part]}", ha="left", va="center", fontsize=9.5)
    ax.text(5.4, -0.6, "each (D, C)", ha="center", va="center", fontsize=9.5)
    ax.text(15.6, -0.6, "one, (3C, C)", ha="center", va="center", fontsize=9.5)
    arrow = {"arrowstyle": "-|>", "color": GREY, "lw": 1.4}
    ax.annotate("", (13.6, 1.5 * n_heads), (11, 1.5 * n_heads), arrowprops=arrow)
    heads = ", ".join(map(str, range(n_heads)))
    ax.course_alt = (
        f"Apart, {n_heads} heads have {3 * n_heads} matrices of D rows. Stacked: one of 3C, "
        f"query {heads}; key {heads}; value {heads}."
    )
    return ax


# Attention maps ---------------------------------------------------------------------------------------------


@checked()
def head_maps(maps: Mapping[str, Sequence[Sequence[float]]], tokens: Sequence[str], size: float = 4.6) -> Any:
    """A few heads, large, with the tokens on both sides of each map, two beside each other. Gives the figure.

    Bright means much attention, on each map's own scale; white means exactly none. Rows are the tokens that
    look, columns those that are looked at.

    Shapes: each map (T, T) for T tokens.
    Raises: ValueError for other shapes.

    >>> head_maps({"head 0": [[1, 0], [0.25, 0.75]]}, ["a", "b"]).axes[0].course_alt
    'Attention maps with their tokens. In head 0, the token read most is a, with 62% of everything.'
    """
    import numpy as np

    number("head_maps", "size", size, "a number of inches above 0", lambda inches: 0 < inches < 100)
    T, told = len(tokens), []
    for name, attn in maps.items():
        if len(attn) != T or any(len(row) != T for row in attn):
            raise wrong(
                "head_maps", f"maps[{name!r}]", attn, f"({T}, {T}), a row and a column for each token"
            )
        between("head_maps", f"maps[{name!r}]", (value for row in attn for value in row))
    wide, tall = min(2, len(maps)), (len(maps) + 1) // 2
    figure, grid = subplots(
        tall, wide, figsize=(size * wide, size * tall), squeeze=False, layout="constrained"
    )
    for ax in grid.flat[len(maps) :]:
        ax.axis("off")
    for ax, (name, attn) in zip(grid.flat, maps.items(), strict=False):
        shares = np.ma.masked_equal(np.asarray(attn), 0.0)
        ax.imshow(shares, cmap="cividis", vmin=0, interpolation="nearest")
        ax.set(xticks=range(T), yticks=range(T))
        ax.set_xticklabels(tokens, fontsize=7.5, rotation=90)
        ax.set_yticklabels(tokens, fontsize=7.5)
        ax.tick_params(length=0)
        ax.set_title(name, fontsize=10)
        read = [sum(column) for column in zip(*attn, strict=True)]
        most = read.index(max(read))
        told.append(
            f"In {name}, the token read most is {tokens[most]}, with {read[most] / T:.0%} of everything."
        )
    grid[0][0].course_alt = f"Attention maps with their tokens. {' '.join(told)}"
    return figure
