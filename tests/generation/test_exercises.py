"""The exercises of notebook 06, answered in other right ways, against transformers and the course, and in
part."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_lib import generation
from course_lib.config import GPTConfig
from course_lib.exercises import State
from course_lib.generation import beam, sampling
from course_lib.generation import exercises as ex
from course_lib.model import GPT

V = 11


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    """Progress and pieces go to a folder of the test."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small_gpt(seed=0, context_length=7):
    """A random GPT whose choices are far from uniform."""
    config = GPTConfig(vocab_size=V, context_length=context_length, n_layers=2, n_heads=3, width=6)
    model = GPT(config, torch.Generator().manual_seed(seed)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(8.0 if weight.ndim > 1 else 1.0)
    return model.requires_grad_(False)


# Other right ways -----------------------------------------------------------------------------------------


def temperature_by_loops(logits, value):
    return torch.tensor([[number / value for number in row] for row in logits.tolist()])


def temperature_by_factor(logits, value):
    return torch.einsum("bv,->bv", logits, torch.tensor(1.0 / value))


def temperature_in_double(logits, value):
    return logits.double().div(value)


def temperature_not_contiguous(logits, value):
    return (logits.T.contiguous() / value).T


def temperature_in_numpy(logits, value):
    return logits.numpy() / np.float64(value)


def temperature_in_lists(logits, value):
    return [[number / value for number in row] for row in logits.tolist()]


class Cooler(torch.nn.Module):
    """A module without weights."""

    def forward(self, logits, value):
        return torch.stack([row.mul(1 / value) for row in logits])


def top_k_by_loops(logits, k):
    rows = []
    for row in logits.tolist():
        bar = sorted(row, reverse=True)[:k][-1]
        rows.append([number if number >= bar else -math.inf for number in row])
    return torch.tensor(rows)


def top_k_by_sorting(logits, k):
    ascending, _ = logits.sort()
    return torch.where(logits >= ascending[:, max(-k, -logits.shape[1]), None], logits, -torch.inf)


def top_k_by_counting(logits, k):
    larger = (logits[:, None, :] > logits[:, :, None]).sum(-1)  # how many are larger, for each token
    return logits.masked_fill(larger >= k, -math.inf)


def top_k_in_numpy(logits, k):
    numbers = logits.numpy().astype(float)
    bars = np.sort(numbers, axis=1)[:, ::-1][:, : min(k, numbers.shape[1])][:, -1]
    return np.where(numbers >= bars[:, None], numbers, -np.inf)


def top_k_row_by_row(logits, k):
    bars = [row.topk(min(k, len(row))).values.min() for row in logits]
    return torch.stack(
        [row.where(row >= bar, torch.tensor(-torch.inf)) for row, bar in zip(logits, bars, strict=True)]
    )


def top_k_with_kthvalue(logits, k):
    result, V = logits.clone(), logits.shape[1]
    if k < V:
        result[logits < logits.kthvalue(V - k + 1, dim=1, keepdim=True).values] = float("-inf")
    return result


class Nucleus:
    """A callable object, in NumPy and float64."""

    def __call__(self, logits, p):
        return np.stack([self.row(row, p) for row in logits.numpy()])

    def row(self, row, p):
        shares = np.exp(row.astype(float) - row.max())
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")
        stay = order[: 1 + int((shares[order].cumsum()[:-1] < p - 1e-9).sum())]
        result = np.full(row.shape, -np.inf)
        result[stay] = row[stay]
        return result


def top_p_with_plain_numbers(logits, p):
    rows = []
    for row in logits.tolist():
        shares = [math.exp(number - max(row)) for number in row]
        shares = [share / math.fsum(shares) for share in shares]
        kept, together = set(), 0.0
        for v in sorted(range(len(row)), key=shares.__getitem__, reverse=True):
            if kept and together >= p:
                break
            kept.add(v)
            together += shares[v]
        rows.append([number if v in kept else -math.inf for v, number in enumerate(row)])
    return rows


def top_p_by_a_bar(logits, p):
    likeliest = logits.softmax(-1).sort(descending=True).values
    needed = ((likeliest.cumsum(-1) - likeliest) < p).sum(-1, keepdim=True).clamp(min=1)
    return logits.masked_fill(logits.softmax(-1) < likeliest.gather(-1, needed - 1), -math.inf)


def top_p_from_below(logits, p):
    return sampling.top_p(logits, p)


def top_p_with_the_mask_moved(logits, p):
    ordered, order = torch.sort(logits, descending=True)
    remove = torch.cumsum(F.softmax(ordered, dim=-1), dim=-1) >= p
    remove[..., 1:] = remove[..., :-1].clone()
    remove[..., 0] = False
    result = logits.clone()
    for row in range(len(logits)):
        result[row, order[row][remove[row]]] = -torch.inf
    return result


def top_p_by_loops(logits, p):
    result = torch.full_like(logits, -math.inf)
    for b, row in enumerate(logits.softmax(-1)):
        together = 0.0
        for token in sorted(range(len(row)), key=lambda v, row=row: -row[v]):
            result[b, token] = logits[b, token]
            together += float(row[token])
            if together >= p:
                break
    return result


def top_p_without_sorting(logits, p):
    each = logits.softmax(-1).double()
    before = torch.einsum("bv,bvw->bw", each, (each[:, :, None] > each[:, None, :]).double())
    return torch.where((before < p) | (before == 0), logits.double(), -math.inf)


def top_p_by_gather(logits, p):
    likeliest, order = logits.softmax(-1).sort(descending=True)
    needed = (likeliest.cumsum(-1) - likeliest) < p
    needed[:, 0] = True
    return logits.masked_fill(~needed.gather(-1, order.argsort(-1)), -math.inf)


def draw_by_loops(logits, dice):
    ids = []
    for row, die in zip(logits.softmax(-1), dice, strict=True):
        token = 0
        while die >= row[token] and token < len(row) - 1:
            die = die - row[token]
            token += 1
        ids.append(token)
    return torch.tensor(ids)


def draw_by_searching(logits, dice):
    ends = logits.softmax(-1).cumsum(-1)
    return torch.searchsorted(ends / ends[:, -1:], dice[:, None], right=True).squeeze(1)


def draw_the_first_above(logits, dice):
    ends = logits.softmax(-1).cumsum(-1)
    ends[:, -1] = 1.0
    return (ends > dice.unsqueeze(-1)).int().argmax(-1)


def draw_with_a_limit(logits, dice):
    passed = (F.softmax(logits, dim=1).cumsum(1) <= dice.reshape(-1, 1)).sum(1)
    return torch.minimum(passed, torch.tensor(logits.size(1) - 1))


def draw_in_numpy(logits, dice):
    shares = np.exp(logits.double().numpy() - logits.double().numpy().max(1, keepdims=True))
    ends = (shares / shares.sum(1, keepdims=True)).cumsum(1)
    return (ends <= dice.numpy()[:, None]).sum(1)


def draw_with_python(logits, dice):
    ids = []
    for row, die in zip(logits.tolist(), dice.tolist(), strict=True):
        shares = [math.exp(number - max(row)) for number in row]
        rest = die * sum(shares)
        ids.append(next((v for v in range(len(row)) if sum(shares[: v + 1]) > rest), len(row) - 1))
    return ids


def draw_in_double(logits, dice):
    triangle = torch.ones(2 * logits.shape[1:], dtype=torch.float64).triu()
    ends = torch.einsum("bv,vw->bw", logits.double().softmax(-1), triangle)
    return torch.count_nonzero(ends <= dice.double()[:, None] + 1e-15, dim=1)


def generate_with_tensors(model, ids, max_new_tokens, context_length, choose, stop):
    text = torch.tensor(ids)[None]
    for _ in range(max_new_tokens):
        new = choose(model(text[:, -context_length:])[:, -1, :])
        text = torch.cat([text, new[:, None]], dim=1)
        if stop is not None and new.item() == stop:
            break
    return text[0].tolist()


def generate_with_while(model, ids, max_new_tokens, context_length, choose, stop):
    new = []
    while len(new) < max_new_tokens and (not new or new[-1] != stop):
        seen = (ids + new)[-context_length:]
        new += choose(model(torch.tensor(seen).unsqueeze(0))[0, -1:]).tolist()
    return ids + new


def generate_by_recursion(model, ids, max_new_tokens, context_length, choose, stop):
    if max_new_tokens == 0:
        return ids
    with torch.no_grad():
        (new,) = choose(model(torch.tensor([ids[max(0, len(ids) - context_length) :]]))[:, -1]).tolist()
    if new == stop:
        return [*ids, new]
    return generate_by_recursion(model, [*ids, new], max_new_tokens - 1, context_length, choose, stop)


def generate_with_a_tensor_made_longer(model, ids, max_new_tokens, context_length, choose, stop):
    text = torch.zeros(len(ids) + max_new_tokens, dtype=torch.int32)
    end = len(ids)
    text[:end] = torch.as_tensor(ids)
    while end < len(text):
        text[end] = choose(model(text[None, max(0, end - context_length) : end])[0, -1].unsqueeze(0))
        end += 1
        if text[end - 1] == stop:
            break
    return text[:end]


def generate_by_a_generator(model, ids, max_new_tokens, context_length, choose, stop):
    def write():
        text = ids[-context_length:]
        for _ in range(max_new_tokens):
            (token,) = choose(model(torch.tensor([text]))[:, -1])
            yield token.item()
            if stop is not None and token == stop:
                return
            text = [*text, token.item()][-context_length:]

    return [*ids, *write()]


class GenerateAsAClass:
    """A callable object that keeps nothing between calls."""

    def __call__(self, model, ids, max_new_tokens, context_length, choose, stop):
        from collections import deque

        seen, text = deque(ids, maxlen=context_length), tuple(ids)
        for _ in range(max_new_tokens):
            token = self.next(model, seen, choose)
            seen.append(token)
            text += (token,)
            if token == stop:
                return text
        return text

    @staticmethod
    def next(model, seen, choose):
        logits = model(torch.tensor(list(seen)).reshape(1, -1))
        return choose(logits[:, logits.shape[1] - 1]).tolist()[0]


def penalty_by_loops(logits, ids, penalty):
    result = logits.clone()
    for row, seen in zip(result, ids.tolist(), strict=True):
        for token in set(seen):
            row[token] = row[token] * penalty if row[token] < 0 else row[token] / penalty
    return result


def penalty_one_hot(logits, ids, penalty):
    seen = F.one_hot(ids, logits.shape[-1]).any(1)
    factor = torch.where(logits > 0, 1 / penalty, penalty)
    return logits * torch.where(seen, factor, 1.0)


def penalty_in_double(logits, ids, penalty):
    return sampling.repetition_penalty(logits.double(), ids, penalty)


def penalty_in_numpy(logits, ids, penalty):
    new = logits.numpy().copy()
    for b, seen in enumerate(ids.numpy()):
        new[b, seen] = np.where(new[b, seen] > 0, new[b, seen] / penalty, new[b, seen] * penalty)
    return new


def penalty_by_both_ends(logits, ids, penalty):
    changed = logits.clamp(min=0) / penalty + logits.clamp(max=0) * penalty
    seen = (torch.arange(logits.shape[1]) == ids[..., None]).any(dim=1)
    return torch.where(seen, changed, logits)


def penalty_on_lists(logits, ids, penalty):
    return [
        [x if v not in seen else x * penalty if x < 0 else x / penalty for v, x in enumerate(row)]
        for row, seen in zip(logits.tolist(), ids.tolist(), strict=True)
    ]


def beam_step_in_numpy(scores, log_probs, width):
    totals = scores.numpy()[:, None].astype(np.float64) + log_probs.numpy()
    best = np.argsort(-totals, axis=None, kind="stable")[:width]
    return (totals.ravel()[best], *divmod(best, totals.shape[1]))


def beam_step_one_by_one(scores, log_probs, width):
    totals, found = (log_probs + scores.unsqueeze(1)).clone(), []
    for _ in range(width):
        w, v = divmod(int(totals.argmax()), totals.shape[1])
        found.append((float(totals[w, v]), w, v))
        totals[w, v] = float("-inf")
    return tuple(zip(*found, strict=True))


def beam_step_with_heapq(scores, log_probs, width):
    import heapq

    table = {
        (w, v): score + new
        for w, (score, row) in enumerate(zip(scores.tolist(), log_probs.tolist(), strict=True))
        for v, new in enumerate(row)
    }
    best = heapq.nlargest(width, table, key=table.get)
    parents, tokens = zip(*best, strict=True)
    return torch.tensor([table[place] for place in best]), torch.tensor(parents), torch.tensor(tokens)


def beam_step_from_a_list(scores, log_probs, width):
    candidates = [
        (float(score + new), w, v)
        for w, (score, row) in enumerate(zip(scores, log_probs, strict=True))
        for v, new in enumerate(row)
    ]
    best = sorted(candidates, reverse=True)[:width]
    return [torch.tensor(part) for part in zip(*best, strict=True)]


def beam_step_in_two_rounds(scores, log_probs, width):
    each, tokens = log_probs.topk(min(width, log_probs.shape[1]))  # no beam can have more children than that
    best, places = (scores[:, None] + each).flatten().topk(width)
    return best, places.div(each.shape[1], rounding_mode="floor"), tokens.flatten()[places]


def beam_step_unravelled(scores, log_probs, width):
    totals = (scores + log_probs.T).T.double()
    order = totals.reshape(-1).argsort(descending=True)[:width]
    parents, tokens = torch.unravel_index(order, totals.shape)
    return totals[parents, tokens], parents, tokens


def cache_by_allocating(n_layers, n_heads, head_width, tokens, texts, bytes_per_number):
    dtype = {1: torch.int8, 2: torch.bfloat16, 4: torch.float32, 8: torch.float64}[bytes_per_number]
    one = torch.empty(texts, n_heads, tokens, head_width, dtype=dtype, device="meta")
    return n_layers * (one.nbytes + one.nbytes)


def cache_in_numpy(n_layers, n_heads, head_width, tokens, texts, bytes_per_number):
    shape = np.array([2, n_layers, n_heads, head_width, tokens, texts, bytes_per_number])
    return np.prod(shape, dtype=np.int64)


def cache_token_by_token(n_layers, n_heads, head_width, tokens, texts, bytes_per_number):
    total = 0
    for _ in range(tokens):
        total += texts * n_layers * n_heads * head_width * bytes_per_number << 1
    return total


class CacheSize:
    """A class with a method for each step."""

    def __call__(self, n_layers, n_heads, head_width, tokens, texts, bytes_per_number):
        return sum(self.of_a_layer(n_heads, head_width) for _ in range(n_layers)) * (
            tokens * texts * bytes_per_number
        )

    def of_a_layer(self, n_heads, head_width):
        keys = values = n_heads * head_width
        return keys + values


def cache_by_loops(n_layers, n_heads, head_width, tokens, texts, bytes_per_number):
    return sum(2 * head_width * tokens * texts * bytes_per_number for _ in range(n_layers * n_heads))


def cache_by_prod(*sizes):
    return math.prod((2, *sizes))


OTHER_WAYS = {
    ex.temperature: (
        *(temperature_by_loops, temperature_by_factor, temperature_in_double, temperature_not_contiguous),
        *(sampling.temperature, temperature_in_numpy, temperature_in_lists, Cooler(), torch.div),
    ),
    ex.top_k: (
        *(top_k_by_loops, top_k_by_sorting, top_k_by_counting, sampling.top_k),
        *(top_k_in_numpy, top_k_row_by_row, top_k_with_kthvalue),
    ),
    ex.top_p: (
        *(top_p_from_below, top_p_with_the_mask_moved, top_p_by_loops, top_p_without_sorting),
        *(top_p_by_gather, Nucleus(), top_p_with_plain_numbers, top_p_by_a_bar),
    ),
    ex.draw: (
        *(draw_by_loops, draw_by_searching, draw_the_first_above, draw_in_double, sampling.draw),
        *(draw_with_a_limit, draw_in_numpy, draw_with_python),
    ),
    ex.generate: (
        *(generate_with_tensors, generate_with_while, generate_by_recursion),
        *(generate_with_a_tensor_made_longer, generate_by_a_generator, GenerateAsAClass()),
    ),
    ex.repetition_penalty: (
        *(penalty_by_loops, penalty_one_hot, penalty_in_double),
        *(penalty_in_numpy, penalty_by_both_ends, penalty_on_lists, sampling.repetition_penalty),
    ),
    ex.beam_step: (
        *(beam_step_from_a_list, beam_step_in_two_rounds, beam_step_unravelled),
        *(beam_step_in_numpy, beam_step_one_by_one, beam_step_with_heapq),
    ),
    ex.cache_bytes: (
        *(cache_by_allocating, cache_by_loops, cache_by_prod),
        *(cache_in_numpy, cache_token_by_token, CacheSize()),
    ),
}
WAYS = [(exercise, way) for exercise, ways in OTHER_WAYS.items() for way in ways]


@pytest.mark.parametrize(
    ("exercise", "way"), WAYS, ids=lambda x: getattr(x, "key", None) or getattr(x, "__name__", "")
)
def test_other_right_ways_pass(exercise, way):
    feedback = exercise.judge(way)
    assert feedback.right, str(feedback)


def test_every_exercise_has_three_other_ways():
    assert all(len(ways) >= 3 for ways in OTHER_WAYS.values()) and len(OTHER_WAYS) == 8


# What people write, not listed as it stands ---------------------------------------------------------------


def random_draw(logits, dice):
    return torch.multinomial(logits.softmax(-1), 1)[:, 0]


def sorted_and_no_softmax(logits, p):
    ordered = logits.sort(descending=True).values
    return ordered.masked_fill(ordered.cumsum(-1) > p, -math.inf)


def tensors_in_the_list(model, ids, max_new_tokens, context_length, choose, stop):
    text = list(ids)
    for _ in range(max_new_tokens):
        text.append(choose(model(torch.tensor([[int(i) for i in text[-context_length:]]]))[:, -1]))
        if text[-1] == stop:
            break
    return text


def top_k_of_probabilities(logits, k):
    probabilities = logits.softmax(-1)
    bar = probabilities.topk(min(k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(probabilities < bar, -math.inf)


def top_k_in_half(logits, k):
    rounded = logits.half()
    bar = rounded.topk(min(k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(rounded < bar, -math.inf)


def without_parents(scores, log_probs, width):
    best, places = (scores[:, None] + log_probs).flatten().topk(width)
    return best, places % log_probs.shape[1]


def no_return(logits, value):
    logits = logits / value


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (ex.temperature, no_return, "is a `return` missing?"),
        (ex.draw, random_draw, "The result is wrong"),
        (ex.top_k, lambda logits, k: logits.topk(k), "should be a torch tensor"),
        (ex.top_k, top_k_of_probabilities, "but should be -inf"),
        (ex.top_k, top_k_in_half, "but should be -inf"),
        (ex.top_p, sorted_and_no_softmax, "The result is wrong"),
        (ex.generate, tensors_in_the_list, "item 2 is a torch tensor, but should be a whole number"),
        (ex.beam_step, without_parents, "it has 2 items, but should have 3"),
        (ex.cache_bytes, lambda *sizes: 2 * math.prod(sizes) / 1, "it is a float, but should be a whole"),
    ],
    ids=(
        *("no return", "multinomial", "topk itself", "rounded to 0", "rounded", "two mistakes", "tensors"),
        *("no parents", "float"),
    ),
)
def test_wrong_answers_that_no_mistake_covers(exercise, answer, words):
    feedback = exercise.judge(answer)
    assert feedback.state is State.WRONG and feedback.mistake is None
    assert words in str(feedback)


def test_a_model_that_is_given_one_row_without_a_batch_says_what_it_needs():
    def answer(model, ids, max_new_tokens, context_length, choose, stop):
        return [*ids, int(choose(model(torch.tensor(ids))[-1]))]

    feedback = ex.generate.judge(answer)
    assert feedback.state is State.CRASHED
    assert "the model needs ids of shape (1, T), and got (2,)" in str(feedback)


def test_a_nucleus_that_fits_the_cases_but_not_the_meaning_is_seen():
    holds = ex.top_p.properties[0].holds
    assert "a smaller set would do" in holds(lambda logits, p: sampling.top_p(logits, (1 + p) / 2))
    assert "does not reach" in holds(lambda logits, p: sampling.top_p(logits, p / 2))


# The cases are clear cut: no answer is wrong by rounding ----------------------------------------------------


def all_cases(exercise):
    """The fixed cases, and those of three checks."""
    judge = exercise._judge()
    return judge.fresh_cases() + [drawn.case for seed in range(3) for drawn in judge.drawn_cases(seed)]


def test_no_case_is_decided_by_rounding():
    for case in all_cases(ex.top_p):
        each = case.args[0].double().softmax(-1).sort(descending=True).values
        before = (each.cumsum(-1) - each)[:, 1:][each[:, 1:] > 0]
        assert not len(before) or (before - case.args[1]).abs().min() > 1e-4
    for case in all_cases(ex.draw):
        ends = case.args[0].double().softmax(-1).cumsum(-1)
        apart = (ends - case.args[1][:, None]).abs()
        assert ((apart > 5e-6) | (ends == case.args[1][:, None]) | (apart < 1e-12)).all()
    for case in all_cases(ex.beam_step):
        totals = (case.args[0][:, None] + case.args[1]).flatten().sort(descending=True).values
        width = case.args[2]
        assert len(totals) == width or (totals[:width] - totals[1 : width + 1]).min() > 5e-4


# The references, against independent oracles --------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 3), st.floats(0.05, 5.0), st.integers(1, 15))
def test_temperature_and_top_k_agree_with_transformers(seed, B, value, k):
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper

    logits = random(B, V, seed=seed)
    assert torch.allclose(
        ex.temperature.reference(logits, value), TemperatureLogitsWarper(value)(None, logits)
    )
    assert torch.equal(ex.top_k.reference(logits, k), TopKLogitsWarper(k)(None, logits))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 3), st.floats(0.0, 1.0), st.sampled_from([0.3, 1.0, 4.0]))
def test_top_p_agrees_with_transformers_and_the_course(seed, B, p, scale):
    from transformers import TopPLogitsWarper

    logits = scale * random(B, V, seed=seed)
    sums = logits.softmax(-1).sort(descending=True).values.cumsum(-1)
    assume((sums - p).abs().min() > 1e-5)
    kept = ex.top_p.reference(logits, p)
    assert torch.equal(kept, TopPLogitsWarper(p)(None, logits))
    assert torch.equal(kept, sampling.top_p(logits, p))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9999), st.floats(0.2, 5.0), st.integers(1, 9))
