"""All gradients shrunk together where they are too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake
from course_lib.training.exercises.shared import Tensor, random


def _clip_gradients(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    """All gradients, shrunk by one factor so that together they are no longer than `max_norm`."""
    length = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    factor = (max_norm / (length + 1e-6)).clamp(max=1.0)
    return [gradient * factor for gradient in gradients]


def _clip_cases() -> list[Case]:
    return [
        Case([torch.tensor([3.0]), torch.tensor([4.0])], 1.0),
        Case([random(2, 3, seed=60), 3 * random(5, seed=61), random(7, seed=62)], 2.0),
        Case([0.1 * random(2, 3, seed=63), 0.2 * random(5, seed=64)], 3.0),
        Case([torch.zeros(2), torch.zeros(3, 2)], 1.0),
        Case([random(3, seed=65), 10 * random(3, seed=65)], 0.5),
        Case([torch.tensor([3.0]), torch.tensor([4.0])], 5.0),  # just as long as is allowed
        Case([torch.tensor([3.0]), torch.tensor([4.0])], 4.5),  # a little longer
        Case([90 * random(2, 3, seed=66).T, torch.tensor(-60.0), torch.zeros(1)], 70.0),
        Case([8e-4 * random(4, 2, 2, seed=67), 8e-4 * random(2, seed=67)], 0.4),
        Case([random(1100, 2, seed=68), random(2, 1100, seed=69)], 2.0),
        Case([random(2, seed=205)] * 66, 3.0),
        Case([torch.tensor([0.7])] * 260, 3.0),
        Case([40 * torch.ones(3), torch.tensor([0.5])], 0.05),
        Case([torch.tensor([[[[3.0]]]]), torch.tensor([4.0])], 5e-4),
    ]


def _clip_fresh(draw: Draw) -> Case:
    gradients = draw.list(lambda: draw.tensor(*draw.shape((0, 4), (1, 3))), 1, 5)
    length = float(_flat(gradients).norm())
    return Case(gradients, draw.choose((1.0, 0.5, 5.0, 100.0, max(1.0, length), max(1.0, length / 2))))


def _scaled(length: Callable[[list[Tensor]], Any]) -> Callable[..., list[Tensor]]:
    """Clipping by some other length."""

    def wrong(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
        factor = (max_norm / (torch.as_tensor(length(gradients)) + 1e-6)).clamp(max=1.0)
        return [gradient * factor for gradient in gradients]

    return wrong


def _flat(gradients: list[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])


def _each_alone(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    return [_clip_gradients([gradient], max_norm)[0] for gradient in gradients]


def _always_scaled(eps: float) -> Callable[..., list[Tensor]]:
    """Scaled to `max_norm` in any case; zeros stay."""
    return lambda gradients, max_norm: [
        gradient * max_norm / (_flat(gradients).norm() + eps) for gradient in gradients
    ]


def _to_one(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    length = _flat(gradients).norm()
    return [gradient / length if length > max_norm else gradient for gradient in gradients]


def _clip_in_place(eps: float) -> Callable[..., list[Tensor]]:
    """Clipping in place; without eps, what is just as long as is allowed stays as it is."""

    def wrong(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
        length = _flat(gradients).norm() + eps
        for gradient in gradients:
            gradient *= max_norm / length if length > max_norm else 1.0
        return gradients

    return wrong


def _upside_down(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    length = _flat(gradients).norm()
    return [gradient * (length / max_norm if length > max_norm else 1.0) for gradient in gradients]


def _thrown_away(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    keep = float(_flat(gradients).norm() <= max_norm)
    return [keep * gradient for gradient in gradients]


_NEW_ONES = "`*=` and `mul_` write into the tensors that were handed in. Give back new ones."
_AT_MOST_1 = "Only what is longer than `max_norm` is scaled: the factor is at most 1."


clip_gradients = Exercise(
    name="clip_gradients",
    topic="training",
    title="Clip the gradients together",
    difficulty="easy",
    minutes=8,
    reference=_clip_gradients,
    differentiable=False,
    cases=_clip_cases,
    fresh=_clip_fresh,
    hints=(
        "Think of all numbers of all gradients as one long vector. How long is it? By which factor must it "
        "shrink, if at all?",
        "The length is the root of the sum of *all* squares: add `gradient.square().sum()` over the list, "
        "then take the root once.",
        "The factor is `max_norm / (length + 1e-6)`, but at most 1. Give back a new list with every gradient "
        "times that factor.",
    ),
    explanation=(
        "One length for all, one factor for all: the direction of the step is kept, only its length is "
        "limited. Most steps are shorter than `max_norm` and pass unchanged; a step from one bad batch is "
        "not allowed to undo what others have gained (Pascanu, Mikolov and Bengio 2013).\n\n"
        "The 1e-6 keeps a gradient of zeros from a division by zero, and is too small to see otherwise. "
        "`nn.utils.clip_grad_norm_` does the same in place, and returns the length before."
    ),
    mistakes=(
        Mistake(
            "each tensor is clipped on its own",
            _each_alone,
            "Then some shrink and some don't, and the direction turns. Measure one length over all of them.",
        ),
        *(
            Mistake(
                name,
                _scaled(length),
                "The length is that of *all* numbers in one long vector: the root of the sum of all squares, "
                "over all tensors.",
            )
            for name, length in (
                ("the mean of the tensors' lengths", lambda g: sum(t.norm() for t in g) / len(g)),
                ("the length of the first tensor only", lambda g: g[0].norm()),
            )
        ),
        Mistake(
            "each number is clipped",
            lambda gradients, max_norm: [gradient.clamp(-max_norm, max_norm) for gradient in gradients],
            "That is clipping by value, and turns the direction. Here all numbers shrink by one factor.",
        ),
        Mistake("short gradients are stretched", _always_scaled(1e-6), _AT_MOST_1),
        Mistake("short gradients are stretched", _always_scaled(1e-30), _AT_MOST_1),
        Mistake(
            "the factor is upside down",
            _upside_down,
            "That makes long gradients longer still. `max_norm / length` is below 1 where they are too long.",
        ),
        Mistake(
            "scaled to the length 1",
            _to_one,
            "It should become `max_norm` long: `gradient * max_norm / length`.",
        ),
        Mistake(
            "the lengths of the tensors are added up",
            _scaled(lambda gradients: sum(gradient.norm() for gradient in gradients)),
            "Two sides of 3 and 4 have a diagonal of 5, not of 7. Add the *squares*, then take the root.",
        ),
        Mistake(
            "the root is left out",
            _scaled(lambda gradients: _flat(gradients).square().sum()),
            "The sum of the squares is the length squared. Take its root.",
        ),
        Mistake(
            "the sum of the sizes instead of the length",
            _scaled(lambda gradients: _flat(gradients).abs().sum()),
            "A vector's length is the root of the sum of its squares.",
        ),
        Mistake(
            "the largest number instead of the length",
            _scaled(lambda gradients: _flat(gradients).abs().max()),
            "All numbers count for the length: the root of the sum of their squares.",
        ),
        Mistake(
            "the mean of the squares instead of their sum",
            _scaled(lambda gradients: _flat(gradients).square().mean().sqrt()),
            "Then a larger model could make longer steps. The length takes the *sum* of the squares.",
        ),
        Mistake(
            "the longest tensor's length",
            _scaled(lambda gradients: max(gradient.norm() for gradient in gradients)),
            "Together they are longer than the longest of them. Add up the squares of all.",
        ),
        Mistake(
            "what is too long is thrown away",
            _thrown_away,
            "A long gradient still knows the direction. Shrink it, and keep it.",
        ),
        Mistake(
            "it gives the length",
            lambda gradients, max_norm: _flat(gradients).norm(),
            "torch's function returns the length, since it changes the gradients in place. Here, give back "
            "the new gradients.",
        ),
        Mistake(
            "it gives one long vector",
            lambda gradients, max_norm: _clip_gradients([_flat(gradients)], max_norm)[0],
            "The scaling is right, but each weight needs a gradient of its own shape: a list as it came in.",
        ),
        Mistake("the inputs are changed", _clip_in_place(1e-6), _NEW_ONES),
        Mistake("the inputs are changed", _clip_in_place(0.0), _NEW_ONES),
    ),
)
