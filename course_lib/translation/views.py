"""Figures of notebook 09: texts side by side, shared n-grams, and scores with intervals.

Plain texts and numbers come in; Axes or `Html` go out. Texts are shown with the browser's own fonts. It does
not know models, languages or how a translation is scored. Show a figure with `viz.picture`.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import whole, wrong
from course_lib.figures.arguments import between, checked
from course_lib.figures.axes import axes_for, tidy
from course_lib.figures.colours import BLUE, GREEN, INK, ORANGE
from course_lib.figures.shown import Html

_ROW = "background-color: transparent"  # notebooks stripe the rows of tables otherwise
_CELL = (
    "text-align: left; vertical-align: top; padding: 3px 16px 6px 0; line-height: 1.6; white-space: pre-wrap"
)
_HEAD = f"{_CELL}; white-space: nowrap; font-weight: bold"
# Darker for a longer match; under the same dark ink, and told by the underline as well.
_MATCHES = ("#dceaf5", "#b5d4ec", "#84b8dd", "#56b4e9")


# Texts ------------------------------------------------------------------------------------------------------


@checked("rows")
def texts(rows: Mapping[str, str | Html], width: int = 58) -> Html:
    """Texts one below the other, each with its name at the left. `width` is that of the texts, in letters.

    >>> texts({"English": "Mia ran.", "中文": "米娅跑了。"})
    English: Mia ran.
    中文: 米娅跑了。
    """
    lines = "".join(
        f'<tr style="{_ROW}"><td style="{_HEAD}">{html.escape(name)}</td>'
        f'<td style="{_CELL}; max-width: {width}em">{_inner(text)}</td></tr>'
        for name, text in rows.items()
    )
    table = f'<table style="border-collapse: collapse; font-size: 1.02em">{lines}</table>'
    return Html(table, "\n".join(f"{name}: {text}" for name, text in rows.items()))


def _inner(text: str | Html) -> str:
    return text.html if isinstance(text, Html) else html.escape(text)


# n-grams ----------------------------------------------------------------------------------------------------


@checked("tokens", "reference")
def shared(tokens: Sequence[str], reference: Sequence[str], longest: int = 4, gap: str = " ") -> Html:
    """A text whose tokens are tinted by the longest n-gram, up to `longest`, that they share with another.

    A token without colour does not occur in `reference` at all. In plain text, the length stands behind it.
    `gap` goes between tokens: "" for Chinese.

    >>> shared(["the", "red", "hat"], ["a", "red", "hat"])
    the(0) red(2) hat(2)
    """
    longest = whole("shared", "longest", longest)
    lengths = _shared_lengths(tokens, reference, longest)
    boxes = [_tinted(token, length, longest) for token, length in zip(tokens, lengths, strict=True)]
    plain = gap.join(f"{token}({length})" for token, length in zip(tokens, lengths, strict=True))
    style = "line-height: 2.1; max-width: 58em; white-space: normal"
    return Html(f'<div style="{style}">{(gap + "<wbr>").join(boxes)}</div>', plain)


def _shared_lengths(tokens: Sequence[str], reference: Sequence[str], longest: int) -> list[int]:
    lengths = [0] * len(tokens)
    for n in range(1, longest + 1):
        known = {tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)}
        for start in range(len(tokens) - n + 1):
            if tuple(tokens[start : start + n]) in known:
                lengths[start : start + n] = [n] * n
    return lengths


def _tinted(token: str, length: int, longest: int) -> str:
    if not length:
        look = "border-bottom: 2px dotted #b35c00"
    else:
        tint = _MATCHES[-1 - (longest - length) % len(_MATCHES)]
        look = f"background-color: {tint}; color: #1a1a1a"
    return f'<span style="{look}; padding: 1px 2px" title="{length}">{html.escape(token)}</span>'


# Scores -----------------------------------------------------------------------------------------------------


@checked("marked")
def penalty_curve(penalties: Sequence[tuple[float, float]], marked: Mapping[str, int], ax: Any = None) -> Any:
    """The brevity penalty over the length in shares of the reference's. Gives the Axes.

    `penalties` are pairs (share, penalty); `marked` gives the place of a pair for each name.

    >>> penalty_curve([(0.5, 0.37), (1.0, 1.0)], {"half": 0}).course_alt
    'Penalty over length: 0.37 at 0.5, 1.00 at 1. Marked: half 0.37.'
    """
    for name, place in marked.items():
        whole("penalty_curve", f"marked[{name!r}]", place, -len(penalties), len(penalties) - 1)
    ax = axes_for(ax, (6.4, 3.0))
    ax.plot(*zip(*penalties, strict=True), color=BLUE, lw=2)
    for name, place in marked.items():
        x, y = penalties[place]
        ax.plot([x], [y], "o", color=ORANGE, ms=8)
        ax.annotate(f"{name}: {y:.2f}", (x, y), (8, -14), textcoords="offset points", fontsize=10, color=INK)
    ax.set(xlabel="length, in shares of the reference's", ylabel="penalty", ylim=(0, 1.08))
    tidy(ax)
    ends = ", ".join(f"{y:.2f} at {x:g}" for x, y in (penalties[0], penalties[-1]))
    told = ", ".join(f"{name} {penalties[place][1]:.2f}" for name, place in marked.items())
    ax.course_alt = f"Penalty over length: {ends}. Marked: {told}."
    return ax


@checked()
def score_bars(rows: Mapping[str, Mapping[str, float]], ax: Any = None) -> Any:
    """Scores from 0 to 100 as bars: a group for each row, a bar for each kind of score. Gives the Axes.

    >>> score_bars({"a wrong name": {"BLEU": 65.0, "chrF": 80.4}}).course_alt
    'a wrong name: BLEU 65, chrF 80.'
    """
    kinds = list(next(iter(rows.values())))
    if len(kinds) > 3 or any({*row} != {*kinds} for row in rows.values()):
        raise wrong("score_bars", "rows", rows, "rows that all have the same scores, three at most")
    between("score_bars", "a score", (score for row in rows.values() for score in row.values()), 0, 100)
    ax = axes_for(ax, (7.2, 0.34 * len(kinds) * len(rows) + 1.1))
    height = 0.8 / len(kinds)
    for k, (kind, colour) in enumerate(zip(kinds, (BLUE, ORANGE, GREEN), strict=False)):
        places = [y + (k - (len(kinds) - 1) / 2) * height for y in range(len(rows))]
        values = [row[kind] for row in rows.values()]
        ax.barh(places, values, height=0.9 * height, color=colour, hatch=("", "///", "..")[k], label=kind,
                edgecolor="white")  # fmt: skip
        for y, value in zip(places, values, strict=True):
            ax.text(value + 1.2, y, f"{value:.0f}", va="center", fontsize=9, color=INK)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(xlim=(0, 108), ylim=(len(rows) - 0.5, -0.5), xlabel="score")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=len(kinds))
    ax.course_alt = " ".join(
        f"{name}: {', '.join(f'{kind} {value:.0f}' for kind, value in row.items())}."
        for name, row in rows.items()
    )
    return ax
