"""The plain formula against torch's, heads and groups, what may be seen, attention maps, the cache."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_lib.attention import (
    KVCache,
    MultiHeadAttention,
    blockwise_attention,
    capture_attention,
    causal_mask,
    scaled_dot_product,
)
from course_lib.config import GPTConfig
from course_lib.context import rotary_angles


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def attention(**options):
    """Heads (5 of width 2, or as wanted), with weights large enough to tell tokens apart."""
    layer = MultiHeadAttention(GPTConfig(**{"n_heads": 5, "width": 10, **options}))
    g = generator(1)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.4, generator=g)
    return layer


# The mask


def test_causal_mask_by_hand():
    assert causal_mask(3).int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert causal_mask(2, 5).int().tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert causal_mask(1, 4).all()
    assert causal_mask(3).dtype == torch.bool
    with pytest.raises(ValueError, match="S must be at least T"):
        causal_mask(3, 2)


# The formula


def test_attention_by_hand():
    q = torch.tensor([[math.log(3.0), 0.0, 0.0, 0.0]])  # D = 4: the scores are halved
    k = torch.tensor([[2.0, 0, 0, 0], [0.0, 9, 9, 9]])  # scores log 3 and 0: weights 3/4 and 1/4
    v = torch.tensor([[4.0], [8.0]])
    assert scaled_dot_product(q, k, v).item() == pytest.approx(5.0)
    assert scaled_dot_product(q, k, v, torch.tensor([[False, True]])).item() == pytest.approx(8.0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 999), st.integers(1, 6), st.integers(0, 4), st.sampled_from(["none", "causal", "random"])
)
def test_the_formula_is_torchs(seed, T, more, kind):
    g, S = generator(seed), T + more
    q = torch.randn(2, 3, T, 5, generator=g, dtype=torch.float64, requires_grad=True)
    k, v = torch.randn(2, 2, 3, S, 5, generator=g, dtype=torch.float64, requires_grad=True)
    mask = {"none": None, "causal": causal_mask(T, S)}.get(kind, torch.rand(2, 1, T, S, generator=g) < 0.5)
    if kind == "random":
        mask[..., 0] = True  # each query needs a key
    ours, theirs = scaled_dot_product(q, k, v, mask), F.scaled_dot_product_attention(q, k, v, mask)
    assert torch.allclose(ours, theirs, atol=1e-12)
    up = torch.randn(ours.shape, generator=g, dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad(ours, (q, k, v), up), torch.autograd.grad(theirs, (q, k, v), up), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 7), st.integers(1, 11), st.integers(1, 5))
def test_block_by_block_is_torchs_and_takes_large_scores(seed, T, S, block):
    # In float64: of two scores of some thousands that are nearly equal, float32 loses the difference.
    q, k = (80 * torch.randn(2, 3, n, 5, generator=generator(seed)).double() for n in (T, S))
    v = torch.randn(2, 3, S, 2, generator=generator(seed + 1)).double()
    blocks = blockwise_attention(q, k, v, block)
    assert torch.allclose(blocks, F.scaled_dot_product_attention(q, k, v), atol=1e-4)
    assert torch.allclose(blocks, blockwise_attention(q, k, v), atol=1e-4)


def test_dropout_keeps_the_mean_and_the_hook_sees_and_changes_the_weights():
    q, k, v = torch.randn(3, 1, 2, 3, 4, generator=generator())
    seen = []
    scaled_dot_product(q, k, v, dropout=0.5, hook=seen.append)
    assert seen[0].sum(-1) == pytest.approx(torch.ones(1, 2, 3))
    torch.manual_seed(0)
    many = torch.stack([scaled_dot_product(q, k, torch.ones_like(v), dropout=0.5) for _ in range(2000)])
    assert many.mean(0) == pytest.approx(torch.ones(1, 2, 3, 4), abs=0.1)
    first_only = torch.zeros(1, 2, 3, 3).index_fill_(3, torch.tensor([0]), 1.0)
    out = scaled_dot_product(q, k, v, hook=lambda attn: first_only)
    assert torch.allclose(out, v[:, :, :1].expand_as(v))


# Heads


def slow_attention(layer, x, mask, rotary=None):
    """Every head, query and key in a loop."""
    config_heads, kv_heads, D = layer.n_heads, layer.n_kv_heads, layer.head_width
    B, T, _ = x.shape
    rows = layer.qkv(x)
    out = torch.zeros(B, T, config_heads * D)
    for b in range(B):
        for head in range(config_heads):
            group = head // (config_heads // kv_heads)
            start = {"q": head, "k": config_heads + group, "v": config_heads + kv_heads + group}
            q, k, v = (rows[b, :, s * D : (s + 1) * D] for s in start.values())
            if layer.q_norm is not None:
                q = q / (q.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.q_norm.weight
                k = k / (k.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.k_norm.weight
            if rotary is not None:
                turn = torch.complex(*rotary)
                turned = [torch.complex(z[:, : D // 2], z[:, D // 2 :]) * turn for z in (q, k)]
                q, k = (torch.cat([z.real, z.imag], -1) for z in turned)
            for t in range(T):
                keys = [s for s in range(T) if mask[t, s]]
                weights = torch.stack([q[t] @ k[s] / D**0.5 for s in keys]).softmax(0)
                out[b, t, head * D : (head + 1) * D] = sum(
                    w * v[s] for w, s in zip(weights, keys, strict=True)
                )
    return layer.out(out)


OPTIONS = {
    "plain": {},
    "no bias": {"bias": False},
    "groups": {"n_heads": 6, "n_kv_heads": 2, "width": 24},
    "one key head": {"n_heads": 6, "n_kv_heads": 1, "width": 24},
    "norms": {"qk_norm": True},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("turned", [False, True])
def test_heads_equal_a_plain_loop(name, turned):
    layer = attention(**OPTIONS[name])
    x = torch.randn(2, 7, layer.qkv.in_features, generator=generator())
    rotary = rotary_angles(7, layer.head_width) if turned else None
    assert torch.allclose(
        layer(x, rotary=rotary), slow_attention(layer, x, causal_mask(7), rotary), atol=1e-5
    )


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("T", [1, 3])
def test_a_mask_replaces_causality(name, T):
    layer = attention(**OPTIONS[name])
    x = torch.randn(2, T, layer.qkv.in_features, generator=generator())
    for mask in (torch.ones(T, T, dtype=torch.bool), torch.eye(T, dtype=torch.bool)):
        assert torch.allclose(layer(x, mask), slow_attention(layer, x, mask), atol=1e-5)
        assert torch.allclose(layer(x, mask[None, None]), slow_attention(layer, x, mask), atol=1e-5)


def test_without_a_mask_no_token_sees_a_later_one():
    layer = attention()
    x = torch.randn(2, 7, 10, generator=generator(), requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[:, 3].sum(), x)
    assert (gradient[:, :4].abs().amax(-1) > 0).all()
    assert not gradient[:, 4:].any()


def test_without_positions_attention_does_not_know_the_order():
    layer = attention()
    x = torch.randn(2, 7, 10, generator=generator())
    order = torch.randperm(7, generator=generator())
    every = torch.ones(7, 7, dtype=torch.bool)
    assert torch.allclose(layer(x[:, order], every), layer(x, every)[:, order], atol=1e-5)


def test_dropout_is_for_training_only():
    layer = attention(dropout=0.5)
    x = torch.randn(2, 7, 10, generator=generator())
    assert not torch.equal(layer(x), layer(x))
    assert torch.allclose(layer.eval()(x), slow_attention(layer, x, causal_mask(7)), atol=1e-5)


# Maps


@pytest.mark.parametrize("name", OPTIONS)
def test_capturing_changes_nothing_but_the_way(name):
    layer = attention(**OPTIONS[name])
    x = torch.randn(2, 7, layer.qkv.in_features, generator=generator())
    plain = layer(x)
    with capture_attention(layer) as maps:
        captured = layer(x)
    assert torch.allclose(plain, captured, atol=1e-5)
    assert len(maps) == 1 and maps[0].shape == (2, layer.n_heads, 7, 7)
    assert not maps[0].requires_grad
    assert maps[0].sum(-1) == pytest.approx(torch.ones(2, layer.n_heads, 7), abs=1e-5)
    assert not maps[0].triu(1).any() and (maps[0].tril().diagonal(dim1=2, dim2=3) > 0).all()
    assert torch.equal(layer(x), plain) and layer.hook is None


def test_later_runs_overwrite_layers_come_in_order_and_hooks_nest():
    layers = torch.nn.Sequential(attention(), attention(n_heads=2))
    x = torch.randn(1, 3, 10, generator=generator())
    with capture_attention(layers) as maps:
        assert maps == []
        layers(x)
        first = list(maps)
        with capture_attention(layers[1]) as inner:
            layers(2 * x)
    assert [tuple(m.shape) for m in maps] == [(1, 5, 3, 3), (1, 2, 3, 3)]
    assert not torch.equal(maps[0], first[0])
    assert torch.equal(inner[0], maps[1])
    assert layers[0].hook is None and layers[1].hook is None


def test_the_hook_is_removed_after_an_error_and_a_model_without_attention_is_refused():
    layer = attention()
    with pytest.raises(ValueError, match="needs vectors"), capture_attention(layer):
        layer(torch.zeros(1, 3, 4))
    assert layer.hook is None
    with (
        pytest.raises(ValueError, match="Linear without attention"),
        capture_attention(torch.nn.Linear(2, 2)),
    ):
        pass


# The cache


def test_the_cache_gives_back_all_that_was_put_in():
    cache = KVCache(n_layers=2, batch_size=2, capacity=7)
    k, v = torch.randn(2, 2, 3, 6, 5, generator=generator())  # (B, H, S, D) = (2, 3, 6, 5)
    for start, stop in ((0, 3), (3, 4), (4, 6)):
        for layer, sign in enumerate((1, -1)):
            keys, values = cache.append(layer, sign * k[:, :, start:stop], v[:, :, start:stop])
            assert torch.equal(keys, sign * k[:, :, :stop]) and torch.equal(values, v[:, :, :stop])
        cache.length = stop
    assert cache.nbytes == 2 * 2 * (2 * 3 * 6 * 5) * 4  # layers, k and v, entries, float32


@pytest.mark.parametrize("rows", [[1, 0], [0, 0], [1], [0, 1, 1]])
def test_the_cache_follows_its_texts(rows):
    cache = KVCache(n_layers=1, batch_size=2, capacity=7)
    k, v = torch.randn(2, 2, 3, 4, 5, generator=generator())
    cache.append(0, k, v)
    cache.length = 4
    cache.reorder(torch.tensor(rows))
    new = torch.zeros(len(rows), 3, 1, 5)
    keys, values = cache.append(0, new, new)
    assert torch.equal(keys, torch.cat([k[rows], new], 2)) and torch.equal(
        values, torch.cat([v[rows], new], 2)
    )


def test_a_full_cache_and_a_wrong_batch_are_said():
    cache = KVCache(n_layers=1, batch_size=2, capacity=3)
    with pytest.raises(ValueError, match="2 texts of 3 tokens, but got 2 of 4"):
        cache.append(0, torch.zeros(2, 1, 4, 2), torch.zeros(2, 1, 4, 2))
    with pytest.raises(ValueError, match="make_cache"):
        cache.append(0, torch.zeros(3, 1, 1, 2), torch.zeros(3, 1, 1, 2))
