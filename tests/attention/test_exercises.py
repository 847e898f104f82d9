"""The exercises of notebook 03, answered in other right ways, against torch, and in part; and its figures."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_lib import attention
from course_lib.attention import exercises as ex
from course_lib.config import GPTConfig
from course_lib.exercises import Mistake, State

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    """Progress and answers go to a folder of the test."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# Other right ways -----------------------------------------------------------------------------------------


def mask_by_loops(T):
    mask = torch.zeros(T, T, dtype=torch.bool)
    for t in range(T):
        for s in range(t + 1):
            mask[t, s] = True
    return mask


def mask_by_comparing(T):
    return torch.arange(T)[:, None] >= torch.arange(T)


def mask_from_lists(T):
    return torch.tensor([[s <= t for s in range(T)] for t in range(T)])


def mask_not_contiguous(T):
    return torch.ones(T, T, dtype=torch.bool).triu().T


def mask_in_numpy(T):
    return np.tri(T, dtype=bool)


def mask_of_plain_rows(T):
    return [[True] * (t + 1) + [False] * (T - t - 1) for t in range(T)]


def mask_by_counting(T):
    return (torch.eye(T).cumsum(1).T > 0).logical_and(torch.ones(T, T) > 0)


class MaskMaker:
    """A table that grows when it must, as some models keep one."""

    def __init__(self):
        self.known = torch.ones(1, 1, dtype=torch.bool)

    def __call__(self, T):
        if len(self.known) < T:
            self.known = torch.ones(T, T, dtype=torch.bool).tril_()
        return self.known[:T, :T]


def softmax_by_loops(scores):
    rows = scores.reshape(-1, scores.shape[-1])
    out = [(row - row.max()).exp() / (row - row.max()).exp().sum() for row in rows]
    return torch.stack(out).reshape(scores.shape)


def softmax_by_logarithms(scores):
    shifted = scores - scores.amax(-1, keepdim=True).detach()
    return (shifted - shifted.exp().sum(-1, keepdim=True).log()).exp()


def softmax_in_place(scores):
    weights = scores.clone().sub_(scores.max(-1, keepdim=True)[0]).exp_()
    return weights / weights.sum(-1, keepdim=True)


def softmax_in_double_by_matmul(scores):
    weights = torch.exp(scores.double() - scores.double().max(dim=-1, keepdim=True).values)
    return weights / (weights @ torch.ones(scores.shape[-1], 1, dtype=torch.float64))


def softmax_turned(scores):
    keys_first = scores.movedim(-1, 0)
    weights = (keys_first - keys_first.max(0).values).exp()
    return (weights / weights.sum(0)).movedim(0, -1)


class Softmax(torch.nn.Module):
    def forward(self, scores):
        weights = torch.exp(torch.sub(scores, torch.amax(scores, dim=-1, keepdim=True)))
        return torch.div(weights, torch.sum(weights, dim=-1, keepdim=True))


def softmax_einsum(scores):
    weights = (scores - scores.amax(-1, keepdim=True)).exp()
    return torch.einsum("...s,...->...s", weights, 1 / weights.sum(-1))


def attend_by_loops(q, k, v, mask=None):
    mask = torch.ones(()) if mask is None else mask
    mask = mask.expand(*q.shape[:-1], k.shape[-2])
    if q.ndim > 2:
        return torch.stack([attend_by_loops(*text) for text in zip(q, k, v, mask, strict=True)])
    rows = []
    for t in range(len(q)):
        seen = [s for s in range(len(k)) if mask[t, s]]
        weights = torch.stack([(q[t] * k[s]).sum() / len(q[t]) ** 0.5 for s in seen]).softmax(0)
        rows.append(sum(w * v[s] for w, s in zip(weights, seen, strict=True)))
    return torch.stack(rows)


def attend_einsum(q, k, v, mask=None):
    scores = torch.einsum("...td,...sd->...ts", q, k) / q.size(-1) ** 0.5
    if mask is not None:
        scores = torch.where(mask, scores, -torch.inf)
    return torch.einsum("...ts,...sd->...td", F.softmax(scores, -1), v)


def attend_with_a_bias(q, k, v, mask=None):
    bias = 0.0 if mask is None else torch.zeros(mask.shape).masked_fill(mask.logical_not(), -1e9)
    return torch.softmax((q / math.sqrt(q.shape[-1])) @ k.mT + bias, dim=-1) @ v


def attend_in_double(q, k, v, mask=None):
    return attention.scaled_dot_product(q.double(), k.double(), v.double(), mask)


def attend_by_heads(q, k, v, mask=None):
    """Flattened to three axes, with `bmm`; hidden keys are filled in place."""
    T, S, D = q.shape[-2], *k.shape[-2:]
    scores = torch.bmm(q.reshape(-1, T, D), k.reshape(-1, S, D).mT).div_(D**0.5)
    scores = scores.reshape(*q.shape[:-1], S)
    if mask is not None:
        scores[~mask.expand_as(scores)] = -math.inf
    return scores.softmax(-1).matmul(v)


def attend_with_a_softmax_of_ones_own(q, k, v, mask=None):
    scores = (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(-1) * q.shape[-1] ** -0.5
    scores = scores if mask is None else torch.masked_fill(scores, torch.logical_not(mask), float("-inf"))
    return (softmax_einsum(scores).unsqueeze(-1) * v.unsqueeze(-3)).sum(-2)


def attend_with_the_lowest_float(q, k, v, mask=None):
    seen = torch.ones((), dtype=torch.bool) if mask is None else mask
    scores = torch.matmul(q, k.swapaxes(-1, -2)) / torch.sqrt(torch.tensor(q.shape[-1]))
    return torch.softmax(scores.where(seen, torch.finfo(scores.dtype).min), -1) @ v


class Attend:
    def __call__(self, q, k, v, mask=None):
        return self.mix(self.look(q, k, mask), v)

    def look(self, q, k, mask):
        scores = k @ q.transpose(-2, -1) / q.shape[-1] ** 0.5  # (..., S, T), turned at the end
        scores = scores.transpose(-2, -1)
        return F.softmax(scores if mask is None else scores.masked_fill(mask == 0, -torch.inf), dim=-1)

    @staticmethod
    def mix(weights, v):
        return weights @ v


def window_by_loops(T, window):
    return torch.tensor([[t - window < s <= t for s in range(T)] for t in range(T)])


def window_by_triangles(T, window):
    return torch.ones(T, T, dtype=torch.bool).tril().triu(1 - window)


def window_without_the_first(T, window):
    causal = mask_by_loops(T)
    return causal & ~causal.tril(-window)


def window_in_numpy(T, window):
    back = np.arange(T)[:, None] - np.arange(T)
    return (back >= 0) & (back < window)


def window_of_plain_rows(T, window):
    return [[0 <= t - s < window for s in range(T)] for t in range(T)]


def window_row_by_row(T, window):
    mask = torch.zeros((T, T), dtype=torch.bool)
    for t in range(T):
        mask[t, max(0, t - window + 1) : t + 1] = True
    return mask


def heads_by_chunks(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1), dim=1)


