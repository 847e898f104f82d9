"""The small things that every figure needs: axes to draw on, a light frame, plain numbers.

Knows matplotlib, which is loaded only when something is drawn, and nothing of what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def axes_for(ax: Any, size: tuple[float, float]) -> Any:
    """The axes that were given, or new ones of this size in inches.

    >>> axes_for("given", (4, 3))
    'given'
    """
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=size, layout="constrained")
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
    """A value as a mark at the height `y`, over a bar for its interval; `label` is for the legend.

    >>> ax = axes_for(None, (4, 3))
    >>> dot(ax, 0, 0.5, (0.25, 0.75), "black", "o", "model")
    >>> [line.get_xdata().tolist() for line in ax.lines]
    [[0.25, 0.75], [0.5]]
    """
    ax.plot(interval, [y, y], color=colour, lw=4, alpha=0.4, solid_capstyle="butt")
    ax.plot([value], [y], mark, color=colour, ms=7, label=label)


def plain_list(values: Any) -> list:
    """A plain list from a list, an array or a tensor.

    >>> plain_list(range(3))
    [0, 1, 2]
    """
    return values.tolist() if hasattr(values, "tolist") else list(values)
