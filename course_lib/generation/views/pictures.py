"""Distributions before and after, dice, beams, what a cache saves, a batch, quality against variety.

Plain numbers, lists and tensors come in; Axes, figures or `Html` go out. It does not know models, tokenizers
or how a token is chosen.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from course_lib.arguments import number, whole, wrong
from course_lib.figures.arguments import as_many, between, checked
from course_lib.figures.axes import axes_for, subplots
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, RED, SKY
from course_lib.figures.shown import Html
from course_lib.figures.tokens import TINTS

_COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE)
_MARKERS = ("o", "s", "^", "D", "v")
_PALE = "#d5e8f3"


# Distributions ----------------------------------------------------------------------------------------------


@checked()
def reshaped(
    before: Sequence[float], after: Mapping[str, Sequence[float]], labels: Sequence[str], top: int = 8
) -> Any:
    """A distribution before (outline) and after each of several changes (filled), one panel each. Gives the
    figure.

    The `top` likeliest tokens before the change are shown; a cross marks those that have become impossible.
    Shapes: before and each of after (V,).

    >>> reshaped([0.6, 0.4], {"k = 1": [1.0, 0.0]}, ["hat", "key"]).axes[0].course_alt
    'Probabilities before: hat 0.60, key 0.40. After k = 1: hat 1.00, key out.'
    """
    old, top = before, whole("reshaped", "top", top)
    as_many("reshaped", before=old, labels=labels, **{f"after {name}": one for name, one in after.items()})
    between("reshaped", "a probability", (one for all_ in (old, *after.values()) for one in all_))
    order = sorted(range(len(old)), key=lambda i: (-old[i], i))[:top]
    size = (2.1 * len(after) + 1.3, 0.27 * len(order) + 1.0)
    figure, grid = subplots(1, len(after), figsize=size, sharey=True, squeeze=False, layout="constrained")
    told = [f"Probabilities before: {_told([labels[i] for i in order], [old[i] for i in order])}."]
    for ax, (title, new) in zip(grid[0], after.items(), strict=True):
        _bars(ax, [old[i] for i in order], [new[i] for i in order])
        ax.set_title(title, fontsize=10)
        told.append(f"After {title}: {_told([labels[i] for i in order], [new[i] for i in order])}.")
    grid[0][0].set_yticks(range(len(order)), [labels[i] for i in order], fontsize=9)
    grid[0][0].set_ylim(len(order) - 0.45, -0.55)
    largest = max(max(old), *(max(chances) for chances in after.values()))
    for ax in grid[0]:
        ax.set_xlim(0, 1.08 * largest)
    figure.supxlabel("probability", fontsize=9)
    grid[0][0].course_alt = " ".join(told)
    return figure


def _bars(ax: Any, old: Sequence[float], new: Sequence[float]) -> None:
    places = range(len(old))
    ax.barh(places, new, 0.5, color=BLUE)
    ax.barh(places, old, 0.78, facecolor="none", edgecolor=INK, lw=0.9)
    gone = [place for place in places if new[place] == 0]
    if gone:  # an empty line outside of its axes would confuse the layout
        ax.plot([0] * len(gone), gone, "x", color=RED, ms=6, mew=1.8, clip_on=False, zorder=4)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0, pad=8)
    ax.tick_params(labelsize=9)


def _told(labels: Sequence[str], chances: Sequence[float]) -> str:
    return ", ".join(
        f"{label} {chance:.2f}" if chance else f"{label} out"
        for label, chance in zip(labels, chances, strict=True)
    )


@checked("dice")
def end_to_end(
    probabilities: Sequence[float], labels: Sequence[str], dice: Sequence[float] = (), ax: Any = None
) -> Any:
    """Probabilities laid end to end from 0 to 1, and where the dice fall. Gives the Axes.

    Shapes: probabilities (V,), with one label each.

    >>> end_to_end([0.75, 0.25], ["hat", "key"], [0.8]).course_alt
    'From 0 to 1: hat to 0.75, key to 1.00. A die of 0.80 falls on key.'
    """
    as_many("end_to_end", probabilities=probabilities, labels=labels)
    between("end_to_end", "probabilities", probabilities)
    between("end_to_end", "dice", dice)
    if abs(sum(probabilities) - 1) > 0.01:
        raise ValueError(f"end_to_end got probabilities with the sum {sum(probabilities):g}; it must be 1.")
    ax = axes_for(ax, (8.2, 1.7))
    chances, left, ends = probabilities, 0.0, []
    for i, (label, chance) in enumerate(zip(labels, chances, strict=True)):
        ax.barh(0, chance, 0.8, left, facecolor=TINTS[i % len(TINTS)], edgecolor=INK, lw=0.8)
        if chance > 0.02:
            narrow = chance < 0.009 * len(label)
            ax.text(left + chance / 2, 0, label, ha="center", va="center", fontsize=9, rotation=90 * narrow)
        left += chance
        ends.append(left)
    told = [f"From 0 to 1: {', '.join(f'{n} to {end:.2f}' for n, end in zip(labels, ends, strict=True))}."]
    for die in dice:
        hit = next((label for label, end in zip(labels, ends, strict=True) if die < end), labels[-1])
        ax.plot([die], [0.62], "v", color=RED, ms=9)
        ax.text(die, 0.8, f"{die:g}", ha="center", va="bottom", fontsize=9, color=RED)
        told.append(f"A die of {die:.2f} falls on {hit}.")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.45, 1.15), yticks=[], xticks=[0, 0.25, 0.5, 0.75, 1])
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    ax.course_alt = " ".join(told)
    return ax


# Beams ------------------------------------------------------------------------------------------------------


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


@checked("marks")
def chances_histogram(
    values: Sequence[float], marks: Mapping[str, float], xlabel: str, ax: Any = None
) -> Any:
    """How often values of each size came, with some single values marked by lines. Gives the Axes.

    >>> chances_histogram([40.0, 42.0, 47.0], {"beam": 22.0}, "nats").course_alt
    'Histogram of 3 values in nats, from 40 to 47, their mean 43. Marked: beam 22.'
    """
    ax = axes_for(ax, (7.2, 3.2))
    numbers = values
    ax.hist(numbers, bins=16, color=SKY, edgecolor="white")
    top = ax.get_ylim()[1]
    for i, (name, value) in enumerate(marks.items()):
        style = ("-", "--", ":", "-.")[i % 4]
        ax.plot([value, value], [0, top * 1.02], color=_COLOURS[(i + 1) % 5], lw=2.2, ls=style, label=name)
    ax.set(xlabel=xlabel, ylabel="texts", ylim=(0, top * 1.08))
    ax.legend(frameon=False, loc="upper right")
    ax.spines[["top", "right"]].set_visible(False)
    told = ", ".join(f"{name} {value:.0f}" for name, value in marks.items())
    ax.course_alt = (
        f"Histogram of {len(numbers)} values in {xlabel}, from {min(numbers):.0f} to {max(numbers):.0f}, "
        f"their mean {sum(numbers) / len(numbers):.0f}. Marked: {told}."
    )
    return ax


# Cache and batch --------------------------------------------------------------------------------------------


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


# Quality and variety ----------------------------------------------------------------------------------------

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
        colour, marker = _COLOURS[i % 5], _MARKERS[i % 5]
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
        look = {"fontsize": 9, "color": _COLOURS[i % 5], "ha": "center", "va": "center"}
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


# All parts together -----------------------------------------------------------------------------------------
