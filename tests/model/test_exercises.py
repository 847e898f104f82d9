"""Notebook 04's exercises in other right ways and against torch; what looks into a GPT; and the figures."""

from __future__ import annotations

import functools
import math

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course_lib import training
from course_lib.config import GPTConfig
from course_lib.exercises import State
from course_lib.model import GPT, anatomy
from course_lib.model import exercises as ex
from course_lib.shell.bench.scale import training_flops

matplotlib.use("Agg")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# Other right ways -----------------------------------------------------------------------------------------


def mlp_by_torch(x, w_up, b_up, w_down, b_down):
    return F.linear(F.gelu(F.linear(x, w_up.T, b_up), approximate="tanh"), w_down.T, b_down)


def mlp_einsum(x, w_up, b_up, w_down, b_down):
    wide = torch.einsum("btc,cf->btf", x, w_up) + b_up
    bent = wide * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (wide + 0.044715 * wide.pow(3)))
    return torch.einsum("btf,fc->btc", bent, w_down) + b_down


def mlp_by_loops(x, w_up, b_up, w_down, b_down):
    return torch.stack([torch.stack([mlp_by_torch(t, w_up, b_up, w_down, b_down) for t in row]) for row in x])


def mlp_in_double(*inputs):
    return mlp_by_torch(*(x.double() for x in inputs))


class MLPInPlace:
    """An object that is called, with a bend of its own, in place in what it has made itself."""

    def __init__(self):
        self.bend = nn.GELU(approximate="tanh")

    def __call__(self, x, w_up, b_up, w_down, b_down):
        wide = x @ w_up
        wide += b_up
        out = self.bend(wide).matmul(w_down)
        return out.add_(b_down)


def mlp_flat(x, w_up, b_up, w_down, b_down):
    wide = torch.addmm(b_up, x.reshape(-1, x.shape[-1]), w_up)
    bent = wide / (
        1 + torch.exp(-math.sqrt(8 / math.pi) * wide.clamp(-9, 9) * (1 + 0.044715 * wide.clamp(-9, 9) ** 2))
    )
    return torch.addmm(b_down, torch.where(wide < -9, 0 * wide, bent), w_down).reshape(x.shape)


def mlp_feature_by_feature(x, w_up, b_up, w_down, b_down):
    out = b_down.expand(x.shape)
    for f in range(len(b_up)):
        wide = (x * w_up[:, f]).sum(-1, keepdim=True) + b_up[f]
        out = out + F.gelu(wide, approximate="tanh") * w_down[f]
    return out


def layer_norm_by_loops(x, weight, bias, eps=1e-5):
    rows = []
    for token in x.reshape(-1, x.shape[-1]):
        mean = sum(token) / len(token)
        variance = sum((value - mean) ** 2 for value in token) / len(token)
        rows.append((token - mean) / (variance + eps) ** 0.5 * weight + bias)
    return torch.stack(rows).reshape(x.shape)


def layer_norm_by_var(x, weight, bias, eps=1e-5):
    return bias + weight * (x - x.mean(-1, True)) * (x.var(-1, correction=0, keepdim=True) + eps).rsqrt()


def layer_norm_by_torch(x, weight, bias, eps=1e-5):
    return F.layer_norm(x, weight.shape, weight, bias, eps)


def layer_norm_not_contiguous(x, weight, bias, eps=1e-5):
    columns = x.movedim(-1, 0)
    centred = columns - columns.mean(0)
    return (centred / (centred.square().mean(0) + eps).sqrt()).movedim(0, -1) * weight + bias


def layer_norm_by_matmul(x, weight, bias, eps=1e-5):
    C = x.shape[-1]
    mean_of = torch.full((C, C), 1 / C)
    centred = x - x @ mean_of
    return centred * torch.rsqrt(centred**2 @ mean_of + eps) * weight + bias


def layer_norm_einsum(x, weight, bias, eps=1e-5):
    centred = x - torch.einsum("...c->...", x)[..., None] / x.shape[-1]
    variance = torch.einsum("...c,...c->...", centred, centred) / x.shape[-1]
    return torch.einsum("...c,...,c->...c", centred, (variance + eps) ** -0.5, weight) + bias


def layer_norm_in_double(x, weight, bias, eps=1e-5):
    wide = x.double()
    variance, mean = torch.var_mean(wide, dim=-1, correction=0, keepdim=True)
    return ((wide - mean) / torch.sqrt(variance + eps)).float() * weight + bias


