"""The exercises of notebook 10: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import itertools
import math
import re
import string
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_lib import sentiment
from course_lib.exercises import State
from course_lib.sentiment import exercises as ex
from course_lib.sentiment import scores as classification_scores

# References against oracles -----------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["Good", "don't", "bad", "box,", "it!", "(well)"]), max_size=9)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(WORDS)
def test_counts_are_the_courses(words):
    vocabulary = ("bad", "box", "don't", "good", "it", "nice")
    own = sentiment.BagOfWords(vocabulary).encode([" ".join(words)])[0]
    assert ex.bag_of_words.reference(" ".join(words), list(vocabulary)) == own.tolist()


def test_the_gradient_is_autograds_and_zero_at_the_courses_lowest_point():
    x, y = random(7, 3), (random(7, seed=1) > 0).float()
    w, b = random(3, seed=2).requires_grad_(), torch.tensor(0.5, requires_grad=True)
    nn.functional.binary_cross_entropy_with_logits(x @ w + b, y).backward()
    for ours, theirs in zip(ex.logistic_gradient.reference(x, y, w, b), (w.grad, b.grad), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    w, b = sentiment.fit_logistic(x, y, l2=0.5)
    for_w, for_b = ex.logistic_gradient.reference(x, y, w, float(b))
    assert torch.allclose(for_w, -0.5 * w / 7, atol=1e-5) and abs(float(for_b)) < 1e-5


def test_the_last_state_is_the_courses():
    hidden, lengths = random(3, 5, 2), torch.tensor([5, 1, 3])
    assert torch.equal(ex.last_hidden.reference(hidden, lengths), sentiment.last_hidden(hidden, lengths))


def test_the_likelier_label_is_the_courses():
    """With the model's own token log-probabilities, it is the largest entry of `label_likelihood`."""
    from course_lib.tokens import CharTokenizer

    tokenizer = CharTokenizer.train("abcde", ["<|endoftext|>"])
    model = nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 6))
    texts, ends = ["ab", "cd", "e", "bb"], ["a", "cde"]

    @torch.no_grad()
    def logprobs(text, end):
        ids = [tokenizer.end_id, *tokenizer.encode(text + end)]
        found = model(torch.tensor([ids])).log_softmax(-1)[0, :-1].gather(1, torch.tensor(ids[1:])[:, None])
        return found[-len(end) :, 0].tolist()

    own = sentiment.label_likelihood(model, tokenizer, texts, ends, prior="").argmax(-1).tolist()
    prior = [logprobs("", end) for end in ends]
    assert own == [ex.label_scores.reference([logprobs(text, end) for end in ends], prior) for text in texts]


PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20)


@given(PAIRS)
def test_the_table_is_the_courses(pairs):
    labels, predicted = (torch.tensor(side) for side in zip(*pairs, strict=True))
    table = ex.confusion_matrix.reference(labels, predicted, 5)
    assert table.tolist() == classification_scores.confusion(labels, predicted, 5)


@given(st.lists(st.tuples(st.integers(1, 63), st.booleans()), min_size=1, max_size=20))
def test_the_error_is_the_courses(pairs):
    sure, right = (torch.tensor(side) for side in zip(*pairs, strict=True))
    sure, bins = sure / 64, 7  # no edge of sevenths is a number of sixty-fourths
    found = ex.calibration_error.reference(sure, right, bins)
    own = classification_scores.expected_calibration_error(sure, right, bins)
    assert found == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("score", [ex.good_minus_bad, ex.with_not])
def test_erasing_is_the_courses(score):
    words = ["not", "bad", "but", "good", "good"]
    assert ex.leave_one_out.reference(words, score) == sentiment.leave_one_out(words, score)


def test_the_first_cases_can_be_worked_by_hand():
    def first(exercise):
        case = exercise._judge().fresh_cases()[0]
        return exercise.reference(*case.args)

    assert first(ex.bag_of_words) == [0, 2, 1]
    assert [part.tolist() for part in first(ex.logistic_gradient)] == [[0.25, 1.0], 0.0]
    assert first(ex.last_hidden).tolist() == [[3.0], [5.0]]
    assert first(ex.label_scores) == 0  # gains of 2 and 0.5
    assert first(ex.confusion_matrix).tolist() == [[1, 0], [1, 2]]
    assert first(ex.calibration_error) == pytest.approx(0)  # 75 % sure on average, 3 of 4 right
    assert first(ex.leave_one_out) == [0, 1, 0]


# Other right ways ---------------------------------------------------------------------------------


def bag_by_counter(text, vocabulary):
    counts = Counter(re.findall(r"\w+(?:['-]\w+)*", text.lower()))
    return [counts[word] for word in vocabulary]


