"""What was measured, as data: rows in sections, tables for a terminal and for Markdown, and a JSON file.

Does not measure and does not draw; loads nothing heavy.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from course_lib.runtime import atomic_write

FORMAT = 1  # of the JSON file
RATIO = "ours / theirs"


@dataclass(frozen=True)
class Spread:
    """A median with its quartiles: half of what was measured lies between `low` and `high`.

    >>> Spread.of([1.0, 9.0, 2.0, 3.0, 4.0])
    Spread(median=3.0, low=2.0, high=4.0)
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of some values. Raises: ValueError if there are none."""
        if not values:
            raise ValueError("Spread.of got no values; measure at least once.")
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, middle, high = quantiles(values, n=4, method="inclusive")
        return cls(middle, low, high)

    def map(self, function: Any) -> Spread:
        """The same spread in another unit; `function` may rise or fall.

        >>> Spread(2.0, 1.0, 4.0).map(lambda seconds: 8 / seconds)
        Spread(median=4.0, low=2.0, high=8.0)
        """
        low, high = sorted((function(self.low), function(self.high)))
        return Spread(function(self.median), low, high)


@dataclass(frozen=True)
class Row:
    """One candidate in one setting. `ratio` is the time that ours takes over the time that this one takes.

    `extra` holds what else was measured, by the heading of its column; lists in it are for figures only.
    A `detail` is left out of the Markdown table.
    """

    setting: str
    name: str
    value: Spread | None
    ratio: Spread | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    detail: bool = False


@dataclass(frozen=True)
class Section:
    """The rows of one part of the benchmark, in one unit, and what has to be known to read them.

    `also` names extras that get a Markdown table of their own.
    """

    name: str
    title: str
    unit: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Results:
    """All that was measured in one run, on which machine, and by which command."""

    machine: dict[str, Any]
    command: str
    sections: tuple[Section, ...]


# For a terminal -----------------------------------------------------------------------------------


def number(value: Any) -> str:
    """Three digits that mean something.

    >>> [number(value) for value in (1234.6, 31.44, 2.0, 0.01234, 0, "yes", None)]
    ['1,235', '31.4', '2.00', '0.0123', '0', 'yes', '-']
    """
    if value is None:
        return "-"
    if isinstance(value, bool | str) or value == 0:
        return str(value)
    size = abs(value)
    if isinstance(value, int) or size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}" if size >= 0.9995 else f"{value:.3g}"


def text(results: Results) -> str:
    """Everything as aligned tables.

    >>> row = Row("1 thread", "ours", Spread(2.0, 1.5, 2.5))
    >>> print(text(Results({}, "bench", (Section("training", "Training", "ms", (row,)),))))
    Training (ms)
      setting   what  median  quartiles
      1 thread  ours  2.00    1.50 to 2.50
    """
    blocks = [] if not results.machine else ["Measured on " + machine_line(results.machine)]
    for section in results.sections:
        lines = [f"{section.title} ({section.unit})", *_aligned(_long_table(section))]
        blocks.append("\n".join([*lines, *(f"  * {note}" for note in section.notes)]))
    return "\n\n".join(blocks)


def machine_line(machine: dict[str, Any]) -> str:
    """The machine in one line.

    >>> machine_line({"processor": "Some CPU", "cores": 2, "torch": "2.13.0"})
    'Some CPU, 2 cores, torch 2.13.0'
    """
    parts = {key: f"{key} {value}" for key, value in machine.items() if value != ""}
    if "processor" in parts:
        parts["processor"] = str(machine["processor"])
    if "cores" in parts:
        parts["cores"] = f"{machine['cores']} core{'s' * (machine['cores'] != 1)}"
    return ", ".join(parts.values())


def _extras(rows: Sequence[Row]) -> list[str]:
    """The headings of what else was measured, in the order in which they first come."""
    found = {key: None for row in rows for key, value in row.extra.items() if not isinstance(value, list)}
    return list(found)


def _long_table(section: Section) -> list[list[str]]:
    """A line for each row, under headings; columns that nothing fills are left out."""
    extras = _extras(section.rows)
    lines = [["setting", "what", "median", "quartiles", RATIO, "its quartiles", *extras]]
    for row in section.rows:
        cells = [row.setting, row.name, *_cells(row.value), *_cells(row.ratio, factor)]
        lines.append(cells + [number(row.extra[key]) if key in row.extra else "" for key in extras])
    columns = [column for column in zip(*lines, strict=True) if any(column[1:])]
    return [list(line) for line in zip(*columns, strict=True)]


def factor(value: float) -> str:
    """A ratio in two decimals, or one digit of what is smaller.

    >>> factor(1.206), factor(0.0041)
    ('1.21', '0.004')
    """
    return f"{value:.2f}" if value >= 0.1 else f"{value:.1g}"


def _cells(spread: Spread | None, form: Callable[[float], str] = number) -> tuple[str, str]:
    if spread is None:
        return "", ""
    return form(spread.median), f"{form(spread.low)} to {form(spread.high)}"


def _aligned(table: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield ("  " + "  ".join(padded)).rstrip()


# For Markdown -------------------------------------------------------------------------------------


def markdown(results: Results) -> str:
    """The same in short, as Markdown: settings down, candidates across, the ratio in brackets.

    >>> rows = (Row("1 thread", "ours", Spread(2.0, 1.5, 2.5)),
    ...         Row("1 thread", "plain", Spread(3.0, 3.0, 3.0), Spread(0.67, 0.6, 0.7)))
    >>> print(markdown(Results({}, "bench", (Section("training", "Training", "ms", rows),))))
    **Training** (ms; in brackets ours / theirs in time: below 1 ours is faster)
    <BLANKLINE>
    | setting | ours | plain |
    |---|---|---|
    | 1 thread | 2.00 | 3.00 (0.67) |
    """
    blocks = [block for section in results.sections for block in _markdown_section(section)]
    if results.machine:
        blocks.append(f"Measured on {machine_line(results.machine)}, with `{results.command}`.")
    return "\n\n".join(blocks)


def _markdown_section(section: Section) -> list[str]:
    rows = [row for row in section.rows if not row.detail]
    if not rows:
        return [f"**{section.title}**: {note}" for note in section.notes[:1]]
    if not any(row.ratio for row in rows):
        return [f"**{section.title}** ({section.unit})", _bars(_short_table(rows))]
    unit = f"{section.unit}; in brackets {RATIO} in time: below 1 ours is faster"
    blocks = [f"**{section.title}** ({unit})", _bars(_wide_table(rows, _with_ratio))]
    for key in section.also:
        table = _wide_table(rows, lambda row, key=key: number(row.extra[key]) if key in row.extra else "")
        blocks += [f"**{section.title}**, {key}", _bars(table)]
    return blocks


def _bars(table: list[list[str]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in table]
    return "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])


def _with_ratio(row: Row) -> str:
    ratio = f" ({factor(row.ratio.median)})" if row.ratio else ""
    return number(row.value.median if row.value else None) + ratio


def _wide_table(rows: Sequence[Row], cell: Callable[[Row], str]) -> list[list[str]]:
    names = list(dict.fromkeys(row.name for row in rows))
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        cells.setdefault(row.setting, {})[row.name] = cell(row)
    lines = [[setting, *(by.get(name, "") for name in names)] for setting, by in cells.items()]
    return [["setting", *names], *lines]


def _short_table(rows: Sequence[Row]) -> list[list[str]]:
    extras = _extras(rows)
    lines = [["setting", "what", "median", *extras]]
    for row in rows:
        value = number(row.value.median) if row.value else ""
        others = (number(row.extra[key]) if key in row.extra else "" for key in extras)
        lines.append([row.setting, row.name, value, *others])
    columns = [column for column in zip(*lines, strict=True) if any(column[1:])]
    return [list(line) for line in zip(*columns, strict=True)]


# As a file ----------------------------------------------------------------------------------------


def write(results: Results, path: str | Path) -> Path:
    """Write everything to a JSON file, from which `read` makes the same again (numbers have six digits)."""
    content = _rounded({"format": FORMAT, **dataclasses.asdict(results)})
    lines = json.dumps(content, ensure_ascii=False)
    for start in ('{"setting"', '{"name"'):  # a line for each row; inside a string the quotes are escaped
        lines = lines.replace(start, "\n" + start)
    with atomic_write(path, "w") as file:
        file.write(lines + "\n")
    return Path(path)


def _rounded(value: Any) -> Any:
    """Numbers to six digits, which is more than any clock is worth."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def read(path: str | Path) -> Results:
    """What `write` wrote. Raises: ValueError, in one sentence, if the file is missing or something else."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        sections = tuple(map(_section, content["sections"]))
        return Results(content["machine"], content["command"], sections)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        raise ValueError(
            f"{path} holds no results of the benchmark ({problem}); make it with "
            "`python -m course_lib bench --out FOLDER`."
        ) from None


def _section(values: dict[str, Any]) -> Section:
    rows = tuple(
        Row(**{**row, "value": _spread(row["value"]), "ratio": _spread(row["ratio"])})
        for row in values["rows"]
    )
    texts = {key: tuple(values[key]) for key in ("notes", "also")}
    return Section(**{**values, "rows": rows, **texts})


def _spread(values: dict[str, float] | None) -> Spread | None:
    return None if values is None else Spread(**values)
