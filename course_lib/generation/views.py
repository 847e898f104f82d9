"""Figures of notebook 06: distributions before and after, dice, the loop, beams, a cache, a batch, quality.

Plain numbers, lists and tensors come in; Axes, figures or `Html` go out. It does not know models, tokenizers
or how a token is chosen; matplotlib is loaded at the first figure. Show them with `viz.picture`, which brings
their text along.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from course_lib.arguments import number, whole, wrong
from course_lib.figures.arguments import as_many, between, checked, no_others
from course_lib.figures.axes import axes_for, subplots
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, RED, SKY
from course_lib.figures.shown import Html
from course_lib.figures.strokes import arrow, box, canvas, cells, plus, word, wording
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


# The loop ---------------------------------------------------------------------------------------------------


@checked()
def loop_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The loop that writes: the text goes in, a token comes out and goes to the end of the text. Gives the
    Axes.

    `words` replaces labels, for another language.

    >>> loop_plan(words={"draw": "ziehen"}).course_alt[:50]
    'The loop that writes. The ids of the text (1, T) g'
    """
    own = {"text": "the text\n(1, T)", "model": "model", "logits": "logits at the\nlast position\n(1, V)"}
    own |= {
        "reshape": "reshape",
        "draw": "draw",
        "token": "one token",
        "append": "put it at the end, and again",
    }
    own |= {"stop": "end of text, or enough?\nStop.", "die": "a die"}
    label = wording("loop_plan", words, own)
    ax = canvas(ax, (9.2, 2.6), (0, 100), (0, 27))
    places = (("text", 1, 13, INK), ("model", 19, 13, BLUE), ("logits", 37, 15, GREY))
    places += (("reshape", 57, 11, ORANGE), ("draw", 73, 9, RED))
    for i, (name, left, wide, colour) in enumerate(places):
        box(ax, left, 13, wide, 9, label[name], colour)
        end = places[i + 1][1] if i + 1 < len(places) else 87
        arrow(ax, (left + wide, 17.5), (end, 17.5))
    word(ax, (77.5, 25.5), label["die"], small=True)
    arrow(ax, (77.5, 24.4), (77.5, 22))
    word(ax, (87.6, 17.5), label["token"], "left")
    ax.plot([92, 92, 7.5], [15.5, 5, 5], color=INK, lw=1.4)
    arrow(ax, (7.5, 5), (7.5, 13), INK)
    word(ax, (48, 7), label["append"])
    word(ax, (92, 2), label["stop"], small=True)
    ax.course_alt = (
        "The loop that writes. The ids of the text (1, T) go into the model, which gives logits; those at "
        "the last position (1, V) are reshaped, and a die draws one token of them. The token is put at the "
        "end of the text, and the text goes in again, until the end of text is drawn or there is enough."
    )
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


@checked("tokens")
def cache_plan(
    tokens: Sequence[str], width: int = 3, ax: Any = None, words: Mapping[str, str] | None = None
) -> Any:
    """One step with a cache, in one head of one layer: the last token asks all keys, and leaves its own key
    and value there for later. Gives the Axes.

    >>> cache_plan(["Lily", "saw", "·She"]).course_alt
    'One head of one layer, at the token ·She. Its query, key and value are computed. The keys and values of \
Lily, saw are remembered; its own are put behind them. The query is compared with all 3 keys, and the values \
are mixed by the result.'
    """
    own = {
        "keys": "keys",
        "values": "values",
        "query": "query",
        "key": "key",
        "value": "value",
        "result": "result",
    }
    label = wording("cache_plan", words, {**own, "weights": "softmax of\nthe scores", "new": "the new token"})
    width, n, wide = whole("cache_plan", "width", width, most=24), len(tokens), 5.0
    high, right = 1.0 * width, 46 + 5.0 * len(tokens)
    ax = canvas(ax, (9.0, 0.32 * (3 * width) + 1.4), (0, right + 26), (-2 * high - 7, high + 4))
    word(ax, (5, -high / 2 - 1.5), tokens[-1])
    word(ax, (5, -high / 2 + 0.2), label["new"], small=True)
    for name, y in (("query", high), ("key", -1.5), ("value", -high - 4.5)):
        cells(ax, 22, y, 1, width, (3, 1), BLUE)
        word(ax, (23.5, y + 0.8), label[name], small=True)
        arrow(ax, (9, -high / 2 - 1.2), (21.5, y - high / 2))
    for name, y in (("keys", -1.5), ("values", -high - 4.5)):
        for i in range(n):
            cells(
                ax,
                40 + wide * i,
                y,
                1,
                width,
                (wide - 1, 1),
                _PALE if i < n - 1 else BLUE,
                "//" * (i < n - 1),
            )
        word(ax, (38.6, y - high / 2), label[name], "right")
        arrow(ax, (25.4, y - high - 0.4), (38 + wide * n - 1, y - high - 0.4))
    for i, token in enumerate(tokens):
        word(ax, (40 + wide * (i + 0.4), -2 * high - 6.2), token, small=True)
        arrow(ax, (25.4, high / 2 + 0.4), (40 + wide * (i + 0.4), -1.3), RED)
    arrow(ax, (40 + wide * n, -1.5 - high / 2), (right, -1.5 - high / 2), RED)
    word(ax, (right + 7, -1.5 - high / 2), label["weights"])
    arrow(ax, (40 + wide * n, -4.5 - 1.5 * high), (right + 5, -4.5 - 1.5 * high))
    arrow(ax, (right + 7, -2.8 - high / 2), (right + 7, -3.3 - 1.5 * high), RED)
    plus(ax, (right + 7, -4.5 - 1.5 * high))
    arrow(ax, (right + 9, -4.5 - 1.5 * high), (right + 14, -4.5 - 1.5 * high))
    word(ax, (right + 15, -4.5 - 1.5 * high), label["result"], "left")
    before = f"The keys and values of {', '.join(tokens[:-1])} are remembered; its own are put behind them. "
    ax.course_alt = (
        f"One head of one layer, at the token {tokens[-1]}. Its query, key and value are computed. "
        f"{before if n > 1 else ''}The query is compared with all {n} keys, and the values are mixed by the "
        "result."
    )
    return ax


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


