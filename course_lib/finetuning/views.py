"""Figures of notebook 08: batches, LoRA's side path, rates, what was learned against what was forgotten.

Plain texts and numbers come in; Axes, figures or `Html` go out. It does not know models, training or how
answers are scored; matplotlib is loaded at the first figure. Show a figure with `viz.picture`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import wrong
from course_lib.figures.arguments import as_many, checked
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import BLUE, INK, ORANGE, RED
from course_lib.figures.strokes import canvas, wording

# What counts ------------------------------------------------------------------------------------------------


@checked()
def padded(
    x: Sequence[Sequence[int]], y: Sequence[Sequence[int]], lengths: Sequence[int], ax: Any = None
) -> Any:
    """A batch as two grids, what is read and what is learned; `lengths` says where the filling begins.

    Gives the Axes.

    >>> padded([[5, 7, 3], [4, 0, 0]], [[-100, 3, 9], [8, -100, -100]], [3, 1]).course_alt[:47]
    'Row 1 reads 5 7 3 and learns - 3 9. Row 2 reads'
    """
    as_many("padded", x=x, y=y, lengths=lengths)
    for row, targets in zip(x, y, strict=True):
        as_many("padded", x=row, y=targets)
    T, told = max(map(len, x)), []
    ax = axes_for(ax, (7.2, 0.5 * len(x) + 0.7))
    for number, (row, targets, length) in enumerate(zip(x, y, lengths, strict=True)):
        for place, (id, target) in enumerate(zip(row, targets, strict=True)):
            filling, learned = place >= length, target >= 0
            _cell(ax, place, number, "fill" if filling else str(id), "#eeeeee" if filling else "#dfe6ea")
            _cell(
                ax,
                T + 1 + place,
                number,
                str(target) if learned else "·",
                "#fde3b3" if learned else "#eeeeee",
            )
        said = " ".join(str(t) if t >= 0 else "-" for t in targets[:length])
        read = " ".join(map(str, row[:length]))
        told.append(f"Row {number + 1} reads {read} and learns {said}.")
    for left, name in ((0, "x: what is read"), (T + 1, "y: what is to be guessed")):
        ax.text(left, -0.25, name, ha="left", va="bottom", fontsize=9.5, color=INK)
    ax.set(xlim=(-0.1, 2 * T + 1.1), ylim=(len(x), -0.8))
    ax.axis("off")
    filled = sum(len(row) for row in x) - sum(lengths)
    ax.course_alt = f"{' '.join(told)} {filled} places are filled up; nothing is learned there."
    return ax


def _cell(ax: Any, left: float, top: float, text: str, face: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((left, top), 0.94, 0.9, facecolor=face, edgecolor="#999999", linewidth=0.8))
    ax.text(left + 0.47, top + 0.45, text, ha="center", va="center", fontsize=9)


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
    names = wording("side_path", words, names)
    _check_above_0("side_path", [inside, out, rank])
    ax = canvas(ax, (7.6, 2.9), (0, 100), (0, 40))
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


@checked()
def trade_off(runs: Mapping[str, Sequence[Sequence[Any]]], before: float, ax: Any = None) -> Any:
    """What each training learned against what it forgot: a mark for each, joined where they have labels.

    `runs` has for each kind (loss on answers, loss on stories, a label); `before` is that on stories before.
    Gives the Axes. Units: nats per token.

    >>> trade_off({"full": [(0.6, 0.9, "0.003"), (0.5, 2.0, "0.01")]}, before=0.35).course_alt[:50]
    'full: 0.003 answers 0.60, stories 0.90; 0.01 answe'
    """
    for points in runs.values():
        for answers, stories, _ in points:
            _check_above_0("trade_off", [answers, stories])
    _check_above_0("trade_off", [before])
    ax = axes_for(ax, (7.2, 4.0))
    styles = ((BLUE, "o"), (ORANGE, "s"), (RED, "^"), (INK, "D"))
    for (name, points), (colour, mark) in zip(runs.items(), styles, strict=False):
        x, y, labels = zip(*points, strict=True)
        line = "-" if any(labels) else ""
        ax.plot(x, y, mark, ls=line, color=colour, lw=1.2, ms=7, alpha=0.85, label=name)
        for answers, stories, label in zip(x, y, labels, strict=True):
            ax.annotate(
                label, (answers, stories), (6, 5), textcoords="offset points", fontsize=8.5, color=INK
            )
    ax.axhline(before, color=INK, lw=1.2, ls=(0, (5, 3)), label="stories, before")
    ax.set(xlabel="loss on answers (to the left: learned more)", ylabel="loss on stories (down: forgot less)")
    ax.set(yscale="log")
    values = [before, *(stories for points in runs.values() for _, stories, _ in points)]
    ticks = [
        m
        for m in (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20)
        if 0.8 * min(values) < m < 1.25 * max(values)
    ]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(color="#dddddd", lw=0.7)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=9)
    told = [
        f"{name}: " + "; ".join(f"{label} answers {a:.2f}, stories {s:.2f}".strip() for a, s, label in points)
        for name, points in runs.items()
    ]
    ax.course_alt = f"{'. '.join(told)}. Stories before: {before:.2f}."
    return ax


@checked()
def upper_layers(layers: int = 30, learned: int = 3, ax: Any = None) -> Any:
    """A model whose lower layers are frozen and computed once, and whose last ones learn. Gives the Axes.

    >>> upper_layers(30, 3).course_alt[:60]
    'Ids go through 27 frozen layers, once; what comes out is kep'
    """
    if not 0 < learned < layers:
        raise wrong("upper_layers", "learned", learned, f"a number from 1 to {layers - 1}")
    ax = canvas(ax, (7.6, 1.9), (0, 100), (0, 24))
    boxes = (
        (12, 36, "#dfe6ea", INK, f"{layers - learned} layers\nfrozen: computed once"),
        (52, 14, "#eeeeee", "#999999", "kept"),
        (70, 20, "#fde3b3", "#b35c00", f"{learned} layers with\nside paths: learn"),
    )
    for left, wide, face, edge, text in boxes:
        _shape(ax, [(left, 5), (left + wide, 5), (left + wide, 19), (left, 19)], face, edge)
        ax.text(left + wide / 2, 12, text, ha="center", va="center", fontsize=9.5)
    ax.text(4, 12, "ids", ha="center", va="center", fontsize=11)
    for start, end in ((7, 11.7), (48.3, 51.7), (66.3, 69.7), (90.3, 97)):
        ax.annotate(
            "", xy=(end, 12), xytext=(start, 12), arrowprops={"arrowstyle": "-|>", "color": "#666666"}
        )
    ax.annotate(
        "", xy=(71, 4.6), xytext=(89, 4.6),
        arrowprops={"arrowstyle": "-|>", "color": "#b35c00", "connectionstyle": "arc3,rad=-0.25"},
    )  # fmt: skip
    ax.text(80, 0.2, "each step", ha="center", va="bottom", fontsize=8.5, color="#b35c00")
    ax.course_alt = (
        f"Ids go through {layers - learned} frozen layers, once; what comes out is kept. From there, each "
        f"step of the training goes through the last {learned} layers only, forth and back."
    )
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
    ax.set(xlabel="rank", ylabel="numbers that learn", xlim=(0, None), ylim=(0, 1.15 * max(full, *counts)))
    ax.set_xticks(list(ranks), [str(rank) for rank in ranks])
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.spines[["top", "right"]].set_visible(False)
    told = ", ".join(f"{count:,} at rank {rank}" for rank, count in zip(ranks, counts, strict=True))
    ax.course_alt = f"Numbers that learn: {told}; {full:,} in the whole model. Marked: rank {here}."
    return ax


def _check_above_0(owner: str, values: Sequence[float]) -> None:
    """Raises ValueError for what is no size, and has no place on a logarithmic axis."""
    if min(values) <= 0:
        raise ValueError(f"{owner} got {min(values)}; give numbers above 0.")
