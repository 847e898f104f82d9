"""Losses over steps: one curve, several compared, and one that is drawn while a model is trained.

Records come in, Axes go out. It never trains and never calls a model; matplotlib is loaded at the first
figure.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from course_lib.arguments import number, wrong
from course_lib.figures.arguments import Measured, as_many, checked, fitted
from course_lib.figures.axes import axes_for, plain_figure, tidy
from course_lib.figures.colours import BLUE, COLOURS, GREY, INK, MARKERS, SKY
from course_lib.figures.pictures import Picture

_SHARE_OF_TIME = 0.05  # redrawing may cost at most this share of the training's time
Over = Literal["step", "tokens", "seconds"]


class _Record(Protocol):
    """What was measured at a step; where it came at, it says by the name of the axis."""

    train_loss: Measured
    val_loss: Measured | None


@checked()
def loss_curve(
    history: Any, floor: float | None = None, ax: Any = None, x: Over = "step", unit: str = "nats per token"
) -> Any:
    """Training and validation loss over the steps, above the entropy floor if it is given. Gives the Axes.

    `history` is a `training.History`, a sequence of its records, or a dictionary of these to be compared.
    `x` is "step", "tokens" or "seconds".

    Raises: ValueError for another `x`.
    """
    compared = isinstance(history, Mapping)
    curves = {str(name): _records(one, x) for name, one in (history if compared else {"": history}).items()}
    ax = axes_for(ax, (7.2, 4.0))
    for i, (name, records) in enumerate(curves.items()):
        if compared:
            _draw_compared(ax, records, x, name, i)
        else:
            _draw_one(ax, records, x)
    _floor(ax, floor)
    ax.set_xlabel({"step": "steps", "tokens": "tokens seen", "seconds": "seconds"}[x])
    ax.set_ylabel(f"loss in {unit}")
    _finish(ax)
    ax.course_alt = _curve_words(curves, floor, unit)
    return ax


def _records(history: Any, x: str) -> Sequence[Any]:
    needed = "a History, as train gives it, or a list of its records"
    try:
        found = fitted("", "history", getattr(history, "records", history), Sequence[_Record], full=False)
    except ValueError:
        raise wrong("loss_curve", "history", history, needed) from None
    for record in found:
        number("loss_curve", f"record.{x}", getattr(record, x, None))
    return found


def _draw_one(ax: Any, records: Sequence[Any], x: str) -> None:
    steps = [getattr(record, x) for record in records]
    ax.plot(steps, [record.train_loss for record in records], color=COLOURS[0], lw=1.4, label="training")
    measured = [record for record in records if record.val_loss is not None]
    if measured:
        places, losses = [getattr(r, x) for r in measured], [r.val_loss for r in measured]
        ax.plot(places, losses, color=COLOURS[1], lw=1.8, marker="o", ms=4, label="validation")


def _draw_compared(ax: Any, records: Sequence[Any], x: str, name: str, number: int) -> None:
    """One of several curves: the validation loss if it was measured more than once, else the training
    loss."""
    measured = [(getattr(r, x), r.val_loss) for r in records if r.val_loss is not None]
    points = measured if len(measured) > 1 else [(getattr(r, x), r.train_loss) for r in records]
    ax.plot(
        [p for p, _ in points],
        [loss for _, loss in points],
        color=COLOURS[number % len(COLOURS)],
        marker=MARKERS[number % len(MARKERS)],
        markevery=max(1, len(points) // 8),
        lw=1.7,
        ms=5,
        label=name,
    )


def _floor(ax: Any, floor: float | None) -> None:
    if floor is not None:
        ax.axhline(floor, color="#222222", lw=1.3, ls=(0, (5, 3)), label=f"entropy floor: {floor:.2f}")


def _finish(ax: Any) -> None:
    ax.grid(axis="y", color="#dddddd", lw=0.7)
    ax.margins(y=0.08)
    ax.spines[["top", "right"]].set_visible(False)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, loc="upper right")


def _curve_words(curves: Mapping[str, Sequence[Any]], floor: float | None, unit: str) -> str:
    parts = []
    for name, records in curves.items():
        if records:
            who = f"The loss of {name}" if name else "The training loss"
            parts.append(
                f"{who} goes from {records[0].train_loss:.2f} to {records[-1].train_loss:.2f} {unit}."
            )
            measured = [r.val_loss for r in records if r.val_loss is not None]
            parts += [f"The validation loss ends at {measured[-1]:.2f}."] if measured else []
    parts += [f"The entropy floor is at {floor:.2f}."] if floor is not None else []
    return "Loss curve. " + " ".join(parts)


class LiveCurve:
    """A callback for `training.train` that draws the loss while it falls, in place, and leaves one static
    picture.

    `train(..., callbacks=[LiveCurve(floor=2.1)])`. It redraws at most every `every` seconds, and less often
    where drawing is slow, so that it takes about a twentieth of the time at most. Outside of a notebook it
    draws nothing. `picture` is the last picture; `loss_curve(history, floor)` draws the same one later.
    """

    @checked()
    def __init__(
        self, floor: float | None = None, x: Over = "step", unit: str = "nats per token", every: float = 0.5
    ) -> None:
        self.floor, self.x, self.unit = floor, x, unit
        self.every = number("LiveCurve", "every", every, "a number of seconds, 0 or more", lambda s: s >= 0)
        self.picture: Picture | None = None
        self._handle: Any = None
        self._limit: float | None = None
        self._next = 0.0

    def on_start(self, config: Any, history: Any) -> None:
        """Show the empty axes, so that a learner sees where the curve will be."""
        if not _in_notebook():
            return
        self._limit = {
            "step": getattr(config, "steps", None),
            "seconds": getattr(config, "max_seconds", None),
        }.get(self.x)
        self._handle, self._next = None, 0.0
        self._draw(history)

    def on_record(self, record: Any, history: Any) -> None:
        """Draw, if the last drawing was long enough ago."""
        if self._handle is not None and time.monotonic() >= self._next:
            self._draw(history)

    def on_end(self, history: Any) -> None:
        """Draw the whole curve a last time, and say in words what it shows."""
        if self._handle is not None:
            self._draw(history)
            self.picture.description().display()

    def _draw(self, history: Any) -> None:
        from IPython.display import display

        began = time.monotonic()
        # A figure of its own, unknown to pyplot: nothing to close, and never shown a second time.
        ax = plain_figure()(figsize=(7.2, 4.0), layout="constrained").subplots()
        loss_curve(history, self.floor, ax, self.x, self.unit)
        if self._limit:
            ax.set_xlim(0, self._limit * 1.02)
        self.picture = Picture(ax.figure, ax.course_alt)
        data, metadata = self.picture.bundle()
        if self._handle is None:
            self._handle = display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self._handle.update(data, metadata=metadata, raw=True)
        now = time.monotonic()
        self._next = now + max(self.every, (now - began) / _SHARE_OF_TIME)


def _in_notebook() -> bool:
    """Whether outputs can be replaced after they were shown: in a Jupyter kernel, not in a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


