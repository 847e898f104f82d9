"""The loss: how surprised a model is by what came.

It knows logits and targets, and no model.
"""

from __future__ import annotations

import torch

from course_lib.training.evaluation import (
    IGNORE,
)


def cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, ignore_index: int = IGNORE, reduction: str = "mean"
) -> torch.Tensor:
    """How surprised the model is by the right token: -log(probability), averaged over the tokens that count.

    Shapes: logits (..., V), targets (...). Units: nats per token; a uniform guess costs log(V).
    `reduction` is "mean", "sum" or "none" (one number per target, 0 where ignored).

    >>> logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    >>> cross_entropy(logits, torch.tensor([0, 1]))  # two equal choices: log(2)
    tensor(0.6931)
    """
    counts = targets != ignore_index
    safe_targets = targets.where(counts, 0)
    right = logits.gather(-1, safe_targets[..., None])[..., 0]
    # log(sum(exp(logits))) with the largest logit taken out first, so that exp cannot overflow.
    largest = logits.amax(-1, keepdim=True)
    log_total = largest[..., 0] + (logits - largest).exp().sum(-1).log()
    nats = (log_total - right).where(counts, 0.0)
    if reduction == "none":
        return nats
    return nats.sum() if reduction == "sum" else nats.sum() / counts.sum()
