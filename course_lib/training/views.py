"""Figures of notebook 05: how slopes flow back, windows, the loop; valleys, curves, the clinic, power laws.

Numbers, lists and records come in; Axes, figures or `Html` go out. It does not know models or how they are
trained; matplotlib is loaded at the first figure. Show a figure with `viz.picture`, which brings its text
along.
"""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from course_lib.arguments import number, whole
from course_lib.figures.arguments import Measured, as_many, checked, has_all, no_others
from course_lib.figures.axes import axes_for, subplots, tidy
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, RED, SKY
from course_lib.figures.shown import Html

_COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_SHADES = ("#cfe3f3", "#fbdcc0", "#cdebd9", "#e6d3ee")
_HIGHEST = 4.5  # nats; a sick run may go far beyond, where there is nothing more to see
_CELL = "padding: 3px 9px; border: 1px solid #d8d8d8; text-align: {}; vertical-align: top"


# Drawings ---------------------------------------------------------------------------------------------------


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
    ax = _canvas(ax, (9.2, 2.5), (-0.5, len(names) - 0.5), (-1.15, 1.15))
    gradients = [math.prod(float(slope) for slope in slopes[i:]) for i in range(len(names))]
    for i, (name, value, gradient) in enumerate(zip(names, values, gradients, strict=True)):
        _boxed(ax, i, 0.0, name, INK)
        ax.text(i, 0.72, f"{float(value):.2f}", ha="center", fontsize=11, color=BLUE)
        ax.text(i, -0.86, f"{gradient:.2f}", ha="center", fontsize=11, color=RED, weight="bold")
    for i, slope in enumerate(slopes):
        _arrow(ax, (i + 0.16, 0.76), (i + 0.84, 0.76), BLUE)
        _arrow(ax, (i + 0.84, -0.82), (i + 0.16, -0.82), RED)
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
    ax = _canvas(ax, (9.6, 0.62 * len(starts) + 1.7), (-1.6, len(tokens)), (-1.6 - len(starts), 0.9))
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
    no_others("training_loop", "words", words or {}, label)
    label |= words or {}
    ax = _canvas(ax, (8.6, 4.4), (-2.25, 3.1), (-1.32, 1.32))
    stations, colours = list(label)[:7], (BLUE, INK, ORANGE, RED, RED, GREEN, PURPLE)
    angles = [math.radians(102 - 360 / 7 * i) for i in range(7)]
    for name, colour, angle in zip(stations, colours, angles, strict=True):
        _boxed(ax, 1.45 * math.cos(angle), 1.1 * math.sin(angle), label[name], colour)
    for angle in angles:
        ends = (angle - math.radians(18), angle - math.radians(33))
        _arrow(ax, *((1.45 * math.cos(end), 1.1 * math.sin(end)) for end in ends), GREY)
    ax.text(0, 0, label["centre"], ha="center", va="center", fontsize=10, style="italic", color=INK)
    _boxed(ax, 2.5, -1.1, label["aside"], GREY)
    around = "; ".join(label[name].replace("\n", ": ") for name in stations)
    ax.course_alt = f"A circle of {len(stations)} stations: {around}; and again from the beginning."
    ax.course_alt += f" Beside it: {' '.join(label['aside'].split())}."
    return ax


def _canvas(ax: Any, size: tuple[float, float], x: tuple[float, float], y: tuple[float, float]) -> Any:
    ax = axes_for(ax, size)
    ax.set(xlim=x, ylim=y)
    ax.axis("off")
    return ax


def _boxed(ax: Any, x: float, y: float, label: str, colour: str) -> None:
    frame = {"boxstyle": "round,pad=0.45", "fc": "white", "ec": colour, "lw": 1.6}
    ax.text(x, y, label, ha="center", va="center", fontsize=9.5, color=INK, bbox=frame, zorder=3)


def _tile(ax: Any, x: float, y: float, label: str, colour: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x + 0.03, y), 0.94, 0.8, facecolor=colour, edgecolor=GREY, lw=0.8))
    ax.text(x + 0.5, y + 0.4, label, ha="center", va="center", fontsize=8.5, color=INK)


def _arrow(ax: Any, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    look = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "mutation_scale": 13, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=end, xytext=start, arrowprops=look, zorder=2)


# Optimizers -------------------------------------------------------------------------------------------------


