"""The layer as a class: other right ways, wrong ones, and the course's own with the same weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.attention import MultiHeadAttention as Twin
from course_lib.attention import exercises as ex
from course_lib.config import GPTConfig


class Fused(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.out, self.qkv, self.n_heads = nn.Linear(width, width), nn.Linear(width, 3 * width), n_heads

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class HeadByHead(Fused):
    def forward(self, x):
        D, found = x.shape[-1] // self.n_heads, []
        q, k, v = self.qkv(x).split(x.shape[-1], dim=-1)
        for h in range(self.n_heads):
            own = slice(h * D, (h + 1) * D)
            scores = q[..., own] @ k[..., own].transpose(-2, -1) * D**-0.5
            seen = torch.ones_like(scores, dtype=torch.bool).tril()
            found.append(torch.where(seen, scores, -math.inf).softmax(-1) @ v[..., own])
        return self.out(torch.cat(found, dim=-1))


class KeptMask(Fused):
    """The mask as a buffer, for the longest text; parameters made by hand, under the same names."""

    def __init__(self, width, n_heads):
        super().__init__(width, n_heads)
        self.out.weight = nn.Parameter(torch.zeros(width, width))
        self.register_buffer("mask", torch.full((128, 128), -math.inf).triu(1))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = torch.einsum("btc,nc->btn", x, self.qkv.weight).add(self.qkv.bias).chunk(3, -1)
        q, k, v = (part.view(B, T, self.n_heads, -1) for part in (q, k, v))
        scores = torch.einsum("bthd,bshd->bhts", q, k) / math.sqrt(q.shape[-1]) + self.mask[:T, :T]
        return self.out(torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v).reshape(B, T, C))


@pytest.mark.parametrize("answer", [Fused, HeadByHead, KeptMask])
def test_other_right_ways_pass(answer):
    feedback = ex.MultiHeadAttention.judge(answer)
    assert feedback.right, feedback


class Dropping(Fused):
    def forward(self, x):
        return F.dropout(super().forward(x), 0.1, self.training)


class LooksAheadInTraining(Fused):
    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=not self.training)
        return self.out(mixed.transpose(1, 2).flatten(2))


class OwnWeights(Fused):
    """Computes with weights that it has put aside, not with those that it is given."""

    def __init__(self, width, n_heads):
        super().__init__(width, n_heads)
        self.aside = [self.out.weight.detach().clone()]

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        return mixed @ self.aside[0].T + self.out.bias


class BiasCut(Fused):
    def forward(self, x):
        with torch.no_grad():
            shift = self.out.bias.clone()
        return super().forward(x) - self.out.bias + shift


class ThreeMatrices(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        return x


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Dropping, "The result is wrong"),
        (LooksAheadInTraining, ".train()("),
        (OwnWeights, "The result is wrong"),
        (BiasCut, "none arrives at `out.bias`"),
        (ThreeMatrices, "A parameter is missing: `qkv.weight`, of shape (30, 10). There are `q.weight`"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_wrong_ways_are_refused(answer, words):
    feedback = ex.MultiHeadAttention.judge(answer, seed=1)
    assert not feedback.right and words in str(feedback)


def test_torchs_whole_layer_is_not_the_way_asked_for():
    class Whole(Fused):
        def forward(self, x):
            T, given = x.shape[1], x.transpose(0, 1)
            later = torch.full((T, T), -math.inf).triu(1)
            weights = (self.qkv.weight, self.qkv.bias, None, None, False, 0.0, self.out.weight, self.out.bias)
            mixed, _ = F.multi_head_attention_forward(
                given, given, given, x.shape[-1], self.n_heads, *weights, attn_mask=later
            )
            return mixed.transpose(0, 1)

    assert ex.MultiHeadAttention.judge(Whole).state == "otherwise"


def test_the_courses_layer_takes_the_same_weights_and_gives_the_same():
    mine = ex.MultiHeadAttention.reference(6, 3)
    twin = Twin(GPTConfig(width=6, n_heads=3))
    twin.load_state_dict(mine.state_dict())
    x = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(mine(x), twin(x), atol=1e-6)
