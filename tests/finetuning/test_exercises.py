"""The exercises of notebook 08: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

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


def mask_with_chain(prompt, answer):
    from itertools import chain, repeat

    return tuple(chain(prompt, answer)), tuple(chain(repeat(-100, len(prompt)), answer))


def mask_in_numpy(prompt, answer):
    targets = np.array(prompt + answer, dtype=int)
    targets[: len(prompt)] = -100
    return np.array(prompt + answer, dtype=int), targets


def mask_with_copies(prompt, answer):
    ids, targets = prompt.copy(), [-100 for _ in prompt]
    for row in (ids, targets):
        row.extend(answer)
    return ids, targets


def batch_padded_then_shifted(examples, pad_id):
    longest = max(len(ids) for ids, _ in examples)
    x = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in examples])
    y = torch.tensor([targets + [-100] * (longest - len(targets)) for _, targets in examples])
    return x[:, :-1], y[:, 1:]


def batch_with_zip_longest(examples, pad_id):
    from itertools import zip_longest

    x = list(zip_longest(*(ids[:-1] for ids, _ in examples), fillvalue=pad_id))
    y = list(zip_longest(*(targets[1:] for _, targets in examples), fillvalue=-100))
    return [torch.tensor(side, dtype=torch.int32).T for side in (x, y)]


def batch_in_numpy(examples, pad_id):
    T = max(len(ids) for ids, _ in examples) - 1
    x, y = np.full((len(examples), T), pad_id), np.full((len(examples), T), -100)
    for b, (ids, targets) in enumerate(examples):
        x[b, : len(ids) - 1], y[b, : len(targets) - 1] = ids[:-1], targets[1:]
    return torch.from_numpy(x), torch.from_numpy(y)


def batch_by_indices(examples, pad_id):
    T = max(len(ids) for ids, _ in examples) - 1
    x = torch.empty(len(examples), T, dtype=torch.long).fill_(pad_id)
    y = x * 0 - 100
    for b, (ids, targets) in enumerate(examples):
        for t in range(len(ids) - 1):
            x[b, t], y[b, t] = ids[t], targets[t + 1]
    return x, y


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


def lora_with_modules(x, weight, a, b, alpha):
    rank, inside = a.shape
    down, up, base = nn.Linear(inside, rank, False), nn.Linear(rank, len(b), False), nn.Linear(1, 1, False)
    for layer, matrix in ((down, a), (up, b), (base, weight)):
        del layer.weight
        layer.weight = matrix
    return base(x) + up(down(x)) * (alpha / rank)


def lora_rank_by_rank(x, weight, a, b, alpha):
    y = x.matmul(weight.t())
    for row, column in zip(a, b.T, strict=True):
        y = y + (x * row).sum(-1, keepdim=True) * column * alpha / a.shape[0]
    return y


def lora_by_stacking(x, weight, a, b, alpha):
    both = torch.cat([weight, a])  # one product for both ways down
    out, low = (x @ both.mT).split([len(weight), len(a)], dim=-1)
    return torch.add(out, low @ b.mT, alpha=alpha / a.shape[0])


def lora_with_a_frozen_matrix(x, weight, a, b, alpha):
    return x @ weight.detach().T + (x @ a.T) @ b.T * (alpha / len(a))


class Layer:
    def __call__(self, x, weight, a, b, alpha):
        return torch.tensordot(x, weight, dims=([-1], [1])) + self.side(x, a, b) * (alpha / b.shape[1])

    def side(self, x, a, b):
        return torch.tensordot(torch.tensordot(x, a, dims=([-1], [1])), b, dims=([-1], [1]))


def merge_by_identity(weight, a, b, alpha):
    unit = torch.eye(weight.shape[1])
    return (unit @ weight.T + (unit @ a.T) @ b.T * (alpha / len(a))).T


def merge_with_plain_numbers(weight, a, b, alpha):
    columns, s = list(zip(*a.tolist(), strict=True)), alpha / len(a)
    return [
        [
            w + s * sum(x * y for x, y in zip(up, down, strict=True))
            for w, down in zip(row, columns, strict=True)
        ]
        for row, up in zip(weight.tolist(), b.tolist(), strict=True)
    ]


def merge_in_double(weight, a, b, alpha):
    return torch.addmm(weight.double(), b.double(), a.double(), alpha=alpha / a.size(0))


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


def count_with_reduce(shapes, rank):
    from functools import reduce

    return reduce(lambda total, shape: total + rank * shape[0] + shape[1] * rank, shapes, 0)


def count_in_numpy(shapes, rank):
    return np.array(shapes, dtype=int).sum() * rank


def count_by_parameters(shapes, rank):
    sides = ([(rank, inside), (out, rank)] for out, inside in shapes)
    return sum(rows * columns for pair in sides for rows, columns in pair)


def match_by_loops(answer, right):
    forms = []
    for text in (answer, right):
        words, word = [], ""
        for letter in text + " ":
            if letter.isspace():
                words += [word] if word not in ("", "a", "an", "the") else []
                word = ""
            elif letter.isalnum():
                word += letter.lower()
        forms.append(words)
    return forms[0] == forms[1]


def match_by_category(answer, right):
    import unicodedata

    def plain(text):
        kinds = ((c, unicodedata.category(c)) for c in text.casefold())
        letters = (c for c, kind in kinds if kind[0] not in "PSM" and kind != "Cf")  # Cf: joins two signs
        return tuple(w for w in "".join(letters).split() if w not in {"a", "an", "the"})

    return plain(answer) == plain(right)


def match_by_punctuation(answer, right):
    import unicodedata

    def plain(text):
        kept = "".join(c for c in text.lower() if not unicodedata.category(c).startswith("P"))
        return [word for word in kept.split() if word not in ("a", "an", "the")]

    return plain(answer) == plain(right)


class Matcher:
    def __call__(self, answer, right):
        return self.form(answer).__eq__(self.form(right))

    def form(self, text):
        words = ("".join(re.findall(r"[^\W_]", word)).lower() for word in text.split())
        return " ".join(word for word in words if word and not re.fullmatch("a|an|the", word))


def match_by_pattern(answer, right):
    def plain(text):
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", re.sub(r"[^\w\s]|_", "", text.lower())).split())

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


def f1_by_sorting(answer, right):
    a, b, shared = sorted(answer), sorted(right), 0
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            shared, i, j = shared + 1, i + 1, j + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return shared / (0.5 * (len(a) + len(b)))


def f1_from_what_is_left(answer, right):
    missing = Counter(right)
    missing.subtract(answer)
    not_said, too_much = +missing, -missing
    shared = len(right) - sum(not_said.values())
    return shared / (shared + (sum(not_said.values()) + sum(too_much.values())) / 2)


def f1_exactly(answer, right):
    from fractions import Fraction

    shared = sum((Counter(answer) & Counter(right)).values())
    precision, recall = Fraction(shared, len(answer)), Fraction(shared, len(right))
    return float(2 * precision * recall / (precision + recall)) if shared else 0.0


def f1_as_a_tensor(answer, right):
    words = sorted({*answer, *right})
    a, b = (torch.tensor([float(side.count(word)) for word in words]) for side in (answer, right))
    return 2 * torch.minimum(a, b).sum() / (a.sum() + b.sum())


def f1_with_fractions(answer, right):
    shared = sum((Counter(answer) & Counter(right)).values())
    if not shared:
        return 0
    return 2 / (len(answer) / shared + len(right) / shared)


OTHER_WAYS = {
    ex.mask_prompt: (
        *(mask_by_loop, mask_by_place, mask_with_torch),
        *(mask_with_chain, mask_in_numpy, mask_with_copies),
    ),
    ex.pad_batch: (
        *(batch_by_lists, batch_by_torch, batch_in_columns, batch_padded_then_shifted),
        *(batch_with_zip_longest, batch_in_numpy, batch_by_indices, finetuning.pad_batch),
    ),
    ex.lora_forward: (
        *(lora_by_matrix, lora_by_einsum, lora_in_double),
        *(lora_with_modules, lora_rank_by_rank, lora_by_stacking, Layer(), lora_with_a_frozen_matrix),
    ),
    ex.merge: (
        *(merge_by_outer, merge_by_transposes, merge_in_numpy),
        *(merge_by_identity, merge_with_plain_numbers, merge_in_double),
    ),
    ex.lora_count: (
        *(count_by_loop, count_by_making, count_at_once),
        *(count_with_reduce, count_in_numpy, count_by_parameters),
    ),
    ex.exact_match: (
        *(match_by_pattern, match_by_translate, question_answering.exact_match),
        *(match_by_loops, match_by_category, match_by_punctuation, Matcher()),
    ),
    ex.token_f1: (
        *(f1_by_removing, f1_by_minima, f1_with_fractions),
        *(f1_by_sorting, f1_from_what_is_left, f1_exactly, f1_as_a_tensor),
    ),
}
WAYS = [(exercise, way) for exercise, ways in OTHER_WAYS.items() for way in ways]


@pytest.mark.parametrize(
    ("exercise", "way"), WAYS, ids=lambda x: getattr(x, "name", None) or getattr(x, "__name__", "")
)
def test_other_right_ways_pass(exercise, way):
    feedback = exercise.judge(way)
    assert feedback.state is State.RIGHT, str(feedback)


# Wrong answers ------------------------------------------------------------------------------------

match, side = ex.exact_match.reference, ex.lora_forward.reference


def batch_of_small_numbers(examples, pad_id):
    return tuple(part.to(torch.int16) for part in batch_by_torch(examples, pad_id))


def batch_in_the_callers_lists(examples, pad_id):
    longest = max(len(ids) for ids, _ in examples)
    for ids, targets in examples:
        ids += [pad_id] * (longest - len(ids))
        targets += [-100] * (longest - len(targets))
    return torch.tensor([ids[:-1] for ids, _ in examples]), torch.tensor([y[1:] for _, y in examples])


def of_texts(change):
    return lambda answer, right: match(change(answer), change(right))


def without_accents(text):
    import unicodedata

    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


WRONG = {
    ex.pad_batch: (batch_of_small_numbers, batch_in_the_callers_lists),
    ex.exact_match: (
        of_texts(without_accents),
        of_texts(lambda text: re.sub(r"\b(to|of|in)\b", "", text, flags=re.IGNORECASE)),
        of_texts(lambda text: re.sub(r"(.)\1", r"\1", text)),
        of_texts(lambda text: text.replace("-", " ")),
        of_texts(lambda text: " ".join(word[:5] for word in text.split())),
        of_texts(lambda text: " ".join(word[-6:] for word in text.split())),
        of_texts(lambda text: " ".join(word for word in text.split() if word.lower() not in "a an the")),
    ),
    ex.lora_forward: (
        lambda x, weight, a, b, alpha: side(x, weight, a.detach(), b, alpha),
        lambda x, weight, a, b, alpha: side(x, weight, a, b.detach(), alpha),
        lambda x, weight, a, b, alpha: side(x.detach(), weight, a, b, alpha),
        lambda x, weight, a, b, alpha: x @ weight.add_(b @ a, alpha=alpha / len(a)).T,
    ),
}


def line_of(x):
    return getattr(x, "name", None) or f"{x.__name__}-{x.__code__.co_firstlineno}"


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [(exercise, answer) for exercise in WRONG for answer in WRONG[exercise]],
    ids=line_of,
)
def test_wrong_answers_are_refused(exercise, answer):
    for seed in range(2):
        assert exercise.judge(answer, seed=seed).state is State.WRONG


def test_a_batch_made_in_the_callers_lists_is_told_so():
    assert "was changed" in str(ex.pad_batch.judge(batch_in_the_callers_lists))


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


def test_the_case_of_f1_that_the_notebook_works_by_hand():
    said, right = "red ball red".split(), "big red ball of Tom".split()
    assert ex.token_f1.reference(said, right) == pytest.approx(0.5)


def test_f1_is_asked_for_before_its_formula_is_printed():
    text = (Path(__file__).parents[2] / "notebooks" / "08_finetuning.ipynb").read_text(encoding="utf-8")
    before, found, after = text.partition('"id": "token-f1-check"')
    assert found and "2·P·R / (P + R)" in after
    assert "P·R" not in before and "harmonic" not in before
