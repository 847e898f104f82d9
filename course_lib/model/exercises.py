"""Exercises and quiz of notebook 04: the MLP, norms, a block, the head, a whole GPT, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.attention import exercises as attention_exercises
from course_lib.exercises import (
    Case,
    Draw,
    Exercise,
    Forbidden,
    Mistake,
    ModuleCase,
    Option,
    Property,
    Question,
    Quiz,
    as_module,
    causal,
    module_case,
)

Tensor = torch.Tensor
Part = Callable[[Tensor], Tensor]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# The MLP --------------------------------------------------------------------------------------------------


def _mlp(x: Tensor, w_up: Tensor, b_up: Tensor, w_down: Tensor, b_down: Tensor) -> Tensor:
    """Out to a wider space, GELU, and back: x (B, T, C), w_up (C, F), w_down (F, C)."""
    wide = x @ w_up + b_up
    gate = torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3))
    return 0.5 * wide * (1 + gate) @ w_down + b_down


def _mlp_shapes(B: int, T: int, C: int, wide: int) -> tuple[tuple[int, ...], ...]:
    return (B, T, C), (C, wide), (wide,), (wide, C), (C,)


def _mlp_inputs(
    B: int, T: int, C: int, wide: int, seed: int, scales: tuple[float, ...] = (1, 1, 1, 1, 1)
) -> tuple[Tensor, ...]:
    pairs = enumerate(zip(_mlp_shapes(B, T, C, wide), scales, strict=True))
    return tuple(scale * _random(*shape, seed=seed + i) for i, (shape, scale) in pairs)


def _as_in_a_layer(x: Tensor, w_up: Tensor, b_up: Tensor, w_down: Tensor, b_down: Tensor) -> Case:
    """The weights turned in memory, as the course's GPT keeps them, and the stream as well."""
    up, down = (weight.T.contiguous().T for weight in (w_up, w_down))
    return Case(x.transpose(0, 2).contiguous().transpose(0, 2), up, b_up, down, b_down)


def _mlp_cases() -> list[Case]:
    one = torch.ones(1, 1)
    ramp = torch.tensor([[[-2.0], [0.0], [1.0]]])
    return [
        Case(ramp, one, torch.tensor([0.5]), one, torch.tensor([0.25])),
        Case(*_mlp_inputs(2, 3, 5, 7, seed=10)),
        Case(*_mlp_inputs(1, 2, 2, 8, seed=20)),
        _as_in_a_layer(*_mlp_inputs(2, 3, 4, 6, seed=30)),
        Case(*_mlp_inputs(2, 3, 4, 5, 220, (80, 8e-4, 8e-4, 90, 90))),  # large and tiny numbers
        Case(*_mlp_inputs(2, 3, 4, 5, 230, (1, 90, 90, 8e-4, 8e-4))),
        *(
            Case(*_mlp_inputs(*sizes, seed=40))
            for sizes in ((1100, 2, 2, 3), (1, 1100, 2, 3), (1, 2, 70, 300), (1, 2, 1100, 3), (1, 2, 3, 1100))
        ),
    ]


def _mlp_fresh(draw: Draw) -> Case:
    sizes = (draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 6), draw.integer(1, 12))
    x, up, *others = _mlp_shapes(*sizes)
    return Case(draw.tensor(*x), draw.tensor(*up), *(draw.tensor(*o, extremes=False) for o in others))


def _bent(bend: Part) -> Callable[..., Tensor]:
    """An MLP with another bend."""
    return lambda x, w_up, b_up, w_down, b_down: bend(x @ w_up + b_up) @ w_down + b_down


def _tanh_gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _gelu_with(factor: float, share: float, power: int) -> Part:
    return lambda x: 0.5 * x * (1 + torch.tanh(factor * (x + share * x**power)))


def _added(x: Tensor, w_up: Tensor, b_up: Tensor, w_down: Tensor, b_down: Tensor) -> Tensor:
    return x + _mlp(x, w_up, b_up, w_down, b_down)


def _bent_first(x: Tensor, w_up: Tensor, b_up: Tensor, w_down: Tensor, b_down: Tensor) -> Tensor:
    return (_tanh_gelu(x) @ w_up + b_up) @ w_down + b_down


def _bias_after(x: Tensor, w_up: Tensor, b_up: Tensor, w_down: Tensor, b_down: Tensor) -> Tensor:
    return (_tanh_gelu(x @ w_up) + b_up) @ w_down + b_down


mlp = Exercise(
    name="mlp",
    topic="model",
    title="The MLP",
    difficulty="easy",
    minutes=10,
    reference=_mlp,
    cases=_mlp_cases,
    fresh=_mlp_fresh,
    draws=16,
    hints=(
        "Three steps: out with `w_up` and `b_up`, the bend, back with `w_down` and `b_down`. Nothing is "
        "added "
        "to `x` here; that is the block's business.",
        "`wide = x @ w_up + b_up` has the shape (B, T, F). The bend changes each of its numbers by itself.",
        "The tanh form: `0.5 * wide * (1 + torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * "
        "wide**3)))`.",
    ),
    explanation=(
        "A matrix out, the bend, a matrix back. Every token goes through the same matrices, and none sees "
        "another: the axes B and T are only carried along.\n\n"
        '`F.gelu(wide, approximate="tanh")` is the same bend. `F.gelu(wide)` alone is the exact form, whose '
        "values differ in the fourth digit: enough to make a copy of GPT-2 give other logits."
    ),
    mistakes=(
        Mistake(
            "the bend is left out",
            _bent(lambda wide: wide),
            "Without it, two matrices in a row are one matrix, and *exactly one of the two* can't be "
            "computed.",
        ),
        Mistake(
            "ReLU instead of GELU",
            _bent(torch.relu),
            "ReLU works as well, but GPT-2 uses GELU, which lets small negative numbers through.",
        ),
        *(
            Mistake(
                "a number in the GELU is another",
                _bent(_gelu_with(*numbers)),
                "In the tanh there is √(2/π) · (x + 0.044715 · x³), with the root of the whole fraction. Or "
                'let `F.gelu(x, approximate="tanh")` do it.',
            )
            for numbers in (
                (math.sqrt(2) / math.pi, 0.044715, 3),
                *((math.sqrt(2 / math.pi), 0.044715, 2), (math.sqrt(2 / math.pi), 0.44715, 3)),
            )
        ),
        Mistake(
            "the exact GELU instead of the tanh form",
            _bent(F.gelu),
            'GPT-2 uses the tanh form: `F.gelu(wide, approximate="tanh")`. The two differ in the fourth '
            "digit.",
        ),
        Mistake(
            "a sigmoid with the factor 1.702 instead of the tanh form",
            _bent(lambda wide: wide * torch.sigmoid(1.702 * wide)),
            "That is a rougher approximation from the same paper. GPT-2 has the one with tanh and the cube.",
        ),
        Mistake(
            "the cube is left out",
            _bent(lambda wide: 0.5 * wide * (1 + torch.tanh(math.sqrt(2 / math.pi) * wide))),
            "Inside the tanh stands `wide + 0.044715 * wide**3`.",
        ),
        Mistake(
            "the factor 0.5 is left out",
            _bent(lambda wide: 2 * _tanh_gelu(wide)),
            "`1 + tanh` runs from 0 to 2. Times 0.5, it lets between nothing and all of a number through.",
        ),
        Mistake(
            "the root of 2/π is left out",
            _bent(lambda wide: 0.5 * wide * (1 + torch.tanh(wide + 0.044715 * wide**3))),
            "Inside the tanh stands `math.sqrt(2 / math.pi)` times `wide + 0.044715 * wide**3`.",
        ),
        Mistake(
            "2/π without its root",
            _bent(lambda wide: 0.5 * wide * (1 + torch.tanh(2 / math.pi * (wide + 0.044715 * wide**3)))),
            "The root goes over 2/π: `math.sqrt(2 / math.pi)`.",
        ),
        Mistake(
            "the gate alone, without what goes through it",
            _bent(lambda wide: 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)))),
            "The gate says how much of a number gets through. Multiply the number by it: `wide * gate`.",
        ),
        Mistake(
            "the first bias is left out",
            lambda x, w_up, b_up, w_down, b_down: _mlp(x, w_up, 0 * b_up, w_down, b_down),
            "`b_up` is added before the bend. It decides where each bend begins.",
        ),
        Mistake(
            "the second bias is left out",
            lambda x, w_up, b_up, w_down, b_down: _mlp(x, w_up, b_up, w_down, 0 * b_down),
            "`b_down` is added at the very end.",
        ),
        Mistake(
            "the first bias comes after the bend",
            _bias_after,
            "The bias belongs to the first matrix: `x @ w_up + b_up`, then the bend.",
        ),
        Mistake(
            "the bend comes before the first matrix",
            _bent_first,
            "Then what follows is two matrices in a row again. First `w_up`, then the bend.",
        ),
        Mistake(
            "the bend comes after the second matrix",
            lambda *inputs: _tanh_gelu(_bent(lambda wide: wide)(*inputs)),
            "Then two matrices stand in a row, which are as good as one. The bend comes between them.",
        ),
        Mistake(
            "there is a second bend at the end",
            lambda *inputs: _tanh_gelu(_mlp(*inputs)),
            "What comes back is added to the stream, and must be able to take away as well: no bend there.",
        ),
        Mistake(
            "x is added already",
            _added,
            "The sum is right, but it belongs into the block. Give only what the MLP has to add.",
        ),
        Mistake(
            "cut off from its gradient",
            lambda *inputs: _mlp(*inputs).detach(),
            "All four pieces are learned, so gradients must arrive. Leave out `.detach()` and `no_grad`.",
        ),
    ),
)


# Norms ----------------------------------------------------------------------------------------------------


def _layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """Each vector with mean 0 and variance 1, stretched and shifted: x (..., C), weight and bias (C,)."""
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias


def _norm_cases() -> list[Case]:
    ones, zeros = torch.ones(4), torch.zeros(4)
    return [
        Case(torch.tensor([[1.0, 1.0, 5.0, 5.0], [0.0, 2.0, 4.0, 6.0]]), ones, zeros, 1e-5),
        Case(3 * _random(2, 3, 5, seed=40) + 2, _random(5, seed=41), _random(5, seed=42), 1e-5),
        Case(1e-3 * _random(2, 3, 7, seed=43), _random(7, seed=44), _random(7, seed=45), 1e-5),
        Case(torch.full((2, 3), 7.0), torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 0.0, -0.5]), 1e-5),
        Case(_random(2, 2, 3, seed=46), _random(3, seed=47), _random(3, seed=48), 0.5),
        Case(1000 + _random(2, 3, 8, seed=240), _random(8, seed=241), _random(8, seed=242)),  # far from 0
        Case(_random(6, seed=243), 90 * _random(6, seed=244), 90 * _random(6, seed=245)),  # a single vector
        Case(90 * _random(2, 1, 3, 4, seed=246), 8e-4 * _random(4, seed=247), 8e-4 * _random(4, seed=248)),
        Case(_random(5, 3, 2, seed=249).transpose(0, 2), _random(5, seed=250), _random(5, seed=251), eps=0.0),
        Case(torch.tensor([[3.0], [-1.0]]), torch.tensor([2.0]), torch.tensor([0.5]), eps=0.25),
        *(_norm_of_size(*shape) for shape in ((270, 2, 3), (1, 1100, 3), (2, 1100))),
    ]


