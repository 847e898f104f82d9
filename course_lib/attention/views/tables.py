"""Numbers of heads in a table, a text whose colours tell who is read, one head's attention as a table.

Numbers and lists come in; `Html` goes out. It does not know models or tokenizers.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from course_lib.arguments import whole
from course_lib.figures.arguments import between, checked
from course_lib.figures.colours import GREY, INK, RED
from course_lib.figures.shown import Html, cividis
from course_lib.figures.tables import NAME, NUMBER, ROW, aligned, blue
from course_lib.figures.tokens import TINTS

# Tables of numbers ------------------------------------------------------------------------------------------


@checked()
def heads_table(x: Sequence[Sequence[float]], tokens: Sequence[str], n_heads: int) -> Html:
    """The numbers of each token, with a colour and a heavy line for each head that gets them.

    Shapes: x (T, C).
    Raises: ValueError if C is not a multiple of `n_heads`.

    >>> print(heads_table([[1, 2, 3, 4]], ["Lily"], n_heads=2))
          head 0  head 1
    Lily     1 2     3 4
    """
    D, rest = divmod(len(x[0]), whole("heads_table", "n_heads", n_heads))
    if rest:
        raise ValueError(f"heads_table got {len(x[0])} numbers for {n_heads} heads; give a multiple.")
    if len(x) != len(tokens) or any(len(row) != len(x[0]) for row in x):
        raise ValueError(
            f"heads_table got {len(tokens)} tokens and {len(x)} rows of numbers, the first of {len(x[0])}; "
            "give a row for each token, all equally long."
        )
    names = [f"head {h}" for h in range(n_heads)]
    head = "".join(
        f'<th colspan="{D}" style="{NAME}; text-align: center; border-left: 3px solid {INK}">{name}</th>'
        for name in names
    )
    body = "".join(
        f'<tr style="{ROW}"><th style="{NAME}; text-align: right">{html.escape(token)}</th>'
        + "".join(_head_cell(f"{value:g}", i, D) for i, value in enumerate(row))
        + "</tr>"
        for token, row in zip(tokens, x, strict=True)
    )
    texts = [[" ".join(f"{v:g}" for v in row[h * D : (h + 1) * D]) for h in range(n_heads)] for row in x]
    table = f'<table style="border-collapse: collapse"><tr style="{ROW}"><th></th>{head}</tr>{body}</table>'
    return Html(table, aligned(tokens, names, texts))


def _head_cell(text: str, place: int, D: int) -> str:
    tint = TINTS[place // D % len(TINTS)]
    edge = f"; border-left: 3px solid {INK}" if place % D == 0 else ""
    return f'<td style="{NUMBER}; background-color: {tint}; color: #1a1a1a{edge}">{text}</td>'


# Running text -----------------------------------------------------------------------------------------------


@checked()
def reading(tokens: Sequence[str], weights: Sequence[float], place: int) -> Html:
    """A text whose colours tell how much the token at `place` (framed) looks at each token up to it.

    What comes after it is grey. In plain text, the framed token stands in brackets and weights of 0.05 and
    more behind their tokens.

    Shapes: weights (T,) for T tokens.
    Raises: ValueError if there are not as many weights as tokens.

    >>> reading(["Lily", "·lost", "·her"], [0.9, 0.02, 0.08], place=1)
    Lily (0.90) [·lost] ·her
    """
    shares, place = weights, whole("reading", "place", place, 0, len(tokens) - 1)
    if len(shares) != len(tokens):
        raise ValueError(f"reading got {len(tokens)} tokens and {len(shares)} weights; give one for each.")
    between("reading", "weights", weights)
    largest = max(shares[: place + 1]) or 1.0
    boxes = [_box(token, shares[i], largest, i - place) for i, token in enumerate(tokens)]
    words = [f"[{token}]" if i == place else token for i, token in enumerate(tokens)]
    told = [
        f"{word} ({share:.2f})" if share >= 0.05 and i <= place else word
        for i, (word, share) in enumerate(zip(words, shares, strict=True))
    ]
    scale = "".join(_swatch(share, largest) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    page = (
        f'<div style="line-height: 2.0; max-width: 60em; overflow-wrap: anywhere">{"<wbr>".join(boxes)}</div>'
        f'<div style="font-size: 0.85em">weight: {scale}</div>'
    )
    return Html(page, " ".join(told))


def _box(token: str, share: float, largest: float, after: int) -> str:
    look = "border: 1px solid #c8c8c8; border-radius: 3px; padding: 1px 2px; white-space: pre"
    if after > 0:
        return f'<span style="{look}; color: {GREY}">{html.escape(token)}</span>'
    back, ink = blue(share / largest)
    frame = f"; outline: 3px solid {RED}" if after == 0 else ""
    colours = f"background-color: {back}; color: {ink}{frame}"
    return f'<span style="{look}; {colours}" title="weight {share:.3f}">{html.escape(token)}</span>'


def _swatch(share: float, largest: float) -> str:
    back, ink = blue(share)
    return (
        f'<span style="background-color: {back}; color: {ink}; padding: 0 6px">{share * largest:.2f}</span>'
    )


# One head ---------------------------------------------------------------------------------------------------


@checked()
def attention_map(
    attn: Sequence[Sequence[float]], tokens: Sequence[str], keys: Sequence[str] | None = None
) -> Html:
    """One head's attention as a table: each row is a token that looks, each column one that is looked at.

    Shapes: attn (T, S); `tokens` are the T labels of the rows, `keys` the S labels of the columns (default:
    the same).

    >>> print(attention_map([[1.0, 0.0], [0.25, 0.75]], ["a", "b"]))
          a     b
    a  1.00     .
    b  0.25  0.75
    """
    rows, keys = attn, tokens if keys is None else keys
    if len(rows) != len(tokens) or any(len(row) != len(keys) for row in rows):
        got = f"{len(rows)} x {len(rows[0]) if rows else 0}"
        raise ValueError(
            f"Got attention of {got}, but {len(tokens)} x {len(keys)} labels; give one head, (T, S)."
        )
    between("attention_map", "attn", (value for row in rows for value in row))
    largest = max((value for row in rows for value in row), default=1.0) or 1.0
    head = "".join(
        '<th style="padding: 2px; font-weight: normal; vertical-align: bottom">'
        f'<span style="writing-mode: vertical-rl">{html.escape(key)}</span></th>'
        for key in keys
    )
    body = "".join(
        f'<tr style="{ROW}">'
        f'<th style="text-align: right; padding: 0 6px; font-weight: normal">{html.escape(token)}</th>'
        + "".join(_attention_cell(v, largest, token, key) for v, key in zip(row, keys, strict=True))
        + "</tr>"
        for token, row in zip(tokens, rows, strict=True)
    )
    head = f'<tr style="{ROW}"><th></th>{head}</tr>'
    table = f'<table style="border-collapse: collapse; font-size: 0.9em">{head}{body}</table>'
    return Html(table, _attention_text(rows, tokens, keys))


def _attention_cell(value: float, largest: float, token: str, key: str) -> str:
    back = "transparent" if value == 0 else cividis(value / largest)[0]
    title = html.escape(f"{token} looks at {key}: {value:.3f}")
    square = "width: 18px; height: 18px; padding: 0; border: 1px solid #e0e0e0"
    return f'<td title="{title}" style="background-color: {back}; {square}"></td>'


def _attention_text(rows: list[list[float]], tokens: Sequence[str], keys: Sequence[str]) -> str:
    left = max(len(token) for token in tokens)
    wide = max(4, *(len(key) for key in keys))
    lines = [" " * left + "".join(f"  {key:>{wide}}" for key in keys)]
    for token, row in zip(tokens, rows, strict=True):
        cells = ("." if value == 0 else f"{value:.2f}" for value in row)
        lines.append(f"{token:<{left}}" + "".join(f"  {cell:>{wide}}" for cell in cells))
    return "\n".join(lines)
