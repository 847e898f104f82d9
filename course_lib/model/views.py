"""Figures of notebook 04: the plan of a GPT, the table of its shapes, and bars of where its numbers are.

Plain values and objects with the right fields come in; Axes or `Html` go out. It does not know models or
training; matplotlib is loaded at the first figure. Show an Axes with `viz.picture(ax)`, which brings its text
along.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from course_lib.figures.arguments import checked, no_others
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, RED, SKY
from course_lib.figures.shown import Html

_CELL = "padding: 2px 10px; border: 1px solid #d8d8d8; text-align: {}; white-space: pre"
_SHADES = (SKY, ORANGE, BLUE, GREEN, PURPLE)
_HATCHES = ("", "//", "", "..", "xx")


# The plan ---------------------------------------------------------------------------------------------------


@checked()
def gpt_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The plan of a GPT: ids become vectors, blocks read the stream and add to it, the head gives logits.
    Gives the Axes.

    `words` replaces labels, for another language.

    >>> gpt_plan(words={"stream": "Reststrom"}).texts[0].get_text()
    'Reststrom'
    """
    label = {
        **{name: name for name in ("ids", "norm", "attention", "head", "logits")},
        **{"embed": "tokens +\npositions", "stream": "residual stream", "mlp": "MLP", "layers": "× L layers"},
    }
    no_others("gpt_plan", "words", words or {}, label)
    label |= words or {}
    ax = _canvas(ax, (9.6, 3.2), (0, 100), (6.5, 32.5))
    ax.plot([19, 79], [24, 24], color=SKY, lw=7, solid_capstyle="butt", zorder=1)
    ax.text(25, 26.6, label["stream"], fontsize=9, color=INK, ha="left")
    _box(ax, 23.0, 8.0, 46.5, 22.5, "", GREY, dashed=True)
    ax.text(68.5, 28.4, label["layers"], fontsize=9.5, color=INK, ha="right", va="center", style="italic")
    ax.text(3, 24, label["ids"], fontsize=10, ha="center", va="center", color=INK)
    _arrow(ax, (5, 24), (9, 24))
    _box(ax, 9, 20, 10, 8, label["embed"], INK)
    for left, name, colour in ((26, "attention", RED), (48.5, "mlp", GREEN)):
        _branch(ax, left, label["norm"], label[name], colour)
    _box(ax, 72.5, 21, 6.5, 6, label["norm"], GREY)
    _arrow(ax, (79, 24), (82.5, 24))
    _box(ax, 82.5, 21, 7.5, 6, label["head"], INK)
    _arrow(ax, (90, 24), (93.5, 24))
    ax.text(94, 24, label["logits"], fontsize=10, ha="left", va="center", color=INK)
    ax.course_alt = (
        "The plan of a GPT. Ids are turned into vectors, tokens plus positions, where the residual stream "
        "begins. In each of L layers, attention reads the stream through a norm and adds to it, then the MLP "
        "reads it through another norm and adds to it. At the end stand a last norm and the head, which "
        "gives the logits."
    )
    return ax


def _branch(ax: Any, left: float, norm: str, part: str, colour: str) -> None:
    """Down from the stream, through a norm and a part, and up again to a plus sign."""
    _arrow(ax, (left + 2.7, 24), (left + 2.7, 16.4))
    _box(ax, left, 11.6, 5.4, 4.8, norm, GREY)
    _arrow(ax, (left + 5.4, 14), (left + 7.6, 14))
    _box(ax, left + 7.6, 11, 9, 6, part, colour)
    ax.plot([left + 16.6, left + 18.6], [14, 14], color=GREY, lw=1.3)
    _arrow(ax, (left + 18.6, 14), (left + 18.6, 22.6))
    ax.plot([left + 18.6], [24], "o", ms=15, mfc="white", mec=INK, mew=1.4, zorder=4)
    ax.text(left + 18.6, 23.9, "+", fontsize=13, ha="center", va="center", color=INK, zorder=5)


# Shapes -----------------------------------------------------------------------------------------------------


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


# Where the numbers are --------------------------------------------------------------------------------------


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


# Strokes ----------------------------------------------------------------------------------------------------


def _canvas(ax: Any, size: tuple[float, float], x: tuple[float, float], y: tuple[float, float]) -> Any:
    ax = axes_for(ax, size)
    ax.set(xlim=x, ylim=y)
    ax.axis("off")
    return ax


def _box(
    ax: Any, x: float, y: float, width: float, height: float, label: str, colour: str, dashed: bool = False
) -> None:
    from matplotlib.patches import FancyBboxPatch

    look = {"fill": False, "ls": (0, (4, 3))} if dashed else {"facecolor": "white", "zorder": 3}
    style = "round,pad=0,rounding_size=0.8"
    ax.add_patch(FancyBboxPatch((x, y), width, height, style, edgecolor=colour, lw=1.6, **look))
    if label:
        centre = (x + width / 2, y + height / 2)
        ax.text(*centre, label, ha="center", va="center", fontsize=9.5, color=INK, zorder=4)


def _arrow(ax: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    look = {"arrowstyle": "-|>", "color": GREY, "lw": 1.3, "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=end, xytext=start, arrowprops=look, zorder=2)
