"""Properties that many exercises ask for: no look into the future, gradients that arrive.

Each function makes a `Property` for an exercise's `properties`. torch is loaded when a property is tested,
not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_lib.exercises._judge import Property


def _plain_call(answer: Any, *inputs: Any) -> Any:
    return answer(*inputs)


def causal(make: Callable[[], Any], use: Callable[..., Any] = _plain_call, axis: int = 1) -> Property:
    """A later position changes nothing before it.

    `make()` gives one float tensor with positions along `axis`; `use(answer, x)` gives an output with
    positions along the same axis.

    >>> import torch
    >>> def make(): return torch.arange(6.0).reshape(1, 3, 2)
    >>> looks_back = causal(make)
    >>> looks_back.holds(lambda x: x.cumsum(1)), looks_back.holds(lambda x: x.flip(1))
    (True, 'A change at position 1 shows in the output before it.')
    """

    def holds(answer: Any) -> bool | str:
        import torch

        x = make()
        before = use(answer, x.clone())
        for t in range(1, x.shape[axis]):
            changed = x.clone()
            changed.narrow(axis, t, x.shape[axis] - t).add_(1.0).mul_(-1.5)
            after = use(answer, changed)
            if not torch.allclose(before.narrow(axis, 0, t), after.narrow(axis, 0, t), rtol=1e-4, atol=1e-5):
                return f"A change at position {t} shows in the output before it."
        return True

    return Property("causality", holds, "a later position changes nothing before it")


def gradient_flows(make: Callable[[], tuple[Any, ...]], use: Callable[..., Any] = _plain_call) -> Property:
    """The gradient of the output arrives at every floating-point input.

    `make()` gives the inputs as a tuple; `use(answer, *inputs)` gives one tensor.

    >>> import torch
    >>> def make(): return (torch.tensor([1.0, 2.0]),)
    >>> arrives = gradient_flows(make)
    >>> arrives.holds(lambda x: x * x), arrives.holds(lambda x: (x * x).detach())
    (True, 'The output is cut off from its inputs: is there a `.detach()`, `.item()` or `no_grad`?')
    """

    def holds(answer: Any) -> bool | str:
        import torch

        inputs = [x.detach().clone() if isinstance(x, torch.Tensor) else x for x in make()]
        leaves = [x.requires_grad_() for x in inputs if isinstance(x, torch.Tensor) and x.is_floating_point()]
        out = use(answer, *inputs)
        if not out.requires_grad:
            return "The output is cut off from its inputs: is there a `.detach()`, `.item()` or `no_grad`?"
        # Unequal weights: the plain sum of a softmax, for one, is constant, and its gradient rightly 0.
        weights = torch.arange(1, out.numel() + 1, dtype=out.dtype).reshape(out.shape)
        (out * weights).sum().backward()
        for number, leaf in enumerate(leaves, start=1):
            if leaf.grad is None or not bool(leaf.grad.abs().sum() > 0):
                return f"No gradient arrives at floating-point input {number}."
        return True

    return Property("gradient", holds, "gradients arrive at the inputs")
