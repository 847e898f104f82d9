"""LoRA: a model learns through a few added weights, for any model made of `nn.Linear`.

It does not know what is learned.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import check_floats, check_instance, many, number
from course_lib.runtime import check_generator

MOST = 2**20  # the highest rank; far above the width of any layer
TARGETS = ("qkv", "out", "gate", "up", "down")  # the linear layers inside the course's blocks


class LoRALinear(nn.Module):
    """A linear layer that stays as it is, and beside it a narrow one that learns: W x + (alpha / rank) B A x.

    B starts at zero, so at first the layer computes what it did before.

    Shapes: x (..., in) -> (..., out); A (rank, in), B (out, rank).
    Source: Hu and others 2021, section 4.1 (arXiv:2106.09685).

    >>> layer = LoRALinear(nn.Linear(5, 3), rank=2)
    >>> sum(p.numel() for p in layer.parameters() if p.requires_grad)  # 2·5 + 3·2
    16
    """

    def __init__(
        self, base: nn.Linear, rank: int, alpha: float | None = None, generator: torch.Generator | None = None
    ):
        super().__init__()
        needed = f"whole and from 1 to {MOST}, e.g. 8"
        rank = int(number("LoRALinear", "rank", rank, needed, lambda r: 1 <= r <= MOST and r == int(r)))
        if alpha is not None:
            alpha = number("LoRALinear", "alpha", alpha, "above 0, e.g. 16", lambda x: 0 < x < math.inf)
        check_instance("LoRALinear", "base", base, nn.Linear, "a torch.nn.Linear")
        check_generator("LoRALinear", generator)
        self.base = base.requires_grad_(False)
        self.scale = (rank if alpha is None else alpha) / rank
        weight = base.weight
        self.a = nn.Parameter(weight.new_empty(rank, weight.shape[1]))
        self.b = nn.Parameter(weight.new_zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5), generator=generator)  # as nn.Linear draws its own

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_floats("LoRALinear", "x", x, self.a.shape[1])
        return self.base(x) + self.scale * F.linear(F.linear(x, self.a), self.b)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One ordinary linear layer that computes the same: its matrix is W + (alpha / rank) B A.

        >>> layer, x = LoRALinear(nn.Linear(5, 3), rank=2), torch.ones(5)
        >>> torch.allclose(layer.merged()(x), layer(x))
        True
        """
        out, inside = self.base.weight.shape
        merged = nn.Linear(inside, out, bias=self.base.bias is not None, dtype=self.base.weight.dtype)
        merged.weight.copy_(self.base.weight + self.scale * self.b @ self.a)
        if self.base.bias is not None:
            merged.bias.copy_(self.base.bias)
        return merged.to(self.base.weight.device)


def add_lora(
    model: nn.Module,
    rank: int = 8,
    alpha: float | None = None,
    targets: Sequence[str] = TARGETS,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Freeze the model and give every linear layer with one of the names a `LoRALinear`, in place.

    On a head that shares its matrix with the tokens, what is added is the head's alone.

    Raises: ValueError if there is no such layer; of the course's own names (`TARGETS`) some may be missing.

    >>> model = add_lora(nn.ModuleDict({"up": nn.Linear(3, 5), "head": nn.Linear(5, 7)}), rank=2)
    >>> trainable_count(model)  # of up alone: 2·3 + 5·2
    16
    """
    check_instance("add_lora", "model", model, nn.Module, "a module, such as a GPT")
    targets = many("add_lora", "targets", targets, "names, such as ('qkv', 'out')")
    chosen = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if name in targets and isinstance(child, nn.Linear)
    ]
    _check_found(targets, [name for _, name, _ in chosen])
    made = [LoRALinear(child, rank, alpha, generator) for _, _, child in chosen]
    model.requires_grad_(False)
    for (parent, name, _), layer in zip(chosen, made, strict=True):
        setattr(parent, name, layer)
    return model


def _check_found(targets: Sequence[str], found: list[str]) -> None:
    """Raises ValueError if a name has no layer; not each model has all of the course's own."""
    own = set(map(str, targets)) == set(TARGETS)
    missing = [name for name in targets if name not in found]
    if not found or (missing and not own):
        raise ValueError(
            f"add_lora found no linear layer named {' or '.join(map(str, missing)) or 'nothing'}; look at "
            "model.named_modules()."
        )


def merge_lora(model: nn.Module) -> nn.Module:
    """Put an ordinary linear layer in the place of every `LoRALinear`, in place: no cost is left.

    A head that shared its matrix with the tokens has one of its own then, and the model's `config` says so.

    >>> model = merge_lora(add_lora(nn.ModuleDict({"up": nn.Linear(3, 5)}), rank=2))
    >>> type(model["up"]).__name__
    'Linear'
    """
    check_instance("merge_lora", "model", model, nn.Module, "a module, such as a GPT")
    tables = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoRALinear):
                setattr(parent, name, child.merged())
                if id(child.base.weight) in tables and hasattr(model, "config"):
                    model.config = dataclasses.replace(model.config, tie_embeddings=False)
    return model.requires_grad_(True)


def remove_lora(model: nn.Module) -> nn.Module:
    """Take every `LoRALinear` away again, in place: the model is what it was before `add_lora`.

    >>> model = nn.ModuleDict({"up": nn.Linear(3, 5)})
    >>> before = model["up"]
    >>> remove_lora(add_lora(model, rank=2))["up"] is before
    True
    """
    check_instance("remove_lora", "model", model, nn.Module, "a module, such as a GPT")
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoRALinear):
                setattr(parent, name, child.base)
    return model.requires_grad_(True)


def trainable_count(model: nn.Module) -> int:
    """How many numbers a training may change.

    >>> trainable_count(nn.Linear(5, 3))
    18
    """
    check_instance("trainable_count", "model", model, nn.Module, "a module, such as a GPT")
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
