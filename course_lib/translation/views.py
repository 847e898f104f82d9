"""Figures of notebook 09: texts side by side, how a pair is read, shared n-grams, and scores with intervals.

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
from course_lib.figures.flow import arrow, box, canvas, cells, note
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


# How a pair is read -----------------------------------------------------------------------------------------

_SOURCE, _TARGET, _OTHER = "#d6eaf8", "#fde3b3", "#f2f2f0"


@checked()
def two_ways(ax: Any = None) -> Any:
    """An encoder with a decoder, and beside it one network that reads the pair as one text. Gives the Axes.

    >>> [text.get_text() for text in two_ways().texts][:2]
    ['two networks', 'one network, one text (ours)']
    """
    ax = canvas(ax, 100, 30)
    note(ax, (22, 28), "two networks", 10.5)
    note(ax, (76, 28), "one network, one text (ours)", 10.5)
    cells(ax, (2, 2), ["s1", "s2", "s3"], [_SOURCE] * 3, (5, 3.6))
    cells(ax, (25, 2), ["start", "t1", "t2"], [_OTHER, _TARGET, _TARGET], (5, 3.6))
    cells(ax, (25, 19), ["t1", "t2", "end"], [_TARGET] * 3, (5, 3.6))
    box(ax, (2, 10, 15, 5), "encoder", BLUE)
    box(ax, (25, 10, 15, 5), "decoder", ORANGE)
    cells(ax, (52, 2), ["start", "s1", "s2", "s3", "mark", "t1", "t2"], _ONE_TEXT, (6, 3.6))
    cells(ax, (52, 19), ["", "", "", "", "t1", "t2", "end"], ["", "", "", "", *[_TARGET] * 3], (6, 3.6))
    box(ax, (52, 10, 42, 5), "GPT", INK)
    for middle in (9.5, 32.5, 73):
        arrow(ax, (middle, 6), (middle, 9.7))
    for middle in (32.5, 85):
        arrow(ax, (middle, 15.2), (middle, 18.7))
    arrow(ax, (17.3, 12.5), (24.7, 12.5))
    note(ax, (21, 16.6), "cross-\nattention", 8.5)
    note(ax, (64, 24.6), "predicted too, but doesn't count", 8.5)
    ax.course_alt = (
        "Left: two networks. The encoder reads the source s1 s2 s3; the decoder reads start t1 t2, looks at "
        "what the encoder made by cross-attention, and predicts t1 t2 end. Right: one GPT reads start s1 s2 "
        "s3 mark t1 t2 as one row. What it predicts from the mark on, t1 t2 end, counts; the rest doesn't."
    )
    return ax


_ONE_TEXT = [_OTHER, *[_SOURCE] * 3, _OTHER, *[_TARGET] * 2]


@checked()
def pair_masks(source: int = 4, target: int = 3, ax: Any = None) -> Any:
    """Which position may look at which, in an encoder with a decoder and in one text. Gives the Axes.

    Rows are the positions that look, columns those that are looked at.

    >>> pair_masks(2, 1).course_alt.split(": ")[1]
    'in both, a target position may look at the whole source, and at the target up to itself. The source'
    """
    source, target = (whole("pair_masks", n, v, 1, 8) for n, v in (("source", source), ("target", target)))
    names = [*(f"s{i + 1}" for i in range(source)), *(f"t{i + 1}" for i in range(target))]
    size, side = (3.6, 3.2), 3.6 * (len(names) + 1)
    ax = canvas(ax, 2 * side + 14, 3.2 * (len(names) + 1) + 10)
    for left, title, causal in ((0, "encoder and decoder", False), (side + 10, "one text (ours)", True)):
        top = 3.2 * (len(names) + 1) + 5
        note(ax, (left + side / 2 + 2, top + 3.4), title, 10.5)
        for j, name in enumerate(names):
            note(ax, (left + 3.6 * (j + 1.5), top), name)
        for i, name in enumerate(names):
            bottom = top - 2 - 3.2 * (i + 1)
            note(ax, (left + 2, bottom + 1.6), name)
            faces = [_looked_at(i, j, source, causal) for j in range(len(names))]
            cells(ax, (left + 3.6, bottom), [""] * len(names), faces, size)
    told = "blue: source at source · pale orange: target at source · dark: target at target"
    note(ax, (1, 1.6), f"who looks at what: {told}", 8.5, "left")
    ax.course_alt = (
        "Two masks: in both, a target position may look at the whole source, and at the target up to itself. "
        "The source: with an encoder, each of its positions may look at all of them, also at later ones; in "
        "one text, only at those up to itself."
    )
    return ax


def _looked_at(row: int, column: int, source: int, causal: bool) -> str:
    if row < source:
        return _SOURCE if column < source and (column <= row or not causal) else "white"
    return _TARGET if column < source else "#c98a1b" if column <= row else "white"


@checked()
def swapped_sources(ax: Any = None) -> Any:
    """Targets behind their own sources, and the same targets behind those of the next story. Gives the Axes.

    >>> swapped_sources().course_alt.split(".")[0]
    'Left, each target stands behind its own source: A A, B B, C C'
    """
    ax = canvas(ax, 78, 24)
    for left, title, sources in ((2, "loss(0): the right source", "ABC"), (42, "loss(1): another's", "BCA")):
        note(ax, (left + 17, 22), title, 10.5)
        for i, (one, two) in enumerate(zip(sources, "ABC", strict=True)):
            bottom = 14.5 - 6 * i
            box(ax, (left, bottom, 15, 4.6), f"source {one}", BLUE, _SOURCE if one == two else "white")
            box(ax, (left + 19, bottom, 15, 4.6), f"target {two}", ORANGE, _TARGET)
            arrow(ax, (left + 15, bottom + 2.3), (left + 18.8, bottom + 2.3))
    ax.course_alt = (
        "Left, each target stands behind its own source: A A, B B, C C. Right, the sources have moved on by "
        "one: B A, C B, A C. In both, the loss is that of the same three targets."
    )
    return ax


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
