"""The exercises of notebook 08: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_lib import finetuning
from course_lib.exercises import State
from course_lib.finetuning import exercises as ex
from course_lib.finetuning import question_answering
from course_lib.finetuning.exercises import side_paths

# References against oracles -----------------------------------------------------------------------

IDS = st.lists(st.integers(0, 9), min_size=1, max_size=5)
WORDS = st.lists(st.sampled_from(["red", "kite", "park", "to", "mia"]), min_size=1, max_size=7)


@given(IDS, IDS)
def test_masking_is_the_courses(prompt, answer):
    assert ex.mask_prompt.reference(prompt, answer) == finetuning.masked([(prompt, False), (answer, True)])


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=7), min_size=1, max_size=5), st.integers(0, 9)
)
def test_batches_are_the_courses_and_torchs(rows, pad_id):
    examples = [(ids, [-100, *ids[1:]]) for ids in rows]
    x, y = ex.pad_batch.reference(examples, pad_id)
    own_x, own_y = finetuning.pad_batch(examples, pad_id)
    assert torch.equal(x, own_x) and torch.equal(y, own_y)
    inputs = [torch.tensor(ids[:-1]) for ids in rows]
    targets = [torch.tensor(ids[1:]) for ids in rows]
    pad = nn.utils.rnn.pad_sequence
    assert torch.equal(x, pad(inputs, batch_first=True, padding_value=pad_id))
    assert torch.equal(y, pad(targets, batch_first=True, padding_value=-100))


def test_the_side_path_and_the_merged_matrix_are_the_courses():
    layer = finetuning.LoRALinear(nn.Linear(5, 7, bias=False), rank=2, alpha=3.0)
    nn.init.normal_(layer.b)
    x, parts = torch.randn(2, 3, 5), (layer.base.weight, layer.a, layer.b, 3.0)
    assert torch.allclose(ex.lora_forward.reference(x, *parts), layer(x), atol=1e-6)
    assert torch.allclose(ex.merge.reference(*parts), layer.merged().weight, atol=1e-6)


def test_the_count_is_that_of_the_course():
    model = nn.ModuleDict({"up": nn.Linear(3, 5), "down": nn.Linear(5, 2, bias=False)})
    finetuning.add_lora(model, rank=7)
    assert ex.lora_count.reference([(5, 3), (2, 5)], 7) == finetuning.trainable_count(model)


@given(st.text("aA the.'!kn \t", max_size=9), st.text("aA the.'!kn \t", max_size=9))
def test_exact_match_is_the_courses(answer, right):
    assert ex.exact_match.reference(answer, right) == question_answering.exact_match(answer, right)


@given(WORDS, WORDS)
def test_f1_is_the_courses(answer, right):
    own = question_answering.token_f1(" ".join(answer), " ".join(right))
    assert ex.token_f1.reference(answer, right) == pytest.approx(own)


def test_the_shapes_of_the_count_are_those_of_the_base_model():
    from course_lib.config import GPTConfig
    from course_lib.model import GPT

    block = GPT(GPTConfig.preset("base", vocab_size=11)).blocks[0]
    found = [(m.out_features, m.in_features) for m in block.modules() if isinstance(m, nn.Linear)]
    assert sorted(found) == sorted(side_paths._SHAPES)


# Other right ways ---------------------------------------------------------------------------------


def mask_by_loop(prompt, answer):
    ids, targets = [], []
    for token in prompt:
        ids.append(token)
        targets.append(-100)
    for token in answer:
        ids.append(token)
        targets.append(token)
    return ids, targets


def mask_by_place(prompt, answer):
    ids = [*prompt, *answer]
    return [ids, [token if i >= len(prompt) else -100 for i, token in enumerate(ids)]]


def mask_with_torch(prompt, answer):
    targets = torch.tensor(prompt + answer)
    targets[: len(prompt)] = -100
    return prompt + answer, targets.tolist()


def batch_by_lists(examples, pad_id):
    T = max(len(ids) for ids, _ in examples) - 1
    x, y = [], []
    for ids, targets in examples:
        missing = T + 1 - len(ids)
        x.append(ids[:-1] + [pad_id] * missing)
        y.append(targets[1:] + [-100] * missing)
    return torch.tensor(x), torch.tensor(y)


def batch_by_torch(examples, pad_id):
    pad = nn.utils.rnn.pad_sequence
    x = [torch.tensor(ids)[:-1] for ids, _ in examples]
    y = [torch.tensor(targets)[1:] for _, targets in examples]
    return pad(x, batch_first=True, padding_value=pad_id), pad(y, batch_first=True, padding_value=-100)


def batch_in_columns(examples, pad_id):
    T = max(len(ids) for ids, _ in examples) - 1
    x = [[ids[t] if t < len(ids) - 1 else pad_id for ids, _ in examples] for t in range(T)]
    y = [[y[t + 1] if t + 1 < len(y) else -100 for _, y in examples] for t in range(T)]
    return torch.tensor(x).T, torch.tensor(y).T  # not contiguous


def lora_by_matrix(x, weight, a, b, alpha):
    return x @ (weight + alpha / len(a) * b @ a).T


def lora_by_einsum(x, weight, a, b, alpha):
    low = torch.einsum("...i,ri->...r", x, a) * (alpha / a.size(0))
    return torch.einsum("...i,oi->...o", x, weight) + torch.einsum("...r,or->...o", low, b)


def lora_in_double(x, weight, a, b, alpha):
    x, weight, a, b = x.double(), weight.double(), a.double(), b.double()
    return nn.functional.linear(x, weight) + nn.functional.linear(
        nn.functional.linear(x, a), b
    ) * alpha / len(a)


def merge_by_outer(weight, a, b, alpha):
    merged = weight.clone()
    for r in range(len(a)):
        merged += alpha / len(a) * torch.outer(b[:, r], a[r])
    return merged


def merge_by_transposes(weight, a, b, alpha):
    return (weight.T + a.T @ b.T * alpha / a.shape[0]).T


def merge_in_numpy(weight, a, b, alpha):
    return torch.from_numpy(weight.numpy() + b.numpy() @ a.numpy() * np.float32(alpha / len(a)))


def count_by_loop(shapes, rank):
    total = 0
    for out, inside in shapes:
        total += rank * (out + inside)
    return total


def count_by_making(shapes, rank):
    return sum(torch.zeros(rank, i).numel() + torch.zeros(o, rank).numel() for o, i in shapes)


def count_at_once(shapes, rank):
    return rank * sum(map(sum, shapes))


def match_by_pattern(answer, right):
    def plain(text):
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", re.sub(r"[^\w\s]", "", text.lower())).split())

    return plain(answer) == plain(right)


def match_by_translate(answer, right):
    import string

    table = str.maketrans("", "", string.punctuation)
    a, b = (text.translate(table).casefold().split() for text in (answer, right))
    articles = {"a", "an", "the"}
    return [w for w in a if w not in articles] == [w for w in b if w not in articles]


def f1_by_removing(answer, right):
    left, shared = list(right), 0
    for word in answer:
        if word in left:
            left.remove(word)
            shared += 1
    return 2 * shared / (len(answer) + len(right))


def f1_by_minima(answer, right):
    shared = sum(min(answer.count(word), right.count(word)) for word in set(answer))
    return np.float64(2 * shared / (len(answer) + len(right)))


def f1_with_fractions(answer, right):
    shared = sum((Counter(answer) & Counter(right)).values())
    if not shared:
        return 0
    return 2 / (len(answer) / shared + len(right) / shared)


WAYS = [
    *((ex.mask_prompt, way) for way in (mask_by_loop, mask_by_place, mask_with_torch)),
    *((ex.pad_batch, way) for way in (batch_by_lists, batch_by_torch, batch_in_columns)),
    *((ex.lora_forward, way) for way in (lora_by_matrix, lora_by_einsum, lora_in_double)),
    *((ex.merge, way) for way in (merge_by_outer, merge_by_transposes, merge_in_numpy)),
    *((ex.lora_count, way) for way in (count_by_loop, count_by_making, count_at_once)),
    *(
        (ex.exact_match, way)
        for way in (match_by_pattern, match_by_translate, question_answering.exact_match)
    ),
    *((ex.token_f1, way) for way in (f1_by_removing, f1_by_minima, f1_with_fractions)),
]


@pytest.mark.parametrize(("exercise", "way"), WAYS, ids=lambda x: getattr(x, "name", None) or x.__name__)
def test_other_right_ways_pass(exercise, way):
    feedback = exercise.judge(way)
    assert feedback.state is State.RIGHT, str(feedback)


# Mistakes in other words --------------------------------------------------------------------------


def test_padding_that_counts_is_named_however_it_is_written():
    def batch(examples, pad_id):
        pad = nn.utils.rnn.pad_sequence
        x = [torch.tensor(ids[:-1]) for ids, _ in examples]
        y = [torch.tensor(targets[1:]) for _, targets in examples]
        return pad(x, True, pad_id), pad(y, True, pad_id)

    assert ex.pad_batch.judge(batch).mistake == "the filling counts"


def test_a_missing_factor_is_named_however_it_is_written():
    def forward(x, weight, a, b, alpha):
        return nn.functional.linear(x, weight + torch.einsum("or,ri->oi", b, a))

    assert ex.lora_forward.judge(forward).mistake == "the factor is missing"


def test_sets_instead_of_counts_are_named_however_they_are_written():
    def f1(answer, right):
        shared = len(set(answer).intersection(right))
        if not shared:
            return 0.0
        precision, recall = shared / len(set(answer)), shared / len(set(right))
        return 2 * precision * recall / (precision + recall)

    assert ex.token_f1.judge(f1).mistake == "words that stand there twice count once"


def test_a_merge_that_adds_in_place_is_named():
    def merge(weight, a, b, alpha):
        return weight.add_(b @ a, alpha=alpha / len(a))

    assert ex.merge.judge(merge).mistake == "W is changed in place"
