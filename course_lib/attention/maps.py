"""The attention maps of a model, caught while it runs, through the one hook of the layer.

It does not know what a map shows or how it is drawn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from course_lib.arguments import check_instance
from course_lib.attention.formula import Hook
from course_lib.attention.multi_head import MultiHeadAttention


@contextlib.contextmanager
def capture_attention(model: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Record who looks at whom: each run of the model within the `with` gives one map per layer.

    A later run overwrites the maps of an earlier one. The logits stay the same; only the plain formula is
    used instead of the fused kernel, which never forms the maps.

    Shapes: each map (B, H, T, S), rows summing to 1, without gradients.
    Raises: ValueError if the model has no attention.

    >>> from course_lib.config import GPTConfig
    >>> attention = MultiHeadAttention(GPTConfig(n_heads=2, width=6))
    >>> with capture_attention(attention) as maps:
    ...     _ = attention(torch.zeros(1, 3, 6))
    >>> maps[0][0, 1]  # all tokens alike: each looks at all it may see
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000],
            [0.3333, 0.3333, 0.3333]])
    """
    check_instance("capture_attention", "model", model, nn.Module, "a GPT")
    layers = [module for module in model.modules() if isinstance(module, MultiHeadAttention)]
    if not layers:
        raise ValueError(f"capture_attention got a {type(model).__name__} without attention; give it a GPT.")
    maps: list[torch.Tensor] = []
    before = [layer.hook for layer in layers]
    try:
        for index, layer in enumerate(layers):
            layer.hook = _recorder(maps, index, layer.hook)
        yield maps
    finally:
        for layer, hook in zip(layers, before, strict=True):
            layer.hook = hook


def _recorder(maps: list[torch.Tensor], index: int, inner: Hook | None) -> Hook:
    """A hook that writes to `maps[index]` what is used in the end: after a hook that was there before."""

    def record(attn: torch.Tensor) -> torch.Tensor:
        changed = inner(attn) if inner is not None else None
        attn = attn if changed is None else changed
        maps[index : index + 1] = [attn.detach()]
        return attn

    return record
