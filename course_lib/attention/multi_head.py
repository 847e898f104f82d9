"""The layer: several heads side by side, with one matrix before them and one after.

It uses torch's fused kernel, which gives the same numbers as the formula faster, and the formula itself where
attention maps are captured. It does not know the model around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import check_instance, shown, wrong
from course_lib.attention.formula import Hook, causal_mask, check_hook, check_mask, scaled_dot_product
from course_lib.config import GPTConfig
from course_lib.context import apply_rotary

Remember = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each with its own queries, keys and values, joined by a last matrix.

    With `n_kv_heads` below `n_heads`, groups of query heads share keys and values (grouped-query attention),
    which makes the cache smaller. With `qk_norm`, queries and keys are brought to the same length first.

    Called with x alone it is causal: no token sees a later one. `mask` (True: may look) replaces that.
    `rotary` holds the cosines and sines that turn queries and keys. `remember` takes the new keys and values
    and returns those of the whole text so far: a cache's way in.

    Shapes: x (B, T, C), mask broadcastable to (B, H, T, S) -> (B, T, C).
    Source: Vaswani and others 2017, section 3.2.2 (arXiv:1706.03762); Ainslie and others 2023, section 2.2,
    on groups (arXiv:2305.13245); Henry and others 2020 on norms (arXiv:2010.04245).

    >>> attention = MultiHeadAttention(GPTConfig(n_heads=2, width=6))
    >>> attention(torch.zeros(3, 5, 6)).shape
    torch.Size([3, 5, 6])
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        check_instance("MultiHeadAttention", "config", config, GPTConfig, "a GPTConfig")
        self.n_heads, self.n_kv_heads, self.head_width = config.n_heads, config.kv_heads, config.head_width
        self.dropout = config.dropout
        self._heads = (self.n_heads, self.n_kv_heads, self.n_kv_heads)  # of q, of k, of v
        self.qkv = nn.Linear(config.width, sum(self._heads) * self.head_width, bias=config.bias)
        self.out = nn.Linear(config.width, config.width, bias=config.bias)
        self.q_norm = _HeadNorm(self.head_width, config.norm_eps) if config.qk_norm else None
        self.k_norm = _HeadNorm(self.head_width, config.norm_eps) if config.qk_norm else None
        self._hook: list[Hook | None] = [None]  # in a list, which a lean twin of this layer shares

    def forward(
        self,
        x: torch.Tensor,
        mask: torch.Tensor | None = None,
        rotary: tuple[torch.Tensor, torch.Tensor] | None = None,
        remember: Remember | None = None,
    ) -> torch.Tensor:
        B, T, C = _checked(x, self.n_heads * self.head_width, rotary, remember).shape
        heads = self.qkv(x).view(B, T, -1, self.head_width).split_with_sizes(self._heads, dim=2)
        q, k, v = (part.transpose(1, 2) for part in heads)  # (B, H, T, D)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if rotary is not None:
            q, k = apply_rotary(q, *rotary), apply_rotary(k, *rotary)
        if remember is not None:
            k, v = remember(k, v)  # (B, H, S, D)
        out = self._attend(q, k, v, mask)
        return self.out(out.transpose(1, 2).reshape(B, T, C))

    @property
    def hook(self) -> Hook | None:
        """What is shown the attention maps; set by `capture_attention`, and by nobody else."""
        return self._hook[0]

    @hook.setter
    def hook(self, hook: Hook | None) -> None:
        """None: nobody looks."""
        check_hook(hook)
        self._hook[0] = hook

    def _attend(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        B, H, T, D = q.shape
        if mask is not None:
            check_mask(mask, (B, H, T, k.shape[2]))
            mask = mask[None] if mask.ndim == 1 else mask  # as the fused kernel needs it
        dropout = self.dropout if self.training else 0.0
        if self.hook is not None:
            k, v = (kv.repeat_interleave(H // self.n_kv_heads, dim=1) for kv in (k, v))
            mask = causal_mask(T, k.shape[2], q.device) if mask is None else mask
            return scaled_dot_product(q, k, v, mask, dropout, self.hook)
        grouped = H != self.n_kv_heads
        if T == 1 and (mask is None or (mask.ndim == 4 and mask.shape[1] == 1)):
            # With one query each, the heads of a group can stand in the place of time: no copies of k and v.
            q = q.view(B, self.n_kv_heads, H // self.n_kv_heads, D)
            # For several texts, a CPU reads the keys and values faster in the plain formula.
            plain = B > 1 and q.device.type == "cpu"
            attend = scaled_dot_product if plain else F.scaled_dot_product_attention
            return attend(q, k, v, mask, dropout).reshape(B, H, 1, D)
        causal = mask is None and T > 1
        if causal and k.shape[2] > T:
            mask, causal = causal_mask(T, k.shape[2], q.device), False
        return F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=causal, enable_gqa=grouped)


def _checked(x: torch.Tensor, width: int, rotary: Any, remember: Any) -> torch.Tensor:
    if not (isinstance(x, torch.Tensor) and x.ndim == 3 and x.shape[-1] == width and x.is_floating_point()):
        raise ValueError(f"MultiHeadAttention got x={shown(x)}; it needs vectors of shape (B, T, {width}).")
    if rotary is not None and not (isinstance(rotary, tuple | list) and len(rotary) == 2):
        raise wrong("MultiHeadAttention", "rotary", rotary, "a pair, such as rotary_angles(T, D) gives")
    if remember is not None and not callable(remember):
        raise wrong("MultiHeadAttention", "remember", remember, "a function, such as a cache's append")
    return x


class _HeadNorm(nn.RMSNorm):
    """torch's RMSNorm with its gain in the number format of x, which may be shorter than that of weights."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)