@checked()
def valley(
    paths: Mapping[str, Sequence[tuple[Measured, Measured]]], steep: float = 25.0, ax: Any = None
) -> Any:
    """Paths over the valley (x² + steep·y²) / 2, seen from above, each with a marker at every step. Gives the
    Axes.

    Shapes: each path (steps, 2), its start included.

    >>> valley({"straight": [(-2.0, 0.0), (-1.0, 0.0)]}).course_alt[-52:]
    'straight starts at height 2.00, ends at height 0.50.'
    """
    number("valley", "steep", steep, "a number above 0", lambda x: 0 < x < math.inf)
    ax = axes_for(ax, (7.2, 3.4))
    _contours(ax, steep)
    told = []
    for i, (name, path) in enumerate(paths.items()):
        xs, ys = ([float(point[k]) for point in path] for k in (0, 1))
        look = {"color": _COLOURS[i % 6], "marker": _MARKERS[i % 6], "ms": 4, "lw": 1.4}
        ax.plot(xs, ys, label=name, **look)
        start, end = ((x * x + steep * y * y) / 2 for x, y in ((xs[0], ys[0]), (xs[-1], ys[-1])))
        told.append(f"{name} starts at height {start:.2f}, ends at height {end:.2f}")
    ax.plot([0], [0], "*", color=INK, ms=13)
    ax.set(xlim=(-2.2, 1.2), ylim=(-1.15, 1.15), xlabel="first weight", ylabel="second weight")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.course_alt = f"A long narrow valley from above, its lowest point marked by a star. {'; '.join(told)}."
    return ax


def _contours(ax: Any, steep: float) -> None:
    xs, ys = ([-2.2 + 3.4 * i / 80 for i in range(81)], [-1.15 + 2.3 * i / 80 for i in range(81)])
    heights = [[math.sqrt((x * x + steep * y * y) / 2) for x in xs] for y in ys]
    ax.contour(xs, ys, heights, levels=[0.25 * i for i in range(1, 18)], colors="#c4c4c4", linewidths=0.8)


# Curves -----------------------------------------------------------------------------------------------------


class _Run(Protocol):
    """The losses of a run, and the steps at which they were measured."""

    steps: Sequence[float]
    train_losses: Sequence[Measured]
    val_steps: Sequence[float]
    val_losses: Sequence[Measured]


@checked()
def train_and_validation(histories: Mapping[str, _Run], ax: Any = None, unit: str = "nats per token") -> Any:
    """Training loss (dotted) and validation loss (solid) of some runs, each lowest point ringed. Gives the
    Axes.

    A history has `steps`, `train_losses`, `val_steps` and `val_losses`.

    >>> from types import SimpleNamespace
    >>> run = SimpleNamespace(steps=(1, 2), train_losses=(3.0, 1.0), val_steps=(1, 2), val_losses=(3.5, 4.0))
    >>> train_and_validation({"run": run}).course_alt
    'run: training 3.00 to 1.00; validation lowest at step 1 with 3.50, 4.00 at the end.'
    """
    for name, run in histories.items():
        _check_run(f"train_and_validation, of {name!r},", run)
    ax, told = axes_for(ax, (7.6, 4.0)), []
    for i, (name, run) in enumerate(histories.items()):
        colour, marker = _COLOURS[i % 6], _MARKERS[i % 6]
        ax.plot(run.steps, run.train_losses, ":", color=colour, lw=1.7, label=f"{name}: training")
        ax.plot(run.val_steps, run.val_losses, color=colour, marker=marker, ms=4, label=f"{name}: validation")
        lowest = min(range(len(run.val_losses)), key=run.val_losses.__getitem__)
        best = run.val_steps[lowest], run.val_losses[lowest]
        ax.plot(*best, "o", ms=13, mfc="none", mec=INK, mew=1.5)
        told.append(
            f"{name}: training {run.train_losses[0]:.2f} to {run.train_losses[-1]:.2f}; validation lowest at "
            f"step {best[0]} with {best[1]:.2f}, {run.val_losses[-1]:.2f} at the end."
        )
    ax.set(xlabel="steps", ylabel=f"loss in {unit}")
    tidy(ax)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.course_alt = " ".join(told)
    return ax


def _check_run(owner: str, run: _Run) -> None:
    as_many(owner, steps=run.steps, train_losses=run.train_losses)
    as_many(owner, val_steps=run.val_steps, val_losses=run.val_losses)


# The clinic -------------------------------------------------------------------------------------------------


class _Case(Protocol):
    """A run of the clinic, with its letter."""

    letter: str
    history: _Run


