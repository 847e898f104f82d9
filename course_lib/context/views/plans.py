"""What goes where: windows that are cut, rows that are looked up, networks with their sizes.

Names and numbers come in, Axes go out. It does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.figures.arguments import as_many, checked
from course_lib.figures.colours import BLUE, GREEN, RED
from course_lib.figures.flow import arrow, box, canvas, cells, note
from course_lib.figures.tokens import TINTS


@checked("stream")
def cut_windows(stream: Sequence[int], T: int, ax: Any = None) -> Any:
    """A line of ids, and below it the inputs and the targets that are cut from it. Gives the Axes.

    Shapes: stream (N,), N above T.

    >>> cut_windows([5, 6, 7, 8, 9], 2).course_alt
    'The line 5 6 7 8 9 is cut into 2 windows. Inputs (2, 2): 5 6, 7 8. Targets (2, 2): 6 7, 8 9.'
    """
    whole("cut_windows", "T", T, 1, len(stream) - 1)
    starts, ids = range(0, len(stream) - T, T), [str(id) for id in stream]
    faces = [TINTS[i // T % 6] if i // T < len(starts) else "white" for i in range(len(ids))]
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
    face = {id: TINTS[i % 6] for i, id in enumerate(dict.fromkeys(ids))}
    top_t, top_v = ((high + 3.4 * n) / 2 + 1.0 for n in (T, V))
    middle, right = 27.0, 36.0 + 6 * C
    for row, numbers in enumerate(table):
        bottom = top_v - 3.4 * (row + 1)
        note(ax, (middle - 1.2, bottom + 1.7), str(row), 8, "right")
        cells(ax, (middle, bottom), short(numbers), [face.get(row, "white")] * C, (6.0, 3.4))
    for row, (token, id) in enumerate(zip(tokens, ids, strict=True)):
        bottom, there = top_t - 3.4 * (row + 1), top_v - 3.4 * (id + 0.5)
        cells(ax, (1, bottom), [token], [face[id]], (12.0, 3.4))
        cells(ax, (13, bottom), [str(id)], [face[id]])
        cells(ax, (right, bottom), short(table[id]), [face[id]] * C, (6.0, 3.4))
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


def short(numbers: Sequence[float]) -> list[str]:
    """Numbers as the cells of a drawing have them.

    >>> short([0.25, 1 / 3])
    ['0.25', '0.3333']
    """
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
        cells(ax, (1, y - 1.7), [token], [TINTS[i % 6]], (12, 3.4))
        arrow(ax, (13.4, y), (19.6, y))
        cells(ax, (20, y - 1.7), [f"{width}"], [TINTS[i % 6]], (9, 3.4))
        arrow(ax, (29.4, y), (35.6, middle + 3.4 * ((count - 1) / 2 - i)))
        cells(ax, (36, middle + 3.4 * (count / 2 - i - 1)), [f"{width}"], [TINTS[i % 6]], (9, 3.4))
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
        cells(ax, (x, 1), [token], [TINTS[0]], (11, 3.4))
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
