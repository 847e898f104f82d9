"""A window with its targets, who looks how far back, and words with their neighbours.

Texts and numbers come in, `Html` goes out. It does not know models or tokenizers.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from course_lib.arguments import whole
from course_lib.figures.arguments import as_many, checked
from course_lib.figures.shown import Html
from course_lib.figures.tables import ROW

_CELL = "text-align: center; padding: 2px 7px; white-space: pre"
_HEAD = '<th style="text-align: right; padding: 2px 10px; font-weight: normal">'
_BOX = "border: 1px solid #9a9a9a; color: #1a1a1a"


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
        f'<tr style="{ROW}">{_HEAD}{name}</th>' + "".join(_cell(token, back) for token in tokens) + "</tr>"
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
            f'<tr style="{ROW}">{_HEAD}{html.escape(name)}</th>{"".join(cells)}{_cell("?", "white")}</tr>'
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
        f'<tr style="{ROW}"><th style="text-align: right; padding: 3px 12px; white-space: pre">'
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