@checked("lines")
def curves(
    lines: Mapping[str, tuple[Sequence[Measured], Sequence[Measured]]], xlabel: str, ylabel: str,
    floor: float | None = None, chance: float | None = None, log: Literal["", "x", "y", "xy", "yx"] = "",
    ax: Any = None,
) -> Any:  # fmt: skip
    """Several named lines, each (x values, y values), with a dashed floor or a dotted level of chance. Gives
    the Axes.

    `log` names the axes that are logarithmic: "", "x", "y" or "xy".

    >>> curves({"a": ([1, 2], [3.0, 4.0])}, "n", "loss", floor=2.0).course_alt
    'Loss over n. a goes from 3 to 4. The dashed floor is at 2.'
    """
    for name, (xs, ys) in lines.items():
        as_many(f"curves, in {name!r},", x=xs, y=ys)
    ax = axes_for(ax, (7.2, 3.8))
    for i, (name, (xs, ys)) in enumerate(lines.items()):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        every = max(1, len(xs) // 8)
        ax.plot(xs, ys, color=colour, marker=marker, markevery=every, ms=5.5, lw=1.8, label=name)
    if floor is not None:
        ax.axhline(floor, color=INK, lw=1.3, ls=(0, (5, 3)), label=f"entropy floor: {floor:.2f}")
    if chance is not None:
        ax.axhline(chance, color=GREY, lw=1.5, ls=":", label=f"chance: {chance:g}")
    for axis in "xy":
        if axis in log:
            getattr(ax, f"set_{axis}scale")("log")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    tidy(ax)
    if ax.get_legend_handles_labels()[0]:  # names that are empty, or begin with _, are not in it
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = [f"{name} goes from {ys[0]:.3g} to {ys[-1]:.3g}." for name, (_, ys) in lines.items()]
    told += [f"The dashed floor is at {floor:.3g}."] if floor is not None else []
    told += [f"Chance is {chance:g}."] if chance is not None else []
    ax.course_alt = f"{ylabel[:1].upper()}{ylabel[1:]} over {xlabel}. {' '.join(told)}"
    return ax


@checked()
def loss_ladder(
    losses: Mapping[str, float], floor: float, ax: Any = None, unit: str = "nats per token"
) -> Any:
    """The losses of several models as rows on one axis, above the entropy floor. Gives the Axes.

    Units: all losses and the floor in `unit`.

    >>> loss_ladder({"bigram": 3.0, "guessing": 7.6}, floor=0.4).course_alt[-49:]
    'bigram 3.00, guessing 7.60. The floor is at 0.40.'
    """
    ax = axes_for(ax, (7.2, 0.42 * len(losses) + 0.9))
    for y, loss in enumerate(losses.values()):
        ax.plot([floor, loss], [y, y], color=SKY, lw=6, solid_capstyle="butt")
        ax.plot([loss], [y], "o", color=BLUE, ms=8)
        ax.annotate(
            f"{loss:.2f}", (loss, y), xytext=(9, 0), textcoords="offset points", va="center", color=INK
        )
    ax.axvline(floor, color=INK, lw=1.3, ls=(0, (5, 3)))
    ax.text(floor, -0.75, f"entropy floor: {floor:.2f}", ha="left", va="bottom", color=INK, fontsize=9)
    ax.set_yticks(range(len(losses)), list(losses))
    ax.set(xlim=(0, max(losses.values()) * 1.1), ylim=(len(losses) - 0.5, -0.8), xlabel=f"loss in {unit}")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    told = ", ".join(f"{name} {loss:.2f}" for name, loss in losses.items())
    ax.course_alt = f"Losses in {unit}: {told}. The floor is at {floor:.2f}."
    return ax