def test_the_penalty_agrees_with_transformers(seed, penalty, T):
    from transformers import RepetitionPenaltyLogitsProcessor

    logits = random(3, V, seed=seed)
    ids = torch.randint(V, (3, T), generator=torch.Generator().manual_seed(seed))
    expected = RepetitionPenaltyLogitsProcessor(penalty)(ids, logits.clone())
    assert torch.equal(ex.repetition_penalty.reference(logits, ids, penalty), expected)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 5), st.integers(1, 7))
def test_the_draw_agrees_with_the_course(seed, B, k):
    logits = sampling.top_k(random(B, 7, seed=seed), k)
    for dice in (torch.rand(B, generator=torch.Generator().manual_seed(seed)), torch.zeros(B)):
        ids = ex.draw.reference(logits, dice)
        assert torch.equal(ids, sampling.draw(logits, dice))
        assert (logits.gather(-1, ids[:, None]) > -math.inf).all()


def test_the_highest_die_stays_within_what_is_possible():
    logits = random(200, 1000, seed=3)
    logits[:, -1] = -math.inf
    ids = ex.draw.reference(logits, torch.full((200,), 1 - 2**-24))
    assert (ids < 999).all()


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 99), st.lists(st.integers(0, V - 1), min_size=1, max_size=7), st.integers(0, 9), st.data()
)
def test_the_loop_agrees_with_the_course(seed, prompt, new, data):
    model, stop = small_gpt(seed), data.draw(st.none() | st.integers(0, V - 1))
    expected = generation.generate(
        model, prompt, new, sampling=generation.GREEDY, stop_tokens=() if stop is None else stop
    )
    mine = ex.generate.reference(model, prompt, new, 7, lambda logits: logits.argmax(-1), stop)
    assert mine == expected


