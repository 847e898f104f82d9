"""GPTConfig: what it derives, what it refuses and how it says so, and the presets' real shapes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.config import CHOICES, PRESETS, GPTConfig


def test_the_head_width_is_the_width_shared_by_the_heads():
    assert GPTConfig(width=35, n_heads=5).head_width == 7


def test_key_value_heads_are_as_many_as_heads_unless_said():
    assert GPTConfig(width=60, n_heads=6).kv_heads == 6
    assert GPTConfig(width=60, n_heads=6, n_kv_heads=2).kv_heads == 2


@pytest.mark.parametrize(
    ("activation", "width", "hidden"),
    [
        ("gelu", 96, 384),  # 4 * 96
        ("relu2", 35, 140),  # 4 * 35
        ("swiglu", 96, 256),  # 8/3 * 96 = 256 exactly
        ("swiglu", 128, 344),  # 8/3 * 128 = 341.33, the next multiple of 8
        ("swiglu", 3, 8),  # 8/3 * 3 = 8
    ],
)
def test_the_width_inside_the_mlp(activation, width, hidden):
    assert GPTConfig(activation=activation, width=width, n_heads=1).mlp_hidden == hidden
    assert GPTConfig(activation=activation, width=width, n_heads=1, mlp_width=11).mlp_hidden == 11


@given(st.integers(1, 5000))
def test_swiglu_costs_no_less_than_gelu_and_hardly_more(width):
    """Three matrices of width · hidden against two of width · 4 width: two thirds, rounded up to eights."""
    three = 3 * GPTConfig(activation="swiglu", width=width, n_heads=1).mlp_hidden
    two = 2 * GPTConfig(activation="gelu", width=width, n_heads=1).mlp_hidden
    assert two <= three < two + 3 * 8


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["vocab_size", "context_length", "n_layers", "n_heads", "width", "n_kv_heads"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5, "4", True])
def test_counts_are_whole_numbers_of_at_least_one(name, value):
    with pytest.raises(
        ValueError, match=rf"{name} is {value!r}, but it must be a whole number of at least 1"
    ):
        GPTConfig(**{name: value})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 100, "n_heads": 3}, "width is 100 and n_heads is 3.*multiple of n_heads"),
        ({"width": 60, "n_heads": 6, "n_kv_heads": 4}, "n_heads is 6 and n_kv_heads is 4.*divides n_heads"),
        ({"width": 60, "n_heads": 6, "n_kv_heads": 12}, "n_kv_heads is 12"),
        ({"width": 15, "n_heads": 3, "positions": "rotary"}, "head is 5 wide.*even"),
        ({"dropout": 1.0}, "dropout is 1.0.*below 1"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"norm_eps": 0}, "norm_eps is 0.*above 0"),
        ({"rope_base": -2.0}, "rope_base is -2.0.*above 0"),
        ({"mlp_width": 0}, "mlp_width is 0"),
    ],
)
def test_numbers_that_do_not_fit_are_refused_in_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        GPTConfig(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CHOICES)
def test_an_unknown_choice_names_the_known_ones(name):
    with pytest.raises(ValueError, match=f"{name} is 'round'") as caught:
        GPTConfig(**{name: "round"})
    assert all(option in str(caught.value) for option in CHOICES[name])


def test_an_odd_head_is_refused_only_where_positions_turn_pairs():
    assert GPTConfig(width=15, n_heads=3, positions="learned").head_width == 5


def test_it_cannot_be_changed_but_copied_with_a_check():
    config = GPTConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.width = 64
    assert dataclasses.replace(config, width=64).width == 64
    with pytest.raises(ValueError, match="multiple of n_heads"):
        dataclasses.replace(config, width=63)


# Presets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_valid_configuration(name):
    assert isinstance(GPTConfig.preset(name), GPTConfig)


@pytest.mark.parametrize(
    (
        "name",
        "published",
    ),  # parameters, with the embedding counted once: Radford et al. 2019, table 2, as released
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_gpt2_presets_have_the_released_models_parameters(name, published):
    c = GPTConfig.preset(name)
    embeddings = (c.vocab_size + c.context_length) * c.width
    attention = c.width * 3 * c.width + 3 * c.width + c.width * c.width + c.width
    mlp = 2 * c.width * c.mlp_hidden + c.mlp_hidden + c.width
    norms = 2 * 2 * c.width
    assert embeddings + c.n_layers * (attention + mlp + norms) + 2 * c.width == published


def test_base_has_a_bit_more_than_a_million_parameters():
    c = GPTConfig.preset("base")
    assert 1.1e6 < 2 * c.vocab_size * c.width + 12 * c.n_layers * c.width**2 < 1.4e6  # two tables, layers


def test_the_small_presets_differ_in_depth_and_context_only():
    tiny, small, base = (GPTConfig.preset(name) for name in ("tiny", "small", "base"))
    assert dataclasses.replace(tiny, n_layers=4) == small
    assert dataclasses.replace(small, context_length=512) == base


def test_llama_tiny_has_llamas_options():
    c = GPTConfig.preset("llama-tiny")
    assert (c.norm, c.activation, c.positions, c.bias) == ("rmsnorm", "swiglu", "rotary", False)
    assert c.kv_heads < c.n_heads


def test_a_preset_with_changes():
    config = GPTConfig.preset("gpt2", n_layers=3, vocab_size=77)
    assert (config.n_layers, config.vocab_size, config.width) == (3, 77, 768)
    assert GPTConfig.preset("gpt2").n_layers == 12  # the preset itself is as it was


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match="no preset 'gpt5': the presets are tiny, small, base, gpt2"):
        GPTConfig.preset("gpt5")


# Files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_survives_json(name):
    config = GPTConfig.preset(name, dropout=0.1)
    assert GPTConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_unknown_fields_are_named():
    with pytest.raises(ValueError, match=r"unknown fields \['colour', 'size'\]"):
        GPTConfig.from_dict({"width": 128, "size": 1, "colour": 2})


def test_missing_fields_take_the_defaults():
    assert GPTConfig.from_dict({"width": 64}) == GPTConfig(width=64)


def test_it_does_not_load_torch():
    code = "import course_lib.config, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