def bag_by_loop(text, vocabulary):
    counts = [0] * len(vocabulary)
    for piece in text.split():
        word = piece.lower().strip("().,:;!?'\"")
        for place, known in enumerate(vocabulary):
            counts[place] += known == word
    return counts


def bag_by_replacing(text, vocabulary):
    for mark in '.,!?:;()"':
        text = text.replace(mark, " ")
    words = np.array([word.strip("'") for word in text.casefold().split()], dtype=str)
    return np.array([int((words == word).sum()) for word in vocabulary])


def gradient_by_autograd(x, y, w, b):
    w, b = w.clone().requires_grad_(), torch.tensor(float(b), requires_grad=True)
    loss = nn.functional.binary_cross_entropy_with_logits(x @ w + b, y)
    return torch.autograd.grad(loss, (w, b))


def gradient_by_loop(x, y, w, b):
    for_w, for_b = torch.zeros_like(w), torch.zeros(())
    for counts, label in zip(x, y, strict=True):
        error = 1 / (1 + math.exp(-float(counts @ w + b))) - float(label)
        for_w += error * counts / len(y)
        for_b += error / len(y)
    return [for_w, for_b]


def gradient_with_a_float(x, y, w, b):
    errors = torch.sigmoid(x @ w + b) - y
    return (x * errors[:, None]).mean(0), errors.mean().item()


def gradient_by_einsum(x, y, w, b):
    error = torch.sigmoid(torch.einsum("nv,v->n", x.double(), w.double()) + b) - y
    return torch.einsum("nv,n->v", x.double(), error) / x.shape[0], error.sum() / x.shape[0]


def last_by_loop(hidden, lengths):
    return torch.stack([states[length - 1] for states, length in zip(hidden, lengths, strict=True)])


def last_by_gather(hidden, lengths):
    places = (lengths - 1)[:, None, None].expand(-1, 1, hidden.shape[2])
    return hidden.gather(1, places)[:, 0]


def last_by_mask(hidden, lengths):
    here = nn.functional.one_hot(lengths - 1, hidden.shape[1]).double()
    return torch.einsum("bt,btc->cb", here, hidden.double()).T  # not contiguous


def label_by_loop(logprobs, prior):
    best, most = None, -math.inf
    for label in range(len(logprobs)):
        gain = sum(logprobs[label]) - sum(prior[label])
        if gain > most:
            best, most = label, gain
    return best


def label_by_torch(logprobs, prior):
    pairs = zip(logprobs, prior, strict=True)
    gains = [torch.tensor(after).sum() - torch.tensor(before).sum() for after, before in pairs]
    return torch.stack(gains).argmax()


def label_by_ratios(logprobs, prior):
    ratios = [math.exp(sum(logprobs[i])) / math.exp(sum(prior[i])) for i in range(len(prior))]
    return int(np.argmax(ratios))


def table_by_bincount(labels, predicted, n):
    return torch.bincount(labels * n + predicted, minlength=n * n).view(n, n)


def table_by_one_hot(labels, predicted, n):
    return nn.functional.one_hot(labels, n).T @ nn.functional.one_hot(predicted, n)


def table_by_comparing(labels, predicted, n):
    cells = [[int(((labels == i) & (predicted == j)).sum()) for i in range(n)] for j in range(n)]
    return torch.tensor(cells, dtype=torch.int32).T


def error_by_predictions(confidences, right, bins):
    members = {}
    for sure, hit in zip(confidences.tolist(), right.tolist(), strict=True):
        members.setdefault(math.ceil(sure * bins), []).append(hit - sure)
    return sum(abs(sum(gaps)) for gaps in members.values()) / len(confidences)


def error_by_bincount(confidences, right, bins):
    place = torch.ceil(confidences * bins).long() - 1
    gaps = torch.bincount(place, weights=right.double() - confidences.double(), minlength=bins)
    return gaps.abs().sum() / len(confidences)


def error_in_numpy(confidences, right, bins):
    sure, hits, total = confidences.numpy(), right.numpy(), 0.0
    for low in range(bins):
        inside = (sure > low / bins) & (sure <= (low + 1) / bins)
        if inside.sum():
            total += inside.mean() * abs(hits[inside].mean() - sure[inside].mean())
    return total


def erase_by_loop(words, score):
    found = []
    for i in range(len(words)):
        rest = list(words)
        del rest[i]
        found.append(score(words) - score(rest))
    return found


def erase_by_places(words, score):
    whole = score(words)
    return tuple(whole - score([w for j, w in enumerate(words) if j != i]) for i, _ in enumerate(words))


def erase_in_numpy(words, score):
    rest = [score(np.delete(np.array(words), i).tolist()) for i in range(len(words))]
    return score(words) - np.array(rest)