def test_the_pieces_together_write_what_the_course_writes():
    """Temperature, top-p and draw in the loop, with the dice that the course's own `generate` throws."""
    model, chance = small_gpt(5), torch.Generator().manual_seed(8)
    config = sampling.SamplingConfig(temperature=0.7, top_p=0.9)
    expected = generation.generate(model, [1, 2, 3], 9, sampling=config, generator=chance)
    seed = int(torch.randint(2**62, (1,), generator=torch.Generator().manual_seed(8)))
    dice = iter(torch.rand(9, generator=torch.Generator().manual_seed(seed)))

    def choose(logits):
        kept = ex.top_p.reference(ex.temperature.reference(logits, 0.7), 0.9)
        return ex.draw.reference(kept, next(dice)[None])

    assert ex.generate.reference(model, [1, 2, 3], 9, 7, choose, None) == expected
    assert len(set(expected)) > 3


def search(model, prompt, width, steps):
    """Beam search without stops, by the exercise's own step."""
    beams, scores = [prompt], torch.zeros(1)
    for _ in range(steps):
        log_probs = model(torch.tensor(beams))[:, -1].log_softmax(-1)
        scores, parents, tokens = ex.beam_step.reference(scores, log_probs, width)
        beams = [[*beams[p], t] for p, t in zip(parents.tolist(), tokens.tolist(), strict=True)]
    return beams, scores.tolist()


