"""Pictures of a talk: its way round, what is learned of it, what fits into the context.

Roles, numbers and labels come in, Axes go out. It does not know models or templates; matplotlib is loaded at
the first figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from course_lib.arguments import whole
from course_lib.assistant.views.talks import LOOKS, check_roles
from course_lib.figures.arguments import as_many, checked
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import BLUE, GREEN, INK, ORANGE
from course_lib.figures.flow import arrow, box, canvas, cells, note

_FACES = {"system": "#cfcfcb", "user": BLUE, "assistant": ORANGE}


@checked()
def talk_loop(ax: Any = None) -> Any:
    """The loop of a talk: from the user through program, template and model, and back. Gives the Axes.

    >>> [text.get_text() for text in talk_loop().texts][:2]
    ['you', 'program:\\nthe whole talk so far']
    """
    ax = canvas(ax, 98, 31)
    box(ax, (1, 12, 11, 7), "you", BLUE)
    box(ax, (24, 11, 21, 9), "program:\nthe whole talk so far", INK)
    box(ax, (54, 20, 16, 7), "template", GREEN)
    box(ax, (80, 11, 16, 9), "model", ORANGE)
    box(ax, (54, 4, 16, 7), "decode", GREEN)
    arrow(ax, (12.3, 16.8), (23.7, 16.8))
    arrow(ax, (23.7, 14.2), (12.3, 14.2))
    arrow(ax, (45.3, 17.5), (53.7, 23))
    arrow(ax, (70.3, 23.5), (82, 20.3))
    arrow(ax, (82, 10.7), (70.3, 7.5))
    arrow(ax, (53.7, 7.5), (45.3, 13.5))
    arrow(ax, (93, 20.2), (87, 20.2), bend=-1.3)
    for place, text in (
        ((18, 18.6), "a message"),
        ((18, 12.3), "an answer"),
        ((46, 21.6), "all messages"),
        ((77, 24.4), "ids"),
        ((90, 27.6), "until <|end|>:\none id more"),
        ((77.5, 6.6), "ids"),
        ((46.5, 8.4), "a text"),
    ):
        note(ax, place, text, 8.5)
    ax.course_alt = (
        "You send a message to the program. It sends all messages of the talk so far through the template, "
        "which makes ids of them, to the model. The model adds one id after the other until it says <|end|>; "
        "they are decoded to a text, which the program adds to the talk and shows to you as the answer. With "
        "your next message the whole talk goes round again."
    )
    return ax


@checked("roles", "pieces", "learned")
def masked_talk(roles: Sequence[str], pieces: Sequence[str], learned: Sequence[bool], ax: Any = None) -> Any:
    """The pieces of a talk in a row, coloured by whose they are, and below the targets. Gives the Axes.

    Where nothing is learned, the target's cell is empty.

    >>> masked_talk(["user", "assistant"], ["5", "3"], [False, True]).course_alt
    'Ids: 5 (user), 3 (assistant). Learned: 3.'
    """
    check_roles("masked_talk", roles)
    as_many("masked_talk", roles=roles, pieces=pieces, learned=learned)
    ax = canvas(ax, 12 + 7.5 * len(pieces), 13, 0.11)
    for bottom, name in ((6.5, "ids"), (1.5, "targets")):
        note(ax, (10, bottom + 2), name, align="right")
    cells(ax, (11, 6.5), pieces, [LOOKS[role][0] for role in roles], (7.5, 4))
    goals = [piece if counts else "" for piece, counts in zip(pieces, learned, strict=True)]
    faces = [LOOKS[role][0] if counts else "" for role, counts in zip(roles, learned, strict=True)]
    cells(ax, (11, 1.5), goals, faces, (7.5, 4))
    ids = ", ".join(f"{piece} ({role})" for piece, role in zip(pieces, roles, strict=True))
    ax.course_alt = f"Ids: {ids}. Learned: {', '.join(goal for goal in goals if goal) or 'nothing'}."
    return ax


@checked("roles", "lengths", "kept")
def fitting(
    roles: Sequence[str], lengths: Sequence[int], kept: Sequence[bool], budget: int, ax: Any = None
) -> Any:
    """All messages, and those that are kept, as blocks as long as their tokens, end to end. Gives the Axes.

    >>> fitting(["user", "assistant", "user"], [5, 2, 3], [False, False, True], budget=8).course_alt
    'Messages: user 5, assistant 2, user 3; together 10 tokens. Kept: user 3, together 3 of at most 8.'
    """
    check_roles("fitting", roles)
    as_many("fitting", roles=roles, lengths=lengths, kept=kept)
    for length in (*lengths, budget):
        whole("fitting", "a length", length, 0)
    ax = axes_for(ax, (8.2, 2.1))
    some = [(role, length) for role, length, keep in zip(roles, lengths, kept, strict=True) if keep]
    everything = list(zip(roles, lengths, strict=True))
    for y, blocks in ((1, everything), (0, some)):
        left, up = 0, False
        for role, length in blocks:
            ax.barh(y, length, 0.55, left, facecolor=_FACES[role], edgecolor="white", lw=0.6)
            small = length <= 0.035 * sum(lengths)  # its number stands above or below, by turns
            up = small and not up
            place = y + (0.42 if up else -0.42) * small
            ink = "white" if role == "user" and not small else INK
            ax.text(left + length / 2, place, str(length), ha="center", va="center", fontsize=9, color=ink)
            left += length
    ax.axvline(budget, color=GREEN, lw=1.6, ls=(0, (5, 3)))
    ax.set_yticks([1, 0], ["all messages", "those kept"])
    ax.set(xlabel="tokens", xlim=(0, 1.02 * max(budget, sum(lengths))), ylim=(-0.6, 1.6))
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    _role_legend(ax, roles)
    ax.course_alt = (
        f"Messages: {_listed(everything)}; together {sum(lengths)} tokens. "
        f"Kept: {_listed(some)}, together {sum(length for _, length in some)} of at most {budget}."
    )
    return ax


def _role_legend(ax: Any, roles: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    shown = [Patch(facecolor=face, label=role) for role, face in _FACES.items() if role in roles]
    ax.legend(handles=shown, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=9)


def _listed(blocks: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{role} {length}" for role, length in blocks) or "nothing"
