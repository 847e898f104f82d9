"""Figures of notebook 10: how a label is read off, a classifier's weights, scores and confusions, how sure it
is, and what of.

Plain texts and numbers come in; Axes or `Html` go out. It does not know models, training or how texts are
scored; matplotlib is loaded at the first figure. Show a figure with `viz.picture`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number, whole
from course_lib.figures.arguments import as_many, between, checked, has_all, ordered
from course_lib.figures.axes import axes_for, dot, name_rows, tidy
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE
from course_lib.figures.flow import arrow, box, canvas, cells, note
from course_lib.figures.shown import Html
from course_lib.intervals import wilson

_TEXT = "line-height: 2.1; max-width: 60em; font-size: 1.05em"
_WORD = "color: #1a1a1a; border-radius: 3px; padding: 1px 3px"
_GOOD, _BAD = (86, 180, 233), (230, 159, 0)  # sky blue and orange, told apart by everybody
_MARKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "D"))

Share = tuple[int, int]  # hits, trials
Interval = tuple[float, float]


# How a label is read off ------------------------------------------------------------------------------------


@checked()
def read_out(texts: Sequence[Sequence[str]], ax: Any = None) -> Any:
    """Texts of a batch, filled up on the right; the head reads the vector of each one's last real token.

    Gives the Axes.

    >>> read_out([["I", "love", "it"], ["Awful"]]).course_alt.split(": ")[1]
    'of text 1, with 3 tokens, number 3; of text 2, with 1 token, number 1.'
    """
    longest = max(map(len, texts))
    right, high = 11 * longest + 4, 13 * len(texts) + 1
    ax = canvas(ax, right + 42, high)
    box(ax, (right + 10, 1.5, 10, high - 3), "head", INK)
    for i, tokens in enumerate(texts):
        bottom, real, empty = high - 13 * (i + 1), len(tokens), longest - len(tokens)
        cells(ax, (2, bottom), [*tokens, *[""] * empty], ["#d6eaf8"] * real + [""] * empty, (11, 3.6))
        for j in range(longest):
            arrow(ax, (7.5 + 11 * j, bottom + 3.7), (7.5 + 11 * j, bottom + 5.6))
        faces = [*["#f2f2f0"] * (real - 1), "#fde3b3", *[""] * empty]
        vectors = [f"x{j + 1}" for j in range(real)] + [""] * empty
        cells(ax, (2, bottom + 5.7), vectors, faces, (11, 3))
        arrow(ax, (11 * real - 3.5, bottom + 8.8), (right + 9.7, bottom + 10.6), ORANGE)
        arrow(ax, (right + 20.3, bottom + 6), (right + 25, bottom + 6))
        cells(ax, (right + 25.3, bottom + 4.3), ["bad", "good"], ["white", "white"], (7, 3.4))
    told = [
        f"of text {i + 1}, with {len(tokens)} token{'s' * (len(tokens) > 1)}, number {len(tokens)}"
        for i, tokens in enumerate(texts)
    ]
    ax.course_alt = (
        f"Of each text the head gets one vector and gives two logits, bad and good: {'; '.join(told)}."
    )
    return ax


@checked()
def branches(
    after: Mapping[str, Sequence[float]], alone: Mapping[str, Sequence[float]], ax: Any = None
) -> Any:
    """Endings behind a text and behind nothing, each with its tokens' log-probabilities. Gives the Axes.

    >>> branches({"bad": [-2.0, -1.5]}, {"bad": [-3.0, -2.0]}).course_alt
    'After the text: bad -2.0, -1.5. Alone: bad -3.0, -2.0.'
    """
    has_all("branches", "alone", alone, after)
    most = max(len(row) for one in (after, alone) for row in one.values())
    half, high = 28 + 7 * most, 6 * len(after) + 4
    ax = canvas(ax, 2 * half, high)
    told = []
    for left, name, rows in ((0, "the text", after), (half, "(nothing)", alone)):
        box(ax, (left + 1, high / 2 - 2.6, 11, 5.2), name, BLUE if rows is after else GREY)
        for i, label in enumerate(after):
            bottom = high - 6 * (i + 1) - 1
            arrow(ax, (left + 12.3, high / 2), (left + 18, bottom + 2))
            note(ax, (left + 18.6, bottom + 2), label, align="left")
            numbers = [f"{value:.1f}" for value in rows[label]]
            cells(ax, (left + 25, bottom), numbers, ["#fde3b3"] * len(numbers), (7, 4))
        listed = "; ".join(f"{label} {', '.join(f'{v:.1f}' for v in rows[label])}" for label in after)
        told.append(f"{'After the text' if rows is after else 'Alone'}: {listed}.")
    ax.course_alt = " ".join(told)
    return ax


# Weights and scores -----------------------------------------------------------------------------------------


@checked()
def weights(words: Sequence[str], values: Sequence[float], top: int = 8, ax: Any = None) -> Any:
    """The words with the `top` lowest and highest weights, as bars to the left and right. Gives the Axes.

    Raises: ValueError unless there is a weight for each word.

    >>> weights(["awful", "great", "kite"], [-2.0, 1.5, 0.1], top=1).course_alt
    'Weights, lowest first: awful -2.0, great 1.5.'
    """
    top = whole("weights", "top", top)
    if len(words) != len(values):
        raise ValueError(f"weights got {len(words)} words and {len(values)} weights; give one for each.")
    order = sorted(range(len(words)), key=values.__getitem__)
    chosen = order if len(order) <= 2 * top else order[:top] + order[-top:]
    names, sizes = [words[i] for i in chosen], [values[i] for i in chosen]
    ax = axes_for(ax, (6.6, 0.24 * len(chosen) + 0.9))
    ax.barh(range(len(chosen)), sizes, color=[BLUE if size > 0 else ORANGE for size in sizes], height=0.72)
    ax.axvline(0, color=INK, lw=0.9)
    ax.set_yticks(range(len(chosen)), names)
    ax.set_xlabel("weight: to the left bad, to the right good")
    ax.grid(axis="x", color="#dddddd", lw=0.7)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    told = ", ".join(f"{name} {size:.1f}" for name, size in zip(names, sizes, strict=True))
    ax.course_alt = f"Weights, lowest first: {told}."
    return ax


@checked()
def by_group(
    rows: Mapping[str, Mapping[str, Share]], intervals: Mapping[str, Mapping[str, Interval]], ax: Any = None
) -> Any:
    """For each row (a model), the share that is right in each group of texts. Gives the Axes.

    >>> rows = {"words": {"straight": (9, 10), "twins": (1, 2)}}
    >>> by_group(rows, {"words": {"straight": (0.6, 1.0), "twins": (0.1, 0.9)}}).course_alt
    'words: straight 90 % (60 % to 100 %), twins 50 % (10 % to 90 %).'
    """
    groups = list(next(iter(rows.values())))
    for name, shares in rows.items():
        if list(shares) != groups or not set(groups) <= set(intervals.get(name, ())):
            raise ValueError(f"by_group lacks a share or an interval of {name!r} for one of {groups}.")
    ordered("by_group", [ends for row in intervals.values() for ends in row.values()])
    _check_shares("by_group", [share for row in rows.values() for share in row.values()])
    ax = axes_for(ax, (7.4, 0.28 * len(rows) * (len(groups) + 0.7) + 1.1))
    told = []
    for y, (name, shares) in enumerate(rows.items()):
        parts = []
        for j, group in enumerate(groups):
            colour, mark = _MARKS[j % len(_MARKS)]
            share = 100 * shares[group][0] / shares[group][1]
            low, high = (100 * end for end in intervals[name][group])
            at = y + 0.26 * (j - (len(groups) - 1) / 2)
            dot(ax, at, share, (low, high), colour, mark, group if y == 0 else None)
            parts.append(f"{group} {share:.0f} % ({low:.0f} % to {high:.0f} %)")
        told.append(f"{name}: {', '.join(parts)}.")
    ax.axvline(50, color=INK, lw=1, ls=(0, (5, 3)))
    name_rows(ax, list(rows))
    ax.set(xlim=(-2, 102), xlabel="right, in %")
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(groups))
    ax.course_alt = " ".join(told)
    return ax


@checked()
def by_labels(
    counts: Sequence[int], curves: Mapping[str, Sequence[Share]], intervals: Mapping[str, Sequence[Interval]],
    ax: Any = None,
) -> Any:  # fmt: skip
    """The share that is right against the number of labelled texts, a line for each model. Gives the Axes.

    >>> by_labels([20, 80], {"GPT": [(3, 4), (4, 4)]}, {"GPT": [(0.3, 0.9), (0.5, 1.0)]}).course_alt
    'GPT: 75 % with 20 labelled texts, 100 % with 80.'
    """
    has_all("by_labels", "intervals", intervals, curves)
    for name, shares in curves.items():
        as_many(f"by_labels, of {name!r},", counts=counts, shares=shares, intervals=intervals[name])
    ordered("by_labels", [ends for row in intervals.values() for ends in row])
    _check_shares("by_labels", [share for shares in curves.values() for share in shares])
    for count in counts:
        number("by_labels", "counts", count, "numbers above 0", lambda x: x > 0)
    ax = axes_for(ax, (6.8, 3.6))
    told = []
    for j, (name, shares) in enumerate(curves.items()):
        colour, mark = _MARKS[j % len(_MARKS)]
        moved = [count * 1.05 ** (j - (len(curves) - 1) / 2) for count in counts]  # side by side
        heights = [100 * hits / trials for hits, trials in shares]
        ax.plot(moved, heights, f"{mark}-", color=colour, lw=1.8, ms=7, label=name)
        for x, (low, high) in zip(moved, intervals[name], strict=True):
            ax.plot([x, x], [100 * low, 100 * high], "_-", color=colour, lw=1.4, ms=10, mew=1.2, mec=INK)
        said = [f"{height:.0f} % with {count}" for height, count in zip(heights, counts, strict=True)]
        told.append(f"{name}: {', '.join([f'{said[0]} labelled texts', *said[1:]])}.")
    ax.axhline(50, color=INK, lw=1, ls=(0, (5, 3)))
    ax.set(xscale="log", xlabel="labelled texts to learn from", ylabel="right, in %", ylim=(38, 102))
    ax.set_xticks(list(counts), [str(count) for count in counts])
    ax.minorticks_off()
    tidy(ax)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves))
    ax.course_alt = " ".join(told)
    return ax


@checked()
def confusion(table: Sequence[Sequence[int]], labels: Sequence[str], ax: Any = None) -> Any:
    """A confusion matrix: a row for each true label, a column for each predicted one. Gives the Axes.

    >>> confusion([[3, 1], [0, 4]], ["bad", "good"]).course_alt
    'Of 4 that are bad: 3 called bad, 1 called good. Of 4 that are good: 0 called bad, 4 called good.'
    """
    if len(table) != len(labels) or any(len(row) != len(labels) for row in table):
        raise ValueError(
            f"confusion got a table of {len(table)} rows, the first of {len(table[0])}, and {len(labels)} "
            "labels; give a row and a column for each label."
        )
    between("confusion", "table", (count for row in table for count in row), 0, math.inf)
    most = max(1, *(count for row in table for count in row))
    ax = axes_for(ax, (0.9 * len(labels) + 1.5, 0.8 * len(labels) + 1.1))
    ax.imshow(table, cmap="Blues", vmin=0, vmax=1.25 * most)
    for i, row in enumerate(table):
        for j, count in enumerate(row):
            colour = "white" if count > 0.7 * most else INK
            ax.text(j, i, str(count), ha="center", va="center", fontsize=14, color=colour)
    ax.set_xticks(range(len(labels)), list(labels))
    ax.set_yticks(range(len(labels)), list(labels))
    ax.set(xlabel="predicted", ylabel="true")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    told = [
        f"Of {sum(row)} that are {name}: "
        + ", ".join(f"{count} called {other}" for count, other in zip(row, labels, strict=True))
        for name, row in zip(labels, table, strict=True)
    ]
    ax.course_alt = ". ".join(told) + "."
    return ax


@checked()
def sureness(rows: Mapping[str, Sequence[tuple[float, float, int]]], ax: Any = None) -> Any:
    """A reliability diagram: for each bin, how sure on average and how often right; on the line is ideal.

    `rows` has for each name the bins as (confidence, share right, count); a bin with more texts gets a larger
    dot. The strokes are 95 % Wilson intervals of what is right. Gives the Axes.

    >>> sureness({"as it is": [(0.9, 0.6, 20)]}).course_alt
    'as it is: 90 % sure, 60 % right (39 to 78 %, 20 texts).'
    """
    ax = axes_for(ax, (4.8, 4.2))
    ax.plot([0, 100], [0, 100], color=INK, lw=1, ls=(0, (5, 3)))
    for name, bins in rows.items():
        between("sureness", f"rows[{name!r}]", (part for sure, right, _ in bins for part in (sure, right)))
        between("sureness", f"the count of {name!r}", (count for _, _, count in bins), 1, math.inf)
    most = max(count for bins in rows.values() for _, _, count in bins)
    told = []
    for j, (name, bins) in enumerate(rows.items()):
        colour, mark = _MARKS[j % len(_MARKS)]
        sure, right = [100 * row[0] for row in bins], [100 * row[1] for row in bins]
        ends = [[100 * end for end in wilson(round(share * count), count)] for _, share, count in bins]
        ax.plot(sure, right, color=colour, lw=1.2, alpha=0.6)
        ax.vlines(sure, [low for low, _ in ends], [high for _, high in ends], color=colour, lw=1, alpha=0.7)
        ax.scatter(sure, right, s=[25 + 150 * row[2] / most for row in bins], color=colour, marker=mark)
        ax.plot([], [], mark, color=colour, ms=8, label=name)
        parts = [
            f"{a:.0f} % sure, {b:.0f} % right ({low:.0f} to {high:.0f} %, {row[2]} texts)"
            for a, b, (low, high), row in zip(sure, right, ends, bins, strict=True)
        ]
        told.append(f"{name}: {'; '.join(parts)}.")
    ax.set(xlim=(45, 103), ylim=(-3, 103), xlabel="how sure, in %", ylabel="how often right, in %")
    tidy(ax)
    ax.legend(frameon=False, loc="lower right")
    ax.course_alt = " ".join(told)
    return ax


@checked()
def unfolding(sentences: Sequence[str], curves: Mapping[str, Sequence[float]], ax: Any = None) -> Any:
    """The probability of `good` after each sentence of a text, read from top to bottom. Gives the Axes.

    >>> unfolding(["I like it.", "But it broke."], {"GPT": [0.9, 0.1]}).course_alt
    'After "I like it.": GPT 90 %. After "But it broke.": GPT 10 %.'
    """
    for name, values in curves.items():
        as_many(f"unfolding, of {name!r},", sentences=sentences, values=values)
    between("unfolding", "curves", (value for values in curves.values() for value in values))
    ax = axes_for(ax, (8.4, 0.5 * len(sentences) + 1.2))
    for j, (name, values) in enumerate(curves.items()):
        colour, mark = _MARKS[j % len(_MARKS)]
        ax.plot(
            [100 * v for v in values],
            range(len(sentences)),
            f"{mark}-",
            color=colour,
            lw=1.4,
            ms=8,
            label=name,
        )
    ax.axvline(50, color=INK, lw=1, ls=(0, (5, 3)))
    name_rows(ax, sentences)
    ax.set(xlim=(-3, 103), xlabel="probability of good, in %")
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves))
    told = [
        f'After "{sentence}": '
        + ", ".join(f"{name} {100 * values[i]:.0f} %" for name, values in curves.items())
        for i, sentence in enumerate(sentences)
    ]
    ax.course_alt = ". ".join(told) + "."
    return ax


@checked("words", "values")
def marked(words: Sequence[str], values: Sequence[float], largest: float | None = None) -> Html:
    """A text whose words are coloured by what they bring: blue speaks for good, orange for bad.

    `largest` is the value with the full colour; without it, the largest one here. A word's value shows on
    hovering, and below the text there is a line with the three that bring most.

    Raises: ValueError unless there is a value for each word.

    >>> marked(["not", "bad", "at", "all"], [1.5, -0.5, 0.0, 0.0])
    not(+1.5) bad(-0.5) at all
    """
    if len(words) != len(values):
        raise ValueError(f"marked got {len(words)} words and {len(values)} values; give one for each.")
    full = largest or max((abs(value) for value in values), default=0.0) or 1.0
    spans = [
        f'<span style="{_WORD}; background-color: {_tint(value / full)}" title="{value:+.2f}">'
        f"{html.escape(word)}</span>"
        for word, value in zip(words, values, strict=True)
    ]
    told = [
        f"{word}({value:+.1f})" if abs(value) >= 0.05 else word
        for word, value in zip(words, values, strict=True)
    ]
    top = sorted(range(len(words)), key=lambda i: -abs(values[i]))[:3]
    line = ", ".join(f"{words[i]} {values[i]:+.1f}" for i in top)
    page = f'<div style="{_TEXT}">{" ".join(spans)}</div><div>{html.escape(line)}</div>'
    return Html(page, " ".join(told))


def _tint(strength: float) -> str:
    """A colour from see-through to blue (good) or orange (bad)."""
    red, green, blue = _GOOD if strength > 0 else _BAD
    return f"rgba({red}, {green}, {blue}, {min(1.0, abs(strength)):.2f})"


def _check_shares(owner: str, shares: Sequence[Share]) -> None:
    for hits, trials in shares:
        if not 0 <= hits <= trials or not trials:
            raise ValueError(f"{owner} got {(hits, trials)}; needed (hits, trials), e.g. (3, 10).")
