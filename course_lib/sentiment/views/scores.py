"""Scores: by group, by the number of labels, as a confusion matrix, and how sure they were.

Plain numbers come in, Axes go out. It does not know models or how texts are scored; matplotlib is loaded at
the first figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number
from course_lib.figures.arguments import as_many, between, checked, has_all, ordered
from course_lib.figures.axes import axes_for, dot, name_rows, tidy
from course_lib.figures.colours import BLUE, GREEN, INK, ORANGE, PURPLE
from course_lib.intervals import wilson

MARKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "D"))

Share = tuple[int, int]  # hits, trials
Interval = tuple[float, float]


@checked()
def by_group(
    rows: Mapping[str, Mapping[str, Share]], intervals: Mapping[str, Mapping[str, Interval]], ax: Any = None
) -> Any:
    """For each row (a model), the share that is right in each group of texts. Gives the Axes.

    >>> rows = {"words": {"straight": (9, 10), "twins": (1, 2)}}
    >>> by_group(rows, {"words": {"straight": (0.6, 1.0), "twins": (0.1, 0.9)}}).course_alt
    'words: straight 90 % (60 % to 100 %), twins 50 % (10 % to 90 %).'
    """
    groups = list(next(iter(rows.values())))
    for name, shares in rows.items():
        if list(shares) != groups or not set(groups) <= set(intervals.get(name, ())):
            raise ValueError(f"by_group lacks a share or an interval of {name!r} for one of {groups}.")
    ordered("by_group", [ends for row in intervals.values() for ends in row.values()])
    _check_shares("by_group", [share for row in rows.values() for share in row.values()])
    ax = axes_for(ax, (7.4, 0.28 * len(rows) * (len(groups) + 0.7) + 1.1))
    told = []
    for y, (name, shares) in enumerate(rows.items()):
        parts = []
        for j, group in enumerate(groups):
            colour, mark = MARKS[j % len(MARKS)]
            share = 100 * shares[group][0] / shares[group][1]
            low, high = (100 * end for end in intervals[name][group])
            at = y + 0.26 * (j - (len(groups) - 1) / 2)
            dot(ax, at, share, (low, high), colour, mark, group if y == 0 else None)
            parts.append(f"{group} {share:.0f} % ({low:.0f} % to {high:.0f} %)")
        told.append(f"{name}: {', '.join(parts)}.")
    ax.axvline(50, color=INK, lw=1, ls=(0, (5, 3)))
    name_rows(ax, list(rows))
    ax.set(xlim=(-2, 102), xlabel="right, in %")
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(groups))
    ax.course_alt = " ".join(told)
    return ax


@checked()
def by_labels(
    counts: Sequence[int], curves: Mapping[str, Sequence[Share]], intervals: Mapping[str, Sequence[Interval]],
    ax: Any = None,
) -> Any:  # fmt: skip
    """The share that is right against the number of labelled texts, a line for each model. Gives the Axes.

    >>> by_labels([20, 80], {"GPT": [(3, 4), (4, 4)]}, {"GPT": [(0.3, 0.9), (0.5, 1.0)]}).course_alt
    'GPT: 75 % with 20 labelled texts, 100 % with 80.'
    """
    has_all("by_labels", "intervals", intervals, curves)
    for name, shares in curves.items():
        as_many(f"by_labels, of {name!r},", counts=counts, shares=shares, intervals=intervals[name])
    ordered("by_labels", [ends for row in intervals.values() for ends in row])
    _check_shares("by_labels", [share for shares in curves.values() for share in shares])
    for count in counts:
        number("by_labels", "counts", count, "numbers above 0", lambda x: x > 0)
    ax = axes_for(ax, (6.8, 3.6))
    told = []
    for j, (name, shares) in enumerate(curves.items()):
        colour, mark = MARKS[j % len(MARKS)]
        moved = [count * 1.05 ** (j - (len(curves) - 1) / 2) for count in counts]  # side by side
        heights = [100 * hits / trials for hits, trials in shares]
        ax.plot(moved, heights, f"{mark}-", color=colour, lw=1.8, ms=7, label=name)
        for x, (low, high) in zip(moved, intervals[name], strict=True):
            ax.plot([x, x], [100 * low, 100 * high], "_-", color=colour, lw=1.4, ms=10, mew=1.2, mec=INK)
        said = [f"{height:.0f} % with {count}" for height, count in zip(heights, counts, strict=True)]
        told.append(f"{name}: {', '.join([f'{said[0]} labelled texts', *said[1:]])}.")
    ax.axhline(50, color=INK, lw=1, ls=(0, (5, 3)))
    ax.set(xscale="log", xlabel="labelled texts to learn from", ylabel="right, in %", ylim=(38, 102))
    ax.set_xticks(list(counts), [str(count) for count in counts])
    ax.minorticks_off()
    tidy(ax)
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves))
    ax.course_alt = " ".join(told)
    return ax


def _check_shares(owner: str, shares: Sequence[Share]) -> None:
    for hits, trials in shares:
        if not 0 <= hits <= trials or not trials:
            raise ValueError(f"{owner} got {(hits, trials)}; needed (hits, trials), e.g. (3, 10).")


@checked()
def confusion(table: Sequence[Sequence[int]], labels: Sequence[str], ax: Any = None) -> Any:
    """A confusion matrix: a row for each true label, a column for each predicted one. Gives the Axes.

    >>> confusion([[3, 1], [0, 4]], ["bad", "good"]).course_alt
    'Of 4 that are bad: 3 called bad, 1 called good. Of 4 that are good: 0 called bad, 4 called good.'
    """
    if len(table) != len(labels) or any(len(row) != len(labels) for row in table):
        raise ValueError(
            f"confusion got a table of {len(table)} rows, the first of {len(table[0])}, and {len(labels)} "
            "labels; give a row and a column for each label."
        )
    between("confusion", "table", (count for row in table for count in row), 0, math.inf)
    most = max(1, *(count for row in table for count in row))
    ax = axes_for(ax, (0.9 * len(labels) + 1.5, 0.8 * len(labels) + 1.1))
    ax.imshow(table, cmap="Blues", vmin=0, vmax=1.25 * most)
    for i, row in enumerate(table):
        for j, count in enumerate(row):
            colour = "white" if count > 0.7 * most else INK
            ax.text(j, i, str(count), ha="center", va="center", fontsize=14, color=colour)
    ax.set_xticks(range(len(labels)), list(labels))
    ax.set_yticks(range(len(labels)), list(labels))
    ax.set(xlabel="predicted", ylabel="true")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    told = [
        f"Of {sum(row)} that are {name}: "
        + ", ".join(f"{count} called {other}" for count, other in zip(row, labels, strict=True))
        for name, row in zip(labels, table, strict=True)
    ]
    ax.course_alt = ". ".join(told) + "."
    return ax


@checked()
def sureness(rows: Mapping[str, Sequence[tuple[float, float, int]]], ax: Any = None) -> Any:
    """A reliability diagram: for each bin, how sure on average and how often right; on the line is ideal.

    `rows` has for each name the bins as (confidence, share right, count); a bin with more texts gets a larger
    dot. The strokes are 95 % Wilson intervals of what is right. Gives the Axes.

    >>> sureness({"as it is": [(0.9, 0.6, 20)]}).course_alt
    'as it is: 90 % sure, 60 % right (39 to 78 %, 20 texts).'
    """
    ax = axes_for(ax, (4.8, 4.2))
    ax.plot([0, 100], [0, 100], color=INK, lw=1, ls=(0, (5, 3)))
    for name, bins in rows.items():
        between("sureness", f"rows[{name!r}]", (part for sure, right, _ in bins for part in (sure, right)))
        between("sureness", f"the count of {name!r}", (count for _, _, count in bins), 1, math.inf)
    most = max(count for bins in rows.values() for _, _, count in bins)
    told = []
    for j, (name, bins) in enumerate(rows.items()):
        colour, mark = MARKS[j % len(MARKS)]
        sure, right = [100 * row[0] for row in bins], [100 * row[1] for row in bins]
        ends = [[100 * end for end in wilson(round(share * count), count)] for _, share, count in bins]
        ax.plot(sure, right, color=colour, lw=1.2, alpha=0.6)
        ax.vlines(sure, [low for low, _ in ends], [high for _, high in ends], color=colour, lw=1, alpha=0.7)
        ax.scatter(sure, right, s=[25 + 150 * row[2] / most for row in bins], color=colour, marker=mark)
        ax.plot([], [], mark, color=colour, ms=8, label=name)
        parts = [
            f"{a:.0f} % sure, {b:.0f} % right ({low:.0f} to {high:.0f} %, {row[2]} texts)"
            for a, b, (low, high), row in zip(sure, right, ends, bins, strict=True)
        ]
        told.append(f"{name}: {'; '.join(parts)}.")
    ax.set(xlim=(45, 103), ylim=(-3, 103), xlabel="how sure, in %", ylabel="how often right, in %")
    tidy(ax)
    ax.legend(frameon=False, loc="lower right")
    ax.course_alt = " ".join(told)
    return ax
