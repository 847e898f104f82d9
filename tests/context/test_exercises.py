"""Notebook 02's exercises and figures: other right ways pass, what people write is told apart, pictures tell
the truth."""

from __future__ import annotations

import copy
import functools
import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_lib import context, training
from course_lib.context import NGramModel
from course_lib.context import exercises as ex
from course_lib.exercises import Mistake, State

# Other right ways -----------------------------------------------------------------------------------------


def windows_by_loop(ids, T):
    starts = range(0, len(ids) - T, T)
    pairs = [(ids[s : s + T], ids[s + 1 : s + T + 1]) for s in starts]
    return [torch.stack(side) for side in zip(*pairs, strict=True)]


def windows_filled_in(ids, T):
    count = (ids.numel() - 1) // T
    inputs, targets = ids.new_empty(count, T), ids.new_empty(count, T)
    for i in range(count):
        for t in range(T):
            inputs[i, t], targets[i, t] = ids[i * T + t], ids[i * T + t + 1]
    return inputs, targets


def windows_unfolded(ids, T):
    pieces = ids.unfold(0, T + 1, T)
    return pieces[:, :T], pieces[:, 1:]


def windows_by_places(ids, T):
    starts = torch.arange(0, ids.shape[0] - T, T)
    places = starts.unsqueeze(-1) + torch.arange(T)
    return ids[places], ids[places + 1]


def windows_of_plain_lists(ids, T):
    line = ids.tolist()
    starts = [s for s in range(0, len(line), T) if s + T < len(line)]
    return [torch.tensor([line[s + more : s + more + T] for s in starts]) for more in (0, 1)]


def loss_by_loop(logits, targets):
    total = torch.zeros(())
    for row, target in zip(logits, targets, strict=True):
        total = total + row.max() + (row - row.max()).exp().sum().log() - row[target]
    return total / len(targets)


def loss_by_one_hot(logits, targets):
    chosen = F.one_hot(targets, logits.shape[-1]).to(logits.dtype)
    shifted = logits - logits.amax(-1, keepdim=True)
    logs = shifted - torch.log(torch.einsum("nv->n", shifted.exp()))[:, None]
    return -torch.einsum("nv,nv->", logs, chosen) / len(targets)


def loss_by_gather(logits, targets):
    largest = logits.detach().max(1, keepdim=True)[0]
    logs = (logits - largest).exp().sum(1).log() + largest.squeeze(1)
    return torch.mean(logs - torch.gather(logits, 1, targets.unsqueeze(1)).squeeze(1))


def loss_in_double(logits, targets):
    return loss_by_gather(logits.double(), targets)


def loss_against_the_target(logits, targets):
    """How far all logits lie above the target's: log of the sum of e to these."""
    apart = logits - logits[range(len(targets)), targets].unsqueeze(-1)
    top = torch.clamp(apart.max(-1).values, min=0)
    return (top + torch.log(torch.exp(apart - top[:, None]).sum(-1))).sum().div(targets.numel())


class Loss(nn.Module):
    def forward(self, logits, targets):
        terms = [self.of_row(row, int(target)) for row, target in zip(logits.unbind(), targets, strict=True)]
        return torch.stack(terms).mean()

    def of_row(self, row, target):
        return -(row[target] - row.max() - torch.log(torch.sum(torch.exp(row - torch.max(row)))))


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


def bigram_in_numpy(ids, vocab_size):
    counts = np.zeros((vocab_size, vocab_size))
    np.add.at(counts, (ids[:-1].numpy(), ids[1:].numpy()), 1)
    totals = counts.sum(1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, 1 / vocab_size), where=totals > 0)


def bigram_of_plain_rows(ids, vocab_size):
    counts = Counter(pairwise(ids.tolist()))
    table = []
    for a in range(vocab_size):
        row = [counts[a, b] for b in range(vocab_size)]
        table.append([n / sum(row) for n in row] if any(row) else [1 / vocab_size] * vocab_size)
    return table


def bigram_by_one_hot(ids, vocab_size):
    rows = F.one_hot(ids, vocab_size).float()
    counts = torch.einsum("na,nb->ab", rows[:-1], rows[1:])
    counts = counts + (counts.sum(-1, keepdim=True) == 0)
    return counts / counts.sum(-1).unsqueeze(-1)


def bigram_row_by_row(ids, vocab_size):
    table = torch.empty(vocab_size, vocab_size)
    for a in range(vocab_size):
        after = ids[1:][ids[:-1] == a]
        counts = torch.bincount(after, minlength=vocab_size)
        table[a] = counts / len(after) if len(after) else 1.0 / vocab_size
    return table


def lookup_by_comparing(ids, table):
    rows = (ids[..., None] == torch.arange(table.shape[0])).float()
    return torch.matmul(rows, table)


def lookup_by_filling_in(ids, table):
    rows = torch.zeros(*ids.shape, len(table))
    rows.scatter_(-1, ids.unsqueeze(-1), 1.0)
    return (rows.flatten(0, 1) @ table).unflatten(0, ids.shape)


def lookup_text_by_text(ids, table):
    return torch.stack([F.one_hot(text, len(table)).type_as(table) @ table for text in ids])


def lookup_summed(ids, table):
    return (F.one_hot(ids, table.size(0)).unsqueeze(-1) * table).sum(-2)


def lookup_in_double(ids, table):
    return (table.T.double() @ F.one_hot(ids, num_classes=len(table)).double().mT).mT


def lookup_as_a_sum_over_all_rows(ids, table):
    found = torch.zeros(*ids.shape, len(table[0]))
    for i in range(len(table)):
        found = found + (ids == i)[..., None] * table[i]
    return found