def layer_norm_in_place(x, weight, bias, eps=1e-5):
    y = x - x.mean(-1, keepdim=True)
    y = y / y.pow(2).mean(-1, keepdim=True).add_(eps).sqrt_()
    return y.mul(weight).add_(bias)


def normed(x, weight, bias, eps, *, power):
    centred = x - x.sum(-1, keepdim=True) / x.size(-1)
    return torch.addcmul(bias, centred * (centred.square().mean(-1, keepdim=True) + eps) ** power, weight)


def layer_norm_by_helper(x, weight, bias, eps=1e-5):
    return functools.partial(normed, power=-0.5)(x, weight, bias, eps)


def rms_by_norm(x, weight, eps=1e-5):
    return weight * x / (torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2 / x.shape[-1] + eps).sqrt()


def rms_einsum(x, weight, eps=1e-5):
    mean_square = torch.einsum("...c,...c->...", x, x) / x.size(-1)
    return torch.einsum("...c,...,c->...c", x, (mean_square + eps).rsqrt(), weight)


def rms_by_torch(x, weight, eps=1e-5):
    return F.rms_norm(x, weight.shape, weight, eps)


def rms_by_loops(x, weight, eps=1e-5):
    rows = [r * weight / (sum(v * v for v in r) / len(r) + eps) ** 0.5 for r in x.reshape(-1, x.shape[-1])]
    return torch.stack(rows).reshape(x.shape)


def rms_by_matmul(x, weight, eps=1e-5):
    mean_square = x**2 @ torch.full((x.shape[-1], 1), 1 / x.shape[-1])
    return torch.mul(x, weight).div_(mean_square.add(eps).sqrt())


class RMS:
    def of(self, x, weight, eps=1e-5):
        return torch.div(x.double(), (x.double() ** 2).mean(-1, keepdim=True).add(eps) ** 0.5) * weight


def block_in_steps(x, norm1, attention, norm2, mlp):
    fetched = attention(norm1(x))
    stream = torch.add(x, fetched)
    return torch.add(stream, mlp(norm2(stream)))


def block_by_loop(x, norm1, attention, norm2, mlp):
    for norm, part in ((norm1, attention), (norm2, mlp)):
        x = x + part(norm(x))
    return x


def block_in_one_line(x, norm1, attention, norm2, mlp):
    return (after := attention(norm1(x)) + x) + mlp(norm2(after))


def block_text_by_text(x, norm1, attention, norm2, mlp):
    streams = []
    for text in x.split(1):
        text = text + attention(norm1(text))
        streams.append(text + mlp(norm2(text)))
    return torch.cat(streams)


def block_in_place(x, norm1, attention, norm2, mlp):
    fetched = attention(norm1(x))
    fetched += x
    return mlp(norm2(fetched)).add_(fetched)


class Residual:
    def __init__(self, norm, part):
        self.norm, self.part = norm, part

    def __call__(self, x):
        return torch.stack([x, self.part(self.norm(x))]).sum(0)


def block_of_objects(x, norm1, attention, norm2, mlp):
    return functools.reduce(lambda x, part: part(x), (Residual(norm1, attention), Residual(norm2, mlp)), x)


def logits_by_linear(x, norm, tokens):
    return F.linear(norm(x), tokens)


def logits_einsum(x, norm, tokens):
    return torch.einsum("btc,vc->btv", norm(x), tokens)


def logits_by_loop(x, norm, tokens):
    return torch.stack([(norm(x) * row).sum(-1) for row in tokens], dim=-1)


def logits_text_by_text(x, norm, tokens):
    return torch.stack([torch.mm(text, tokens.t()) for text in norm(x)])


def logits_by_bmm(x, norm, tokens):
    return torch.matmul(tokens, norm(x).transpose(-2, -1)).mT


def logits_broadcast(x, norm, tokens):
    return torch.tensordot(norm(x), tokens, dims=([-1], [-1]))


def gpt_by_torch(ids, tokens, positions, blocks, norm):
    places = torch.arange(ids.shape[1])
    x = F.embedding(ids, tokens) + F.embedding(places, positions)
    return F.linear(norm(nn.Sequential()(_through(blocks, x))), tokens)


def _through(blocks, x):
    return x if not blocks else _through(blocks[1:], blocks[0](x))