def bag_by_peeling(text, vocabulary):
    counts = dict.fromkeys(vocabulary, 0)
    for word in text.lower().split():
        letters = [i for i, letter in enumerate(word) if letter.isalnum()]
        core = word[letters[0] : letters[-1] + 1] if letters else ""
        if core in counts:
            counts[core] += 1
    return list(counts.values())


def bag_by_edges(text, vocabulary):
    words = [re.sub(r"^\W+|\W+$", "", word) for word in text.split()]
    return [sum(word.casefold() == known for word in words) for known in vocabulary]


def gradient_by_tanh(x, y, w, b):
    p = (1 + torch.tanh((x.mv(w) + b) / 2)) / 2
    return (p - y).matmul(x).div(len(x)), float((p - y).mean())


def gradient_with_a_column_of_ones(x, y, w, b):
    both = torch.cat([x, torch.ones(len(x), 1)], 1)
    slope = ((both @ torch.cat([w, torch.tensor([float(b)])])).sigmoid() - y) @ both / len(x)
    return slope[:-1], slope[-1]


def last_by_where(hidden, lengths):
    here = torch.arange(hidden.shape[1]) == (lengths - 1)[:, None]
    return torch.where(here[..., None], hidden, torch.zeros(())).sum(1)


def last_by_boolean_mask(hidden, lengths):
    return hidden[torch.arange(hidden.shape[1])[None] == lengths[:, None] - 1]


def label_token_by_token(logprobs, prior):
    pairs = zip(logprobs, prior, strict=True)
    gains = [math.fsum(a - b for a, b in zip(after, before, strict=True)) for after, before in pairs]
    return max(range(len(gains)), key=gains.__getitem__)


def label_by_sorting(logprobs, prior):
    order = sorted(range(len(prior)), key=lambda i: sum(prior[i]) - sum(logprobs[i]))
    return order[0]


def table_by_index_put(labels, predicted, n):
    table = torch.zeros(n, n, dtype=torch.int64)
    return table.index_put((labels, predicted), torch.ones_like(labels), accumulate=True)


def table_by_counter(labels, predicted, n):
    pairs = Counter(zip(labels.tolist(), predicted.tolist(), strict=True))
    return torch.tensor([[pairs[row, column] for column in range(n)] for row in range(n)], dtype=torch.int16)


def error_by_bucketize(confidences, right, bins):
    place = torch.bucketize(confidences, torch.linspace(0, 1, bins + 1)[1:-1])
    parts = [place == number for number in place.unique()]
    gaps = [(confidences[part].mean() - right[part].float().mean()).abs() * part.sum() for part in parts]
    return torch.stack(gaps).sum() / len(right)


def error_by_digitize(confidences, right, bins):
    sure = confidences.numpy().astype(float)
    place = np.digitize(sure, np.arange(1, bins) / bins, right=True)
    return float(np.abs(np.bincount(place, weights=sure - right.numpy())).sum() / len(sure))


def erase_and_put_back(words, score):
    rest, whole, found = list(words), score(words), []
    for i in range(len(words)):
        word = rest.pop(i)
        found.append(whole - score(rest))
        rest.insert(i, word)
    return found


def erase_by_combinations(words, score):
    rests = list(itertools.combinations(words, len(words) - 1)) if words else []
    return [score(words) - score([*rest]) for rest in reversed(rests)]


WAYS = [
    *((ex.bag_of_words, way) for way in (bag_by_counter, bag_by_loop, bag_by_replacing, bag_by_peeling)),
    (ex.bag_of_words, bag_by_edges),
    *((ex.logistic_gradient, way) for way in (gradient_by_loop, gradient_by_einsum, gradient_by_tanh)),
    *((ex.logistic_gradient, way) for way in (gradient_with_a_float, gradient_with_a_column_of_ones)),
    *((ex.last_hidden, way) for way in (last_by_loop, last_by_gather, last_by_mask)),
    *((ex.last_hidden, way) for way in (last_by_where, last_by_boolean_mask)),
    *((ex.label_scores, way) for way in (label_by_loop, label_by_torch, label_by_ratios)),
    *((ex.label_scores, way) for way in (label_token_by_token, label_by_sorting)),
    *((ex.confusion_matrix, way) for way in (table_by_bincount, table_by_one_hot, table_by_comparing)),
    *((ex.confusion_matrix, way) for way in (table_by_index_put, table_by_counter)),
    *((ex.calibration_error, way) for way in (error_by_predictions, error_by_bincount, error_in_numpy)),
    *((ex.calibration_error, way) for way in (error_by_bucketize, error_by_digitize)),
    *((ex.leave_one_out, way) for way in (erase_by_loop, erase_by_places, erase_in_numpy)),
    *((ex.leave_one_out, way) for way in (erase_and_put_back, erase_by_combinations)),
]


