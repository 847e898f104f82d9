"""Windows and batches, n-grams, the two small networks, positions."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.context import (
    LearnedPositions,
    NGramModel,
    RecurrentLM,
    RotaryPositions,
    SinusoidalPositions,
    WindowMLP,
    apply_rotary,
    document_starts,
    encode_documents,
    get_batch,
    gru_step,
    rotary_angles,
    windows,
)
from course_lib.context.ngrams import _discounts
from course_lib.tokens import BPETokenizer, CharTokenizer


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# Documents, windows, batches


def test_documents_are_separated_by_the_end_token_on_all_sides():
    tokenizer = CharTokenizer.train("abc")  # a b c <|endoftext|> = 0 1 2 3
    ids = encode_documents(["ab", "", "c"], tokenizer)
    assert ids.tolist() == [3, 0, 1, 3, 3, 2, 3]
    assert ids.dtype == torch.int64
    assert encode_documents([], tokenizer).tolist() == [3]


def test_documents_do_not_merge_across_their_borders_nor_forge_the_end_token():
    tokenizer = BPETokenizer.train("thethethe", 258)
    end = tokenizer.end_id
    assert encode_documents(["t", "he"], tokenizer).tolist() == [
        end,
        *tokenizer.encode("t"),
        end,
        *tokenizer.encode("he"),
        end,
    ]
    assert encode_documents(["<|endoftext|>"], tokenizer).tolist().count(end) == 2


def test_one_str_is_not_taken_for_a_list_of_letters():
    with pytest.raises(ValueError, match="list of documents"):
        encode_documents("abc", CharTokenizer.train("abc"))


def test_windows_by_hand():
    x, y = windows(torch.arange(8), T=3)
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert y.tolist() == [[1, 2, 3], [4, 5, 6]]  # 7 would be the target of a third window, which is too short
    x, y = windows(torch.arange(5), T=2, stride=1)
    assert x.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert y.tolist() == [[1, 2], [2, 3], [3, 4]]


@given(st.integers(2, 60), st.integers(1, 9), st.integers(1, 9))
def test_windows_are_shifted_by_one_and_use_all_that_fits(n, T, stride):
    ids = torch.arange(n) * 7 % 31
    if n <= T:
        with pytest.raises(ValueError, match="give more text or a smaller T"):
            windows(ids, T, stride)
        return
    x, y = windows(ids, T, stride)
    starts = range(0, n - T, stride)
    assert torch.equal(x, torch.stack([ids[s : s + T] for s in starts]))
    assert torch.equal(y, torch.stack([ids[s + 1 : s + T + 1] for s in starts]))


def test_every_start_position_is_drawn_equally_often():
    ids, T = torch.arange(10), 3  # starts 0 to 6
    x, y = get_batch(ids, 7000, T, generator())
    assert torch.equal(y, x + 1)
    counts = torch.bincount(x[:, 0], minlength=7)
    assert len(counts) == 7
    # Each count is binomial(7000, 1/7): 1000 on average, with a deviation of 29; the margin is five of them.
    assert (counts - 1000).abs().max() < 150


def test_a_text_of_exactly_one_window_gives_it():
    x, y = get_batch(torch.tensor([4, 5, 6]), 5, 2, generator())
    assert x.tolist() == [[4, 5]] * 5
    assert y.tolist() == [[5, 6]] * 5


def test_the_same_seed_gives_the_same_batch():
    first, again, other = (get_batch(torch.arange(99), 5, 7, generator(s))[0] for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_windows_may_begin_at_given_places_only():
    ids = torch.tensor([9, 1, 2, 9, 3, 4, 5, 9, 6, 9])
    starts = document_starts(ids, 9, T=2)
    assert starts.tolist() == [0, 3, 7]
    x, y = get_batch(ids, 700, 2, generator(), starts=starts)
    assert {tuple(row) for row in x.tolist()} == {(9, 1), (9, 3), (9, 6)}
    assert {tuple(row) for row in y.tolist()} == {(1, 2), (3, 4), (6, 9)}
    counts = torch.bincount(x[:, 1], minlength=7)[torch.tensor([1, 3, 6])]
    assert counts.min() > 180  # a third of 700 each


def test_batches_come_as_int64_on_the_wanted_device_and_leave_the_text_alone():
    ids = torch.arange(20, dtype=torch.int32)
    x, y = get_batch(ids, 2, 3, generator(), device="cpu")
    assert x.dtype == y.dtype == torch.int64
    x += 1
    assert torch.equal(ids, torch.arange(20, dtype=torch.int32))
    assert get_batch(ids, 2, 3, device="meta")[0].device.type == "meta"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: get_batch(torch.arange(3), 1, 3), "need 4"),
        (lambda: get_batch(torch.zeros(2, 9, dtype=torch.long), 1, 3), "one stream"),
        (lambda: get_batch(torch.zeros(9), 1, 3), "whole numbers"),
        (lambda: get_batch(torch.arange(9), 0, 3), "batch_size=0"),
        (lambda: get_batch(torch.arange(9), 2, 3, starts=torch.tensor([6])), "from 0 to 5"),
        (lambda: get_batch(torch.arange(9), 2, 3, starts=torch.tensor([], dtype=torch.long)), "at least one"),
        (lambda: document_starts(torch.arange(9), 99, 3), "no end-of-text token"),
        (lambda: document_starts(torch.tensor([0, 99]), 99, 3), "4 tokens from it on"),
        (lambda: get_batch(torch.arange(9), 1, 0), "T=0"),
        (lambda: windows(torch.arange(9), 2, stride=0), "stride=0"),
    ],
)
def test_what_cannot_be_cut_is_said(call, said):
    with pytest.raises(ValueError, match=said):
        call()


# n-grams


def slow_discounts(counts):
    n = [list(counts.values()).count(i) for i in range(5)]
    same = Fraction(n[1], n[1] + 2 * n[2]) if n[1] and n[2] else Fraction(1, 2)
    if n[1] and n[2] and n[3]:
        twice, thrice = 2 - 3 * same * n[3] / n[2], 3 - 4 * same * n[4] / n[3]
        if 0 < twice < 2 and 0 < thrice < 3:
            return same, twice, thrice
    return same, same, same


def slow_ngram(ids, context, vocab_size, order):
    """Interpolated modified Kneser-Ney by its definition, with fractions: a list of V probabilities."""

    def grams(n):
        return [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]

    top = min(order, len(ids))
    p = [Fraction(1, vocab_size)] * vocab_size
    for n in range(1, min(top, len(context) + 1) + 1):
        seen = grams(n) if n == top else [gram[1:] for gram in set(grams(n + 1))]
        counts = {gram: seen.count(gram) for gram in seen}
        discounts = slow_discounts(counts)
        here = tuple(context[len(context) - n + 1 :])
        followers = {
            gram[-1]: (c, discounts[min(c, 3) - 1]) for gram, c in counts.items() if gram[:-1] == here
        }
        total = sum(c for c, _ in followers.values())
        if not total:
            continue
        rest = sum(d for _, d in followers.values()) / total
        p = [
            rest * p[w] + (followers[w][0] - followers[w][1]) / total if w in followers else rest * p[w]
            for w in range(vocab_size)
        ]
    return [float(value) for value in p]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=60),
    st.lists(st.integers(0, 4), min_size=1, max_size=6),
    st.integers(1, 5),
)
def test_ngram_equals_its_definition(ids, query, order):
    model = NGramModel(order, 5).fit(torch.tensor(ids))
    got = model(torch.tensor([query])).exp()[0]
    for i in range(len(query)):
        assert got[i].tolist() == pytest.approx(slow_ngram(ids, query[: i + 1], 5, order), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_ngram_probabilities_sum_to_one_and_none_is_zero(seed, order):
    g = generator(seed)
    V = 13
    ids = (torch.rand(300, generator=g) ** 3 * V).long()
    logits = NGramModel(order, V).fit(ids)(torch.randint(V, (2, 7), generator=g))
    assert logits.shape == (2, 7, V)
    assert logits.exp().sum(-1) == pytest.approx(torch.ones(2, 7), abs=1e-5)
    assert logits.isfinite().all()


def test_bigram_by_hand():
    # 0 1 0 1 0 2 holds 01 and 10 twice, 02 once: n1 = 1, n2 = 2, so each gives up 1 / (1 + 2 * 2) = 1/5.
    # Every single token came after one other: 1/3 for all. After 0: 3 cases of 2 kinds, 2/5 of 3 is saved.
    p = NGramModel(2, 3).fit(torch.tensor([0, 1, 0, 1, 0, 2]))(torch.tensor([[0]])).exp()[0, 0]
    assert p.tolist() == pytest.approx([2 / 45, 1.8 / 3 + 2 / 45, 0.8 / 3 + 2 / 45])


def test_a_token_that_follows_only_one_other_is_not_expected_elsewhere():
    # 3 comes as often as 2, but only after 0; 2 comes after everything. After 5, which is new, 2 is likelier.
    ids = torch.tensor([0, 3, 0, 3, 0, 3, 0, 3, 1, 2, 4, 2, 0, 2, 3, 2])
    p = NGramModel(2, 6).fit(ids)(torch.tensor([[5]])).exp()[0, 0]
    assert (ids == 3).sum() >= (ids == 2).sum() and p[2] > 1.3 * p[3]


def test_discounts_are_chen_and_goodmans():
    counts = torch.tensor([1] * 12 + [2] * 4 + [3] * 2 + [4] * 1)
    y = 12 / (12 + 2 * 4)
    expected = [0, 1 - 2 * y * 4 / 12, 2 - 3 * y * 2 / 4, 3 - 4 * y * 1 / 2]
    assert _discounts(counts).tolist() == pytest.approx(expected)


def test_ngram_is_causal_and_uses_only_its_order():
    g = generator()
    model = NGramModel(3, 7).fit(torch.randint(7, (200,), generator=g))
    ids = torch.randint(7, (2, 9), generator=g)
    changed = ids.clone()
    changed[:, 4] = (changed[:, 4] + 1) % 7
    same = (model(ids) == model(changed)).all(-1)
    assert same[:, :4].all() and same[:, 6:].all()  # position 4 is seen from 4 and 5 only


def test_more_context_helps_where_there_is_more_to_see():
    # The token is the sum of the two before it, mod 5: a trigram can know it, a bigram can't.
    line = [1, 2]
    for i in range(600):
        line.append((line[-1] + line[-2] + (i % 7 == 0)) % 5)
    ids = torch.tensor(line)
    x, y = windows(ids, 50)

    def loss(order):
        return nn.functional.cross_entropy(NGramModel(order, 5).fit(ids)(x).flatten(0, 1), y.flatten()).item()

    assert loss(3) < 0.7 < 1.3 < loss(2)


def test_ngram_counts_and_the_wall_of_sparsity():
    model = NGramModel(3, 4).fit(torch.tensor([0, 1, 2, 0, 1, 3]))
    assert model.distinct == [4, 4, 4]  # 0 1 2 3 | 01 12 20 13 | 012 120 201 013
    assert model.context_found(torch.tensor([[3, 3], [0, 1], [2, 1]])).tolist() == [[0, 0], [1, 2], [1, 1]]
    assert NGramModel(5, 4).fit(torch.tensor([1, 2])).distinct == [2, 1]  # too short for more


def test_ngram_with_a_large_vocabulary_does_not_overflow():
    V = 60_000
    ids = torch.tensor([V - 1, V - 2, V - 3, V - 4, V - 5, V - 6] * 3)
    assert NGramModel(5, V).fit(ids)(ids[None, :6])[0, 4].argmax() == V - 6


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: NGramModel(0, 5), "order=0"),
        (lambda: NGramModel(2, 5)(torch.zeros(1, 2, dtype=torch.long)), "fit"),
        (lambda: NGramModel(2, 5).fit(torch.tensor([0, 5])), "the id 5"),
        (lambda: NGramModel(2, 5).fit(torch.tensor([0, 1]))(torch.tensor([[-1]])), "the id -1"),
        (lambda: NGramModel(2, 5).fit(torch.tensor([0, 1]))(torch.tensor([1])), "ids\\[None\\]"),
        (lambda: NGramModel(2, 5).fit(torch.tensor([], dtype=torch.long)), "0 tokens"),
    ],
)
def test_ngram_mistakes_are_said(call, said):
    with pytest.raises(ValueError, match=said):
        call()


# Networks


def learns(model, T=12):
    """Train for a moment on a text in which the next token is one more, mod 5; returns the last loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    ids = torch.arange(300) % 5
    for step in range(40):
        x, y = get_batch(ids, 8, T, generator(step))
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


