"""What an answer comes of: the weights of words, sentence after sentence, words that are marked.

Texts and numbers come in; Axes or `Html` go out. It does not know models or how words are weighed; matplotlib
is loaded at the first figure.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.figures.arguments import as_many, between, checked
from course_lib.figures.axes import axes_for, name_rows
from course_lib.figures.colours import BLUE, INK, ORANGE
from course_lib.figures.shown import Html
from course_lib.sentiment.views.scores import MARKS

_TEXT = "line-height: 2.1; max-width: 60em; font-size: 1.05em"
_WORD = "color: #1a1a1a; border-radius: 3px; padding: 1px 3px"
_GOOD, _BAD = (86, 180, 233), (230, 159, 0)  # sky blue and orange, told apart by everybody


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
        colour, mark = MARKS[j % len(MARKS)]
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
