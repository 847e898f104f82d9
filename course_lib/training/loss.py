"""The loss: how surprised a model is by what came.

It knows logits and targets, and no model.
"""

from __future__ import annotations

import torch

from course_lib.arguments import check_ids, choice, is_whole, shown, whole, wrong
from course_lib.training.evaluation import IGNORE

REDUCTIONS = ("mean", "sum", "none")


def cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, ignore_index: int = IGNORE, reduction: str = "mean"
) -> torch.Tensor:
    """How surprised the model is by the right token: -log(probability), averaged over the tokens that count.

    Shapes: logits (..., V), targets (...). Units: nats per token; a uniform guess costs log(V).
    `reduction` is "mean", "sum" or "none" (one number per target, 0 where ignored).
    Raises: ValueError for shapes that don't belong together, and for a mean of nothing.

    >>> logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    >>> cross_entropy(logits, torch.tensor([0, 1]))  # two equal choices: log(2)
    tensor(0.6931)
    """
    _check(logits, targets, ignore_index, reduction)
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


def _check(logits: torch.Tensor, targets: torch.Tensor, ignore_index: int, reduction: str) -> None:
    number = whole("cross_entropy", "ignore_index", ignore_index, least=None)
    if abs(number) >= 2**63:
        raise wrong("cross_entropy", "ignore_index", number, f"a number of at most 64 bits, such as {IGNORE}")
    choice("cross_entropy", "reduction", reduction, REDUCTIONS)
    both = isinstance(logits, torch.Tensor) and isinstance(targets, torch.Tensor)
    if not (both and logits.ndim and logits.shape[:-1] == targets.shape and is_whole(targets)):
        raise ValueError(
            f"cross_entropy got logits={shown(logits)} and targets={shown(targets)}; it needs scores "
            "(..., V), and whole numbers (...): one target for each row of scores."
        )
    if not logits.is_floating_point():
        raise ValueError(f"cross_entropy got logits={shown(logits)}; scores are floats: logits.float().")
    check_ids("cross_entropy", targets, logits.shape[-1], ignore_index)
    if reduction == "mean" and not bool((targets != ignore_index).any()):
        raise ValueError(
            f"cross_entropy got no target to learn from: all of {shown(targets)} are {ignore_index}; give "
            'one, or take reduction="sum".'
        )