NETWORKS = {
    "window": lambda **k: WindowMLP(5, window=3, width=7, hidden=11, **k),
    "gru": lambda **k: RecurrentLM(5, width=7, n_layers=2, **k),
    "lstm": lambda **k: RecurrentLM(5, width=7, kind="lstm", **k),
    "rnn": lambda **k: RecurrentLM(5, width=7, kind="rnn", **k),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_causal_seeded_and_learn(name):
    model = NETWORKS[name](generator=generator(3))
    ids = torch.randint(5, (2, 9), generator=generator())
    logits = model(ids)
    assert logits.shape == (2, 9, 5)
    changed = ids.clone()
    changed[:, 4] = (changed[:, 4] + 1) % 5
    differs = (model(changed) - logits).abs().amax(-1) > 1e-7
    assert not differs[:, :4].any() and differs[:, 4].all()
    again = NETWORKS[name](generator=generator(3))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert learns(model) < 0.3


def test_window_mlp_sees_its_window_and_no_more():
    model = WindowMLP(5, window=3, width=7, hidden=11, generator=generator())
    ids = torch.randint(5, (1, 9), generator=generator())
    changed = ids.clone()
    changed[:, 2] = (changed[:, 2] + 1) % 5
    differs = (model(changed) - model(ids)).abs().amax(-1)[0] > 1e-7
    assert differs.tolist() == [False, False, True, True, True, False, False, False, False]


def test_window_mlp_lays_the_vectors_side_by_side():
    model = WindowMLP(5, window=2, width=3, hidden=4, generator=generator())
    before, now = model.tokens.weight[1], model.tokens.weight[2]
    weight = model.hidden.weight.view(4, 3, 2)  # the last axis: the older token, the newer one
    hidden = torch.tanh(weight[:, :, 0] @ before + weight[:, :, 1] @ now + model.hidden.bias)
    assert torch.allclose(model(torch.tensor([[1, 2]]))[0, 1], model.head(hidden), atol=1e-6)


def test_gru_step_is_torchs_gru():
    cell = nn.GRU(3, 3, batch_first=True)
    x = torch.randn(2, 5, 3, generator=generator())
    expected, _ = cell(x)
    state = torch.zeros(2, 3)
    for t in range(5):
        state = gru_step(x[:, t], state, cell)
        assert torch.allclose(state, expected[:, t], atol=1e-6)


def test_recurrent_dropout_works_with_one_layer_and_mistakes_are_said():
    model = RecurrentLM(5, width=7, dropout=0.5)
    ids = torch.zeros(1, 3, dtype=torch.long)
    assert not torch.equal(model(ids), model(ids))
    assert torch.equal(model.eval()(ids), model(ids))
    with pytest.raises(ValueError, match="'gru', 'lstm', 'rnn'"):
        RecurrentLM(5, kind="transformer")
    with pytest.raises(ValueError, match="dropout=1.0"):
        RecurrentLM(5, dropout=1.0)
    with pytest.raises(ValueError, match="window=0"):
        WindowMLP(5, window=0)


# Positions


def test_learned_positions_are_rows_of_a_table():
    positions = LearnedPositions(7, 3)
    assert torch.equal(positions(slice(2, 5)), positions.weight[2:5])
    places = torch.tensor([[0, 1], [6, 0]])
    assert torch.equal(positions(places), nn.functional.embedding(places, positions.weight))


@pytest.mark.parametrize("width", [2, 6, 8])
def test_sinusoidal_positions_are_the_papers(width):
    table = SinusoidalPositions(11, width)(slice(0, 11))
    for position in range(11):
        for i in range(width):
            rate = position / 10_000 ** ((i - i % 2) / width)
            wave = math.cos(rate) if i % 2 else math.sin(rate)
            assert table[position, i].item() == pytest.approx(wave, abs=1e-5)


def test_tables_survive_other_number_formats_and_are_not_saved():
    positions = nn.ModuleList([SinusoidalPositions(5, 6), RotaryPositions(5, 6)])
    before = {name: table.clone() for name, table in positions.named_buffers()}
    assert len(before) == 3 and not positions.state_dict()
    positions.to(torch.bfloat16)
    assert positions[1].cos.dtype == torch.bfloat16
    positions.to(torch.float32)
    assert all(torch.equal(table, before[name]) for name, table in positions.named_buffers())


def test_tables_are_right_after_being_made_without_memory():
    with torch.device("meta"):
        positions = RotaryPositions(5, 6)
    positions.to_empty(device="cpu")
    assert torch.equal(positions.sin, RotaryPositions(5, 6).sin)


def test_rotary_angles_by_hand_and_with_an_offset():
    cos, sin = rotary_angles(4, 4, base=100.0)
    assert cos.shape == sin.shape == (4, 2)
    assert cos[3].tolist() == pytest.approx([math.cos(3), math.cos(0.3)])
    assert sin[2].tolist() == pytest.approx([math.sin(2), math.sin(0.2)])
    later = rotary_angles(2, 4, base=100.0, offset=2)
    assert torch.equal(later[0], cos[2:]) and torch.equal(later[1], sin[2:])
    with pytest.raises(ValueError, match="D=5"):
        rotary_angles(4, 5)


def test_rotary_turns_pairs_as_complex_numbers_turn():
    x = torch.randn(2, 3, 5, 6, generator=generator())
    cos, sin = rotary_angles(5, 6)
    turned = torch.complex(x[..., :3], x[..., 3:]) * torch.complex(cos, sin)
    expected = torch.cat([turned.real, turned.imag], dim=-1)
    assert torch.allclose(apply_rotary(x, cos, sin), expected, atol=1e-6)
    assert apply_rotary(x.bfloat16(), cos, sin).dtype == torch.bfloat16


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 40))
def test_rotary_products_depend_on_the_distance_only(i, j, shift):
    q, k = torch.randn(2, 1, 8, generator=generator(), dtype=torch.float64)

    def product(m, n):
        turned = [apply_rotary(x, *rotary_angles(1, 8, offset=o)) for x, o in ((q, m), (k, n))]
        return (turned[0] * turned[1]).sum().item()

    assert product(i, j) == pytest.approx(product(i + shift, j + shift), abs=1e-4)


def test_rotary_is_llamas():
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    q, k = torch.randn(2, 2, 3, 5, 6, generator=generator())
    cos, sin = rotary_angles(5, 6)
    twice = [torch.cat([table, table], dim=-1)[None] for table in (cos, sin)]
    expected_q, expected_k = apply_rotary_pos_emb(q, k, *twice)
    assert torch.allclose(apply_rotary(q, cos, sin), expected_q, atol=1e-6)
    assert torch.allclose(apply_rotary(k, cos, sin), expected_k, atol=1e-6)