def gpt_one_hot(ids, tokens, positions, blocks, norm):
    x = F.one_hot(ids, len(tokens)).float() @ tokens + positions[: ids.shape[1]].unsqueeze(0)
    for i in range(len(blocks)):
        x = blocks[i](x)
    return torch.einsum("btc,vc->btv", norm(x), tokens)


def gpt_text_by_text(ids, tokens, positions, blocks, norm):
    return torch.cat([gpt_one_hot(row[None], tokens, positions, blocks, norm) for row in ids])


def gpt_row_by_row(ids, tokens, positions, blocks, norm):
    rows = [[tokens[int(id)] + positions[t] for t, id in enumerate(text)] for text in ids]
    x = torch.stack([torch.stack(row) for row in rows])
    x = functools.reduce(lambda stream, block: block(stream), blocks, x)
    return norm(x).matmul(tokens.transpose(0, 1))


def gpt_in_place(ids, tokens, positions, blocks, norm):
    x = torch.index_select(tokens, 0, ids.flatten()).unflatten(0, ids.shape)
    x += positions.narrow(0, 0, ids.size(1))
    for block in iter(blocks):
        x = block(x)
    return F.linear(norm(x), tokens, None)


class Stack:
    def __init__(self, blocks):
        self.blocks = tuple(blocks)

    def run(self, x, at=0):
        return x if at == len(self.blocks) else self.run(self.blocks[at](x), at + 1)


def gpt_of_objects(ids, tokens, positions, blocks, norm):
    first = torch.stack([tokens[ids[:, t]] + positions[t] for t in range(ids.shape[-1])], dim=1)
    return norm(Stack(blocks).run(first)) @ tokens.mT


def count_by_formula(vocab_size, context_length, width, n_layers):
    return (vocab_size + context_length + 2) * width + n_layers * (12 * width**2 + 13 * width)


def count_by_building(vocab_size, context_length, width, n_layers):
    shape = {"vocab_size": vocab_size, "context_length": context_length, "width": width}
    with torch.device("meta"):
        return GPT(GPTConfig(**shape, n_layers=n_layers, n_heads=1)).parameter_count()


def count_by_shapes(vocab_size, context_length, width, n_layers):
    C = width
    layer = [(C, 3 * C), (3 * C,), (C, C), (C,), (C, 4 * C), (4 * C,), (4 * C, C), (C,), *[(C,)] * 4]
    outer = [(vocab_size, C), (context_length, C), (C,), (C,)]
    return sum(math.prod(shape) for shape in outer + n_layers * layer)


def count_by_loops(vocab_size, context_length, width, n_layers):
    total = sum(rows * width for rows in (vocab_size, context_length, 1, 1))
    for _ in range(n_layers):
        for a, b in ((1, 3), (1, 1), (1, 4), (4, 1)):
            total += a * width * b * width + b * width
        total += 2 * (width + width)
    return total


def count_by_numpy(vocab_size, context_length, width, n_layers):
    sizes = np.array([vocab_size, context_length, 2, n_layers * (12 * width + 13)], dtype=np.int64)
    return (sizes * width).sum()


def count_by_torch(vocab_size, context_length, width, n_layers):
    parts = torch.tensor([vocab_size, context_length, 2, n_layers * (12 * width + 13)])
    return (parts * width).sum()


def flops_by_training(vocab_size, context_length, width, n_layers):
    shape = {"vocab_size": vocab_size, "context_length": context_length, "width": width}
    return training_flops(GPTConfig(**shape, n_layers=n_layers, n_heads=1), batch=1) // (3 * context_length)


def flops_by_formula(vocab_size, context_length, width, n_layers):
    return 2 * vocab_size * width + n_layers * (24 * width**2 + 4 * context_length * width)


def flops_by_matrices(vocab_size, context_length, width, n_layers):
    C, T = width, context_length
    products = [(C, 3 * C), (C, T), (T, C), (C, C), (C, 4 * C), (4 * C, C)]  # what a row is multiplied with
    return sum(2 * a * b for a, b in [*products * n_layers, (C, vocab_size)])


def flops_by_loops(vocab_size, context_length, width, n_layers):
    multiplications = vocab_size * width
    for _ in range(n_layers):
        multiplications += sum(width * outs * width for outs in (3, 1, 4, 4))
        multiplications += sum(context_length * width for _ in ("scores", "mix"))
    return 2 * multiplications


def flops_by_shares(vocab_size, context_length, width, n_layers):
    return 2 * width * (vocab_size + n_layers * (12 * width + 2 * context_length))


