"""Chances: before and after a change, end to end under the dice, as a histogram.

Numbers and labels come in; Axes or figures go out. It does not know models or how a token is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.figures.arguments import as_many, between, checked
from course_lib.figures.axes import axes_for, subplots
from course_lib.figures.colours import BLUE, COLOURS, INK, RED, SKY
from course_lib.figures.tokens import TINTS


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
        ax.plot([value, value], [0, top * 1.02], color=COLOURS[(i + 1) % 5], lw=2.2, ls=style, label=name)
    ax.set(xlabel=xlabel, ylabel="texts", ylim=(0, top * 1.08))
    ax.legend(frameon=False, loc="upper right")
    ax.spines[["top", "right"]].set_visible(False)
    told = ", ".join(f"{name} {value:.0f}" for name, value in marks.items())
    ax.course_alt = (
        f"Histogram of {len(numbers)} values in {xlabel}, from {min(numbers):.0f} to {max(numbers):.0f}, "
        f"their mean {sum(numbers) / len(numbers):.0f}. Marked: {told}."
    )
    return ax
