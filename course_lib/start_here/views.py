"""The two pictures of notebook 00, drawn by code: the life of a language model, and the map of the course.

Words can be given in another language; nothing is loaded from a file. It does not know models or training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib import COURSE, PARTS, Topic
from course_lib.figures.arguments import checked, no_others
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PAPER, PURPLE, RED, SKY
from course_lib.figures.strokes import arrow, box, canvas, word

LIFE_WORDS = {
    "data": ("data", "much text"),
    "tokens": ("tokens", "cut into pieces,\nnumbered"),
    "model": ("model", "a score for every\npossible next token"),
    "training": ("training", "guess, compare, adjust:\nmany times"),
    "generation": ("generation", "pick one, append it,\nstart over"),
}
BUILDS_ON = {"II": "with the GPT\nof part I", "III": "builds on\nparts I and II"}
_THIN = {"lw": 1.0, "zorder": 1}  # what is drawn into a box lies above it


@checked()
def llm_life(ax: Any = None, words: Mapping[str, tuple[str, str]] | None = None) -> Any:
    """The life of a language model in five stations: data, tokens, model, training, generation. Gives the
    Axes.

    `words` replaces the titles and captions, key by key, for another language.

    >>> ax = llm_life()
    >>> len(ax.texts) > 10
    True
    """
    no_others("llm_life", "words", words or {}, LIFE_WORDS)
    ax = canvas(ax, (9.6, 2.75), (0, 100), (1.8, 30.5))
    stations = (_data, _tokens, _model, _training, _generation)
    for i, (draw, (name, default)) in enumerate(zip(stations, LIFE_WORDS.items(), strict=True)):
        left, (title, caption) = 1 + 20.2 * i, (words or {}).get(name, default)
        box(ax, left, 8.5, 16.8, 17, "", "#c8c8c4", face=PAPER, rounding=1.0, **_THIN)
        ax.text(left + 8.4, 27.2, title, ha="center", va="bottom", fontsize=12, fontweight="bold", color=INK)
        ax.text(left + 8.4, 7.2, caption, ha="center", va="top", fontsize=9.5, color=INK, linespacing=1.15)
        draw(ax, left + 8.4, 17.0)
        if i:
            arrow(ax, (left - 3.3, 17.0), (left - 0.2, 17.0))
    ax.course_alt = (
        "The life of a language model in five stations joined by arrows: data (much text), tokens (the text "
        "cut into numbered pieces), model (layers that give scores for the next token), training (a falling "
        "loss curve over a dashed floor) and generation (one token is picked from bars of probability and "
        "appended, again and again)."
    )
    return ax


@checked()
def course_map(here: str | None = "00", ax: Any = None, course: Sequence[Topic] = COURSE) -> Any:
    """The map of the course: its parts as rows of notebooks. `here` frames the notebook of that number. Gives
    the Axes.

    >>> ax = course_map(here="03")
    >>> "03 attention" in ax.course_alt
    True
    """
    if here is not None:
        no_others("course_map", "here", [here], dict.fromkeys(["00", *(topic.number for topic in course)]))
    parts = {part: [topic for topic in course if topic.part == part] for part in PARTS}
    ax = canvas(ax, (9.6, 1.2 * len(parts) - 0.1), (-1, 100), (-1, 12.0 * len(parts) - 2.5))
    top = 12.0 * (len(parts) - 1)
    _notebook(ax, 0, top, 12.0, "00\nstart here", INK, here == "00")
    told = []
    colours = (BLUE, GREEN, RED, PURPLE, ORANGE)
    for row, ((part, topics), colour) in enumerate(zip(parts.items(), colours, strict=False)):
        _part(ax, top - 12.0 * row, part, topics, colour, here)
        told.append(f"Part {part}, {PARTS[part]}: {', '.join(_label(topic, ' ') for topic in topics)}.")
    ax.course_alt = f"The map of the course. It starts with 00 start here. {' '.join(told)}"
    return ax


def _part(ax: Any, y: float, part: str, topics: Sequence[Topic], colour: str, here: str | None) -> None:
    """One row of the map: a part's title, what it builds on, and its notebooks with arrows between them."""
    ax.text(16, y + 6.9, f"{part}  {PARTS[part]}", va="bottom", fontsize=11, fontweight="bold", color=INK)
    for i, topic in enumerate(topics):
        left = 16 + 14.1 * i
        _notebook(ax, left, y, 12.0, _label(topic, "\n"), colour, here == topic.number)
        arrow(ax, (left - (1.9 if i else 3.7), y + 3), (left - 0.2, y + 3), mutation_scale=7)
    told = BUILDS_ON.get(part, "")
    ax.text(11.6, y + 3, told, ha="right", va="center", fontsize=9, color="#555555", style="italic")


