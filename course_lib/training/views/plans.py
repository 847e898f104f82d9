"""What a training does: gradients that flow back, windows that are cut, the loop.

Names and numbers come in, Axes go out. It does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.figures.arguments import Measured, as_many, checked
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, RED
from course_lib.figures.strokes import arrow, canvas, wording

_BOLD = {"lw": 1.5, "mutation_scale": 13}  # arrows that must be seen beside boxes with much space
_SHADES = ("#cfe3f3", "#fbdcc0", "#cdebd9", "#e6d3ee")


@checked()
def gradient_flow(
    names: Sequence[str], values: Sequence[Measured], slopes: Sequence[Measured], ax: Any = None
) -> Any:
    """A computation in steps: values go forward along it, gradients come back. Gives the Axes.

    `slopes` holds each step's own slope, one fewer than there are values. Each gradient is the product of the
    slopes from the end to its place.

    >>> gradient_flow(["w", "h = 3w", "loss = h²"], [1.0, 3.0, 9.0], [3.0, 6.0]).course_alt[-64:]
    'the gradients are 1.00 at loss = h², 6.00 at h = 3w, 18.00 at w.'
    """
    as_many("gradient_flow", names=names, values=values)
    as_many("gradient_flow, between two values each,", slopes=slopes, values=values[1:])
    ax = canvas(ax, (9.2, 2.5), (-0.5, len(names) - 0.5), (-1.15, 1.15))
    gradients = [math.prod(float(slope) for slope in slopes[i:]) for i in range(len(names))]
    for i, (name, value, gradient) in enumerate(zip(names, values, gradients, strict=True)):
        _boxed(ax, i, 0.0, name, INK)
        ax.text(i, 0.72, f"{float(value):.2f}", ha="center", fontsize=11, color=BLUE)
        ax.text(i, -0.86, f"{gradient:.2f}", ha="center", fontsize=11, color=RED, weight="bold")
    for i, slope in enumerate(slopes):
        arrow(ax, (i + 0.16, 0.76), (i + 0.84, 0.76), BLUE, **_BOLD)
        arrow(ax, (i + 0.84, -0.82), (i + 0.16, -0.82), RED, **_BOLD)
        ax.text(i + 0.5, -0.66, f"× {float(slope):.2f}", ha="center", fontsize=10, color=INK)
    ax.text(-0.45, 1.02, "values, forward", fontsize=9, color=BLUE)
    ax.text(-0.45, -1.14, "gradients, backward", fontsize=9, color=RED)
    forward = ", ".join(f"{name} {float(value):.2f}" for name, value in zip(names, values, strict=True))
    pairs = zip(reversed(gradients), reversed(names), strict=True)
    back = ", ".join(f"{gradient:.2f} at {name}" for gradient, name in pairs)
    ax.course_alt = f"Forward go the values: {forward}. Backward, the gradients are {back}."
    return ax


@checked()
def windows(tokens: Sequence[str], starts: Sequence[int], length: int, ax: Any = None) -> Any:
    """A line of tokens, the windows that are cut out of it, and what becomes of each: inputs x, and targets y
    one further on. Gives the Axes.

    Raises: ValueError for a window that doesn't fit.

    >>> windows(["¶", "He", "ran", "¶", "It", "sat"], [0, 3], 2).course_alt[:53]
    'From a line of 6 tokens, windows are cut at 0 and 3. '
    """
    length = whole("windows", "length", length)
    starts = [whole("windows", "starts", start, 0, len(tokens) - length - 1) for start in starts]
    ax = canvas(ax, (9.6, 0.62 * len(starts) + 1.7), (-1.6, len(tokens)), (-1.6 - len(starts), 0.9))
    shades = dict.fromkeys(range(len(tokens)), "#f2f2f2")
    for row, start in enumerate(starts):
        shades |= dict.fromkeys(range(start, start + length), _SHADES[row % len(_SHADES)])
    for i, shade in shades.items():
        _tile(ax, i, 0.0, tokens[i], shade)
    ax.text(-0.2, 0.5, "text", ha="right", va="center", fontsize=10, color=INK)
    told, right = [], length + max(1.0, (len(tokens) - 2 * length) / 2)
    for row, start in enumerate(starts):
        for k in range(length):
            _tile(ax, k, -2.2 - row, tokens[start + k], _SHADES[row % len(_SHADES)])
            _tile(ax, right + k, -2.2 - row, tokens[start + k + 1], _SHADES[row % len(_SHADES)])
        x, y = (" ".join(tokens[start + shift : start + shift + length]) for shift in (0, 1))
        told.append(f"x {x}, y {y}")
    for left, label in ((0.0, f"x  ({len(starts)}, {length})"), (right, "y: each one token later")):
        ax.text(left, -0.9, label, va="center", fontsize=10, color=INK)
    places = " and ".join(map(str, starts))
    ax.course_alt = f"From a line of {len(tokens)} tokens, windows are cut at {places}. {'; '.join(told)}."
    return ax


@checked()
def training_loop(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The loop of a training as a circle, and what is looked at now and then. Gives the Axes.

    `words` replaces labels, for another language.

    >>> training_loop(words={"batch": "ein Batch (x, y)"}).texts[0].get_text()
    'ein Batch (x, y)'
    """
    label = {
        "batch": "draw a batch\nx, y",
        "forward": "forward\nlogits = model(x)",
        "loss": "loss\none number",
        "backward": "backward\na gradient for each weight",
        "clip": "clip\nthe gradients",
        "step": "optimizer's step\nthe weights change",
        "rate": "set the rate\nfor this step",
        "centre": "once around:\none step",
        "aside": "every so many steps:\nmeasure on validation stories,\nwrite down, save",
    }
    label = wording("training_loop", words, label)
    ax = canvas(ax, (8.6, 4.4), (-2.25, 3.1), (-1.32, 1.32))
    stations, colours = list(label)[:7], (BLUE, INK, ORANGE, RED, RED, GREEN, PURPLE)
    angles = [math.radians(102 - 360 / 7 * i) for i in range(7)]
    for name, colour, angle in zip(stations, colours, angles, strict=True):
        _boxed(ax, 1.45 * math.cos(angle), 1.1 * math.sin(angle), label[name], colour)
    for angle in angles:
        ends = (angle - math.radians(18), angle - math.radians(33))
        arrow(ax, *((1.45 * math.cos(end), 1.1 * math.sin(end)) for end in ends), GREY, **_BOLD)
    ax.text(0, 0, label["centre"], ha="center", va="center", fontsize=10, style="italic", color=INK)
    _boxed(ax, 2.5, -1.1, label["aside"], GREY)
    around = "; ".join(label[name].replace("\n", ": ") for name in stations)
    ax.course_alt = f"A circle of {len(stations)} stations: {around}; and again from the beginning."
    ax.course_alt += f" Beside it: {' '.join(label['aside'].split())}."
    return ax


def _boxed(ax: Any, x: float, y: float, label: str, colour: str) -> None:
    frame = {"boxstyle": "round,pad=0.45", "fc": "white", "ec": colour, "lw": 1.6}
    ax.text(x, y, label, ha="center", va="center", fontsize=9.5, color=INK, bbox=frame, zorder=3)


def _tile(ax: Any, x: float, y: float, label: str, colour: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x + 0.03, y), 0.94, 0.8, facecolor=colour, edgecolor=GREY, lw=0.8))
    ax.text(x + 0.5, y + 0.4, label, ha="center", va="center", fontsize=8.5, color=INK)
