"""What turns a gradient into a step: AdamW, gradient clipping, parameter groups.

Everything here is written out so that it can be read, and equals torch's own version. It does not know about
losses, data or the training loop; `course_lib.training` puts the pieces together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from course_lib.arguments import check_function, check_instance, flag, many, number, whole, wrong
from course_lib.training.recipe import checked_betas


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
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(_checked_groups(type(self).__name__, params), settings)
        for group in self.param_groups:
            _check_settings(type(self).__name__, group)

    @torch.no_grad()
    def step(self, closure: Callable[[], torch.Tensor] | None = None) -> torch.Tensor | None:
        """Move every parameter that has a gradient; returns the closure's loss if a closure is given."""
        loss = None
        if closure is not None:
            check_function("step", "closure", closure, 0, "a function that computes the loss, or None")
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


def _checked_groups(owner: str, params: Any) -> list[Any]:
    """The parameters, or groups of them, as a list."""
    if isinstance(params, nn.Module):
        raise ValueError(f"{owner} got a model; it needs its parameters: {owner}(model.parameters()).")
    if isinstance(params, torch.Tensor):
        raise wrong(owner, "params", params, "a list: put it in brackets")
    groups = many(owner, "params", params, "parameters, such as model.parameters()")
    if not groups or not all(isinstance(one, torch.Tensor | dict | tuple) for one in groups):
        raise wrong(owner, "params", groups, "a list of parameters, such as model.parameters()")
    for group in groups:
        if isinstance(group, dict):
            _check_group(owner, group)
    return groups


def _check_group(owner: str, group: dict[str, Any]) -> None:
    weights = group.get("params")
    if not isinstance(weights, torch.Tensor):  # one alone is as good, to torch too
        weights = many(owner, "params", weights, "parameters in each group, such as model.parameters()")
        group["params"] = weights
        for weight in weights:
            check_instance(owner, "params", weight, torch.Tensor | tuple, "parameters in each group")


def _check_settings(owner: str, group: dict[str, Any]) -> None:
    for name in ("lr", "eps", "weight_decay"):
        group[name] = number(owner, name, group[name], "0 or more, and finite", lambda x: 0 <= x < math.inf)
    flag(owner, "matrices", group.get("matrices", False))
    group["betas"] = checked_betas(owner, "betas", group["betas"])
    if group.get("matrices"):
        number(owner, "momentum", group.get("momentum", 0.95), "from 0 to below 1", lambda x: 0 <= x < 1)
        for weight in group["params"]:
            if weight.ndim != 2:
                raise wrong(owner, "matrices", weight, "parameters of two axes; put others in another group")


def orthogonalize(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """The matrix with its singular values moved close to 1: same directions, about equal strength in each.

    Five rounds of a polynomial that lifts small singular values and lowers large ones; cheaper than an
    exact decomposition, and close enough: the values end between about 0.7 and 1.2.

    Shapes: matrix (m, n), of any float dtype.
    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", with the
    coefficients (https://kellerjordan.github.io/posts/muon/).

    >>> values = torch.linalg.svdvals(orthogonalize(torch.tensor([[9.0, 0.0, 0.0], [0.0, 1.0, 0.0]])))
    >>> bool((values > 0.6).all() and (values < 1.3).all())
    True
    """
    check_matrix("orthogonalize", matrix)
    steps = whole("orthogonalize", "steps", steps, least=0)
    x = matrix / (matrix.norm() + 1e-7)
    wide = x if x.size(0) <= x.size(1) else x.T
    for _ in range(steps):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.7750 * square + 2.0315 * square @ square) @ wide
    return wide if x.size(0) <= x.size(1) else wide.T


def check_matrix(owner: str, matrix: torch.Tensor) -> None:
    """Raises ValueError unless this is a matrix of floats.

    >>> check_matrix("orthogonalize", 3)
    Traceback (most recent call last):
    ValueError: orthogonalize got matrix=3; it must be floats (m, n).
    """
    if not (isinstance(matrix, torch.Tensor) and matrix.ndim == 2 and matrix.is_floating_point()):
        raise wrong(owner, "matrix", matrix, "floats (m, n)")


