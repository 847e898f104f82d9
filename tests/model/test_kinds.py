"""Notebook 04's bug to find, and what its results show: other repairs, and numbers worked out anew."""

from functools import reduce

import pytest
import torch

from course_lib.config import GPTConfig
from course_lib.exercises import State
from course_lib.model import GPT, anatomy
from course_lib.model import exercises as ex


def parts_of(model):
    return model.tokens.weight, model.positions.weight, model.blocks, model.norm


def small(n_layers):
    shape = GPTConfig(vocab_size=5, context_length=4, n_layers=n_layers, n_heads=1, width=4)
    return GPT(shape, generator=torch.Generator().manual_seed(0))


IDS = torch.tensor([[0, 3, 1], [4, 4, 2]])


def reached(function, model):
    """Which blocks get a gradient."""
    ups = [block.mlp.up.weight for block in model.blocks]
    slopes = torch.autograd.grad(function(IDS, *parts_of(model)).square().sum(), ups, allow_unused=True)
    return [slope is not None for slope in slopes]


def test_the_symptom_of_the_idle_blocks():
    assert reached(ex.idle_blocks.faulty, small(3)) == [False, False, True]
    assert reached(ex.idle_blocks.reference, small(3)) == [True, True, True]
    model = small(3)
    tokens, positions, blocks, norm = parts_of(model)
    last_alone = ex.gpt.reference(IDS, tokens, positions, list(blocks)[-1:], norm)
    assert torch.equal(ex.idle_blocks.faulty(IDS, *parts_of(model)), last_alone)
    assert torch.allclose(ex.idle_blocks.reference(IDS, *parts_of(model)), model(IDS), atol=1e-6)


def the_stream_goes_on(ids, tokens, positions, blocks, norm):
    stream = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        stream = block(stream)
    return norm(stream) @ tokens.T


def folded(ids, tokens, positions, blocks, norm):
    stream = tokens[ids] + positions[: ids.shape[1]]
    return norm(reduce(lambda x, block: block(x), blocks, stream)) @ tokens.T


@pytest.mark.parametrize("repair", [the_stream_goes_on, folded])
def test_other_repairs_are_right(repair):
    assert ex.idle_blocks.judge(repair).right


def added_to_the_sum(ids, tokens, positions, blocks, norm):
    x = stream = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        x = x + block(stream)
    return norm(x) @ tokens.T


def added_around_each(ids, tokens, positions, blocks, norm):
    x = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        x = x + block(x)
    return norm(x) @ tokens.T


def normed_in_the_loop(ids, tokens, positions, blocks, norm):
    x = tokens[ids] + positions[: ids.shape[1]]
    for block in blocks:
        x = norm(block(x))
    return x @ tokens.T


@pytest.mark.parametrize(
    ("repair", "mistake"),
    [
        (added_to_the_sum, None),
        (added_around_each, "x is added once more around each block"),
        (normed_in_the_loop, "the norm comes after every block"),
    ],
)
def test_a_repair_that_is_none_is_told_so(repair, mistake):
    feedback = ex.idle_blocks.judge(repair)
    assert (feedback.state, feedback.mistake) == (State.WRONG, mistake)


def test_the_share_of_the_blocks_is_what_twice_the_layers_add():
    with torch.device("meta"):
        parts = anatomy.parameters_by_part(GPT(GPTConfig.preset("gpt2")))
    total, tables = sum(parts.values()), parts["tokens"] + parts["positions"]
    assert ex.share_of_blocks.judge(100 * (total - tables) / total).right
    count, start = ex.count_parameters.reference, (50257, 1024, 768)
    assert ex.share_of_blocks.judge(100 * (count(*start, 24) / count(*start, 12) - 1)).right
    assert ex.share_of_blocks.judge(100 * tables / total).mistake == "what lies outside of the blocks"
