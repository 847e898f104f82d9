"""Attention: how a token chooses what to look at, and the cache that keeps what it saw.

The plain formula, `scaled_dot_product`, is what the course derives; `MultiHeadAttention` uses torch's fused
kernel, which gives the same numbers faster, and the plain formula where attention maps are captured. This
module does not know the model around it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.config import GPTConfig
from course_lib.context import apply_rotary

Hook = Callable[[torch.Tensor], torch.Tensor | None]
Remember = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def causal_mask(T: int, S: int | None = None, device: torch.device | str | None = None) -> torch.Tensor:
    """Which keys each query may look at: itself and everything before it. True means: may look.

    With S > T the queries are the last T of S positions, as under a cache.

    Shapes: (T, S), boolean.
    Raises: ValueError if there are fewer keys than queries.

    >>> causal_mask(2, 3).int()
    tensor([[1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    S = T if S is None else S
    if S < T:
        raise ValueError(
            f"causal_mask got T={T} queries and S={S} keys; each query has a key too: S must be at least T."
        )
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)


def scaled_dot_product(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None = None,
    dropout: float = 0.0,
    hook: Hook | None = None,
) -> torch.Tensor:
    """softmax(q kᵀ / √D) v: each query takes a mean of the values, weighted by how well it fits their keys.

    `mask` is True where a query may look; each query needs at least one key. `hook` is shown the weights
    (before dropout); what it returns, if anything, takes their place.

    Shapes: q (..., T, D), k and v (..., S, D), mask broadcastable to (..., T, S) -> (..., T, D).
    Source: Vaswani and others 2017, section 3.2.1 (arXiv:1706.03762).

    >>> q, k = torch.tensor([[0.0, 0.0]]), torch.tensor([[5.0, 1.0], [2.0, 3.0]])
    >>> scaled_dot_product(q, k, v=torch.tensor([[1.0], [3.0]]))  # both keys fit equally
    tensor([[2.]])
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    attn = scores.softmax(dim=-1)
    if hook is not None:
        changed = hook(attn)
        attn = attn if changed is None else changed
    return F.dropout(attn, dropout, training=dropout > 0) @ v


def blockwise_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, block: int = 64) -> torch.Tensor:
    """The numbers of `scaled_dot_product` (without a mask), from `block` keys at a time.

    Only `block` columns of the scores exist at any moment. What was summed so far is measured against the
    largest score so far, and corrected by one factor when a larger one turns up.

    Shapes: as `scaled_dot_product`.
    Source: Milakov and Gimelshein 2018 (arXiv:1805.02867); Dao and others 2022, section 3.1
    (arXiv:2205.14135).

    >>> q, k = torch.tensor([[0.0, 0.0]]), torch.tensor([[5.0, 1.0], [2.0, 3.0], [0.0, 4.0]])
    >>> blockwise_attention(q, k, v=torch.tensor([[1.0], [3.0], [5.0]]), block=2)
    tensor([[3.]])
    """
    largest = q.new_full((*q.shape[:-1], 1), float("-inf"))
    total, mixed = torch.zeros_like(largest), q.new_zeros(*q.shape[:-1], v.shape[-1])
    for keys, values in zip(k.split(block, dim=-2), v.split(block, dim=-2), strict=True):
        scores = q @ keys.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T, block)
        new_largest = torch.maximum(largest, scores.amax(dim=-1, keepdim=True))
        correction, weights = (largest - new_largest).exp(), (scores - new_largest).exp()
        total = total * correction + weights.sum(dim=-1, keepdim=True)
        mixed = mixed * correction + weights @ values
        largest = new_largest
    return mixed / total


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each with its own queries, keys and values, joined by a last matrix.

    With `n_kv_heads` below `n_heads`, groups of query heads share keys and values (grouped-query attention),
    which makes the cache smaller. With `qk_norm`, queries and keys are brought to the same length first.

    Called with x alone it is causal: no token sees a later one. `mask` (True: may look) replaces that.
    `rotary` holds the cosines and sines that turn queries and keys. `remember` takes the new keys and values
    and returns those of the whole text so far: a cache's way in.

    Shapes: x (B, T, C), mask broadcastable to (B, H, T, S) -> (B, T, C).
    Source: Vaswani and others 2017, section 3.2.2 (arXiv:1706.03762); Ainslie and others 2023, section 2.2,
    on groups (arXiv:2305.13245); Henry and others 2020, section 2, on norms (arXiv:2010.04245).

    >>> attention = MultiHeadAttention(GPTConfig(n_heads=2, width=6))
    >>> attention(torch.zeros(3, 5, 6)).shape
    torch.Size([3, 5, 6])
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
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
        B, T, C = x.shape
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
        self._hook[0] = hook

    def _attend(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        B, H, T, D = q.shape
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


class _HeadNorm(nn.RMSNorm):
    """torch's RMSNorm with its gain in the number format of x, which may be shorter than that of weights."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


@contextlib.contextmanager
def capture_attention(model: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Record who looks at whom: each run of the model within the `with` gives one map per layer.

    A later run overwrites the maps of an earlier one. The logits stay the same; only the plain formula is
    used instead of the fused kernel, which never forms the maps.

    Shapes: each map (B, H, T, S), rows summing to 1, without gradients.
    Raises: ValueError if the model has no attention.

    >>> attention = MultiHeadAttention(GPTConfig(n_heads=2, width=6))
    >>> with capture_attention(attention) as maps:
    ...     _ = attention(torch.zeros(1, 3, 6))
    >>> maps[0][0, 1]  # all tokens alike: each looks at all it may see
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000],
            [0.3333, 0.3333, 0.3333]])
    """
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


class KVCache:
    """The keys and values of the tokens read so far, so that each is computed once.

    It holds up to `capacity` positions, and sets the room aside little by little: what lies close together in
    memory is read faster. All texts of a batch fill the same columns; shorter ones are filled up on the left
    and hidden by a mask (see `GPT.forward`).

    Raises: ValueError if the room or the batch doesn't fit what is to be kept.

    >>> cache = KVCache(n_layers=1, batch_size=2, capacity=8)
    >>> k = v = torch.zeros(2, 3, 5, 4)  # (B, H, T, D)
    >>> keys, values = cache.append(0, k, v)
    >>> cache.length = 5
    >>> keys, values = cache.append(0, k[:, :, :1], v[:, :, :1])
    >>> keys.shape
    torch.Size([2, 3, 6, 4])
    """

    def __init__(self, n_layers: int, batch_size: int, capacity: int):
        self.batch_size, self.capacity = batch_size, capacity
        self.length = 0  # columns filled in all layers
        self._stores: list[tuple[torch.Tensor, torch.Tensor] | None] = [None] * n_layers

    def append(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put in the newest keys and values (B, H, T, D) of a layer; returns all of them so far (B, H, S, D).

        When all layers have theirs, `length` is to be moved on by T, which the model does.
        """
        B, _, T, _ = k.shape
        end = self.length + T
        if B != self.batch_size or end > self.capacity:
            raise ValueError(
                f"This cache has room for {self.batch_size} texts of {self.capacity} tokens, but got {B} of "
                f"{end}; make one that fits with model.make_cache(batch_size)."
            )
        store = self._stores[layer] or (k[:, :, :0], v[:, :, :0])
        if store[0].shape[2] < end:
            store = self._enlarged(store[0], end), self._enlarged(store[1], end)
            self._stores[layer] = store
        keys, values = store[0].narrow(2, 0, end), store[1].narrow(2, 0, end)
        keys.narrow(2, self.length, T).copy_(k)
        values.narrow(2, self.length, T).copy_(v)
        return keys, values

    def _enlarged(self, kept: torch.Tensor, end: int) -> torch.Tensor:
        """A copy with room up to `end` and a sixteenth more, so that copying stays rare."""
        B, H, _, D = kept.shape
        larger = kept.new_empty(B, H, min(end + end // 16 + 4, self.capacity), D)
        larger.narrow(2, 0, self.length).copy_(kept.narrow(2, 0, self.length))
        return larger

    def reorder(self, rows: torch.Tensor) -> None:
        """Let text i go on from what text `rows[i]` was, as beam search needs; there may be more or fewer
        than before.
        """
        for layer, store in enumerate(self._stores):
            if store is not None:
                k, v = (self._picked(kept, rows) for kept in store)
                self._stores[layer] = k, v
        self.batch_size = len(rows)

    def _picked(self, kept: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        filled = kept.narrow(2, 0, self.length)[rows]
        if len(rows) != len(kept):
            kept = kept.new_empty(len(rows), *kept.shape[1:])
        kept.narrow(2, 0, self.length).copy_(filled)
        return kept

    @property
    def nbytes(self) -> int:
        """The memory that the filled part takes. Units: bytes."""
        kept = [tensor for store in self._stores if store is not None for tensor in store]
        return sum(tensor.narrow(2, 0, self.length).numel() * tensor.element_size() for tensor in kept)
