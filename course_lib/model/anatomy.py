"""A GPT looked at from outside: the shapes in it, its residual stream, where its numbers are, and what is
lost without a part.

It works by hooks and by putting other modules in the place of parts, so that the model itself stays as it is.
It does not know training, tokenizers or figures.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from course_lib.arguments import check_floats, check_instance
from course_lib.config import GPTConfig
from course_lib.model.gpt import GPT, Block, check_config

PARTS = ("residuals", "norms", "attention", "mlp", "positions")  # what `without` can take away


@dataclass(frozen=True)
class Stage:
    """One module that ran: its name, its class, how many numbers it holds, what went in and what came out.

    >>> head = Stage("head", "Linear", parameters=66, shape_in=(1, 3, 6), shape_out=(1, 3, 11))
    >>> head.parameters == head.shape_in[-1] * head.shape_out[-1]
    True
    """

    name: str
    kind: str
    parameters: int
    shape_in: tuple[int, ...] | None  # None where no tensor went in
    shape_out: tuple[int, ...]


def shapes(model: nn.Module, ids: torch.Tensor) -> list[Stage]:
    """Every module of the model in the order in which it ended, with the shapes that it was seen with.

    Shapes: ids (B, T).

    >>> model = GPT(GPTConfig(vocab_size=11, context_length=8, n_layers=1, n_heads=2, width=6))
    >>> stages = shapes(model, torch.tensor([[1, 2, 3]]))
    >>> stages[-1].kind, stages[-2].name, stages[-2].shape_in, stages[-2].shape_out
    ('GPT', 'head', (1, 3, 6), (1, 3, 11))
    """
    check_instance("shapes", "model", model, nn.Module, "a module, such as a GPT")
    seen: list[Stage] = []

    def note(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, torch.Tensor):
            first = next((tuple(x.shape) for x in inputs if isinstance(x, torch.Tensor)), None)
            held = sum(p.numel() for p in module.parameters())
            seen.append(Stage(name, type(module).__name__, held, first, tuple(output.shape)))

    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, module in model.named_modules():
            hook = module.register_forward_hook(lambda m, i, o, n=name: note(n, m, i, o))
            stack.callback(hook.remove)
        model(ids)
    return seen


def stream(model: GPT, ids: torch.Tensor) -> torch.Tensor:
    """The residual stream: what goes into the first block, and what comes out of each.

    Shapes: ids (B, T) -> (L + 1, B, T, C).

    >>> model = GPT(GPTConfig(vocab_size=11, context_length=8, n_layers=2, n_heads=2, width=6))
    >>> stream(model, torch.tensor([[1, 2, 3]])).shape
    torch.Size([3, 1, 3, 6])
    """
    check_instance("stream", "model", model, GPT, "a GPT")
    states: list[torch.Tensor] = []
    with contextlib.ExitStack() as stack, torch.no_grad():
        before = model.blocks[0].register_forward_pre_hook(lambda m, inputs: states.append(inputs[0].clone()))
        stack.callback(before.remove)
        for block in model.blocks:
            after = block.register_forward_hook(lambda m, inputs, out: states.append(out.clone()))
            stack.callback(after.remove)
        model(ids)
    return torch.stack(states)


def parameters_by_part(model: GPT) -> dict[str, int]:
    """How many numbers each kind of part holds, over all layers; a tied head is counted with the tokens.

    >>> config = GPTConfig(vocab_size=7, context_length=5, n_layers=2, n_heads=1, width=2, mlp_width=3)
    >>> parameters_by_part(GPT(config))
    {'tokens': 14, 'positions': 10, 'attention': 48, 'mlp': 34, 'norms': 20}
    """
    check_instance("parameters_by_part", "model", model, nn.Module, "a module, such as a GPT")
    counts = dict.fromkeys(("tokens", "positions", "attention", "mlp", "norms"), 0)
    for name, parameter in model.named_parameters():  # a shared one comes once
        part = next((part for part in ("attention", "mlp", "norm") if part in name), name.split(".")[0])
        part = {"norm": "norms"}.get(part, part)
        counts[part] = counts.get(part, 0) + parameter.numel()
    return counts


# What is lost without a part --------------------------------------------------------------------------------


class Silent(nn.Module):
    """A part that has nothing to say: it adds zeros to the residual stream.

    >>> Silent()(torch.ones(2, 3))
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """

    def forward(self, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        check_floats("Silent", "x", x)
        return torch.zeros_like(x)


class BrokenStream(Block):
    """A block whose parts replace what was there, instead of adding to it.

    >>> BrokenStream(GPTConfig(n_heads=2, width=6))(torch.zeros(2, 3, 6)).shape
    torch.Size([2, 3, 6])
    """

    def forward(self, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        return self.mlp(self.norm2(self.attention(self.norm1(x), *rest)))


def without(part: str | None, config: GPTConfig, generator: torch.Generator | None = None) -> GPT:
    """A fresh GPT that lacks one of `PARTS` in every layer; with None, a whole one.

    What stays is drawn as in the whole model, from the same random numbers.

    Raises: ValueError for a part that there is not.

    >>> config = GPTConfig(vocab_size=11, context_length=8, n_layers=2, n_heads=2, width=6)
    >>> without("mlp", config).blocks[0].mlp
    Silent()
    """
    if part is not None and (not isinstance(part, str) or part not in PARTS):
        raise ValueError(f"without got the part {part!r}; it must be one of {', '.join(PARTS)}, or None.")
    check_config("without", config)
    if part == "positions":
        return GPT(replace(config, positions="none"), generator)
    model = GPT(config, generator)
    for layer in range(config.n_layers):
        model.blocks[layer] = _bare(model.blocks[layer], part, config)
    if part == "norms":
        model.norm = nn.Identity()
    return model


def _bare(block: Block, part: str | None, config: GPTConfig) -> Block:
    """The block without that part."""
    if part == "residuals":
        broken = BrokenStream(config)
        broken.load_state_dict(block.state_dict())
        return broken
    for name in _names(part):
        setattr(block, name, nn.Identity() if part == "norms" else Silent())
    return block


def _names(part: str | None) -> Iterator[str]:
    """What that part is called in a block."""
    yield from {"norms": ("norm1", "norm2"), "attention": ("attention",), "mlp": ("mlp",)}.get(part, ())