def _norm_of_size(*shape: int) -> Case:
    return Case(_random(*shape, seed=252), _random(shape[-1], seed=253), _random(shape[-1], seed=254))


def _norm_input(draw: Draw) -> Tensor:
    """One to four axes, in several sizes. Equal numbers in a row are all 0: the mean of others depends on how
    it is taken, by what rounding does, and the root of a small eps shows that."""
    shape = *draw.shape((0, 3), (1, 4)), draw.integer(2, 6)
    x = draw.tensor(*shape, extremes=False) * draw.choose((1.0, 30.0, 1e-3))
    return torch.where((x == x[..., :1]).all(-1, keepdim=True), 0 * x, x)


def _norm_fresh(draw: Draw) -> Case:
    x = _norm_input(draw)
    weight, bias = (draw.tensor(x.shape[-1], extremes=False) for _ in range(2))
    return _with_eps(draw, x, weight, bias)


def _with_eps(draw: Draw, *inputs: Tensor) -> Case:
    """With eps in its place, by its name, or left out."""
    eps = draw.choose((1e-5, 1e-3, 0.25, 3.0))
    return draw.choose((Case(*inputs), Case(*inputs, eps), Case(*inputs, eps=eps)))


def _over(dims: tuple[int, ...]) -> Callable[..., Tensor]:
    def wrong(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
        centred = x - x.mean(dim=dims, keepdim=True)
        return centred / torch.sqrt(centred.square().mean(dim=dims, keepdim=True) + eps) * weight + bias

    return wrong


def _over_all(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    centred = x - x.mean()
    return centred / torch.sqrt(centred.square().mean() + eps) * weight + bias


def _by_spread(divide: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
    """A LayerNorm that divides by something else, made from the centred vector."""

    def wrong(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        return centred / divide(centred, eps) * weight + bias

    return wrong


def _mean_square(x: Tensor) -> Tensor:
    return x.square().mean(dim=-1, keepdim=True)


def _not_centred(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return x / torch.sqrt(x.var(dim=-1, keepdim=True, correction=0) + eps) * weight + bias


def _from_two_means(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    mean, square = x.mean(dim=-1, keepdim=True), x.square().mean(dim=-1, keepdim=True)
    return (x - mean) / torch.sqrt(square - mean.square() + eps) * weight + bias


def _axis_lost(of_mean: bool, of_variance: bool, at_once: bool = False) -> Callable[..., Tensor]:
    """A LayerNorm whose mean or variance has one axis less; the variance `at_once` or of what is left."""

    def wrong(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=not of_mean)
        of = x - x.mean(dim=-1, keepdim=True) if at_once else centred
        variance = of.square().mean(dim=-1, keepdim=not of_variance)
        return centred / torch.sqrt(variance + eps) * weight + bias

    return wrong


def _batch_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return _over(tuple(range(x.ndim - 1)) or (0,))(x, weight, bias, eps)


def _over_axis_1(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    centred = x - x.mean(dim=1, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(dim=1, keepdim=True) + eps) * weight + bias


def _eps_fixed(at: float) -> Callable[..., Tensor]:
    return lambda x, weight, bias, eps=1e-5: _layer_norm(x, weight, bias, at)


def _held(which: str) -> Callable[..., Tensor]:
    """A LayerNorm whose mean or variance gets no gradient."""

    def wrong(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
        mean = x.mean(dim=-1, keepdim=True)
        centred = x - (mean.detach() if "mean" in which else mean)
        variance = (x - mean).square().mean(dim=-1, keepdim=True)
        variance = variance.detach() if "variance" in which else variance
        return centred / torch.sqrt(variance + eps) * weight + bias

    return wrong


def _shifted_first(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return (_layer_norm(x, torch.ones_like(weight), torch.zeros_like(bias), eps) + bias) * weight


layer_norm = Exercise(
    name="layer_norm",
    topic="model",
    title="LayerNorm",
    difficulty="medium",
    minutes=15,
    reference=_layer_norm,
    cases=_norm_cases,
    fresh=_norm_fresh,
    draws=16,
    forbidden=(
        Forbidden(
            ("layer_norm", "native_layer_norm", "group_norm", "native_group_norm", "rms_norm", "batch_norm"),
            "Now without it: write the mean, the variance and the root yourself, as in the cells above. That "
            "is what the exercise is for.",
        ),
    ),
    properties=(
        causal(
            lambda: _random(1, 3, 5, seed=52),
            lambda answer, x: answer(x, torch.ones(5), torch.zeros(5), 1e-5),
        ),
    ),
    hints=(
        "Mean and variance are taken for each token on its own, over its C numbers: the last axis.",
        "`x.mean(dim=-1, keepdim=True)` keeps the axis, so that it can be subtracted. The variance is the "
        "mean "
        "of the squares of what is left.",
        "Divide by `torch.sqrt(variance + eps)`, multiply with `weight`, add `bias`, in this order. Beware "
        "of "
        "`x.var(-1)`: it divides by C - 1 unless you say `correction=0`.",
    ),
    explanation=(
        "Each vector is moved to mean 0 and scaled to variance 1. `eps` keeps a vector whose numbers are all "
        "equal from being divided by zero. Then `weight` and `bias`, one number per feature and learned, let "
        "the model undo as much of it as it likes.\n\n"
        "Nothing is shared between tokens: a norm over the tokens would tell each of them about later ones."
    ),
    mistakes=(
        *(
            Mistake(
                "`keepdim=True` is missing",
                _axis_lost(*lost),
                "A mean drops its axis, and what is left of (B, T, C) is (B, T), which goes with x in the "
                "wrong way or not at all. `x.mean(dim=-1, keepdim=True)` keeps the axis, with size 1.",
            )
            for lost in ((True, True), (True, False), (False, True), (True, True, True), (True, False, True))
        ),
        Mistake(
            "mean and variance are taken over the axis 1",
            _over_axis_1,
            "The features are the *last* axis, wherever that is: `dim=-1`. In (B, T, C) the axis 1 is that "
            "of the tokens, and a mean over it looks at later ones.",
        ),
        Mistake(
            "mean and variance are taken over the axis 0",
            _over((0,)),
            "The features are the *last* axis: `dim=-1`. In (B, T, C) the axis 0 is that of the texts, which "
            "have nothing to do with each other.",
        ),
        Mistake(
            "mean and variance are taken over the tokens",
            _over((-2,)),
            "Each token has its own mean, over its C features (`dim=-1`). Taken over the tokens, it depends "
            "on "
            "later ones: a leak.",
        ),
        Mistake(
            "mean and variance are taken over everything",
            _over_all,
            "Each token has its own mean and variance, over its C features: `dim=-1, keepdim=True`.",
        ),
        Mistake(
            "mean and variance are taken over the tokens of all texts",
            _batch_norm,
            "That is *batch norm*: each feature has its own mean. Here each token has its own, over its C "
            "features: `dim=-1`.",
        ),
        Mistake(
            "mean and variance are taken over tokens and features together",
            _over((-2, -1)),
            "Each token has its own mean and variance, over its C features alone: `dim=-1`.",
        ),
        Mistake(
            "the variance is divided by C - 1",
            _by_spread(lambda c, eps: torch.sqrt(c.var(dim=-1, keepdim=True) + eps)),
            "torch's `var` does that by default, as statisticians do. LayerNorm takes the plain mean of the "
            "squares: `var(dim=-1, keepdim=True, correction=0)`.",
        ),
        Mistake(
            "torch's `std`, with eps added to it",
            _by_spread(lambda c, eps: c.std(dim=-1, keepdim=True) + eps),
            "`std` divides by C - 1 unless you say `correction=0`, and `eps` belongs under the root: "
            "`torch.sqrt(variance + eps)`.",
        ),
        Mistake(
            "torch's `std`, without eps",
            _by_spread(lambda c, eps: c.std(dim=-1, keepdim=True)),
            "`std` divides by C - 1, unless you say `correction=0`. Without `eps`, equal numbers give 0 / 0.",
        ),
        Mistake(
            "divided by the variance, not by its root",
            _by_spread(lambda c, eps: _mean_square(c) + eps),
            "The variance is in squares. Its root has the size of the numbers themselves.",
        ),
        Mistake(
            "eps is left out",
            _by_spread(lambda c, eps: torch.sqrt(_mean_square(c))),
            "A vector whose numbers are all equal has the variance 0, and 0 / 0 is `nan`. Add `eps` to the "
            "variance.",
        ),
        *(
            Mistake(
                f"eps is always {at}",
                _eps_fixed(float(at)),
                "`eps` is an argument: add what was handed in. 1e-5 is only its default.",
            )
            for at in ("1e-5", "1e-6", "1e-8")
        ),
        Mistake(
            "the variance is a difference of two means",
            _from_two_means,
            "On paper, the mean of the squares minus the square of the mean is the variance. But where the "
            "numbers are far from 0 these are two large numbers that are nearly equal, and rounding eats the "
            "difference. Take the mean away first: `(x - mean).square().mean(dim=-1, keepdim=True)`.",
        ),
        Mistake(
            "no gradient goes through the mean",
            _held("mean"),
            "The mean depends on x, and that is part of the slope. Leave out the `.detach()` or `no_grad`.",
        ),
        Mistake(
            "no gradient goes through the variance",
            _held("variance"),
            "The variance depends on x, and that is part of the slope. Leave out the `.detach()` or "
            "`no_grad`.",
        ),
        Mistake(
            "no gradient goes through mean and variance",
            _held("mean and variance"),
            "Both depend on x, and that is part of the slope. Leave out the `.detach()` or `no_grad`.",
        ),
        Mistake(
            "eps is added outside of the root",
            _by_spread(lambda c, eps: torch.sqrt(_mean_square(c)) + eps),
            "It belongs to the variance: `torch.sqrt(variance + eps)`. It makes a difference for small "
            "numbers.",
        ),
        Mistake(
            "the mean is not taken away",
            _not_centred,
            "The variance is right, but what is divided must be `x - mean`.",
        ),
        Mistake(
            "the mean is taken away nowhere",
            lambda x, weight, bias, eps=1e-5: _rms_norm(x, weight, eps) + bias,
            "Both must be centred: what is divided, and what the mean of squares is taken of. `x - mean` "
            "first, then all else.",
        ),
        Mistake(
            "only the mean is taken away",
            _by_spread(lambda c, eps: torch.ones_like(c)),
            "The numbers must be scaled as well: divide by the root of the variance.",
        ),
        Mistake(
            "the weight is left out",
            lambda x, weight, bias, eps=1e-5: _layer_norm(x, torch.ones_like(weight), bias, eps),
            "Before the bias is added, multiply with `weight`.",
        ),
        Mistake(
            "the bias is left out",
            lambda x, weight, bias, eps=1e-5: _layer_norm(x, weight, torch.zeros_like(bias), eps),
            "At the very end, add `bias`.",
        ),
        Mistake(
            "weight and bias are left out",
            lambda x, weight, bias, eps=1e-5: _layer_norm(x, 1 + 0 * weight, 0 * bias, eps),
            "At the end, multiply with `weight` and add `bias`.",
        ),
        Mistake(
            "the bias is added before the weight is multiplied",
            _shifted_first,
            "First `* weight`, then `+ bias`.",
        ),
    ),
)


def _rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """Each vector with a mean square of 1, then stretched: x (..., C), weight (C,)."""
    mean_square = x.square().mean(dim=-1, keepdim=True)
    return x / torch.sqrt(mean_square + eps) * weight


def _rms_cases() -> list[Case]:
    return [
        Case(torch.tensor([[1.0, 7.0], [3.0, 4.0]]), torch.ones(2), 1e-5),
        Case(3 * _random(2, 3, 5, seed=60) + 2, _random(5, seed=61), 1e-5),
        Case(1e-3 * _random(2, 3, 7, seed=62), _random(7, seed=63), 1e-5),
        Case(torch.zeros(2, 3), torch.ones(3), 1e-5),
        Case(_random(3, 4, seed=64), _random(4, seed=65), 0.5),
        Case(_random(6, seed=66), 90 * _random(6, seed=67)),  # a single vector
        Case(90 * _random(2, 1, 3, 4, seed=68), 8e-4 * _random(4, seed=69)),
        Case(1e-3 * _random(2, 3, seed=260), _random(3, seed=261)),
        Case(_random(5, 3, 2, seed=262).transpose(0, 2), _random(5, seed=263), eps=0.0),
        *(
            Case(_random(*s, seed=264), _random(s[-1], seed=265))
            for s in ((270, 2, 3), (1, 1100, 3), (2, 1100))
        ),
    ]


def _rms_fresh(draw: Draw) -> Case:
    x = draw.tensor(*draw.shape((1, 4), (1, 5)))
    return _with_eps(draw, x, draw.tensor(x.shape[-1], extremes=False))


def _rms_held(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    return x / torch.sqrt(_mean_square(x).detach() + eps) * weight


rms_norm = Exercise(
    name="rms_norm",
    topic="model",
    title="RMSNorm",
    kind="explore",
    mark="more",
    difficulty="easy",
    minutes=5,
    reference=_rms_norm,
    cases=_rms_cases,
    fresh=_rms_fresh,
    draws=16,
    hints=(
        "Take your LayerNorm and strike out what is not needed: the mean and the bias.",
        "`x.square().mean(dim=-1, keepdim=True)` is the mean square. Divide by the root of it plus `eps`.",
    ),
    explanation=(
        "One mean instead of two, and no bias: the vector keeps its direction and gets a root mean square "
        "of 1. It trains as well as LayerNorm, and is cheaper."
    ),
    mistakes=(
        Mistake(
            "the mean is taken away",
            lambda x, weight, eps=1e-5: _layer_norm(x, weight, 0 * weight, eps),
            "That is LayerNorm without its bias. RMSNorm leaves the mean where it is.",
        ),
        Mistake(
            "divided by the mean square, not by its root",
            lambda x, weight, eps=1e-5: x / (_mean_square(x) + eps) * weight,
            "Take the root: `torch.sqrt(mean_square + eps)`.",
        ),
        Mistake(
            "divided by the vector's length",
            lambda x, weight, eps=1e-5: x / torch.sqrt(x.square().sum(-1, keepdim=True) + eps) * weight,
            "The *mean* of the squares, not their sum. With the sum, the numbers shrink as vectors get "
            "wider.",
        ),
        Mistake(
            "the mean square is taken over the axis 1",
            lambda x, weight, eps=1e-5: x / torch.sqrt(x.square().mean(1, keepdim=True) + eps) * weight,
            "The features are the *last* axis, wherever that is: `dim=-1`. In (B, T, C) the axis 1 is that "
            "of the tokens.",
        ),
        Mistake(
            "the mean square is taken over the tokens",
            lambda x, weight, eps=1e-5: x / torch.sqrt(x.square().mean(-2, keepdim=True) + eps) * weight,
            "Each token on its own, over its features: `dim=-1`.",
        ),
        Mistake(
            "eps is left out",
            lambda x, weight, eps=1e-5: x / torch.sqrt(_mean_square(x)) * weight,
            "A vector of zeros would be divided by zero. Add `eps` to the mean square.",
        ),
        Mistake(
            "eps is always 1e-5",
            lambda x, weight, eps=1e-5: _rms_norm(x, weight),
            "`eps` is an argument: add what was handed in. 1e-5 is only its default.",
        ),
        Mistake(
            "`keepdim=True` is missing",
            lambda x, weight, eps=1e-5: x / torch.sqrt(x.square().mean(-1) + eps) * weight,
            "A mean drops its axis, and what is left of (B, T, C) is (B, T), which goes with x in the wrong "
            "way or not at all. `keepdim=True` keeps the axis, with size 1.",
        ),
        Mistake(
            "the mean square is taken over everything",
            lambda x, weight, eps=1e-5: x / torch.sqrt(x.square().mean() + eps) * weight,
            "Each token on its own, over its features: `dim=-1`.",
        ),
        Mistake(
            "no gradient goes through the mean square",
            _rms_held,
            "The mean square depends on x, and that is part of the slope. Leave out the `.detach()` or "
            "`no_grad`.",
        ),
        Mistake(
            "eps is added outside of the root",
            lambda x, weight, eps=1e-5: x / (torch.sqrt(_mean_square(x)) + eps) * weight,
            "It belongs to the mean square: `torch.sqrt(mean_square + eps)`.",
        ),
        Mistake(
            "the weight is left out",
            lambda x, weight, eps=1e-5: _rms_norm(x, torch.ones_like(weight), eps),
            "At the end, multiply with `weight`.",
        ),
    ),
)


# The block ------------------------------------------------------------------------------------------------


def _block(x: Tensor, norm1: Callable, attention: Callable, norm2: Callable, mlp: Callable) -> Tensor:
    """One layer: attention and MLP each read the normed stream x (B, T, C), and add to the stream itself."""
    x = x + attention(norm1(x))
    return x + mlp(norm2(x))


def _brought_near(x: Tensor, scale: float = 1.5, shift: float = 0.5) -> Tensor:
    """What stands for a norm in the cases; done twice, it gives something else (a LayerNorm doesn't)."""
    return scale * x / torch.sqrt(_mean_square(x) + 0.5) + shift


def _mean_of_the_past(x: Tensor, scale: float = 1.0) -> Tensor:
    """What stands for attention in the cases: the plain average of notebook 03."""
    count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)
    return scale * x.cumsum(dim=1) / count[:, None]


def _thought(x: Tensor, scale: float = 1.0) -> Tensor:
    """What stands for an MLP in the cases."""
    return scale * _tanh_gelu(x.roll(1, dims=-1)) - 0.5


@dataclass(frozen=True)
class _Piece:
    """A part with the name that a learner sees in the call; equal ones compare equal."""

    name: str
    do: Callable[..., Tensor]
    factor: tuple[float, ...] = ()

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, x: Tensor) -> Tensor:
        return self.do(x, *self.factor)

    def __deepcopy__(self, memo: dict) -> _Piece:  # nothing in it can change
        return self


def _times(x: Tensor, factor: float) -> Tensor:
    return factor * x


def _block_parts(
    norm1: tuple[float, ...] = (1.0, -0.25),
    attention: float = 1.0,
    norm2: tuple[float, ...] = (1.5, 0.5),
    mlp: float = 1.0,
) -> tuple[Part, Part, Part, Part]:
    return (
        _Piece("norm1", _brought_near, norm1),
        _Piece("attention", _mean_of_the_past, (attention,)),
        _Piece("norm2", _brought_near, norm2),
        _Piece("mlp", _thought, (mlp,)),
    )


def _drawn_norm(draw: Draw, name: str = "norm") -> _Piece:
    return _Piece(name, _brought_near, (draw.choose((1.0, 2.0, -0.5)), draw.choose((0.5, 0.0, -1.0))))


def _drawn_stream(draw: Draw) -> Tensor:
    return draw.tensor(draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 5))


def _block_fresh(draw: Draw) -> Case:
    norm1, attention, norm2, mlp = _block_parts(attention=draw.real(-1.0, 2.0), mlp=draw.real(-1.0, 2.0))
    return Case(
        _drawn_stream(draw), _drawn_norm(draw, norm1.name), attention, _drawn_norm(draw, norm2.name), mlp
    )


def _block_cases() -> list[Case]:
    plain = (
        _Piece("nothing_changed", _times, (1.0,)),
        _Piece("ten_times", _times, (10.0,)),
        _Piece("nothing_changed", _times, (1.0,)),
        _Piece("a_hundred_times", _times, (100.0,)),
    )
    return [
        Case(torch.tensor([[[1.0], [2.0]]]), *plain),
        Case(_random(2, 3, 5, seed=70), *_block_parts()),
        Case(2 * _random(1, 7, 2, seed=71), *_block_parts()),
        Case(1e-3 * _random(2, 3, 4, seed=270), *_block_parts((2.0, 0.0), 0.5, (0.5, -0.5), 2.0)),
        Case(90 * _random(4, 3, 2, seed=271).transpose(0, 2), *_block_parts()),
        *(
            Case(_random(*shape, seed=272), *_block_parts())
            for shape in ((1100, 2, 3), (1, 1100, 2), (1, 2, 1100))
        ),
    ]


def _norm_after(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    x = norm1(x + attention(x))
    return norm2(x + mlp(x))


def _normed_stream(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    x = norm1(x)
    x = x + attention(x)
    x = norm2(x)
    return x + mlp(x)


def _parallel(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    return x + attention(norm1(x)) + mlp(norm2(x))


def _one_sum(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    return x + mlp(norm2(attention(norm1(x))))


def _attention_lost(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    return x + mlp(norm2(x + attention(norm1(x))))


def _attention_not_added(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    x = attention(norm1(x))
    return x + mlp(norm2(x))


def _parts_normed(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    x = x + norm1(attention(x))
    return x + norm2(mlp(x))


def _norm_twice(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    return _block(x, norm1, attention, norm1, mlp)


def _mlp_not_added(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    return mlp(norm2(x + attention(norm1(x))))


def _mlp_first(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    return _block(x, norm2, mlp, norm1, attention)


def _in_place(x: Tensor, norm1: Part, attention: Part, norm2: Part, mlp: Part) -> Tensor:
    x += attention(norm1(x))
    x += mlp(norm2(x))
    return x


_FETCH_FIRST = "First attention fetches, then the MLP thinks about what was fetched."


block = Exercise(
    name="block",
    topic="model",
    title="One block",
    difficulty="easy",
    minutes=10,
    reference=_block,
    cases=_block_cases,
    fresh=_block_fresh,
    draws=16,
    properties=(causal(lambda: _random(1, 5, 3, seed=72), lambda answer, x: answer(x, *_block_parts())),),
    hints=(
        "Two lines of the same form. Each reads the stream through a norm, and adds to the stream what its "
        "part has to say.",
        "`x = x + attention(norm1(x))` is the first. The second starts from this new `x`.",
    ),
    explanation=(
        "Both lines have the form *stream plus part of norm of stream*. The norm is only for the part to "
        "read: "
        "what is added to is the stream as it was. The MLP reads after attention has written."
    ),
    mistakes=(
        Mistake(
            "the norms come after the sums",
            _norm_after,
            "That was the order of the first Transformer (2017), *post-norm*. GPT-2 norms before each part, "
            "so "
            "that the stream itself is never normed.",
        ),
        Mistake(
            "the stream itself is normed",
            _normed_stream,
            "`x = norm1(x)` throws the old stream away. Norm only what the part reads: `x + "
            "attention(norm1(x))`.",
        ),
        Mistake(
            "nothing is added, the parts replace the stream",
            lambda x, norm1, attention, norm2, mlp: mlp(norm2(attention(norm1(x)))),
            "Each part adds to what was there: `x = x + ...`, twice.",
        ),
        Mistake(
            "the MLP does not see what attention wrote",
            _parallel,
            "Both read the same `x` here. (Some models do that, to save time.) GPT-2's MLP reads the stream "
            "after "
            "attention has added to it.",
        ),
        Mistake(
            "only one sum, around both parts",
            _one_sum,
            "Attention's own part must be added to the stream before the MLP reads: two sums.",
        ),
        Mistake(
            "attention's part is lost in the second sum",
            _attention_lost,
            "The second sum adds to the *old* `x`. Keep the first sum as the new `x`.",
        ),
        Mistake(
            "attention's part is not added, it replaces the stream",
            _attention_not_added,
            "The second sum is right. The first is missing: `x = x + attention(norm1(x))`.",
        ),
        Mistake(
            "the MLP's part is not added",
            _mlp_not_added,
            "The first sum is right. The second is missing: `return x + mlp(...)`.",
        ),
        Mistake(
            "the first norm is used twice",
            _norm_twice,
            "Each part has a norm of its own, with its own learned weights.",
        ),
        Mistake("the MLP comes first", _mlp_first, _FETCH_FIRST),
        Mistake(
            "the MLP comes first",
            lambda x, norm1, attention, norm2, mlp: _block(x, norm1, mlp, norm2, attention),
            _FETCH_FIRST,
        ),
        Mistake(
            "the norms come after the parts",
            _parts_normed,
            "Norm what a part *reads*, not what it says: `attention(norm1(x))`.",
        ),
        Mistake(
            "the first norm is left out",
            lambda x, norm1, attention, norm2, mlp: _block(x, lambda y: y, attention, norm2, mlp),
            "Attention reads the stream through a norm: `attention(norm1(x))`.",
        ),
        Mistake(
            "the second norm is left out",
            lambda x, norm1, attention, norm2, mlp: _block(x, norm1, attention, lambda y: y, mlp),
            "The MLP reads the stream through a norm, too: `mlp(norm2(x))`.",
        ),
        Mistake(
            "the norms are left out",
            lambda x, norm1, attention, norm2, mlp: _block(x, lambda y: y, attention, lambda y: y, mlp),
            "Each part reads the stream through its norm: `attention(norm1(x))`.",
        ),
        Mistake(
            "attention's part is added twice",
            lambda x, norm1, attention, norm2, mlp: _block(x, norm1, lambda y: 2 * attention(y), norm2, mlp),
            "The first sum is in x already: `x = x + attention(norm1(x))`, then `x + mlp(norm2(x))`.",
        ),
        Mistake(
            "the norms are in each other's place",
            lambda x, norm1, attention, norm2, mlp: _block(x, norm2, attention, norm1, mlp),
            "`norm1` is what attention reads through, `norm2` is the MLP's.",
        ),
        Mistake(
            "each norm is done twice",
            lambda x, norm1, attention, norm2, mlp: _block(
                x, lambda y: norm1(norm1(y)), attention, lambda y: norm2(norm2(y)), mlp
            ),
            "Once is enough: a norm also stretches and shifts by what it has learned, and that would happen "
            "twice.",
        ),
        Mistake(
            "the input is changed",
            _in_place,
            "`x += ...` writes into the tensor that was handed in. `x = x + ...` makes a new one.",
        ),
    ),
)


# The head -------------------------------------------------------------------------------------------------


def _logits_from_stream(x: Tensor, norm: Callable, tokens: Tensor) -> Tensor:
    """A score for each token of the vocabulary: x (B, T, C), tokens (V, C) -> (B, T, V)."""
    return norm(x) @ tokens.T


def _head_cases() -> list[Case]:
    norm = _Piece("norm", _brought_near)
    same = _Piece("nothing_changed", _times, (1.0,))
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    return [
        Case(torch.tensor([[[2.0, 3.0], [-1.0, 0.0]]]), same, table),
        Case(3 * _random(2, 3, 5, seed=80), norm, _random(7, 5, seed=81)),
        Case(2 * _random(1, 2, 3, seed=82), norm, _random(3, 3, seed=83)),
        Case(90 * _random(4, 3, 2, seed=280).transpose(0, 2), same, 90 * _random(4, 6, seed=281).T),
        Case(_random(2, 3, 4, seed=282), norm, 8e-4 * _random(5, 4, seed=283)),
        Case(_random(1100, 2, 3, seed=284), norm, _random(300, 3, seed=285)),
        Case(_random(1, 1100, 2, seed=286), norm, _random(5, 2, seed=287)),
        Case(_random(1, 2, 70, seed=288), norm, _random(3, 70, seed=289)),
        Case(_random(1, 2, 1100, seed=288), norm, _random(3, 1100, seed=289)),
        Case(_random(1, 2, 3, seed=288), norm, _random(1100, 3, seed=289)),
    ]


def _head_fresh(draw: Draw) -> Case:
    x = _drawn_stream(draw)
    return Case(x, _drawn_norm(draw), draw.tensor(draw.integer(1, 7), x.shape[-1]))


_EVERY_POSITION = "For writing, that would do. In training every position makes a guess: (B, T, V)."


logits_from_stream = Exercise(
    name="logits_from_stream",
    topic="model",
    title="From the stream to the logits",
    difficulty="easy",
    minutes=5,
    reference=_logits_from_stream,
    cases=_head_cases,
    fresh=_head_fresh,
    draws=16,
    hints=(
        "What does a norm do to a stream that is twice as large? Then the scores are right if they are made "
        "of what it gives.",
        "A token's logit is the dot product of the normed stream with that token's vector. All V of them at "
        "once are one matrix product.",
        "`tokens` has one row per token, (V, C). To multiply (B, T, C) with it, it must lie on its side.",
    ),
    explanation=(
        "`norm(x) @ tokens.T`: entry v of the result is the dot product of the normed stream with row v of "
        "the "
        "table. It is large where the stream points towards that token's vector."
    ),
    mistakes=(
        Mistake(
            "the norm is left out",
            lambda x, norm, tokens: x @ tokens.T,
            "The last norm brings the stream to a known size before it is compared with the tokens.",
        ),
        Mistake(
            "the norm comes after the product",
            lambda x, norm, tokens: norm(x @ tokens.T),
            "The stream is normed, not the logits, which must be free to be as large as they like.",
        ),
        Mistake(
            "it gives probabilities",
            lambda x, norm, tokens: _logits_from_stream(x, norm, tokens).softmax(-1),
            "The softmax is left to whoever uses the logits: the loss, or a sampler.",
        ),
        Mistake(
            "it gives logarithms of probabilities",
            lambda x, norm, tokens: _logits_from_stream(x, norm, tokens).log_softmax(-1),
            "The softmax, and its logarithm, are left to whoever uses the logits. Give the plain scores.",
        ),
        Mistake(
            "only the last position",
            lambda x, norm, tokens: _logits_from_stream(x, norm, tokens)[:, -1],
            _EVERY_POSITION,
        ),
        Mistake(
            "only the last position",
            lambda x, norm, tokens: _logits_from_stream(x, norm, tokens)[:, -1:],
            _EVERY_POSITION,
        ),
        Mistake(
            "divided by the root of C",
            lambda x, norm, tokens: _logits_from_stream(x, norm, tokens) / math.sqrt(tokens.shape[1]),
            "That belongs to attention. GPT-2 takes the plain dot products.",
        ),
        Mistake(
            "the table is not transposed",
            lambda x, norm, tokens: norm(x) @ tokens,
            "(B, T, C) times (V, C) doesn't fit, or fits only by chance when V equals C. Write `tokens.T`.",
        ),
        Mistake(
            "the norm is done twice",
            lambda x, norm, tokens: norm(norm(x)) @ tokens.T,
            "Once is enough: a norm also stretches and shifts by what it has learned, and that would happen "
            "twice.",
        ),
        Mistake(
            "the tokens are normed as well",
            lambda x, norm, tokens: norm(x) @ norm(tokens[None])[0].T,
            "Only the stream goes through the norm. The table is taken as it is.",
        ),
        Mistake(
            "it gives the best token's id",
            lambda x, norm, tokens: _logits_from_stream(x, norm, tokens).argmax(-1),
            "All V scores are wanted, not just the place of the largest.",
        ),
    ),
)


# The GPT --------------------------------------------------------------------------------------------------


def _gpt(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list, norm: Callable) -> Tensor:
    """The whole model: ids (B, T), tokens (V, C), positions (context, C) -> logits (B, T, V)."""
    x = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        x = block(x)
    return norm(x) @ tokens.T


def _layer(x: Tensor, scale: float) -> Tensor:
    """What stands for a block in the cases."""
    return x + scale * _mean_of_the_past(_thought(_brought_near(x) * scale))


def _layers(*scales: float) -> list[_Piece]:
    return [_Piece(f"block{i}", _layer, (scale,)) for i, scale in enumerate(scales)]


def _gpt_pieces(V: int, context: int, C: int, n_layers: int, seed: int) -> tuple:
    blocks = _layers(*(1.0 + 0.5 * i for i in range(n_layers)))
    return _random(V, C, seed=seed), _random(context, C, seed=seed + 1), blocks, _Piece("norm", _brought_near)


def _some_ids(V: int, B: int, T: int, seed: int) -> Tensor:
    return torch.randint(V, (B, T), generator=torch.Generator().manual_seed(seed))


def _gpt_cases() -> list[Case]:
    tokens, positions, _, norm = _gpt_pieces(7, 5, 3, 0, seed=290)
    one, two = _layers(1.0, -0.5)
    other = _Piece("norm", _brought_near, (-0.5, 1.0))
    return [
        Case(torch.tensor([[0, 2, 1]]), *_gpt_pieces(3, 5, 2, 1, seed=90)),
        Case(_some_ids(7, 2, 3, seed=92), *_gpt_pieces(7, 5, 3, 2, seed=93)),
        Case(_some_ids(11, 3, 5, seed=95), *_gpt_pieces(11, 5, 2, 3, seed=96)),
        Case(_some_ids(7, 2, 4, seed=292), tokens, positions, [two, one, one, two], other),
        Case(_some_ids(7, 3, 2, seed=293).T, 90 * tokens.T.contiguous().T, positions, [], norm),
        Case(_some_ids(7, 2, 4, seed=294), tokens, 90 * positions.T.contiguous().T, [two], other),
        Case(_some_ids(7, 2, 4, seed=295), 8e-4 * tokens, 8e-4 * positions, [], norm),
        Case(_some_ids(7, 2, 1, seed=296), tokens, positions, [_Piece("block", _times, (1.01,))] * 260, norm),
        *(
            _gpt_of_size(*sizes)
            for sizes in ((1100, 2, 300, 3), (1, 1100, 5, 2), (1, 2, 3, 1100), (1, 3, 1100, 2))
        ),
    ]


def _gpt_of_size(B: int, T: int, V: int, C: int) -> Case:
    return Case(_some_ids(V, B, T, seed=297), *_gpt_pieces(V, T + 1, C, 1, seed=298))


def _gpt_fresh(draw: Draw) -> Case:
    V, context, C = draw.integer(1, 9), draw.integer(1, 6), draw.integer(1, 5)
    ids = draw.ids(V, draw.integer(1, 3), draw.integer(1, context))
    blocks = draw.list(lambda: draw.choose(_layers(1.0, -0.5, 2.0, 0.25)), 0, 4)
    return Case(ids, draw.tensor(V, C), draw.tensor(context, C), blocks, _drawn_norm(draw))


def _gpt_with(embed: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A GPT that begins in another way."""

    def wrong(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list[Part], norm: Part) -> Tensor:
        x = embed(ids, tokens, positions)
        for block in blocks:
            x = block(x)
        return norm(x) @ tokens.T

    return wrong


def _blocks_side_by_side(
    ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list[Part], norm: Part
) -> Tensor:
    start = tokens[ids] + positions[: ids.shape[1]]
    x = start
    for block in blocks:
        x = block(start)
    return norm(x) @ tokens.T


def _popping(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list[Part], norm: Part) -> Tensor:
    x = tokens[ids] + positions[: ids.shape[1]]
    while blocks:
        x = blocks.pop(0)(x)
    return norm(x) @ tokens.T


def _added_again(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list[Part], norm: Part) -> Tensor:
    return _gpt(ids, tokens, positions, [lambda x, b=b: x + b(x) for b in blocks], norm)


def _norm_each(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list[Part], norm: Part) -> Tensor:
    x = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        x = norm(block(x))
    return x @ tokens.T


def _norm_first(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list[Part], norm: Part) -> Tensor:
    return _gpt(ids, tokens, positions, [norm, *blocks], lambda x: x)


def _positions_each(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list[Part], norm: Part) -> Tensor:
    x = tokens[ids]
    for block in blocks:
        x = block(x + positions[: ids.shape[1]])
    return norm(x) @ tokens.T


def _stream_only(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list[Part], norm: Part) -> Tensor:
    x = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        x = block(x)
    return norm(x)


def _looks_back_only(answer: Callable[..., Tensor]) -> bool:
    """Change the last id: no logits before it may move."""
    ids, pieces = torch.tensor([[0, 1, 2, 3, 4]]), _gpt_pieces(7, 5, 3, 2, seed=100)
    changed = torch.tensor([[0, 1, 2, 3, 6]])
    return torch.allclose(answer(ids, *pieces)[:, :4], answer(changed, *pieces)[:, :4], atol=1e-5)


gpt = Exercise(
    name="gpt",
    topic="model",
    title="The whole GPT",
    difficulty="medium",
    minutes=15,
    reference=_gpt,
    cases=_gpt_cases,
    fresh=_gpt_fresh,
    draws=16,
    properties=(Property("causality", _looks_back_only, "a later token changes nothing before it"),),
    hints=(
        "Three steps: ids to vectors, through all the blocks, vectors to logits. The last is the exercise "
        "before.",
        "`tokens[ids]` looks up a row for each id, (B, T, C). `positions[:T]` are the rows for the first T "
        "places; "
        "they fit by broadcasting.",
        "`for block in blocks: x = block(x)`. Each block gets what the one before it gave. Adding is done "
        "inside.",
    ),
    explanation=(
        "Look up, add the positions, run the blocks one after another, norm, compare with all tokens. All "
        "the "
        "cleverness is inside the blocks; the GPT itself is this loop."
    ),
    mistakes=(
        Mistake(
            "the positions are left out",
            _gpt_with(lambda ids, tokens, positions: tokens[ids]),
            "Without them, attention sees little of the order. Add `positions[:T]` to the tokens' vectors.",
        ),
        Mistake(
            "the positions are looked up by the ids",
            _gpt_with(lambda ids, tokens, positions: tokens[ids] + positions[ids]),
            "A position is a place, not a token: rows 0, 1, 2, ... in every text, `positions[:T]`.",
        ),
        Mistake(
            "the last rows of the positions are taken",
            _gpt_with(lambda ids, tokens, positions: tokens[ids] + positions[-ids.shape[1] :]),
            "A text begins at place 0: `positions[:T]`.",
        ),
        Mistake(
            "all rows of the positions are taken",
            _gpt_with(lambda ids, tokens, positions: tokens[ids] + positions),
            "The table has a row for each place that there may be, and this text has T of them: "
            "`positions[:T]`.",
        ),
        Mistake(
            "the positions begin at row 1",
            _gpt_with(lambda ids, tokens, positions: tokens[ids] + positions[1 : ids.shape[1] + 1]),
            "The first token stands at place 0: `positions[:T]`.",
        ),
        Mistake(
            "the number of texts is taken for their length",
            _gpt_with(lambda ids, tokens, positions: tokens[ids] + positions[: len(ids)]),
            "`ids` is (B, T): `len(ids)` and `ids.shape[0]` are B. The length is `ids.shape[1]`.",
        ),
        Mistake(
            "every position gets the first row",
            _gpt_with(lambda ids, tokens, positions: tokens[ids] + positions[0]),
            "Each place has a row of its own: `positions[:T]`.",
        ),
        Mistake(
            "the list of blocks is emptied",
            _popping,
            "`pop` takes the blocks out of the list that was handed in, and the next call finds none. Go "
            "through it: `for block in blocks`.",
        ),
        Mistake(
            "every block gets the embeddings",
            _blocks_side_by_side,
            "Each block works on what the one before it gave: `x = block(x)`.",
        ),
        Mistake(
            "only the first block is used",
            lambda ids, tokens, positions, blocks, norm: _gpt(ids, tokens, positions, blocks[:1], norm),
            "Is there a `return` inside the loop? All blocks, one after another.",
        ),
        Mistake(
            "no block is used",
            lambda ids, tokens, positions, blocks, norm: _gpt(ids, tokens, positions, [], norm),
            "Between looking up and the logits come the blocks: `for block in blocks: x = block(x)`.",
        ),
        Mistake(
            "the blocks are run backwards",
            lambda ids, tokens, positions, blocks, norm: _gpt(ids, tokens, positions, blocks[::-1], norm),
            "`blocks[0]` comes first.",
        ),
        Mistake(
            "x is added once more around each block",
            _added_again,
            "A block adds to the stream inside. `x = block(x)` is enough.",
        ),
        Mistake(
            "the positions are added before every block",
            _positions_each,
            "They are added once, at the start, and stay in the stream.",
        ),
        Mistake(
            "the norm comes after every block",
            _norm_each,
            "This norm stands at the end, once. The blocks have norms of their own.",
        ),
        Mistake(
            "the last norm is left out",
            lambda ids, tokens, positions, blocks, norm: _gpt(ids, tokens, positions, blocks, lambda x: x),
            "Norm the stream before it is compared with the tokens: `norm(x) @ tokens.T`.",
        ),
        Mistake(
            "the norm comes before the blocks",
            _norm_first,
            "This norm stands at the end: the stream goes into the blocks as it is.",
        ),
        Mistake(
            "it gives probabilities",
            lambda *inputs: _gpt(*inputs).softmax(-1),
            "The course's models always give logits: the softmax is left to the loss or the sampler.",
        ),
        Mistake(
            "it gives the stream, not logits",
            _stream_only,
            "One step is missing: compare with all tokens, `norm(x) @ tokens.T`.",
        ),
    ),
)


# A bug to find --------------------------------------------------------------------------------------------


def _idle_blocks(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list, norm: Callable) -> Tensor:
    T = ids.shape[1]
    stream = tokens[ids] + positions[:T]
    x = stream
    for block in blocks:
        x = block(stream)
    x = norm(x)
    return x @ tokens.T


def _busy_blocks(ids: Tensor, tokens: Tensor, positions: Tensor, blocks: list, norm: Callable) -> Tensor:
    T = ids.shape[1]
    stream = tokens[ids] + positions[:T]
    x = stream
    for block in blocks:
        x = block(x)
    x = norm(x)
    return x @ tokens.T


idle_blocks = replace(
    gpt,
    name="idle_blocks",
    title="Find the bug: blocks without work",
    kind="bug",
    difficulty="easy",
    minutes=8,
    reference=_busy_blocks,
    faulty=_idle_blocks,
    symptom=(
        "Its shapes are right, and it begins with the loss of a blind guess; but of all its blocks only the "
        "last gets a gradient, so that it can do no more than a model of one layer."
    ),
    hints=(
        "No gradient: nothing that the block has computed reaches the loss. What becomes of its result?",
        "Go through the loop by hand, with two blocks. What goes into the first, and what into the second?",
        "Each block must go on from where the one before it stopped. Which of the two names holds that?",
    ),
    explanation=(
        "Every block got `stream`, the vectors from before the first block, and `x` was overwritten each "
        "time. So what the earlier blocks had found was thrown away, and no gradient came to them.\n\n"
        "No shape and no first loss shows such a thing, and the model does learn, as one of a single layer. "
        "That is why it pays to look once at the gradient of every parameter before a long training: none "
        "may be missing, and none may be 0."
    ),
)


# The same as classes --------------------------------------------------------------------------------------


_MultiHeadAttention = attention_exercises.MultiHeadAttention.reference  # as written in notebook 03


class _MLP(nn.Module):
    """Out to a space four times as wide, GELU, and back: x (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class _Block(nn.Module):
    """One layer: attention and MLP each read the normed stream x (B, T, C), and add to the stream itself."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = _MultiHeadAttention(width, n_heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = _MLP(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def _block_class_case(B: int, T: int, n_heads: int, D: int, seed: int, training: bool = True) -> ModuleCase:
    width = n_heads * D
    x = 2 * _random(B, T, width, seed=seed)
    return module_case(_Block, width, n_heads, seed=seed, training=training, x=x)


def _block_class_cases() -> list[Case]:
    sizes = ((2, 3, 2, 3), (1, 5, 3, 2), (3, 2, 4, 1), (2, 4, 1, 5), (1, 1, 2, 2), (1, 70, 1, 2))
    cases = [_block_class_case(*size, seed=400 + i, training=i % 2 == 0) for i, size in enumerate(sizes)]
    return [*cases, _with_low_scores(_block_class_case(1, 3, 1, 2, seed=410))]


def _with_low_scores(case: ModuleCase, layer: str = "") -> ModuleCase:
    """The same with keys that are the opposite of queries: each token's score with itself is very low."""
    eye = torch.eye(2)
    low = {
        f"{layer}norm1.weight": torch.ones(2),
        f"{layer}norm1.bias": torch.zeros(2),
        f"{layer}attention.qkv.weight": torch.cat([30 * eye, -30 * eye, eye]),
        f"{layer}attention.qkv.bias": torch.zeros(6),
    }
    return ModuleCase(*case.args, **{**case.kwargs, **low})


def _block_class_fresh(draw: Draw) -> Case:
    n_heads, D = draw.integer(1, 3), draw.integer(1, 3)
    x = draw.tensor(draw.integer(1, 3), draw.integer(1, 4), n_heads * D, extremes=False)
    more = {"seed": draw.integer(0, 99), "training": draw.boolean()}
    return module_case(_Block, n_heads * D, n_heads, **more, x=x)


def _block_by(function: Callable[..., Tensor]) -> type:
    """A block that computes as a function of its parts does."""

    def forward(self: _Block, x: Tensor) -> Tensor:
        return function(x, self.norm1, self.attention, self.norm2, self.mlp)

    return type("Block", (_Block,), {"forward": forward})


def _block_with(**parts: Callable[[int], nn.Module]) -> type:
    """A block with other parts, each made for a width."""

    class Block(_Block):
        def __init__(self, width: int, n_heads: int) -> None:
            super().__init__(width, n_heads)
            for name, make in parts.items():
                setattr(self, name, make(width))

    return Block


class _OneNorm(_Block):
    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__(width, n_heads)
        self.norm2 = self.norm1


def _mlp_with(bend: Part) -> Callable[[int], nn.Module]:
    class MLP(_MLP):
        def forward(self, x: Tensor) -> Tensor:
            return self.down(bend(self.up(x)))

    return MLP


class _NarrowMLP(_MLP):
    def __init__(self, width: int) -> None:
        nn.Module.__init__(self)
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)


def _as_classes(exercise: Exercise, make: Callable[[Any], type], *names: str) -> tuple[Mistake, ...]:
    """The mistakes of these names, made by classes."""
    return tuple(Mistake(m.name, make(m.wrong), m.why) for m in exercise.mistakes if m.name in names)


def _norms_begin_whole(model: nn.Module) -> bool | str:
    """Whether fresh norms change nothing but the length: their weights are 1."""
    norms = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.LayerNorm)]
    for name, norm in norms:
        if norm.weight is not None and bool((norm.weight != 1).any()):
            return f"`{name}.weight` begins with {norm.weight[0].item():.2g}."
    return True


def _block_begins_whole(answer: type) -> bool | str:
    """Whether a fresh block hands on what it is given, and no norm takes it away."""
    return _norms_begin_whole(answer(6, 3))


Block = Exercise(
    name="Block",
    topic="model",
    title="The block as a class",
    piece="block_class",
    difficulty="medium",
    minutes=15,
    reference=_Block,
    use=as_module,
    cases=_block_class_cases,
    fresh=_block_class_fresh,
    draws=6,
    properties=(Property("first weights", _block_begins_whole, "the norms' weights begin with 1"),),
    hints=(
        "Four parts in `__init__`, under the names that are asked for: two `nn.LayerNorm(width)`, the "
        "attention of notebook 03, and the MLP above. A part that is itself a module brings its parameters "
        "along.",
        "`forward` is your function `block`, with `self.` before its parts: each part reads the stream "
        "through a norm of its own, and adds to it.",
    ),
    explanation=(
        "A module made of modules: torch names each parameter by the way to it, `attention.qkv.weight` or "
        "`mlp.up.bias`, and finds all of them, however deep they lie. So a block's weights can be saved, "
        "loaded and trained without a further word.\n\n"
        "`forward` has the two sums and nothing else. All that is learned was made in `__init__`."
    ),
    mistakes=(
        *_as_classes(
            block,
            _block_by,
            "the norms come after the parts",
            "the norms come after the sums",
            "the stream itself is normed",
            "nothing is added, the parts replace the stream",
            "the MLP does not see what attention wrote",
            "attention's part is not added, it replaces the stream",
            "the MLP's part is not added",
            "the first norm is used twice",
            "the first norm is left out",
            "the second norm is left out",
            "the norms are left out",
        ),
        Mistake(
            "the MLP comes first",
            _block_by(lambda x, norm1, attention, norm2, mlp: _block(x, norm2, mlp, norm1, attention)),
            _FETCH_FIRST,
        ),
        Mistake(
            "both norms are one",
            _OneNorm,
            "`self.norm2 = self.norm1` gives one norm two names, and one set of weights. Make two.",
        ),
        Mistake(
            "the MLP's bend is left out",
            _block_with(mlp=_mlp_with(lambda wide: wide)),
            "Without it, the MLP's two matrices are as good as one: GELU stands between them.",
        ),
        Mistake(
            "ReLU instead of GELU",
            _block_with(mlp=_mlp_with(torch.relu)),
            'GPT-2 uses GELU, in its tanh form: `F.gelu(..., approximate="tanh")`.',
        ),
        Mistake(
            "the exact GELU instead of the tanh form",
            _block_with(mlp=_mlp_with(F.gelu)),
            'GPT-2 has the tanh form, `F.gelu(..., approximate="tanh")`: another number in the fourth digit.',
        ),
        Mistake(
            "the MLP is no wider inside than outside",
            _block_with(mlp=_NarrowMLP),
            "It goes out to four times the width, and back: `nn.Linear(width, 4 * width)`.",
        ),
        Mistake(
            "the norms learn nothing",
            _block_with(
                norm1=lambda width: nn.LayerNorm(width, elementwise_affine=False),
                norm2=lambda width: nn.LayerNorm(width, elementwise_affine=False),
            ),
            "A LayerNorm stretches and shifts by what it has learned: `nn.LayerNorm(width)` as it comes.",
        ),
    ),
)


class _GPT(nn.Module):
    """A GPT-2: ids (B, T) -> logits (B, T, V)."""

    def __init__(self, vocab_size: int, context_length: int, width: int, n_heads: int, n_layers: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(context_length, width)
        self.blocks = nn.ModuleList(_Block(width, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab_size, bias=False)
        self.head.weight = self.tokens.weight  # tied: one matrix at both ends
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            elif weight.ndim > 1:
                nn.init.normal_(weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.tokens(ids) + self.positions(places)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def _gpt_class_case(B: int, T: int, made: tuple[int, ...], seed: int, training: bool = True) -> ModuleCase:
    ids = _some_ids(made[0], B, T, seed=seed)
    return module_case(_GPT, *made, seed=seed, training=training, ids=ids)


def _gpt_class_cases() -> list[Case]:
    sizes = (
        (1, 3, (3, 5, 2, 1, 1)),
        (2, 3, (7, 5, 4, 2, 2)),
        (3, 5, (11, 5, 6, 3, 3)),
        (2, 4, (5, 6, 3, 1, 2)),
        (1, 1, (5, 4, 4, 4, 1)),
    )
    cases = [_gpt_class_case(*size, seed=500 + i, training=i % 2 == 0) for i, size in enumerate(sizes)]
    return [*cases, _with_low_scores(_gpt_class_case(1, 3, (5, 4, 2, 1, 1), seed=510), "blocks.0.")]


def _gpt_class_fresh(draw: Draw) -> Case:
    V, context, n_heads = draw.integer(2, 9), draw.integer(1, 5), draw.integer(1, 3)
    made = V, context, n_heads * draw.integer(1, 2), n_heads, draw.integer(1, 2)
    ids = draw.ids(V, draw.integer(1, 3), draw.integer(1, context))
    more = {"seed": draw.integer(0, 99), "training": draw.boolean()}
    return module_case(_GPT, *made, **more, ids=ids)


def _begins_small(answer: type) -> bool | str:
    """Whether fresh weights are those of GPT-2; what writes to the stream may be smaller by √(2 · layers)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = answer(48, 32, 32, 4, 2)
    for name, weight in model.named_parameters():
        if name.endswith("bias") and bool(weight.any()):
            return f"`{name}` does not."
        if weight.ndim > 1 and not 0.008 < (size := float(weight.detach().std())) < 0.024:
            return f"`{name}` begins with a deviation of {size:.2f}."
    return _norms_begin_whole(model)


def _gpt_by(function: Callable[..., Tensor]) -> type:
    """A GPT that computes as a function of its parts does."""

    def forward(self: _GPT, ids: Tensor) -> Tensor:
        return function(ids, self.tokens.weight, self.positions.weight, list(self.blocks), self.norm)

    return type("GPT", (_GPT,), {"forward": forward})


def _gpt_after(change: Callable[..., None]) -> type:
    """A GPT in which something is made otherwise once all is made."""

    class GPT(_GPT):
        def __init__(self, *made: int) -> None:
            super().__init__(*made)
            change(self, *made)

    return GPT


def _untied(model: nn.Module, vocab_size: int, context: int, width: int, *_: int) -> None:
    model.head = nn.Linear(width, vocab_size, bias=False)


def _tied_the_wrong_way(model: nn.Module, vocab_size: int, context: int, width: int, *_: int) -> None:
    model.head = nn.Linear(width, vocab_size)
    model.head.weight = model.tokens.weight


def _in_a_plain_list(model: nn.Module, *_: int) -> None:
    blocks = list(model.blocks)
    del model.blocks
    model.blocks = blocks


def _the_same_block(model: nn.Module, *made: int) -> None:
    model.blocks = nn.ModuleList([model.blocks[0]] * made[-1])


def _norms_at_zero(model: nn.Module, *_: int) -> None:
    for weight in model.parameters():
        if weight.ndim == 1:
            nn.init.zeros_(weight)


def _as_torch_begins(model: nn.Module, *_: int) -> None:
    for part in model.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()


GPT = Exercise(
    name="GPT",
    topic="model",
    title="The GPT as a class",
    piece="gpt_class",
    difficulty="hard",
    minutes=25,
    reference=_GPT,
    use=as_module,
    cases=_gpt_class_cases,
    fresh=_gpt_class_fresh,
    draws=6,
    properties=(
        Property(
            "first weights",
            _begins_small,
            "matrices and tables begin normal, with a deviation of 0.02 (or smaller, where they write to the "
            "stream), biases with 0, and the norms' weights with 1",
        ),
    ),
    hints=(
        "Five attributes: two `nn.Embedding`, an `nn.ModuleList` of blocks, an `nn.LayerNorm`, and an "
        "`nn.Linear` without bias, whose `weight` is then set to that of `tokens`. `forward` is your "
        "function `gpt`.",
        "A plain list hides the blocks from torch: `nn.ModuleList(Block(width, n_heads) for _ in "
        "range(n_layers))`. Positions are looked up with `torch.arange(T, device=ids.device)`.",
        "At the end of `__init__`, go through `self.named_parameters()`: zeros where the name ends with "
        "`bias`, `nn.init.normal_(weight, std=0.02)` where there are two axes; the norms' weights stay 1.",
    ),
    explanation=(
        "Made of your own parts, the whole model: look up, add the positions, run the blocks, norm, compare "
        "with all tokens. `self.head.weight = self.tokens.weight` makes the two one parameter: gradients "
        "from both ends add up in it, and it is counted once.\n\n"
        "torch would begin an `nn.Embedding` with deviation 1. With a tied head the first logits would be "
        "large, and the first loss far above ln V; with 0.02, the model begins by guessing blindly."
    ),
    mistakes=(
        *_as_classes(
            gpt,
            _gpt_by,
            "the positions are left out",
            "the last rows of the positions are taken",
            "the positions begin at row 1",
            "every position gets the first row",
            "every block gets the embeddings",
            "only the first block is used",
            "no block is used",
            "the blocks are run backwards",
            "x is added once more around each block",
            "the positions are added before every block",
            "the norm comes after every block",
            "the last norm is left out",
            "it gives probabilities",
            "it gives the stream, not logits",
        ),
        Mistake(
            "the head has a matrix of its own",
            _gpt_after(_untied),
            "The head is tied to the tokens: `self.head.weight = self.tokens.weight`.",
        ),
        Mistake(
            "the head has a bias",
            _gpt_after(_tied_the_wrong_way),
            "GPT-2's head has none: `nn.Linear(width, vocab_size, bias=False)`.",
        ),
        Mistake(
            "the blocks are in a plain list",
            _gpt_after(_in_a_plain_list),
            "torch looks for parameters in modules, and a list is none: nothing in it would be trained or "
            "saved. `nn.ModuleList([...])` is a list that torch knows.",
        ),
        Mistake(
            "all blocks are the same block",
            _gpt_after(_the_same_block),
            "`[Block(...)] * n_layers` makes one block, and lists it several times. Make a new one for each "
            "layer: `Block(...) for _ in range(n_layers)`.",
        ),
        Mistake(
            "the norms' weights begin with 0",
            _gpt_after(_norms_at_zero),
            "A norm's weight has one axis, as a bias has, and is none: with 0 it takes everything away that "
            "goes through it, and every logit is 0. Set to 0 only what is called `bias`.",
        ),
        Mistake(
            "the first weights are torch's own",
            _gpt_after(_as_torch_begins),
            "torch begins an `nn.Embedding` with deviation 1, and the head is tied to it: the first loss is "
            "far above ln V. Draw all matrices anew, with `nn.init.normal_(weight, std=0.02)`.",
        ),
    ),
)


# What it costs --------------------------------------------------------------------------------------------


def _count_parameters(vocab_size: int, context_length: int, width: int, n_layers: int) -> int:
    """How many numbers a GPT-2 learns; the head shares its matrix with the tokens."""
    attention = width * 3 * width + 3 * width + width * width + width  # qkv and out, with biases
    mlp = width * 4 * width + 4 * width + 4 * width * width + width  # up and down, with biases
    norms = 2 * 2 * width  # two, each with weight and bias
    tables = vocab_size * width + context_length * width
    return tables + n_layers * (attention + mlp + norms) + 2 * width  # and the last norm


_SIZES = (
    Case(7, 5, 2, 1),
    Case(11, 3, 4, 2),
    Case(11, 9, 6, 5),
    Case(65, 64, 64, 3),
    Case(1, 1, 1, 1),
    Case(2048, 256, 128, 4),
    Case(50257, 1024, 768, 12),
    Case(50257, 2048, 1280, 66),
    Case(1_300_000, 1_200_000, 70_000, 260),
    Case(50_257, 2048, 12_288, 96),  # GPT-3: more than 32 bits hold
)


def _fresh_sizes(draw: Draw) -> Case:
    V, context = (
        draw.integer(1, 12) * draw.choose((1, 100, 5000)),
        draw.integer(1, 12) * draw.choose((1, 64, 1)),
    )
    return Case(V, context, draw.integer(1, 12) * draw.choose((1, 64, 1)), draw.integer(1, 12))


def _miscount(
    head: int = 0, place: int = 1, bias: int = 1, layer_norms: int = 4, last: int = 2, square: int = 12
) -> Callable[..., int]:
    """A count of parameters with some part counted otherwise."""

    def wrong(vocab_size: int, context_length: int, width: int, n_layers: int) -> int:
        tables = (1 + head) * vocab_size * width + place * context_length * width
        return tables + n_layers * (square * width**2 + (9 * bias + layer_norms) * width) + last * width

    return wrong


def _one_layer(vocab_size: int, context_length: int, width: int, n_layers: int) -> int:
    return _count_parameters(vocab_size, context_length, width, 1)


count_parameters = Exercise(
    name="count_parameters",
    topic="model",
    title="Count the parameters",
    difficulty="medium",
    minutes=15,
    reference=_count_parameters,
    cases=_SIZES,
    fresh=_fresh_sizes,
    differentiable=False,
    hints=(
        "A matrix from a to b numbers holds a * b numbers, and b more for its bias. Go through the table of "
        "shapes from top to bottom: the two tables, one block times the layers, the last norm.",
        "In a block: `qkv` goes from C to 3C, `out` from C to C, `up` from C to 4C, `down` from 4C to C, "
        "each "
        "with a bias. A norm holds 2C: a weight and a bias. How many norms are there?",
        "All of a block is 12C² + 13C. The head has nothing of its own: it shares the tokens' table.",
    ),
    explanation=(
        "A block holds 12C² in its matrices: 3C² + C² in attention, 4C² + 4C² in the MLP. The biases are "
        "9C and the two norms 4C. Around the blocks stand the two tables, V·C and T·C, and one last norm. "
        "The "
        "number of heads plays no role.\n\n"
        'For GPT-2\'s sizes it gives 124,439,808: the "124M" of its name.'
    ),
    mistakes=(
        Mistake(
            "the head is counted, though it shares its matrix",
            _miscount(head=1),
            "Tied means that the head *is* the tokens' table. It is stored, and learned, once.",
        ),
        Mistake(
            "the head has a bias",
            lambda vocab_size, context_length, width, n_layers: (
                _count_parameters(vocab_size, context_length, width, n_layers) + vocab_size
            ),
            "The head is the tokens' table and nothing else: it has no bias.",
        ),
        Mistake(
            "the positions are left out",
            _miscount(place=0),
            "GPT-2 learns a vector for each place: context_length times width.",
        ),
        Mistake(
            "the biases of the matrices are left out",
            _miscount(bias=0),
            "Each matrix has a bias with one number per column: 3C + C + 4C + C in a block.",
        ),
        Mistake(
            "4C numbers too few in each block",
            _miscount(layer_norms=0),
            "Each block has two norms, each with a weight and a bias of C numbers. Or is it the first bias "
            "of the MLP that is missing? It is as wide as the MLP: 4C.",
        ),
        Mistake(
            "the norms have no bias",
            _miscount(layer_norms=2, last=1),
            "LayerNorm learns a weight and a bias: 2C for each norm.",
        ),
        Mistake(
            "the last norm is left out",
            _miscount(last=0),
            "After the last block there is one more norm, with 2C numbers.",
        ),
        Mistake(
            "2C numbers too few in each block",
            _miscount(layer_norms=2),
            "Are there two norms of 2C numbers each? And have queries, keys and values a bias each, 3C in "
            "all?",
        ),
        Mistake(
            "only the matrices of the blocks are counted",
            _miscount(bias=0, layer_norms=0, last=0),
            "12C² a block is the rule of thumb. But biases and norms are learned as well: 9C and 4C in each "
            "block, and 2C in the last norm.",
        ),
        Mistake(
            "attention's last matrix is left out",
            lambda vocab_size, context_length, width, n_layers: (
                _count_parameters(vocab_size, context_length, width, n_layers) - n_layers * (width**2 + width)
            ),
            "Besides queries, keys and values there is `out`, which joins the heads: C² + C.",
        ),
        Mistake(
            "the MLP is only as wide as the stream",
            lambda vocab_size, context_length, width, n_layers: (
                _count_parameters(vocab_size, context_length, width, n_layers)
                - n_layers * (6 * width**2 + 3 * width)
            ),
            "Inside, the MLP is 4 times as wide: `up` is C times 4C, `down` is 4C times C.",
        ),
        Mistake(
            "the tables are counted in every layer",
            lambda vocab_size, context_length, width, n_layers: (
                _count_parameters(vocab_size, context_length, width, n_layers)
                + (n_layers - 1) * (vocab_size + context_length) * width
            ),
            "Tokens and positions are looked up once, before the first block.",
        ),
        Mistake(
            "the last norm is counted in every layer",
            lambda vocab_size, context_length, width, n_layers: (
                _count_parameters(vocab_size, context_length, width, n_layers) + (n_layers - 1) * 2 * width
            ),
            "A block has two norms. The last one stands once, behind all blocks.",
        ),
        Mistake(
            "only one layer is counted",
            _one_layer,
            "Everything in a block comes `n_layers` times.",
        ),
    ),
)


def _flops_per_token(vocab_size: int, context_length: int, width: int, n_layers: int) -> int:
    """Multiplications and additions of a forward pass, per token, in a full window."""
    matrices = n_layers * 12 * width**2 + vocab_size * width  # the numbers that a token is multiplied with
    attention = n_layers * 2 * context_length * width  # scores with all keys, and the mix of all values
    return 2 * (matrices + attention)  # each product is a multiplication and an addition


def _misspent(
    each: int = 2, block: int = 12, head: int = 1, looks: int = 2, place: int = 0
) -> Callable[..., int]:
    """A count of operations with some part counted otherwise."""

    def wrong(vocab_size: int, context_length: int, width: int, n_layers: int) -> int:
        matrices = n_layers * block * width**2 + (head * vocab_size + place * context_length) * width
        return each * (matrices + looks * n_layers * context_length * width)

    return wrong


def _only_what_the_mask_leaves(vocab_size: int, context_length: int, width: int, n_layers: int) -> int:
    matrices = n_layers * 12 * width**2 + vocab_size * width
    return 2 * matrices + 2 * n_layers * (context_length + 1) * width  # (T + 1) / 2 keys on average


flops_per_token = Exercise(
    name="flops_per_token",
    topic="model",
    title="Count the operations",
    kind="explore",
    mark="more",
    difficulty="hard",
    minutes=15,
    reference=_flops_per_token,
    cases=_SIZES,
    fresh=_fresh_sizes,
    differentiable=False,
    hints=(
        "Each number in a matrix is used once for each token: one multiplication and one addition. Leave "
        "biases, norms and the bend out.",
        "The blocks' matrices hold 12C² numbers each, and the head has V·C. A look-up in a table is no "
        "multiplication. That leaves attention itself, in which a query meets T keys.",
        "A token's scores: T products of C numbers in all (over the heads). The mix of the values: as many "
        "again. So 2·T·C multiplications in each layer.",
    ),
    explanation=(
        "2·(12·L·C² + V·C) for the matrices, and 4·L·T·C for attention: the scores and the mixing take T·C "
        "multiplications each. Looking a vector up costs nothing, while the head, which is the same table, "
        "is "
        "multiplied in full.\n\n"
        "Attention's share is T / (6C + T) of a block: small until the text is several times longer than the "
        "stream is wide. (The half that the mask hides is counted here; good code can skip it.)"
    ),
    mistakes=(
        Mistake(
            "only the multiplications are counted",
            _misspent(each=1),
            "Each product is also added to a sum: two operations for each number in a matrix.",
        ),
        Mistake(
            "two operations for every parameter",
            lambda vocab_size, context_length, width, n_layers: (
                2 * _count_parameters(vocab_size, context_length, width, n_layers)
            ),
            "A good first guess. But positions and biases are not multiplied with, and attention's own "
            "products have no parameters.",
        ),
        Mistake(
            "attention itself is left out",
            _misspent(looks=0),
            "Scores and the mix of the values are products too, though no parameter takes part: 4·T·C in "
            "each "
            "layer.",
        ),
        *(
            Mistake(
                "only half of attention's products",
                answer,
                "The scores and the mix of the values take T·C products each, so 4·T·C operations in each "
                "layer. Is one of the two missing, or the half that the mask hides? It is counted here too.",
            )
            for answer in (_misspent(looks=1), _only_what_the_mask_leaves)
        ),
        Mistake(
            "attention's products are counted for one layer only",
            lambda vocab_size, context_length, width, n_layers: (
                _flops_per_token(vocab_size, context_length, width, n_layers)
                - 4 * (n_layers - 1) * context_length * width
            ),
            "Every layer has an attention of its own: `n_layers * 4 * context_length * width`.",
        ),
        Mistake(
            "the head is counted in every layer",
            lambda vocab_size, context_length, width, n_layers: (
                _flops_per_token(vocab_size, context_length, width, n_layers)
                + 2 * (n_layers - 1) * vocab_size * width
            ),
            "The head stands once, behind the last block.",
        ),
        Mistake(
            "the head is left out",
            _misspent(head=0),
            "The head holds no parameters of its own, but its product is computed: 2·V·C for each token.",
        ),
        Mistake(
            "the look-up of the tokens is counted like a product",
            _misspent(head=2),
            "Looking up a row costs no multiplication. Only the head multiplies with that table.",
        ),
        Mistake(
            "the positions are counted like a product",
            _misspent(place=1),
            "A position's vector is looked up and added. No matrix product there.",
        ),
        Mistake(
            "the MLP is only as wide as the stream",
            _misspent(block=6),
            "`up` and `down` hold 4C² each, so a block has 12C².",
        ),
        Mistake(
            "a whole training step is counted",
            _misspent(each=6),
            "The way back takes about twice as many on top. Asked for is the way forward alone.",
        ),
        Mistake(
            "all tokens of the window are counted",
            lambda vocab_size, context_length, width, n_layers: (
                context_length * _flops_per_token(vocab_size, context_length, width, n_layers)
            ),
            "Asked for is the count per token.",
        ),
    ),
)


# What a result shows --------------------------------------------------------------------------------------


twice_as_deep = Exercise(
    name="twice_as_deep",
    topic="model",
    title="Explain: twice as deep",
    kind="explain",
    difficulty="medium",
    minutes=4,
    reference="c",
    cases=(),
    hints=(
        "But for chance, the line is straight; now look at the scale on the left. What happens to the size "
        "from one mark to the next?",
        "The first fifty matrices made the numbers a hundred times as large. What do the next fifty do, "
        "which begin with those?",
    ),
    explanation=(
        "A straight line on a scale of powers of ten means: the same *factor* at every step, here about "
        "1.1. Fifty steps are a factor of about a hundred, so another fifty are a hundred times a hundred. "
        "Growth of this kind runs away, and shrinking of this kind dies out; a norm after each matrix stops "
        "both."
    ),
    mistakes=(
        Mistake(
            "growth by the same amount",
            "a",
            "On a plain scale, a straight line would mean that. Here each mark on the left is ten times the "
            "one below it: it is the *factor* that stays the same.",
        ),
        Mistake(
            "the factor was taken to become smaller",
            "b",
            "Then the line would bend. But for chance, it is straight: large numbers are multiplied just as "
            "small ones are.",
        ),
        Mistake(
            "growth that comes to an end",
            "d",
            "Nothing holds the numbers: each matrix makes them about 1.1 times as large, whatever they are "
            "by then. The level line of the factor 1.1 is the one with a norm.",
        ),
    ),
)


share_of_blocks = Exercise(
    name="share_of_blocks",
    topic="model",
    title="Explain: how much of GPT-2 lies in its blocks?",
    kind="explain",
    difficulty="medium",
    minutes=4,
    reference=68.0,
    atol=1.5,
    cases=(),
    hints=(
        "Look at the row in which only the blocks are doubled. What stays as it was there?",
        "All else stays, and the blocks come once more. So what is added, as a part of what was there "
        "before?",
    ),
    explanation=(
        "With twice the layers the blocks come once more, and all else stays: what is added is just what "
        "was in the blocks before. 1.68 - 1 = 0.68, so they hold 68 percent. (The figure of the four GPT-2s "
        "says the same: attention and MLP together.) The other 32 percent are nearly all in the table of "
        "tokens, as the last row says in the same way."
    ),
    mistakes=(
        Mistake(
            "it is not in percent",
            0.68,
            "Percent are asked for, a number between 0 and 100.",
        ),
        Mistake(
            "what the model has afterwards",
            168.0,
            "That is all of the larger model, in percent of the smaller one. What was *added*?",
        ),
        Mistake(
            "half of what the model has afterwards",
            84.0,
            "Only the blocks were doubled, so half of the new model is not what the blocks were before.",
        ),
        Mistake(
            "what lies outside of the blocks",
            32.0,
            "That is the rest, which stays as it was: mostly the table of tokens.",
        ),
        Mistake(
            "operations, not parameters",
            73.0,
            "The second column counts operations. How many *numbers* lie in the blocks is in the first.",
        ),
    ),
)


quiz = Quiz(
    topic="model",
    questions=(
        Question(
            "In which part of a GPT can information get from one token to another?",
            (
                Option(
                    "In attention alone.",
                    "Norms, the MLP and the head work on each token by itself. That is why the causal "
                    "mask is needed in one place only.",
                    right=True,
                ),
                Option(
                    "In attention and MLP.",
                    "The MLP's matrices mix the features of one token. Other tokens never enter.",
                ),
                Option(
                    "In attention and norms.",
                    "The mean is over the features of one token. Over the tokens, it would be a leak.",
                ),
                Option(
                    "In the residual stream.",
                    "Each token has a stream of its own. The sums keep what is there, and move nothing "
                    "sideways.",
                ),
            ),
        ),
        Question(
            "What does a block do to the residual stream?",
            (
                Option(
                    "It replaces it, twice.",
                    "That was our broken model. What one part throws away, no later part can read.",
                ),
                Option(
                    "It norms it, twice.",
                    "The norms stand before the parts: they change what a part reads, not the stream.",
                ),
                Option(
                    "It adds to it, twice.",
                    "Attention adds what it has fetched, the MLP what it makes of it. To erase something, "
                    "a part must add its opposite.",
                    right=True,
                ),
                Option(
                    "It widens it, twice.",
                    "Only inside the MLP there is a wider space. The stream has C numbers from end to end.",
                ),
            ),
        ),
        Question(
            "You double the width C and keep the number of layers. The numbers in the blocks become about "
            "...",
            (
                Option(
                    "2 times as many.",
                    "That is what twice as many layers would do.",
                ),
                Option(
                    "4 times as many.",
                    "12C² per block: twice the width, four times the numbers, and about four times the time.",
                    right=True,
                ),
                Option(
                    "8 times as many.",
                    "A matrix has two sides that are doubled, not three.",
                ),
                Option(
                    "12 times as many.",
                    "12 is how many squares of the width a block holds, before and after. It doesn't grow.",
                ),
            ),
        ),
        Question(
            "A fresh GPT with a vocabulary of 4,096 shows a loss of 8.3 nats. What does that tell?",
            (
                Option(
                    "It has learned something already: blind guessing costs more.",
                    "Nothing has been trained, and blind guessing costs ln 4,096, which is just that.",
                ),
                Option(
                    "Its learning rate is too high: the loss should begin lower.",
                    "The loss was measured before the first step.",
                ),
                Option(
                    "Its head is faulty: a loss this high means sure, wrong guesses.",
                    "Sure, wrong guesses would cost *more*. This is what even guesses cost.",
                ),
                Option(
                    "It is as it should be: each token gets about the same probability.",
                    "ln 4,096 = 8.32. A good start knows nothing and is sure of nothing.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Why are the matrices that write to the stream made smaller in deeper models?",
            (
                Option(
                    "So that a deep model needs no more memory than a shallow one in training.",
                    "A small number takes as many bytes as a large one.",
                ),
                Option(
                    "So that the sum of their contributions starts out as large as in a shallow model.",
                    "2L independent contributions add up to √(2L) times the size of one. Dividing by "
                    "√(2L) takes that back.",
                    right=True,
                ),
                Option(
                    "So that the scores in attention are spread alike in each layer, and don't saturate.",
                    "That is what 1/√D is for, in each head. This factor counts the layers.",
                ),
                Option(
                    "So that a deep model, which has more numbers, doesn't learn its texts by heart.",
                    "It is about the start only. The training may make the matrices as large as it likes.",
                ),
            ),
        ),
    ),
)
