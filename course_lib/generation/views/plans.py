"""Plans of how a text is written: the loop, one step with a cache, all parts of a storyteller.

Labels come in, Axes go out. It does not know models or numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.figures.arguments import checked
from course_lib.figures.colours import BLUE, GREY, INK, ORANGE, RED
from course_lib.figures.strokes import arrow, box, canvas, cells, plus, word, wording

_PALE = "#d5e8f3"


@checked()
def loop_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The loop that writes: the text goes in, a token comes out and goes to the end of the text. Gives the
    Axes.

    `words` replaces labels, for another language.

    >>> loop_plan(words={"draw": "ziehen"}).course_alt[:50]
    'The loop that writes. The ids of the text (1, T) g'
    """
    own = {"text": "the text\n(1, T)", "model": "model", "logits": "logits at the\nlast position\n(1, V)"}
    own |= {
        "reshape": "reshape",
        "draw": "draw",
        "token": "one token",
        "append": "put it at the end, and again",
    }
    own |= {"stop": "end of text, or enough?\nStop.", "die": "a die"}
    label = wording("loop_plan", words, own)
    ax = canvas(ax, (9.2, 2.6), (0, 100), (0, 27))
    places = (("text", 1, 13, INK), ("model", 19, 13, BLUE), ("logits", 37, 15, GREY))
    places += (("reshape", 57, 11, ORANGE), ("draw", 73, 9, RED))
    for i, (name, left, wide, colour) in enumerate(places):
        box(ax, left, 13, wide, 9, label[name], colour)
        end = places[i + 1][1] if i + 1 < len(places) else 87
        arrow(ax, (left + wide, 17.5), (end, 17.5))
    word(ax, (77.5, 25.5), label["die"], small=True)
    arrow(ax, (77.5, 24.4), (77.5, 22))
    word(ax, (87.6, 17.5), label["token"], "left")
    ax.plot([92, 92, 7.5], [15.5, 5, 5], color=INK, lw=1.4)
    arrow(ax, (7.5, 5), (7.5, 13), INK)
    word(ax, (48, 7), label["append"])
    word(ax, (92, 2), label["stop"], small=True)
    ax.course_alt = (
        "The loop that writes. The ids of the text (1, T) go into the model, which gives logits; those at "
        "the last position (1, V) are reshaped, and a die draws one token of them. The token is put at the "
        "end of the text, and the text goes in again, until the end of text is drawn or there is enough."
    )
    return ax


@checked("tokens")
def cache_plan(
    tokens: Sequence[str], width: int = 3, ax: Any = None, words: Mapping[str, str] | None = None
) -> Any:
    """One step with a cache, in one head of one layer: the last token asks all keys, and leaves its own key
    and value there for later. Gives the Axes.

    >>> cache_plan(["Lily", "saw", "·She"]).course_alt
    'One head of one layer, at the token ·She. Its query, key and value are computed. The keys and values of \
Lily, saw are remembered; its own are put behind them. The query is compared with all 3 keys, and the values \
are mixed by the result.'
    """
    own = {
        "keys": "keys",
        "values": "values",
        "query": "query",
        "key": "key",
        "value": "value",
        "result": "result",
    }
    label = wording("cache_plan", words, {**own, "weights": "softmax of\nthe scores", "new": "the new token"})
    width, n, wide = whole("cache_plan", "width", width, most=24), len(tokens), 5.0
    high, right = 1.0 * width, 46 + 5.0 * len(tokens)
    ax = canvas(ax, (9.0, 0.32 * (3 * width) + 1.4), (0, right + 26), (-2 * high - 7, high + 4))
    word(ax, (5, -high / 2 - 1.5), tokens[-1])
    word(ax, (5, -high / 2 + 0.2), label["new"], small=True)
    for name, y in (("query", high), ("key", -1.5), ("value", -high - 4.5)):
        cells(ax, 22, y, 1, width, (3, 1), BLUE)
        word(ax, (23.5, y + 0.8), label[name], small=True)
        arrow(ax, (9, -high / 2 - 1.2), (21.5, y - high / 2))
    for name, y in (("keys", -1.5), ("values", -high - 4.5)):
        for i in range(n):
            cells(
                ax,
                40 + wide * i,
                y,
                1,
                width,
                (wide - 1, 1),
                _PALE if i < n - 1 else BLUE,
                "//" * (i < n - 1),
            )
        word(ax, (38.6, y - high / 2), label[name], "right")
        arrow(ax, (25.4, y - high - 0.4), (38 + wide * n - 1, y - high - 0.4))
    for i, token in enumerate(tokens):
        word(ax, (40 + wide * (i + 0.4), -2 * high - 6.2), token, small=True)
        arrow(ax, (25.4, high / 2 + 0.4), (40 + wide * (i + 0.4), -1.3), RED)
    arrow(ax, (40 + wide * n, -1.5 - high / 2), (right, -1.5 - high / 2), RED)
    word(ax, (right + 7, -1.5 - high / 2), label["weights"])
    arrow(ax, (40 + wide * n, -4.5 - 1.5 * high), (right + 5, -4.5 - 1.5 * high))
    arrow(ax, (right + 7, -2.8 - high / 2), (right + 7, -3.3 - 1.5 * high), RED)
    plus(ax, (right + 7, -4.5 - 1.5 * high))
    arrow(ax, (right + 9, -4.5 - 1.5 * high), (right + 14, -4.5 - 1.5 * high))
    word(ax, (right + 15, -4.5 - 1.5 * high), label["result"], "left")
    before = f"The keys and values of {', '.join(tokens[:-1])} are remembered; its own are put behind them. "
    ax.course_alt = (
        f"One head of one layer, at the token {tokens[-1]}. Its query, key and value are computed. "
        f"{before if n > 1 else ''}The query is compared with all {n} keys, and the values are mixed by the "
        "result."
    )
    return ax