def lookup_place_by_place(ids, table):
    rows, found = F.one_hot(ids, len(table)).float(), []
    for b in range(len(ids)):
        found.append(torch.stack([rows[b, t] @ table for t in range(len(rows[b]))]))
    return torch.stack(found)


def lookup_in_an_identity(ids, table):
    identity = torch.eye(len(table))
    return torch.stack([torch.stack([identity[i] for i in text]) for text in ids.tolist()]) @ table


class Lookup:
    def __init__(self, one_hot=F.one_hot):
        self.one_hot = one_hot

    def __call__(self, ids, table):
        return F.linear(self.one_hot(ids, len(table)).to(table), table.t())


def nearest_by_sorting(vectors, index, k):
    cosines = [F.cosine_similarity(v, vectors[index], dim=0).item() for v in vectors]
    others = [i for i in range(len(vectors)) if i != index]
    return sorted(others, key=lambda i: -cosines[i])[:k]


def nearest_as_tensor(vectors, index, k):
    unit = F.normalize(vectors.double(), dim=-1)
    order = (unit @ unit[index]).argsort(descending=True)
    return order[order != index][:k]


def nearest_in_numpy(vectors, index, k):
    v = vectors.numpy().astype(float)
    cosines = v @ v[index] / np.linalg.norm(v, axis=1) / np.linalg.norm(v[index])
    return np.array([i for i in np.argsort(-cosines) if i != index])[:k]


def nearest_of_plain_numbers(vectors, index, k):
    rows, here = vectors.tolist(), vectors[index].tolist()

    def cosine(i):
        return sum(a * b for a, b in zip(rows[i], here, strict=True)) / math.hypot(*rows[i])

    return tuple(sorted(set(range(len(rows))) - {index}, key=cosine, reverse=True)[:k])


def nearest_one_at_a_time(vectors, index, k):
    cosines = torch.cosine_similarity(vectors, vectors[index : index + 1])
    found = []
    while len(found) < k:
        rest = [i for i in range(len(vectors)) if i not in (index, *found)]
        found.append(max(rest, key=lambda i: cosines[i].item()))
    return found


def nearest_without_ones_own_length(vectors, index, k):
    scores = (vectors * vectors[index]).sum(1).div(vectors.square().sum(1).sqrt())
    return torch.topk(scores.index_fill(0, torch.tensor(index), float("-inf")), k)[1]


def nearest_by_the_distance_of_unit_vectors(vectors, index, k):
    unit = vectors.double() / vectors.double().norm(dim=1)[:, None]
    distances = torch.cdist(unit[index][None], unit)[0]
    distances[index] = math.inf
    return distances.topk(k, largest=False).indices.numpy()


def step_by_torch(x, state, W_x, W_h, b):
    cell = nn.RNNCell(*W_x.shape)
    weights = {"weight_ih": W_x.T, "weight_hh": W_h.T, "bias_ih": b, "bias_hh": torch.zeros_like(b)}
    return torch.func.functional_call(cell, weights, (x, state))


def step_joined(x, state, W_x, W_h, b):
    return torch.tanh(torch.cat([x, state], 1) @ torch.cat([W_x, W_h]) + b)


def step_by_loops(x, state, W_x, W_h, b):
    rows = []
    for token, old in zip(x, state, strict=True):
        entries = [(token * W_x[:, j]).sum() + (old * W_h[:, j]).sum() + b[j] for j in range(len(b))]
        rows.append(torch.stack(entries).tanh())
    return torch.stack(rows)


def step_by_exponentials(x, state, W_x, W_h, b):
    total = torch.addmm(torch.addmm(b, x, W_x), state, W_h)
    return 2 * torch.sigmoid(2 * total) - 1


def step_in_double_in_place(x, state, W_x, W_h, b):
    total = F.linear(x.double(), W_x.double().T, b.double())
    total += state.double().matmul(W_h.double())
    return torch.tanh_(total)


class Cell(nn.Module):
    def forward(self, x, state, W_x, W_h, b):
        return torch.tanh(F.linear(x, W_x.mT) + F.linear(state, W_h.mT, bias=b))


