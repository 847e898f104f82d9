"""Merges step by step: counts of pairs, the text after each merge, how one piece is encoded.

Pieces and merges come in; `Html` or matplotlib's Axes go out. It learns no merges.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from course_lib.arguments import whole, wrong
from course_lib.figures.arguments import checked
from course_lib.figures.colours import BLUE, GREY
from course_lib.figures.flow import canvas, cells, note
from course_lib.figures.shown import Html
from course_lib.figures.tokens import TINTS
from course_lib.tokens.naive_bpe import merge_pair
from course_lib.tokens.views.rows import BOX, check_letters, labels, table_row

Merge = tuple[bytes, bytes]

_NEW = "border: 2px solid #1a1a1a; font-weight: bold"


@checked("pieces", "merges")
def after_merges(pieces: Iterable[bytes], merges: Iterable[Merge]) -> list[list[bytes]]:
    """The tokens of each piece once these merges, in this order, are done.

    >>> after_merges([b"hug", b"pug"], [(b"u", b"g")])
    [[b'h', b'ug'], [b'p', b'ug']]
    """
    tokens = [[bytes([byte]) for byte in piece] for piece in pieces]
    for left, right in merges:
        tokens = [merge_pair(piece, (left, right), left + right) for piece in tokens]
    return tokens


@checked("tokens")
def pair_counts(tokens: Iterable[Sequence[bytes]], top: int = 6) -> Html:
    """The commonest pairs of neighbours inside the pieces, as bars.

    >>> pair_counts([[b"h", b"ug"], [b"p", b"ug"], [b"h", b"ug"]])
    h ug  ## 2
    p ug  # 1
    """
    top = whole("pair_counts", "top", top)
    counts = Counter(pair for piece in tokens for pair in pairwise(piece)).most_common(top)
    lines = [f"{' '.join(labels(pair))}  {'#' * count} {count}" for pair, count in counts]
    rows = [
        table_row(
            f'<span style="white-space: nowrap">{" ".join(map(_box, pair))}</span>',
            f'<div style="background-color: {BLUE}; height: 11px; width: {18 * count}px; margin-top: 5px">'
            "</div>",
            str(count),
        )
        for pair, count in counts
    ]
    return Html(f"<table>{''.join(rows)}</table>", "\n".join(lines) or "no pair is left")


@checked("pieces", "merges")
def merge_table(pieces: Sequence[bytes], merges: Sequence[Merge]) -> Html:
    """The text before any merge and after each of them, one row a step; the newest token is framed.

    >>> merge_table([b"hug", b"pug"], [(b"u", b"g"), (b"h", b"ug")])
    0         h|u|g p|u|g  6 tokens
    1  u+g    h|ug p|ug  4 tokens
    2  h+ug   hug p|ug  3 tokens
    """
    rows, lines = [table_row("step", "joined", "the text now", "tokens")], []
    for step in range(len(merges) + 1):
        tokens = after_merges(pieces, merges[:step])
        pair, count = merges[step - 1] if step else (), sum(map(len, tokens))
        joined = " + ".join(_box(token, *_look(token, merges)) for token in pair)
        joined = f'<span style="white-space: nowrap">{joined}</span>'
        rows.append(table_row(str(step), joined, _running(tokens, merges, step), str(count)))
        lines.append(f"{step}  {'+'.join(labels(pair)):<5}  {_plain(tokens)}  {count} tokens")
    return Html(f"<table>{''.join(rows)}</table>", "\n".join(lines))


@checked("pieces", "merges")
def merge_step(pieces: Sequence[bytes], merges: Sequence[Merge], step: int, top: int = 6) -> Html:
    """The text after `step` merges, and below it which pairs are the commonest now.

    >>> merge_step([b"hug", b"pug"], [(b"u", b"g")], step=1)
    h|ug p|ug  (4 tokens)
    h ug  # 1
    p ug  # 1
    """
    tokens = after_merges(pieces, merges[: whole("merge_step", "step", step, 0, len(merges))])
    count, bars = sum(map(len, tokens)), pair_counts(tokens, top)
    page = (
        f'<div style="line-height: 2">{_running(tokens, merges, step)}</div>'
        f'<div style="font-size: 0.85em">{count} tokens after step {step}. The commonest pairs now:</div>'
        f"{bars.html}"
    )
    return Html(page, f"{_plain(tokens)}  ({count} tokens)\n{bars.text}")


@checked("merges")
def encode_table(piece: str, merges: Sequence[Merge]) -> Html:
    """How one piece of text is encoded: its bytes, and what each merge that applies makes of them.

    >>> encode_table("hug", [(b"x", b"y"), (b"u", b"g"), (b"h", b"ug")])
    bytes     h|u|g
    merge 1   h|ug
    merge 2   hug
    """
    check_letters("encode_table", piece)
    rank = {merge: number for number, merge in enumerate(merges)}
    tokens, done = [bytes([byte]) for byte in piece.encode()], []
    states = [tokens]
    while known := [pair for pair in pairwise(tokens) if pair in rank]:
        done.append(min(known, key=rank.__getitem__))
        tokens = merge_pair(tokens, done[-1], b"".join(done[-1]))
        states.append(tokens)
    names = ["bytes", *(f"merge {rank[pair]:,}" for pair in done)]
    page = "".join(
        table_row(name, _running([now], done, step))
        for step, (name, now) in enumerate(zip(names, states, strict=True))
    )
    lines = [f"{name:<8}  {_plain([now])}" for name, now in zip(names, states, strict=True)]
    return Html(f"<table>{page}</table>", "\n".join(lines))


@checked("merges")
def merge_tree(piece: bytes, merges: Sequence[Merge], ax: Any = None) -> Any:
    """How one piece grows together: its bytes at the bottom, each join above the two that it joins, with the
    number of the merge, counted from 1. Gives the Axes.

    >>> merge_tree(b"hug", [(b"u", b"g"), (b"h", b"ug")]).course_alt
    'The bytes h, u, g. Merge 1 makes ug of u and g. Merge 2 makes hug of h and ug.'
    """
    if not piece:
        raise wrong("merge_tree", "piece", piece, "at least one byte")
    rank = {merge: number for number, merge in enumerate(merges, 1)}
    nodes = [(bytes([byte]), 8.0 * i + 5, 1.0) for i, byte in enumerate(piece)]  # token, middle, bottom
    drawn, lines, told = list(nodes), [], [f"The bytes {', '.join(labels(t for t, *_ in nodes))}."]
    while known := [rank[pair] for pair in pairwise(token for token, *_ in nodes) if pair in rank]:
        number, joined, high = min(known), [], max(bottom for *_, bottom in nodes) + 7
        for node in nodes:
            if joined and rank.get((joined[-1][0], node[0])) == number:
                left = joined.pop()
                new = (left[0] + node[0], (left[1] + node[1]) / 2, high)
                lines += [(left, new), (node, new)]
                drawn.append(new)
                node = new
            joined.append(node)
        pair = merges[number - 1]
        told.append(f"Merge {number} makes {labels([b''.join(pair)])[0]} of {' and '.join(labels(pair))}.")
        nodes = joined
    wide, high = 8.0 * len(piece) + 16, max(bottom for *_, bottom in drawn) + 5
    ax = canvas(ax, wide, high)
    for (_, x, y), (_, above, top) in lines:
        ax.plot([x, above], [y + 3.4, top], color=GREY, lw=1.3, zorder=2)
    numbers = {b"".join(pair): number for pair, number in rank.items()}
    for token, x, y in drawn:
        label = labels([token])[0]
        size = 1.6 * len(label) + 2.4
        face = TINTS[(numbers[token] - 1) % len(TINTS)] if y > 1 else "white"
        cells(ax, (x - size / 2, y), [label], [face], (size, 3.4))
        if y > 1:
            note(ax, (x + size / 2 + 0.8, y + 1.7), f"merge {numbers[token]}", 8, "left")
            ax.texts[-1].set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # over lines
    ax.course_alt = " ".join(told)
    return ax


def _box(token: bytes, tint: str = "#ffffff", newest: bool = False) -> str:
    style = f"background-color: {tint}; {BOX}; {_NEW if newest else ''}"
    return f'<span style="{style}">{html.escape(labels([token])[0])}</span>'


def _look(token: bytes, merges: Sequence[Merge], step: int = 0) -> tuple[str, bool]:
    """A token's tint, the same in every step, and whether it is the one that step made."""
    made = [left + right for left, right in merges]
    tint = TINTS[made.index(token) % len(TINTS)] if token in made else "#ffffff"
    return tint, step > 0 and token == made[step - 1]


def _running(pieces: Iterable[Sequence[bytes]], merges: Sequence[Merge], step: int) -> str:
    """The pieces side by side, each token in a box, the newest one framed."""
    words = ("".join(_box(token, *_look(token, merges, step)) for token in piece) for piece in pieces)
    return ' <span style="padding: 0 4px"></span>'.join(words)


def _plain(pieces: Iterable[Sequence[bytes]]) -> str:
    return " ".join("|".join(labels(piece)) for piece in pieces)
