"""Matrices in half precision: the numbers of the rounded weights, and hardly any others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_lib.config import GPTConfig
from course_lib.generation import GREEDY, generate
from course_lib.model import GPT
from course_lib.pretrained import HalfLinear, can_halve, halved, halves

NEEDS_IT = pytest.mark.skipif(not can_halve(), reason="this processor, or this torch, has no FBGEMM")
LLAMA = {"norm": "rmsnorm", "activation": "swiglu", "positions": "rotary", "bias": False, "n_kv_heads": 1}
KINDS = {"gpt2": {}, "llama": LLAMA, "untied": {"tie_embeddings": False}}


def gpt(**changes) -> GPT:
    config = GPTConfig(vocab_size=50, context_length=24, n_layers=2, n_heads=2, width=32, **changes)
    model = GPT(config, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 3
    return model


@NEEDS_IT
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 5])
def test_a_layer_multiplies_by_its_rounded_weights(bias, rows):
    torch.manual_seed(0)
    layer, x = nn.Linear(48, 20, bias=bias), torch.randn(rows, 48)
    rounded = nn.functional.linear(x, layer.weight.half().float(), layer.bias)
    assert torch.allclose(HalfLinear(layer)(x), rounded, atol=1e-5)


@pytest.mark.parametrize("x", [torch.zeros(1, 47), torch.zeros(1, 48).double(), [0.0] * 48])
@NEEDS_IT
def test_what_a_layer_cannot_multiply(x):
    with pytest.raises(ValueError, match="a tensor of float32 on the CPU"):
        HalfLinear(nn.Linear(48, 20))(x)


@NEEDS_IT
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_twin_reads_on_token_by_token(kind):
    model = gpt(**KINDS[kind])
    twin, ids = halved(model), torch.randint(50, (1, 24), generator=torch.Generator().manual_seed(2))
    cache = twin.make_cache(1)
    found = [twin(ids[:, :5], cache=cache), *(twin(ids[:, at : at + 1], cache=cache) for at in range(5, 24))]
    assert torch.allclose(torch.cat(found, 1), model(ids), atol=0.05)


@NEEDS_IT
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_twin_is_the_model_with_its_matrices_rounded(kind):
    model, ids = gpt(**KINDS[kind]), torch.randint(50, (2, 7), generator=torch.Generator().manual_seed(1))
    twin = halved(model)
    whole = model(ids)
    table = model.tokens.weight.clone()
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(module.weight.half().float())
    assert torch.equal(model.tokens.weight, table)  # the table that is looked up stays as it was
    assert torch.allclose(twin(ids), model(ids), atol=1e-4)
    assert 0 < (twin(ids) - whole).abs().max() < 0.05
    assert not twin.training


@NEEDS_IT
def test_a_twin_writes_with_its_cache_and_leaves_the_model_as_it_was():
    model = gpt(**LLAMA)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    twin = halved(model)
    for use_cache in (True, False):
        assert len(generate(twin, [1, 2, 3], 8, sampling=GREEDY, use_cache=use_cache)) == 11
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert twin.norm.weight is model.norm.weight


def test_where_there_is_no_way(monkeypatch):
    monkeypatch.setattr(halves, "can_halve", lambda: False)
    assert halved(gpt()) is None
    with pytest.raises(ValueError, match="HalfLinear needs FBGEMM"):
        HalfLinear(nn.Linear(2, 2))


@pytest.mark.parametrize("function", [halved, HalfLinear])
def test_what_is_no_model_and_no_layer(function):
    with pytest.raises(ValueError, match="it must be a"):
        function("smollm2")