def flops_by_numpy(vocab_size, context_length, width, n_layers):
    factors = np.array([24 * width, 4 * context_length], dtype=np.int64)
    return int(n_layers * width * factors.sum() + 2 * vocab_size * width)


SEEDS = (None, 1, 2)  # new cases, and twice the same ones


OTHER_WAYS = [
    *((ex.mlp, way) for way in (mlp_by_torch, mlp_einsum, mlp_by_loops, mlp_in_double)),
    *((ex.mlp, way) for way in (MLPInPlace(), mlp_flat, mlp_feature_by_feature)),
    *((ex.layer_norm, way) for way in (layer_norm_by_matmul, layer_norm_einsum, layer_norm_in_double)),
    *((ex.layer_norm, way) for way in (layer_norm_in_place, layer_norm_by_helper)),
    *((ex.rms_norm, way) for way in (rms_by_loops, rms_by_matmul, RMS().of)),
    *((ex.block, way) for way in (block_text_by_text, block_in_place, block_of_objects)),
    *((ex.logits_from_stream, way) for way in (logits_text_by_text, logits_by_bmm, logits_broadcast)),
    *((ex.gpt, way) for way in (gpt_row_by_row, gpt_in_place, gpt_of_objects)),
    *((ex.count_parameters, way) for way in (count_by_loops, count_by_numpy, count_by_torch)),
    *((ex.flops_per_token, way) for way in (flops_by_loops, flops_by_shares, flops_by_numpy)),
    *((ex.layer_norm, way) for way in (layer_norm_by_loops, layer_norm_by_var, layer_norm_not_contiguous)),
    *((ex.rms_norm, way) for way in (rms_by_norm, rms_einsum, rms_by_torch)),
    *((ex.block, way) for way in (block_in_steps, block_by_loop, block_in_one_line)),
    *((ex.logits_from_stream, way) for way in (logits_by_linear, logits_einsum, logits_by_loop)),
    *((ex.gpt, way) for way in (gpt_by_torch, gpt_one_hot, gpt_text_by_text)),
    *((ex.count_parameters, way) for way in (count_by_formula, count_by_building, count_by_shapes)),
    *((ex.flops_per_token, way) for way in (flops_by_training, flops_by_formula, flops_by_matrices)),
]


@pytest.mark.parametrize(("exercise", "answer"), OTHER_WAYS, ids=lambda value: getattr(value, "__name__", ""))
def test_other_right_ways_pass(exercise, answer):
    for seed in SEEDS:
        feedback = exercise.judge(answer, seed=seed)
        assert feedback.right, str(feedback)


def nn_layer_norm(x, weight, bias, eps=1e-5):
    return nn.LayerNorm(x.shape[-1], eps=eps, elementwise_affine=False)(x) * weight + bias


@pytest.mark.parametrize("answer", [layer_norm_by_torch, nn_layer_norm])
def test_torchs_own_norm_is_right_but_not_what_is_asked_for(answer):
    feedback = ex.layer_norm.judge(answer)
    assert feedback.state is State.OTHERWISE and "mean, the variance and the root" in feedback.message


# What people write, not listed as it stands ---------------------------------------------------------------


def no_return(x, norm1, attention, norm2, mlp):
    x = x + attention(norm1(x))


def square_head(x, norm, tokens):
    return norm(x) @ tokens


def positions_of_the_ids(ids, tokens, positions, blocks, norm):
    x = torch.add(positions[ids], tokens[ids])
    for block in blocks:
        x = block(x)
    return norm(x) @ tokens.T


def returns_in_the_loop(ids, tokens, positions, blocks, norm):
    x = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        x = block(x)
        return norm(x) @ tokens.T


def mean_without_its_axis(x, weight, bias, eps=1e-5):
    return (x - x.mean(-1)) / (x.var(-1, correction=0) + eps) ** 0.5 * weight + bias


def norm_of_fixed_eps(x, weight, bias, eps=1e-5):
    return (x - x.mean(-1, True)) / (x.var(-1, keepdim=True, correction=0) + 1e-5).sqrt() * weight + bias


def norm_over_axis_1(x, weight, bias, eps=1e-5):
    return (x - x.mean(1, True)) / (x.var(1, correction=0, keepdim=True) + eps).sqrt() * weight + bias


