"""Small tables as HTML: numbers with names on their rows and columns, tables side by side, short texts.

Numbers, lists and tensors come in; `Html` goes out, which also has a plain-text form. It does not know what
the numbers are.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from course_lib.arguments import whole
from course_lib.figures.arguments import Measured, checked
from course_lib.figures.colours import BLUE
from course_lib.figures.shown import Html

ROW = "background-color: transparent"  # notebooks stripe the rows of tables otherwise
NUMBER = "text-align: right; padding: 3px 9px; border: 1px solid #d8d8d8; font-variant-numeric: tabular-nums"
NAME = "font-weight: normal; padding: 3px 9px; white-space: pre"
_TEXT = (
    "text-align: left; vertical-align: top; padding: 3px 16px 6px 0; line-height: 1.6; white-space: pre-wrap"
)
_TEXT_HEAD = f"{_TEXT}; white-space: nowrap; font-weight: bold"


@checked("values", "rows", "columns")
def number_table(
    values: Sequence[Sequence[Measured]],
    rows: Sequence[str],
    columns: Sequence[str],
    shade: bool = False,
    digits: int = 2,
) -> Html:
    """A small matrix with names on its rows and columns. With `shade`, blue cells are large, 0 is a dot.

    Shapes: values (number of rows, number of columns).
    Raises: ValueError if there are not as many names as rows and columns.

    >>> print(number_table([[1.0, 0.0], [0.25, 0.75]], ["a", "b"], ["x", "y"], shade=True))
          x     y
    a  1.00     .
    b  0.25  0.75
    """
    numbers, digits = values, whole("number_table", "digits", digits, 0, 30)
    if len(numbers) != len(rows) or any(len(row) != len(columns) for row in numbers):
        got = f"{len(numbers)} x {len(numbers[0]) if numbers else 0}"
        raise ValueError(
            f"number_table got {got} numbers and {len(rows)} x {len(columns)} names; give one each."
        )
    texts = [[_text(value, shade, digits) for value in row] for row in numbers]
    largest = max((value for row in numbers for value in row if math.isfinite(value)), default=1.0) or 1.0
    head = "".join(f'<th style="{NAME}; text-align: right">{html.escape(name)}</th>' for name in columns)
    body = "".join(
        f'<tr style="{ROW}"><th style="{NAME}; text-align: right">{html.escape(name)}</th>'
        + "".join(
            f'<td style="{NUMBER}{_shade(value, largest) if shade else ""}">{text}</td>'
            for value, text in zip(row, shown, strict=True)
        )
        + "</tr>"
        for name, row, shown in zip(rows, numbers, texts, strict=True)
    )
    table = f'<table style="border-collapse: collapse"><tr style="{ROW}"><th></th>{head}</tr>{body}</table>'
    return Html(table, aligned(rows, columns, texts))


@checked("tables")
def beside(tables: Mapping[str, Html]) -> Html:
    """Several tables side by side, each under its title.

    >>> print(beside({"one": Html("<b>1</b>", "1"), "two": Html("<b>2</b>", "2")}))
    one
    1
    <BLANKLINE>
    two
    2
    """
    boxes = "".join(
        f'<div style="margin: 0 28px 10px 0"><div style="padding: 2px 9px"><b>{html.escape(title)}</b></div>'
        f"{table.html}</div>"
        for title, table in tables.items()
    )
    text = "\n\n".join(f"{title}\n{table.text}" for title, table in tables.items())
    return Html(f'<div style="display: flex; flex-wrap: wrap; align-items: flex-start">{boxes}</div>', text)


@checked("heads", "rows")
def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """A table of short texts, in any language.

    Raises: ValueError unless each row has a cell for each of `heads`.

    >>> table(["source", "target"], [["kite", "风筝"]])
    source | target
    kite | 风筝
    """
    if any(len(row) != len(heads) for row in rows):
        raise ValueError(
            f"table got {len(heads)} heads and rows of other lengths; give a cell for each head."
        )
    top = "".join(f'<th style="{_TEXT_HEAD}">{html.escape(head)}</th>' for head in heads)
    body = "".join(
        f'<tr style="{ROW}">'
        + "".join(f'<td style="{_TEXT}">{html.escape(cell)}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    page = f'<table style="border-collapse: collapse"><tr style="{ROW}">{top}</tr>{body}</table>'
    return Html(page, "\n".join(" | ".join(row) for row in (heads, *rows)))


def _text(value: float, shade: bool, digits: int) -> str:
    return "." if shade and value == 0 else f"{value:.{digits}f}"


def _shade(value: float, largest: float) -> str:
    if value == 0 or not math.isfinite(value):
        return ""
    back, ink = blue(value / largest)
    return f"; background-color: {back}; color: {ink}"


def blue(share: float) -> tuple[str, str]:
    """Background and ink for a number from 0 (white) to 1 (blue); the text stays readable."""
    part = min(max(share, 0.0), 1.0)
    rgb = [round(255 + part * (int(BLUE[i : i + 2], 16) - 255)) for i in (1, 3, 5)]
    return "#{:02x}{:02x}{:02x}".format(*rgb), "#ffffff" if part > 0.6 else "#1a1a1a"


def aligned(rows: Sequence[str], columns: Sequence[str], texts: Sequence[Sequence[str]]) -> str:
    left = max(map(len, rows), default=0)
    wide = [max(len(column), *(len(row[i]) for row in texts)) for i, column in enumerate(columns)]
    lines = [" " * left + "".join(f"  {name:>{w}}" for name, w in zip(columns, wide, strict=True))]
    for name, row in zip(rows, texts, strict=True):
        lines.append(f"{name:<{left}}" + "".join(f"  {text:>{w}}" for text, w in zip(row, wide, strict=True)))
    return "\n".join(lines)
