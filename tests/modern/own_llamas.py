"""Right answers to the four exercises that make a Llama, in other ways than the course's."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.attention import MultiHeadAttention
from course_lib.config import GPTConfig
from course_lib.context import rotary_angles
from course_lib.model import RMSNorm, SwiGLU


class NormByTorch(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return x * torch.rsqrt((x * x).sum(-1, keepdim=True) / x.shape[-1] + self.eps) * self.weight


class NormByLength(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps, self.width = nn.Parameter(torch.full((width,), 1.0)), eps, width

    def forward(self, x):
        wide = x.double()
        size = (wide.pow(2).mean(dim=-1) + self.eps).pow(0.5)
        return self.weight * (wide / size.unsqueeze(-1)).to(x.dtype)


class NormInherited(RMSNorm):
    def __init__(self, width, eps):
        super().__init__(width, eps=eps)


def rotary_complex(x, base):
    T, D = x.shape[-2:]
    angles = torch.arange(T)[:, None] / base ** (torch.arange(0, D, 2) / D)
    pairs = torch.complex(x[..., : D // 2], x[..., D // 2 :]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag], dim=-1)


def rotary_by_roll(x, base):
    T, D = x.shape[-2:]
    angles = torch.outer(torch.arange(T).float(), base ** (-2 * torch.arange(D // 2) / D)).repeat(1, 2)
    signs = torch.cat([-torch.ones(D // 2), torch.ones(D // 2)])
    return x * angles.cos() + x.roll(D // 2, dims=-1) * signs * angles.sin()


def rotary_by_loops(x, base):
    D, rows = x.shape[-1], []
    for t in range(x.shape[-2]):
        firsts, seconds = [], []
        for i in range(D // 2):
            angle = t / base ** (2 * i / D)
            a, b = x[..., t, i], x[..., t, i + D // 2]
            firsts.append(a * math.cos(angle) - b * math.sin(angle))
            seconds.append(b * math.cos(angle) + a * math.sin(angle))
        rows.append(torch.stack(firsts + seconds, dim=-1))
    return torch.stack(rows, dim=-2)


class GateOneLine(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.down = nn.Linear(hidden, width, bias=False)
        self.up, self.gate = (nn.Linear(width, hidden, bias=False) for _ in range(2))

    def forward(self, x):
        gate = self.gate(x)
        return self.down(gate * torch.sigmoid(gate) * self.up(x))


class GateByMatrices(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.bend = nn.SiLU()

    def forward(self, x):
        wide = self.bend(x @ self.gate.weight.T).mul(x @ self.up.weight.T)
        return wide @ self.down.weight.T


class GateInherited(SwiGLU):
    def __init__(self, width, hidden):
        super().__init__(GPTConfig(width=width, n_heads=1, mlp_width=hidden, bias=False, activation="swiglu"))


class AttentionByTorch(nn.Module):
    def __init__(self, width, n_heads, n_kv_heads, base):
        super().__init__()
        self.H, self.G, self.D, self.base = n_heads, n_kv_heads, width // n_heads, base
        self.qkv = nn.Linear(width, (n_heads + 2 * n_kv_heads) * self.D, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).split([C, self.G * self.D, self.G * self.D], dim=-1)
        q, k, v = (part.view(B, T, -1, self.D).transpose(1, 2) for part in (q, k, v))
        q, k = rotary_by_roll(q, self.base), rotary_by_roll(k, self.base)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.out(out.transpose(1, 2).reshape(B, T, C))


class AttentionByGroups(AttentionByTorch):
    """The queries of a group beside each other, and no copies of keys and values."""

    def forward(self, x):
        B, T, C = x.shape
        heads = self.qkv(x).unflatten(-1, (-1, self.D)).movedim(1, 2)
        q, k, v = heads[:, : self.H], heads[:, self.H : self.H + self.G], heads[:, self.H + self.G :]
        q, k = rotary_complex(q, self.base), rotary_complex(k, self.base)
        q = q.unflatten(1, (self.G, -1))
        scores = torch.einsum("bgntd,bgsd->bgnts", q, k) * self.D**-0.5
        scores = scores + torch.full((T, T), -math.inf).triu(1)
        mixed = torch.einsum("bgnts,bgsd->btgnd", scores.softmax(-1), v)
        return self.out(mixed.reshape(B, T, C))


class AttentionInherited(MultiHeadAttention):
    def __init__(self, width, n_heads, n_kv_heads, base):
        super().__init__(GPTConfig(width=width, n_heads=n_heads, n_kv_heads=n_kv_heads, bias=False))
        self.base = base

    def forward(self, x):
        return super().forward(x, rotary=rotary_angles(x.shape[1], self.head_width, self.base))