def variance_of_two_means(x, weight, bias, eps=1e-5):
    mean = x.mean(-1, keepdim=True)
    return weight * (x - mean) / ((x**2).mean(-1, keepdim=True) - mean**2 + eps).sqrt() + bias


def half_of_attention(vocab_size, context_length, width, n_layers):
    return 2 * vocab_size * width + n_layers * (24 * width**2 + 2 * context_length * width)


def mean_over_tokens(x, weight, bias, eps=1e-5):
    return (x - x.mean(-2, True)) / (x.var(-2, correction=0, keepdim=True) + eps).sqrt() * weight + bias


def norm_without_its_mean(x, weight, bias, eps=1e-5):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight + bias


def attention_in_place_of_the_stream(x, norm1, attention, norm2, mlp):
    heard = attention(norm1(x))
    return heard + mlp(norm2(heard))


def mlp_before_attention(x, norm1, attention, norm2, mlp):
    x = x + mlp(norm1(x))
    return x + attention(norm2(x))


def rule_of_thumb(vocab_size, context_length, width, n_layers):
    return (vocab_size + context_length) * width + 12 * n_layers * width**2


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (ex.block, no_return, "None"),
        (ex.block, attention_in_place_of_the_stream, "attention's part is not added"),
        (ex.block, mlp_before_attention, "the MLP comes first"),
        (ex.layer_norm, norm_without_its_mean, "the mean is taken away nowhere"),
        (ex.count_parameters, rule_of_thumb, "only the matrices of the blocks are counted"),
        (ex.logits_from_stream, square_head, "the table is not transposed"),
        (ex.layer_norm, mean_over_tokens, "over the tokens"),
        (ex.gpt, positions_of_the_ids, "looked up by the ids"),
        (ex.gpt, returns_in_the_loop, "only the first block is used"),
        (ex.layer_norm, mean_without_its_axis, "`keepdim=True` keeps it"),
        (ex.layer_norm, norm_of_fixed_eps, "eps is always 1e-5"),
        (ex.layer_norm, norm_over_axis_1, "over the axis 1"),
        (ex.layer_norm, variance_of_two_means, "a difference of two means"),
        (ex.flops_per_token, half_of_attention, "only half of attention's products"),
        (ex.count_parameters, lambda *sizes: ex.count_parameters.reference(*sizes) + 1, "should be"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_wrong_answers_are_told_apart(exercise, answer, words):
    feedback = exercise.judge(answer)
    assert not feedback.right and words in str(feedback)


def test_a_norm_that_looks_ahead_is_seen():
    def leaky(x, weight, bias, eps=1e-5):
        return ex.layer_norm.reference(x, weight, bias, eps) + (0 * x).sum() + 1e-9 * x.sum()

    assert ex.layer_norm.judge(leaky).right  # a leak far below rounding is none
    assert ex.layer_norm.properties[0].holds(lambda x, *rest: x - x.mean(1, True)) is not True


def test_classes_whose_fresh_norms_let_nothing_through_are_told():
    class ZeroedBlock(ex.Block.reference):
        def __init__(self, width, n_heads):
            super().__init__(width, n_heads)
            for weight in self.parameters():
                if weight.ndim == 1:
                    torch.nn.init.zeros_(weight)

    feedback = ex.Block.judge(ZeroedBlock)
    assert not feedback.right and "norm1.weight" in str(feedback)


# Oracles --------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(2, 7), st.integers(0, 99), st.floats(0.1, 100))
def test_norms_agree_with_torch(T, C, seed, scale):
    x = scale * torch.randn(2, T, C, generator=generator(seed))
    weight, bias = torch.randn(2, C, generator=generator(seed + 1))
    assert torch.allclose(
        ex.layer_norm.reference(x, weight, bias), F.layer_norm(x, (C,), weight, bias), rtol=1e-3, atol=1e-4
    )
    assert torch.allclose(ex.rms_norm.reference(x, weight), F.rms_norm(x, (C,), weight, 1e-5), atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 50), st.integers(1, 9), st.sampled_from([2, 4, 6]), st.integers(1, 3))
def test_counts_agree_with_a_model_and_with_torchs_counter(V, T, C, L):
    model = GPT(GPTConfig(vocab_size=V, context_length=T, width=C, n_layers=L, n_heads=2))
    assert ex.count_parameters.reference(V, T, C, L) == sum(p.numel() for p in model.parameters())
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(torch.zeros(3, T, dtype=torch.int64))
    assert counter.get_total_flops() == 3 * T * ex.flops_per_token.reference(V, T, C, L)


