"""How a label is read off: a head on the last token, endings behind a text.

Texts and numbers come in, Axes go out. It does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.figures.arguments import checked, has_all
from course_lib.figures.colours import BLUE, GREY, INK, ORANGE
from course_lib.figures.flow import arrow, box, canvas, cells, note


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
