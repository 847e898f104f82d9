"""Boxes, arrows and words for drawings of how something is built.

Places and texts come in and are drawn on axes without a frame. It does not know what the boxes stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_lib.figures.arguments import no_others
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import GREY, INK

Place = tuple[float, float]


def wording(owner: str, words: Mapping[str, str] | None, own: Mapping[str, str]) -> dict[str, str]:
    """The labels of a drawing: its own, and those of `words` in their place, for another language.

    >>> wording("plan", {"head": "Kopf"}, {"head": "head", "norm": "norm"})
    {'head': 'Kopf', 'norm': 'norm'}
    """
    no_others(owner, "words", words or {}, own)
    return {**own, **(words or {})}


def canvas(ax: Any, size: Place, x: Place, y: Place) -> Any:
    """Axes without a frame, from the first to the second number of `x` and of `y`.

    >>> canvas(None, (4, 2), (0, 10), (0, 5)).axison
    False
    """
    ax = axes_for(ax, size)
    ax.set(xlim=x, ylim=y)
    ax.axis("off")
    return ax


def box(
    ax: Any,
    x: float,
    y: float,
    width: float,
    height: float,
    label: str,
    colour: str,
    dashed: bool = False,
    face: str = "white",
    rounding: float = 0.8,
    size: float = 9.5,
    **look: Any,
) -> None:
    """A box with rounded corners, its lower left one at (x, y), with a text in its middle.

    `size` is that of the text; `look` goes to matplotlib's patch: `lw`, `zorder`.

    >>> ax = canvas(None, (4, 2), (0, 10), (0, 5))
    >>> box(ax, 1, 1, 4, 2, "norm", "grey")
    >>> ax.texts[0].get_text(), ax.texts[0].get_position()
    ('norm', (3.0, 2.0))
    """
    from matplotlib.patches import FancyBboxPatch

    own = {"fill": False, "ls": (0, (4, 3))} if dashed else {"facecolor": face, "zorder": 3}
    style = f"round,pad=0,rounding_size={rounding}"
    look = {"edgecolor": colour, "lw": 1.6, **own, **look}
    ax.add_patch(FancyBboxPatch((x, y), width, height, style, **look))
    if label:
        word(ax, (x + width / 2, y + height / 2), label, fontsize=size)


def arrow(ax: Any, start: Place, end: Place, colour: str = GREY, bend: float = 0.0, **look: Any) -> None:
    """An arrow from one place to another, straight or bent; `look` is for matplotlib's: `arrowstyle`, `lw`.

    >>> ax = canvas(None, (4, 2), (0, 10), (0, 5))
    >>> arrow(ax, (1, 1), (5, 1))
    >>> ax.texts[0].xy
    (5, 1)
    """
    own = {"arrowstyle": "-|>", "color": colour, "lw": 1.3, "mutation_scale": 11}
    own |= {"shrinkA": 0, "shrinkB": 0, "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", xy=end, xytext=start, arrowprops=own | look, zorder=2)


def word(ax: Any, place: Place, text: str, side: str = "center", small: bool = False, **look: Any) -> None:
    """A text at a place, in its middle or beginning or ending there.

    >>> ax = canvas(None, (4, 2), (0, 10), (0, 5))
    >>> word(ax, (2, 3), "ids", side="left")
    >>> ax.texts[0].get_ha()
    'left'
    """
    look = {"fontsize": 8.5 if small else 9.5, "color": GREY if small else INK, "zorder": 4, **look}
    ax.text(*place, text, ha=side, va="center", **look)


def plus(ax: Any, place: Place) -> None:
    """A plus sign in a circle, where something is added.

    >>> ax = canvas(None, (4, 2), (0, 10), (0, 5))
    >>> plus(ax, (2, 3))
    >>> ax.texts[0].get_text()
    '+'
    """
    ax.plot([place[0]], [place[1]], "o", ms=13, mfc="white", mec=INK, mew=1.3, zorder=4)
    word(ax, (place[0], place[1]), "+", fontsize=12, zorder=5)


def cells(
    ax: Any, x: float, y: float, columns: int, rows: int, size: Place, colour: str, hatch: str = ""
) -> None:
    """A table of empty cells, its upper left corner at (x, y).

    >>> ax = canvas(None, (4, 2), (0, 10), (0, 5))
    >>> cells(ax, 0, 4, columns=3, rows=2, size=(1, 1), colour="white")
    >>> len(ax.patches)
    6
    """
    from matplotlib.patches import Rectangle

    for row in range(rows):
        for column in range(columns):
            corner = (x + column * size[0], y - (row + 1) * size[1])
            ax.add_patch(Rectangle(corner, *size, fc=colour, ec=GREY, lw=0.7, hatch=hatch, zorder=3))
