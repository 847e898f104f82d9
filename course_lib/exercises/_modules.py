"""Answers that are classes of torch modules: made, given the same weights as the reference, and called.

The weights of a case are put in by their names (`qkv.weight`), without breaking the way back of gradients, so
that outputs and the gradient of every weight are compared as those of any argument. It does not know what a
module computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_lib.exercises._frozen import Amiss
from course_lib.exercises._judge import Case
from course_lib.exercises._values import is_module, show_value


class ModuleCase(Case):
    """A module that is made with `args`, gets the weights among `kwargs`, and is called on its `inputs`.

    >>> ModuleCase(6, 2, training=False, inputs=("x",), x=3).call("Block")
    'Block(6, 2).eval()(3)'
    """

    def call(self, name: str) -> str:
        """The call in words, without the weights."""
        inputs = [show_value(self.kwargs[key], 160) for key in self.kwargs["inputs"]]
        mode = "train" if self.kwargs["training"] else "eval"
        return f"{name}({', '.join(map(show_value, self.args))}).{mode}()({', '.join(inputs)})"


def module_case(
    reference: type, *made: Any, seed: int = 0, training: bool = True, **inputs: Any
) -> ModuleCase:
    """A case for a class: `reference(*made)` says which weights there are; they are drawn by the seed.

    >>> import torch
    >>> list(module_case(torch.nn.Linear, 2, 3, x=torch.ones(2)).kwargs)
    ['training', 'inputs', 'x', 'weight', 'bias']
    """
    import torch

    with torch.random.fork_rng(devices=[]):  # nobody's random state moves
        shapes = {name: weight.shape for name, weight in reference(*made).named_parameters()}
    generator = torch.Generator().manual_seed(seed)
    weights = {name: _drawn(name, shape, generator) for name, shape in shapes.items()}
    return ModuleCase(*made, training=training, inputs=tuple(inputs), **inputs, **weights)


def _drawn(name: str, shape: tuple[int, ...], generator: Any) -> Any:
    """Weights of a size that keeps numbers in range; a norm's are near 1, and none is what it starts as."""
    import torch

    numbers = torch.randn(shape, generator=generator)
    if len(shape) > 1:
        return 1.5 * numbers / shape[-1] ** 0.5
    return 0.5 * numbers + (0.0 if name.endswith("bias") else 1.0)


def as_module(cls: type, *made: Any, training: bool, inputs: tuple[str, ...], **given: Any) -> Any:
    """The `use` of an exercise whose answer is a class: what its module gives with the case's weights."""
    import torch

    called_on = tuple(given.pop(name) for name in inputs)
    with torch.random.fork_rng(devices=[]):
        module = cls(*made)
    if sentence := _amiss(module, given):
        return Amiss(sentence)
    module.train(training)
    try:
        return torch.func.functional_call(module, given, called_on)
    except NotImplementedError as error:
        if error.args:
            raise
        return Amiss("The weights are all there, but `forward` is not written yet.")


# What is amiss with its parameters --------------------------------------------------------------------------


def _amiss(module: Any, wanted: Mapping[str, Any]) -> str:
    """What keeps the weights from being put in, in one sentence; nothing if they all fit."""
    if not is_module(module):
        return "The class is no torch module: begin it with `class ...(nn.Module):`."
    if type(module).forward is _plain_module().forward:
        return "It has no method `forward`, which is what runs when the model is called."
    own = dict(module.named_parameters(remove_duplicate=False))
    used = {id(own[name]): name for name in wanted if name in own}
    missing = [name for name in wanted if name not in own]
    extra = [name for name, weight in own.items() if id(weight) not in used]
    return _missing(missing, extra, wanted, own) or _unlike(wanted, own, used) or _too_many(extra, own)


def _plain_module() -> type:
    import torch

    return torch.nn.Module


def _missing(missing: list[str], extra: list[str], wanted: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    if not missing:
        return ""
    name = missing[0]
    words = f"A parameter is missing: `{name}`, of shape {_shape(wanted[name])}"
    twin = next((e for e in extra if own[e].shape == wanted[name].shape), None)
    if twin is not None:
        return f"{words}. Is it the one you call `{twin}`? The names are part of the task."
    if name.endswith(".bias") and name.removesuffix("bias") + "weight" in own:
        return f"{words}: that layer was made without a bias."
    if any(part.isdigit() for part in name.split(".")):
        return f"{words}. Layers in a plain list stay unknown to torch; an `nn.ModuleList` makes them known."
    there = f"There are {_names(extra)} instead." if extra else "Is it made, as an attribute, in `__init__`?"
    return f"{words}. {there}"


def _unlike(wanted: Mapping[str, Any], own: Mapping[str, Any], used: Mapping[int, str]) -> str:
    for name, weight in wanted.items():
        if own[name].shape != weight.shape:
            return f"`{name}` has the shape {_shape(own[name])}, but should have {_shape(weight)}."
        if used[id(own[name])] != name:
            return f"`{name}` and `{used[id(own[name])]}` are the same weight; each should be one of its own."
    return ""


def _too_many(extra: list[str], own: Mapping[str, Any]) -> str:
    if not extra:
        return ""
    return f"There is a parameter that is not asked for: `{extra[0]}`, of shape {_shape(own[extra[0]])}."


def _names(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:4])
    return shown + (" and more" if len(names) > 4 else "")


def _shape(weight: Any) -> tuple[int, ...]:
    return tuple(weight.shape)
