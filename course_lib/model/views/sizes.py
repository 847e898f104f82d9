"""How large everything is: the table of shapes, and bars of where the numbers are.

Numbers and objects with the right fields come in; Axes or `Html` go out. It does not know models; matplotlib
is loaded at the first figure.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from course_lib.figures.arguments import checked
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import BLUE, GREEN, INK, ORANGE, PURPLE, SKY
from course_lib.figures.shown import Html

_CELL = "padding: 2px 10px; border: 1px solid #d8d8d8; text-align: {}; white-space: pre"
_SHADES = (SKY, ORANGE, BLUE, GREEN, PURPLE)
_HATCHES = ("", "//", "", "..", "xx")


class _Stage(Protocol):
    """A module with what goes in and comes out."""

    name: str
    kind: str
    parameters: int
    shape_in: Sequence[int] | None
    shape_out: Sequence[int] | None


@checked("stages")
def shape_table(stages: Iterable[_Stage], names: Mapping[int, str] | None = None) -> Html:
    """What goes into each module and what comes out, as a table.

    A stage has `name`, `kind`, `parameters`, `shape_in` (or None) and `shape_out`. `names` gives letters for
    sizes: {5: "T"} writes T wherever a 5 stands.

    >>> from types import SimpleNamespace as Stage
    >>> stage = Stage(name="head", kind="Linear", parameters=66, shape_in=(2, 3, 6), shape_out=(2, 3, 11))
    >>> print(shape_table([stage], {6: "C"}))
    module  class   goes in  comes out numbers
    head   Linear (2, 3, C) (2, 3, 11)      66
    """
    head = ("module", "class", "goes in", "comes out", "numbers")
    rows = [
        (s.name, s.kind, _shape(s.shape_in, names), _shape(s.shape_out, names), f"{s.parameters:,}")
        for s in stages
    ]
    sides = ("left", "left", "right", "right", "right")
    body = "".join(
        f'<tr style="background-color: transparent">{"".join(map(_table_cell, row, sides))}</tr>'
        for row in rows
    )
    titles = "".join(
        f'<th style="{_CELL.format(s)}">{html.escape(h)}</th>' for h, s in zip(head, sides, strict=True)
    )
    wide = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        f"{row[0]:<{wide[0]}} " + " ".join(f"{text:>{w}}" for text, w in zip(row[1:], wide[1:], strict=True))
        for row in (head, *rows)
    ]
    return Html(f'<table style="border-collapse: collapse"><tr>{titles}</tr>{body}</table>', "\n".join(lines))


def _table_cell(text: str, side: str) -> str:
    return f'<td style="{_CELL.format(side)}">{html.escape(text)}</td>'


def _shape(shape: Sequence[int] | None, names: Mapping[int, str] | None) -> str:
    if shape is None:
        return "-"
    return f"({', '.join((names or {}).get(size, str(size)) for size in shape)})"


@checked("counts")
def part_bars(counts: Mapping[str, Mapping[str, int]], ax: Any = None) -> Any:
    """For each model a bar of length 1, cut into the shares of its parts, with the total beside it. Gives the
    Axes.

    Raises: ValueError if a model has no parts, or all of them are 0.

    >>> part_bars({"toy": {"tokens": 3, "mlp": 1}}).course_alt
    'Shares of the parts. toy (4 in all): tokens 75%, mlp 25%.'
    """
    if not counts or not all(sum(parts.values()) and min(parts.values()) >= 0 for parts in counts.values()):
        raise ValueError("part_bars needs at least one model, each with parts whose counts are above 0.")
    ax = axes_for(ax, (8.6, 0.5 * len(counts) + 1.1))
    told = []
    for y, (model, parts) in enumerate(counts.items()):
        total, left = sum(parts.values()), 0.0
        for i, (name, count) in enumerate(parts.items()):
            share, style = count / total, {"color": _SHADES[i % 5], "hatch": _HATCHES[i % 5]}
            ax.barh(y, share, 0.62, left, edgecolor="white", label=name if y == 0 else None, **style)
            if share >= 0.06:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
                ax.text(left + share / 2, y, f"{share:.0%}", ha="center", va="center", fontsize=8.5, bbox=box)
            left += share
        ax.text(1.01, y, f"{total:,}", va="center", fontsize=9, color=INK)
        shares = ", ".join(f"{name} {count / total:.0%}" for name, count in parts.items())
        told.append(f"{model} ({total:,} in all): {shares}.")
    ax.set_yticks(range(len(counts)), list(counts))
    ax.set(xlim=(0, 1), ylim=(len(counts) - 0.5, -0.5), xticks=[])
    ax.spines[["top", "right", "bottom", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=9)
    ax.course_alt = f"Shares of the parts. {' '.join(told)}"
    return ax
