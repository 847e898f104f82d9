"""What a vocabulary buys: tokens per text over its size, and as bars.

Numbers come in, Axes go out. It measures nothing; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import wrong
from course_lib.figures.arguments import between, checked, has_all
from course_lib.figures.axes import check_axes, subplots
from course_lib.figures.colours import BLUE, RED


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
            ax.plot(*zip(*curve, strict=True), color=BLUE, marker="o", ms=5, lw=1.8, label="byte pairs")
            ax.legend(frameon=False, loc="upper right")
        for name, (size, length) in named.items():
            ax.plot(size, length, "D", color=RED, ms=8)
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
            look = {"color": (BLUE, RED)[number % 2], "hatch": ("", "///")[number % 2]}
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