def waves_in_numpy(T, width):
    angles = np.arange(T)[:, None] / np.power(10000.0, np.arange(0, width, 2) / width)
    table = np.empty((T, width))
    table[:, ::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return table


def waves_of_plain_rows(T, width):
    return [
        [(math.cos if j % 2 else math.sin)(t / 10000 ** ((j - j % 2) / width)) for j in range(width)]
        for t in range(T)
    ]


def waves_as_turning_arrows(T, width):
    """Each step multiplies by e^(i·rate); sine and cosine are the two sides of one number."""
    rates = 10000.0 ** (-torch.arange(width // 2, dtype=torch.float64) * 2 / width)
    arrows = torch.polar(torch.ones(T, width // 2, dtype=torch.float64), torch.arange(T)[:, None] * rates)
    return torch.view_as_real(arrows).flip(-1).flatten(-2)


def waves_as_shifted_sines(T, width):
    j = torch.arange(width)
    angles = torch.arange(T).unsqueeze(1) * 10000.0 ** (-(j // 2 * 2) / width)
    return torch.sin(angles.double() + math.pi / 2 * (j % 2))


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
    model = NGramModel(len(context) + 1, vocab_size).fit(ids)
    if not len(context):
        counts = torch.bincount(ids, minlength=vocab_size) + 1
        return counts / counts.sum()
    p = model(context[None])[0, -1].exp()
    frequent = torch.bincount(ids, minlength=vocab_size) / len(ids)
    return 0.9 * p + 0.1 * frequent


def weighted_halves(ids, context, vocab_size):
    """Each longer context that was seen takes nine tenths."""
    p = (torch.bincount(ids, minlength=vocab_size) + 0.01).double()
    p = p / p.sum()
    for n in range(1, len(context) + 1):
        places = [i for i in range(n, len(ids)) if torch.equal(ids[i - n : i], context[-n:])]
        if places:
            p = 0.1 * p + 0.9 * torch.bincount(ids[places], minlength=vocab_size) / len(places)
    return p


def backoff_in_plain_python(ids, context, vocab_size):
    def after(end):
        n = len(end)
        return Counter(line[i] for i in range(n, len(line)) if line[i - n : i] == end)

    line, recent = ids.tolist(), context.tolist()
    while recent and not after(recent):
        recent = recent[1:]
    counts = after(recent)
    return [(counts[i] + 0.001) / (counts.total() + 0.001 * vocab_size) for i in range(vocab_size)]


def witten_bell(ids, context, vocab_size):
    """The shorter context's share grows with how many different tokens came after the longer one."""
    stream, recent = ids.numpy(), context.numpy()
    p = np.full(vocab_size, 1 / vocab_size)
    for n in range(len(recent) + 1):
        places = [i for i in range(n, len(stream)) if (stream[i - n : i] == recent[len(recent) - n :]).all()]
        if places:
            counts = np.bincount(stream[places], minlength=vocab_size)
            kinds = np.count_nonzero(counts)
            p = (counts + kinds * p) / (counts.sum() + kinds)
    return p


OTHER_WAYS = {
    ex.windows: (
        windows_by_loop, context.windows, windows_filled_in, windows_unfolded, windows_by_places,
        windows_of_plain_lists,
        lambda ids, T: tuple(part.T.contiguous().T for part in context.windows(ids, T)),
    ),
    ex.cross_entropy: (
        loss_by_loop, loss_by_one_hot, loss_by_gather, loss_in_double, loss_against_the_target, Loss(),
    ),
    ex.bigram_probabilities: (
        bigram_by_accumulating, bigram_by_lists, bigram_in_numpy, bigram_of_plain_rows, bigram_by_one_hot,
        bigram_row_by_row, lambda ids, V: bigram_by_accumulating(ids, V).float(),
    ),
    ex.embedding_lookup: (
        lambda ids, t: torch.einsum("btv,vc->btc", F.one_hot(ids, len(t)) * 1.0, t), lookup_by_comparing,
        lookup_by_filling_in, lookup_text_by_text, lookup_summed, lookup_in_double, Lookup(),
        lambda ids, table: torch.eye(len(table))[ids] @ table, lookup_as_a_sum_over_all_rows,
        lookup_place_by_place, lookup_in_an_identity,
    ),
    ex.nearest: (
        nearest_by_sorting, nearest_as_tensor, nearest_in_numpy, nearest_of_plain_numbers,
        nearest_one_at_a_time, nearest_without_ones_own_length, nearest_by_the_distance_of_unit_vectors,
    ),
    ex.recurrent_step: (
        step_by_torch, step_joined, step_by_loops, step_by_exponentials, step_in_double_in_place, Cell(),
        lambda x, s, W, U, b: (torch.einsum("bc,ch->bh", x, W) + s @ U + b).tanh(),
    ),
    ex.sinusoidal_positions: (
        waves_by_loop, waves_by_logarithm, waves_in_numpy, waves_of_plain_rows, waves_as_turning_arrows,
        waves_as_shifted_sines, lambda T, width: context.SinusoidalPositions(T, width)(slice(0, T)),
    ),
    ex.backoff: (
        additive, stupid_backoff, kneser_ney, weighted_halves, backoff_in_plain_python, witten_bell,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("exercise", "answer"), [(e, way) for e, ways in OTHER_WAYS.items() for way in ways])
def test_other_right_ways_pass(exercise, answer):
    feedback = exercise.judge(answer, seed=1)
    assert feedback.right, feedback


def test_every_exercise_has_six_other_ways():
    assert all(len(ways) >= 6 for ways in OTHER_WAYS.values()) and len(OTHER_WAYS) == 8


# Right, but not by the way that is asked for ----------------------------------------------------------------


def loss_by_softplus(logits, targets):
    total = functools.reduce(lambda total, logit: total + F.softplus(logit - total), logits.unbind(1))
    return (total - logits.gather(1, targets[:, None])[:, 0]).mean()


def lookup_filled_in(ids, table):
    found = torch.zeros(*ids.shape, len(table[0]))
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            found[b, t] = table[ids[b, t], :]
    return found


OTHERWISE = {
    ex.cross_entropy: (
        F.cross_entropy,
        nn.CrossEntropyLoss(),
        lambda logits, targets: F.nll_loss(logits.log_softmax(-1), targets),
        lambda logits, targets: (logits.logsumexp(-1) - logits.gather(1, targets[:, None])[:, 0]).mean(),
        lambda logits, targets: -torch.distributions.Categorical(logits=logits).log_prob(targets).mean(),
        lambda logits, targets: (logits.logcumsumexp(1)[:, -1] - logits[range(len(targets)), targets]).mean(),
        loss_by_softplus,
    ),
    ex.embedding_lookup: (
        lambda ids, table: table[ids],
        lambda ids, table: F.embedding(ids, table.double()),
        lambda ids, table: table.index_select(0, ids.flatten()).unflatten(0, ids.shape),
        lambda ids, table: table.gather(0, ids.flatten()[:, None].expand(-1, table.shape[1])).unflatten(
            0, ids.shape
        ),
        lambda ids, table: torch.stack([table[text] for text in ids]),
        lambda ids, table: torch.stack([torch.stack([table[i] for i in text]) for text in ids]),
        lambda ids, table: torch.stack([torch.stack([table[i] for i in text]) for text in ids.tolist()]),
        lambda ids, table: torch.stack([table[int(i)] for i in ids.flatten()]).unflatten(0, ids.shape),
        lookup_filled_in,
    ),
}


@pytest.mark.parametrize(("exercise", "way"), [(e, way) for e, ways in OTHERWISE.items() for way in ways])
def test_right_but_not_by_the_way_asked_for(exercise, way):
    feedback = exercise.judge(way, seed=1)
    assert feedback.state is State.OTHERWISE and "The exercise is to" in feedback.message


def test_a_lookup_in_a_loop_hears_that_one_expression_does_it():
    feedback = ex.embedding_lookup.judge(lookup_filled_in, seed=1)
    assert "with `table[i]`, one row after the other. No loop is needed" in feedback.message
    assert "`table[ids]` takes all the rows at once" in feedback.message


# Two mistakes in one answer: the counts, and rows without any -----------------------------------------------


def shares_of(counts, divided):
    """An answer that counts right, or each pair once, and divides in its own way."""

    def answer(ids, vocab_size):
        table = torch.zeros(vocab_size, vocab_size)
        if counts == "once":
            table[ids[:-1], ids[1:]] += 1
        else:
            for before, after in pairwise(ids.tolist()):
                table[before, after] += 1
        return divided(table)

    return answer


def zeros_made_ones(table):
    totals = table.sum(1)
    totals[totals == 0] = 1
    return table / totals


def only_nan_filled(table):
    shares = table / table.sum(1)
    shares[shares.isnan()] = 1 / len(table)
    return shares


def clamped_and_filled(table):
    totals = table.sum(1)
    shares = table / totals.clamp(min=1)
    shares[totals == 0] = 1 / len(table)
    return shares


def counts_filled_with_shares(table):
    table[table.sum(-1) == 0] = 1 / len(table)
    return table / table.sum(-1)


AXIS_LOST, ONCE, COLUMNS = (
    "the totals have lost their axis",
    "repeated pairs are counted once",
    "each column sums to 1",
)


@pytest.mark.parametrize(
    ("counts", "divided", "name", "empty_rows_too"),
    [
        ("all", lambda table: table / table.sum(1), AXIS_LOST, True),
        ("all", lambda table: table / table.sum(-1).clamp_min(1), AXIS_LOST, True),
        ("all", lambda table: table / (table.sum(1) + 1e-9), AXIS_LOST, True),
        ("all", lambda table: torch.nan_to_num(table / table.sum(1)), AXIS_LOST, True),
        ("all", zeros_made_ones, AXIS_LOST, True),
        ("all", only_nan_filled, AXIS_LOST, False),
        ("all", clamped_and_filled, AXIS_LOST, False),
        ("all", counts_filled_with_shares, AXIS_LOST, False),
        ("all", lambda table: table / table.sum(0), COLUMNS, True),
        ("all", lambda table: table / table.sum(0, keepdim=True).clamp(min=1), COLUMNS, True),
        ("once", lambda table: table / table.sum(1, keepdim=True), ONCE, True),
        ("once", lambda table: table / table.sum(1)[:, None].clamp(min=1), ONCE, True),
    ],
)
def test_both_are_told(counts, divided, name, empty_rows_too):
    feedback = ex.bigram_probabilities.judge(shares_of(counts, divided), seed=1)
    assert feedback.mistake == name
    assert ("a row without counts has a total of 0" in feedback.why) == empty_rows_too


# Wrong in ways that are easily missed -----------------------------------------------------------------------


def changing(function, number=0):
    """The right result, and an argument spoilt."""

    def answer(*args):
        result = copy.deepcopy(function(*args))
        args[number].mul_(2)
        return result

    return answer


def by_shape(function):
    """Kept for the next call with the same shapes."""
    kept = {}

    def answer(*args):
        key = tuple(tuple(getattr(x, "shape", [x])) for x in args)
        kept.setdefault(key, function(*args))
        return kept[key]

    return answer


def cut(function, number=0):
    """One argument cut off from its gradient."""

    def answer(*args):
        return function(*(x.detach() if i == number else x for i, x in enumerate(args)))

    return answer


def reads(change):
    """The windows of a line that was changed first."""
    return lambda ids, T: windows_by_loop(change(ids), T)


def strided(ids, T):
    count = (len(ids) - 1) // T
    base = ids if ids.is_contiguous() else torch.empty(0, dtype=ids.dtype).set_(ids.untyped_storage())
    return base.as_strided((count, T), (T, 1)), base[1:].as_strided((count, T), (T, 1), 1)


def loss_with(top=lambda logits: logits.amax(-1, keepdim=True), log=torch.log, mean=torch.mean):
    def answer(logits, targets):
        shifted = logits - top(logits)
        logs = shifted - log(shifted.exp().sum(-1, keepdim=True))
        return -mean(logs[torch.arange(len(targets)), targets])

    return answer


def loss_with_targets(change):
    return lambda logits, targets: loss_by_gather(logits, change(targets))


def loss_of_unequal_rows(logits, targets):
    weights = torch.bincount(targets, minlength=logits.shape[1])[targets]
    losses = torch.stack([loss_by_loop(logits[i : i + 1], targets[i : i + 1]) for i in range(len(targets))])
    return (losses / weights).sum() / (1 / weights).sum()


def bigram_with(pairs, more=0.0):
    def answer(ids, vocab_size):
        counts = torch.full((vocab_size, vocab_size), more)
        for before, after in pairs(ids.tolist()):
            counts[before, after] += 1
        counts[counts.sum(1) == 0] = 1
        return counts / counts.sum(1, keepdim=True)

    return answer


def bigram_in_bytes(ids, vocab_size):
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.uint8)
    for before, after in pairwise(ids.tolist()):
        counts[before, after] += 1
    return ex._rows_to_shares(counts.float())


def bigram_in_half(ids, vocab_size):
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.half)
    for before, after in pairwise(ids.tolist()):
        counts[before, after] += 1
    counts[counts.sum(1) == 0] = 1
    return counts.float() / counts.float().sum(1, keepdim=True)


def bigram_by_identity(ids, vocab_size):
    line = ids.tolist()
    counts = torch.zeros(vocab_size, vocab_size)
    for i in range(len(line) - 1):
        for a in range(vocab_size):
            counts[a, line[i + 1]] += line[i] is a
    return ex._rows_to_shares(counts)


def lookup_with(change):
    return lambda ids, table: lookup_by_comparing(change(ids), table)


def nearest_with(change=lambda v: v, keep=lambda order, index: [i for i in order if i != index], sign=1):
    def answer(vectors, index, k):
        unit = F.normalize(change(vectors), dim=-1)
        order = (sign * (unit @ unit[index])).argsort(descending=True, stable=True).tolist()
        return keep(order, index)[:k]

    return answer


def step_with(change):
    return lambda x, state, W_x, W_h, b: change(x @ W_x + state @ W_h + b, state)


def waves_with(base=10000.0, first=0, exponent=lambda i, width: 2 * i / width, join=None):
    def answer(T, width):
        i = torch.arange(width // 2)
        angles = torch.arange(first, T + first)[:, None] / base ** exponent(i, width)
        parts = angles.sin(), angles.cos()
        return torch.stack(parts, -1).flatten(1) if join is None else join(*parts)

    return answer


def normal(p):
    return p / p.sum()


def unweighted(ids, context, vocab_size):
    p = torch.full((vocab_size,), 0.01)
    for n in range(len(context) + 1):
        for i in range(n, len(ids)):
            if ids[i - n : i].tolist() == context[len(context) - n :].tolist():
                p[ids[i]] += 1
    return normal(p)


def identity_backoff(ids, context, vocab_size):
    line, recent, p = ids.tolist(), context.tolist(), torch.ones(vocab_size)
    for n in range(len(recent) + 1):
        for i in range(n, len(line)):
            if all(line[i - 1 - j] is recent[-1 - j] for j in range(n)):
                p[line[i]] += 10**n
    return normal(p)


def backoff_in_any_order(ids, context, vocab_size):
    line, recent, p = ids.tolist(), context.tolist(), torch.full((vocab_size,), 1 / vocab_size)
    for n in range(len(recent) + 1):
        counts, last = torch.zeros(vocab_size), sorted(recent[len(recent) - n :])
        for i in range(n, len(line)):
            counts[line[i]] += sorted(line[i - n : i]) == last
        p = (counts + p) / (counts.sum() + 1)
    return p


WRONG = {
    ex.windows: {
        "no more than 1000 in a window": lambda ids, T: windows_by_loop(ids, min(T, 1000)),
        "no more than 1000 windows": lambda ids, T: [part[:1000] for part in windows_by_loop(ids, T)],
        "repeats made one": reads(lambda ids: torch.unique_consecutive(ids)),
        "sorted": reads(lambda ids: ids.sort().values),
        "the first id left out": reads(lambda ids: ids[1:]),
        "the last id left out": reads(lambda ids: ids[:-1]),
        "zeros left out": reads(lambda ids: ids[ids != 0]),
        "bytes": lambda ids, T: tuple(part.to(torch.uint8) for part in windows_by_loop(ids, T)),
        "16 bits": lambda ids, T: tuple(part.to(torch.int16) for part in windows_by_loop(ids, T)),
        "floats": lambda ids, T: tuple(part.float() for part in windows_by_loop(ids, T)),
        "memory in a row": strided,
        "as one tensor": lambda ids, T: torch.cat(windows_by_loop(ids, T), dim=1),
        "lists": lambda ids, T: [part.tolist() for part in windows_by_loop(ids, T)],
        "pairs of windows": lambda ids, T: list(zip(*windows_by_loop(ids, T), strict=True)),
        "no more than 64": lambda ids, T: windows_by_loop(ids, min(T, 64)),
        "one window more than fits": lambda ids, T: ex._every_place(ids, T),
        "a single row flattened": lambda ids, T: [part.squeeze(0) for part in windows_by_loop(ids, T)],
        "two steps on": lambda ids, T: (windows_by_loop(ids, T)[0], windows_by_loop(ids.roll(-1), T)[1]),
        "changed in place": changing(windows_by_loop),
        "kept for the shape": by_shape(windows_by_loop),
    },
    ex.cross_entropy: {
        "the first 1000": lambda logits, targets: loss_by_gather(logits[:1000], targets[:1000]),
        "math.log": lambda logits, targets: torch.stack(
            [
                math.log(float((row - row.max()).exp().sum())) + row.max().detach() - row[t]
                for row, t in zip(logits, targets, strict=True)
            ]
        ).mean(),
        "under no_grad": torch.no_grad()(loss_by_gather),
        "a plain number": lambda logits, targets: float(loss_by_gather(logits, targets)),
        "logits cut off": cut(loss_by_gather),
        "the largest from 0": loss_with(lambda logits: logits.amax(-1, keepdim=True).clamp(min=0)),
        "the first logit taken away": loss_with(lambda logits: logits[:, :1]),
        "the mean taken away": loss_with(lambda logits: logits.mean(-1, keepdim=True)),
        "something small in the log": loss_with(log=lambda total: torch.log(total + 1e-3)),
        "log with a floor": lambda logits, targets: (
            -logits.softmax(-1)[range(len(targets)), targets].clamp(min=1e-9).log().mean()
        ),
        "clamped logits": lambda logits, targets: loss_by_gather(logits.clamp(-50, 50), targets),
        "the median": loss_with(mean=torch.median),
        "mean over what is not 0": loss_with(mean=lambda logs: logs.sum() / (logs != 0).sum().clamp(min=1)),
        "id 0 is padding": lambda logits, targets: (
            F.cross_entropy(logits, targets, ignore_index=0, reduction="sum")
            / (targets != 0).sum().clamp(min=1)
        ),
        "divided by the vocabulary": lambda logits, targets: (
            loss_by_gather(logits, targets) * len(logits) / logits.shape[1]
        ),
        "each target once": lambda logits, targets: loss_of_unequal_rows(logits, targets),
        "targets modulo 256": loss_with_targets(lambda targets: targets % 256),
        "64 rows": lambda logits, targets: loss_by_gather(logits[:64], targets[:64]),
        "smoothed labels": lambda logits, targets: F.cross_entropy(logits, targets, label_smoothing=0.1),
        "base 2": loss_with(log=torch.log2),
        "one number in a list": lambda logits, targets: [loss_by_gather(logits, targets)],
        "one axis": lambda logits, targets: loss_by_gather(logits, targets)[None],
        "the largest logit's loss": lambda logits, targets: loss_by_gather(logits, logits.argmax(-1)),
        "changed in place": changing(loss_by_gather),
        "targets viewed": lambda logits, targets: loss_by_gather(logits.view(-1).view(logits.shape), targets),
        "kept for the shapes": by_shape(loss_by_gather),
        "rounded": lambda logits, targets: (loss_by_gather(logits, targets) * 100).round() / 100,
    },
    ex.bigram_probabilities: {
        "in half precision": bigram_in_half,
        "the vocabulary of the first call": lambda ids, V, kept=[]: bigram_by_lists(
            ids, kept.append(V) or kept[0]
        ),
        "each pair once": bigram_with(lambda line: set(pairwise(line))),
        "neighbours that differ": bigram_with(
            lambda line: [pair for pair in pairwise(line) if pair[0] != pair[1]]
        ),
        "every second pair": bigram_with(lambda line: list(pairwise(line))[::2]),
        "id 0 left out": bigram_with(lambda line: [pair for pair in pairwise(line) if all(pair)]),
        "the last pair forgotten": bigram_with(lambda line: list(pairwise(line))[:-1]),
        "both directions": bigram_with(lambda line: [*pairwise(line), *pairwise(line[::-1])]),
        "the last of a line too": bigram_with(lambda line: [*pairwise(line), (line[-1], line[-1])]),
        "two steps on": bigram_with(lambda line: list(zip(line, line[2:], strict=False))),
        "a little for each": bigram_with(pairwise, more=0.1),
        "bytes overrun": bigram_in_bytes,
        "`is` in place of ==": bigram_by_identity,
        "1 / V of what was seen": lambda ids, V: torch.where(
            bigram_by_lists(ids, V).sum(1, keepdim=True) > 0,
            ex._zero_rows(ids, V) + (ex._zero_rows(ids, V).sum(1, keepdim=True) == 0) / len(ids.unique()),
            0,
        ),
        "a row without counts on itself": lambda ids, V: (
            ex._zero_rows(ids, V) + torch.diag((ex._zero_rows(ids, V).sum(1) == 0).float())
        ),
        "as logarithms": lambda ids, V: bigram_by_lists(ids, V).log(),
        "of the commonest token only": lambda ids, V: F.one_hot(bigram_by_lists(ids, V).argmax(1), V).float(),
        "ids taken for places": lambda ids, V: bigram_by_lists(ids.unique(return_inverse=True)[1], V),
        "changed in place": changing(bigram_by_lists),
        "rounded": lambda ids, V: (bigram_by_lists(ids, V) * 100).round() / 100,
    },
    ex.embedding_lookup: {
        "1000 tokens": lambda ids, table: F.one_hot(ids.clamp(max=999), len(table)).float() @ table,
        "the table cut off": cut(lookup_by_comparing, 1),
        "under no_grad": torch.no_grad()(lookup_by_comparing),
        "through lists": lambda ids, table: torch.tensor([[table[i].tolist() for i in text] for text in ids]),
        "only the last of each id learns": lambda ids, table: (
            lookup_by_comparing(ids, table).detach() + 0 * table.sum()
        ),
        "ids modulo 256": lookup_with(lambda ids: ids % 256),
        "ids sorted": lookup_with(lambda ids: ids.sort(-1).values),
        "the first text only": lookup_with(lambda ids: ids[:1].expand_as(ids)),
        "from the end": lambda ids, table: lookup_by_comparing(len(table) - 1 - ids, table),
        "id 0 is padding": lambda ids, table: lookup_by_comparing(ids, table) * (ids != 0)[..., None],
        "each id once": lambda ids, table: lookup_by_comparing(torch.unique(ids)[None], table),
        "vectors first": lambda ids, table: lookup_by_comparing(ids, table).mT,
        "texts in the columns": lambda ids, table: lookup_by_comparing(ids.T, table),
        "a batch of one squeezed": lambda ids, table: lookup_by_comparing(ids, table).squeeze(),
        "length 1": lambda ids, table: F.normalize(lookup_by_comparing(ids, table), dim=-1),
        "whole numbers": lambda ids, table: lookup_by_comparing(ids, table.long()),
        "half precision": lambda ids, table: lookup_by_comparing(ids, table.half().float()),
        "64 tokens": lookup_with(lambda ids: ids[:, :64]),
        "table changed in place": changing(lookup_by_comparing, 1),
        "ids changed in place": changing(lookup_by_comparing),
        "views only": lambda ids, table: lookup_by_comparing(
            ids.view(-1).view(ids.shape), table.view(-1).view(table.shape)
        ),
        "kept for the shapes": by_shape(lookup_by_comparing),
    },
    ex.nearest: {
        "no more than 255": lambda vectors, index, k: ex.nearest.reference(vectors, index, min(k, 255)),
        "the first of the order left out": nearest_with(keep=lambda order, index: order[1:]),
        "what has a cosine of 1 left out": lambda vectors, index, k: [
            i
            for i in nearest_by_sorting(vectors, index, len(vectors) - 1)
            if F.cosine_similarity(vectors[i], vectors[index], dim=0) < 0.9999
        ][:k],
        "equal rows left out": lambda vectors, index, k: [
            i
            for i in nearest_by_sorting(vectors, index, len(vectors) - 1)
            if not torch.equal(vectors[i], vectors[index])
        ][:k],
        "only what points the same way": lambda vectors, index, k: [
            i for i in nearest_by_sorting(vectors, index, k) if vectors[i] @ vectors[index] > 0
        ],
        "`is not` for !=": nearest_with(keep=lambda order, index: [i for i in order if i is not index]),
        "the sign left out": nearest_with(lambda v: v.abs()),
        "the mean taken away": nearest_with(lambda v: v - v.mean(0)),
        "the first two numbers only": nearest_with(lambda v: v[:, :2]),
        "rounded": nearest_with(lambda v: v.round()),
        "the furthest first": lambda vectors, index, k: nearest_by_sorting(vectors, index, k)[::-1],
        "the furthest": nearest_with(sign=-1),
        "one too many": lambda vectors, index, k: nearest_by_sorting(vectors, index, k + 1),
        "one too few": lambda vectors, index, k: nearest_by_sorting(vectors, index, k - 1),
        "two at most": lambda vectors, index, k: nearest_by_sorting(vectors, index, min(k, 2)),
        "the neighbours of row 0": lambda vectors, index, k: nearest_by_sorting(vectors, 0, k),
        "places after row `index` is gone": lambda vectors, index, k: [
            i - (i > index) for i in nearest_by_sorting(vectors, index, k)
        ],
        "a set": lambda vectors, index, k: set(nearest_by_sorting(vectors, index, k)),
        "the vectors themselves": lambda vectors, index, k: vectors[nearest_by_sorting(vectors, index, k)],
        "pairs": lambda vectors, index, k: [(i, 0.5) for i in nearest_by_sorting(vectors, index, k)],
        "vectors made length 1 in place": lambda vectors, index, k: nearest_by_sorting(
            vectors.div_(vectors.norm(dim=-1, keepdim=True)), index, k
        ),
        "half precision": nearest_with(lambda v: (v * 2).round() / 2),
    },
    ex.recurrent_step: {
        "x cut off": cut(step_joined, 0),
        "the token's matrix cut off": cut(step_joined, 2),
        "the state's matrix cut off": cut(step_joined, 3),
        "the bias cut off": cut(step_joined, 4),
        "under no_grad": torch.no_grad()(step_joined),
        "tanh of the rounded": step_with(lambda total, state: torch.tanh((total * 100).round() / 100)),
        "clamped, not tanh": step_with(lambda total, state: total.clamp(-1, 1)),
        "a straight way past the ends": step_with(
            lambda total, state: torch.tanh(total).detach() + total - total.detach()
        ),
        "tanh twice": step_with(lambda total, state: total.tanh().tanh()),
        "softsign": step_with(lambda total, state: total / (1 + total.abs())),
        "half of the old": step_with(lambda total, state: 0.5 * state + 0.5 * total.tanh()),
        "normed": step_with(lambda total, state: F.normalize(total.tanh(), dim=-1)),
        "the bias twice": lambda x, state, W_x, W_h, b: step_joined(x, state, W_x, W_h, 2 * b),
        "the first state for all": lambda x, state, W_x, W_h, b: step_joined(
            x, state[:1].expand_as(state), W_x, W_h, b
        ),
        "the mean of the batch": lambda x, state, W_x, W_h, b: step_joined(
            x, state.mean(0).expand_as(state), W_x, W_h, b
        ),
        "written over the old state": lambda x, state, W_x, W_h, b: state.copy_(
            step_joined(x, state, W_x, W_h, b)
        ),
        "e without shift": step_with(
            lambda total, state: (total.exp() - (-total).exp()) / (total.exp() + (-total).exp())
        ),
        "both in one tuple": lambda *parts: (step_joined(*parts), step_joined(*parts)),
        "views only": lambda x, state, *weights: step_joined(x.view(-1).view(x.shape), state, *weights),
        "kept for the shapes": by_shape(step_joined),
    },
    ex.sinusoidal_positions: {
        "1000 columns": lambda T, width: waves_by_logarithm(T, width)[:, :1000],
        "base 1000": waves_with(base=1000.0),
        "from 1": waves_with(first=1),
        "the exponent i / width": waves_with(exponent=lambda i, width: i / width),
        "the exponent 2i / (width - 1)": waves_with(exponent=lambda i, width: 2 * i / (width - 1)),
        "the exponent from the second pair": waves_with(exponent=lambda i, width: 2 * (i + 1) / width),
        "sines first": waves_with(join=lambda sines, cosines: torch.cat([sines, cosines], 1)),
        "cosines first": waves_with(join=lambda sines, cosines: torch.stack([cosines, sines], -1).flatten(1)),
        "whole division": lambda T, width: waves_with(exponent=lambda i, w: (2 * i // w).float())(T, width),
        "round again after 512": lambda T, width: waves_by_logarithm(T, width)[torch.arange(T) % 512],
        "64 positions": lambda T, width: waves_by_logarithm(min(T, 64), width),
        "64 columns": lambda T, width: waves_by_logarithm(T, width)[:, :64],
        "transposed": lambda T, width: waves_by_logarithm(T, width).T,
        "rows of length 1": lambda T, width: F.normalize(waves_by_logarithm(T, width), dim=-1),
        "rounded": lambda T, width: (waves_by_logarithm(T, width) * 100).round() / 100,
        "half precision": lambda T, width: waves_by_logarithm(T, width).half().float(),
        "bytes": lambda T, width: waves_in_numpy(T, width)[np.arange(T).astype(np.uint8)],
        "the first table": functools.cache(lambda T, width=4: waves_by_logarithm(T, 4)),
        "kept for T": lambda T, width, kept={}: kept.setdefault(T, waves_by_logarithm(T, width)),
        "with a batch": lambda T, width: waves_by_logarithm(T, width)[None],
    },
    ex.backoff: {
        "seven tokens": lambda ids, context, V: additive(ids.clamp(max=6), context, 7),
        "the line of the first call": lambda ids, context, V, kept=[]: additive(
            kept.append(ids) or kept[0], context, V
        ),
        "the last token only": lambda ids, context, V: additive(ids, context[-1:], V),
        "the last two only": lambda ids, context, V: additive(ids, context[-2:], V),
        "the first token only": lambda ids, context, V: additive(ids, context[:1], V),
        "backwards": lambda ids, context, V: additive(ids, context.flip(0), V),
        "shortened at the end": lambda ids, context, V: stupid_backoff(
            ids, context if len(context) < 2 else context[:-1], V
        ),
        "all lengths count alike": unweighted,
        "how often, whatever came before": lambda ids, context, V: normal(
            torch.bincount(ids, minlength=V) + 0.1
        ),
        "what was not seen is impossible": lambda ids, context, V: normal(
            additive(ids, context, V).where(torch.bincount(ids, minlength=V) > 0, torch.tensor(0.0).double())
        ),
        "logarithms": lambda ids, context, V: additive(ids, context, V).log(),
        "counts": lambda ids, context, V: 30 * additive(ids, context, V),
        "with a batch": lambda ids, context, V: additive(ids, context, V)[None],
        "an empty context is an error": lambda ids, context, V: (
            additive(ids, context, V) if context[-1] >= 0 else None
        ),
        "`is` in place of ==": identity_backoff,
        "the line sorted": lambda ids, context, V: additive(ids.sort().values, context, V),
        "a context in any order": backoff_in_any_order,
        "the line changed in place": lambda ids, context, V: (additive(ids, context, V), ids.zero_())[0],
        "the frequent are rare": lambda ids, context, V: normal(1 / additive(ids, context, V)),
    },
}


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        pytest.param(exercise, answer, id=f"{exercise.name}: {name}")
        for exercise, answers in WRONG.items()
        for name, answer in answers.items()
    ],
)
def test_wrong_answers_are_refused(exercise, answer):
    nameless = replace(exercise, mistakes=(Mistake("nothing", lambda *args, **kwargs: None, ""),) * 3)
    assert nameless.judge(answer, seed=1).state in (State.WRONG, State.CRASHED)


# What a learner sees ----------------------------------------------------------------------------------------


def test_the_mistakes_that_matter_most_are_named_in_other_spellings():
    def counted_once(ids, vocab_size):
        counts = torch.zeros(vocab_size, vocab_size)
        counts[ids[:-1], ids[1:]] += 1
        totals = counts.sum(1, keepdim=True)
        return torch.where(totals > 0, counts / totals.clamp(min=1), 1 / vocab_size)

    def unsafe(logits, targets):
        p = logits.exp() / logits.exp().sum(-1, keepdim=True)
        return -p[range(len(targets)), targets].log().mean()

    def by_size(logits, targets):
        shifted = logits - logits.abs().amax(1, keepdim=True)
        return (shifted.exp().sum(1).log() - shifted[range(len(targets)), targets]).mean()

    def from_the_target(logits, targets):
        apart = [row - row[target] for row, target in zip(logits, targets, strict=True)]
        return torch.stack([row.exp().sum().log() for row in apart]).mean()

    def of_the_context(ids, context, vocab_size):
        line, recent, p = ids.tolist(), context.tolist(), torch.ones(vocab_size)
        for n in range(len(recent) + 1):
            for i in range(len(line) - n):
                if n and line[i : i + n] == recent[len(recent) - n :]:
                    p[line[i + n - 1]] += 10**n
                p[line[i]] += n == 0
        return normal(p)

    def kept_from_0(logits, targets):
        shifted = logits - logits.amax(1, keepdim=True)
        p = shifted.exp() / shifted.exp().sum(1, keepdim=True)
        return -(p[range(len(targets)), targets] + 1e-9).log().mean()

    def moved_up(vectors, index, k):
        unit = vectors / vectors.norm(dim=1, keepdim=True)
        others = [row for i, row in enumerate(unit) if i != index]
        return (torch.stack(others) @ unit[index]).topk(k).indices.tolist()

    def faster(T, width):
        angles = torch.arange(T)[:, None] * 10000 ** (torch.arange(0, width, 2) / width)
        return torch.stack([angles.sin(), angles.cos()], 2).reshape(T, width)

    assert ex.bigram_probabilities.judge(counted_once).mistake == "repeated pairs are counted once"
    assert ex.cross_entropy.judge(unsafe).mistake == "exp is taken of logits as large as they are"
    assert ex.cross_entropy.judge(by_size).mistake == "the largest logit is looked for by its size"
    assert ex.cross_entropy.judge(kept_from_0).mistake == "a small number keeps the probability away from 0"
    assert ex.cross_entropy.judge(from_the_target).mistake == (
        "the target's logit is taken away, not the largest"
    )
    assert ex.backoff.judge(of_the_context).mistake == (
        "the context's last token is counted, not the one after it"
    )
    assert ex.nearest.judge(moved_up).mistake == "the rows behind it have lost their numbers"
    assert ex.sinusoidal_positions.judge(faster).mistake == "the waves get faster instead of slower"
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
