"""The exercise on SwiGLU as a class."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.exercises import Case, Draw, Exercise, Mistake, ModuleCase, as_module, module_case
from course_lib.modern.exercises.shared import Tensor, drawn, made_otherwise, with_forward


class _SwiGLU(nn.Module):
    """An MLP with a gate, three matrices and no bias: x (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


def _cases() -> list[Case]:
    sizes = ((2, 3, 4, 5), (1, 2, 3, 8), (3, 1, 2, 2), (2, 2, 5, 3))
    return [
        module_case(_SwiGLU, C, hidden, seed=40 + i, training=i % 2 == 0, x=2 * drawn(B, T, C, seed=50 + i))
        for i, (B, T, C, hidden) in enumerate(sizes)
    ]


def _fresh(draw: Draw) -> ModuleCase:
    C, hidden = draw.integer(1, 5), draw.integer(1, 6)
    x = draw.tensor(draw.integer(1, 3), draw.integer(1, 3), C, extremes=False)
    more = {"seed": draw.integer(0, 99), "training": draw.boolean()}
    return module_case(_SwiGLU, C, hidden, **more, x=x)


def _by(join: Callable[[Tensor, Tensor], Tensor]) -> type:
    return with_forward(_SwiGLU, lambda self, x: self.down(join(self.gate(x), self.up(x))))


def _with_biases(module: nn.Module, width: int, hidden: int) -> None:
    module.gate, module.up = nn.Linear(width, hidden), nn.Linear(width, hidden)
    module.down = nn.Linear(hidden, width)


def _four_times(module: nn.Module, width: int, hidden: int) -> None:
    module.gate, module.up = (nn.Linear(width, 4 * width + 1, bias=False) for _ in "ab")
    module.down = nn.Linear(4 * width + 1, width, bias=False)


SwiGLU = Exercise(
    name="SwiGLU",
    topic="modern",
    title="SwiGLU as a class",
    piece="swiglu_class",
    difficulty="easy",
    minutes=8,
    reference=_SwiGLU,
    use=as_module,
    cases=_cases,
    fresh=_fresh,
    draws=8,
    hints=(
        "Three `nn.Linear` without bias. Two go from `width` to `hidden`, and the third comes back.",
        "SiLU is `F.silu`. It bends what comes from `gate`, and the result is multiplied, entry by entry, "
        "with what comes from `up`.",
    ),
    explanation=(
        "`up` proposes, `gate` decides, entry by entry, how much of that gets through, and `down` comes back "
        "to the width of the stream. Multiplying two things that are made of x is something that a single "
        "matrix and a bend can only imitate.\n\n"
        "There are three matrices instead of two. So that it costs as much, `hidden` is made smaller, to "
        "about 8/3 of the width; `hidden` is therefore handed in."
    ),
    mistakes=(
        Mistake(
            "`up` is bent instead of `gate`",
            _by(lambda gate, up: gate * F.silu(up)),
            "The two look alike, but weights from elsewhere fit in one way only: SiLU is for `gate`.",
        ),
        Mistake(
            "both are bent",
            _by(lambda gate, up: F.silu(gate) * F.silu(up)),
            "What `up` proposes stays as it is; only the gate is bent.",
        ),
        Mistake(
            "nothing is bent",
            _by(lambda gate, up: gate * up),
            "`F.silu` is missing around the gate.",
        ),
        Mistake(
            "a sigmoid instead of SiLU",
            _by(lambda gate, up: torch.sigmoid(gate) * up),
            "That is the first gated unit, GLU. SiLU is x times the sigmoid of x: `F.silu`.",
        ),
        Mistake(
            "GELU instead of SiLU",
            _by(lambda gate, up: F.gelu(gate) * up),
            "That is GEGLU. Llama has SiLU: `F.silu`.",
        ),
        Mistake(
            "ReLU instead of SiLU",
            _by(lambda gate, up: F.relu(gate) * up),
            "That is ReGLU. Llama has SiLU: `F.silu`.",
        ),
        Mistake(
            "the two are added",
            _by(lambda gate, up: F.silu(gate) + up),
            "A gate multiplies, entry by entry.",
        ),
        Mistake(
            "`up` is left out",
            _by(lambda gate, up: F.silu(gate) + 0 * up),
            "That is a plain MLP. Multiply with `self.up(x)`.",
        ),
        Mistake(
            "`gate` is left out",
            _by(lambda gate, up: F.silu(up) + 0 * gate),
            "That is a plain MLP. `self.gate(x)` is what goes through SiLU.",
        ),
        Mistake(
            "x is added already",
            with_forward(_SwiGLU, lambda self, x: x + self.down(F.silu(self.gate(x)) * self.up(x))),
            "Adding to the stream is the block's business.",
        ),
        Mistake(
            "the layers have biases",
            made_otherwise(_SwiGLU, _with_biases),
            "A Llama has none: `nn.Linear(..., bias=False)`, three times.",
        ),
        Mistake(
            "its width inside is not the one asked for",
            made_otherwise(_SwiGLU, _four_times),
            "How wide it is inside is handed in, as `hidden`.",
        ),
    ),
)