@pytest.mark.parametrize("width", [2, 3, 5])
def test_beam_steps_are_the_courses_beam_search(width):
    model = small_gpt(1)
    beams, scores = search(model, [3, 1], width, steps=4)
    expected = beam.beam_search(model, [3, 1], width, 4, length_penalty=0.0)
    assert beams == [found.ids for found in expected]
    assert scores == pytest.approx([found.score for found in expected], abs=1e-4)


def test_beams_wide_enough_find_the_likeliest_of_all_texts():
    model = small_gpt(2)
    texts = torch.tensor([[4, *rest] for rest in itertools.product(range(V), repeat=2)])
    each = model(texts[:, :-1]).log_softmax(-1).gather(-1, texts[:, 1:, None])[..., 0].sum(-1)
    beams, scores = search(model, [4], width=V, steps=2)
    assert beams[0] == texts[each.argmax()].tolist() and scores[0] == pytest.approx(
        float(each.max()), abs=1e-4
    )


def test_the_cache_takes_what_was_computed():
    model = small_gpt(0)
    cache = model.make_cache(batch_size=5)
    model(torch.zeros(5, 7, dtype=torch.long), cache=cache)
    assert cache.nbytes == ex.cache_bytes.reference(2, 3, 2, 7, 5, 4)


def test_the_cache_takes_as_much_in_transformers():
    from transformers import GPT2Config, GPT2Model

    model = GPT2Model(GPT2Config(vocab_size=V, n_positions=16, n_embd=10, n_layer=3, n_head=2)).eval()
    with torch.no_grad():
        kept = model(torch.zeros(7, 11, dtype=torch.long), use_cache=True).past_key_values
    layers = [kept.layers[i] for i in range(3)]
    total = sum(layer.keys.nbytes + layer.values.nbytes for layer in layers)
    assert total == ex.cache_bytes.reference(3, 2, 5, 11, 7, 4)


# What a learner sees --------------------------------------------------------------------------------------


def test_build_exercises_are_kept_and_explore_exercises_are_not(tmp_path):
    assert ex.draw.check(draw_by_loops).right and ex.cache_bytes.check(cache_by_loops).right
    assert ex.generate.check(generate_by_recursion).right
    assert sorted(path.stem for path in (tmp_path / "my_gpt").glob("*.py")) == ["draw", "generate"]


def test_the_call_that_is_shown_names_the_model_and_how_it_chooses():
    feedback = ex.generate.judge(lambda model, ids, *rest: list(ids))
    assert "generate(sum_modulo_7, [1, 2], 3, 8, likeliest, None)" in str(feedback)
