"""Figures of notebook 03: numbers in tables, masks, arrows, saturated weights, who reads what in a text.

Numbers, lists and tensors come in; Axes or `Html` go out. It does not know models, tokenizers or training;
matplotlib is loaded at the first figure. Show an Axes with `viz.picture(ax)`, which brings its text along.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number, shown, whole, wrong
from course_lib.figures.arguments import between, checked
from course_lib.figures.axes import axes_for, subplots
from course_lib.figures.colours import BLUE, GREY, INK, RED
from course_lib.figures.shown import Html, cividis
from course_lib.figures.tables import NAME, NUMBER, ROW, aligned, blue
from course_lib.figures.tokens import TINTS

# Tables of numbers ------------------------------------------------------------------------------------------


@checked()
def heads_table(x: Sequence[Sequence[float]], tokens: Sequence[str], n_heads: int) -> Html:
    """The numbers of each token, with a colour and a heavy line for each head that gets them.

    Shapes: x (T, C).
    Raises: ValueError if C is not a multiple of `n_heads`.

    >>> print(heads_table([[1, 2, 3, 4]], ["Lily"], n_heads=2))
          head 0  head 1
    Lily     1 2     3 4
    """
    D, rest = divmod(len(x[0]), whole("heads_table", "n_heads", n_heads))
    if rest:
        raise ValueError(f"heads_table got {len(x[0])} numbers for {n_heads} heads; give a multiple.")
    if len(x) != len(tokens) or any(len(row) != len(x[0]) for row in x):
        raise ValueError(
            f"heads_table got {len(tokens)} tokens and {len(x)} rows of numbers, the first of {len(x[0])}; "
            "give a row for each token, all equally long."
        )
    names = [f"head {h}" for h in range(n_heads)]
    head = "".join(
        f'<th colspan="{D}" style="{NAME}; text-align: center; border-left: 3px solid {INK}">{name}</th>'
        for name in names
    )
    body = "".join(
        f'<tr style="{ROW}"><th style="{NAME}; text-align: right">{html.escape(token)}</th>'
        + "".join(_head_cell(f"{value:g}", i, D) for i, value in enumerate(row))
        + "</tr>"
        for token, row in zip(tokens, x, strict=True)
    )
    texts = [[" ".join(f"{v:g}" for v in row[h * D : (h + 1) * D]) for h in range(n_heads)] for row in x]
    table = f'<table style="border-collapse: collapse"><tr style="{ROW}"><th></th>{head}</tr>{body}</table>'
    return Html(table, aligned(tokens, names, texts))


def _head_cell(text: str, place: int, D: int) -> str:
    tint = TINTS[place // D % len(TINTS)]
    edge = f"; border-left: 3px solid {INK}" if place % D == 0 else ""
    return f'<td style="{NUMBER}; background-color: {tint}; color: #1a1a1a{edge}">{text}</td>'


# Running text -----------------------------------------------------------------------------------------------


@checked()
def reading(tokens: Sequence[str], weights: Sequence[float], place: int) -> Html:
    """A text whose colours tell how much the token at `place` (framed) looks at each token up to it.

    What comes after it is grey. In plain text, the framed token stands in brackets and weights of 0.05 and
    more behind their tokens.

    Shapes: weights (T,) for T tokens.
    Raises: ValueError if there are not as many weights as tokens.

    >>> reading(["Lily", "·lost", "·her"], [0.9, 0.02, 0.08], place=1)
    Lily (0.90) [·lost] ·her
    """
    shares, place = weights, whole("reading", "place", place, 0, len(tokens) - 1)
    if len(shares) != len(tokens):
        raise ValueError(f"reading got {len(tokens)} tokens and {len(shares)} weights; give one for each.")
    between("reading", "weights", weights)
    largest = max(shares[: place + 1]) or 1.0
    boxes = [_box(token, shares[i], largest, i - place) for i, token in enumerate(tokens)]
    words = [f"[{token}]" if i == place else token for i, token in enumerate(tokens)]
    told = [
        f"{word} ({share:.2f})" if share >= 0.05 and i <= place else word
        for i, (word, share) in enumerate(zip(words, shares, strict=True))
    ]
    scale = "".join(_swatch(share, largest) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    page = (
        f'<div style="line-height: 2.0; max-width: 60em; overflow-wrap: anywhere">{"<wbr>".join(boxes)}</div>'
        f'<div style="font-size: 0.85em">weight: {scale}</div>'
    )
    return Html(page, " ".join(told))


def _box(token: str, share: float, largest: float, after: int) -> str:
    look = "border: 1px solid #c8c8c8; border-radius: 3px; padding: 1px 2px; white-space: pre"
    if after > 0:
        return f'<span style="{look}; color: {GREY}">{html.escape(token)}</span>'
    back, ink = blue(share / largest)
    frame = f"; outline: 3px solid {RED}" if after == 0 else ""
    colours = f"background-color: {back}; color: {ink}{frame}"
    return f'<span style="{look}; {colours}" title="weight {share:.3f}">{html.escape(token)}</span>'


def _swatch(share: float, largest: float) -> str:
    back, ink = blue(share)
    return (
        f'<span style="background-color: {back}; color: {ink}; padding: 0 6px">{share * largest:.2f}</span>'
    )


# Pictures ---------------------------------------------------------------------------------------------------


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


# Attention maps -------------------------------------------------------------------------------------------


@checked()
def attention_map(
    attn: Sequence[Sequence[float]], tokens: Sequence[str], keys: Sequence[str] | None = None
) -> Html:
    """One head's attention as a table: each row is a token that looks, each column one that is looked at.

    Shapes: attn (T, S); `tokens` are the T labels of the rows, `keys` the S labels of the columns (default:
    the same).

    >>> print(attention_map([[1.0, 0.0], [0.25, 0.75]], ["a", "b"]))
          a     b
    a  1.00     .
    b  0.25  0.75
    """
    rows, keys = attn, tokens if keys is None else keys
    if len(rows) != len(tokens) or any(len(row) != len(keys) for row in rows):
        got = f"{len(rows)} x {len(rows[0]) if rows else 0}"
        raise ValueError(
            f"Got attention of {got}, but {len(tokens)} x {len(keys)} labels; give one head, (T, S)."
        )
    between("attention_map", "attn", (value for row in rows for value in row))
    largest = max((value for row in rows for value in row), default=1.0) or 1.0
    head = "".join(
        '<th style="padding: 2px; font-weight: normal; vertical-align: bottom">'
        f'<span style="writing-mode: vertical-rl">{html.escape(key)}</span></th>'
        for key in keys
    )
    body = "".join(
        f'<tr style="{ROW}">'
        f'<th style="text-align: right; padding: 0 6px; font-weight: normal">{html.escape(token)}</th>'
        + "".join(_attention_cell(v, largest, token, key) for v, key in zip(row, keys, strict=True))
        + "</tr>"
        for token, row in zip(tokens, rows, strict=True)
    )
    head = f'<tr style="{ROW}"><th></th>{head}</tr>'
    table = f'<table style="border-collapse: collapse; font-size: 0.9em">{head}{body}</table>'
    return Html(table, _attention_text(rows, tokens, keys))


def _attention_cell(value: float, largest: float, token: str, key: str) -> str:
    back = "transparent" if value == 0 else cividis(value / largest)[0]
    title = html.escape(f"{token} looks at {key}: {value:.3f}")
    square = "width: 18px; height: 18px; padding: 0; border: 1px solid #e0e0e0"
    return f'<td title="{title}" style="background-color: {back}; {square}"></td>'


def _attention_text(rows: list[list[float]], tokens: Sequence[str], keys: Sequence[str]) -> str:
    left = max(len(token) for token in tokens)
    wide = max(4, *(len(key) for key in keys))
    lines = [" " * left + "".join(f"  {key:>{wide}}" for key in keys)]
    for token, row in zip(tokens, rows, strict=True):
        cells = ("." if value == 0 else f"{value:.2f}" for value in row)
        lines.append(f"{token:<{left}}" + "".join(f"  {cell:>{wide}}" for cell in cells))
    return "\n".join(lines)


@checked()
def attention_maps(maps: Any, size: float = 1.7) -> Any:
    """All heads of all layers as small pictures in a grid: layers downwards, heads to the right. Gives the
    figure.

    Bright means much attention, on each picture's own scale; white means exactly none, as under the causal
    mask. The query positions run downwards, the key positions to the right. For one head with its tokens, use
    `attention_map`. Shapes: one (H, T, S) per layer; of (B, H, T, S) the first of B.

    Raises: ValueError for other shapes.

    >>> import torch
    >>> attention_maps([torch.full((3, 4, 4), 0.25), torch.eye(4)[None]]).axes[0].course_alt
    'Attention maps of 2 layers with up to 3 heads each.'
    """
    import numpy as np

    number("attention_maps", "size", size, "a number of inches above 0", lambda inches: 0 < inches < 100)
    maps = list(maps) if isinstance(maps, list | tuple) or getattr(maps, "ndim", 0) else [maps]
    layers = [attn[0] if getattr(attn, "ndim", 0) == 4 and len(attn) else attn for attn in maps]
    if not layers or any(getattr(layer, "ndim", 0) != 3 or 0 in layer.shape for layer in layers):
        got = ", ".join(shown(attn) for attn in maps) or "nothing"
        raise ValueError(f"attention_maps needs one (H, T, S) or (B, H, T, S) per layer, but got {got}.")
    if any("complex" in str(layer.dtype) or (layer < 0).any() for layer in layers):
        raise ValueError(
            "attention_maps got numbers below 0; it needs weights, as they are after the softmax."
        )
    heads = max(len(layer) for layer in layers)
    figure, grid = subplots(
        len(layers),
        heads,
        figsize=(size * heads + 0.7, size * len(layers) + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for row, layer in enumerate(layers):
        for column in range(heads):
            ax = grid[row][column]
            if column < len(layer):
                shares = np.asarray(layer[column].tolist())
                shares = np.ma.masked_equal(shares, 0.0)
                ax.imshow(shares, cmap="cividis", vmin=0, interpolation="nearest", aspect="auto")
            ax.set(xticks=[], yticks=[])
            if row == 0:
                ax.set_title(f"head {column}", fontsize=9)
            if column == 0:
                ax.set_ylabel(f"layer {row}", fontsize=9)
    grid[0][0].course_alt = f"Attention maps of {len(layers)} layers with up to {heads} heads each."
    return figure
