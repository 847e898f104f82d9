"""The floats among the arguments of a call: changed a little, or asked for their gradients.

They are tensors, also inside lists and dictionaries, and the parameters of modules. torch is there already,
or there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from course_lib.exercises._values import is_float_tensor, is_module

Change = Callable[[Any, int], Any]  # (tensor, number of the tensor) -> a tensor near it


class Inputs:
    """Takes the floats among arguments, by their names; changes them, and asks for gradients if wanted."""

    def __init__(self, change: Change | None = None, gradients: bool = False) -> None:
        self.change, self.gradients = change, gradients
        self.leaves: dict[str, Any] = {}

    def __call__(self, value: Any, name: str) -> Any:
        if is_float_tensor(value):
            return self._tensor(value, name)
        if type(value) in (list, tuple):
            return type(value)(self(item, f"{name}[{i}]") for i, item in enumerate(value))
        if type(value) is dict:
            return {key: self(item, f"{name}[{key!r}]") for key, item in value.items()}
        if is_module(value):
            self._module(value, name)
        return value

    def _tensor(self, tensor: Any, name: str) -> Any:
        moved = tensor.detach() if self.change is None else self.change(tensor.detach(), len(self.leaves))
        self.leaves[name] = moved
        if not self.gradients:
            return moved
        self.leaves[name] = moved.clone().requires_grad_()
        # Not the leaf itself: an answer may work in place where the exercise allows it, and leaves refuse.
        return self.leaves[name].clone()

    def _module(self, module: Any, name: str) -> None:
        for part, weight in module.named_parameters():
            if self.change is not None:
                weight.data = self.change(weight.detach(), len(self.leaves))
            self.leaves[f"{name}.{part}"] = weight


def taken(case: Any, names: Sequence[str], inputs: Inputs) -> Any:
    """A copy of the case, with its arguments taken through `inputs`."""
    mine = case.copy()
    mine.args = tuple(inputs(value, name) for value, name in zip(mine.args, names, strict=False))
    mine.kwargs = {name: inputs(value, name) for name, value in mine.kwargs.items()}
    return mine


def has_floats(case: Any) -> bool:
    """Whether there is a float tensor among the arguments, or a module that has some."""
    inputs = Inputs()
    for value in (*case.args, *case.kwargs.values()):
        inputs(value, f"{len(inputs.leaves)}")
    return bool(inputs.leaves)


def moved(case: Any, change: Change) -> Any:
    """The same case with its floats changed."""
    return taken(case, [str(i) for i in range(len(case.args))], Inputs(change))


def one_ulp(seed: int) -> Change:
    """Every number moved by what rounding may move it, up or down, neighbours in a row never the same way if
    the seed is odd."""

    def change(tensor: Any, number: int) -> Any:
        import torch

        generator = torch.Generator().manual_seed(1000 * seed + number)
        up = torch.randint(2, tensor.shape, generator=generator, device="cpu")
        if seed % 2 and tensor.ndim:  # a row of equal numbers that all move alike would tell nothing
            up = (up[..., :1] + torch.arange(tensor.shape[-1], device="cpu")) % 2
        return tensor.detach() * (1 + (2 * up - 1).to(tensor.dtype) * torch.finfo(tensor.dtype).eps)

    return change


def in_double(tensor: Any, number: int) -> Any:
    """The same numbers, with room for more digits."""
    return tensor.double()


def nearby(tensor: Any, number: int) -> Any:
    """Numbers a little off, so that none are equal, and none 0: there a gradient can be one of several.

    What was not negative stays so.
    """
    import torch

    generator = torch.Generator().manual_seed(7 + number)
    noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float32, device="cpu").to(tensor.dtype)
    if bool((tensor < 0).any()):
        noise = 2 * noise - 1
    moved = tensor.detach() + 0.02 * noise * (tensor.detach().abs() + 0.05)
    return torch.where(torch.isfinite(tensor), moved, tensor.detach())