def _label(topic: Topic, between: str) -> str:
    return f"{topic.number}{between}{topic.title.lower()}"


def _data(ax: Any, x: float, y: float) -> None:
    """Three sheets of paper, one behind the other, with lines of text."""
    for k in (2, 1, 0):
        left, bottom = x - 5.2 + 1.3 * k, y - 6.2 + 1.2 * k
        box(ax, left, bottom, 8.0, 10.0, "", GREY, rounding=0.2, **_THIN)
    for j, length in enumerate((6.2, 5.4, 6.0, 4.4, 5.8, 3.2)):
        height = y + 2.2 - 1.4 * j
        ax.plot([x - 4.3, x - 4.3 + length], [height, height], color=BLUE, lw=1.8, solid_capstyle="round")


def _tokens(ax: Any, x: float, y: float) -> None:
    """Words cut into coloured pieces, with their numbers below."""
    rows = ((("Mia", 312), ("·lost", 871)), (("·her", 94), ("·um", 402)), (("brel", 1290), ("la", 77)))
    colours = (("#cfe8f7", "#fde3b3"), ("#c9ecdf", "#f6d9e8"), ("#fbf5c4", "#dcdcf2"))
    for r, (pieces, faces) in enumerate(zip(rows, colours, strict=True)):
        for c, ((piece, number), face) in enumerate(zip(pieces, faces, strict=True)):
            left, bottom = x - 7.4 + 7.6 * c, y + 2.7 - 5.1 * r
            box(ax, left, bottom, 7.1, 4.4, "", GREY, face=face, rounding=0.4, **_THIN)
            word(ax, (left + 3.55, bottom + 2.9), piece, fontsize=9, family="monospace")
            word(ax, (left + 3.55, bottom + 1.1), str(number), fontsize=7, color="#444444")


def _model(ax: Any, x: float, y: float) -> None:
    """Layers of dots; in each, a dot takes from the dots to its left."""
    columns = [x - 5.6 + 2.8 * i for i in range(5)]
    for k in range(4):
        height = y - 6.0 + 4.0 * k
        for i, column in enumerate(columns):
            if k:
                for j in range(max(0, i - 2), i + 1):
                    strength = 0.9 if j == i else 0.45
                    ax.plot(
                        [columns[j], column],
                        [height - 4, height],
                        color=SKY,
                        lw=0.9,
                        alpha=strength,
                        zorder=2,
                    )
            ax.plot([column], [height], "o", color=BLUE, ms=5, zorder=3)


def _training(ax: Any, x: float, y: float) -> None:
    """A loss curve that falls towards a dashed floor."""
    left, bottom = x - 6.6, y - 6.4
    ax.plot([left, left, left + 13.2], [bottom + 12.6, bottom, bottom], color=INK, lw=1.1)
    steps = [i / 60 for i in range(61)]
    curve = [bottom + 2.6 + 9.2 * math.exp(-4.2 * s) + 0.22 * math.sin(31 * s) * (1 - s) for s in steps]
    ax.plot([left + 0.6 + 12 * s for s in steps], curve, color=RED, lw=2)
    ax.plot([left + 0.3, left + 13], [bottom + 1.9, bottom + 1.9], color=INK, lw=1.2, ls=(0, (4, 3)))


def _generation(ax: Any, x: float, y: float) -> None:
    """Bars of probability for the next word after the start of a sentence."""
    look = {"fontsize": 9, "family": "monospace"}
    word(ax, (x, y + 5.6), "Mia lost her ...", **look)
    for j, (guess, share) in enumerate((("hat", 0.55), ("key", 0.3), ("cat", 0.15))):
        height = y + 1.4 - 3.6 * j
        word(ax, (x - 3.2, height), guess, "right", **look)
        face = ORANGE if j == 0 else SKY
        box(ax, x - 2.6, height - 1.0, 15.5 * share, 2.0, "", "none", face=face, rounding=0.1, **_THIN)


def _notebook(ax: Any, x: float, y: float, width: float, label: str, colour: str, here: bool) -> None:
    box(ax, x, y, width, 6.0, "", colour, lw=3.5 if here else 1.5, zorder=1)
    weight = "bold" if here else "normal"
    number, _, topic = label.partition("\n")
    word(ax, (x + width / 2, y + 4.3), number, color=colour, fontweight="bold")
    word(ax, (x + width / 2, y + 1.9), topic, fontsize=9, fontweight=weight)
