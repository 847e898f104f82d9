"""Notebook 02's exercises and figures: other right ways pass, what people write is told apart, pictures tell
the truth."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from torch import nn
from torch.nn import functional as F

from course_lib import context, training
from course_lib import figures as viz
from course_lib.context import NGramModel
from course_lib.context import exercises as ex
from course_lib.context import views as context_views

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


# Figures ----------------------------------------------------------------------------------------------------


def test_the_tables_hold_what_they_were_given():
    page = context_views.window_table(["<a>", "b"], ["b", "c"])
    assert "&lt;a&gt;" in page.html and page.text.splitlines()[1] == "target  b    c"
    page = context_views.reach_table(["a", "b", "c"], {"two": 2, "seven": 7, "all": None})
    assert page.text.splitlines() == ["two    . b c", "seven  a b c", "all    a b c"]
    assert page.html.count("dotted") == 1
    page = context_views.neighbours_table({"红": [("蓝", 0.912), ("<b>", -0.5)]})
    assert page.text == "红: 蓝 0.91, <b> -0.50" and "&lt;b&gt;" in page.html


def test_a_window_without_its_targets_is_an_error():
    with pytest.raises(ValueError):
        context_views.window_table(["a", "b"], ["b"])


def test_curves_draw_every_point_and_say_where_they_end():
    lines = {"one": ([1, 2, 5], [3.0, 2.0, 1.5]), "other": (range(1, 4), [4.0, 4.5, 7.0])}
    ax = viz.curves(lines, "n", "loss", floor=0.5, chance=0.25, log="xy")
    drawn = [line.get_xydata().tolist() for line in ax.lines[:2]]
    assert drawn == [[[1, 3.0], [2, 2.0], [5, 1.5]], [[1, 4.0], [2, 4.5], [3, 7.0]]]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log") and len(ax.lines) == 4
    assert len({line.get_marker() for line in ax.lines[:2]}) == 2  # not told apart by colour alone
    assert "one goes from 3 to 1.5." in ax.course_alt and "Chance is 0.25." in ax.course_alt


def test_the_ladder_keeps_the_order_and_the_floor():
    ax = viz.loss_ladder({"a": 3.0, "b": 2.0, "c": 1.0}, floor=0.4)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"] == [3.0, 2.0, 1.0]
    assert ax.get_ylim()[0] > ax.get_ylim()[1] and "a 3.00, b 2.00, c 1.00" in ax.course_alt


def test_words_stand_where_their_points_are():
    groups = {"days": ["Monday", "Friday"], "colours": ["red"]}
    points = torch.tensor([[0.0, 0.0], [0.01, 0.0], [5.0, 7.0]])
    ax = context_views.word_map(points, groups)
    notes = {note.get_text(): note for note in ax.texts}
    assert set(notes) == {"Monday", "Friday", "red"} and list(notes["red"].xy) == [5.0, 7.0]
    assert notes["Monday"].xyann != notes["Friday"].xyann  # beside each other, not on top
    with pytest.raises(ValueError, match="2 points for 3 words"):
        context_views.word_map(points[:2], groups)


def test_surprise_and_waves_and_turns():
    assert "0.69 at 0.5" in context_views.surprise_curve((0.5,)).course_alt
    table = context.SinusoidalPositions(5, 6)(slice(0, 5))
    ax = context_views.position_waves(table)
    assert torch.allclose(torch.as_tensor(ax.images[0].get_array().tolist()), table)
    ax = context_views.turned_pairs(torch.tensor([0.0, 1.0]), torch.tensor([0.0, -1.0]), (7, 5), -1.0)
    assert "place 7" in ax.course_alt and "-1.00" in ax.get_title()
    _, own = pyplot.subplots()
    assert context_views.turned_pairs([1.0, 0.0], [1.0, 0.0], (1, 1), 1.0, ax=own) is own


# What the notebook relies on --------------------------------------------------------------------------------


def test_token_vectors_start_small():
    """So that what is learned soon outweighs what was drawn: neighbours show within a few seconds."""
    model = context.RecurrentLM(500, width=20, generator=torch.Generator().manual_seed(0))
    assert 0.09 < float(model.tokens.weight.detach().std()) < 0.11
