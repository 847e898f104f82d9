"""Multi-head latent attention: all heads' keys and values are made anew from one short vector for each token.

Only that vector and one small turned key are kept. It does not know the model around it.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import check_floats, whole
from course_lib.attention import causal_mask
from course_lib.context import apply_rotary, rotary_angles

Kept = tuple[torch.Tensor, torch.Tensor]


class LatentAttention(nn.Module):
    """Attention that keeps, of each token, a latent vector of `latent` numbers and a key of `rotary` numbers.

    The latent is made from x by a narrow matrix; two wide ones make keys and values of all heads out of it.
    A turned key could not be made from it afterwards by one and the same matrix, so positions have a small
    key of their own, which all heads share, and each head a small query for it.

    Called with what it `kept` of the text so far, it takes only what is new. Gives what it found, and what is
    to be kept. (The paper also makes queries by way of a latent, to save memory in training; this does not.)

    Shapes: x (B, T, C); kept and given back: latents (B, S, latent), keys (B, S, rotary).
    Source: DeepSeek-AI 2024, section 2.1, equations 9 to 19 (arXiv:2405.04434).

    >>> attention = LatentAttention(width=12, n_heads=3, latent=5, rotary=2)
    >>> out, (latents, keys) = attention(torch.zeros(2, 4, 12))
    >>> out.shape, latents.shape, keys.shape
    (torch.Size([2, 4, 12]), torch.Size([2, 4, 5]), torch.Size([2, 4, 2]))
    """

    def __init__(self, width: int, n_heads: int, latent: int, rotary: int):
        super().__init__()
        self.n_heads = whole("LatentAttention", "n_heads", n_heads)
        width, self.rotary = (
            whole("LatentAttention", "width", width),
            whole("LatentAttention", "rotary", rotary),
        )
        latent = whole("LatentAttention", "latent", latent)
        if width % n_heads or rotary % 2:
            raise ValueError(
                f"LatentAttention got width={width}, n_heads={n_heads} and rotary={rotary}; the "
                f"width must be "
                "a multiple of n_heads, and rotary even."
            )
        self.narrow = nn.Linear(width, latent, bias=False)  # x -> latent, which is kept
        self.keys = nn.Linear(latent, width, bias=False)  # latent -> keys of all heads
        self.values = nn.Linear(latent, width, bias=False)
        self.placed_key = nn.Linear(width, rotary, bias=False)  # one for all heads, kept too
        self.queries = nn.Linear(width, width, bias=False)
        self.placed_queries = nn.Linear(width, n_heads * rotary, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor, kept: Kept | None = None) -> tuple[torch.Tensor, Kept]:
        check_floats("LatentAttention", "x", x, self.out.in_features)
        B, T, C = x.shape
        start = 0 if kept is None else kept[0].shape[1]
        angles = rotary_angles(T, self.rotary, offset=start, device=x.device)
        latents, placed = self.narrow(x), apply_rotary(self.placed_key(x), *angles)
        if kept is not None:
            latents, placed = torch.cat([kept[0], latents], 1), torch.cat([kept[1], placed], 1)
        S = start + T
        k, v = self._heads(self.keys(latents)), self._heads(self.values(latents))  # (B, H, S, D)
        q = self._heads(self.queries(x))
        placed_q = apply_rotary(self._heads(self.placed_queries(x)), *angles)
        k = torch.cat([k, placed[:, None].expand(B, self.n_heads, S, self.rotary)], -1)
        q = torch.cat([q, placed_q], -1)  # (B, H, T, D + rotary)
        mixed = F.scaled_dot_product_attention(q, k, v, causal_mask(T, S, x.device))
        return self.out(mixed.transpose(1, 2).reshape(B, T, C)), (latents, placed)

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
