"""Figures of notebook 13: hands that turn, who shares keys, a gate, experts, and what latent attention keeps.

Plain values come in; Axes go out. It does not know models or training; matplotlib is loaded at the first
figure. Show an Axes with `viz.picture(ax)`, which brings its text along.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.figures.arguments import checked
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, RED, SKY
from course_lib.figures.strokes import arrow, box, canvas, word, wording

_PALE = "#d5e8f3"


@checked("speeds")
def hands(speeds: Sequence[float], places: int = 6, ax: Any = None) -> Any:
    """How far each pair of numbers is turned at each place: a clock for each, with one hand. Gives the Axes.

    Units: speeds in radians for each place.

    >>> hands([1.0, 0.1], places=3).course_alt
    'Clocks: one row for each of 2 pairs, one column for each of the places 0 to 2. From place to place, the \
hand of pair 0 turns by 57 degrees, of pair 1 by 6 degrees.'
    """
    from matplotlib.patches import Circle

    places = whole("hands", "places", places)
    rows = len(speeds)
    ax = canvas(ax, (1.05 * places + 1.4, 1.0 * rows + 0.6), (-1.6, places - 0.4), (-rows + 0.4, 1.0))
    for place in range(places):
        word(ax, (place, 0.72), str(place))
    word(ax, (-0.62, 0.72), "place", "right")
    for row, speed in enumerate(speeds):
        word(ax, (-0.62, -row), f"pair {row}", "right")
        for place in range(places):
            ax.add_patch(Circle((place, -row), 0.4, facecolor="white", edgecolor=GREY, lw=1.0))
            angle = speed * place
            end = (place + 0.36 * math.cos(angle), -row + 0.36 * math.sin(angle))
            arrow(ax, (place, -row), end, BLUE if row % 2 == 0 else RED)
    ax.set_aspect("equal")
    degrees = [f"{math.degrees(speed):.0f} degrees" for speed in speeds]
    told = (
        f"pair 0 turns by {', of pair '.join(f'{row} by {d}' if row else d for row, d in enumerate(degrees))}"
    )
    ax.course_alt = (
        f"Clocks: one row for each of {rows} pairs, one column for each of the places 0 to {places - 1}. "
        f"From place to place, the hand of {told}."
    )
    return ax


@checked()
def groups(n_heads: int, kv_heads: Sequence[int], ax: Any = None) -> Any:
    """Which query heads read which keys and values, for several numbers of those. Gives the Axes.

    >>> groups(4, [4, 2]).course_alt
    '4 query heads above, joined to the keys and values that they read: 4 sets, one for each; 2 sets, each \
for 2 neighbouring heads.'
    """
    n_heads, gap = whole("groups", "n_heads", n_heads), 4.0
    for sets in kv_heads:
        if not 1 <= sets <= n_heads or n_heads % sets:
            raise ValueError(f"groups got kv_heads={list(kv_heads)}; each must divide n_heads={n_heads}.")
    wide = 4.4 * n_heads
    ax = canvas(ax, (9.6, 2.2), (-1, len(kv_heads) * (wide + gap)), (-3.4, 13.5))
    told = []
    for part, sets in enumerate(kv_heads):
        left, each = part * (wide + gap), n_heads // sets
        for head in range(n_heads):
            box(ax, left + 4.4 * head, 8, 3.4, 3.6, "q", BLUE)
            target = left + 4.4 * ((head // each) * each + (each - 1) / 2) + 1.7
            ax.plot([left + 4.4 * head + 1.7, target], [8, 3.6], color=GREY, lw=1.2, zorder=0)
        for group in range(sets):
            middle = left + 4.4 * (group * each + (each - 1) / 2)
            box(ax, middle, 0, 3.4, 3.6, "k v", ORANGE, face="#fbeccd")
        word(ax, (left + wide / 2 - 0.5, -2.2), f"{sets} set{'s' * (sets > 1)} of k and v", small=True)
        word_ = "one for each" if each == 1 else f"each for {each} neighbouring heads"
        told.append(f"{sets} set{'s' * (sets > 1)}, {word_}")
    ax.course_alt = (
        f"{n_heads} query heads above, joined to the keys and values that they read: {'; '.join(told)}."
    )
    return ax


@checked()
def gate_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """The old MLP beside SwiGLU: two matrices with a bend, three matrices with a product. Gives the Axes.

    `words` replaces labels, for another language.

    >>> gate_plan().course_alt[:60]
    'Left, the MLP of GPT-2: x goes through up, GELU and down. Ri'
    """
    label = {name: name for name in ("up", "down", "gate", "GELU", "SiLU", "x")}
    label = wording("gate_plan", words, label)
    ax = canvas(ax, (9.6, 2.4), (0, 100), (0, 25))
    word(ax, (0, 12.5), label["x"])
    for left, name, colour in ((5, "up", GREEN), (17, "GELU", GREY), (29, "down", GREEN)):
        box(ax, left, 9.5, 8, 6, label[name], colour)
        arrow(ax, (left - 3.5, 12.5), (left, 12.5))
    arrow(ax, (37, 12.5), (40.5, 12.5))
    word(ax, (52, 12.5), label["x"])
    arrow(ax, (53.2, 13.2), (57, 18.5))
    arrow(ax, (53.2, 11.8), (57, 6.5))
    box(ax, 57, 15.5, 8, 6, label["gate"], PURPLE)
    arrow(ax, (65, 18.5), (68.5, 18.5))
    box(ax, 68.5, 15.5, 8, 6, label["SiLU"], GREY)
    box(ax, 57, 3.5, 8, 6, label["up"], GREEN)
    arrow(ax, (76.5, 18.5), (80.6, 14.0))
    arrow(ax, (65, 6.5), (80.6, 11.2))
    word(ax, (82, 12.5), "×", fontsize=15)
    arrow(ax, (83.2, 12.5), (87, 12.5))
    box(ax, 87, 9.5, 8, 6, label["down"], GREEN)
    arrow(ax, (95, 12.5), (98.5, 12.5))
    ax.course_alt = (
        "Left, the MLP of GPT-2: x goes through up, GELU and down. Right, SwiGLU: x goes through gate and "
        "SiLU, and beside that through up; the two are multiplied, entry by entry, and go through down."
    )
    return ax


@checked("tokens")
def experts_plan(
    tokens: Sequence[str], chosen: Sequence[Sequence[int]], n_experts: int, ax: Any = None
) -> Any:
    """Which experts each token is sent to. Gives the Axes.

    >>> experts_plan(["Lily", "saw"], [[0, 2], [1, 2]], 3).course_alt
    'The router sends Lily to the experts 0 and 2; saw to the experts 1 and 2.'
    """
    n_experts = whole("experts_plan", "n_experts", n_experts)
    if len(chosen) != len(tokens) or any(not 0 <= e < n_experts for row in chosen for e in row):
        raise ValueError(
            f"experts_plan got chosen={list(chosen)}; it needs experts from 0 to {n_experts - 1} for each of "
            f"{len(tokens)} tokens."
        )
    ax = canvas(ax, (8.4, 2.9), (0, 100), (0, 34))
    colours = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
    experts = [100 * (e + 0.5) / n_experts for e in range(n_experts)]
    for e, x in enumerate(experts):
        box(ax, x - 7, 1, 14, 6, f"expert {e}", INK)
    told = []
    for t, (token, row) in enumerate(zip(tokens, chosen, strict=True)):
        x, colour = 100 * (t + 0.5) / len(tokens), colours[t % len(colours)]
        box(ax, x - 7, 26, 14, 6, token, colour)
        for e in row:
            arrow(ax, (x, 26), (experts[e] + (t - (len(tokens) - 1) / 2) * 2, 7.3), colour)
        told.append(f"{token} to the experts {' and '.join(map(str, row))}")
    ax.course_alt = f"The router sends {'; '.join(told)}."
    return ax


@checked()
def latent_plan(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """What latent attention keeps of a token, and what it makes anew of that. Gives the Axes.

    `words` replaces labels, for another language.

    >>> latent_plan().course_alt[:47]
    'Of x, a narrow matrix makes the latent. Wide ma'
    """
    label = {
        "x": "x",
        "latent": "latent",
        "placed": "turned key",
        "keys": "keys of all heads",
        "values": "values of all heads",
        "kept": "kept",
        "shared": "used by all heads as it is",
        "anew": "made anew when they are needed",
    }
    label = wording("latent_plan", words, label)
    ax = canvas(ax, (9.0, 2.6), (0, 100), (0, 29))
    box(ax, 3, 11, 10, 6, label["x"], INK)
    box(ax, 22, 3, 24, 21, "", ORANGE, dashed=True)
    word(ax, (34, 26.2), label["kept"], color=ORANGE)
    box(ax, 26, 14.5, 16, 6, label["latent"], ORANGE, face="#fbeccd")
    box(ax, 26, 5.5, 16, 6, label["placed"], ORANGE, face="#fbeccd")
    arrow(ax, (13, 14.6), (25.6, 17.5))
    arrow(ax, (13, 13.4), (25.6, 8.5))
    box(ax, 62, 18.5, 32, 6, label["keys"], BLUE, face=_PALE)
    box(ax, 62, 10.5, 32, 6, label["values"], BLUE, face=_PALE)
    arrow(ax, (42.4, 18), (61.6, 21))
    arrow(ax, (42.4, 17), (61.6, 13))
    word(ax, (78, 26.2), label["anew"], color=BLUE)
    arrow(ax, (42.4, 7.6), (61.6, 6.4))
    word(ax, (62.5, 6.2), label["shared"], "left")
    ax.course_alt = (
        "Of x, a narrow matrix makes the latent. Wide matrices make the keys and the values of all heads out "
        "of it, anew whenever they are needed. A second small matrix makes one turned key of x, "
        "which all heads "
        "use as it is. Only latent "
        "and turned key are kept."
    )
    return ax
