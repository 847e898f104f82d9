"""What of a GPT goes into a file, and what a configuration asks for, without building it."""

from __future__ import annotations

import pytest
import torch

from course_lib.config import PRESETS, GPTConfig
from course_lib.model import GPT
from course_lib.model.weights import first_misfit, plain_weights, weight_shapes

SHAPE = GPTConfig(vocab_size=7, context_length=5, n_layers=3, n_heads=2, width=8)


def shapes(model):
    return {name: tuple(weight.shape) for name, weight in model.state_dict().items()}


@pytest.mark.parametrize("preset", [name for name in PRESETS if not name.startswith("gpt2")])
@pytest.mark.parametrize("changes", [{}, {"tie_embeddings": True}, {"bias": True}, {"mlp_width": 12}])
def test_the_shapes_are_those_of_the_model_that_is_built(preset, changes):
    config = GPTConfig.preset(preset, vocab_size=7, context_length=5, **changes)
    assert dict(weight_shapes(config)) == shapes(GPT(config))
    assert first_misfit(config, shapes(GPT(config))) is None


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "none"])
def test_shapes_cost_no_memory_and_no_random_number(positions):
    before = torch.get_rng_state()
    config = GPTConfig(vocab_size=10**9, context_length=1000, n_heads=2, width=10**4, positions=positions)
    assert dict(weight_shapes(config))["tokens.weight"] == (10**9, 10**4)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_first_misfit_is_named():
    found = shapes(GPT(SHAPE))
    for name, shape in found.items():
        assert first_misfit(SHAPE, {**found, name: (3,)}) == (name, (3,), shape)
        assert first_misfit(SHAPE, {n: s for n, s in found.items() if n != name}) == (name, None, shape)
    assert first_misfit(SHAPE, {**found, "extra": (2,)}) == ("extra", (2,), None)


def test_plain_weights_are_the_models_own():
    model = GPT(SHAPE)
    weights, config = plain_weights(model)
    assert config == SHAPE and weights.keys() == model.state_dict().keys()
    assert all(w.data_ptr() == model.state_dict()[name].data_ptr() for name, w in weights.items())
