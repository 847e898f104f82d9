"""The exercise on RMSNorm as a class."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from course_lib.exercises import (
    Case,
    Draw,
    Exercise,
    Mistake,
    ModuleCase,
    Property,
    as_module,
    module_case,
)
from course_lib.modern.exercises.shared import Tensor, drawn, made_otherwise, with_forward


class _RMSNorm(nn.Module):
    """Each vector with a mean square of 1, then stretched by what was learned: (..., C) -> (..., C)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        mean_square = x.square().mean(dim=-1, keepdim=True)
        return x / torch.sqrt(mean_square + self.eps) * self.weight


def _cases() -> list[Case]:
    sizes = (((2, 3, 5), 1e-5, 3.0), ((1, 4, 2), 0.5, 1.0), ((3, 3, 3), 1e-5, 1e-3), ((2, 1, 7), 0.1, 9.0))
    cases: list[Case] = [
        module_case(_RMSNorm, s[-1], eps, seed=i, training=i % 2 == 0, x=size * drawn(*s, seed=i) + 0.3)
        for i, (s, eps, size) in enumerate(sizes)
    ]
    flat = module_case(_RMSNorm, 4, 1e-5, seed=9, x=torch.zeros(1, 2, 4))
    return [*cases, flat]


def _fresh(draw: Draw) -> ModuleCase:
    C = draw.integer(1, 6)
    x = draw.tensor(draw.integer(1, 3), draw.integer(1, 4), C, extremes=False)
    more = {"seed": draw.integer(0, 99), "training": draw.boolean()}
    return module_case(_RMSNorm, C, draw.choose((1e-5, 1e-3, 0.5)), **more, x=x)


def _begins_whole(answer: type) -> bool | str:
    weight = answer(5, 1e-5).weight
    return bool((weight == 1).all()) or f"It begins with {float(weight.detach()[0]):.2g}."


def _by(compute: Callable[[Tensor, Tensor, float], Tensor]) -> type:
    return with_forward(_RMSNorm, lambda self, x: compute(x, self.weight, self.eps))


def _mean_square(x: Tensor) -> Tensor:
    return x.square().mean(-1, keepdim=True)


def _with_zeros(module: nn.Module, width: int, eps: float) -> None:
    module.weight = nn.Parameter(torch.zeros(width))


def _with_bias(module: nn.Module, width: int, eps: float) -> None:
    module.bias = nn.Parameter(torch.zeros(width))


def _without_weight(module: nn.Module, width: int, eps: float) -> None:
    del module.weight
    module.weight = torch.ones(width)


RMSNorm = Exercise(
    name="RMSNorm",
    topic="modern",
    title="RMSNorm as a class",
    piece="rms_norm_class",
    difficulty="easy",
    minutes=8,
    reference=_RMSNorm,
    use=as_module,
    cases=_cases,
    fresh=_fresh,
    draws=8,
    properties=(Property("first weights", _begins_whole, "the weight begins with 1"),),
    hints=(
        "What is learned is one number for each feature: `nn.Parameter(torch.ones(width))`, kept as "
        "`self.weight`. Keep `eps`, too.",
        "In `forward`: the mean of the squares over the last axis (`keepdim=True`), plus `eps`, and the root "
        "of that. Divide x by it, then multiply with the weight.",
    ),
    explanation=(
        "LayerNorm without its mean and without its bias. `nn.Parameter` is what makes torch know "
        "the weight, "
        "so that it is trained and saved. It begins with 1: a fresh norm changes a vector's size only."
    ),
    mistakes=(
        Mistake(
            "the mean is taken away",
            _by(lambda x, w, eps: (y := x - x.mean(-1, keepdim=True)) / (_mean_square(y) + eps).sqrt() * w),
            "That is LayerNorm. RMSNorm leaves the mean where it is.",
        ),
        Mistake(
            "divided by the mean square, not by its root",
            _by(lambda x, w, eps: x / (_mean_square(x) + eps) * w),
            "Take the root: `torch.sqrt(mean_square + eps)`.",
        ),
        Mistake(
            "divided by the vector's length",
            _by(lambda x, w, eps: x / (x.square().sum(-1, keepdim=True) + eps).sqrt() * w),
            "The *mean* of the squares, not their sum.",
        ),
        Mistake(
            "the mean square is taken over the tokens",
            _by(lambda x, w, eps: x / (x.square().mean(-2, keepdim=True) + eps).sqrt() * w),
            "Each token on its own, over its features: `dim=-1`.",
        ),
        Mistake(
            "the mean square is taken over everything",
            _by(lambda x, w, eps: x / (x.square().mean() + eps).sqrt() * w),
            "Each token on its own, over its features: `mean(dim=-1, keepdim=True)`.",
        ),
        Mistake(
            "eps is left out",
            _by(lambda x, w, eps: x / _mean_square(x).sqrt() * w),
            "A vector of zeros would be divided by zero. Add `eps` to the mean square.",
        ),
        Mistake(
            "eps is always 1e-5",
            _by(lambda x, w, eps: x / (_mean_square(x) + 1e-5).sqrt() * w),
            "`eps` was handed in: keep it as `self.eps`, and add that.",
        ),
        Mistake(
            "eps is added outside of the root",
            _by(lambda x, w, eps: x / (_mean_square(x).sqrt() + eps) * w),
            "It belongs to the mean square: `torch.sqrt(mean_square + eps)`.",
        ),
        Mistake(
            "the weight is not used",
            _by(lambda x, w, eps: x / (_mean_square(x) + eps).sqrt()),
            "The weight is there, but nothing is multiplied with it.",
        ),
        Mistake(
            "the weight is added",
            _by(lambda x, w, eps: x / (_mean_square(x) + eps).sqrt() + w),
            "It stretches: multiply with the weight.",
        ),
        Mistake(
            "no gradient goes through the mean square",
            _by(lambda x, w, eps: x / (_mean_square(x).detach() + eps).sqrt() * w),
            "The mean square depends on x, and that is part of the slope. Leave out the `.detach()`.",
        ),
        Mistake(
            "the weight begins with 0",
            made_otherwise(_RMSNorm, _with_zeros),
            "Then a fresh norm lets nothing through. Begin with `torch.ones(width)`.",
        ),
        Mistake(
            "it has a bias",
            made_otherwise(_RMSNorm, _with_bias),
            "RMSNorm only stretches: one weight, no bias.",
        ),
        Mistake(
            "the weight is no parameter",
            made_otherwise(_RMSNorm, _without_weight),
            "A plain tensor is not trained and not saved: `self.weight = nn.Parameter(torch.ones(width))`.",
        ),
    ),
)