@checked()
def storyteller_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """Which part hands what to which, when a GPT learns (above) and writes (below). Gives the Axes.

    `words` replaces labels, for another language.

    >>> storyteller_plan(words={"texts": "Texte"}).texts[0].get_text()
    'Texte'
    """
    label = {name: name for name in ("texts", "prompt", "story", "learn", "write")}
    label = wording("storyteller_plan", words, label)
    ax = canvas(ax, (9.0, 3.6), (0, 100), (0, 44))
    rows = ((36, "texts", ("Tokenizer", "windows", "train")), (8, "prompt", ("Tokenizer", "generate")))
    for y, first, parts in rows:
        word(ax, (5, y), label[first], fontsize=10)
        arrow(ax, (9, y), (13, y))
        for part in parts:
            _part(ax, _LEFT[part], y, part, BLUE)
    for y, name in ((36, "learn"), (8, "write")):
        word(ax, (13, y + 5.6), label[name], "left", fontsize=9, style="italic")
    for y, ends in ((36, ((28, 32), (47, 51))), (8, ((28, 51), (66, 70), (85, 90)))):
        for start, end in ends:
            arrow(ax, (start, y), (end, y))
    for y, name in ((40, "AdamW"), (32, "learning_rate"), (24, "cross_entropy")):
        _part(ax, 77, y, name, GREY, 18)
        arrow(ax, (77, y), (66, 36 + (y - 32) / 4))
    _part(ax, 51, 22, "GPT", BLUE)
    _part(ax, 32, 17, "choose", GREY)
    _part(ax, 70, 8, "decode", BLUE)
    for start, end in (((58.5, 32.6), (58.5, 25.4)), ((58.5, 18.6), (58.5, 11.4)), ((47, 16), (54, 11.4))):
        arrow(ax, start, end)
    word(ax, (95, 8), label["story"], fontsize=10)
    ax.course_alt = (
        "Above, learning: texts go into the tokenizer, their ids into windows, and these into train, which "
        "AdamW, learning_rate and cross_entropy serve. train changes the GPT. Below, writing: a prompt goes "
        "through the tokenizer into generate, which asks the GPT and choose for each token; its ids are "
        "decoded, and a story comes out."
    )
    return ax


_LEFT = {"Tokenizer": 13, "windows": 32, "train": 51, "generate": 51}


def _part(ax: Any, left: float, y: float, name: str, colour: str, width: float = 15) -> None:
    box(ax, left, y - 3.2, width, 6.4, "", colour)
    word(ax, (left + width / 2, y), name, family="monospace")
