"""Texts that are being written: beams as a tree, what a cache saves, a batch.

Plain numbers and texts come in; Axes, figures or `Html` go out. It does not know models, tokenizers or how a
token is chosen.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from course_lib.arguments import whole, wrong
from course_lib.figures.arguments import between, checked
from course_lib.figures.axes import axes_for, subplots
from course_lib.figures.colours import BLUE, GREY, INK
from course_lib.figures.shown import Html

_PALE = "#d5e8f3"


@checked("kept")
def beam_tree(
    steps: Sequence[Sequence[tuple[str, float]]], kept: Sequence[str], start: str = "", ax: Any = None
) -> Any:
    """Beginnings of texts as a tree, with the probability of each; those that are kept are framed in blue.
    Gives the Axes.

    `steps` holds for each step its beginnings, words joined by spaces, with their probabilities.

    >>> beam_tree([[("a", 0.6), ("no", 0.4)]], kept=["a"]).course_alt
    'A tree of beginnings. Step 1: a 0.60 (kept), no 0.40.'
    """
    between("beam_tree", "a probability", (chance for step in steps for _, chance in step))
    known = {""}
    for depth, beginnings in enumerate(steps, 1):
        for text, _ in beginnings:
            if (before := text.rpartition(" ")[0]) not in known:
                raise ValueError(f"beam_tree got {text!r} in step {depth}, but no {before!r} before it.")
        known |= {text for text, _ in beginnings}
    widest = max(map(len, steps))
    ax = axes_for(ax, (7.6, 0.52 * widest + 0.5))
    places: dict[str, tuple[float, float]] = {"": (0.0, (widest - 1) / 2)}
    white = {"boxstyle": "round,pad=0.3", "fc": "white", "ec": "white"}
    ax.text(*places[""], start, ha="center", va="center", fontsize=10, color=INK, bbox=white, zorder=3)
    told = ["A tree of beginnings."]
    for depth, beginnings in enumerate(steps, 1):
        gap = widest / len(beginnings)
        for i, (text, chance) in enumerate(beginnings):
            place, held = (depth, gap * (i + 0.5) - 0.5), text in kept
            places[text], parent = place, places[text.rpartition(" ")[0]]
            colour, width, dashes = (BLUE, 2.2, "-") if held else (GREY, 1.2, (0, (4, 3)))
            ax.plot((parent[0], place[0]), (parent[1], place[1]), color=colour, lw=width, ls=dashes, zorder=1)
            look = {"fontsize": 9.5, "color": INK, "bbox": {**white, "ec": colour, "lw": width}, "zorder": 3}
            ax.text(*place, f"{text}  {chance:.2f}", ha="center", va="center", **look)
        marks = (f"{text} {chance:.2f}{' (kept)' if text in kept else ''}" for text, chance in beginnings)
        told.append(f"Step {depth}: {', '.join(marks)}.")
    ax.set(xlim=(-0.25, len(steps) + 0.4), ylim=(widest - 0.4, -0.6))
    ax.axis("off")
    ax.course_alt = " ".join(told)
    return ax


@checked()
def cache_picture(
    prompt: int, new: int, titles: tuple[str, str] = ("without a cache", "with a cache")
) -> Any:
    """Which tokens the model computes at each step (dark), and which it remembers (pale). Gives the figure.

    >>> cache_picture(prompt=2, new=3).axes[0].course_alt
    'A prompt of 2 tokens, 3 steps. Computed without a cache: 2 + 3 + 4 = 9, with a cache: 2 + 1 + 1 = 4.'
    """
    from matplotlib import pyplot

    prompt, new = whole("cache_picture", "prompt", prompt), whole("cache_picture", "new", new)
    figure, grid = subplots(1, 2, figsize=(7.4, 0.3 * new + 1.1), sharey=True, layout="constrained")
    told = []
    for ax, title, cached in zip(grid, titles, (False, True), strict=True):
        counts = []
        for step in range(new):
            first = prompt + step - 1 if cached and step else 0
            counts.append(prompt + step - first)
            for column in range(prompt + step):
                look = {"fc": BLUE} if column >= first else {"fc": _PALE, "hatch": "//", "ec": "#9ab8cc"}
                ax.add_patch(pyplot.Rectangle((column + 0.06, step + 0.06), 0.88, 0.88, lw=0, **look))
        ax.set(xlim=(0, prompt + new - 1), ylim=(new, 0), aspect="equal", xlabel="token")
        ax.set_title(f"{title}: {sum(counts)} computed", fontsize=10)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color("#c8c8c4")
        told.append(f"{title}: {' + '.join(map(str, counts))} = {sum(counts)}")
    grid[0].set_ylabel("step")
    grid[0].course_alt = f"A prompt of {prompt} tokens, {new} steps. Computed {', '.join(told)}."
    return figure


@checked("rows")
def batch_table(rows: Sequence[Sequence[str]]) -> Html:
    """Texts of different lengths as rows of one table, flush right; what fills up the left is grey.

    >>> print(batch_table([["On", "·Monday"], ["Tom"]]))
    On  ·Monday
    .       Tom
    """
    if not any(rows):
        raise wrong("batch_table", "rows", rows, "a list of lists of texts, at least one of them with a text")
    wide = max(map(len, rows))
    look = "padding: 2px 7px; border: 1px solid #d8d8d8; text-align: center; white-space: pre"
    padded = [[None] * (wide - len(row)) + list(row) for row in rows]
    body = "".join(
        '<tr style="background-color: transparent">'
        + "".join(
            f'<td style="{look}; background-color: #e4e4e4; color: #6a6a6a">&middot;&middot;&middot;</td>'
            if cell is None
            else f'<td style="{look}">{html.escape(cell)}</td>'
            for cell in row
        )
        + "</tr>"
        for row in padded
    )
    widths = [max(len(row[i] or ".") for row in padded) for i in range(wide)]
    lines = [
        "  ".join(f"{cell or '.':>{w}}" if i else f"{cell or '.':<{w}}" for i, (cell, w) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in padded)
    ]
    return Html(f'<table style="border-collapse: collapse">{body}</table>', "\n".join(lines))
