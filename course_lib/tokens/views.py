"""Pictures of notebook 01: the bits of UTF-8, merges step by step, the way of a text, what a vocabulary buys.

Text, pieces and numbers come in; `Html` or matplotlib's Axes go out. It trains nothing and measures nothing.
"""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from course_lib.arguments import whole, wrong
from course_lib.figures.arguments import between, checked, has_all
from course_lib.figures.axes import check_axes, subplots
from course_lib.figures.colours import GREY
from course_lib.figures.flow import canvas, cells, note
from course_lib.figures.shown import Html
from course_lib.figures.tokens import TINTS, token_labels
from course_lib.tokens.naive_bpe import merge_pair

Merge = tuple[bytes, bytes]

_CELL = "text-align: left; vertical-align: top; padding: 3px 14px 3px 0; line-height: 1.5"
_ROW = "background-color: transparent"  # notebooks stripe the rows of tables otherwise
_MONO = "font-family: var(--jp-code-font-family, monospace); white-space: pre"
_BOX = "border: 1px solid #9a9a9a; border-radius: 3px; padding: 0 2px; color: #1a1a1a; white-space: pre"
_NEW = "border: 2px solid #1a1a1a; font-weight: bold"
_BLUE, _ORANGE = "#0072b2", "#d55e00"


# Bytes ------------------------------------------------------------------------------------------------------


@checked()
def utf8_table(text: str) -> Html:
    """Each character with its code point and its bytes in binary; the bits that are only marks are grey.

    >>> utf8_table("Aé")
    A  U+0041  0|1000001
    é  U+00E9  110|00011 10|101001
    """
    _check_letters("utf8_table", text)
    rows, lines = [], []
    for character in text:
        code, parts = f"U+{ord(character):04X}", [_marked_bits(byte) for byte in character.encode()]
        lines.append(f"{character}  {code}  " + " ".join("|".join(part) for part in parts))
        bits = "  ".join(
            f'<span style="color: #8a8a8a">{mark}</span><b>{payload}</b>' for mark, payload in parts
        )
        decimal = " ".join(map(str, character.encode()))
        cells = (html.escape(character), code, f"{ord(character):,}", bits, decimal)
        rows.append(_table_row(*cells))
    head = _table_row(
        "character", "code point", "as a number", "its bytes, bit by bit", "its bytes as numbers"
    )
    return Html(f'<table style="{_MONO}">{head}{"".join(rows)}</table>', "\n".join(lines))


def _marked_bits(byte: int) -> tuple[str, str]:
    """The eight bits of a byte, cut after the mark: up to and with the first 0."""
    bits = f"{byte:08b}"
    end = bits.index("0") + 1
    return bits[:end], bits[end:]


