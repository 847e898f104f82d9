"""Drawings of what flows where: the boxes and arrows of `strokes` on a sheet from (0, 0), and rows of cells.

Labels and places come in; strokes are added to an Axes. It does not know what is drawn; a topic's `views` put
the strokes together and say in words what is to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from course_lib.arguments import wrong
from course_lib.figures import strokes
from course_lib.figures.colours import GREY

Point = tuple[float, float]


def canvas(ax: Any, width: float, height: float, inches: float = 0.1) -> Any:
    """Axes without a frame from (0, 0) to (width, height), at so many inches for a unit.

    >>> tuple(map(float, canvas(None, 40, 10).get_xlim()))
    (0.0, 40.0)
    """
    return strokes.canvas(ax, (width * inches, height * inches), (0, width), (0, height))


def box(ax: Any, place: Sequence[float], label: str, colour: str, face: str = "white", **look: Any) -> None:
    """A box with rounded corners, `place` being left, bottom, width and height, and its label in the middle.

    >>> ax = canvas(None, 40, 10)
    >>> box(ax, (2, 2, 10, 6), "model", "black")
    >>> ax.texts[0].get_text(), ax.texts[0].get_position()
    ('model', (7.0, 5.0))
    """
    strokes.box(ax, *place, label, colour, face=face, **look)


def arrow(ax: Any, start: Point, end: Point, colour: str = GREY, bend: float = 0.0, **look: Any) -> None:
    """An arrow from one point to another, bent to its left where `bend` is above 0.

    >>> ax = canvas(None, 40, 10)
    >>> arrow(ax, (2, 5), (9, 5))
    >>> ax.texts[0].xy
    (9, 5)
    """
    strokes.arrow(ax, start, end, colour, -bend, **look)


def note(ax: Any, place: Point, text: str, size: float = 9.5, align: str = "center") -> None:
    """Words at a place, in the middle of it unless `align` says "left" or "right".

    >>> ax = canvas(None, 40, 10)
    >>> note(ax, (1, 1), "here", align="left")
    >>> ax.texts[0].get_ha()
    'left'
    """
    strokes.word(ax, place, text, align, fontsize=size)


def cells(
    ax: Any, corner: Point, labels: Sequence[str], faces: Sequence[str], size: Point = (4.0, 3.4)
) -> list[float]:
    """A row of cells, each with its label and colour, from its lower left corner on; gives their middles.

    A face "" leaves a cell empty, with hatching: there is nothing to be read.

    >>> cells(canvas(None, 40, 10), (0, 2), ["Mia", "ran"], ["white", "white"])
    [2.0, 6.0]
    """
    from matplotlib.patches import Rectangle

    if len(labels) != len(faces):
        raise wrong("cells", "faces", list(faces), f"a colour for each of {len(labels)} labels")
    (left, bottom), (width, height) = corner, size
    middles = [left + width * (i + 0.5) for i in range(len(labels))]
    for middle, label, face in zip(middles, labels, faces, strict=True):
        look = {"facecolor": face or "white", "hatch": "" if face else "////", "edgecolor": GREY, "lw": 0.9}
        ax.add_patch(Rectangle((middle - width / 2, bottom), width, height, zorder=3, **look))
        note(ax, (middle, bottom + height / 2), label, 9.0)
    return middles
