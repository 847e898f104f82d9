"""What the exercises of notebook 06 have in common: logits for their cases."""

from __future__ import annotations

import math

import torch

from course_lib.exercises import Draw

Tensor = torch.Tensor
INFINITY = math.inf


def random(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def logits_of(*rows: list[float]) -> Tensor:
    """Logits whose softmax is the given rows of probabilities."""
    return torch.tensor(rows).log()


def turned(matrix: Tensor) -> Tensor:
    """The same matrix in another order in memory, so that `view` refuses."""
    return matrix.T.contiguous().T


def drawn_logits(draw: Draw, B: int, V: int) -> Tensor:
    """Logits (B, V) of any kind, some of them minus infinity; now and then in another order in memory."""
    logits = draw.logits(B, V, hidden=True)
    return turned(logits) if draw.choose((False, False, True)) else logits