@pytest.mark.parametrize(("exercise", "way"), WAYS, ids=lambda x: getattr(x, "name", None) or x.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_other_right_ways_pass(exercise, way, seed):
    feedback = exercise.judge(way, seed=seed)
    assert feedback.state is State.RIGHT, str(feedback)


# Mistakes in other words --------------------------------------------------------------------------


def test_punctuation_is_named_however_it_is_written():
    def bag(text, vocabulary):
        counts = Counter(text.lower().split(" "))
        return [counts[word] for word in vocabulary]

    assert ex.bag_of_words.judge(bag).mistake == "punctuation sticks to the words"


def test_a_sum_instead_of_a_mean_is_named_however_it_is_written():
    def gradient(x, y, w, b):
        w, b = w.clone().requires_grad_(), torch.tensor(float(b), requires_grad=True)
        loss = nn.functional.binary_cross_entropy_with_logits(x @ w + b, y, reduction="sum")
        return torch.autograd.grad(loss, (w, b))

    assert ex.logistic_gradient.judge(gradient).mistake == "it is added up instead of averaged"


def test_pairs_that_are_lost_are_named_however_they_are_written():
    def table(labels, predicted, n):
        found = torch.zeros(n, n, dtype=torch.int64)
        found.index_put_((labels, predicted), torch.tensor(1))
        return found

    assert ex.confusion_matrix.judge(table).mistake == "a pair that comes twice counts once"


def test_equal_weights_are_named_however_they_are_written():
    def error(confidences, right, bins):
        place = torch.ceil(confidences * bins)
        gaps = [(right[place == p].float() - confidences[place == p]).mean().abs() for p in place.unique()]
        return float(torch.stack(gaps).mean())

    assert ex.calibration_error.judge(error).mistake == "all bins weigh the same"


def test_erasing_with_remove_is_named():
    def erase(words, score):
        found = []
        for word in words:
            rest = words.copy()
            rest.remove(word)
            found.append(score(words) - score(rest))
        return found

    assert ex.leave_one_out.judge(erase).mistake == "its first occurrence is left out"


def bag_by_letters(text, vocabulary):
    words = re.findall(r"[a-z']+", text.lower())
    return [words.count(word) for word in vocabulary]


def bag_by_a_short_strip(text, vocabulary):
    words = [word.strip(".,:;!?()") for word in text.lower().split()]
    return [words.count(word) for word in vocabulary]


def gradient_of_all(x, y, w, b):
    errors = torch.sigmoid(x @ w + b) - y
    return (x * errors[:, None]).mean(), errors.mean().item()


def gradients_joined(x, y, w, b):
    errors = torch.sigmoid(x @ w + b) - y
    return torch.cat([x.T @ errors / len(y), errors.mean().view(1)])


def table_by_short_bincount(labels, predicted, n):
    return torch.bincount(labels * n + predicted).reshape(n, n)


def error_with(weight, start=0.0, skip=True):
    """A tensor as the result, as most people write it."""

    def error(confidences, right, bins):
        total = torch.zeros(())
        for b in range(bins):
            low, high = start + (1 - start) * b / bins, start + (1 - start) * (b + 1) / bins
            inside = (confidences > low) & (confidences <= high)
            if skip and not inside.any():
                continue
            gap = (right[inside].float().mean() - confidences[inside].mean()).abs()
            total = total + weight(inside) * gap
        return total

    return error


def erase_with_del(words, score):
    whole, found = score(words), []
    for i in range(len(words)):
        rest = words
        del rest[i]
        found.append(whole - score(rest))
    return found


def erase_nothing(words, score):
    return [score(words) - score(words[:i] + words[i:]) for i in range(len(words))]


NAMED = [
    (ex.bag_of_words, bag_by_letters, "only the letters a to z make words"),
    (ex.bag_of_words, bag_by_a_short_strip, "quotation marks stick to the words"),
    (ex.logistic_gradient, gradient_of_all, "w's gradient is a mean over the words too"),
    (ex.logistic_gradient, gradients_joined, "both gradients are in one tensor"),
    (
        ex.confusion_matrix,
        table_by_short_bincount,
        "`bincount` stops at the largest number it has seen",
    ),
    (
        ex.calibration_error,
        error_with(lambda inside: inside.sum()),
        "the sum isn't divided by the number of predictions",
    ),
    (
        ex.calibration_error,
        error_with(lambda inside: inside.float().mean(), start=0.5),
        "the bins lie between 0.5 and 1",
    ),
    (
        ex.calibration_error,
        error_with(lambda inside: inside.float().mean(), skip=False),
        "empty bins give nan",
    ),
    (ex.leave_one_out, erase_with_del, "words are deleted for good"),
    (ex.leave_one_out, erase_nothing, "the word stays in"),
]


def test_a_gradient_by_autograd_is_right_but_not_what_was_asked_for():
    feedback = ex.logistic_gradient.judge(gradient_by_autograd)
    assert feedback.state is State.OTHERWISE and "by hand" in str(feedback)


@pytest.mark.parametrize(("exercise", "wrong", "name"), NAMED, ids=lambda x: x if isinstance(x, str) else "")
def test_likely_mistakes_are_named_as_people_write_them(exercise, wrong, name):
    assert exercise.judge(wrong).mistake == name


# Mistakes that nobody listed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exercise", "wrong"),
    [
        (ex.bag_of_words, lambda text, vocabulary: [1] * len(vocabulary)),
        (ex.logistic_gradient, lambda x, y, w, b: (w, torch.tensor(b))),
        (ex.last_hidden, lambda hidden, lengths: hidden.amax(1)),
        (ex.label_scores, lambda logprobs, prior: len(logprobs)),
        (ex.confusion_matrix, lambda labels, predicted, n: torch.eye(n, dtype=torch.long)),
        (ex.calibration_error, lambda confidences, right, bins: 0.5),
        (ex.leave_one_out, lambda words, score: [7.0] * len(words)),
    ],
    ids=lambda x: getattr(x, "name", "wrong"),
)
def test_other_wrong_answers_are_wrong_and_get_no_false_name(exercise, wrong):
    feedback = exercise.judge(wrong)
    assert feedback.state is State.WRONG and feedback.mistake is None


