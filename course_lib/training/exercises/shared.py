"""What the exercises of notebook 05 share: tensors and models for their cases, the same at every call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

Tensor = torch.Tensor


def random(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def some_ids(V: int, *shape: int, seed: int) -> Tensor:
    """Ids below V."""
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True, repr=False)
class Made:
    """Something that is made afresh for every call (a model, an optimizer), with the name seen in the
    call."""

    name: str
    make: Callable[..., Any]
    with_: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return self.name

    def __call__(self, *more: Any) -> Any:
        return self.make(*more, *self.with_)

    @property
    def __name__(self) -> str:
        return self.name

    def __deepcopy__(self, memo: dict) -> Made:  # nothing in it can change
        return self


def table_model(V: int) -> nn.Module:
    """The smallest model: a row of logits for each token, all 0."""
    model = nn.Embedding(V, V)
    nn.init.zeros_(model.weight)
    return model


class _MeanOfThePast(nn.Module):
    """Each position gets the mean of those up to it: texts that are joined or cut give something else."""

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(dim=1) / torch.arange(1, x.shape[1] + 1)[:, None]


class _LargerInTraining(nn.Module):
    """Knows whether it is in training, as dropout does, but does the same every time."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.5 * x if self.training else x


def small_model(V: int, C: int, seed: int) -> nn.Module:
    """Two layers with fixed weights, ids (B, T) -> logits (B, T, V)."""
    model = nn.Sequential(nn.Embedding(V, C), _MeanOfThePast(), _LargerInTraining(), nn.Linear(C, V))
    for number, weight in enumerate(model.parameters()):
        weight.data = random(*weight.shape, seed=seed + number)
    return model


def in_training(model: nn.Module) -> list[bool]:
    """For each part of a model, whether it is in training."""
    return [part.training for part in model.modules()]


def nothing(*_: Any) -> None:
    """What stands for a part that is left out."""
