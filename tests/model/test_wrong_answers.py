"""Wrong answers to notebook 04's exercises of the kinds that a check can be fooled by: each is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from course_lib.exercises import Mistake
from course_lib.model import exercises as ex


def gelu(x):
    return F.gelu(x, approximate="tanh")


# The MLP ----------------------------------------------------------------------------------------------------


def mlp_cut_gate(x, w_up, b_up, w_down, b_down):
    wide = x @ w_up + b_up
    gate = torch.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)).detach()
    return 0.5 * wide * (1 + gate) @ w_down + b_down


def mlp_exact_where_large(x, w_up, b_up, w_down, b_down):
    wide = x @ w_up + b_up
    return torch.where(wide.abs() > 2, F.gelu(wide), gelu(wide)) @ w_down + b_down


def mlp_four_times(x, w_up, b_up, w_down, b_down):
    wide = 4 * x.shape[-1]
    return gelu(x @ w_up[:, :wide] + b_up[:wide]) @ w_down[:wide] + b_down


def mlp_by_view(x, w_up, b_up, w_down, b_down):
    return (gelu(x.view(-1, x.shape[-1]) @ w_up + b_up) @ w_down + b_down).view(x.shape)


def mlp_into_the_stream(x, w_up, b_up, w_down, b_down):
    out = gelu(x @ w_up + b_up) @ w_down + b_down
    return x.copy_(out)


def mlp_kept(known={}):  # noqa: B006
    def answer(x, *weights):
        if x.shape not in known:
            known[x.shape] = ex.mlp.reference(x, *weights)
        return known[x.shape]

    return answer


def mlp_without_gradients(*inputs):
    with torch.no_grad():
        return ex.mlp.reference(*inputs)


def mlp_cut(*which):
    return lambda *inputs: ex.mlp.reference(*(x.detach() if i in which else x for i, x in enumerate(inputs)))


MLP = {
    "1000 wide": lambda x, up, b, down, out: ex.mlp.reference(x, up[:, :1000], b[:1000], down[:1000], out),
    "the gate cut off": mlp_cut_gate,
    "the exact form for large numbers": mlp_exact_where_large,
    "always four times as wide": mlp_four_times,
    "view": mlp_by_view,
    "written into the input": mlp_into_the_stream,
    "kept by shape": mlp_kept(),
    "no_grad": mlp_without_gradients,
    "the first bias cut off": mlp_cut(2),
    "the second matrix cut off": mlp_cut(3),
    "the input cut off": mlp_cut(0),
    "squeezed": lambda *inputs: ex.mlp.reference(*inputs).squeeze(),
    "the first text for all": lambda x, *rest: ex.mlp.reference(x[:1], *rest).expand_as(x),
    "half precision": lambda *inputs: ex.mlp.reference(*(x.bfloat16() for x in inputs)).float(),
    "wide cut off": lambda x, u, b, d, c: gelu((x @ u + b).clamp(-10, 10)) @ d + c,
    "nan made 0, and large ones": lambda *inputs: ex.mlp.reference(*inputs).clamp(-100, 100),
    "the bias only for the first token": lambda x, u, b, d, c: (
        ex.mlp.reference(x, u, b, d, 0 * c) + F.pad(c[None, None], (0, 0, 0, x.shape[1] - 1))
    ),
}


# Norms ------------------------------------------------------------------------------------------------------


def centred(x):
    return x - x.mean(-1, keepdim=True)


def variance(x):
    return centred(x).square().mean(-1, keepdim=True)


def norm_by_view(x, weight, bias, eps=1e-5):
    return ex.layer_norm.reference(x.view(-1, x.shape[-1]), weight, bias, eps).view(x.shape)


def norm_that_remembers(known=[]):  # noqa: B006
    def answer(x, weight, bias, eps=1e-5):
        known[1:] = []
        known.append(weight) if not known else None
        same = known[0].shape == weight.shape
        return ex.layer_norm.reference(x, known[0] if same else weight, bias, eps)

    return answer


def norm_in_place(x, weight, bias, eps=1e-5):
    x -= x.mean(-1, keepdim=True)
    return x / torch.sqrt(variance(x) + eps) * weight + bias


def norm_of_three_axes(x, weight, bias, eps=1e-5):
    mean = x.mean(2, keepdim=True)
    return (x - mean) / torch.sqrt((x - mean).square().mean(2, keepdim=True) + eps) * weight + bias


def norm_by_rows(x, weight, bias, eps=1e-5):
    rows = [ex.layer_norm.reference(row, weight, bias, eps) for row in x.reshape(-1, x.shape[-1])]
    return torch.stack(rows).reshape(*x.shape[:2], -1) if x.dim() > 1 else rows[0][None]


NORM = {
    "the mean cut off": lambda x, w, b, eps=1e-5: (
        (x - x.mean(-1, True).detach()) / (variance(x) + eps).sqrt() * w + b
    ),
    "the variance cut off": lambda x, w, b, eps=1e-5: (
        centred(x) / (variance(x) + eps).sqrt().detach() * w + b
    ),
    "the weight cut off": lambda x, w, b, eps=1e-5: ex.layer_norm.reference(x, w.detach(), b, eps),
    "another default": lambda x, w, b, eps=1e-6: ex.layer_norm.reference(x, w, b, eps),
    "eps as the least": lambda x, w, b, eps=1e-5: centred(x) / variance(x).clamp(min=eps).sqrt() * w + b,
    "eps only where needed": lambda x, w, b, eps=1e-5: (
        centred(x) / torch.where(variance(x) == 0, variance(x) + eps, variance(x)).sqrt() * w + b
    ),
    "the root of eps": lambda x, w, b, eps=1e-5: centred(x) / (variance(x).sqrt() + eps**0.5) * w + b,
    "nan made 0": lambda x, w, b, eps=1e-5: (centred(x) / variance(x).sqrt()).nan_to_num() * w + b,
    "from two means": lambda x, w, b, eps=1e-5: (
        centred(x) / ((x * x).mean(-1, True) - x.mean(-1, True) ** 2 + eps).sqrt() * w + b
    ),
    "view": norm_by_view,
    "the first weight remembered": norm_that_remembers(),
    "written into the input": norm_in_place,
    "three axes only": norm_of_three_axes,
    "at least two axes": norm_by_rows,
    "cut": lambda x, w, b, eps=1e-5: ex.layer_norm.reference(x, w, b, eps).clamp(-20, 20),
    "the first weight for all": lambda x, w, b, eps=1e-5: ex.layer_norm.reference(x, w[0] + 0 * w, b, eps),
    "the median": lambda x, w, b, eps=1e-5: (
        (x - x.median(-1, True).values) / (variance(x) + eps).sqrt() * w + b
    ),
}


def size(x):
    return x.square().mean(-1, keepdim=True)


RMS = {
    "the mean square cut off": lambda x, w, eps=1e-5: x / (size(x) + eps).sqrt().detach() * w,
    "the weight cut off": lambda x, w, eps=1e-5: ex.rms_norm.reference(x, w.detach(), eps),
    "another default": lambda x, w, eps=1e-6: ex.rms_norm.reference(x, w, eps),
    "torch's own default": lambda x, w, eps=1e-5: F.rms_norm(x, w.shape, w),
    "eps as the least": lambda x, w, eps=1e-5: x / size(x).clamp(min=eps).sqrt() * w,
    "eps squared": lambda x, w, eps=1e-5: x / (size(x) + eps**2).sqrt() * w,
    "normalize": lambda x, w, eps=1e-5: F.normalize(x, dim=-1, eps=eps) * x.shape[-1] ** 0.5 * w,
    "view": lambda x, w, eps=1e-5: ex.rms_norm.reference(x.view(-1, x.shape[-1]), w, eps).view(x.shape),
    "three axes only": lambda x, w, eps=1e-5: x / (x.square().mean(2, keepdim=True) + eps).sqrt() * w,
    "the spread": lambda x, w, eps=1e-5: x / (x.var(-1, keepdim=True, correction=0) + eps).sqrt() * w,
    "the mean size": lambda x, w, eps=1e-5: x / (x.abs().mean(-1, keepdim=True) + eps) * w,
    "1 + weight": lambda x, w, eps=1e-5: ex.rms_norm.reference(x, 1 + w, eps),
    "twice": lambda x, w, eps=1e-5: ex.rms_norm.reference(
        ex.rms_norm.reference(x, torch.ones_like(w), eps), w, eps
    ),
    "half precision": lambda x, w, eps=1e-5: ex.rms_norm.reference(x.half(), w.half(), eps).float(),
    "written into the input": lambda x, w, eps=1e-5: x.copy_(ex.rms_norm.reference(x, w, eps)),
}


# Block, head, GPT -------------------------------------------------------------------------------------------


def block_with(
    *, norm1=lambda y: y, attention=lambda y: y, norm2=lambda y: y, mlp=lambda y: y, x=lambda y: y
):
    """The block with something done to what each part gives."""

    def answer(stream, one, two, three, four):
        parts = [(one, norm1), (two, attention), (three, norm2), (four, mlp)]
        done = [lambda y, part=part, after=after: after(part(y)) for part, after in parts]
        return ex.block.reference(x(stream), *done)

    return answer


def block_under_no_grad(*inputs):
    with torch.no_grad():
        return ex.block.reference(*inputs)


def block_token_by_token(x, *parts):
    return torch.cat([ex.block.reference(x[:, t : t + 1], *parts) for t in range(x.shape[1])], dim=1)


def block_that_remembers(first=[]):  # noqa: B006
    def answer(x, *parts):
        first.append(parts) if not first else None
        return ex.block.reference(x, *first[0])

    return answer


BLOCK = {
    "the mlp's part cut off": block_with(mlp=torch.Tensor.detach),
    "attention's part cut off": block_with(attention=torch.Tensor.detach),
    "the stream cut off": block_with(x=torch.Tensor.detach),
    "the second norm cut off": block_with(norm2=torch.Tensor.detach),
    "no_grad": block_under_no_grad,
    "the second norm done twice": lambda x, n1, a, n2, m: ex.block.reference(
        x, n1, a, lambda y: n2(n2(y)), m
    ),
    "the first norm done twice": lambda x, n1, a, n2, m: ex.block.reference(x, lambda y: n1(n1(y)), a, n2, m),
    "token by token": block_token_by_token,
    "the first parts remembered": block_that_remembers(),
    "attention twice": lambda x, n1, a, n2, m: ex.block.reference(x, n1, lambda y: a(a(y)), n2, m),
    "the sum's mean": lambda *inputs: ex.block.reference(*inputs) / 2 + inputs[0] / 2,
    "only one text": lambda x, *parts: ex.block.reference(x[:1], *parts).expand_as(x),
    "cut": lambda *inputs: ex.block.reference(*inputs).clamp(-50, 50),
    "a norm at the end": lambda x, n1, a, n2, m: n2(ex.block.reference(x, n1, a, n2, m)),
    "norms in each other's place": lambda x, n1, a, n2, m: ex.block.reference(x, n2, a, n1, m),
    "the mlp reads what attention gave alone": lambda x, n1, a, n2, m: x + (f := a(n1(x))) + m(n2(f)),
}

HEAD = {
    "the table cut off": lambda x, norm, tokens: norm(x) @ tokens.detach().T,
    "the stream cut off": lambda x, norm, tokens: norm(x.detach()) @ tokens.T,
    "the norm done twice": lambda x, norm, tokens: norm(norm(x)) @ tokens.T,
    "squeezed": lambda x, norm, tokens: (norm(x) @ tokens.T).squeeze(0),
    "log probabilities": lambda x, norm, tokens: (norm(x) @ tokens.T).log_softmax(-1),
    "the largest taken away": lambda x, norm, tokens: (y := norm(x) @ tokens.T) - y.amax(-1, keepdim=True),
    "a direction only": lambda x, norm, tokens: norm(x) @ F.normalize(tokens, dim=-1).T,
    "rows of the first text": lambda x, norm, tokens: (norm(x[:1]) @ tokens.T).expand(len(x), -1, -1),
    "view": lambda x, norm, tokens: norm(x.view(-1, x.shape[-1])[None]).view(x.shape) @ tokens.T,
    "minus the distance": lambda x, norm, tokens: -torch.cdist(norm(x), tokens[None].expand(len(x), -1, -1)),
    "cut": lambda x, norm, tokens: (norm(x) @ tokens.T).clamp(-50, 50),
    "half precision": lambda x, norm, tokens: (norm(x).bfloat16() @ tokens.bfloat16().T).float(),
    "only 256 tokens": lambda x, norm, tokens: norm(x) @ tokens[:256].T,
}


def embedded(ids, tokens, positions):
    return tokens[ids] + positions[: ids.shape[1]]


def gpt_from(embed=embedded, through=lambda x, block: block(x), head=lambda x, tokens: x @ tokens.T):
    def answer(ids, tokens, positions, blocks, norm):
        x = embed(ids, tokens, positions)
        for block in blocks:
            x = through(x, block)
        return head(norm(x), tokens)

    return answer


def gpt_in_eval(*inputs):
    with torch.inference_mode():
        return ex.gpt.reference(*inputs)


def gpt_known(known={}):  # noqa: B006
    def answer(ids, *rest):
        return known.setdefault(ids.shape, ex.gpt.reference(ids, *rest))

    return answer


GPT = {
    "256 blocks": lambda ids, tokens, positions, blocks, norm: ex.gpt.reference(
        ids, tokens, positions, blocks[:256], norm
    ),
    "the head's table cut off": gpt_from(head=lambda x, tokens: x @ tokens.detach().T),
    "the embeddings cut off": gpt_from(lambda *inputs: embedded(*inputs).detach()),
    "the positions cut off": gpt_from(lambda i, t, p: t[i] + p[: i.shape[1]].detach()),
    "inference mode": gpt_in_eval,
    "kept by shape": gpt_known(),
    "each block once": lambda i, t, p, blocks, n: ex.gpt.reference(i, t, p, list(dict.fromkeys(blocks)), n),
    "blocks taken out": lambda i, t, p, blocks, n: ex.gpt.reference(
        i, t, p, [blocks.pop(0) for _ in blocks[:]], n
    ),
    "twelve blocks at most": lambda i, t, p, blocks, n: ex.gpt.reference(i, t, p, blocks[:12], n),
    "at least one block": lambda i, t, p, blocks, n: ex.gpt.reference(i, t, p, [blocks[0], *blocks[1:]], n),
    "positions from 1": gpt_from(lambda i, t, p: t[i] + p[torch.arange(1, i.shape[1] + 1) % len(p)]),
    "positions from the end": gpt_from(lambda i, t, p: t[i] + p[len(p) - i.shape[1] :]),
    "the first text's tokens": gpt_from(lambda i, t, p: t[i[:1]].expand(len(i), -1, -1) + p[: i.shape[1]]),
    "id 0 left out": gpt_from(lambda i, t, p: t[i] * (i != 0)[..., None] + p[: i.shape[1]]),
    "times the root of C": gpt_from(lambda i, t, p: t[i] * t.shape[1] ** 0.5 + p[: i.shape[1]]),
    "the norm done twice": lambda i, t, p, blocks, n: ex.gpt.reference(i, t, p, blocks, lambda x: n(n(x))),
    "parts of blocks cut off": gpt_from(through=lambda x, block: x + (block(x) - x).detach()),
    "only the last position": gpt_from(head=lambda x, tokens: x[:, -1:] @ tokens.T),
    "view": gpt_from(lambda i, t, p: t[i.view(-1)].view(*i.shape, -1) + p[: i.shape[1]]),
}


# Counting ---------------------------------------------------------------------------------------------------

COUNT = {
    "no more than 256 layers": lambda V, T, C, L: ex.count_parameters.reference(V, T, C, min(L, 256)),
    "no more than 64 layers": lambda V, T, C, L: ex.count_parameters.reference(V, T, C, min(L, 64)),
    "rounded": lambda V, T, C, L: round(ex.count_parameters.reference(V, T, C, L), -3),
    "as a text": lambda V, T, C, L: f"{ex.count_parameters.reference(V, T, C, L):,}",
    "in 32 bits": lambda V, T, C, L: (ex.count_parameters.reference(V, T, C, L) + 2**31) % 2**32 - 2**31,
    "heads of 64": lambda V, T, C, L: ex.count_parameters.reference(V, T, max(C, 64), L),
    "no bias in qkv": lambda V, T, C, L: ex.count_parameters.reference(V, T, C, L) - 3 * C * L,
    "no bias in out": lambda V, T, C, L: ex.count_parameters.reference(V, T, C, L) - C * L,
    "the last norm's weight only": lambda V, T, C, L: ex.count_parameters.reference(V, T, C, L) - C,
    "a bias in the head": lambda V, T, C, L: ex.count_parameters.reference(V, T, C, L) + V,
    "kept by vocabulary": (
        lambda known: lambda *s: known.setdefault(s[0], ex.count_parameters.reference(*s))
    )({}),
    "kept by width and layers": (
        lambda known: lambda *s: known.setdefault(s[2:], ex.count_parameters.reference(*s))
    )({}),
    "a mask is counted": lambda V, T, C, L: ex.count_parameters.reference(V, T, C, L) + L * T * T,
    "the vocabulary made even": lambda V, T, C, L: ex.count_parameters.reference(V + V % 2, T, C, L),
}

FLOPS = {
    "no more than 256 layers": lambda V, T, C, L: ex.flops_per_token.reference(V, T, C, min(L, 256)),
    "half of attention": lambda V, T, C, L: 2 * V * C + L * (24 * C * C + 2 * T * C),
    "attention once": lambda V, T, C, L: 2 * V * C + 24 * L * C * C + 4 * T * C,
    "the head in each layer": lambda V, T, C, L: L * (2 * V * C + 24 * C * C + 4 * T * C),
    "T squared": lambda V, T, C, L: 2 * V * C + L * (24 * C * C + 4 * T * T * C),
    "C of attention forgotten": lambda V, T, C, L: 2 * V * C + L * (24 * C * C + 4 * T),
    "biases counted": lambda V, T, C, L: ex.flops_per_token.reference(V, T, C, L) + 9 * L * C,
    "in billions": lambda V, T, C, L: ex.flops_per_token.reference(V, T, C, L) / 1e9,
    "twice the parameters and attention": lambda V, T, C, L: (
        2 * ex.count_parameters.reference(V, T, C, L) + 4 * L * T * C
    ),
    "the softmax counted": lambda V, T, C, L: ex.flops_per_token.reference(V, T, C, L) + L * T,
    "no more than 64 layers": lambda V, T, C, L: ex.flops_per_token.reference(V, T, C, min(L, 64)),
    "kept by vocabulary": (lambda known: lambda *s: known.setdefault(s[0], ex.flops_per_token.reference(*s)))(
        {}
    ),
    "the embedding counted": lambda V, T, C, L: ex.flops_per_token.reference(V, T, C, L) + C,
    "six in all": lambda V, T, C, L: 3 * ex.flops_per_token.reference(V, T, C, L),
}


WRONG = {
    ex.mlp: MLP,
    ex.layer_norm: NORM,
    ex.rms_norm: RMS,
    ex.block: BLOCK,
    ex.logits_from_stream: HEAD,
    ex.gpt: GPT,
    ex.count_parameters: COUNT,
    ex.flops_per_token: FLOPS,
}


@pytest.mark.parametrize("exercise", WRONG, ids=lambda exercise: exercise.name)
def test_wrong_answers_of_all_kinds_are_refused(exercise):
    unnamed = replace(exercise, mistakes=(Mistake("nothing", lambda *args, **kwargs: None, ""),) * 3)
    accepted = [name for name, answer in WRONG[exercise].items() if unnamed.judge(answer).right]
    assert not accepted
