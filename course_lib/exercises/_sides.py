"""Expected and got side by side: heat maps of numbers with the first difference framed, or two texts.

As HTML for a notebook and as text for a terminal. Colours only repeat what numbers and frames already say.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from course_lib.exercises._compare import Difference
from course_lib.exercises._values import as_numpy, is_array, show_value
from course_lib.figures.shown import cividis

_MARK = "#d55e00"
_MONO = "font-family: var(--jp-code-font-family, monospace); font-size: 0.9em"
_CELL = "padding: 2px 6px; text-align: right"
_ROWS, _COLUMNS = 8, 6  # of a heat map, at most: two stand side by side
_ROW = "background-color: transparent"  # notebooks stripe the rows of tables otherwise


def sides_text(difference: Difference | None) -> list[str]:
    if difference is None or not difference.shows:
        return []
    if _drawable(difference):
        window = _Window.around(difference)
        left, right = (window.text(values) for values in (difference.expected, difference.got))
        width = max(len("expected"), *(len(line) for line in left))
        if width > 40:
            rows = ["  expected", *("  " + line for line in left), "  got", *("  " + line for line in right)]
        else:
            pairs = zip(["expected", *left], ["got", *right], strict=True)
            rows = [f"  {a:<{width}}    {b}".rstrip() for a, b in pairs]
        return [
            "\n".join(
                [
                    *([f"  at {window.label}"] if window.label else []),
                    *rows,
                    "  [ ] marks the first difference",
                ]
            )
        ]
    expected, got, mark = _as_text(difference)
    rows = [f"  expected: {expected}", f"  got:      {got}"]
    return ["\n".join(rows + ([" " * 12 + mark] if mark else []))]


def sides_html(difference: Difference | None) -> str:
    if difference is None or not difference.shows:
        return ""
    if _drawable(difference):
        window = _Window.around(difference)
        left, right = (window.html(values, difference) for values in (difference.expected, difference.got))
        where = f" at {html.escape(window.label)}" if window.label else ""
        note = f"<p style='font-size: 0.85em'>The first difference is framed{where}.</p>"
    else:
        left, right = (_marked(text, mark) for text, mark in _text_sides(difference))
        note = ""
    cell = "text-align: left; vertical-align: top; padding: 2px 24px 2px 12px"
    heads = "".join(f'<th style="{cell}">{name}</th>' for name in ("expected", "got"))
    sides = "".join(f'<td style="{cell}">{side}</td>' for side in (left, right))
    return f'<table><tr style="{_ROW}">{heads}</tr><tr style="{_ROW}">{sides}</tr></table>{note}'


def _drawable(difference: Difference) -> bool:
    """Arrays of the same shape are drawn; everything else is written."""
    if not is_array(difference.expected) or not is_array(difference.got) or difference.position is None:
        return False
    expected, got = as_numpy(difference.expected), as_numpy(difference.got)
    return (
        got is not None
        and expected.shape == got.shape
        and expected.ndim > 0
        and expected.dtype.kind in "biuf"
    )


def _as_text(difference: Difference) -> tuple[str, str, str]:
    """Both sides as text, cut around the first difference, and a line with a ^ below it (strings only)."""
    expected, got, where = difference.expected, difference.got, difference.position
    both_text = isinstance(expected, str) and isinstance(got, str)
    if not both_text or where is None:
        return show_value(expected, 400), show_value(got, 400), ""
    start = max(0, where[0] - 30) if max(len(expected), len(got)) > 70 else 0
    sides = [("..." if start else "") + repr(side[start : start + 70])[1:-1] for side in (expected, got)]
    before = ("..." if start else "") + repr(expected[start : where[0]])[1:-1]
    return f'"{sides[0]}"', f'"{sides[1]}"', " " * (len(before) + 1) + "^"


def _text_sides(difference: Difference) -> list[tuple[str, int | None]]:
    expected, got, mark = _as_text(difference)
    position = len(mark) - 1 if mark else None
    return [(expected, position), (got, position)]


def _marked(text: str, position: int | None) -> str:
    """Text in code font, with the character at `position` framed."""
    if position is None or position >= len(text):
        body = html.escape(text)
    else:
        frame = "background-color: #fbd9c4; color: #1a1a1a; font-weight: bold"
        here = f'<span style="{frame}">{html.escape(text[position])}</span>'
        body = html.escape(text[:position]) + here + html.escape(text[position + 1 :])
    return f'<pre style="{_MONO}; white-space: pre-wrap; margin: 0">{body}</pre>'


@dataclass(frozen=True)
class _Window:
    """The part of an array that is shown: a few rows and columns around the first difference."""

    outer: tuple[int, ...]  # the index of the 2-D slice in an array of more dimensions
    rows: range
    columns: range
    position: tuple[int, int]
    label: str

    @classmethod
    def around(cls, difference: Difference) -> _Window:
        shape, position = as_numpy(difference.expected).shape, difference.position
        if len(shape) == 1:
            shape, position = (1, *shape), (0, *position)
        outer, (row, column) = position[:-2], position[-2:]
        rows, columns = _span(row, shape[-2], _ROWS), _span(column, shape[-1], _COLUMNS)
        whole = not outer and len(rows) == shape[-2] and len(columns) == shape[-1]
        label = "" if whole else f"[{', '.join(map(str, difference.position))}]"
        return cls(outer, rows, columns, (row, column), label)

    def cells(self, values: Any) -> list[list[Any]]:
        array = as_numpy(values)
        array = array[None] if array.ndim == 1 else array[self.outer]
        return [[array[i, j].item() for j in self.columns] for i in self.rows]

    def text(self, values: Any) -> list[str]:
        first = (self.position[0] - self.rows.start, self.position[1] - self.columns.start)
        rows = []
        for i, row in enumerate(self.cells(values)):
            marks = [f"[{_short(v)}]" if (i, j) == first else f" {_short(v)} " for j, v in enumerate(row)]
            rows.append(" ".join(f"{mark:>8}" for mark in marks).rstrip())
        return rows

    def html(self, values: Any, difference: Difference) -> str:
        first = (self.position[0] - self.rows.start, self.position[1] - self.columns.start)
        low, high = _range([self.cells(difference.expected), self.cells(difference.got)])
        rows = [
            "".join(_cell(value, low, high, framed=(i, j) == first) for j, value in enumerate(row))
            for i, row in enumerate(self.cells(values))
        ]
        return "<table>" + "".join(f'<tr style="{_ROW}">{row}</tr>' for row in rows) + "</table>"


def _span(i: int, n: int, most: int) -> range:
    start = max(0, min(i - most // 2, n - most))
    return range(start, min(n, start + most))


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _finite(value: Any) -> bool:
    return value == value and abs(value) != float("inf")


def _range(both: list[list[list[Any]]]) -> tuple[float, float]:
    """One colour scale for both sides, so that equal colours mean equal numbers."""
    numbers = [float(v) for side in both for row in side for v in row if _finite(v)]
    return (min(numbers), max(numbers)) if numbers else (0.0, 1.0)


def _cell(value: Any, low: float, high: float, framed: bool) -> str:
    if _finite(value):
        share = (float(value) - low) / (high - low) if high > low else 0.5
        back, ink = cividis(share)
    else:
        back, ink = "#ffffff", "#b00000"
    frame = f"3px solid {_MARK}" if framed else "1px solid #ffffff"
    style = f"background-color: {back}; color: {ink}; border: {frame}; {_CELL}; {_MONO}"
    return f'<td style="{style}">{html.escape(_short(value))}</td>'
