"""The clinic: charts of sick runs, and what was found out about the finished models.

Records come in; a figure or `Html` goes out. It does not know models or what made them ill; matplotlib is
loaded at the first figure.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from typing import Any, Protocol

from course_lib.figures.arguments import Measured, checked
from course_lib.figures.axes import subplots, tidy
from course_lib.figures.colours import BLUE, INK, RED
from course_lib.figures.shown import Html
from course_lib.training.views.curves import Run, check_run

_HIGHEST = 4.5  # nats; a sick run may go far beyond, where there is nothing more to see
_CELL = "padding: 3px 9px; border: 1px solid #d8d8d8; text-align: {}; vertical-align: top"


class _Case(Protocol):
    """A run of the clinic, with its letter."""

    letter: str
    history: Run


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
        check_run(f"charts, of {case.letter!r},", case.history)
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