# Wrong in one thing -------------------------------------------------------------------------------


def with_arguments(exercise, change):
    """The reference with other arguments: `change` gives them."""
    return lambda *args: exercise.reference(*change(*args))


def with_result(exercise, change):
    return lambda *args: change(exercise.reference(*args))


def remembering(exercise, key):
    """The reference, which gives what it gave for the same key before."""
    memory = {}

    def answer(*args):
        if (place := repr(key(*args))) not in memory:
            memory[place] = exercise.reference(*args)
        return memory[place]

    return answer


def bag_of(change):
    """A bag of the words that another way of cutting gives."""
    return lambda text, vocabulary: [list(change(text)).count(word) for word in vocabulary]


def bag_of_one_sign_less(text, vocabulary):
    words = [re.sub(r"^[^\w]|[^\w]$", "", word) for word in text.lower().split()]
    return [words.count(word) for word in vocabulary]


def bag_of_those_found(text, vocabulary):
    return [count for count in ex.bag_of_words.reference(text, vocabulary) if count]


def gradient_of(error):
    def answer(x, y, w, b):
        wrong = error(x @ w + b, y)
        return x.T @ wrong / len(y), wrong.mean()

    return answer


def last_but_for(change):
    return lambda hidden, lengths: hidden[torch.arange(len(hidden)), change(hidden, lengths)]


def last_that_is_not_zero(hidden, lengths):
    real = (hidden.abs().sum(-1) > 0) * torch.arange(1, hidden.shape[1] + 1)
    return hidden[torch.arange(len(hidden)), real.argmax(-1)]


def last_from_lists(hidden, lengths):
    return torch.tensor([hidden[i, n - 1].tolist() for i, n in enumerate(lengths.tolist())])


def last_without_gradient(hidden, lengths):
    with torch.no_grad():
        return ex.last_hidden.reference(hidden, lengths)


def last_over_zeros(hidden, lengths):
    hidden.data[torch.arange(hidden.shape[1]) >= lengths[:, None]] = 0
    return ex.last_hidden.reference(hidden, lengths)


def label_by(gain):
    def answer(logprobs, prior):
        return max(range(len(prior)), key=lambda i: gain(logprobs[i], prior[i]))

    return answer


def label_of_two(logprobs, prior):
    return ex.label_scores.reference(logprobs[:2], prior[:2])


def label_above(start):
    def answer(logprobs, prior):
        best, label = start, 0
        for i, (after, before) in enumerate(zip(logprobs, prior, strict=True)):
            if sum(after) - sum(before) > best:
                best, label = sum(after) - sum(before), i
        return label

    return answer


def table_of_one_row(labels, predicted, n):
    table = [[0] * n] * n
    for label, guess in zip(labels.tolist(), predicted.tolist(), strict=True):
        table[label][guess] += 1
    return torch.tensor(table)


