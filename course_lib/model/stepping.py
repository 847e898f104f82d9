"""A GPT that writes one text token by token, in as few calls as that takes.

With one new token there is nothing to mask, to transpose or to look at twice: queries, keys and values are
turned together, and what is the same in all layers is made once. The numbers are those of the model, to the
last bit. It does not know how tokens are chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import check_instance
from course_lib.attention import KVCache, MultiHeadAttention
from course_lib.context import RotaryPositions
from course_lib.model.gpt import GPT, Block

Call = Callable[[torch.Tensor], torch.Tensor]


class Stepper:
    """The logits of what follows one more token of one text, whose earlier tokens are in a cache.

    `model` is a GPT, or a twin of one, as it now is. Only for its parts as the course has them: `can_step`
    says whether.

    Shapes: ids (1, 1) -> logits (1, 1, V).

    >>> from course_lib.config import GPTConfig
    >>> model = GPT(GPTConfig(vocab_size=11, context_length=8, n_layers=2, n_heads=2, width=8)).eval()
    >>> cache, other = model.make_cache(batch_size=1), model.make_cache(batch_size=1)
    >>> with torch.inference_mode():
    ...     read, same = (model(torch.tensor([[1, 2]]), cache=kept) for kept in (cache, other))
    ...     torch.equal(Stepper(model)(torch.tensor([[3]]), cache), model(torch.tensor([[3]]), other))
    True
    """

    def __init__(self, model: GPT):
        check_instance("Stepper", "model", model, GPT, "a GPT")
        config = model.config
        self.model, self.heads, self.kv_heads = model, config.n_heads, config.kv_heads
        self.width, self.head_width = config.width, config.head_width
        self._layers = [
            (
                block.norm1,
                _quick(block.attention.qkv),
                _quick(block.attention.out),
                block.norm2,
                block.mlp,
            )
            for block in model.blocks
        ]
        self._hooks = [block.attention._hook for block in model.blocks]
        self._head = _quick(model.head)

    @property
    def watched(self) -> bool:
        """Whether somebody looks at the attention maps, which are not made here."""
        return any(hook[0] is not None for hook in self._hooks)

    def __call__(self, ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        model, H, G, D = self.model, self.heads, self.kv_heads, self.head_width
        start = model._check(ids, cache)
        x = model._embed(ids, slice(start, start + 1))
        turn = self._turn(start)
        for layer, (norm1, qkv, out, norm2, mlp) in enumerate(self._layers):
            heads = qkv(norm1(x)).view(1, H + 2 * G, 1, D)
            q, k, v = heads.split_with_sizes((H, G, G), 1) if turn is None else self._turned(heads, turn)
            k, v = cache.put(layer, k, v)
            seen = F.scaled_dot_product_attention(q.view(1, G, H // G, D), k, v)
            x = x + out(seen.reshape(1, 1, H * D))
            x = x + mlp(norm2(x))
        cache.length += 1
        return self._head(model.norm(x))

    def _turn(self, place: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Cosines and signed sines for both halves of a head, as `apply_rotary` has them."""
        if not isinstance(self.model.positions, RotaryPositions):
            return None
        cos, sin = self.model.positions(slice(place, place + 1))
        return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)

    def _turned(
        self, heads: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        """Queries and keys of all heads turned at once, and the values as they are."""
        H, G = self.heads, self.kv_heads
        both, v = heads.split_with_sizes((H + G, G), 1)
        turned = both * turn[0] + both.roll(self.head_width // 2, -1) * turn[1]
        q, k = turned.split_with_sizes((H, G), 1)
        return q, k, v


def can_step(model: Any) -> bool:
    """Whether a model is a GPT that can write through a `Stepper`: on the CPU, not in training, its parts as
    the course has them, no norms on queries and keys.

    >>> from course_lib.config import GPTConfig
    >>> can_step(GPT(GPTConfig(vocab_size=11, n_layers=1, n_heads=2, width=8)).eval()), can_step(print)
    (True, False)
    """
    if not isinstance(model, GPT) or model.training or model.config.qk_norm:
        return False
    if type(model).forward is not GPT.forward or model.tokens.weight.device.type != "cpu":
        return False
    blocks = all(type(b) is Block and type(b.attention) is MultiHeadAttention for b in model.blocks)
    return blocks and all(_as_it_was(module) for module in model.modules())


def _as_it_was(module: nn.Module) -> bool:
    """Whether a module is called in the course's or torch's own way."""
    ours = type(module).__module__.startswith(("course_lib.", "torch.nn.modules."))
    return ours and not (module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def _quick(layer: nn.Module) -> Call:
    """What a layer computes: by its own `multiply`, which looks at nothing, or without the way through a
    module where it is an ordinary one.
    """
    if hasattr(layer, "multiply"):
        return layer.multiply
    if type(layer).__name__ != "Linear" or not isinstance(layer, nn.Linear):
        return layer
    weight, bias = layer.weight, layer.bias
    return lambda x: F.linear(x, weight, bias)
