"""Notebook 04's exercises in other right ways and against torch; what looks into a GPT; and the figures."""

from __future__ import annotations

import math
from types import SimpleNamespace

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

from course_lib import figures as viz
from course_lib import training
from course_lib.config import GPTConfig
from course_lib.model import GPT, anatomy
from course_lib.model import exercises as ex
from course_lib.model import views as model_views
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


def rms_by_norm(x, weight, eps=1e-5):
    return weight * x / (torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2 / x.shape[-1] + eps).sqrt()


def rms_einsum(x, weight, eps=1e-5):
    mean_square = torch.einsum("...c,...c->...", x, x) / x.size(-1)
    return torch.einsum("...c,...,c->...c", x, (mean_square + eps).rsqrt(), weight)


def rms_by_torch(x, weight, eps=1e-5):
    return F.rms_norm(x, weight.shape, weight, eps)


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


def logits_by_linear(x, norm, tokens):
    return F.linear(norm(x), tokens)


def logits_einsum(x, norm, tokens):
    return torch.einsum("btc,vc->btv", norm(x), tokens)


def logits_by_loop(x, norm, tokens):
    return torch.stack([(norm(x) * row).sum(-1) for row in tokens], dim=-1)


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


def flops_by_training(vocab_size, context_length, width, n_layers):
    shape = {"vocab_size": vocab_size, "context_length": context_length, "width": width}
    return training_flops(GPTConfig(**shape, n_layers=n_layers, n_heads=1), batch=1) // (3 * context_length)


def flops_by_formula(vocab_size, context_length, width, n_layers):
    return 2 * vocab_size * width + n_layers * (24 * width**2 + 4 * context_length * width)


def flops_by_matrices(vocab_size, context_length, width, n_layers):
    C, T = width, context_length
    products = [(C, 3 * C), (C, T), (T, C), (C, C), (C, 4 * C), (4 * C, C)]  # what a row is multiplied with
    return sum(2 * a * b for a, b in [*products * n_layers, (C, vocab_size)])


OTHER_WAYS = [
    *((ex.mlp, way) for way in (mlp_by_torch, mlp_einsum, mlp_by_loops, mlp_in_double)),
    *(
        (ex.layer_norm, way)
        for way in (layer_norm_by_loops, layer_norm_by_var, layer_norm_by_torch, layer_norm_not_contiguous)
    ),
    *((ex.rms_norm, way) for way in (rms_by_norm, rms_einsum, rms_by_torch)),
    *((ex.block, way) for way in (block_in_steps, block_by_loop, block_in_one_line)),
    *((ex.logits_from_stream, way) for way in (logits_by_linear, logits_einsum, logits_by_loop)),
    *((ex.gpt, way) for way in (gpt_by_torch, gpt_one_hot, gpt_text_by_text)),
    *((ex.count_parameters, way) for way in (count_by_formula, count_by_building, count_by_shapes)),
    *((ex.flops_per_token, way) for way in (flops_by_training, flops_by_formula, flops_by_matrices)),
]


@pytest.mark.parametrize(("exercise", "answer"), OTHER_WAYS, ids=lambda value: getattr(value, "__name__", ""))
def test_other_right_ways_pass(exercise, answer):
    feedback = exercise.judge(answer)
    assert feedback.right, str(feedback)


# What people write, not listed as it stands ---------------------------------------------------------------


def no_return(x, norm1, attention, norm2, mlp):
    x = x + attention(norm1(x))


def square_head(x, norm, tokens):
    return norm(x) @ tokens


def mean_over_tokens(x, weight, bias, eps=1e-5):
    return (x - x.mean(-2, True)) / (x.var(-2, correction=0, keepdim=True) + eps).sqrt() * weight + bias


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (ex.block, no_return, "None"),
        (ex.logits_from_stream, square_head, "the table is not transposed"),
        (ex.layer_norm, mean_over_tokens, "over the tokens"),
        (ex.count_parameters, lambda *sizes: ex.count_parameters.reference(*sizes) + 1, "should be"),
    ],
    ids=("no return", "square head", "over tokens", "one too many"),
)
def test_wrong_answers_are_told_apart(exercise, answer, words):
    feedback = exercise.judge(answer)
    assert not feedback.right and words in str(feedback)


def test_a_norm_that_looks_ahead_is_seen():
    def leaky(x, weight, bias, eps=1e-5):
        return F.layer_norm(x, weight.shape, weight, bias, eps) + (0 * x).sum() + 1e-9 * x.sum()

    assert ex.layer_norm.judge(leaky).right  # a leak far below rounding is none
    assert ex.layer_norm.properties[1].holds(lambda x, *rest: x - x.mean(1, True)) is not True


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


# Figures --------------------------------------------------------------------------------------------------


def test_the_plan_names_its_parts():
    labels = [text.get_text() for text in model_views.gpt_plan().texts]
    assert {"ids", "attention", "MLP", "head", "logits"} <= set(labels) and labels.count("norm") == 3
    assert "residual stream" in viz.picture(model_views.gpt_plan()).alt


def test_the_shape_table_escapes_and_names_sizes():
    stage = SimpleNamespace(name="<a>", kind="B", parameters=1234, shape_in=None, shape_out=(2, 64))
    table = model_views.shape_table([stage], {64: "C"})
    assert "&lt;a&gt;" in table.html and "(2, C)" in table.html and "1,234" in table.text


def test_bars_have_the_length_of_the_shares():
    ax = model_views.part_bars({"small": {"a": 1, "b": 3}, "large": {"a": 8, "b": 2}})
    widths = [round(bar.get_width(), 3) for bar in ax.patches]
    assert widths == [0.25, 0.75, 0.8, 0.2]
    assert np.allclose([bar.get_x() for bar in ax.patches], [0, 0.25, 0, 0.8])
    assert "large (10 in all): a 80%, b 20%." in viz.picture(ax).alt


@pytest.mark.parametrize("counts", [{}, {"empty": {"a": 0}}])
def test_bars_of_nothing_are_refused(counts):
    with pytest.raises(ValueError, match="at least one model"):
        model_views.part_bars(counts)
