"""Notebook 02's exercises and figures: other right ways pass, what people write is told apart, pictures tell
the truth."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_lib import context, training
from course_lib.context import NGramModel
from course_lib.context import exercises as ex

# Other right ways -----------------------------------------------------------------------------------------


def windows_by_loop(ids, T):
    starts = range(0, len(ids) - T, T)
    pairs = [(ids[s : s + T], ids[s + 1 : s + T + 1]) for s in starts]
    return [torch.stack(side) for side in zip(*pairs, strict=True)]


def loss_by_loop(logits, targets):
    total = torch.zeros(())
    for row, target in zip(logits, targets, strict=True):
        total = total + torch.logsumexp(row, 0) - row[target]
    return total / len(targets)


def loss_by_one_hot(logits, targets):
    chosen = F.one_hot(targets, logits.shape[-1]).to(logits.dtype)
    return -torch.einsum("nv,nv->", logits.log_softmax(-1), chosen) / len(targets)


def bigram_by_accumulating(ids, vocab_size):
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.float64)
    counts.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1, dtype=torch.float64), accumulate=True)
    counts[counts.sum(1) == 0] = 1
    return counts / counts.sum(1, keepdim=True)


def bigram_by_lists(ids, vocab_size):
    rows = []
    for a in range(vocab_size):
        after = [ids[i + 1].item() for i in range(len(ids) - 1) if ids[i] == a]
        rows.append([after.count(b) / len(after) if after else 1 / vocab_size for b in range(vocab_size)])
    return torch.tensor(rows).T.contiguous().T  # the right values, in an unusual layout


def lookup_by_loop(ids, table):
    return torch.stack([torch.stack([table[i] for i in row]) for row in ids])


def nearest_by_sorting(vectors, index, k):
    cosines = [F.cosine_similarity(v, vectors[index], dim=0).item() for v in vectors]
    others = [i for i in range(len(vectors)) if i != index]
    return sorted(others, key=lambda i: -cosines[i])[:k]


def nearest_as_tensor(vectors, index, k):
    unit = F.normalize(vectors.double(), dim=-1)
    return (unit @ unit[index]).argsort(descending=True)[1 : k + 1]


def step_by_torch(x, state, W_x, W_h, b):
    cell = nn.RNNCell(*W_x.shape)
    weights = {"weight_ih": W_x.T, "weight_hh": W_h.T, "bias_ih": b, "bias_hh": torch.zeros_like(b)}
    return torch.func.functional_call(cell, weights, (x, state))


def step_joined(x, state, W_x, W_h, b):
    return torch.tanh(torch.cat([x, state], 1) @ torch.cat([W_x, W_h]) + b)


def waves_by_loop(T, width):
    table = torch.zeros(T, width)
    for t in range(T):
        for i in range(width // 2):
            angle = t / 10000 ** (2 * i / width)
            table[t, 2 * i], table[t, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


def waves_by_logarithm(T, width):
    rates = torch.exp(-math.log(10000.0) * torch.arange(0, width, 2).double() / width)
    angles = torch.outer(torch.arange(T).double(), rates)
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(T, width)


def additive(ids, context, vocab_size):
    """Bigram and trigram counts with weights, and a bit for everything."""
    p = torch.ones(vocab_size, dtype=torch.float64)
    for i, token in enumerate(ids.tolist()):
        for n in range(len(context) + 1):
            if i >= n and ids[i - n : i].tolist() == context[len(context) - n :].tolist():
                p[token] += 10**n
    return p / p.sum()


def stupid_backoff(ids, context, vocab_size):
    stream, context = ids.tolist(), context.tolist()
    scores = torch.full((vocab_size,), 1e-6)
    for n in range(len(context), -1, -1):
        end = context[len(context) - n :]
        after = [stream[i] for i in range(n, len(stream)) if stream[i - n : i] == end]
        if after:
            scores += torch.bincount(torch.tensor(after), minlength=vocab_size) / len(after)
            break
    return (scores + 1e-4) / (scores + 1e-4).sum()


def kneser_ney(ids, context, vocab_size):
    model = NGramModel(3, vocab_size).fit(ids)
    if not len(context):
        counts = torch.bincount(ids, minlength=vocab_size) + 1
        return counts / counts.sum()
    p = model(context[None])[0, -1].exp()
    frequent = torch.bincount(ids, minlength=vocab_size) / len(ids)
    return 0.9 * p + 0.1 * frequent


OTHER_WAYS = [
    (ex.windows, windows_by_loop),
    (ex.windows, lambda ids, T: context.windows(ids, T)),
    (ex.windows, lambda ids, T: tuple(part.T.contiguous().T for part in context.windows(ids, T))),
    (ex.cross_entropy, loss_by_loop),
    (ex.cross_entropy, loss_by_one_hot),
    (ex.cross_entropy, lambda logits, targets: F.cross_entropy(logits.double(), targets)),
    (ex.bigram_probabilities, bigram_by_accumulating),
    (ex.bigram_probabilities, bigram_by_lists),
    (ex.bigram_probabilities, lambda ids, V: bigram_by_accumulating(ids, V).float()),
    (ex.embedding_lookup, lookup_by_loop),
    (ex.embedding_lookup, lambda ids, table: table[ids]),
    (ex.embedding_lookup, lambda ids, t: torch.einsum("btv,vc->btc", F.one_hot(ids, len(t)) * 1.0, t)),
    (ex.embedding_lookup, lambda ids, table: F.embedding(ids, table.double())),
    (ex.nearest, nearest_by_sorting),
    (ex.nearest, nearest_as_tensor),
    (ex.recurrent_step, step_by_torch),
    (ex.recurrent_step, step_joined),
    (ex.recurrent_step, lambda x, s, W, U, b: (torch.einsum("bc,ch->bh", x, W) + s @ U + b).tanh()),
    (ex.sinusoidal_positions, waves_by_loop),
    (ex.sinusoidal_positions, waves_by_logarithm),
    (ex.sinusoidal_positions, lambda T, width: context.SinusoidalPositions(T, width)(slice(0, T))),
    (ex.backoff, additive),
    (ex.backoff, stupid_backoff),
    (ex.backoff, kneser_ney),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "answer"), OTHER_WAYS)
def test_other_right_ways_pass(exercise, answer):
    feedback = exercise.judge(answer)
    assert feedback.right, feedback


def test_the_mistakes_that_matter_most_are_named_in_other_spellings():
    def counted_once(ids, vocab_size):
        counts = torch.zeros(vocab_size, vocab_size)
        counts[ids[:-1], ids[1:]] += 1
        totals = counts.sum(1, keepdim=True)
        return torch.where(totals > 0, counts / totals.clamp(min=1), 1 / vocab_size)

    def unsafe(logits, targets):
        p = logits.exp() / logits.exp().sum(-1, keepdim=True)
        return -p[range(len(targets)), targets].log().mean()

    assert ex.bigram_probabilities.judge(counted_once).mistake == "repeated pairs are counted once"
    feedback = ex.cross_entropy.judge(unsafe)
    assert feedback.aspect == "finite" and not feedback.right
    assert ex.nearest.judge(lambda v, i, k: (v @ v[i]).argsort(descending=True)[:k].tolist()).right is False


def test_the_back_off_is_better_than_no_context_on_a_real_pattern():
    ids = torch.tensor([0, 1, 2, 3] * 10)
    p = ex.backoff.reference(ids, torch.tensor([1, 2]), 4)
    assert p.argmax() == 3 and p[3] > 0.9 and p.min() > 0


# The references, against others' work ----------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.integers(1, 7))
def test_windows_and_counts_agree_with_the_library(tokens, T):
    ids = torch.tensor(tokens)
    if len(ids) > T:
        for mine, theirs in zip(ex.windows.reference(ids, T), context.windows(ids, T), strict=True):
            assert torch.equal(mine, theirs)
    table = ex.bigram_probabilities.reference(ids, 5)
    assert torch.allclose(table.sum(1), torch.ones(5))
    assert torch.allclose(table.double(), bigram_by_accumulating(ids, 5), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(2, 7), st.floats(0, 300))
def test_the_loss_agrees_with_torch(rows, vocab_size, scale):
    generator = torch.Generator().manual_seed(rows)
    logits = scale * torch.randn(rows, vocab_size, generator=generator)
    targets = torch.randint(vocab_size, (rows,), generator=generator)
    mine = ex.cross_entropy.reference(logits, targets)
    assert torch.allclose(mine, F.cross_entropy(logits, targets), rtol=1e-4, atol=1e-5)
    assert torch.allclose(mine, training.cross_entropy(logits, targets), rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.lists(st.integers(0, 4), max_size=3))
def test_backing_off_always_gives_a_distribution(tokens, recent):
    p = ex.backoff.reference(torch.tensor(tokens), torch.tensor(recent, dtype=torch.long), 5)
    assert p.min() > 0 and abs(float(p.sum()) - 1) < 1e-5


# What the notebook relies on --------------------------------------------------------------------------------


def test_token_vectors_start_small():
    """So that what is learned soon outweighs what was drawn: neighbours show within a few seconds."""
    model = context.RecurrentLM(500, width=20, generator=torch.Generator().manual_seed(0))
    assert 0.09 < float(model.tokens.weight.detach().std()) < 0.11
