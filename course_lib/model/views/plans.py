"""How a GPT is built: as a whole, its streams, the MLP, a block, both ends.

Labels and sizes come in, Axes go out. It does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.figures.arguments import as_many, checked
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, RED, SKY
from course_lib.figures.strokes import arrow, box, canvas, cells, plus, word, wording

_PALE = "#d5e8f3"


@checked()
def gpt_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The plan of a GPT: ids become vectors, blocks read the stream and add to it, the head gives logits.
    Gives the Axes.

    `words` replaces labels, for another language.

    >>> gpt_plan(words={"stream": "Reststrom"}).texts[0].get_text()
    'Reststrom'
    """
    label = {name: name for name in ("ids", "norm", "attention", "head", "logits")}
    label |= {
        "embed": "tokens +\npositions",
        "stream": "residual stream",
        "mlp": "MLP",
        "layers": "× L layers",
    }
    label = wording("gpt_plan", words, label)
    ax = canvas(ax, (9.6, 3.2), (0, 100), (6.5, 32.5))
    ax.plot([19, 79], [24, 24], color=SKY, lw=7, solid_capstyle="butt", zorder=1)
    word(ax, (25, 26.6), label["stream"], "left")
    box(ax, 23.0, 8.0, 46.5, 22.5, "", GREY, dashed=True)
    word(ax, (68.5, 28.4), label["layers"], "right", style="italic")
    word(ax, (3, 24), label["ids"])
    arrow(ax, (5, 24), (9, 24))
    box(ax, 9, 20, 10, 8, label["embed"], INK)
    for left, name, colour in ((26, "attention", RED), (48.5, "mlp", GREEN)):
        _branch(ax, left, label["norm"], label[name], colour)
    box(ax, 72.5, 21, 6.5, 6, label["norm"], GREY)
    arrow(ax, (79, 24), (82.5, 24))
    box(ax, 82.5, 21, 7.5, 6, label["head"], INK)
    arrow(ax, (90, 24), (93.5, 24))
    word(ax, (94, 24), label["logits"], "left")
    ax.course_alt = (
        "The plan of a GPT. Ids are turned into vectors, tokens plus positions, where the residual stream "
        "begins. In each of L layers, attention reads the stream through a norm and adds to it, then the MLP "
        "reads it through another norm and adds to it. At the end stand a last norm and the head, which "
        "gives the logits."
    )
    return ax


def _branch(ax: Any, left: float, norm: str, part: str, colour: str) -> None:
    """Down from the stream, through a norm and a part, and up again to a plus sign."""
    arrow(ax, (left + 2.7, 24), (left + 2.7, 16.4))
    box(ax, left, 11.6, 5.4, 4.8, norm, GREY)
    arrow(ax, (left + 5.4, 14), (left + 7.6, 14))
    box(ax, left + 7.6, 11, 9, 6, part, colour)
    ax.plot([left + 16.6, left + 18.6], [14, 14], color=GREY, lw=1.3)
    arrow(ax, (left + 18.6, 14), (left + 18.6, 22.6))
    plus(ax, (left + 18.6, 24))


