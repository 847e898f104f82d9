"""Figures of notebook 02: windows, surprise, vectors, networks, a map of words, positions.

Numbers, lists and tensors come in; Axes or `Html` go out. It does not know models, tokenizers or training;
matplotlib is loaded at the first figure. Show an Axes with `viz.picture(ax)`, which brings its text along.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number, whole
from course_lib.figures.arguments import as_many, checked
from course_lib.figures.axes import axes_for, tidy
from course_lib.figures.colours import BLUE, COLOURS, GREEN, GREY, INK, MARKERS, ORANGE, RED
from course_lib.figures.flow import arrow, box, canvas, cells, note
from course_lib.figures.shown import Html

_CELL = "text-align: center; padding: 2px 7px; white-space: pre"
_HEAD = '<th style="text-align: right; padding: 2px 10px; font-weight: normal">'
_BOX = "border: 1px solid #9a9a9a; color: #1a1a1a"
_ROW = "background-color: transparent"  # notebooks stripe the rows of tables otherwise
_TINTS = ("#cfe8f7", "#fde3b3", "#c9ecdf", "#f6d9e8", "#fbf5c4", "#dcdcf2")


# Tables -----------------------------------------------------------------------------------------------------


@checked()
def window_table(inputs: Sequence[str], targets: Sequence[str]) -> Html:
    """A window of tokens with its targets below, each target under the input after which it comes.

    >>> print(window_table(["a", "b"], ["b", "c"]))
    input   a  b
    target  b  c
    """
    as_many("window_table", inputs=inputs, targets=targets)
    rows = (("input", inputs, "#cfe8f7"), ("target", targets, "#fde3b3"))
    body = "".join(
        f'<tr style="{_ROW}">{_HEAD}{name}</th>' + "".join(_cell(token, back) for token in tokens) + "</tr>"
        for name, tokens, back in rows
    )
    wide = [max(len(a), len(b)) for a, b in zip(inputs, targets, strict=True)]
    lines = [
        f"{name:<6}  " + "  ".join(f"{t:<{w}}" for t, w in zip(tokens, wide, strict=True))
        for name, tokens, _ in rows
    ]
    table = f'<table style="border-collapse: separate; border-spacing: 3px">{body}</table>'
    return Html(f'<div style="overflow-x: auto">{table}</div>', "\n".join(line.rstrip() for line in lines))


@checked("tokens")
def reach_table(tokens: Sequence[str], reach: Mapping[str, int | None]) -> Html:
    """Which tokens each model looks at when it predicts what comes after the last: so many, or None for all.

    >>> print(reach_table(["a", "b", "c"], {"bigram": 1, "recurrent": None}))
    bigram     . . c
    recurrent  a b c
    """
    for name, count in reach.items():
        if count is not None:
            whole("reach_table", f"reach[{name!r}]", count, 0)
    rows, lines, wide = [], [], max(map(len, reach))
    for name, count in reach.items():
        first = 0 if count is None else max(0, len(tokens) - count)
        cells = [_cell(t, "#cfe8f7") if i >= first else _unseen(t) for i, t in enumerate(tokens)]
        rows.append(
            f'<tr style="{_ROW}">{_HEAD}{html.escape(name)}</th>{"".join(cells)}{_cell("?", "white")}</tr>'
        )
        seen = [t if i >= first else "." for i, t in enumerate(tokens)]
        lines.append(f"{name:<{wide}}  {' '.join(seen)}")
    table = f'<table style="border-collapse: separate; border-spacing: 3px">{"".join(rows)}</table>'
    return Html(f'<div style="overflow-x: auto">{table}</div>', "\n".join(lines))


@checked()
def neighbours_table(neighbours: Mapping[str, Sequence[tuple[str, float]]]) -> Html:
    """Words with their nearest neighbours and how near these are (the cosine); any language.

    >>> print(neighbours_table({"red": [("blue", 0.9), ("green", 0.75)]}))
    red: blue 0.90, green 0.75
    """
    rows = "".join(
        f'<tr style="{_ROW}"><th style="text-align: right; padding: 3px 12px; white-space: pre">'
        f"{html.escape(word.strip())}</th>"
        + "".join(
            f'<td style="text-align: left; padding: 3px 12px">{html.escape(near.strip())} '
            f'<span style="font-size: 0.8em">{cosine:.2f}</span></td>'
            for near, cosine in found
        )
        + "</tr>"
        for word, found in neighbours.items()
    )
    lines = [
        f"{word.strip()}: " + ", ".join(f"{near.strip()} {cosine:.2f}" for near, cosine in found)
        for word, found in neighbours.items()
    ]
    return Html(f'<table style="border-collapse: collapse">{rows}</table>', "\n".join(lines))


def _cell(token: str, back: str) -> str:
    return f'<td style="{_CELL}; {_BOX}; background-color: {back}">{html.escape(token)}</td>'


def _unseen(token: str) -> str:
    return f'<td style="{_CELL}; border: 1px dotted #c0c0c0; color: #8a8a8a">{html.escape(token)}</td>'


# Windows ----------------------------------------------------------------------------------------------------


@checked("stream")
def cut_windows(stream: Sequence[int], T: int, ax: Any = None) -> Any:
    """A line of ids, and below it the inputs and the targets that are cut from it. Gives the Axes.

    Shapes: stream (N,), N above T.

    >>> cut_windows([5, 6, 7, 8, 9], 2).course_alt
    'The line 5 6 7 8 9 is cut into 2 windows. Inputs (2, 2): 5 6, 7 8. Targets (2, 2): 6 7, 8 9.'
    """
    whole("cut_windows", "T", T, 1, len(stream) - 1)
    starts, ids = range(0, len(stream) - T, T), [str(id) for id in stream]
    faces = [_TINTS[i // T % 6] if i // T < len(starts) else "white" for i in range(len(ids))]
    wide, high = 4.0 * max(len(ids), 2 * T + 4), 3.4 * len(starts) + 11.4
    ax = canvas(ax, wide + 16, high)
    note(ax, (6, high - 3), f"the line ({len(ids)},)")
    middles = cells(ax, (13, high - 4.7), ids, faces)
    tables = []
    for name, left, ahead in (("inputs", 13.0, 0), ("targets", 13.0 + 4 * (T + 4), 1)):
        note(ax, (left + 2 * T, 1.4), f"{name} ({len(starts)}, {T})")
        for row, start in enumerate(starts):
            own = slice(start + ahead, start + ahead + T)
            cells(ax, (left, high - 12.0 - 3.4 * row), ids[own], faces[own])
        tables.append(f"{name} ({len(starts)}, {T}): " + ", ".join(
            " ".join(ids[start + ahead : start + ahead + T]) for start in starts
        ))  # fmt: skip
        first = slice(starts[0] + ahead, starts[0] + ahead + T)
        arrow(ax, (sum(middles[first]) / T, high - 4.9), (left + 2 * T, high - 8.2))
    told = f"The line {' '.join(ids)} is cut into {len(starts)} windows."
    ax.course_alt = f"{told} {'. '.join(table.capitalize() for table in tables)}."
    return ax


# Losses -----------------------------------------------------------------------------------------------------


@checked()
def surprise_curve(marked: Sequence[float] = (0.9, 0.5, 0.1, 0.01), ax: Any = None) -> Any:
    """-ln p over p, with some probabilities marked. Gives the Axes.

    >>> surprise_curve().get_xlabel()
    'probability of the token that came'
    """
    for p in marked:
        number("surprise_curve", "marked", p, "probabilities above 0 and up to 1", lambda p: 0 < p <= 1)
    ax = axes_for(ax, (6.4, 3.2))
    chances = [i / 400 for i in range(2, 401)]
    ax.plot(chances, [-math.log(p) for p in chances], color=BLUE, lw=2)
    for p in marked:
        nats = -math.log(p)
        ax.plot([p], [nats], "o", color=RED, ms=7)
        ax.annotate(f"{p:g}: {nats:.2f}", (p, nats), xytext=(8, 5), textcoords="offset points", color=INK)
    ax.set(
        xlabel="probability of the token that came", ylabel="surprise in nats", xlim=(0, 1.09), ylim=(0, 5.4)
    )
    tidy(ax)
    told = ", ".join(f"{-math.log(p):.2f} at {p:g}" for p in marked)
    ax.course_alt = (
        f"Surprise over probability: it falls from far above 5 nats near 0 to 0 at 1. It is {told}."
    )
    return ax


# Vectors ----------------------------------------------------------------------------------------------------


def _label_points(ax: Any, places: Sequence[Sequence[float]], words: Sequence[str]) -> None:
    """Write each word beside its point, on the first of six sides where it covers no other word or point."""
    scale = 72 / ax.figure.dpi
    dots = [(scale * x, scale * y) for x, y in ax.transData.transform(places)]
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in dots]
    for word, place, (x, y) in zip(words, places, dots, strict=True):
        wide = 5.4 * len(word)
        sides = [(7, dy) for dy in (-3, 5, -11)] + [(-7 - wide, dy) for dy in (-3, 5, -11)]
        boxes = [(x + dx, y + dy, x + dx + wide, y + dy + 8) for dx, dy in sides]
        covers = [sum(_overlap(box, other) for other in taken) for box in boxes]
        best = covers.index(min(covers))
        taken.append(boxes[best])
        ax.annotate(word, place, xytext=sides[best], textcoords="offset points", fontsize=8.5, color=INK)


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@checked()
def word_map(
    points: Sequence[tuple[float, float]], groups: Mapping[str, Sequence[str]], ax: Any = None
) -> Any:
    """Words at their places in the plane, each group with a colour and a marker of its own. Gives the Axes.

    Shapes: points (number of words, 2), in the order of the groups.
    Raises: ValueError if there are not as many points as words.

    >>> word_map([[0.0, 0.0], [1.0, 1.0]], {"days": ["Monday"], "colours": ["red"]}).course_alt
    'Words in the plane, in groups: days (Monday); colours (red).'
    """
    places = points
    if len(places) != sum(map(len, groups.values())):
        raise ValueError(
            f"word_map got {len(places)} points for {sum(map(len, groups.values()))} words; give one each."
        )
    ax, start = axes_for(ax, (7.4, 5.0)), 0
    for i, (name, words) in enumerate(groups.items()):
        own = places[start : start + len(words)]
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        ax.plot([x for x, _ in own], [y for _, y in own], marker, color=colour, ms=7, label=name)
        start += len(words)
    ax.set(xticks=[], yticks=[])
    ax.margins(0.1)
    _label_points(ax, places, [word for words in groups.values() for word in words])
    ax.spines[:].set_color("#c8c8c4")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = "; ".join(f"{name} ({', '.join(words)})" for name, words in groups.items())
    ax.course_alt = f"Words in the plane, in groups: {told}."
    return ax


@checked("tokens", "ids", "table")
def lookup(
    tokens: Sequence[str], ids: Sequence[int], table: Sequence[Sequence[float]], ax: Any = None
) -> Any:
    """Tokens with their ids, the rows of the table that the ids name, and the vectors. Gives the Axes.

    Shapes: ids (T,), table (V, C).

    >>> lookup(["red", "kite"], [2, 0], [[0.5, 1.0], [0.0, 0.0], [0.25, 0.75]]).course_alt
    'From ids (2,) to vectors (2, 2): red, 2, gets row 2 of the table (3, 2); kite, 0, gets row 0.'
    """
    as_many("lookup", tokens=tokens, ids=ids)
    V, T, C = len(table), len(ids), len(table[0])
    for id in ids:
        whole("lookup", "an id", id, 0, V - 1)
    high = 3.4 * max(V, T) + 7
    ax = canvas(ax, 44 + 12 * C, high)
    face = {id: _TINTS[i % 6] for i, id in enumerate(dict.fromkeys(ids))}
    top_t, top_v = ((high + 3.4 * n) / 2 + 1.0 for n in (T, V))
    middle, right = 27.0, 36.0 + 6 * C
    for row, numbers in enumerate(table):
        bottom = top_v - 3.4 * (row + 1)
        note(ax, (middle - 1.2, bottom + 1.7), str(row), 8, "right")
        cells(ax, (middle, bottom), _short(numbers), [face.get(row, "white")] * C, (6.0, 3.4))
    for row, (token, id) in enumerate(zip(tokens, ids, strict=True)):
        bottom, there = top_t - 3.4 * (row + 1), top_v - 3.4 * (id + 0.5)
        cells(ax, (1, bottom), [token], [face[id]], (12.0, 3.4))
        cells(ax, (13, bottom), [str(id)], [face[id]])
        cells(ax, (right, bottom), _short(table[id]), [face[id]] * C, (6.0, 3.4))
        arrow(ax, (17.4, bottom + 1.7), (middle - 3.4, there))
        arrow(ax, (middle + 6 * C + 0.4, there), (right - 0.4, bottom + 1.7))
    heads = (
        (9, f"ids ({T},)"),
        (middle + 3 * C, f"table ({V}, {C})"),
        (right + 3 * C, f"vectors ({T}, {C})"),
    )
    for x, head in heads:
        note(ax, (x, 1.2), head)
    told = [f"{token}, {id}, gets row {id}" for token, id in zip(tokens, ids, strict=True)]
    told[0] += f" of the table ({V}, {C})"
    ax.course_alt = f"From ids ({T},) to vectors ({T}, {C}): {'; '.join(told)}."
    return ax


def _short(numbers: Sequence[float]) -> list[str]:
    return [f"{number:.4g}" for number in numbers]


@checked("tokens")
def window_network(tokens: Sequence[str], width: int, hidden: int, vocab_size: int, ax: Any = None) -> Any:
    """How a network that reads a window comes to its logits, with the sizes on the way. Gives the Axes.

    >>> window_network(["red", "kite"], 32, 128, 2048).course_alt[:71]
    'red, kite: 2 vectors of 32 numbers, side by side 64; a matrix and tanh,'
    """
    for name, value in (("width", width), ("hidden", hidden), ("vocab_size", vocab_size)):
        whole("window_network", name, value)
    count = len(tokens)
    high = 6.0 * count + 4
    ax, middle = canvas(ax, 98, high), high / 2 + 1
    for i, token in enumerate(tokens):
        y = middle + 6.0 * ((count - 1) / 2 - i)
        cells(ax, (1, y - 1.7), [token], [_TINTS[i % 6]], (12, 3.4))
        arrow(ax, (13.4, y), (19.6, y))
        cells(ax, (20, y - 1.7), [f"{width}"], [_TINTS[i % 6]], (9, 3.4))
        arrow(ax, (29.4, y), (35.6, middle + 3.4 * ((count - 1) / 2 - i)))
        cells(ax, (36, middle + 3.4 * (count / 2 - i - 1)), [f"{width}"], [_TINTS[i % 6]], (9, 3.4))
    tall = 2.4 * count
    stations = ((55, f"{hidden:,}", BLUE, tall), (74, f"{vocab_size:,}", GREEN, 1.5 * tall))
    for left, size, colour, height in stations:
        box(ax, (left, middle - height / 2, 9, height), size, colour)
    for start, end, name in ((45.4, 54.6, "matrix,\ntanh"), (64.4, 73.6, "matrix"), (83.4, 90.0, "softmax")):
        arrow(ax, (start, middle), (end, middle))
        note(ax, ((start + end) / 2, middle + (3.2 if "\n" in name else 2.0)), name, 8)
    note(ax, (90.4, middle), "proba-\nbilities", 8.5, "left")
    words = ((7, "tokens"), (24.5, "vectors"), (40.5, "side by side"), (59.5, "hidden"), (78.5, "logits"))
    for x, word in words:
        note(ax, (x, 1.2), word)
    ax.course_alt = (
        f"{', '.join(tokens)}: {count} vectors of {width} numbers, side by side {count * width:,}; a matrix "
        f"and tanh, {hidden:,}; another matrix, {vocab_size:,} logits; softmax makes probabilities of them."
    )
    return ax


@checked("tokens")
def unrolled(tokens: Sequence[str], ax: Any = None) -> Any:
    """A recurrent network at each of its tokens: what comes in, the state that goes on, what is guessed.
    Gives the Axes.

    >>> unrolled(["Tom", "ran"]).course_alt
    'A state goes from left to right. It is renewed at Tom, then at ran; after each, logits are made of it.'
    """
    wide = 17.0
    ax = canvas(ax, wide * len(tokens) + 16, 25)
    note(ax, (4, 12.5), "zeros")
    for i, token in enumerate(tokens):
        x = 9 + wide * i
        cells(ax, (x, 1), [token], [_TINTS[0]], (11, 3.4))
        box(ax, (x, 9.5, 11, 6), "state", RED)
        note(ax, (x + 5.5, 22.4), "logits")
        arrow(ax, (x + 5.5, 4.8), (x + 5.5, 9.2))
        arrow(ax, (x + 5.5, 15.9), (x + 5.5, 20.6))
        arrow(ax, (x - 5.6 if i else 6.6, 12.5), (x - 0.4, 12.5), RED)
        note(ax, (x + 7.6, 7), "Wx", 8, "left")
        if i:
            note(ax, (x - 3, 14.2), "Wh", 8)
    last = 9 + wide * (len(tokens) - 1) + 11.4
    arrow(ax, (last, 12.5), (last + 5, 12.5), RED)
    ax.course_alt = (
        f"A state goes from left to right. It is renewed at {', then at '.join(tokens)}; after each, logits "
        "are made of it."
    )
    return ax


# Positions --------------------------------------------------------------------------------------------------


@checked("tokens", "vectors", "positions")
def added_positions(
    tokens: Sequence[str], vectors: Sequence[Sequence[float]], positions: Sequence[Sequence[float]],
    ax: Any = None,
) -> Any:  # fmt: skip
    """The vectors of tokens, those of their positions, and the sums. Gives the Axes.

    Shapes: vectors, positions (T, C).

    >>> added_positions(["Tom", "ran"], [[1.0], [2.0]], [[0.0], [0.5]]).course_alt
    'Vectors of tokens plus vectors of positions. Tom: 1 + 0 = 1. ran: 2 + 0.5 = 2.5.'
    """
    as_many("added_positions", tokens=tokens, vectors=vectors, positions=positions)
    T, C = len(tokens), len(vectors[0])
    if any(len(row) != C for row in (*vectors, *positions)):
        raise ValueError("added_positions got rows of different lengths; give two tables (T, C).")
    ax, told = canvas(ax, 28 + 18 * C, 3.4 * T + 4), []
    lefts = [13 + (6 * C + 6) * i for i in range(3)]
    for row, (token, one, other) in enumerate(zip(tokens, vectors, positions, strict=True)):
        bottom = 3.4 * (T - row - 1) + 3
        note(ax, (12, bottom + 1.7), token, align="right")
        total = [a + b for a, b in zip(one, other, strict=True)]
        for left, numbers, face in zip(lefts, (one, other, total), _TINTS, strict=False):
            cells(ax, (left, bottom), _short(numbers), [face] * C, (6.0, 3.4))
        told.append(f"{token}: " + " = ".join(
            " + ".join(map(" ".join, part)) for part in ([_short(one), _short(other)], [_short(total)])
        ))  # fmt: skip
    for left, name in zip(lefts, ("tokens", "positions", "the sum"), strict=True):
        note(ax, (left + 3 * C, 1.2), f"{name} ({T}, {C})")
    for left, sign in zip(lefts[1:], "+=", strict=True):
        note(ax, (left - 3, 3 + 1.7 * T), sign, 13)
    ax.course_alt = f"Vectors of tokens plus vectors of positions. {'. '.join(told)}."
    return ax


@checked("angles")
def clock_hands(angles: Sequence[Sequence[float]], ax: Any = None) -> Any:
    """Hands of a clock that have turned by these angles: a row for each hand, a column for each position.
    Gives the Axes.

    Shapes: angles (T, hands). Units: radians.

    >>> clock_hands([[0.0, 0.0], [1.0, 0.01]]).course_alt
    'Hands of clocks, in radians. Position 0: 0.00, 0.00. Position 1: 1.00, 0.01.'
    """
    T, hands = len(angles), len(angles[0])
    if any(len(row) != hands for row in angles):
        raise ValueError("clock_hands got rows of different lengths; give a table (T, hands).")
    ax = canvas(ax, 11 * T + 12, 11 * hands + 5)
    turn = [2 * math.pi * i / 60 for i in range(61)]
    for position, row in enumerate(angles):
        x = 17 + 11 * position
        note(ax, (x, 1.6), f"position {position}", 8.5)
        for hand, angle in enumerate(row):
            y = 11 * (hands - hand) - 3
            ax.plot(
                [x + 4 * math.cos(t) for t in turn], [y + 4 * math.sin(t) for t in turn], color=GREY, lw=0.9
            )
            arrow(ax, (x, y), (x + 4 * math.cos(angle), y + 4 * math.sin(angle)), ORANGE if hand else BLUE)
    for hand in range(hands):
        note(ax, (11, 11 * (hands - hand) - 3), f"pair {hand}", align="right")
    told = " ".join(
        f"Position {i}: {', '.join(f'{angle:.2f}' for angle in row)}." for i, row in enumerate(angles)
    )
    ax.course_alt = f"Hands of clocks, in radians. {told}"
    return ax


@checked()
def position_waves(table: Sequence[Sequence[float]], ax: Any = None) -> Any:
    """A table of position vectors as a picture: positions downwards, entries to the right. Gives the Axes.

    Shapes: table (T, C).

    >>> position_waves([[0.0, 1.0], [0.8, 0.5]]).get_ylabel()
    'position'
    """
    rows = table
    if any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("position_waves got rows of different lengths; give a table (T, C).")
    ax = axes_for(ax, (7.2, 3.8))
    bound = max(abs(value) for row in rows for value in row) or 1.0
    image = ax.imshow(rows, cmap="cividis", vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest")
    ax.set(xlabel="entry of the vector", ylabel="position")
    ax.figure.colorbar(image, ax=ax, fraction=0.04)
    ax.course_alt = (
        f"{len(rows)} position vectors with {len(rows[0])} entries each, as rows of a picture, from "
        f"{-bound:.2g} (dark) to {bound:.2g} (bright)."
    )
    return ax


@checked()
def turned_pairs(
    query: tuple[float, float], key: tuple[float, float], places: tuple[int, int], score: float,
    ax: Any = None,
) -> Any:  # fmt: skip
    """One pair of numbers of a query and of a key as arrows, after each was turned by its place. Gives the
    Axes.

    Shapes: query (2,), key (2,).

    >>> turned_pairs([1.0, 0.0], [0.0, 1.0], (3, 1), 0.0).course_alt
    'A query at place 3 and a key at place 1 as arrows in a circle; their product is 0.00.'
    """
    ax = axes_for(ax, (3.3, 3.5))
    turn = [2 * math.pi * i / 90 for i in range(91)]
    ax.plot([math.cos(t) for t in turn], [math.sin(t) for t in turn], color="#cccccc", lw=1)
    arrows = (("query", query, places[0], BLUE, "-"), ("key", key, places[1], RED, "--"))
    for name, tip, place, colour, style in arrows:
        x, y = tip
        ax.annotate(
            "", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2, "ls": style}
        )
        ax.text(1.32 * x, 1.2 * y, f"{name}\n{place}", ha="center", va="center", color=colour, fontsize=9)
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.45, 1.45), aspect="equal")
    ax.set_title(f"score {score:.2f}", fontsize=11)
    ax.axis("off")
    ax.course_alt = (
        f"A query at place {places[0]} and a key at place {places[1]} as arrows in a circle; their product "
        f"is {score:.2f}."
    )
    return ax
