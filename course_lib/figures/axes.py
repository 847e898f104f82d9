"""The small things that every figure needs: axes to draw on, a light frame, plain numbers.

Knows matplotlib, which is loaded only when something is drawn, and nothing of what is shown.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from course_lib.arguments import wrong
from course_lib.figures.colours import INK


def subplots(*grid: int, **options: Any) -> Any:
    """`pyplot.subplots` with labels that are taken as they stand: "$5" is a price, not half a formula.

    >>> figure, ax = subplots(figsize=(2, 1))
    >>> figure.canvas.draw() if ax.set_title("from $5 to $$") else None
    """
    from matplotlib import pyplot

    return pyplot.subplots(*grid, FigureClass=plain_figure(), **options)


@functools.cache
def plain_figure() -> type:
    """The class of figures in which labels are taken as they stand.

    >>> plain_figure().__name__
    'PlainFigure'
    """
    from matplotlib.figure import Figure

    class PlainFigure(Figure):
        def draw(self, renderer: Any) -> None:
            for text in _own_texts(self):
                text.set_parse_math(False)
                text.set_text(text.get_text().encode("utf-8", "replace").decode())  # half of a letter
            super().draw(renderer)

    return PlainFigure


def _own_texts(figure: Any) -> Iterator[Any]:
    """The texts that somebody wrote: not the numbers that matplotlib puts on axes, some of them as powers."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    numbers: set[int] = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            for minor in (False, True):
                formatter = axis.get_minor_formatter() if minor else axis.get_major_formatter()
                if not isinstance(formatter, FixedFormatter | FuncFormatter):
                    numbers.update(map(id, axis.get_ticklabels(minor=minor)))
            numbers.add(id(axis.get_offset_text()))
    return (text for text in figure.findobj(Text) if id(text) not in numbers)


def axes_for(ax: Any, size: tuple[float, float]) -> Any:
    """The axes that were given, or new ones of this size in inches.

    Raises: ValueError for anything but Axes and None.

    >>> given = axes_for(None, (4, 3))
    >>> axes_for(given, (4, 3)) is given
    True
    """
    if ax is None:
        _, ax = subplots(figsize=size, layout="constrained")
    return check_axes(ax)


def check_axes(ax: Any) -> Any:
    """Raises ValueError unless these are matplotlib's Axes; gives them back.

    >>> check_axes("here")
    Traceback (most recent call last):
    ValueError: ax is 'here', but it must be Axes, as matplotlib's subplots() gives them, or None
    """
    if not hasattr(ax, "transAxes"):
        raise wrong("", "ax", ax, "Axes, as matplotlib's subplots() gives them, or None")
    return ax


def tidy(ax: Any) -> None:
    """Leave out the frame at the top and on the right, and draw pale lines across, for reading off heights.

    >>> ax = axes_for(None, (4, 3))
    >>> tidy(ax)
    >>> ax.spines["top"].get_visible(), ax.spines["left"].get_visible()
    (False, True)
    """
    ax.grid(axis="y", color="#dddddd", lw=0.7)
    ax.spines[["top", "right"]].set_visible(False)


def name_rows(ax: Any, names: Sequence[str]) -> None:
    """One row for each name, the first at the top, with pale lines for reading off what lies to the right.

    >>> ax = axes_for(None, (4, 3))
    >>> name_rows(ax, ["first", "second"])
    >>> [label.get_text() for label in ax.get_yticklabels()], bool(ax.yaxis_inverted())
    (['first', 'second'], True)
    """
    ax.set_yticks(range(len(names)), list(names))
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="x", color="#dddddd", lw=0.7)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def dot(
    ax: Any, y: float, value: float, interval: tuple[float, float], colour: str, mark: str, label: str | None
) -> None:
    """A value as a mark at the height `y`, over its interval; `label` is for the legend.

    The interval's ends stand out, also where it is narrower than the mark.

    >>> ax = axes_for(None, (4, 3))
    >>> dot(ax, 0, 0.5, (0.25, 0.75), "black", "o", "model")
    >>> [line.get_xdata().tolist() for line in ax.lines]
    [[0.25, 0.75], [0.5]]
    """
    ends = {"marker": "|", "ms": 11, "mew": 1.2, "mec": INK, "zorder": 3}
    ax.plot(interval, [y, y], color=colour, lw=2.4, solid_capstyle="butt", **ends)
    ax.plot([value], [y], mark, color=colour, ms=6.5, mec="white", mew=0.7, label=label, zorder=4)


def plain_list(values: Any) -> list:
    """A plain list from a list, an array or a tensor.

    >>> plain_list(range(3))
    [0, 1, 2]
    """
    return values.tolist() if hasattr(values, "tolist") else list(values)