def error_of(inside, gap=lambda sure, hit: (sure.mean() - hit.mean()).abs()):
    """The error with other bins or gaps: `inside(confidences, number, bins)` says which are in a bin."""

    def answer(confidences, right, bins):
        total = 0.0
        for number in range(bins):
            part = inside(confidences, number, bins)
            if part.any():
                total += float(part.float().mean() * gap(confidences[part], right[part].float()))
        return total

    return answer


def half_open(confidences, number, bins):
    return (confidences > number / bins) & (confidences <= (number + 1) / bins)


def from_below(confidences, number, bins):
    """Bins that hold their lower edges, the last one 1 as well."""
    place = (confidences * bins).long().clamp(max=bins - 1)
    return place == number


def error_of_equal_counts(confidences, right, bins):
    parts = [part for part in confidences.argsort().tensor_split(bins) if len(part)]
    gaps = [(confidences[part].mean() - right[part].float().mean()).abs() * len(part) for part in parts]
    return float(sum(gaps) / len(right))


def without(words, i):
    return words[:i] + words[i + 1 :]


def erase_with(whole=lambda words, i: words, rest=without):
    """Other words in place of all, or of those that are left."""
    return lambda words, score: [score(whole(words, i)) - score(rest(words, i)) for i in range(len(words))]


def erase_by_word(words, score):
    known = {}
    for i, word in enumerate(words):
        known.setdefault(word, score(words) - score(words[:i] + words[i + 1 :]))
    return [known[word] for word in words]


def erase_and_turn(words, score):
    whole, words, found = score(words), list(words), []
    for _ in range(len(words)):
        word = words.pop(0)
        found.append(whole - score(words))
        words.append(word)
    return found


def erase_for_good(words, score):
    found = []
    while words:
        found.append(score(words) - score(words[1:]))
        words.pop(0)
    return found


B, G, H, L = ex.bag_of_words, ex.logistic_gradient, ex.last_hidden, ex.label_scores
M, E, W = ex.confusion_matrix, ex.calibration_error, ex.leave_one_out

