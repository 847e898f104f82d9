"""What of a GPT goes into a file: its weights as ordinary layers, and the shapes that are wanted.

Layers that learn in a special way, and say by `merged` which ordinary layer they equal, are written as that
one. It does not know files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from course_lib.arguments import check_instance
from course_lib.config import GPTConfig
from course_lib.model.gpt import GPT, check_config

Shape = tuple[int, ...]
LARGEST_TABLE = 2**28  # numbers in a table that follows from a configuration alone; a gigabyte


def plain_weights(model: nn.Module) -> tuple[dict[str, torch.Tensor], GPTConfig]:
    """The weights by name, every layer an ordinary one, and the configuration that is true of them.

    A head that shares its matrix with the tokens shares it here too; one that has become another (by a LoRA
    of its own) makes the configuration say so.

    >>> config = GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6)
    >>> weights, same = plain_weights(GPT(config))
    >>> weights["head.weight"] is weights["tokens.weight"], same == config
    (True, True)
    """
    check_instance("plain_weights", "model", model, nn.Module, "a GPT")
    check_config("plain_weights", getattr(model, "config", None))
    weights = dict(model.state_dict())
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # a new layer draws weights before it is filled
        for name, module in model.named_modules():
            if callable(getattr(module, "merged", None)):
                for inner in [key for key in weights if key.startswith(f"{name}.")]:
                    del weights[inner]
                merged = module.merged().state_dict()
                weights |= {f"{name}.{part}": weight for part, weight in merged.items()}
    tokens, head = weights.get("tokens.weight"), weights.get("head.weight")
    config = model.config
    if tokens is not None and head is not None and config.tie_embeddings:
        if tokens.data_ptr() == head.data_ptr():
            weights["head.weight"] = tokens
        else:
            config = replace(config, tie_embeddings=False)
    return weights, config


def weight_shapes(config: GPTConfig) -> Iterator[tuple[str, Shape]]:
    """The name and shape of each weight of a GPT, one by one; nothing is built but a layer without numbers.

    Raises: ValueError for a configuration that no memory could hold.

    >>> config = GPTConfig(vocab_size=7, context_length=5, n_layers=2, n_heads=2, width=6)
    >>> dict(weight_shapes(config)) == {name: tuple(w.shape) for name, w in GPT(config).state_dict().items()}
    True
    """
    check_config("weight_shapes", config)
    table = {"rotary": config.head_width, "sinusoidal": config.width}.get(config.positions, 0)
    if table * config.context_length > LARGEST_TABLE:
        raise ValueError(f"a context of {config.context_length:,} tokens is more than a memory holds")
    try:
        layer = hollow(replace(config, n_layers=1)).state_dict()
    except (RuntimeError, OverflowError, TypeError):
        raise ValueError("its numbers are larger than any memory") from None
    shapes = {name: tuple(weight.shape) for name, weight in layer.items()}
    inside = {name: shapes.pop(name) for name in layer if name.startswith("blocks.0.")}
    yield from shapes.items()
    for number in range(config.n_layers):
        for name, shape in inside.items():
            yield name.replace("blocks.0.", f"blocks.{number}.", 1), shape


def hollow(config: GPTConfig) -> GPT:
    """A GPT of names and shapes only, made in milliseconds and without memory for numbers.

    >>> hollow(GPTConfig.preset("gpt2-xl")).tokens.weight.device
    device(type='meta')
    """
    check_config("hollow", config)
    with torch.device("meta"), _NothingDrawn():
        return GPT(config)


class _NothingDrawn(TorchFunctionMode):
    """Fresh weights are not drawn: where there are no numbers, torch would load much of itself to do it."""

    DRAWS = (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self.DRAWS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def first_misfit(
    config: GPTConfig, found: Mapping[str, Shape]
) -> tuple[str, Shape | None, Shape | None] | None:
    """The first weight that isn't as a configuration wants it: its name, the shape found, the shape wanted.

    It takes no longer than reading what was found, whatever the configuration claims.

    Raises: ValueError as `weight_shapes`.

    >>> config = GPTConfig(vocab_size=7, context_length=5, n_layers=1000000, n_heads=2, width=6)
    >>> first_misfit(config, {"tokens.weight": (7, 6)})
    ('positions.weight', None, (5, 6))
    """
    check_instance("first_misfit", "found", found, Mapping, "a dict of names and shapes")
    seen = set()
    for name, wanted in weight_shapes(config):
        seen.add(name)
        if found.get(name) != wanted:
            return name, found.get(name), wanted
    left = sorted(found.keys() - seen)
    return (left[0], found[left[0]], None) if left else None