def heads_by_loops(x, n_heads):
    D = x.shape[-1] // n_heads
    return torch.cat([x[:, None, :, h * D : (h + 1) * D] for h in range(n_heads)], dim=1)


def heads_einsum(x, n_heads):
    return torch.einsum("bthd->bhtd", x.unflatten(-1, (n_heads, -1))).contiguous()


def heads_by_view(x, n_heads):
    B, T, _ = x.size()
    return x.view(B, T, n_heads, -1).permute(0, 2, 1, 3)  # only the last axis is cut: `view` will do


def heads_by_moving_an_axis(x, n_heads):
    return torch.movedim(torch.stack(torch.tensor_split(x, n_heads, -1)), 0, 1)


def heads_filled_in(x, n_heads):
    B, T, C = x.shape
    D = C // n_heads
    out = x.new_empty(B, n_heads, T, D)
    for h in range(n_heads):
        out[:, h] = x[..., D * h : D * (h + 1)]
    return out


def heads_of_each_token(x, n_heads):
    return x.reshape(*x.shape[:2], n_heads, x.shape[2] // n_heads).swapaxes(1, 2).double()


def multi_head_by_loops(x, w_q, w_k, w_v, w_out, n_heads):
    D = x.shape[-1] // n_heads
    out = []
    for h in range(n_heads):
        own = slice(h * D, (h + 1) * D)
        q, k, v = x @ w_q[:, own], x @ w_k[:, own], x @ w_v[:, own]
        out.append(attend_by_loops(q, k, v, mask_by_loops(x.shape[1])))
    return torch.cat(out, dim=-1) @ w_out


def multi_head_fused(x, w_q, w_k, w_v, w_out, n_heads):
    q, k, v = (heads_by_chunks(x @ w, n_heads) for w in (w_q, w_k, w_v))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return out.permute(0, 2, 1, 3).flatten(2) @ w_out


def multi_head_einsum(x, w_q, w_k, w_v, w_out, n_heads):
    q, k, v = (torch.einsum("btc,chd->bhtd", x, w.unflatten(1, (n_heads, -1))) for w in (w_q, w_k, w_v))
    mixed = attend_einsum(q, k, v, mask_by_comparing(x.shape[1]))
    return torch.einsum("bhtd,hdc->btc", mixed, w_out.unflatten(0, (n_heads, -1)))


def multi_head_one_matrix(x, w_q, w_k, w_v, w_out, n_heads):
    """The three products as one, and scores without any transpose."""
    B, T, C = x.shape
    qkv = (x @ torch.cat([w_q, w_k, w_v], dim=1)).view(B, T, 3, n_heads, C // n_heads)
    q, k, v = qkv.unbind(2)
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * (C // n_heads) ** -0.5
    scores = scores + torch.full((T, T), float("-inf")).triu(1)
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v).flatten(2) @ w_out


def multi_head_sum_of_heads(x, w_q, w_k, w_v, w_out, n_heads):
    """Each head with its own rows of the last matrix, added up."""
    D, total = x.shape[-1] // n_heads, torch.zeros_like(x)
    for h in range(n_heads):
        q, k, v = (x @ w[:, h * D : (h + 1) * D] for w in (w_q, w_k, w_v))
        head = attend_einsum(q, k, v, mask_by_comparing(x.shape[1]))
        total = total + head @ w_out[h * D : (h + 1) * D]
    return total


def multi_head_each_text(x, w_q, w_k, w_v, w_out, n_heads):
    texts = []
    for text in x:
        q, k, v = (F.linear(text, w.T).unflatten(-1, (n_heads, -1)).transpose(0, 1) for w in (w_q, w_k, w_v))
        texts.append(attend_by_heads(q, k, v, torch.tensor(mask_of_plain_rows(len(text)))))
    return torch.stack(texts).transpose(1, 2).flatten(2).matmul(w_out)


def alibi_by_loops(T, n_heads):
    bias = torch.full((n_heads, T, T), -torch.inf)
    for h in range(n_heads):
        for t in range(T):
            for s in range(t + 1):
                bias[h, t, s] = (s - t) * 2 ** (-8 * (h + 1) / n_heads)
    return bias


def alibi_einsum(T, n_heads):
    places = torch.arange(T, dtype=torch.float64)
    slopes = torch.pow(2 ** (-8 / n_heads), torch.arange(1, n_heads + 1, dtype=torch.float64))
    bias = torch.einsum("h,ts->hts", slopes, places - places[:, None])
    return torch.where(mask_by_comparing(T), bias, -math.inf)


def alibi_added(T, n_heads):
    slopes = [2.0 ** (-8.0 * h / n_heads) for h in range(1, n_heads + 1)]
    future = torch.full((T, T), -torch.inf).triu(1)
    distance = torch.arange(T)[:, None] - torch.arange(T)[None]
    return torch.stack([-slope * distance + future for slope in slopes])


def alibi_in_numpy(T, n_heads):
    back = np.arange(T)[:, None] - np.arange(T)
    slopes = 2.0 ** (-8 * np.arange(1, n_heads + 1) / n_heads)
    return np.where(back >= 0, -slopes[:, None, None] * back, -np.inf)


def alibi_of_plain_numbers(T, n_heads):
    return [
        [[slope * (s - t) if s <= t else -math.inf for s in range(T)] for t in range(T)]
        for slope in (0.5 ** (8 / n_heads * (h + 1)) for h in range(n_heads))
    ]


def alibi_filled_in_place(T, n_heads):
    bias = torch.arange(T).sub(torch.arange(T).unsqueeze(1)).repeat(n_heads, 1, 1).float()
    bias *= torch.logspace(-8 / n_heads, -8, n_heads, base=2.0).view(-1, 1, 1)
    return bias.masked_fill_(torch.ones(T, T).triu(1).bool(), float("-inf"))


def step_in_numpy(largest, total, mixed, scores, values):
    scores, values = scores.numpy(), values.numpy()
    new = np.maximum(largest.numpy(), scores.max())
    factor, weights = np.exp(largest.numpy() - new), np.exp(scores - new)
    return new, total.numpy() * factor + weights.sum(), mixed.numpy() * factor + weights @ values


def step_of_plain_numbers(largest, total, mixed, scores, values):
    largest, total, mixed = largest.item(), total.item(), mixed.tolist()
    new = max([largest, *scores.tolist()])
    factor, weights = math.exp(largest - new), [math.exp(score - new) for score in scores.tolist()]
    columns = zip(mixed, *values.tolist(), strict=True)
    mixed = [m * factor + sum(map(float.__mul__, weights, rest)) for m, *rest in columns]
    return new, total * factor + sum(weights), mixed


def step_with_a_first_block(largest, total, mixed, scores, values):
    top = scores.max()
    weights = torch.exp(scores - torch.max(largest, top))
    if torch.isinf(largest):
        return top, weights.sum(), weights @ values
    factor = torch.exp(largest - torch.max(largest, top))
    return torch.max(largest, top), factor * total + weights.sum(), factor * mixed + values.T @ weights


def step_in_a_copy(largest, total, mixed, scores, values):
    new, total, mixed = torch.maximum(largest, scores.amax()), total.clone(), mixed.clone()
    total *= (largest - new).exp()
    mixed *= (largest - new).exp()
    for weight, value in zip((scores - new).exp(), values, strict=True):
        total += weight
        mixed += weight * value
    return new, total, mixed


def step_by_loops(largest, total, mixed, scores, values):
    for score, value in zip(scores, values, strict=True):
        new = torch.maximum(largest, score)
        total = total * (largest - new).exp() + (score - new).exp()
        mixed = mixed * (largest - new).exp() + (score - new).exp() * value
        largest = new
    return largest, total, mixed


def step_by_joining(largest, total, mixed, scores, values):
    new = torch.cat([largest[None], scores]).max()
    terms = torch.cat([(largest - new).exp()[None], (scores - new).exp()])
    sums = torch.cat([total[None], torch.ones(len(scores))])
    return new, terms @ sums, terms @ torch.cat([mixed[None], values])


def step_as_a_list(largest, total, mixed, scores, values):
    new = max(float(largest), float(scores.max()))
    factor, weights = math.exp(float(largest) - new), (scores.double() - new).exp()
    return [
        torch.tensor(new),
        total * factor + weights.sum(),
        mixed * factor + torch.einsum("s,sd->d", weights, values.double()),
    ]


OTHER_WAYS = {
    ex.causal_mask: (
        mask_by_loops,
        mask_by_comparing,
        mask_from_lists,
        mask_not_contiguous,
        mask_in_numpy,
        mask_of_plain_rows,
        mask_by_counting,
        MaskMaker(),
        MaskMaker().__call__,
        lambda T: torch.full((T, T), True).tril(diagonal=0),
    ),
    ex.softmax: (
        softmax_by_loops,
        softmax_by_logarithms,
        softmax_einsum,
        softmax_in_place,
        softmax_in_double_by_matmul,
        softmax_turned,
        Softmax(),
    ),
    ex.scaled_dot_product: (
        attend_by_loops,
        attend_einsum,
        attend_with_a_bias,
        attend_in_double,
        attend_by_heads,
        attend_with_a_softmax_of_ones_own,
        attend_with_the_lowest_float,
        Attend(),
        Attend().__call__,
    ),
    ex.causal_window: (
        window_by_loops,
        window_by_triangles,
        window_without_the_first,
        window_in_numpy,
        window_of_plain_rows,
        window_row_by_row,
    ),
    ex.split_heads: (
        heads_by_chunks,
        heads_by_loops,
        heads_einsum,
        heads_by_view,
        heads_by_moving_an_axis,
        heads_filled_in,
        heads_of_each_token,
    ),
    ex.multi_head_attention: (
        multi_head_by_loops,
        multi_head_fused,
        multi_head_einsum,
        multi_head_one_matrix,
        multi_head_sum_of_heads,
        multi_head_each_text,
    ),
    ex.alibi_bias: (
        alibi_by_loops,
        alibi_einsum,
        alibi_added,
        alibi_in_numpy,
        alibi_of_plain_numbers,
        alibi_filled_in_place,
    ),
    ex.online_step: (
        step_by_loops,
        step_by_joining,
        step_as_a_list,
        step_in_numpy,
        step_of_plain_numbers,
        step_with_a_first_block,
        step_in_a_copy,
    ),
}
WAYS = [(exercise, way) for exercise, ways in OTHER_WAYS.items() for way in ways]


def named(x):
    return getattr(x, "key", None) or getattr(x, "__name__", None) or str(x)[:40]


@pytest.mark.parametrize(("exercise", "way"), WAYS, ids=named)
def test_other_right_ways_pass(exercise, way):
    feedback = exercise.judge(way, seed=1)
    assert feedback.right, str(feedback)


def test_every_exercise_has_six_other_ways():
    assert all(len(ways) >= 6 for ways in OTHER_WAYS.values()) and len(OTHER_WAYS) == 8


# Right, but not by the way that is asked for ----------------------------------------------------------------


def attend_fused(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def multi_head_by_torch(x, w_q, w_k, w_v, w_out, n_heads):
    C, given = x.shape[-1], x.transpose(0, 1)
    weights = torch.cat([w_q.T, w_k.T, w_v.T]), None, None, None, False, 0.0, w_out.T, None
    hidden = ~mask_by_comparing(x.shape[1])
    settings = {"need_weights": False, "attn_mask": hidden}
    mixed, _ = F.multi_head_attention_forward(given, given, given, C, n_heads, *weights, **settings)
    return mixed.transpose(0, 1)


OTHERWISE = {
    ex.softmax: (
        torch.nn.Softmax(dim=-1),
        lambda scores: F.softmax(scores, -1),
        lambda scores: scores.log_softmax(-1).exp(),
        lambda scores: (scores - scores.logsumexp(-1, keepdim=True)).exp(),
        lambda scores: F.softmin(-scores, dim=-1),
        lambda scores: torch.special.softmax(scores, dim=-1),
    ),
    ex.scaled_dot_product: (attend_fused,),
    ex.multi_head_attention: (multi_head_by_torch,),
}


@pytest.mark.parametrize(("exercise", "way"), [(e, way) for e, ways in OTHERWISE.items() for way in ways])
def test_right_but_not_by_the_way_asked_for(exercise, way):
    feedback = exercise.judge(way, seed=1)
    assert feedback.state is State.OTHERWISE and "The exercise is to" in feedback.message


# Wrong in ways that are easily missed -----------------------------------------------------------------------


def once(function):
    """The answer of the first call, for ever."""
    kept = []

    def answer(*args, **kwargs):
        kept.append(function(*args, **kwargs)) if not kept else None
        return kept[0]

    return answer


def by_shape(function):
    """Kept for the next call with the same shapes."""
    kept = {}

    def answer(*args, **kwargs):
        key = tuple(getattr(x, "shape", x) for x in args)
        kept.setdefault(key, function(*args, **kwargs))
        return kept[key]

    return answer


def changing(function, number=0):
    """The right result, and an argument spoilt."""

    def answer(*args, **kwargs):
        result = copy.deepcopy(function(*args, **kwargs))
        args[number].mul_(0.5)
        return result

    return answer


def mask_kept_and_spoilt():
    kept = {}

    def answer(T):
        mask = kept.setdefault(T, mask_by_comparing(T))
        result = mask.clone()
        mask[0] = True
        return result

    return answer


def softmax_with(largest=None, total=None):
    def answer(scores):
        top = scores.amax(-1, keepdim=True) if largest is None else largest(scores)
        weights = (scores - top).exp()
        return weights / (weights.sum(-1, keepdim=True) if total is None else total(weights))

    return answer


def attend_with(scores_of=None, hide=None, mix=None, seen=lambda mask: mask):
    """Attention of which one step is another."""

    def answer(q, k, v, mask=None):
        scores = q @ k.mT / math.sqrt(q.shape[-1]) if scores_of is None else scores_of(q, k)
        mask = None if mask is None else seen(mask)
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf) if hide is None else hide(scores, mask)
        return scores.softmax(-1) @ v if mix is None else mix(scores, v)

    return answer


def unstable(scores, v):
    return scores.exp() / scores.exp().sum(-1, keepdim=True) @ v


def masked_after_and_divided(q, k, v, mask=None):
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
    weights = weights if mask is None else weights * mask
    return weights / weights.sum(-1, keepdim=True) @ v


def only_square_masks(q, k, v, mask=None):
    T, S = q.shape[-2], k.shape[-2]
    if mask is not None and mask.shape[-2:] != (T, S):
        mask = None
    return attend_einsum(q, k, v, mask)


def attend_loops_over_the_first_text(q, k, v, mask=None):
    if q.ndim > 2 and mask is not None and mask.ndim > 2:
        mask = mask[0]
    return attend_einsum(q, k, v, mask)


def always_causal(q, k, v, mask=None):
    T, S = q.shape[-2], k.shape[-2]
    return attend_einsum(q, k, v, None if mask is None else torch.ones(T, S, dtype=torch.bool).tril(S - T))


def attend_without_keys_gradient(q, k, v, mask=None):
    return attend_einsum(q, k.detach(), v, mask)


def attend_constant_scores(q, k, v, mask=None):
    weights = attend_einsum(q.detach(), k.detach(), torch.eye(k.shape[-2]).expand(*k.shape[:-1], -1), mask)
    return weights @ v


def multi_head_with(**changes):
    """Multi-head attention of which one step is another."""

    def answer(x, w_q, w_k, w_v, w_out, n_heads):
        split, join = changes.get("split", heads_einsum), changes.get("join", lambda out: out.mT.mT)
        mask = changes.get("mask", mask_by_comparing)(x.shape[1])
        q, k, v = (split(changes.get("before", lambda x: x)(x) @ w, n_heads) for w in (w_q, w_k, w_v))
        scores = q @ k.mT / changes.get("root", lambda x, D: D**0.5)(x, q.shape[-1])
        weights = scores.masked_fill(~mask, -math.inf).softmax(changes.get("dim", -1))
        out = join(changes.get("weights", lambda w: w)(weights) @ v)
        return changes.get("last", lambda x, out, w: out @ w)(x, out.transpose(1, 2).flatten(2), w_out)

    return answer


def step_with(start=None, keep=None):
    def answer(largest, total, mixed, scores, values):
        largest = largest if start is None else start(largest)
        new = torch.maximum(largest, scores.max())
        factor, weights = (largest - new).exp(), (scores - new).exp()
        weights = weights if keep is None else keep(weights, scores, new)
        return new, total * factor + weights.sum(), mixed * factor + weights @ values

    return answer


WRONG = {
    ex.causal_mask: {
        "the last 512 only": lambda T: torch.ones(T, T).tril().triu(-512).bool(),
        "cut at 64": lambda T: mask_by_comparing(min(T, 64)),
        "filled up to 64 only": lambda T: mask_by_comparing(T) & (torch.arange(T) < 64),
        "filled up to 256 only": lambda T: mask_by_comparing(T) & (torch.arange(T)[:, None] < 256),
        "`is` in place of ==": lambda T: torch.tensor(
            [[s < t or s is t for s in range(T)] for t in range(T)]
        ),
        "bytes overrun": lambda T: np.arange(T).astype(np.uint8)[:, None] >= np.arange(T).astype(np.uint8),
        "one token has no table": lambda T: mask_by_comparing(T).squeeze(),
        "one token sees nothing": lambda T: mask_by_comparing(T) if T > 1 else torch.zeros(1, 1).bool(),
        "whole numbers": lambda T: mask_by_comparing(T).int(),
        "only the one before": lambda T: mask_by_comparing(T) & ~mask_by_comparing(T).tril(-2),
        "rows of different lengths": lambda T: [[True] * (t + 1) for t in range(T)],
        "kept and spoilt": mask_kept_and_spoilt(),
        "the first one for ever": once(mask_by_comparing),
        "not returned": lambda T: setattr(mask_by_comparing, "kept", mask_by_comparing(T)),
        "a fixed table": lambda T: mask_by_comparing(128)[:T, :T],
    },
    ex.softmax: {
        "1000 keys": lambda scores: ex.softmax.reference(scores[..., :1000]),
        "two axes only": lambda scores: softmax_einsum(scores) if scores.ndim == 2 else scores.softmax(1),
        "a batch is needed": lambda scores: (
            softmax_einsum(scores) if scores.ndim > 1 else scores.softmax(0) * 0
        ),
        "the last axis is number 1": lambda scores: (
            softmax_turned(scores) if scores.ndim != 3 else scores.softmax(1)
        ),
        "the sum cut off": softmax_with(total=lambda weights: weights.sum(-1, keepdim=True).detach()),
        "values from torch, no gradient": lambda scores: torch.tensor(scores.detach().softmax(-1).tolist()),
        "gradient of a plain exp": lambda scores: (
            softmax_einsum(scores).detach() * (scores - scores.detach()).exp()
        ),
        "clamped at 80": softmax_with(lambda scores: scores.clamp(min=80.0).amax(-1, keepdim=True) * 0 + 80),
        "clamped scores": lambda scores: softmax_einsum(scores.clamp(-50, 50)),
        "the mean taken away": softmax_with(lambda scores: scores.mean(-1, keepdim=True)),
        "the first taken away": softmax_with(lambda scores: scores[..., :1]),
        "the smallest taken away": softmax_with(lambda scores: scores.amin(-1, keepdim=True)),
        "something small added to the sum": softmax_with(total=lambda w: w.sum(-1, keepdim=True) + 1e-3),
        "the largest of the batch": softmax_with(lambda scores: scores.max()),
        "minus infinity made 0": lambda scores: softmax_einsum(scores.nan_to_num(0.0, neginf=0.0)),
        "hidden ones given a little": lambda scores: softmax_einsum(scores.clamp(min=-9.0)),
        "powers of 2": lambda scores: softmax_einsum(scores * math.log(2)),
        "ties share the whole": lambda scores: (
            softmax_einsum(scores) / (scores == scores.amax(-1, keepdim=True)).sum(-1, keepdim=True)
        ),
        "contiguous only": lambda scores: softmax_einsum(scores.view(-1, scores.shape[-1])).view(
            scores.shape
        ),
        "changed in place": changing(softmax_einsum),
        "kept for the shape": by_shape(softmax_einsum),
        "half precision": lambda scores: softmax_einsum(scores.half().float()),
        "64 keys": lambda scores: softmax_einsum(scores[..., :64]),
        "rounded": lambda scores: (softmax_einsum(scores) * 1000).round() / 1000,
    },
    ex.scaled_dot_product: {
        "no gradient to the keys": attend_without_keys_gradient,
        "no gradient to the scores": attend_constant_scores,
        "under no_grad": torch.no_grad()(attend_einsum),
        "no gradient to the values": lambda q, k, v, mask=None: attend_einsum(q, k, v.detach(), mask),
        "softmax without shift": attend_with(mix=unstable),
        "masked after, then divided": masked_after_and_divided,
        "hidden at -100": attend_with(hide=lambda scores, mask: scores.masked_fill(~mask, -100.0)),
        "hidden at -1e4": attend_with(hide=lambda scores, mask: scores.masked_fill(~mask, -1e4)),
        "hidden at -1e4, added": attend_with(hide=lambda scores, mask: scores - 1e4 * ~mask),
        "a score of 0 taken for hidden": attend_with(
            hide=lambda scores, mask: torch.where(scores * mask == 0, -math.inf, scores)
        ),
        "hidden below the smallest": attend_with(
            hide=lambda scores, mask: scores.where(mask, scores.min() - 1)
        ),
        "two-axis masks only": only_square_masks,
        "the first text's mask": attend_loops_over_the_first_text,
        "the first head's mask": attend_with(seen=lambda m: m[:, :1] if m.ndim == 4 else m),
        "the first row's mask": attend_with(seen=lambda m: m[..., :1, :]),
        "always causal": always_causal,
        "the mask transposed": attend_with(
            seen=lambda m: m.mT if m.ndim > 1 and m.shape[-1] == m.shape[-2] else m
        ),
        "root of the batch": attend_with(lambda q, k: q @ k.mT / math.sqrt(q.shape[-2])),
        "root of 2": attend_with(lambda q, k: q @ k.mT / math.sqrt(2)),
        "root of D - 1": attend_with(lambda q, k: q @ k.mT / math.sqrt(max(1, q.shape[-1] - 1))),
        "64 keys": lambda q, k, v, mask=None: attend_einsum(
            q, k[..., :64, :], v[..., :64, :], mask if mask is None else mask[..., :64]
        ),
        "queries and keys exchanged": attend_with(
            lambda q, k: (k @ q.mT / math.sqrt(q.shape[-1])).reshape(*q.shape[:-1], -1)
        ),
        "vectors made length 1": attend_with(lambda q, k: F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT),
        "the query changed in place": changing(attend_einsum),
        "the mask has no default": lambda q, k, v, mask: attend_einsum(q, k, v, mask),
        "the mask by position only": lambda q, k, v, *mask: attend_einsum(q, k, v, *mask),
        "the best key only": attend_with(
            mix=lambda scores, v: F.one_hot(scores.argmax(-1), scores.shape[-1]) * 1.0 @ v
        ),
        "views only": lambda q, k, v, mask=None: attend_einsum(
            q.view(q.shape[0], -1).view(q.shape), k, v, mask
        ),
        "kept for the shapes": by_shape(attend_einsum),
        "mixed with the keys": lambda q, k, v, mask=None: attend_einsum(q, k, k, mask),
        "clamped scores": attend_with(lambda q, k: (q @ k.mT / math.sqrt(q.shape[-1])).clamp(-50, 50)),
    },
    ex.causal_window: {
        "512 at most": lambda T, window: ex.causal_window.reference(T, min(window, 512)),
        "64 tokens": lambda T, window: window_by_loops(min(T, 64), window),
        "64 keys": lambda T, window: window_by_loops(T, min(window, 64)),
        "the window of the first call": lambda T, window, kept=[]: window_by_loops(
            T, kept.append(window) or kept[0]
        ),  # noqa: B006
        "`is` in place of ==": lambda T, window: [
            [(t - window < s <= t) or s is t for s in range(T)] if t < 256 else [s is t for s in range(T)]
            for t in range(T)
        ],
        "a window as wide as the text": lambda T, window: (
            window_by_loops(T, window) if window < T else torch.ones(T, T).bool()
        ),
        "the first rows are filled up": lambda T, window: (
            window_by_loops(T, window)
            | (torch.arange(T)[None] < window) & (torch.arange(T)[:, None] < window)
        ),
        "the first rows see nothing": lambda T, window: (
            window_by_loops(T, window) & (torch.arange(T)[:, None] >= window - 1)
        ),
        "a window of 1 sees two": lambda T, window: window_by_loops(T, max(window, 2)),
        "half the window on each side": lambda T, window: (
            (torch.arange(T)[:, None] - torch.arange(T)).abs() * 2 < window
        ),
        "whole numbers": lambda T, window: window_by_loops(T, window).long(),
        "wraps round": lambda T, window: (torch.arange(T)[:, None] - torch.arange(T)) % T < window,
        "columns look": lambda T, window: window_by_loops(T, window).T,
        "a bias": lambda T, window: torch.zeros(T, T).masked_fill(~window_by_loops(T, window), -math.inf),
        "one token": lambda T, window: window_by_loops(T, window).squeeze(),
    },
    ex.split_heads: {
        "no gradient": torch.no_grad()(heads_by_chunks),
        "through NumPy": lambda x, n_heads: torch.from_numpy(
            heads_by_chunks(x.detach(), n_heads).numpy().copy()
        ),
        "the first head cut off": lambda x, n_heads: torch.cat(
            [heads_by_chunks(x, n_heads)[:, :1].detach(), heads_by_chunks(x, n_heads)[:, 1:]], 1
        ),
        "64 heads": lambda x, n_heads: heads_by_chunks(x, n_heads)[:, :64],
        "64 tokens": lambda x, n_heads: heads_by_chunks(x, n_heads)[:, :, :64],
        "the batch made one": lambda x, n_heads: heads_by_chunks(x[:1].expand_as(x), n_heads),
        "flattened batch": lambda x, n_heads: heads_by_chunks(x, n_heads).flatten(0, 1),
        "a head of its own squeezed": lambda x, n_heads: heads_by_chunks(x, n_heads).squeeze(),
        "n_heads is always 2": lambda x, n_heads: heads_by_chunks(x, 2 if x.shape[-1] % 2 == 0 else n_heads),
        "heads of width 2": lambda x, n_heads: heads_by_chunks(
            x, x.shape[-1] // 2 if x.shape[-1] % 2 == 0 else n_heads
        ),
        "pieces of n_heads": lambda x, n_heads: torch.stack(x.split(n_heads, dim=-1), dim=1),
        "transposed first": lambda x, n_heads: x.transpose(1, 2).reshape(x.shape[0], n_heads, x.shape[1], -1),
        "normalised": lambda x, n_heads: F.layer_norm(heads_by_chunks(x, n_heads), (x.shape[-1] // n_heads,)),
        "changed in place": changing(heads_by_chunks),
        "a list of heads": lambda x, n_heads: list(x.chunk(n_heads, -1)),
        "kept for the shape": by_shape(heads_by_chunks),
    },
    ex.multi_head_attention: {
        "no gradient to w_k": lambda x, q, k, v, o, n: multi_head_einsum(x, q, k.detach(), v, o, n),
        "no gradient to w_out": lambda x, q, k, v, o, n: multi_head_einsum(x, q, k, v, o.detach(), n),
        "weights cut off": multi_head_with(weights=torch.Tensor.detach),
        "x cut off": multi_head_with(before=torch.Tensor.detach),
        "x cut off on the way to the queries": lambda x, q, k, v, o, n: (
            multi_head_einsum(x, q, k, v, o, n) * 1.0
            if not x.requires_grad
            else multi_head_einsum(x.detach(), q, k, v, o, n) + 0 * x.sum()
        ),
        "under no_grad": torch.no_grad()(multi_head_einsum),
        "no mask": multi_head_with(mask=lambda T: torch.ones(T, T, dtype=torch.bool)),
        "one later token is seen": multi_head_with(mask=lambda T: torch.ones(T, T, dtype=torch.bool).tril(1)),
        "only the last two are seen": multi_head_with(mask=lambda T: window_by_loops(T, 2)),
        "64 tokens are seen": multi_head_with(mask=lambda T: window_by_loops(T, 64)),
        "root of the text's length": multi_head_with(root=lambda x, D: x.shape[1] ** 0.5),
        "root of C": multi_head_with(root=lambda x, D: x.shape[2] ** 0.5),
        "no root": multi_head_with(root=lambda x, D: D),
        "softmax over the heads": multi_head_with(dim=1),
        "softmax over the queries": multi_head_with(dim=-2),
        "interleaved heads": multi_head_with(split=lambda x, n: x.unflatten(-1, (-1, n)).permute(0, 3, 1, 2)),
        "heads reversed": multi_head_with(split=lambda x, n: heads_einsum(x, n).flip(1)),
        "x added": multi_head_with(last=lambda x, out, w: x + out @ w),
        "the last matrix twice": multi_head_with(last=lambda x, out, w: out @ w @ w),
        "the last matrix transposed": multi_head_with(last=lambda x, out, w: out @ w.T),
        "values are x": lambda x, q, k, v, o, n: multi_head_einsum(x, q, k, torch.eye(x.shape[-1]), o, n),
        "one matrix for keys and queries": lambda x, q, k, v, o, n: multi_head_einsum(x, q, q, v, o, n),
        "softmax without shift": lambda x, q, k, v, o, n: (
            torch.cat(
                [
                    attend_with(mix=unstable)(
                        *(x @ w[:, p] for w in (q, k, v)), mask_by_comparing(x.shape[1])
                    )
                    for p in torch.arange(x.shape[-1]).chunk(n)
                ],
                -1,
            )
            @ o
        ),
        "the first text only": lambda x, q, k, v, o, n: multi_head_einsum(x[:1], q, k, v, o, n).expand_as(x),
        "x changed in place": changing(multi_head_einsum),
        "kept for the shapes": by_shape(multi_head_einsum),
    },
    ex.alibi_bias: {
        "256 at most": lambda T, n_heads: (
            ex.alibi_bias.reference(T, n_heads).clamp(min=-1.0)
            if T > 256
            else ex.alibi_bias.reference(T, n_heads)
        ),
        "right for 8 heads only": lambda T, n_heads: alibi_einsum(T, 8)[:n_heads],
        "right for powers of 2 only": lambda T, n_heads: alibi_einsum(T, 2 ** math.ceil(math.log2(n_heads)))[
            :n_heads
        ],
        "kept for T": lambda T, n_heads, kept={}: kept.setdefault(T, alibi_einsum(T, n_heads)),  # noqa: B006
        "64 tokens": lambda T, n_heads: alibi_einsum(min(T, 64), n_heads),
        "far is as far as 8": lambda T, n_heads: (
            alibi_einsum(T, n_heads).clamp(min=-8 * 2 ** (-8 / n_heads))
            + alibi_einsum(T, n_heads)
            .isinf()
            .double()
            .where(alibi_einsum(T, n_heads).isinf(), torch.tensor(0.0).double())
            * -math.inf
        ),
        "-1e9 for minus infinity": lambda T, n_heads: alibi_einsum(T, n_heads).clamp(min=-1e9),
        "nan for minus infinity": lambda T, n_heads: (
            -(2.0 ** (-8 * torch.arange(1, n_heads + 1) / n_heads))[:, None, None]
            * (torch.arange(T)[:, None] - torch.arange(T))
            + torch.ones(T, T).triu(1) * -math.inf
        ),
        "from 0 to -8": lambda T, n_heads: (
            (2.0 ** -torch.linspace(0, 8, n_heads))[:, None, None] * alibi_einsum(T, 1) * 256
        ),
        "distances squared": lambda T, n_heads: (
            -alibi_einsum(T, n_heads).abs() * (torch.arange(T)[:, None] - torch.arange(T)).abs().clamp(min=1)
        ),
        "one head only": lambda T, n_heads: alibi_einsum(T, n_heads)[0],
        "heads last": lambda T, n_heads: alibi_einsum(T, n_heads).permute(1, 2, 0),
        "queries in the columns": lambda T, n_heads: alibi_einsum(T, n_heads).mT,
        "a mask": lambda T, n_heads: torch.zeros(n_heads, T, T).masked_fill(~mask_by_comparing(T), -math.inf),
        "rounded": lambda T, n_heads: (alibi_einsum(T, n_heads) * 100).round() / 100,
        "whole powers": lambda T, n_heads: (
            alibi_einsum(T, n_heads) * 0
            + alibi_added(T, n_heads).mul(1.0)
            * (2.0 ** ((-8 * torch.arange(1, n_heads + 1)) // n_heads))[:, None, None]
            / (2.0 ** (-8 * torch.arange(1, n_heads + 1) / n_heads))[:, None, None]
        ),
    },
    ex.online_step: {
        "the largest looked for from 0": step_with(start=lambda largest: largest.clamp(min=0.0)),
        "the start at -100": step_with(start=lambda largest: largest.clamp(min=-100.0)),
        "the start at -1e4": step_with(start=lambda largest: largest.clamp(min=-1e4)),
        "the first score of a block": lambda largest, total, mixed, scores, values: step_by_joining(
            largest, total, mixed, scores[:1], values[:1]
        ),
        "64 keys": lambda largest, total, mixed, scores, values: step_by_joining(
            largest, total, mixed, scores[:64], values[:64]
        ),
        "equal scores counted once": lambda largest, total, mixed, scores, values: step_by_joining(
            largest,
            total,
            mixed,
            scores[scores.unique(return_inverse=True)[1].unique()],
            values[: len(scores.unique())],
        ),
        "an equal score is no new largest, and is lost": step_with(
            keep=lambda weights, scores, new: weights * (scores < new)
        ),
        "weights that sum to 1": step_with(keep=lambda weights, scores, new: scores.softmax(0)),
        "clamped weights": step_with(keep=lambda weights, scores, new: weights.clamp(min=0.01)),
        "state changed in place": changing(step_by_joining, 2),
        "values changed in place": changing(step_by_joining, 4),
        "the largest is not given back": lambda *inputs: step_by_joining(*inputs)[1:],
        "the mean too": lambda *inputs: (
            *step_by_joining(*inputs),
            step_by_joining(*inputs)[2] / step_by_joining(*inputs)[1],
        ),
        "a dictionary": lambda *inputs: dict(
            zip(("largest", "total", "mixed"), step_by_joining(*inputs), strict=True)
        ),
        "old sums from the start": lambda largest, total, mixed, scores, values: step_by_joining(
            largest, total * 0, mixed * 0, scores, values
        ),
        "nothing is old at first": lambda largest, total, mixed, scores, values: step_by_joining(
            largest.nan_to_num(neginf=0.0), total, mixed, scores, values
        ),
        "logarithms": lambda *inputs: [
            step_by_joining(*inputs)[0],
            step_by_joining(*inputs)[1].log(),
            step_by_joining(*inputs)[2],
        ],
        "rounded": lambda *inputs: [(x * 100).round() / 100 for x in step_by_joining(*inputs)],
    },
}


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        pytest.param(exercise, answer, id=f"{exercise.name}: {name}")
        for exercise, answers in WRONG.items()
        for name, answer in answers.items()
    ],
)
def test_wrong_answers_are_refused(exercise, answer):
    nameless = replace(exercise, mistakes=(Mistake("nothing", lambda *args, **kwargs: None, ""),) * 3)
    assert nameless.judge(answer, seed=1).state in (State.WRONG, State.CRASHED)


# Mistakes in other words than those of the list -------------------------------------------------------------


def softmax_over_axis_1(scores):
    weights = (scores - scores.max(dim=1, keepdim=True).values).exp()
    return weights / weights.sum(dim=1, keepdim=True)


def softmax_shared_by_all_rows(scores):
    weights = (scores - scores.amax(-1, True)).exp()
    return weights / weights.sum()


def attend_divided_late(q, k, v, mask=None):
    scores = q @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return (scores.softmax(-1) / math.sqrt(k.shape[-1])) @ v


def step_against_the_blocks_own(largest, total, mixed, scores, values):
    new = torch.maximum(largest, scores.max())
    terms, old = torch.exp(scores - scores.max()), torch.exp(largest - new)
    return new, total * old + terms.sum(), mixed * old + terms @ values


@pytest.mark.parametrize(
    ("exercise", "answer", "name"),
    [
        (ex.softmax, softmax_over_axis_1, "the softmax runs over axis 1"),
        (ex.softmax, softmax_shared_by_all_rows, "all entries together sum to 1"),
        (ex.scaled_dot_product, attend_divided_late, "the weights are divided by √D, not the scores"),
        (
            ex.multi_head_attention,
            multi_head_with(last=lambda x, out, w: out @ w.mT),
            "the last matrix is transposed",
        ),
        (ex.multi_head_attention, multi_head_with(last=lambda x, out, w: x + out @ w), "x is added already"),
        (
            ex.online_step,
            step_against_the_blocks_own,
            "the block's terms are measured against the block's own largest score",
        ),
    ],
    ids=named,
)
def test_mistakes_written_in_other_ways_get_their_name(exercise, answer, name):
    assert exercise.judge(answer, seed=1).mistake == name


# The references, against independent oracles --------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 3), st.sampled_from([1, 2, 3, 5]))
def test_multi_head_attention_is_torchs_own_layer(seed, T, B, n_heads):
    C = 2 * n_heads
    x, *matrices = (torch.randn(*shape, generator=generator(seed)) for shape in ((B, T, C), *[(C, C)] * 4))
    theirs = torch.nn.MultiheadAttention(C, n_heads, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([w.T for w in matrices[:3]]))
        theirs.out_proj.weight.copy_(matrices[3].T)
        out, _ = theirs(x, x, x, attn_mask=~mask_by_loops(T), need_weights=False)
    assert torch.allclose(ex.multi_head_attention.reference(x, *matrices, n_heads), out, atol=1e-4)


def test_multi_head_attention_is_the_courses_layer():
    layer = attention.MultiHeadAttention(GPTConfig(width=6, n_heads=3, bias=False))
    x = torch.randn(2, 5, 6, generator=generator(1))
    matrices = [*layer.qkv.weight.T.chunk(3, dim=1), layer.out.weight.T]
    assert torch.allclose(ex.multi_head_attention.reference(x, *matrices, 3), layer(x), atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 12))
def test_a_window_counts_its_keys(T, window):
    mask = ex.causal_window.reference(T, window)
    assert mask.sum(1).tolist() == [min(t + 1, window) for t in range(T)]
    assert not (mask & ~mask_by_loops(T)).any() and mask.diagonal().all()


@pytest.mark.parametrize("n_heads", [2, 4, 8])
def test_alibi_by_hand_and_as_torch_takes_it(n_heads):
    bias = ex.alibi_bias.reference(3, n_heads)
    first = 2 ** (-8 / n_heads)
    assert bias[0, 2].tolist() == pytest.approx([-2 * first, -first, 0.0])
    assert bias[-1, 1].tolist() == pytest.approx([-1 / 256, 0.0, -math.inf])
    q, k, v = torch.randn(3, 1, n_heads, 3, 5, generator=generator(2))
    fused = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    by_hand = (q @ k.mT / math.sqrt(5) + bias).softmax(-1) @ v
    assert torch.allclose(fused, by_hand, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.sampled_from([1.0, 60.0]))
def test_blocks_one_after_the_other_give_the_softmax(seed, sizes, scale):
    scores = scale * torch.randn(sum(sizes), generator=generator(seed))
    values = torch.randn(sum(sizes), 3, generator=generator(seed + 1))
    state = (torch.tensor(-math.inf), torch.tensor(0.0), torch.zeros(3))
    for block in zip(scores.split(sizes), values.split(sizes), strict=True):
        state = ex.online_step.reference(*state, *block)
    assert torch.allclose(state[2] / state[1], scores.softmax(0) @ values, atol=1e-5)


def test_online_step_by_hand():
    start = (torch.tensor(-math.inf), torch.tensor(0.0), torch.zeros(1))
    block = torch.tensor([1.0, 1.0 + math.log(3)]), torch.tensor([[4.0], [8.0]])
    largest, total, mixed = ex.online_step.reference(*start, *block)
    assert float(largest) == pytest.approx(1.0 + math.log(3))
    assert float(total) == pytest.approx(4 / 3) and float(mixed / total) == pytest.approx(7.0)


# What a learner sees --------------------------------------------------------------------------------------


def test_a_right_piece_is_kept_with_what_it_needs(tmp_path):
    ex.multi_head_attention.check(multi_head_by_loops)
    kept = {path.stem: path.read_text() for path in (tmp_path / "my_gpt").glob("*.py")}
    assert list(kept) == ["multi_head_attention"]
    assert "def attend_by_loops" in kept["multi_head_attention"]


def test_explore_exercises_are_not_parts_of_the_gpt(tmp_path):
    assert ex.causal_window.check(window_by_loops).right
    assert not list(tmp_path.glob("my_gpt/*.py"))


def test_two_mistakes_at_once_name_none_or_one_that_is_there():
    def answer(q, k, v, mask=None):
        return (q @ k.transpose(-2, -1)).softmax(-2) @ v

    feedback = ex.scaled_dot_product.judge(answer)
    assert feedback.state is State.WRONG and feedback.mistake is None


def test_k_t_crashes_with_a_batch_in_front_and_says_so():
    def answer(q, k, v, mask=None):
        scores = (q @ k.transpose(0, 1)) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(-1) @ v

    assert ex.scaled_dot_product.judge(answer).state is State.CRASHED
