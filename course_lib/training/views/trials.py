"""What many trainings tell together: recipes, seeds, power laws.

Numbers and names come in, Axes go out. It does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number
from course_lib.figures.arguments import as_many, checked, has_all
from course_lib.figures.axes import axes_for, tidy
from course_lib.figures.colours import BLUE, GREY, INK, RED, SKY


@checked()
def recipe_steps(
    losses: Mapping[str, float], notes: Mapping[str, str], unit: str = "nats per letter", ax: Any = None
) -> Any:
    """The losses of recipes, from the first to the last, with what each changed. Gives the Axes.

    >>> ax = recipe_steps({"a": 1.5, "b": 1.25}, {"a": "the start", "b": "a higher rate"})
    >>> ax.course_alt
    'Losses in nats per letter: a 1.50; b 1.25, 0.25 lower (a higher rate).'
    """
    has_all("recipe_steps", "notes", notes, losses)
    ax = axes_for(ax, (9.2, 0.44 * len(losses) + 0.8))
    values, names = list(losses.values()), list(losses)
    right, told = max(values), [f"{names[0]} {values[0]:.2f}"]
    wide = 0.05 + max(values) - min(values)
    for y, (name, loss) in enumerate(losses.items()):
        before = values[max(0, y - 1)]
        ax.plot([before, loss], [y, y], color=SKY, lw=6, solid_capstyle="butt")
        ax.plot([loss], [y], "o", color=BLUE, ms=8)
        note = textwrap.fill(notes[name], 62)
        ax.text(right + 0.05 * wide, y, f"{loss:.2f}", va="center", fontsize=9, color=INK)
        ax.text(right + 0.22 * wide, y, note, va="center", fontsize=9, color=INK)
        if y:
            way = "lower" if loss < before else "higher"
            told.append(f"{name} {loss:.2f}, {abs(before - loss):.2f} {way} ({notes[name]})")
    ax.set_yticks(range(len(losses)), names)
    ax.set(xlim=(min(values) - 0.1 * wide, right + 2.1 * wide), ylim=(len(losses) - 0.5, -0.6))
    ax.set_xlabel(f"loss in {unit}", loc="left")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_xticks([tick for tick in ax.get_xticks() if min(values) - 0.1 * wide <= tick <= right])
    ax.spines["bottom"].set_bounds(min(values) - 0.1 * wide, right)
    ax.course_alt = f"Losses in {unit}: {'; '.join(told)}."
    return ax


@checked()
def seed_dots(runs: Mapping[str, Sequence[float]], unit: str = "nats per token", ax: Any = None) -> Any:
    """For each way of training a row, with a dot for the loss of each seed; the first row's range is shaded,
    and its mean dashed. Gives the Axes.

    >>> seed_dots({"plain": [2.5, 2.75], "new": [2.25, 2.0]}).course_alt
    'Losses in nats per token, a dot for each seed: plain 2.50, 2.75; new 2.25, 2.00.'
    """
    ax, told = axes_for(ax, (8.2, 0.42 * len(runs) + 1.0)), []
    first = next(iter(runs.values()))
    ax.axvspan(min(first), max(first), color="#e4e4e4", lw=0)
    ax.axvline(sum(first) / len(first), color=GREY, lw=1.0, ls=(0, (4, 3)))
    for y, (name, losses) in enumerate(runs.items()):
        ax.plot([min(losses), max(losses)], [y, y], color=SKY, lw=3)
        ax.plot(losses, [y] * len(losses), "o", color=BLUE, ms=6.5)
        mean = f"{sum(losses) / len(losses):.2f}"
        ax.text(1.02, y, mean, transform=ax.get_yaxis_transform(), va="center", fontsize=9, color=INK)
        told.append(f"{name} {', '.join(f'{loss:.2f}' for loss in losses)}")
    ax.text(1.02, -0.85, "mean", transform=ax.get_yaxis_transform(), fontsize=9, color=INK)
    ax.set_yticks(range(len(runs)), list(runs))
    ax.set(ylim=(len(runs) - 0.5, -0.6), xlabel=f"loss in {unit}")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.course_alt = f"Losses in {unit}, a dot for each seed: {'; '.join(told)}."
    return ax


@checked()
def power_law(
    sizes: Sequence[float], losses: Sequence[float], floor: float, a: float, b: float, xlabel: str,
    ax: Any = None,
) -> Any:  # fmt: skip
    """Losses above the floor, on two logarithmic axes, with the fitted line a·size^(-b). Gives the Axes.

    >>> power_law([1, 4, 16], [5.0, 3.0, 2.0], 1.0, 4.0, 0.5, "tokens").course_alt
    'Loss above the floor over tokens: 4.00 at 1, 2.00 at 4, 1.00 at 16. The line falls with the power 0.50.'
    """
    as_many("power_law", sizes=sizes, losses=losses)
    for value in (*sizes, a, *(loss - floor for loss in losses)):
        number(
            "power_law",
            "sizes, a or losses above the floor",
            value,
            "above 0, for logarithmic axes",
            lambda x: x > 0,
        )
    ax = axes_for(ax, (4.6, 3.6))
    above = [loss - floor for loss in losses]
    ends = min(sizes) / 1.4, max(sizes) * 1.4
    ax.plot(ends, [a * end**-b for end in ends], color=RED, lw=1.5, label=f"{a:.3g} · size^(-{b:.2f})")
    ax.plot(sizes, above, "o", color=BLUE, ms=8)
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="loss - floor, in nats")
    marks = (0.5, 0.7, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5)
    ticks = [tick for tick in marks if 0.8 * min(above) < tick < 1.1 * max(above)]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    apart = sorted(set(sizes))
    ax.set_xticks(apart, [f"{size / 1000:.0f}k" if size >= 1000 else f"{size:g}" for size in apart])
    ax.minorticks_off()
    tidy(ax)
    ax.legend(frameon=False, loc="upper right")
    points = ", ".join(f"{y:.2f} at {size:,.0f}" for size, y in zip(sizes, above, strict=True))
    ax.course_alt = f"Loss above the floor over {xlabel}: {points}. The line falls with the power {b:.2f}."
    return ax