WRONG = [
    (B, bag_of(lambda text: [w.strip(".,!?") for w in text.lower().split()])),
    (B, bag_of(lambda text: [w.rstrip(string.punctuation) for w in text.lower().split()])),
    (B, bag_of(lambda text: [w.lstrip(string.punctuation) for w in text.lower().split()])),
    (B, bag_of(lambda text: [w.strip(string.punctuation) for w in text.split()])),
    (B, bag_of(lambda text: [w.strip(string.punctuation) for w in text.lower().split("\n")])),
    (B, bag_of(lambda text: re.findall(r"\w+(?:'\w+)*", text.lower()))),
    (B, bag_of(lambda text: [w.strip(string.punctuation) for w in text.lower().replace("-", " ").split()])),
    (B, bag_of(lambda text: [w.strip("'.,!?()") for w in re.sub("[-:;]", "", text.lower()).split()])),
    (B, bag_of(lambda text: [w.strip(string.punctuation) for w in text.lower().split()][:1024])),
    (G, with_arguments(G, lambda x, y, w, b: (x[:1024], y[:1024], w, b))),
    (H, with_arguments(H, lambda hidden, lengths: (hidden, lengths.clamp(max=1024)))),
    (L, with_arguments(L, lambda after, before: (after[:1024], before[:1024]))),
    (L, label_by(lambda after, before: sum(after[:1024]) - sum(before[:1024]))),
    (M, with_arguments(M, lambda labels, predicted, n: (labels[:1024], predicted[:1024], n))),
    (E, with_arguments(E, lambda c, r, n: (c[:1024], r[:1024], n))),
    (E, with_arguments(E, lambda c, r, n: (c, r, min(n, 1024)))),
    (W, with_arguments(W, lambda words, score: (words[:512], score))),
    (B, bag_of(lambda text: {w.strip(string.punctuation) for w in text.lower().split()})),
    (B, bag_of(lambda text: [w.strip(string.punctuation) for w in text.lower().split()][:64])),
    (B, bag_of(lambda text: [w.strip(string.punctuation).removesuffix("s") for w in text.lower().split()])),
    (B, bag_of(lambda text: re.findall(r"[\w']+", text.lower()))),
    (B, bag_of(lambda text: re.findall(r"[a-z0-9]+(?:'[a-z]+)*", text.lower()))),
    (B, bag_of(lambda text: re.findall(r"\b[^\W\d]+(?:'\w+)*\b", text.lower()))),
    (B, bag_of_one_sign_less),
    (B, bag_of_those_found),
    (B, lambda text, vocabulary: B.reference(text, sorted(vocabulary))),
    (B, lambda text, vocabulary: B.reference(text, vocabulary) or None),
    (B, with_result(B, lambda counts: [min(count, 9) for count in counts])),
    (B, with_result(B, lambda counts: [float(count) for count in counts])),
    (B, remembering(B, lambda text, vocabulary: vocabulary)),
    (B, remembering(B, lambda text, vocabulary: (text, len(vocabulary)))),
    (G, gradient_of(lambda z, y: (z > 0).float() - y)),
    (G, gradient_of(lambda z, y: z.exp() / (1 + z.exp()) - y)),
    (G, gradient_of(lambda z, y: (z.sigmoid() - y) * z.sigmoid() * (1 - z.sigmoid()))),
    (G, gradient_of(lambda z, y: z.clamp(-10, 10).sigmoid() - y)),
    (G, gradient_of(lambda z, y: z.softmax(0) - y)),
    (G, gradient_of(lambda z, y: z.tanh() - y)),
    (G, gradient_of(lambda z, y: (z.sigmoid() - y).abs())),
    (G, gradient_of(lambda z, y: z.sigmoid() - (2 * y - 1))),
    (G, with_arguments(G, lambda x, y, w, b: (x[:1], y[:1], w, b))),
    (G, with_arguments(G, lambda x, y, w, b: (x[:64], y[:64], w, b))),
    (G, with_arguments(G, lambda x, y, w, b: ((x > 0).float(), y, w, b))),
    (G, with_arguments(G, lambda x, y, w, b: (x, y, w, round(b)))),
    (G, with_arguments(G, lambda x, y, w, b: (x, y, w, 0.0))),
    (G, with_result(G, lambda pair: (pair[1], pair[0]))),
    (G, with_result(G, lambda pair: (pair[0] + 0.01, pair[1]))),
    (G, with_result(G, lambda pair: (pair[0], pair[0].mean()))),
    (G, with_result(G, lambda pair: (pair[0].round(decimals=2), pair[1]))),
    (G, remembering(G, lambda x, y, w, b: x)),
    (H, last_but_for(lambda hidden, lengths: lengths.clamp(max=hidden.shape[1] - 1))),
    (H, last_but_for(lambda hidden, lengths: (lengths - 2).clamp(min=0))),
    (H, last_but_for(lambda hidden, lengths: lengths.max() - 1)),
    (H, last_but_for(lambda hidden, lengths: lengths[:1] - 1)),
    (H, last_but_for(lambda hidden, lengths: lengths.clamp(max=64) - 1)),
    (H, last_that_is_not_zero),
    (H, last_from_lists),
    (H, last_without_gradient),
    (H, last_over_zeros),
    (H, with_result(H, lambda states: states.squeeze())),
    (H, with_result(H, lambda states: states.detach())),
    (H, with_result(H, lambda states: states.round(decimals=2))),
    (H, with_result(H, lambda states: states * 1.01)),
    (H, lambda hidden, lengths: hidden.cumsum(1)[torch.arange(len(hidden)), lengths - 1]),
    (H, remembering(H, lambda hidden, lengths: hidden.shape)),
    (L, label_of_two),
    (L, label_above(0.0)),
    (L, label_above(-5.0)),
    (L, label_by(lambda after, before: abs(sum(after) - sum(before)))),
    (L, label_by(lambda after, before: sum(before) / sum(after) if sum(after) else 9e9)),
    (L, label_by(lambda after, before: sum(after[:-1]) - sum(before[:-1]))),
    (L, label_by(lambda after, before: sum(after[1:]) - sum(before[1:]))),
    (L, label_by(lambda after, before: max(after) - max(before))),
    (L, label_by(lambda after, before: sum(set(after)) - sum(set(before)))),
    (L, label_by(lambda after, before: round(sum(after)) - round(sum(before)))),
    (L, label_by(lambda after, before: sum(after) - sum(before) / len(before))),
    (L, label_by(lambda after, before: (sum(after) - sum(before)) / len(after))),
    (L, label_by(lambda after, before: math.exp(sum(after) - sum(before)) - 1 - sum(after) / 10)),
    (L, with_result(L, lambda place: place or None)),
    (L, with_result(L, lambda place: place + 1)),
    (L, remembering(L, lambda logprobs, prior: logprobs)),
    (L, remembering(L, lambda logprobs, prior: prior)),
    (M, table_of_one_row),
    (M, with_arguments(M, lambda labels, predicted, n: (labels[:-1], predicted[:-1], n))),
    (M, with_arguments(M, lambda labels, predicted, n: (labels[1:], predicted[1:], n))),
    (M, with_arguments(M, lambda labels, predicted, n: (labels % 256, predicted % 256, n))),
    (M, with_arguments(M, lambda labels, predicted, n: ((labels - 1) % n, (predicted - 1) % n, n))),
    (M, with_arguments(M, lambda labels, predicted, n: (labels, predicted, max(n, 2)))),
    (M, with_arguments(M, lambda labels, predicted, n: (labels, labels, n))),
    (M, lambda labels, predicted, n: torch.bincount(labels * 2 + predicted, minlength=n * n).view(n, n)),
    (M, lambda labels, predicted, n: torch.bincount(labels * n + predicted, minlength=n * n)),
    (M, lambda labels, predicted, n: torch.histc((labels * n + predicted).float(), n * n).view(n, n)),
    (M, with_result(M, lambda table: (table > 0).long())),
    (M, with_result(M, lambda table: table.byte().long())),
    (M, with_result(M, lambda table: table + table.T)),
    (M, with_result(M, lambda table: table.flip(0))),
    (M, with_result(M, lambda table: table.bool())),
    (M, remembering(M, lambda labels, predicted, n: (len(labels), n))),
    (E, error_of(from_below)),
    (E, error_of(lambda c, i, n: (c >= i / n) & (c < (i + 1) / n))),
    (E, error_of(lambda c, i, n: (c >= i / n) & ((c < (i + 1) / n) | (i == n - 1)))),
    (E, error_of(lambda c, i, n: (c >= i / n) & (c <= (i + 1) / n))),
    (E, error_of(lambda c, i, n: (c > i / n) & (c < (i + 1) / n))),
    (E, error_of(lambda c, i, n: half_open(c, i, n) & (i < n - 1))),
    (E, error_of(lambda c, i, n: half_open(c, i, n) & (i > 0))),
    (E, error_of(lambda c, i, n: half_open(c, i, max(n, 2)))),
    (E, error_of(lambda c, i, n: half_open(c, i, n) & (i < 64))),
    (E, error_of(lambda c, i, n: half_open(c, i, n) & (half_open(c, i, n).sum() > 1))),
    (E, error_of(half_open, lambda sure, hit: (sure.median() - hit.mean()).abs())),
    (E, error_of(half_open, lambda sure, hit: (sure.max() - hit.mean()).abs())),
    (E, error_of(half_open, lambda sure, hit: (sure - hit).abs().mean())),
    (E, error_of(half_open, lambda sure, hit: (sure.mean() - hit.mean()).clamp(min=0))),
    (E, error_of(half_open, lambda sure, hit: (sure.mean() - hit.round().mean().round()).abs())),
    (E, error_of_equal_counts),
    (E, with_arguments(E, lambda c, r, n: (c, ~r, n))),
    (E, with_arguments(E, lambda c, r, n: (c.round(decimals=1).clamp(min=0.01), r, n))),
    (E, with_arguments(E, lambda c, r, n: (c, r, 10))),
    (E, with_arguments(E, lambda c, r, n: (c, r, 15))),
    (E, with_result(E, lambda error: 100 * error)),
    (E, with_result(E, lambda error: round(error, 2))),
    (E, with_result(E, lambda error: 1 - error)),
    (E, remembering(E, lambda c, r, n: (c, n))),
    (W, erase_by_word),
    (W, erase_and_turn),
    (W, erase_for_good),
    (W, erase_with(rest=lambda words, i: [*words[:i], "", *words[i + 1 :]])),
    (W, erase_with(rest=lambda words, i: words[:i] + words[i + 2 :])),
    (W, erase_with(rest=lambda words, i: sorted(without(words, i)))),
    (W, erase_with(rest=lambda words, i: without(words, i)[::-1])),
    (W, erase_with(whole=lambda words, i: words[: i + 1], rest=lambda words, i: words[:i])),
    (W, erase_with(whole=lambda words, i: words[1:])),
    (W, erase_with(whole=lambda words, i: sorted(words))),
    (W, lambda words, score: W.reference(words, ex.with_not)),
    (W, with_arguments(W, lambda words, score: ([word.lower() for word in words], score))),
    (W, with_arguments(W, lambda words, score: ([word.strip(".!") for word in words], score))),
    (W, with_arguments(W, lambda words, score: (words[:64], score))),
    (W, with_result(W, lambda values: values[:-1])),
    (W, with_result(W, lambda values: values[::-1])),
    (W, with_result(W, lambda values: [round(value) for value in values])),
    (W, with_result(W, lambda values: values or None)),
    (W, with_result(W, sum)),
    (W, lambda words, score: dict(zip(words, W.reference(words, score), strict=True))),
    (W, remembering(W, lambda words, score: words)),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("exercise", "wrong"), WRONG, ids=lambda x: getattr(x, "name", None) or "wrong")
def test_what_is_wrong_in_one_thing_only_is_found_out(exercise, wrong, seed):
    feedback = exercise.judge(wrong, seed=seed)
    assert feedback.state in (State.WRONG, State.CRASHED), str(feedback)
