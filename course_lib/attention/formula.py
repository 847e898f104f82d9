"""The formula of attention, as it is derived, and the mask that hides what comes later.

It knows queries, keys and values, and neither heads nor layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from course_lib.arguments import number, shown, whole, wrong
from course_lib.runtime import as_device

Hook = Callable[[torch.Tensor], torch.Tensor | None]


def causal_mask(T: int, S: int | None = None, device: torch.device | str | None = None) -> torch.Tensor:
    """Which keys each query may look at: itself and everything before it. True means: may look.

    With S > T the queries are the last T of S positions, as under a cache.

    Shapes: (T, S), boolean.
    Raises: ValueError if there are fewer keys than queries.

    >>> causal_mask(2, 3).int()
    tensor([[1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    T = whole("causal_mask", "T", T)
    S = T if S is None else whole("causal_mask", "S", S)
    if S < T:
        raise ValueError(
            f"causal_mask got T={T} queries and S={S} keys; each query has a key too: S must be at least T."
        )
    return torch.ones(T, S, dtype=torch.bool, device=as_device(device)).tril(S - T)


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
    Raises: ValueError for other shapes, and for a query that may look at nothing.
    Source: Vaswani and others 2017, section 3.2.1 (arXiv:1706.03762).

    >>> q, k = torch.tensor([[0.0, 0.0]]), torch.tensor([[5.0, 1.0], [2.0, 3.0]])
    >>> scaled_dot_product(q, k, v=torch.tensor([[1.0], [3.0]]))  # both keys fit equally
    tensor([[2.]])
    """
    check_attention(q, k, v, mask, hook)
    dropout = number("attention", "dropout", dropout, "at least 0 and below 1", lambda p: 0 <= p < 1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    attn = scores.softmax(dim=-1)
    if hook is not None:
        attn = shown_to(hook, attn)
    return F.dropout(attn, dropout, training=dropout > 0) @ v


def shown_to(hook: Hook, attn: torch.Tensor) -> torch.Tensor:
    """The weights that a hook leaves: those that it was shown, or others in their place.

    >>> shown_to(lambda attn: None, torch.ones(1, 1))
    tensor([[1.]])
    """
    changed = hook(attn)
    if changed is None:
        return attn
    if not isinstance(changed, torch.Tensor) or changed.shape != attn.shape:
        raise ValueError(
            f"The hook of an attention gave {shown(changed)}; it needs to give None, or weights of shape "
            f"{tuple(attn.shape)}."
        )
    return changed


def check_hook(hook: Any) -> None:
    """Raises ValueError unless a hook can be called, or is None.

    >>> check_hook("maps")
    Traceback (most recent call last):
    ValueError: attention got hook='maps'; it must be a function of the weights, such as maps.append, or None.
    """
    if hook is not None and not callable(hook):
        raise wrong("attention", "hook", hook, "a function of the weights, such as maps.append, or None")


def check_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None = None,
    hook: Hook | None = None,
) -> None:
    """Raises ValueError unless queries, keys, values, a mask and a hook belong together.

    >>> check_attention(torch.ones(3, 4), torch.ones(3, 5), torch.ones(3, 5))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: attention got q=a Tensor of shape (3, 4) and type torch.float32, k=a Tensor of shape ...
    """
    if (
        not all(isinstance(x, torch.Tensor) and x.ndim > 1 and x.is_floating_point() for x in (q, k, v))
        or q.shape[-1] != k.shape[-1]
        or k.shape[:-1] != v.shape[:-1]
        or q.shape[:-2] != k.shape[:-2]
        or not (k.shape[-2] and k.shape[-1])
    ):
        raise ValueError(
            f"attention got q={shown(q)}, k={shown(k)} and v={shown(v)}; it needs floats, q (..., T, D), "
            "k and v (..., S, D), with the same axes before, and S at least 1."
        )
    if not (q.dtype == k.dtype == v.dtype or torch.is_autocast_enabled(q.device.type)):
        raise ValueError(
            f"attention got q of {q.dtype}, k of {k.dtype} and v of {v.dtype}; give all of them one type, "
            "e.g. by q.float()."
        )
    if mask is not None:
        check_mask(mask, (*q.shape[:-1], k.shape[-2]))
    check_hook(hook)


def check_mask(mask: torch.Tensor, shape: tuple[int, ...]) -> None:
    """Raises ValueError unless a mask for scores (..., T, S) lets each query look at one key at least.

    >>> check_mask(torch.zeros(2, 3, dtype=torch.bool), (2, 3))
    Traceback (most recent call last):
    ValueError: The mask hides all keys from a query; let each query look at one at least.
    """
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or not _fits(mask.shape, shape):
        T, S = shape[-2:]
        raise ValueError(
            f"Got mask={shown(mask)}; a mask for {T} queries and {S} keys is boolean, of shape {(T, S)} or "
            f"one that broadcasts to {tuple(shape)}, True where a query may look."
        )
    if not bool(mask.any(-1).all()):
        raise ValueError("The mask hides all keys from a query; let each query look at one at least.")


def _fits(shape: tuple[int, ...], scores: tuple[int, ...]) -> bool:
    """Whether something of one shape can be spread over scores, which stay as large as they are."""
    if len(shape) > len(scores):
        return False
    inside = scores[len(scores) - len(shape) :]
    return all(size in (1, whole) for size, whole in zip(shape, inside, strict=True))


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
    block = whole("blockwise_attention", "block", block)
    check_attention(q, k, v)
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
