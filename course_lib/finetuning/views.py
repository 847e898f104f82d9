"""Figures of notebook 08: what counts in the loss, LoRA's side path, rates, and scores with intervals.

Plain texts and numbers come in; Axes, figures or `Html` go out. It does not know models, training or how
answers are scored; matplotlib is loaded at the first figure. Show a figure with `viz.picture`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import wrong
from course_lib.figures.arguments import as_many, checked, no_others
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import BLUE, INK, ORANGE, RED

# What counts ------------------------------------------------------------------------------------------------


# LoRA -------------------------------------------------------------------------------------------------------


@checked()
def side_path(
    inside: int = 128, out: int = 384, rank: int = 8, words: Mapping[str, str] | None = None, ax: Any = None
) -> Any:
    """A frozen matrix W, and beside it the narrow way through A and B. Gives the Axes.

    `words` replaces labels, for another language.

    >>> side_path(words={"frozen": "gefroren"}).texts[0].get_text()
    'W (384 × 128)\\ngefroren'
    """
    names = {"frozen": "frozen", "learned": "learned", "sum": "+"}
    no_others("side_path", "words", words or {}, names)
    names |= words or {}
    _check_above_0("side_path", [inside, out, rank])
    ax = axes_for(ax, (7.6, 2.9))
    ax.set(xlim=(0, 100), ylim=(0, 40))
    ax.axis("off")
    _shape(ax, [(24, 24), (72, 24), (72, 38), (24, 38)], "#dfe6ea", INK)
    ax.text(48, 31, f"W ({out} × {inside})\n{names['frozen']}", ha="center", va="center", fontsize=10)
    _shape(ax, [(24, 2), (24, 18), (45, 12.5), (45, 7.5)], "#fde3b3", "#b35c00")
    _shape(ax, [(51, 7.5), (51, 12.5), (72, 18), (72, 2)], "#fde3b3", "#b35c00")
    ax.text(34, 10, f"A ({rank} × {inside})\n{names['learned']}", ha="center", va="center", fontsize=9)
    ax.text(62.5, 10, f"B ({out} × {rank})\n{names['learned']}", ha="center", va="center", fontsize=9)
    ax.text(48, 14.5, f"{rank}", ha="center", va="bottom", fontsize=9, color=INK)
    ax.text(6, 20, "x", ha="center", va="center", fontsize=14, style="italic")
    ax.text(88, 20, names["sum"], ha="center", va="center", fontsize=18, color=INK)
    for start, end in (
        ((8, 21), (23.5, 31)), ((8, 19), (23.5, 10)), ((45.3, 10), (50.7, 10)),
        ((72.5, 31), (86, 22)), ((72.5, 10), (86, 18)), ((90, 20), (98, 20)),
    ):  # fmt: skip
        ax.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": "#666666", "lw": 1.3})
    ax.course_alt = (
        f"Two paths lead from x to a sum. The upper goes through the large matrix W, {out} by {inside}, "
        f"which "
        f"is frozen. The lower narrows through A from {inside} to {rank} numbers and widens through B "
        f"to {out}; "
        "both are learned."
    )
    return ax


def _shape(ax: Any, corners: Sequence[tuple[float, float]], face: str, edge: str) -> None:
    from matplotlib.patches import Polygon

    ax.add_patch(Polygon(corners, closed=True, facecolor=face, edgecolor=edge, linewidth=1.3))


# Rates ------------------------------------------------------------------------------------------------------


@checked()
def rates(
    learning: Sequence[float],
    answers: Sequence[float],
    stories: Sequence[float],
    before: float,
    ax: Any = None,
) -> Any:
    """The loss on answers and on stories after fine-tuning with each learning rate. Gives the Axes.

    `before` is the loss on stories before it. Units: nats per token.

    >>> rates([0.01, 0.1], [0.9, 0.7], [0.5, 0.6], before=0.45).course_alt[:38]
    'Rate 0.01: answers 0.90, stories 0.50.'
    """
    as_many("rates", learning=learning, answers=answers, stories=stories)
    _check_above_0("rates", [*learning, *answers, *stories, before])
    ax = axes_for(ax, (7.2, 3.8))
    ax.plot(learning, answers, "o-", color=BLUE, lw=1.8, ms=7, label="answers")
    ax.plot(learning, stories, "s-", color=RED, lw=1.8, ms=7, label="stories")
    ax.axhline(before, color=INK, lw=1.2, ls=(0, (5, 3)), label="stories, before")
    ax.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="loss in nats per token")
    ax.set_xticks(list(learning), [f"{rate:g}" for rate in learning])
    values = (*answers, *stories, before)
    marks = (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20)
    ticks = [mark for mark in marks if 0.8 * min(values) < mark < 1.25 * max(values)]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(axis="y", color="#dddddd", lw=0.7)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    told = [
        f"Rate {rate:g}: answers {answer:.2f}, stories {story:.2f}."
        for rate, answer, story in zip(learning, answers, stories, strict=True)
    ]
    ax.course_alt = f"{' '.join(told)} Stories before: {before:.2f}."
    return ax


# Scores -----------------------------------------------------------------------------------------------------


@checked()
def lora_sizes(ranks: Sequence[int], counts: Sequence[int], full: int, here: int, ax: Any = None) -> Any:
    """How many numbers LoRA learns at each rank, against the whole model; `here` is marked. Gives the Axes.

    >>> lora_sizes([1, 2], [100, 200], full=1000, here=2).course_alt
    'Numbers that learn: 100 at rank 1, 200 at rank 2; 1,000 in the whole model. Marked: rank 2.'
    """
    as_many("lora_sizes", ranks=ranks, counts=counts)
    _check_above_0("lora_sizes", [*ranks, full])
    if here not in ranks:
        raise wrong("lora_sizes", "here", here, f"one of the ranks {', '.join(map(str, ranks))}")
    ax = axes_for(ax, (6.4, 3.2))
    ax.plot(ranks, counts, "o-", color=BLUE, lw=1.6, ms=6)
    ax.axhline(full, color=INK, lw=1.2, ls=(0, (5, 3)))
    ax.text(ranks[0], 1.02 * full, f"all of them: {full:,}", va="bottom", ha="left", fontsize=9)
    ax.plot([here], [counts[ranks.index(here)]], "o", ms=14, mfc="none", mec=ORANGE, mew=2.5)
    ax.set(xscale="log", xlabel="rank", ylabel="numbers that learn", ylim=(0, 1.15 * max(full, *counts)))
    ax.set_xticks(list(ranks), [str(rank) for rank in ranks])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.spines[["top", "right"]].set_visible(False)
    told = ", ".join(f"{count:,} at rank {rank}" for rank, count in zip(ranks, counts, strict=True))
    ax.course_alt = f"Numbers that learn: {told}; {full:,} in the whole model. Marked: rank {here}."
    return ax


def _check_above_0(owner: str, values: Sequence[float]) -> None:
    """Raises ValueError for what is no size, and has no place on a logarithmic axis."""
    if min(values) <= 0:
        raise ValueError(f"{owner} got {min(values)}; give numbers above 0.")