@checked()
def charts(cases: Sequence[_Case], healthy: _Case, floor: float) -> Any:
    """The curves of sick runs side by side, each with the healthy run's validation loss in grey. Gives the
    figure.

    A case has a `letter` and a `history`. Losses above 4.5 nats are cut off at the frame.

    >>> from types import SimpleNamespace as Case
    >>> run = Case(steps=(10, 20), train_losses=(3.0, 2.0), val_steps=(20,), val_losses=(2.5,))
    >>> figure = charts([Case(letter="A", history=run)], healthy=Case(letter="", history=run), floor=0.5)
    >>> figure.axes[0].course_alt[:44]
    'Run A: training 3.00, 2.00; validation 2.50.'
    """
    for case in (*cases, healthy):
        _check_run(f"charts, of {case.letter!r},", case.history)
    rows, shape = math.ceil(len(cases) / 3), {"sharex": True, "sharey": True, "squeeze": False}
    size = (9.6, 2.6 * rows + 0.5)
    figure, grid = subplots(rows, min(3, len(cases)), figsize=size, layout="constrained", **shape)
    for ax, case in zip(grid.flat, cases, strict=False):
        _chart(ax, case, healthy, floor)
    for ax in grid.flat[len(cases) :]:
        ax.axis("off")
    for row in grid:
        row[0].set_ylabel("loss in nats per letter")
    figure.supxlabel("steps", fontsize=10)
    handles = grid[0][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=4, frameon=False)
    told = " ".join(_words(case.letter, case.history) for case in (*cases, healthy))
    grid[0][0].course_alt = f"{told} The floor is at {floor:.2f}."
    return figure


def _chart(ax: Any, case: Any, healthy: Any, floor: float) -> None:
    run, well = case.history, healthy.history
    ax.plot(well.val_steps, well.val_losses, color="#a8a8a8", lw=4, label="validation, healthy run")
    ax.plot(run.steps, run.train_losses, color=BLUE, lw=1.3, label="training")
    ax.plot(run.val_steps, run.val_losses, color=RED, lw=1.3, marker="o", ms=3.5, label="validation")
    ax.axhline(floor, color=INK, lw=1.1, ls=(0, (5, 3)), label="entropy floor")
    ax.set_ylim(-0.15, _HIGHEST)
    ax.text(0.96, 0.94, case.letter, transform=ax.transAxes, ha="right", va="top", fontsize=17, weight="bold")
    tidy(ax)


def _words(letter: str, run: Any) -> str:
    """A curve in words: both losses at four places."""
    parts = []
    for name, losses in (("training", run.train_losses), ("validation", run.val_losses)):
        last = len(losses) - 1
        places = sorted({0, last // 3, 2 * last // 3, last})
        parts.append(f"{name} {', '.join(f'{losses[place]:.2f}' for place in places)}")
    return f"{f'Run {letter}' if letter else 'The healthy run'}: {'; '.join(parts)}."


class _Found(Protocol):
    """What was found out about a finished model."""

    letter: str
    again: Sequence[Measured]
    fresh_loss: Measured
    sample: str


@checked("cases")
def findings(cases: Sequence[_Found], healthy: _Found) -> Html:
    """What was found out about finished models: the loss measured three times, on fresh stories, a text.

    A case has `letter`, `again`, `fresh_loss` and `sample`.

    >>> from types import SimpleNamespace as Case
    >>> print(findings([], Case(letter="", again=(1.0, 1.0), fresh_loss=1.25, sample="A<b.")))
    run      validation, again  fresh stories  writes
    healthy  1.000 1.000                 1.25  A<b.
    """
    head = ("run", "validation, again", "fresh stories", "writes")
    rows = [
        (c.letter or "healthy", " ".join(f"{x:.3f}" for x in c.again), f"{c.fresh_loss:.2f}", _seen(c.sample))
        for c in (*cases, healthy)
    ]
    sides = ("center", "left; white-space: nowrap", "right", "left")
    body = "".join(
        '<tr style="background-color: transparent">'
        + "".join(_cell("td", text, side) for text, side in zip(row, sides, strict=True))
        + "</tr>"
        for row in rows
    )
    titles = "".join(_cell("th", text, side) for text, side in zip(head, sides, strict=True))
    wide = [max(len(row[i]) for row in (head, *rows)) for i in range(2)]
    lines = [
        f"{run:<{wide[0]}}  {again:<{wide[1]}}  {fresh:>13}  {' '.join(text.split())}"
        for run, again, fresh, text in (head, *rows)
    ]
    return Html(f'<table style="border-collapse: collapse">{titles}{body}</table>', "\n".join(lines))


def _seen(text: str) -> str:
    """Several spaces in a row as dots, since a page would show them as one."""
    return re.sub(" {3,}", lambda spaces: "·" * len(spaces[0]), text)


def _cell(tag: str, text: str, side: str) -> str:
    return f'<{tag} style="{_CELL.format(side)}">{html.escape(text)}</{tag}>'


# Recipes and laws -------------------------------------------------------------------------------------------


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