@checked()
def storyteller_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """Which part hands what to which, when a GPT learns (above) and writes (below). Gives the Axes.

    `words` replaces labels, for another language.

    >>> storyteller_plan(words={"texts": "Texte"}).texts[0].get_text()
    'Texte'
    """
    label = {name: name for name in ("texts", "prompt", "story", "learn", "write")}
    no_others("storyteller_plan", "words", words or {}, label)
    label |= words or {}
    ax = axes_for(ax, (9.0, 3.6))
    ax.set(xlim=(0, 100), ylim=(0, 44))
    ax.axis("off")
    rows = ((36, "texts", ("Tokenizer", "windows", "train")), (8, "prompt", ("Tokenizer", "generate")))
    for y, first, parts in rows:
        ax.text(5, y, label[first], ha="center", va="center", fontsize=10, color=INK)
        _to(ax, (9, y), (13, y))
        for part in parts:
            _part(ax, _LEFT[part], y, part, BLUE)
    for y, name in ((36, "learn"), (8, "write")):
        ax.text(13, y + 5.6, label[name], fontsize=9, style="italic", color=INK)
    for y, ends in ((36, ((28, 32), (47, 51))), (8, ((28, 51), (66, 70), (85, 90)))):
        for start, end in ends:
            _to(ax, (start, y), (end, y))
    for y, name in ((40, "AdamW"), (32, "learning_rate"), (24, "cross_entropy")):
        _part(ax, 77, y, name, GREY, 18)
        _to(ax, (77, y), (66, 36 + (y - 32) / 4))
    _part(ax, 51, 22, "GPT", BLUE)
    _part(ax, 32, 17, "choose", GREY)
    _part(ax, 70, 8, "decode", BLUE)
    for start, end in (((58.5, 32.6), (58.5, 25.4)), ((58.5, 18.6), (58.5, 11.4)), ((47, 16), (54, 11.4))):
        _to(ax, start, end)
    ax.text(95, 8, label["story"], ha="center", va="center", fontsize=10, color=INK)
    ax.course_alt = (
        "Above, learning: texts go into the tokenizer, their ids into windows, and these into train, which "
        "AdamW, learning_rate and cross_entropy serve. train changes the GPT. Below, writing: a prompt goes "
        "through the tokenizer into generate, which asks the GPT and choose for each token; its ids are "
        "decoded, and a story comes out."
    )
    return ax


_LEFT = {"Tokenizer": 13, "windows": 32, "train": 51, "generate": 51}


def _part(ax: Any, left: float, y: float, name: str, colour: str, width: float = 15) -> None:
    from matplotlib.patches import FancyBboxPatch

    look = {"facecolor": "white", "edgecolor": colour, "lw": 1.6, "zorder": 3}
    ax.add_patch(FancyBboxPatch((left, y - 3.2), width, 6.4, "round,pad=0,rounding_size=0.8", **look))
    middle = left + width / 2
    ax.text(middle, y, name, ha="center", va="center", fontsize=9.5, family="monospace", color=INK, zorder=4)


def _to(ax: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    look = {"arrowstyle": "-|>", "color": GREY, "lw": 1.3, "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=end, xytext=start, arrowprops=look, zorder=2)
