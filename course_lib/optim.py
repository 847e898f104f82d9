"""What turns a gradient into a step: AdamW, gradient clipping, parameter groups.

Everything here is written out so that it can be read, and equals torch's own version. It does not know about
losses, data or the training loop; `course_lib.training` puts the pieces together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


class AdamW(torch.optim.Optimizer):
    """Adam with decoupled weight decay, one parameter at a time.

    For each weight it keeps a running mean of the gradient (which way?) and of its square (how large,
    usually?) and steps by their ratio, so that every weight moves by about `lr` per step whatever the scale
    of its gradient. The decay shrinks the weight itself and is not mixed into the gradient.

    Raises: ValueError for a negative rate, decay or epsilon, or a beta outside [0, 1).
    Source: Kingma and Ba 2015, algorithm 1 (arXiv:1412.6980); Loshchilov and Hutter 2019, algorithm 2
    (arXiv:1711.05101).

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> weight.grad = torch.tensor([250.0])
    >>> AdamW([weight], lr=0.1, weight_decay=0.0).step()
    >>> weight.detach()  # the first step is lr in the gradient's direction, however large the gradient
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        if lr < 0 or eps < 0 or weight_decay < 0:
            raise ValueError(
                f"AdamW got lr={lr}, eps={eps}, weight_decay={weight_decay}; none may be negative."
            )
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(
                f"AdamW got betas={betas}; both must be at least 0 and below 1, e.g. (0.9, 0.95)."
            )
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor] | None = None) -> torch.Tensor | None:
        """Move every parameter that has a gradient; returns the closure's loss if a closure is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step_one(weight, group)
        return loss

    def _step_one(self, weight: torch.Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[weight], group["betas"]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        state["step"] += 1
        t, mean, square = state["step"].item(), state["exp_avg"], state["exp_avg_sq"]
        mean.mul_(beta1).add_(weight.grad, alpha=1 - beta1)
        square.mul_(beta2).addcmul_(weight.grad, weight.grad, value=1 - beta2)
        # Both averages start at zero and so are too small at first; dividing by 1 - beta^t undoes that.
        usual_size = (square / (1 - beta2**t)).sqrt_().add_(group["eps"])
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.addcdiv_(mean / (1 - beta1**t), usual_size, value=-group["lr"])


@torch.no_grad()
def clip_gradients(parameters: Iterable[torch.Tensor], max_norm: float) -> torch.Tensor:
    """Shrink all gradients together to a common length of at most `max_norm`; returns the length before.

    One bad batch then turns the weights no further than a usual one. The direction is kept.

    Source: Pascanu, Mikolov and Bengio 2013, section 3.2 (arXiv:1211.5063).

    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_gradients([weight], max_norm=1.0)
    tensor(5.)
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """
    gradients = [weight.grad for weight in parameters if weight.grad is not None]
    if not gradients:
        return torch.tensor(0.0)
    length = torch.stack([(gradient**2).sum() for gradient in gradients]).sum().sqrt()
    factor = (max_norm / (length + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor)
    return length


def parameter_groups(
    model: nn.Module, weight_decay: float = 0.1, decay_embeddings: bool = False
) -> list[dict[str, Any]]:
    """Split the trainable parameters into those that decay and those that don't, as an optimizer wants them.

    Matrices decay. Biases and the gains of norms don't: they are few, cannot overfit much, and a gain pulled
    to zero would switch its layer off. Embedding tables (learned positions and a tied output matrix included)
    decay only on request. A parameter used in two places is listed once; frozen parameters are left out.

    Raises: ValueError if nothing is trainable.

    >>> model = torch.nn.Sequential(torch.nn.Embedding(7, 3), torch.nn.Linear(3, 5), torch.nn.LayerNorm(5))
    >>> groups = parameter_groups(model)
    >>> [(group["weight_decay"], [tuple(p.shape) for p in group["params"]]) for group in groups]
    [(0.1, [(5, 3)]), (0.0, [(7, 3), (5,), (5,), (5,)])]
    """
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    decayed, kept = [], []
    for parameter in model.parameters():  # parameters() names a shared parameter once
        if parameter.requires_grad:
            table_kept = id(parameter) in tables and not decay_embeddings
            (kept if parameter.dim() < 2 or table_kept else decayed).append(parameter)
    if not decayed and not kept:
        raise ValueError(
            "The model has no trainable parameter; set requires_grad=True on those that should learn."
        )
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