class Muon(AdamW):
    """Muon for the matrices inside the layers, AdamW for everything else.

    AdamW gives every single weight a step of the same size. Muon treats a matrix as a whole: it takes the
    running mean of its gradient and evens out the singular values, so that rare directions move as far as
    common ones. Groups with `matrices=True` are stepped that way, with `lr` and `momentum` of their own.

    Source: Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/); Liu et al. 2025
    (arXiv:2502.16982).

    >>> weight = torch.nn.Parameter(torch.zeros(2, 3))
    >>> weight.grad = torch.tensor([[9.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> Muon([{"params": [weight], "matrices": True, "lr": 0.1, "weight_decay": 0.0}]).step()
    >>> weight.detach().diagonal().round(decimals=1)  # both rows move alike, though their gradients differ
    tensor([-0.1000, -0.1000])
    """

    def _step_one(self, weight: torch.Tensor, group: dict[str, Any]) -> None:
        if not group.get("matrices"):
            return super()._step_one(weight, group)
        momentum, state = group.get("momentum", 0.95), self.state[weight]
        mean = state.setdefault("momentum", torch.zeros_like(weight))
        mean.lerp_(weight.grad, 1 - momentum)
        update = orthogonalize(weight.grad.lerp(mean, momentum))  # a look ahead: Nesterov's form of momentum
        shape = (
            max(1.0, weight.size(0) / weight.size(1)) ** 0.5
        )  # tall matrices need more for the same effect
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(update, alpha=-group["lr"] * shape)


def muon_groups(
    model: nn.Module, lr: float, matrix_lr: float = 0.02, matrix_decay: float = 0.0
) -> list[dict[str, Any]]:
    """Parameter groups for `Muon`: the matrices inside the layers, and the rest (tables, head, gains ...).

    Raises: ValueError if there is no matrix inside a layer.

    >>> model = torch.nn.Sequential(torch.nn.Embedding(7, 3), torch.nn.Linear(3, 5), torch.nn.Linear(5, 7))
    >>> [tuple(p.shape) for p in muon_groups(model, lr=1e-3)[0]["params"]]  # not the embedding, not the head
    [(5, 3)]
    """
    check_instance("muon_groups", "model", model, nn.Module, "a module of torch")
    for name, value in (("lr", lr), ("matrix_lr", matrix_lr), ("matrix_decay", matrix_decay)):
        number("muon_groups", name, value, "0 or more, and finite", lambda x: 0 <= x < math.inf)
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    inside = {id(linear.weight) for linear in linears[:-1]}  # the last one is the head
    shared = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in parameters if id(parameter) in inside - shared]
    if not matrices:
        raise ValueError("The model has no matrix inside a layer for Muon; use AdamW for it.")
    rest = [parameter for parameter in parameters if id(parameter) not in {id(m) for m in matrices}]
    return [
        {"params": matrices, "matrices": True, "lr": matrix_lr, "weight_decay": matrix_decay},
        {"params": rest, "lr": lr, "weight_decay": 0.0},
    ]


def _weights(parameters: Any) -> list[torch.Tensor]:
    if isinstance(parameters, torch.Tensor):  # one alone, as torch's own function takes it
        return [parameters]
    if isinstance(parameters, nn.Module):
        return list(parameters.parameters())
    weights = many("clip_gradients", "parameters", parameters, "parameters, such as model.parameters()")
    for weight in weights:
        needed = "parameters, such as model.parameters()"
        check_instance("clip_gradients", "parameters", weight, torch.Tensor, needed)
    return weights


@torch.no_grad()
def clip_gradients(parameters: Iterable[torch.Tensor], max_norm: float) -> torch.Tensor:
    """Shrink all gradients together to a common length of at most `max_norm`; returns the length before.

    One bad batch then turns the weights no further than a usual one. The direction is kept.

    Raises: ValueError for a length that isn't above 0.
    Source: Pascanu, Mikolov and Bengio 2013, section 3.2 (arXiv:1211.5063).

    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_gradients([weight], max_norm=1.0)
    tensor(5.)
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """
    max_norm = number("clip_gradients", "max_norm", max_norm, "above 0, e.g. 1.0", lambda x: x > 0)
    gradients = [weight.grad for weight in _weights(parameters) if weight.grad is not None]
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
    check_instance("parameter_groups", "model", model, nn.Module, "a module of torch")
    decay_embeddings = flag("parameter_groups", "decay_embeddings", decay_embeddings)
    needed = "0 or more, e.g. 0.1"
    weight_decay = number(
        "parameter_groups", "weight_decay", weight_decay, needed, lambda x: 0 <= x < math.inf
    )
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
