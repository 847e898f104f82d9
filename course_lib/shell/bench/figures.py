"""The pictures of a benchmark: ratios as bars, growth as dots on counted lines, losses over CPU time.

Results come in, PNG files go out. It measures nothing. Colours stay apart for every kind of colour vision,
and nothing is told by colour alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from course_lib.figures.losses import COLOURS
from course_lib.shell.bench.report import Results, Row, Section, factor

WIDTH = 9.0  # inches
LINES = ("-", "--", ":")  # the second and third time that a colour is used
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def draw(results: Results, folder: str | Path) -> list[Path]:
    """Write a picture for each section that has one; gives their paths."""
    folder, paths = Path(folder), []
    for section in results.sections:
        figure = _figure_of(section)
        if figure is not None:
            folder.mkdir(parents=True, exist_ok=True)
            paths.append(folder / f"{section.name}.png")
            figure.savefig(paths[-1], dpi=144, facecolor="white")
    return paths


def _figure_of(section: Section) -> Any:
    if any(row.ratio for row in section.rows):
        return ratio_bars(section)
    if any("counted GFLOP" in row.extra for row in section.rows):
        return growth(section)
    if any("curve" in row.extra for row in section.rows):
        return curves(section)
    return None


def _new_figure(height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def ratio_bars(section: Section) -> Any:
    """A bar for each comparison, from 1 to the ratio: to the left where ours is faster. Gives the figure."""
    rows = [row for row in section.rows if row.ratio and not row.detail]
    names = list(dict.fromkeys(row.name for row in rows))
    figure = _new_figure(1.1 + 0.24 * len(rows))
    ax = figure.subplots()
    for place, row in enumerate(rows):
        ratio, colour = row.ratio, COLOURS[names.index(row.name) % len(COLOURS)]
        ax.barh(place, ratio.median - 1, left=1, height=0.7, color=colour)
        ax.plot([ratio.low, ratio.high], [place, place], color="black", linewidth=1.2)
        faster = ratio.median < 1
        end = (ratio.low if faster else ratio.high, place)
        ax.annotate(
            f" {factor(ratio.median)} ", end, va="center", fontsize=8, ha="right" if faster else "left"
        )
    ax.set_yticks(range(len(rows)), [f"{row.setting}  |  {row.name}" for row in rows], fontsize=8)
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_formatter(_no_label if _span(rows) > 20 else lambda value, _: f"{value:.2g}")
    ax.tick_params(axis="x", which="both", labelsize=8)
    ax.margins(x=0.15)
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_xlabel("time of ours / time of theirs; the thin line is the middle half of all rounds")
    ax.set_title(section.title, loc="left")
    return figure


def _span(rows: list[Row]) -> float:
    """How many times the highest ratio is the lowest, 1 included."""
    ratios = [1.0, *(row.ratio.median for row in rows)]
    return max(ratios) / min(ratios)


def _no_label(value: float, place: int) -> str:
    return ""


def growth(section: Section) -> Any:
    """Four panels, one for each number that grows: measured dots and counted lines. Gives the figure.

    Time (in ms) and memory (in MiB) share an axis; the counted time is that of large matrices.
    """
    sweeps: dict[str, list[Row]] = {}
    for row in section.rows:
        sweeps.setdefault(row.setting, []).append(row)
    figure = _new_figure(6.5)
    panels = figure.subplots(2, 2).flatten()
    for ax, (sweep, rows) in zip(panels, sweeps.items(), strict=False):
        _growth_panel(ax, rows)
        ax.set_title(f"growing: {sweep}", loc="left", fontsize=10)
    panels[0].legend(fontsize=8)
    figure.supylabel("ms (time) and MiB (memory)", fontsize=9)
    return figure


def _growth_panel(ax: Any, rows: list[Row]) -> None:
    x = [row.extra["value"] for row in rows]
    time = [row.value.median for row in rows]
    ideal = [row.value.median * row.extra["share of matrix speed"] for row in rows]
    memory, counted = ([row.extra[key] for row in rows] for key in ("peak MiB", "counted MiB"))
    ax.plot(x, ideal, "-", color=COLOURS[0], linewidth=1, label="time at the speed of large matrices")
    ax.plot(x, time, "o", color=COLOURS[0], label="time, measured")
    ax.plot(x, counted, "--", color=COLOURS[1], linewidth=1, label="memory, counted")
    ax.plot(x, memory, "s", color=COLOURS[1], label="memory, measured")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(x, [str(value) for value in x])
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(_no_label)
    ax.grid(alpha=0.3)


def curves(section: Section) -> Any:
    """The losses over CPU time, each named at its end. Gives the figure."""
    figure = _new_figure(5.0)
    ax = figure.subplots()
    rows = [row for row in section.rows if row.extra.get("curve")]
    top = 0.0
    for number, row in enumerate(rows):
        seconds, losses = zip(*row.extra["curve"], strict=True)
        late = [loss for second, loss in row.extra["curve"] if second >= seconds[-1] / 20]
        top = max(top, *late)
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        line = LINES[number // len(COLOURS) % len(LINES)]
        look = {"color": colour, "marker": marker, "linestyle": line, "markersize": 4, "markevery": 0.1}
        ax.plot(seconds, losses, label=row.name, **look)
    ax.set_ylim(top=1.05 * top)  # the first steep fall would leave no room for the differences
    ax.set_xlabel("CPU seconds")
    ax.set_ylabel(section.unit)
    ax.legend(fontsize=8)
    ax.grid(alpha=0.3)
    ax.set_title(section.title, loc="left")
    return figure