# Merges -----------------------------------------------------------------------------------------------------


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
    lines = [f"{' '.join(_labels(pair))}  {'#' * count} {count}" for pair, count in counts]
    rows = [
        _table_row(
            f'<span style="white-space: nowrap">{" ".join(map(_box, pair))}</span>',
            f'<div style="background-color: {_BLUE}; height: 11px; width: {18 * count}px; margin-top: 5px">'
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
    rows, lines = [_table_row("step", "joined", "the text now", "tokens")], []
    for step in range(len(merges) + 1):
        tokens = after_merges(pieces, merges[:step])
        pair, count = merges[step - 1] if step else (), sum(map(len, tokens))
        joined = " + ".join(_box(token, *_look(token, merges)) for token in pair)
        joined = f'<span style="white-space: nowrap">{joined}</span>'
        rows.append(_table_row(str(step), joined, _running(tokens, merges, step), str(count)))
        lines.append(f"{step}  {'+'.join(_labels(pair)):<5}  {_plain(tokens)}  {count} tokens")
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
    _check_letters("encode_table", piece)
    rank = {merge: number for number, merge in enumerate(merges)}
    tokens, done = [bytes([byte]) for byte in piece.encode()], []
    states = [tokens]
    while known := [pair for pair in pairwise(tokens) if pair in rank]:
        done.append(min(known, key=rank.__getitem__))
        tokens = merge_pair(tokens, done[-1], b"".join(done[-1]))
        states.append(tokens)
    names = ["bytes", *(f"merge {rank[pair]:,}" for pair in done)]
    page = "".join(
        _table_row(name, _running([now], done, step))
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
    drawn, lines, told = list(nodes), [], [f"The bytes {', '.join(_labels(t for t, *_ in nodes))}."]
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
        told.append(f"Merge {number} makes {_labels([b''.join(pair)])[0]} of {' and '.join(_labels(pair))}.")
        nodes = joined
    wide, high = 8.0 * len(piece) + 16, max(bottom for *_, bottom in drawn) + 5
    ax = canvas(ax, wide, high)
    for (_, x, y), (_, above, top) in lines:
        ax.plot([x, above], [y + 3.4, top], color=GREY, lw=1.3, zorder=2)
    numbers = {b"".join(pair): number for pair, number in rank.items()}
    for token, x, y in drawn:
        label = _labels([token])[0]
        size = 1.6 * len(label) + 2.4
        face = TINTS[(numbers[token] - 1) % len(TINTS)] if y > 1 else "white"
        cells(ax, (x - size / 2, y), [label], [face], (size, 3.4))
        if y > 1:
            note(ax, (x + size / 2 + 0.8, y + 1.7), f"merge {numbers[token]}", 8, "left")
            ax.texts[-1].set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # over lines
    ax.course_alt = " ".join(told)
    return ax


@checked("tokens", "ids")
def layers_table(text: str, tokens: Sequence[bytes], ids: Sequence[int]) -> Html:
    """A text four times, one below the other: as characters, bytes, tokens and ids.

    Raises: ValueError unless the tokens, end to end, are the text's bytes, and there is an id for each.

    >>> layers_table("aé", [b"a\\xc3", b"\\xa9"], [300, 102])
    characters  a | é
    bytes       61 | C3 | A9
    tokens      [61 C3] | [A9]
    ids         300 | 102
    """
    _check_letters("layers_table", text)
    if b"".join(tokens) != text.encode() or len(tokens) != len(ids) or not all(tokens):
        raise wrong(
            "layers_table", "tokens", tokens, "the bytes of the text, cut into pieces, with an id each"
        )
    layers = {
        "characters": [(letter.replace(" ", "·"), len(letter.encode())) for letter in text],
        "bytes": [(f"{byte:02X}", 1) for byte in text.encode()],
        "tokens": list(zip(_labels(tokens), map(len, tokens), strict=True)),
        "ids": [(str(id), len(token)) for id, token in zip(ids, tokens, strict=True)],
    }
    rows = "".join(
        _layer(name, parts, tint) for (name, parts), tint in zip(layers.items(), TINTS, strict=False)
    )
    lines = [f"{name:<10}  {' | '.join(label for label, _ in parts)}" for name, parts in layers.items()]
    table = f'<table style="border-collapse: separate; border-spacing: 2px">{rows}</table>'
    return Html(f'<div style="overflow-x: auto">{table}</div>', "\n".join(lines))


def _layer(name: str, parts: Sequence[tuple[str, int]], tint: str) -> str:
    look = f"text-align: center; {_BOX}; background-color: {tint}"
    boxes = (f'<td colspan="{wide}" style="{look}">{html.escape(label)}</td>' for label, wide in parts)
    return f'<tr style="{_ROW}"><th style="{_CELL}; font-weight: normal">{name}</th>{"".join(boxes)}</tr>'


class _Spelled:
    """Lets `token_labels` read tokens that are bytes already."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        self.token_bytes = tokens.__getitem__


def _labels(tokens: Iterable[bytes]) -> list[str]:
    tokens = list(tokens)
    return token_labels(range(len(tokens)), _Spelled(tokens))


def _check_letters(owner: str, text: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise wrong(owner, "text", text, "whole characters: half of one has no bytes")


def _box(token: bytes, tint: str = "#ffffff", newest: bool = False) -> str:
    style = f"background-color: {tint}; {_BOX}; {_NEW if newest else ''}"
    return f'<span style="{style}">{html.escape(_labels([token])[0])}</span>'


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
    return " ".join("|".join(_labels(piece)) for piece in pieces)


def _table_row(*cells: str) -> str:
    return f'<tr style="{_ROW}">' + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


# Curves and bars --------------------------------------------------------------------------------------------


@checked()
def length_curves(
    points: Mapping[str, Mapping[str, tuple[int, float]]],
    curves: Mapping[str, Sequence[tuple[int, float]]] | None = None,
) -> Any:
    """Tokens per text over the size of the vocabulary: named points, and a curve per panel. Gives the Axes.

    Each panel of `points` names ways to cut text, with (vocabulary, tokens); `curves` has byte-pair encoding.

    >>> axes = length_curves({"English": {"bytes": (256, 400.0)}}, {"English": [(256, 400.0), (512, 250.0)]})
    >>> axes[0].get_title()
    'English'
    """
    if curves:
        has_all("length_curves", "curves", curves, points)
    for line in (*(named.values() for named in points.values()), *(curves or {}).values()):
        if not line:
            raise wrong("length_curves", "curves", curves, "at least one (vocabulary, tokens) for each title")
        between("length_curves", "a vocabulary", (size for size, _ in line), 1, math.inf)
        between("length_curves", "a number of tokens", (length for _, length in line), 0, math.inf)
    figure, axes = subplots(1, len(points), figsize=(4.6 * len(points), 3.6), sharey=True, squeeze=False)
    for ax, (title, named) in zip(axes[0], points.items(), strict=True):
        for curve in [curves[title]] if curves else []:
            ax.plot(*zip(*curve, strict=True), color=_BLUE, marker="o", ms=5, lw=1.8, label="byte pairs")
            ax.legend(frameon=False, loc="upper right")
        for name, (size, length) in named.items():
            ax.plot(size, length, "D", color=_ORANGE, ms=8)
            side = {"xytext": (9, -3), "ha": "left"} if size < 512 else {"xytext": (-7, -5), "ha": "right"}
            ax.annotate(name, (size, length), textcoords="offset points", va="top", **side)
        _finish(ax, title)
    axes[0][0].set_ylabel("tokens per text")
    axes[0][0].set_ylim(0, 1.08 * max(ax.dataLim.y1 for ax in axes[0]))
    figure.tight_layout()
    axes[0][0].course_alt = _curve_words(points, curves or {})
    return list(axes[0])


def _finish(ax: Any, title: str) -> None:
    ax.set_title(title)
    ax.set_xscale("log", base=2)
    ax.set_xlabel("size of the vocabulary")
    ax.set_xticks([64, 256, 1024, 4096], ["64", "256", "1,024", "4,096"])
    ax.set_xlim(40, 9000)
    ax.grid(color="#dddddd", lw=0.7)
    ax.spines[["top", "right"]].set_visible(False)


def _curve_words(points: Mapping[str, Mapping[str, tuple[int, float]]], curves: Mapping) -> str:
    parts = ["Tokens per text over the size of the vocabulary."]
    for title, named in points.items():
        parts.append(
            f"{title}: " + ", ".join(f"{name} {s:,} and {n:.0f}" for name, (s, n) in named.items()) + "."
        )
        if title in curves:
            (low, before), (high, after) = curves[title][0], curves[title][-1]
            parts.append(f"Byte pairs fall from {before:.0f} at {low:,} to {after:.0f} at {high:,}.")
    return " ".join(parts)


@checked()
def token_bars(lengths: Mapping[str, Mapping[str, float]], ax: Any = None) -> Any:
    """Tokens per text as bars: a group for each tokenizer, a bar for each language. Gives the Axes.

    >>> ax = token_bars({"English only": {"English": 120.0, "Chinese": 473.0}})
    >>> "Chinese 473" in ax.course_alt
    True
    """
    between("token_bars", "a length", (n for by in lengths.values() for n in by.values()), 0, math.inf)
    size = (7.2, 0.9 + 0.75 * len(lengths))
    ax = subplots(figsize=size, layout="tight")[1] if ax is None else check_axes(ax)
    for row, by_language in enumerate(lengths.values()):
        for number, (language, length) in enumerate(by_language.items()):
            place, label = row + 0.36 * number - 0.18, language if row == 0 else None
            look = {"color": (_BLUE, _ORANGE)[number % 2], "hatch": ("", "///")[number % 2]}
            ax.barh(place, length, height=0.33, edgecolor="white", label=label, **look)
            ax.annotate(f"{length:.0f}", (length, place), (4, 0), textcoords="offset points", va="center")
    ax.set_yticks(range(len(lengths)), list(lengths))
    ax.invert_yaxis()
    ax.set_xlabel("tokens per story")
    ax.margins(x=0.1)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="best")
    groups = (
        f"{name}: " + ", ".join(f"{language} {n:.0f}" for language, n in by.items())
        for name, by in lengths.items()
    )
    ax.course_alt = "Tokens per story as bars. " + "; ".join(groups) + "."
    return ax