def test_the_exercises_pieces_make_the_courses_gpt():
    model = GPT(GPTConfig(vocab_size=11, context_length=7, n_layers=2, n_heads=2, width=6), generator())
    ids = torch.randint(11, (3, 5), generator=generator())
    parts = [
        lambda x, b=b: ex.block.reference(x, b.norm1, b.attention, b.norm2, _our_mlp(b.mlp))
        for b in model.blocks
    ]
    norm = model.norm.weight, model.norm.bias
    tables = model.tokens.weight, model.positions.weight
    logits = ex.gpt.reference(ids, *tables, parts, lambda x: ex.layer_norm.reference(x, *norm))
    assert torch.allclose(logits, model(ids), atol=1e-5)


def _our_mlp(mlp):
    up, down = mlp.up, mlp.down
    return lambda x: ex.mlp.reference(x, up.weight.T, up.bias, down.weight.T, down.bias)


# Anatomy --------------------------------------------------------------------------------------------------

CONFIG = GPTConfig(vocab_size=11, context_length=7, n_layers=3, n_heads=2, width=6)
IDS = torch.randint(11, (2, 5), generator=generator())


def test_shapes_are_those_of_the_run_and_leave_no_hooks():
    model = GPT(CONFIG, generator())
    found = {stage.name: stage for stage in anatomy.shapes(model, IDS)}
    assert found["blocks.0.attention.qkv"].shape_out == (2, 5, 18)
    assert found["blocks.2.mlp.up"].shape_out == (2, 5, 24) and found["head"].shape_out == (2, 5, 11)
    assert found["positions"].shape_in is None and found[""].parameters == model.parameter_count()
    assert not any(module._forward_hooks for module in model.modules())


def test_the_stream_begins_with_the_embeddings_and_each_block_goes_on():
    model = GPT(CONFIG, generator())
    states = anatomy.stream(model, IDS)
    assert torch.allclose(states[0], model.tokens.weight[IDS] + model.positions.weight[:5])
    for block, before, after in zip(model.blocks, states, states[1:], strict=False):
        assert torch.allclose(block(before), after, atol=1e-6)
    hooks = [h for block in model.blocks for h in (*block._forward_hooks, *block._forward_pre_hooks)]
    assert len(states) == 4 and not hooks


@pytest.mark.parametrize("changes", [{}, {"tie_embeddings": False}, {"positions": "rotary", "width": 8}])
def test_the_parts_add_up(changes):
    model = GPT(GPTConfig(**{"vocab_size": 11, "width": 6, "n_heads": 2, **changes}))
    assert sum(anatomy.parameters_by_part(model).values()) == model.parameter_count()


@pytest.mark.parametrize("part", [None, *anatomy.PARTS])
def test_a_model_without_a_part_still_learns(part):
    model = anatomy.without(part, CONFIG, generator())
    ids = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6] * 20)
    before = training.evaluate(model, ids)
    history = training.train(model, ids, training.TrainConfig(steps=30, batch_size=8, lr=1e-2), val_ids=ids)
    assert history.val_loss < before - 0.1


def test_what_is_missing_is_missing():
    whole = anatomy.without(None, CONFIG, generator())
    assert torch.equal(whole(IDS), GPT(CONFIG, generator())(IDS))
    silent = anatomy.without("attention", CONFIG, generator())
    changed = IDS.clone()
    changed[:, 0] = (changed[:, 0] + 1) % 11
    assert torch.equal(silent(IDS)[:, 1:], silent(changed)[:, 1:])  # no token hears of another
    assert not any("mlp" in name for name, _ in anatomy.without("mlp", CONFIG).named_parameters())
    assert not any("norm" in name for name, _ in anatomy.without("norms", CONFIG).named_parameters())
    assert anatomy.without("positions", CONFIG).positions is None


def test_without_residuals_a_block_replaces_the_stream():
    broken, whole = anatomy.without("residuals", CONFIG, generator()), GPT(CONFIG, generator())
    block, x = whole.blocks[0], torch.randn(2, 5, 6, generator=generator())
    by_hand = block.mlp(block.norm2(block.attention(block.norm1(x))))
    assert torch.allclose(broken.blocks[0](x), by_hand, atol=1e-6)


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="'heads'; it must be one of residuals, norms"):
        anatomy.without("heads", CONFIG)
