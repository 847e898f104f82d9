"""The way of a training: paths over a valley, and the losses of runs.

Numbers and records come in, Axes go out. It does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from course_lib.arguments import number
from course_lib.figures.arguments import Measured, as_many, checked
from course_lib.figures.axes import axes_for, tidy
from course_lib.figures.colours import COLOURS, INK, MARKERS

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
        look = {"color": COLOURS[i % 6], "marker": MARKERS[i % 6], "ms": 4, "lw": 1.4}
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


# Losses -----------------------------------------------------------------------------------------------------


class Run(Protocol):
    """The losses of a run, and the steps at which they were measured."""

    steps: Sequence[float]
    train_losses: Sequence[Measured]
    val_steps: Sequence[float]
    val_losses: Sequence[Measured]


@checked()
def train_and_validation(histories: Mapping[str, Run], ax: Any = None, unit: str = "nats per token") -> Any:
    """Training loss (dotted) and validation loss (solid) of some runs, each lowest point ringed. Gives the
    Axes.

    A history has `steps`, `train_losses`, `val_steps` and `val_losses`.

    >>> from types import SimpleNamespace
    >>> run = SimpleNamespace(steps=(1, 2), train_losses=(3.0, 1.0), val_steps=(1, 2), val_losses=(3.5, 4.0))
    >>> train_and_validation({"run": run}).course_alt
    'run: training 3.00 to 1.00; validation lowest at step 1 with 3.50, 4.00 at the end.'
    """
    for name, run in histories.items():
        check_run(f"train_and_validation, of {name!r},", run)
    ax, told = axes_for(ax, (7.6, 4.0)), []
    for i, (name, run) in enumerate(histories.items()):
        colour, marker = COLOURS[i % 6], MARKERS[i % 6]
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


def check_run(owner: str, run: Run) -> None:
    """Raises ValueError unless a run has as many steps as losses, in training and in validation.

    >>> from types import SimpleNamespace
    >>> run = SimpleNamespace(steps=(1, 2), train_losses=(3.0,), val_steps=(1,), val_losses=(3.5,))
    >>> check_run("charts", run)
    Traceback (most recent call last):
    ValueError: charts got steps for 2, train_losses for 1; give equally many.
    """
    as_many(owner, steps=run.steps, train_losses=run.train_losses)
    as_many(owner, val_steps=run.val_steps, val_losses=run.val_losses)