@checked("tokens")
def streams(tokens: Sequence[str], ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The residual streams of several tokens through one block: attention carries something from earlier
    streams to later ones, the MLP works on each by itself. Gives the Axes.

    >>> streams(["Lily", "saw"]).course_alt[:52]
    'The streams of Lily, saw, one line each. Attention a'
    """
    label = {"attention": "attention: from one\ntoken to another", "mlp": "MLP: each token\nby itself"}
    label = wording("streams", words, label)
    rows, gap = len(tokens), 5.0
    ax = canvas(ax, (8.2, 0.55 * rows + 1.0), (0, 100), (-gap * rows + 1.5, 6.5))
    for row, token in enumerate(tokens):
        y = -gap * row
        word(ax, (12, y), token, "right")
        ax.plot([14, 96], [y, y], color=SKY, lw=6, solid_capstyle="butt", zorder=1)
        for earlier in range(row + 1):
            arrow(ax, (24 + 2 * row, -gap * earlier), (41, y + 0.3), RED)
        plus(ax, (42.5, y))
        arrow(ax, (60, y), (64, y - 1.9), GREEN)
        box(ax, 64, y - 3.0, 8, 2.2, "", GREEN)
        arrow(ax, (72, y - 1.9), (78.2, y - 0.6), GREEN)
        plus(ax, (79.5, y))
    word(ax, (35, 4.6), label["attention"], color=RED)
    word(ax, (70, 4.6), label["mlp"], color=GREEN)
    ax.course_alt = (
        f"The streams of {', '.join(tokens)}, one line each. Attention adds to each what it fetched from the "
        "lines at or above it, the MLP adds to each what it made of that line alone."
    )
    return ax


@checked()
def mlp_plan(width: int = 2, wide: int = 8, ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The MLP of one token: out to more numbers, each of them bent, and back. Gives the Axes.

    >>> mlp_plan(2, 8).course_alt
    'An MLP: 2 numbers, by a matrix and a bias to 8, each of them bent, by a matrix and a bias back to 2.'
    """
    width, wide = whole("mlp_plan", "width", width, most=24), whole("mlp_plan", "wide", wide, most=24)
    label = {
        "in": "x\n(B, T, C)",
        "up": "out\n(B, T, 4C)",
        "bent": "bent\n(B, T, 4C)",
        "out": "back\n(B, T, C)",
    }
    label = wording(
        "mlp_plan", words, {**label, "w_up": "w_up, b_up", "bend": "GELU", "w_down": "w_down, b_down"}
    )
    ax = canvas(ax, (7.4, 0.2 * max(width, wide) + 1.5), (0, 100), (-0.7, max(width, wide) + 2.6))
    places, middle = (12, 40, 62, 90), (max(width, wide) - 1) / 2
    heights = [[middle + i - (n - 1) / 2 for i in range(n)] for n in (width, wide, wide, width)]
    for step, pairs in enumerate(("all", "same", "all")):
        for i, low in enumerate(heights[step]):
            for j, high in enumerate(heights[step + 1]):
                if pairs == "all" or i == j:
                    ax.plot(places[step : step + 2], [low, high], color=GREY, lw=0.7, zorder=1)
    for x, ys, colour in zip(places, heights, (SKY, "white", GREEN, SKY), strict=True):
        ax.plot([x] * len(ys), ys, "o", ms=9, mfc=colour, mec=INK, zorder=3)
    for x, name in zip(places, ("in", "up", "bent", "out"), strict=True):
        word(ax, (x, max(width, wide) + 1.4), label[name])
    for x, name in zip((26, 51, 76), ("w_up", "bend", "w_down"), strict=True):
        word(ax, (x, -0.5), label[name], small=True, bbox={"fc": "white", "ec": "none", "pad": 1.0})
    ax.course_alt = (
        f"An MLP: {width} numbers, by a matrix and a bias to {wide}, each of them bent, by a matrix and a "
        f"bias back to {width}."
    )
    return ax


@checked()
def block_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """One block from the inside: which modules the stream passes, and with which shapes. Gives the Axes.

    >>> "3C" in block_plan().course_alt
    True
    """
    own = {name: name for name in ("norm1", "norm2", "qkv", "out", "up", "down", "GELU")}
    own |= {
        "heads": "H heads",
        "attention": "attention",
        "mlp": "mlp",
        "stream": "x (B, T, C)",
        "same": "(B, T, C)",
    }
    own |= {"three": "(B, T, 3C)", "four": "(B, T, 4C)"}
    label = wording("block_plan", words, own)
    ax = canvas(ax, (9.6, 3.4), (0, 100), (0, 31))
    ax.plot([2, 98], [26, 26], color=SKY, lw=7, solid_capstyle="butt", zorder=1)
    word(ax, (2, 29), label["stream"], "left")
    word(ax, (98, 29), label["same"], "right")
    parts = ((4, "norm1", "attention", RED, ("qkv", "heads", "out"), ("three", "same")),)
    parts += ((53, "norm2", "mlp", GREEN, ("up", "GELU", "down"), ("four", "four")),)
    for left, norm, name, colour, inside, shapes in parts:
        arrow(ax, (left + 2.5, 26), (left + 2.5, 13.4))
        box(ax, left - 0.8, 8.4, 6.6, 5, label[norm], GREY)
        box(ax, left + 8, 4, 30, 16, "", colour, dashed=True)
        word(ax, (left + 23, 17.6), label[name], color=colour)
        for i, part in enumerate(inside):
            start = left + 9.4 + 9.9 * i
            arrow(ax, (start - 3.6 if i == 0 else start - 2.5, 11), (start, 11))
            box(ax, start, 8.4, 7.4, 5, label[part], colour)
        for i, shape in enumerate(shapes):
            word(ax, (left + 18.1 + 9.9 * i, 6.3), label[shape], small=True)
        ax.plot([left + 36.6, left + 41], [11, 11], color=GREY, lw=1.3)
        arrow(ax, (left + 41, 11), (left + 41, 24.6))
        plus(ax, (left + 41, 26))
    ax.course_alt = (
        "One block. The stream (B, T, C) is read through norm1 by attention: qkv makes (B, T, 3C), the "
        "heads make (B, T, C), out gives it to the stream, which adds it. Then it is read through norm2 by "
        "the MLP: up makes (B, T, 4C), GELU bends it, down gives (B, T, C) to the stream, which adds it."
    )
    return ax


@checked("tokens", "ids")
def ends_plan(
    tokens: Sequence[str], ids: Sequence[int], vocabulary: int = 9, width: int = 4, ax: Any = None,
    words: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """Both ends of a GPT: each id picks its row of the table, and at the end each row of the same table gives
    a score at each position. Gives the Axes.

    >>> ends_plan(["Lily", "saw"], [2, 5]).course_alt[-44:]
    'same table, which gives logits: 2 rows of 9.'
    """
    as_many("ends_plan", tokens=tokens, ids=ids)
    own = {
        "table": "tokens (V, C)",
        "stream": "stream (B, T, C)",
        "blocks": "blocks,\nnorm",
        "logits": "logits (B, T, V)",
    }
    label = wording(
        "ends_plan", words, {**own, "after": "stream (B, T, C)", "same": "the same table, on its side"}
    )
    rows = len(tokens)
    most = max(vocabulary, rows + 1)
    ax = canvas(ax, (9.6, 0.27 * most + 1.5), (0, 100), (-most - 1.6, 2.2))
    cells(ax, 20, 0, width, vocabulary, (2, 1), "white")
    word(ax, (20 + width, 1), label["table"])
    for row, (token, name) in enumerate(zip(tokens, ids, strict=True)):
        y = -row * 1.0 - 0.5 - (vocabulary - rows) / 2
        word(ax, (8, y), token, "right")
        word(ax, (9, y), str(name), "left", color=BLUE)
        arrow(ax, (12, y), (19.6, -name - 0.5), BLUE)
        cells(ax, 20, -name, width, 1, (2, 1), SKY)
        arrow(ax, (20.4 + 2 * width, -name - 0.5), (37.4, y), BLUE)
    top = -(vocabulary - rows) / 2
    for x, shade in ((38, SKY), (62, GREEN)):
        cells(ax, x, top, width, rows, (2, 1), shade)
    word(ax, (38 + width, top + 1), label["stream"])
    word(ax, (62 + width, top + 1), label["after"])
    arrow(ax, (38.6 + 2 * width, top - rows / 2), (61.4, top - rows / 2))
    box(ax, 49.5, top - rows / 2 - 1.1, 8, 2.2, label["blocks"], GREY)
    arrow(ax, (62.6 + 2 * width, top - rows / 2), (77.4, top - rows / 2))
    cells(ax, 78, top, vocabulary, rows, (2, 1), _PALE)
    word(ax, (78 + vocabulary, top + 1), label["logits"])
    cells(ax, 78, top - rows - 1.6, vocabulary, width, (2, 0.6), "white")
    word(ax, (78 + vocabulary, top - rows - 1.0), label["same"], small=True)
    picked = ", ".join(f"{token} is id {name}" for token, name in zip(tokens, ids, strict=True))
    ax.course_alt = (
        f"{picked}. Each id picks its row of a table of {vocabulary} rows and {width} columns; these rows, "
        f"with their positions, are the stream, {rows} rows of {width}. After the blocks and the norm, the "
        f"stream is multiplied with the rows of the same table, which gives logits: {rows} rows of "
        f"{vocabulary}."
    )
    return ax
