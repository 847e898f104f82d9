"""Notebook 13's code: experts, latent attention, windows, several tokens ahead, and fair comparisons."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib import modern, runtime
from course_lib.config import GPTConfig
from course_lib.model import GPT
from course_lib.modern.comparing import next_token

CONFIG = GPTConfig(vocab_size=11, context_length=16, n_layers=2, n_heads=2, width=8, mlp_width=6)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=runtime.seed(seed))


# Experts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_experts_say_what_a_loop_over_tokens_says(top_k):
    layer = modern.MixtureOfExperts(CONFIG, n_experts=3, top_k=top_k)
    x, rows = drawn(2, 5, 8), []
    for token in x.reshape(-1, 8):
        chances = (layer.router.weight @ token).softmax(dim=0)
        best = chances.argsort(descending=True)[:top_k]
        said = [chances[e] * layer.experts[int(e)](token[None, None])[0, 0] for e in best]
        rows.append(sum(said) / chances[best].sum())
    assert torch.allclose(layer(x), torch.stack(rows).view_as(x), atol=1e-6)


def test_only_those_who_are_chosen_get_a_gradient():
    layer = modern.MixtureOfExperts(CONFIG, n_experts=4, top_k=1)
    nn.init.zeros_(layer.router.weight)
    layer.router.weight.data[2] = 1.0
    layer(torch.ones(1, 3, 8)).sum().backward()
    assert [expert.up.weight.grad is not None for expert in layer.experts] == [False, False, True, False]
    assert layer.routing.shares.tolist() == [0, 0, 1, 0]


def test_the_balance_loss_is_the_papers_and_its_gradient_goes_to_the_router():
    probabilities = drawn(40, 4).softmax(dim=-1).requires_grad_()
    routing = modern.Routing(probabilities, probabilities.topk(1).indices)
    shares = [float((routing.chosen == e).float().mean()) for e in range(4)]
    by_hand = 4 * sum(shares[e] * float(probabilities[:, e].detach().mean()) for e in range(4))
    loss = modern.balance_loss(routing)
    loss.backward()
    assert math.isclose(float(loss.detach()), by_hand, rel_tol=1e-5) and probabilities.grad.abs().sum() > 0


def test_a_model_with_experts_begins_small_and_learns():
    model = modern.with_experts(CONFIG, 4, 2, runtime.seed(0))
    for name, weight in model.blocks[0].mlp.named_parameters():
        size = float(weight.detach().square().mean().sqrt())
        assert size == 0 if name.endswith("bias") else 0.004 < size < 0.03, name
    ids = torch.arange(300) % 7
    before = next_token(model, ids[:17][None]).item()
    modern.learn(model, ids, 40, context_length=16)
    assert next_token(model, ids[:17][None]).item() < before - 1


@pytest.mark.parametrize("top_k", [0, 4])
def test_as_many_experts_are_chosen_as_there_can_be(top_k):
    with pytest.raises(ValueError, match="top_k"):
        modern.MixtureOfExperts(CONFIG, n_experts=3, top_k=top_k)


# Latent attention -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 4, 6])
def test_what_is_kept_is_enough(cut):
    attention = modern.LatentAttention(width=12, n_heads=3, latent=5, rotary=2)
    x = drawn(2, 7, 12)
    whole, _ = attention(x)
    first, kept = attention(x[:, :cut])
    then, kept = attention(x[:, cut:], kept)
    assert torch.allclose(torch.cat([first, then], dim=1), whole, atol=1e-6)
    assert kept[0].shape == (2, 7, 5) and kept[1].shape == (2, 7, 2)


def test_it_is_the_papers_sum_over_heads():
    """Equations 14 to 19, one head and one pair of places at a time."""
    attention, H, D = modern.LatentAttention(width=8, n_heads=2, latent=3, rotary=2), 2, 4
    x = drawn(1, 4, 8)[0]

    def turned(v, place):
        a, b = float(place), v
        return torch.stack([
            b[0] * math.cos(a) - b[1] * math.sin(a), b[1] * math.cos(a) + b[0] * math.sin(a)
        ])  # fmt: skip

    latents = x @ attention.narrow.weight.T
    k, v = latents @ attention.keys.weight.T, latents @ attention.values.weight.T
    q, placed_q = x @ attention.queries.weight.T, x @ attention.placed_queries.weight.T
    placed_k = x @ attention.placed_key.weight.T
    rows = []
    for t in range(4):
        heads = []
        for h in range(H):
            part, small = slice(h * D, h * D + D), slice(2 * h, 2 * h + 2)
            scores = torch.stack([
                (q[t, part] @ k[s, part] + turned(placed_q[t, small], t) @ turned(placed_k[s], s))
                / math.sqrt(D + 2)
                for s in range(t + 1)
            ])  # fmt: skip
            heads.append(scores.softmax(dim=0) @ v[: t + 1, part])
        rows.append(attention.out.weight @ torch.cat(heads))
    assert torch.allclose(attention(x[None])[0][0], torch.stack(rows), atol=1e-5)


def test_widths_that_do_not_fit_are_refused():
    for wrong in ({"width": 10}, {"rotary": 3}):
        with pytest.raises(ValueError, match="multiple of n_heads"):
            modern.LatentAttention(**{"width": 12, "n_heads": 3, "latent": 4, "rotary": 2, **wrong})


# Windows, and several tokens ahead ------------------------------------------------------------------------


@pytest.mark.parametrize(("T", "window"), [(5, 1), (5, 3), (4, 9), (1, 1)])
def test_a_window_holds_the_last_tokens(T, window):
    mask = modern.sliding_window(T, window)
    assert mask.dtype == torch.bool
    assert all(bool(mask[t, s]) == (0 <= t - s < window) for t in range(T) for s in range(T))


def test_heads_ahead_share_trunk_and_head_and_the_first_is_the_models_own():
    trunk = GPT(CONFIG, runtime.seed(0))
    model = modern.SeveralAhead(trunk, 3, runtime.seed(1))
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    logits = model(ids)
    assert len(logits) == 3 and torch.equal(logits[0], trunk(ids))
    assert not torch.allclose(logits[1], logits[0])
    extra = sum(weight.numel() for weight in model.parameters()) - trunk.parameter_count()
    assert extra == 2 * 8 * 8 and not trunk.norm._forward_hooks


def test_the_loss_ahead_is_the_sum_of_shifted_ones():
    ids, heads = torch.tensor([[0, 1, 2, 0, 1]]), [drawn(1, 5, 3, seed=n) for n in range(2)]
    first = F.cross_entropy(heads[0][0, :4], ids[0, 1:])
    second = F.cross_entropy(heads[1][0, :3], ids[0, 2:])
    assert torch.allclose(modern.several_ahead_loss(heads, ids), first + second)


# Comparisons ----------------------------------------------------------------------------------------------


def test_the_interval_is_students():
    scipy = pytest.importorskip("scipy.stats")
    values = [2.31, 2.28, 2.40]
    mean, low, high = modern.interval(values)
    theirs = scipy.t.interval(0.95, 2, loc=mean, scale=scipy.sem(values))
    assert math.isclose(low, theirs[0], abs_tol=1e-3) and math.isclose(high, theirs[1], abs_tol=1e-3)


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 11])
def test_an_interval_needs_a_few_values(values):
    with pytest.raises(ValueError, match="it needs 2 to 10"):
        modern.interval(values)


def test_equal_seeds_give_equal_trainings_and_others_do_not():
    ids = torch.randint(11, (400,), generator=runtime.seed(3))

    def trained(seed):
        model = modern.learn(GPT(CONFIG, runtime.seed(0)), ids, 3, seed, context_length=16)
        assert not model.training
        return model.tokens.weight.detach()

    assert torch.equal(trained(0), trained(0)) and not torch.equal(trained(0), trained(1))


def test_each_model_is_timed_in_turn():
    ids, made = torch.arange(400) % 11, []
    config = GPTConfig(vocab_size=11, context_length=64, n_layers=1, n_heads=1, width=4)

    def make():
        made.append(1)
        return GPT(config)

    seconds = modern.step_seconds({"a": make, "b": make}, ids, rounds=2, steps=1)
    assert set(seconds) == {"a", "b"} and min(seconds.values()) > 0 and len(made) == 2
