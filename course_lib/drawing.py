"""The small things that every figure needs: axes to draw on, a light frame, plain numbers.

Knows matplotlib, which is loaded only when something is drawn, and nothing of what is shown.
"""

from __future__ import annotations

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


def plain_list(values: Any) -> list:
    """A plain list from a list, an array or a tensor.

    >>> plain_list(range(3))
    [0, 1, 2]
    """
    return values.tolist() if hasattr(values, "tolist") else list(values)
