"""How numbers flow: the steps for one token, the mask, the cut into heads, all heads together.

Numbers and names come in; Axes or figures go out, to be shown with `viz.picture`. It computes nothing, and
does not know models; matplotlib is loaded at the first figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import whole, wrong
from course_lib.figures.arguments import Measured, between, checked
from course_lib.figures.axes import subplots
from course_lib.figures.colours import GREEN, GREY, INK, RED
from course_lib.figures.strokes import arrow, box, canvas, word, wording
from course_lib.figures.tables import blue
from course_lib.figures.tokens import TINTS

Vector = Sequence[float]

# One token, step by step ------------------------------------------------------------------------------------


@checked()
def attention_steps(
    tokens: Sequence[str], place: int, query: Vector, keys: Sequence[Vector], scores: Sequence[Measured],
    weights: Vector, values: Sequence[Vector], result: Vector, ax: Any = None,
) -> Any:  # fmt: skip
    """What the token at `place` does: its query meets each key; scores become weights, which mix the values.

    A key that may not be seen has the score minus infinity. Gives the Axes.

    Shapes: keys and values (S, ...), scores and weights (S,) for S tokens.
    Raises: ValueError if there is not one of each for every token.

    >>> steps = attention_steps(["a", "b"], 1, [2], [[1], [0]], [2, 0], [0.88, 0.12], [[5], [1]], [4.52])
    >>> steps.course_alt.partition(" b: ")[0]
    'The query of b is (2). a: key (1), score 2, weight 0.88, value (5).'
    """
    each = {"keys": keys, "scores": scores, "weights": weights, "values": values}
    for name, given in each.items():
        if len(given) != len(tokens):
            raise ValueError(
                f"attention_steps got {len(given)} {name} for {len(tokens)} tokens; give one each."
            )
    between("attention_steps", "weights", weights)
    place, last = whole("attention_steps", "place", place, 0, len(tokens) - 1), len(tokens) + 1.15
    ax = canvas(ax, (1.15 * len(tokens) + 3.6, 4.3), (-1.15, last + 0.6), (0.35, 5.4))
    for y, name in ((5, "token"), (4, "key"), (3, "score"), (2, "weight"), (1, "value")):
        ax.text(-1.1, y, name, va="center", ha="left", fontsize=10, color=INK, fontweight="bold")
    for y, name in ((3.5, "query · key"), (2.5, "softmax"), (1.5, "times")):
        ax.text(-1.1, y, name, va="center", ha="left", fontsize=9, color=GREY, style="italic")
    told = []
    for i, token in enumerate(tokens):
        back, ink = blue(weights[i])
        column = [(token, TINTS[0], INK), (_vector(keys[i]), "white", INK), (_score(scores[i]), "white", INK)]
        column += [(f"{weights[i]:.2f}", back, ink), (_vector(values[i]), "white", INK)]
        for y, (text, colour, letters) in zip((5, 4, 3, 2, 1), column, strict=True):
            _cell(ax, i + 1, y, text, colour, letters, RED if (y, i) == (5, place) else GREY)
        for y in (5, 4, 3, 2):
            _down(ax, (i + 1, y - 0.24), (i + 1, y - 0.74))
        told.append(
            f"{token}: key {column[1][0]}, score {column[2][0]}, weight {column[3][0]}, value {column[4][0]}."
        )
    _cell(ax, 0.05, 4, _vector(query), TINTS[1], INK, RED)
    ax.text(0.05, 4.36, f"query of {tokens[place]}", ha="center", va="center", fontsize=9, color=INK)
    _cell(ax, last, 1, _vector(result), TINTS[2], INK, GREEN)
    ax.text(last, 1.36, "added up", ha="center", va="center", fontsize=9, color=INK)
    _down(ax, (len(tokens) + 0.46, 1), (last - 0.46, 1))
    ax.course_alt = (
        f"The query of {tokens[place]} is {_vector(query)}. {' '.join(told)} Added up: {_vector(result)}."
    )
    return ax


def _vector(numbers: Sequence[float]) -> str:
    return f"({', '.join(f'{number:.2f}'.rstrip('0').rstrip('.') for number in numbers)})"


def _score(score: float) -> str:
    return (
        f"{score:.2f}".rstrip("0").rstrip(".") if math.isfinite(score) else "-∞" if score < 0 else str(score)
    )


def _cell(ax: Any, x: float, y: float, text: str, back: str, ink: str, edge: str) -> None:
    look = {"rounding": 0.06, "lw": 2 if edge in (RED, GREEN) else 1, "zorder": 1}
    box(ax, x - 0.44, y - 0.22, 0.88, 0.44, "", edge, face=back, **look)
    word(ax, (x, y), text, color=ink)


def _down(ax: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    arrow(ax, start, end, lw=1.2, mutation_scale=10)


# The mask ---------------------------------------------------------------------------------------------------


@checked()
def masking(
    scores: Sequence[Sequence[float]], mask: Sequence[Sequence[float]], weights: Sequence[Sequence[float]],
    tokens: Sequence[str],
) -> Any:  # fmt: skip
    """Three squares: all scores; those that the mask hides at minus infinity; the weights. Gives the figure.

    Shapes: scores, mask (boolean) and weights (T, T) for T tokens.
    Raises: ValueError for other shapes.

    >>> hidden = masking([[1, 2], [3, 4]], [[True, False], [True, True]], [[1, 0], [0.27, 0.73]], ["a", "b"])
    >>> hidden.axes[0].course_alt
    'Scores of 2 tokens; the mask hides 1 of 4 pairs, with minus infinity; then the weights.'
    """
    T = len(tokens)
    for name, square in (("scores", scores), ("mask", mask), ("weights", weights)):
        if len(square) != T or any(len(row) != T for row in square):
            raise wrong("masking", name, square, f"({T}, {T}), a row and a column for each token")
    if any(not {*row} <= {0, 1} for row in mask):
        raise wrong("masking", "mask", mask, f"({T}, {T}), True or False")
    between("masking", "weights", (weight for row in weights for weight in row))
    figure, grid = subplots(1, 3, figsize=(9.6, 3.3), layout="constrained")
    largest = max(abs(score) for row in scores for score in row) or 1.0
    for ax, name in zip(grid, ("scores", "what comes later: -∞", "softmax of each row"), strict=True):
        ax.set(xlim=(-0.5, T - 0.5), ylim=(T - 0.5, -0.5), xticks=range(T), yticks=range(T), aspect="equal")
        ax.set_xticklabels(tokens, fontsize=9)
        ax.set_yticklabels(tokens, fontsize=9)
        ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        ax.set_xlabel(name, fontsize=10)
    for i in range(T):
        for j in range(T):
            seen = mask[i][j]
            _square(grid[0], j, i, f"{scores[i][j]:.3g}", max(0.0, scores[i][j]) / largest)
            _square(
                grid[1], j, i, f"{scores[i][j]:.3g}" if seen else "-∞", max(0.0, scores[i][j]) / largest, seen
            )
            _square(grid[2], j, i, f"{weights[i][j]:.2f}" if seen else "0", weights[i][j], seen)
    hidden = sum(not one for row in mask for one in row)
    grid[0].course_alt = (
        f"Scores of {T} tokens; the mask hides {hidden} of {T * T} pairs, with minus infinity; "
        "then the weights."
    )
    return figure


def _square(ax: Any, x: float, y: float, text: str, share: float, seen: float = True) -> None:
    from matplotlib.patches import Rectangle

    back, ink = blue(share) if seen else ("#e4e4e4", INK)
    look = {"facecolor": back, "edgecolor": GREY, "lw": 0.7, "hatch": None if seen else "///"}
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **look))
    behind = None if seen else {"facecolor": "#e4e4e4", "edgecolor": "none", "pad": 0.8}
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color=ink, bbox=behind)


# Several heads ----------------------------------------------------------------------------------------------


@checked()
def split_picture(x: Sequence[Vector], tokens: Sequence[str], n_heads: int) -> Any:
    """The numbers of each token, and what each head gets: cut token by token, and cut by `reshape` alone.

    A token has the same colour everywhere. Gives the figure.

    Shapes: x (T, C).
    Raises: ValueError if C is not a multiple of `n_heads`.

    >>> split_picture([[0, 1], [2, 3]], ["Lily", "saw"], n_heads=2).axes[0].course_alt
    'Cut token by token, the heads get [0, 2], [1, 3]. Cut by reshape alone, they get [0, 1], [2, 3].'
    """
    D, rest = divmod(len(x[0]), whole("split_picture", "n_heads", n_heads))
    if rest:
        raise ValueError(f"split_picture got {len(x[0])} numbers for {n_heads} heads; give a multiple.")
    if len(x) != len(tokens) or any(len(row) != len(x[0]) for row in x):
        raise wrong("split_picture", "x", x, f"({len(tokens)}, C), as many numbers for each token")
    line = [(value, token) for token, row in enumerate(x) for value in row]  # with whose number it is
    by_token = [
        [pair for t in range(len(x)) for pair in _part(line, len(x[0]), t, h, D)] for h in range(n_heads)
    ]
    by_line = [line[h * len(x) * D : (h + 1) * len(x) * D] for h in range(n_heads)]
    figure, grid = subplots(2, 1, figsize=(8.2, 0.9 * len(x) + 2.6), layout="constrained")
    names = ("what each head should get", "what reshape alone gives it")
    for ax, blocks, name in zip(grid, (by_token, by_line), names, strict=True):
        wide = len(x[0]) + 1.6 + n_heads * (D + 0.7)
        ax.set(xlim=(-1.6, wide), ylim=(len(x) + 0.1, -1.1), aspect="equal")
        ax.axis("off")
        ax.set_title(name, fontsize=10, loc="left")
        for t, token in enumerate(tokens):
            ax.text(-0.25, t + 0.5, token, ha="right", va="center", fontsize=9.5, color=INK)
        _block(ax, 0, line, len(x[0]), "x", edges=D if blocks is by_token else 0)
        _down(ax, (len(x[0]) + 0.2, len(x) / 2), (len(x[0]) + 1.2, len(x) / 2))
        for h, block in enumerate(blocks):
            _block(ax, len(x[0]) + 1.6 + h * (D + 0.7), block, D, f"head {h}")
    told = [
        ", ".join(f"[{', '.join(f'{v:g}' for v, _ in block)}]" for block in blocks)
        for blocks in (by_token, by_line)
    ]
    grid[
        0
    ].course_alt = f"Cut token by token, the heads get {told[0]}. Cut by reshape alone, they get {told[1]}."
    return figure


def _part(line: list[tuple[float, int]], C: int, token: int, head: int, D: int) -> list[tuple[float, int]]:
    start = token * C + head * D
    return line[start : start + D]


def _block(
    ax: Any, left: float, numbers: list[tuple[float, int]], wide: int, name: str, edges: int = 0
) -> None:
    """Numbers in rows of `wide`, in the colours of their tokens, with a heavy line every `edges` columns."""
    from matplotlib.patches import Rectangle

    for i, (value, token) in enumerate(numbers):
        x, y = left + i % wide, i // wide
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor=TINTS[token % len(TINTS)], edgecolor=GREY, lw=0.7))
        ax.text(x + 0.5, y + 0.5, f"{value:g}", ha="center", va="center", fontsize=9.5, color=INK)
    rows = len(numbers) // wide
    ax.add_patch(Rectangle((left, 0), wide, rows, fill=False, edgecolor=INK, lw=1.8))
    for x in range(edges, wide, edges) if edges else ():
        ax.plot([left + x] * 2, [0, rows], color=INK, lw=1.8)
    ax.text(left + wide / 2, -0.35, name, ha="center", va="center", fontsize=9, color=INK)


@checked()
def multi_head_plan(n_heads: int = 3, ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The plan of multi-head attention, with the shape after each step. Gives the Axes.

    `words` replaces labels, for another language.

    >>> multi_head_plan(2, words={"attention": "Aufmerksamkeit"}).course_alt.partition(":")[0]
    'The plan of multi-head attention with 2 heads'
    """
    label = {name: name for name in ("x", "split", "head", "attention", "join", "out")}
    label = wording("multi_head_plan", words, label)
    n_heads = whole("multi_head_plan", "n_heads", n_heads, 1, len(TINTS))
    middle, top = max(n_heads, 3) / 2 - 0.5, max(n_heads, 3)
    ax = canvas(ax, (9.6, 0.7 * top + 1.1), (0, 20), (top + 0.55, -1.15))
    lanes = [middle + i - (n_heads - 1) / 2 for i in range(n_heads)]
    _tile(ax, 0.9, middle, 1.2, label["x"], "white", INK)
    for i, name in enumerate(("W_q", "W_k", "W_v")):
        _down(ax, (1.5, middle), (2.55, middle + i - 1))
        _tile(ax, 3.2, middle + i - 1, 1.3, name, "white", INK)
        for lane in lanes:
            ax.plot([3.85, 5.6], [middle + i - 1, lane], color="#c4c4c4", lw=0.9, zorder=1)
    for h, lane in enumerate(lanes):
        _tile(ax, 6.9, lane, 2.6, f"{label['head']} {h}: q, k, v", TINTS[h], GREY)
        _down(ax, (8.2, lane), (9.2, lane))
        _tile(ax, 10.5, lane, 2.6, label["attention"], TINTS[h], RED)
        _down(ax, (11.8, lane), (13.2, middle + 0.5 * (h - (n_heads - 1) / 2)))
        _tile(ax, 13.8, middle + 0.5 * (h - (n_heads - 1) / 2), 1.2, str(h), TINTS[h], INK, 0.5)
    _down(ax, (14.4, middle), (15.4, middle))
    _tile(ax, 16.1, middle, 1.4, "W_out", "white", INK)
    _down(ax, (16.8, middle), (17.8, middle))
    _tile(ax, 18.6, middle, 1.6, label["out"], "white", INK)
    for x, name in ((6.9, label["split"]), (13.8, label["join"])):
        ax.text(x, -0.85, name, ha="center", va="center", fontsize=10, color=INK, style="italic")
    shapes = (0.9, "(B, T, C)"), (3.2, "3 × (B, T, C)"), (6.9, "3 × (B, H, T, D)"), (10.5, "(B, H, T, D)")
    for x, shape in (*shapes, (13.8, "(B, T, C)"), (18.6, "(B, T, C)")):
        ax.text(x, top + 0.2, shape, ha="center", va="center", fontsize=8.5, color=INK)
    ax.course_alt = (
        f"The plan of multi-head attention with {n_heads} heads: x, (B, T, C), meets the matrices W_q, W_k "
        "and W_v; the results are split into heads, (B, H, T, D); each head does attention with its own "
        "queries, keys and values; what they found is joined, (B, T, C), and goes through W_out."
    )
    return ax


def _tile(
    ax: Any, x: float, y: float, wide: float, text: str, back: str, edge: str, tall: float = 0.62
) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(
        Rectangle((x - wide / 2, y - tall / 2), wide, tall, facecolor=back, edgecolor=edge, lw=1.4, zorder=3)
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color=INK, zorder=4)
