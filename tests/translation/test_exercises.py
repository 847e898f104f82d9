"""The exercises of notebook 09: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sacrebleu
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.exercises import State, exercises_of
from course_lib.finetuning.examples import masked
from course_lib.translation import exercises as ex
from course_lib.translation import scores

# References against oracles -----------------------------------------------------------------------

IDS = st.lists(st.integers(0, 9), min_size=1, max_size=5)
WORDS = st.lists(st.sampled_from(["red", "kite", "a", "mia", "ran"]), min_size=1, max_size=9)
LETTERS = st.text("ab 米c", min_size=1, max_size=9)


def no_smoothing(ours, right, order=4):
    metric = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=order)
    return metric.corpus_score([" ".join(ours)], [[" ".join(right)]])


@given(IDS, IDS, st.integers(0, 9))
def test_targets_are_the_courses(source, target, end):
    parts = [([end, *source], False), ([*target, end], True)]
    assert ex.prefix_targets.reference(source, target, end) == masked(parts)


@given(WORDS, WORDS)
def test_bleu_and_its_parts_are_sacrebleus(ours, right):
    wanted = no_smoothing(ours, right)
    precisions = [ex.clipped_precision.reference(ours, right, n) for n in (1, 2, 3, 4)]
    assert precisions == list(zip(wanted.counts, wanted.totals, strict=True))
    assert ex.brevity_penalty.reference(len(ours), len(right)) == pytest.approx(wanted.bp)
    ours_score = ex.bleu_score.reference(precisions, len(ours), len(right))
    assert ours_score == pytest.approx(wanted.score, abs=1e-6)


@given(LETTERS, LETTERS, st.integers(1, 6), st.integers(1, 3))
def test_chrf_is_sacrebleus(ours, right, n, beta):
    wanted = sacrebleu.corpus_chrf([ours], [[right]], char_order=n, beta=beta).score
    assert ex.chrf_score.reference(ours, right, n, beta) == pytest.approx(wanted, abs=1e-6)


def test_rescoring_is_that_of_beam_search():
    from course_lib.generation import beam_search

    def model(ids):  # after 0 a short and a long way lead to the end, 3
        table = torch.tensor([[0, 0.6, 0.4, 0], [0.1, 0.1, 0.6, 0.2], [0, 0.3, 0.1, 0.6], [0, 0, 0, 1]])
        return table.log().clamp(min=-99)[ids]

    beams = beam_search(model, [0], 5, 7, stop_tokens=[3], length_penalty=0.0, early_stopping="never")
    sums, lengths = [beam.score for beam in beams], [len(beam.new_ids) for beam in beams]
    assert ex.rescore.reference(sums, lengths, 0.0) == 0
    means = [total / length for total, length in zip(sums, lengths, strict=True)]
    assert means[ex.rescore.reference(sums, lengths, 1.0)] == max(means)


def test_the_first_cases_are_those_that_can_be_worked_by_hand():
    first = {e.name: e.reference(*e._judge().fresh_cases()[0].args, **e._judge().fresh_cases()[0].kwargs)
             for e in exercises_of("translation") if e.kind == "explore"}  # fmt: skip
    assert first["prefix_targets"] == ([0, 5, 7, 3, 9, 4, 0], [-100, -100, -100, 3, 9, 4, 0])
    assert first["clipped_precision"] == (2, 4)
    assert first["brevity_penalty"] == pytest.approx(1 / math.e)
    assert first["bleu_score"] == pytest.approx(100 * math.sqrt(0.4))
    assert first["chrf_score"] == pytest.approx(100 * 2 * 1 * (7 / 12) / (1 + 7 / 12))
    assert first["rescore"] == 1
    assert first["strongest_source"] == [("跑了", "."), ("米娅", "Mia")]


def test_all_are_there_in_their_order():
    names = [exercise.name for exercise in exercises_of("translation")]
    assert names == [
        *("prefix_targets", "endless_targets", "clipped_precision", "brevity_penalty", "bleu_score"),
        *("chrf_score", "wrong_way_round", "alpha_of_the_tie", "rescore", "strongest_source"),
    ]
    kinds = {"endless_targets": "bug", "wrong_way_round": "explain", "alpha_of_the_tie": "explain"}
    assert all(one.kind == kinds.get(one.name, "explore") for one in exercises_of("translation"))


# Other right ways ---------------------------------------------------------------------------------


def targets_by_loop(source_ids, target_ids, end_id):
    ids, targets = [end_id], [-100]
    for id in source_ids:
        ids.append(id)
        targets.append(-100)
    for id in [*target_ids, end_id]:
        ids.append(id)
        targets.append(id)
    return ids, targets


def targets_by_slices(source_ids, target_ids, end_id):
    ids = [end_id]
    ids += source_ids + target_ids
    ids.append(end_id)
    targets = ids.copy()
    targets[: len(source_ids) + 1] = [-100] * (len(source_ids) + 1)
    return ids, targets


def targets_in_numpy(source_ids, target_ids, end_id):
    ids = np.array([end_id, *source_ids, *target_ids, end_id])
    learned = np.arange(len(ids)) > len(source_ids)
    return ids.tolist(), np.where(learned, ids, -100)


def precision_by_counters(hypothesis, reference, n):
    ours, right = (
        Counter(zip(*(words[i:] for i in range(n)), strict=False)) for words in (hypothesis, reference)
    )
    return (ours & right).total(), ours.total()


def precision_by_removing(hypothesis, reference, n):
    left = [reference[i : i + n] for i in range(len(reference) - n + 1)]
    matches = total = 0
    for start in range(len(hypothesis) - n + 1):
        total += 1
        if hypothesis[start : start + n] in left:
            left.remove(hypothesis[start : start + n])
            matches += 1
    return matches, total


def precision_of_joined_words(hypothesis, reference, n):
    def grams(words):
        return ["|".join(words[i : i + n]) for i in range(len(words)) if i + n <= len(words)]

    ours, right = grams(hypothesis), grams(reference)
    return [sum(min(ours.count(gram), right.count(gram)) for gram in set(ours)), len(ours)]


def penalty_by_min(hypothesis_length, reference_length):
    return min(1.0, math.e ** (1 - reference_length / hypothesis_length)) if hypothesis_length else 0


def penalty_by_torch(hypothesis_length, reference_length):
    if not hypothesis_length:
        return torch.zeros(())
    return torch.tensor(1 - reference_length / max(hypothesis_length, 1e-9)).clamp(max=0).exp().item()


def penalty_by_numpy(hypothesis_length, reference_length):
    with np.errstate(divide="ignore"):
        reference_length = max(1, reference_length)
        return np.exp(np.minimum(0, 1 - np.float64(reference_length) / np.float64(hypothesis_length)))


def bleu_by_product(precisions, hypothesis_length, reference_length):
    product = 1.0
    for matches, total in precisions:
        product *= matches / total if total else 0.0
    return 100 * product ** (1 / len(precisions)) * penalty_by_min(hypothesis_length, reference_length)


def bleu_by_torch(precisions, hypothesis_length, reference_length):
    matches, totals = torch.tensor(precisions, dtype=torch.float64).T
    logs = (matches / totals.clamp(min=1)).log()
    return 100 * logs.mean().exp() * penalty_by_torch(hypothesis_length, reference_length)


def bleu_by_logarithms(precisions, hypothesis_length, reference_length):
    if min(matches for matches, _ in precisions) < 1:
        return 0
    logs = sum(math.log2(matches) - math.log2(total) for matches, total in precisions)
    short = max(0.0, reference_length / hypothesis_length - 1)
    return 100 * 2 ** (logs / len(precisions)) / math.exp(short)


def chrf_by_lists(hypothesis, reference, n=6, beta=2.0):
    texts = [text.replace(" ", "") for text in (hypothesis, reference)]
    P, R, count = 0.0, 0.0, 0
    for k in range(1, min(n, len(texts[0]), len(texts[1])) + 1):
        ours, right = [[text[i : i + k] for i in range(len(text) - k + 1)] for text in texts]
        shared = sum(min(ours.count(piece), right.count(piece)) for piece in set(ours))
        P, R, count = P + shared / len(ours), R + shared / len(right), count + 1
    if P == 0:
        return 0
    P, R = P / count, R / count
    return 100 * (1 + beta * beta) / (1 / P + beta * beta / R)


def chrf_by_sacrebleu(hypothesis, reference, n=6, beta=2.0):
    return sacrebleu.CHRF(char_order=n, beta=beta).sentence_score(hypothesis, [reference]).score


def chrf_by_precision_exercise(hypothesis, reference, n=6, beta=2.0):
    ours, right = list("".join(hypothesis.split())), list("".join(reference.split()))
    both = [
        (precision_by_counters(ours, right, k), precision_by_counters(right, ours, k))
        for k in range(1, n + 1)
    ]
    both = [pair for pair in both if pair[0][1] and pair[1][1]]
    if not both:
        return 0
    precision, recall = (np.mean([a / b for a, b in side]) for side in zip(*both, strict=True))
    below = beta**2 * precision + recall
    return 100 * (1 + beta**2) * precision * recall / below if below > 0 else 0.0


def rescore_by_loop(logprobs, lengths, alpha):
    best, place = -math.inf, None
    for i in range(len(logprobs)):
        score = logprobs[i] / lengths[i] ** alpha
        if score > best:
            best, place = score, i
    return place


def rescore_by_key(logprobs, lengths, alpha):
    return max(range(len(lengths)), key=lambda i: logprobs[i] / math.pow(lengths[i], alpha))


def rescore_in_numpy(logprobs, lengths, alpha):
    return np.argmax(np.array(logprobs) / np.array(lengths, dtype=float) ** alpha)


def strongest_by_max(attn, source_tokens, target_tokens):
    _, places = attn.double().max(dim=1)
    return [[target_tokens[t], source_tokens[s]] for t, s in enumerate(places)]


def strongest_by_loops(attn, source_tokens, target_tokens):
    pairs = []
    for t, row in enumerate(attn):
        best = 0
        for s in range(len(row)):
            if row[s] > row[best]:
                best = s
        pairs.append((target_tokens[t], source_tokens[best]))
    return pairs


def strongest_from_the_other_side(attn, source_tokens, target_tokens):
    places = attn.T.argmax(0).numpy()
    return list(zip(target_tokens, np.array(source_tokens)[places].tolist(), strict=True))


def targets_by_chain(source_ids, target_ids, end_id):
    parts = [([end_id], False), (source_ids, False), (target_ids, True), ([end_id], True)]
    both = [(id, id if learned else -100) for ids, learned in parts for id in ids]
    return [id for id, _ in both], [goal for _, goal in both]


def targets_by_torch(source_ids, target_ids, end_id):
    ids = torch.tensor([end_id, *source_ids, *target_ids, end_id])
    targets = ids.clone()
    targets[: 1 + len(source_ids)] = -100
    return ids.tolist(), targets


class Layout:
    def __init__(self, ignored=-100):
        self.ignored = ignored

    def __call__(self, source_ids, target_ids, end_id):
        read, learned = (end_id, *source_ids), (*target_ids, end_id)
        return read + learned, (self.ignored,) * len(read) + learned


def precision_by_dictionaries(hypothesis, reference, n):
    left, matches, total = {}, 0, 0
    for i in range(len(reference) - n + 1):
        gram = tuple(reference[i : i + n])
        left[gram] = left.get(gram, 0) + 1
    for i in range(len(hypothesis) - n + 1):
        gram, total = tuple(hypothesis[i : i + n]), total + 1
        if left.get(gram):
            left[gram], matches = left[gram] - 1, matches + 1
    return matches, total


def precision_by_sorting(hypothesis, reference, n):
    ours, right = (sorted(w[i : i + n] for i in range(len(w) - n + 1)) for w in (hypothesis, reference))
    matches = i = j = 0
    while i < len(ours) and j < len(right):
        matches += ours[i] == right[j]
        i, j = i + (ours[i] <= right[j]), j + (right[j] <= ours[i])
    return matches, len(ours)


def precision_by_subtracting(hypothesis, reference, n):
    ours, right = (
        Counter(" ".join(words[i : i + n]) for i in range(len(words) + 1 - n))
        for words in (hypothesis, reference)
    )
    total = max(0, len(hypothesis) - n + 1)
    ours.subtract(right)
    return np.int64(total - sum(count for count in ours.values() if count > 0)), total


def penalty_by_branches(hypothesis_length, reference_length):
    if not hypothesis_length:
        return 0
    if reference_length <= hypothesis_length:
        return 1
    return math.e / math.exp(reference_length / hypothesis_length)


def penalty_by_power(hypothesis_length, reference_length):
    if hypothesis_length == 0:
        return 0.0
    return math.pow(math.e, -max(0, reference_length - hypothesis_length) / hypothesis_length)


class Penalty:
    def of(self, hypothesis_length, reference_length):
        if min(hypothesis_length, 1) == 0:
            return np.float64(0)
        return np.exp(np.clip(1 - reference_length / hypothesis_length, None, 0))


def bleu_in_numpy(precisions, hypothesis_length, reference_length):
    matches, totals = np.array(precisions, dtype=float).T
    if (matches == 0).any():
        return 0.0
    score = np.exp(np.log(matches / totals).mean())
    return 100 * score * penalty_by_min(hypothesis_length, reference_length)


def bleu_by_roots(precisions, hypothesis_length, reference_length):
    score = 100.0 * penalty_by_min(hypothesis_length, reference_length)
    for matches, total in precisions:
        score *= (matches / max(total, 1)) ** (1 / len(precisions))
    return score


def bleu_by_statistics(precisions, hypothesis_length, reference_length):
    if 0 in (matches for matches, _ in precisions):
        return 0
    mean = statistics.geometric_mean([matches / total for matches, total in precisions])
    return 100 * mean * penalty_by_branches(hypothesis_length, reference_length)


def chrf_by_fractions(hypothesis, reference, n=6, beta=2.0):
    ours, right = hypothesis.replace(" ", ""), reference.replace(" ", "")
    P, R = [], []
    for k in range(1, n + 1):
        mine, theirs = precision_by_counters(ours, right, k), precision_by_counters(right, ours, k)
        if mine[1] and theirs[1]:
            P.append(Fraction(*mine))
            R.append(Fraction(*theirs))
    if not sum(P):
        return 0.0
    precision, recall = float(sum(P) / len(P)), float(sum(R) / len(R))
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def chrf_in_torch(hypothesis, reference, n=6, beta=2.0):
    ours, right = ["".join(text.split()) for text in (hypothesis, reference)]
    rows = []
    for k in range(1, min(n, len(ours), len(right)) + 1):
        mine, theirs = (Counter(text[i : i + k] for i in range(len(text) - k + 1)) for text in (ours, right))
        both = sum((mine & theirs).values())
        rows.append([both / (len(ours) - k + 1), both / (len(right) - k + 1)])
    P, R = torch.tensor(rows or [[0.0, 0.0]], dtype=torch.float64).mean(0)
    return 100 * (1 + beta**2) * P * R / (beta**2 * P + R) if P > 0 else torch.tensor(0.0)


def chrf_by_the_course(hypothesis, reference, n=6, beta=2.0):
    return scores.chrf([hypothesis], [reference], char_order=n, beta=beta)


def rescore_by_sorting(logprobs, lengths, alpha):
    places = sorted(range(len(lengths)), key=lambda i: -logprobs[i] * lengths[i] ** -alpha)
    return places[0]


def rescore_in_torch(logprobs, lengths, alpha):
    sums, sizes = torch.tensor(logprobs, dtype=torch.float64), torch.tensor(lengths, dtype=torch.float64)
    return (sums / sizes.pow(alpha)).argmax()


def rescore_by_enumerate(logprobs, lengths, alpha):
    best = None
    for place, (total, length) in enumerate(zip(logprobs, lengths, strict=True)):
        score = total / pow(length, alpha)
        if best is None or best[0] < score:
            best = score, place
    return best[1]


def strongest_in_numpy(attn, source_tokens, target_tokens):
    weights = attn.detach().cpu().numpy()
    return [(target_tokens[t], source_tokens[np.argmax(weights[t])]) for t in range(weights.shape[0])]


def strongest_by_lists(attn, source_tokens, target_tokens):
    return [
        (token, max(zip(row, source_tokens, strict=True), key=lambda pair: pair[0])[1])
        for token, row in zip(target_tokens, attn.tolist(), strict=True)
    ]


def strongest_by_topk(attn, source_tokens, target_tokens):
    places = attn.topk(1, dim=-1).indices.flatten()
    return tuple((token, source_tokens[place]) for token, place in zip(target_tokens, places, strict=True))


MORE = [
    *((ex.prefix_targets, way) for way in (targets_by_chain, targets_by_torch, Layout())),
    *(
        (ex.clipped_precision, way)
        for way in (precision_by_dictionaries, precision_by_sorting, precision_by_subtracting)
    ),
    *((ex.brevity_penalty, way) for way in (penalty_by_branches, penalty_by_power, Penalty().of)),
    *((ex.bleu_score, way) for way in (bleu_in_numpy, bleu_by_roots, bleu_by_statistics)),
    *((ex.chrf_score, way) for way in (chrf_by_fractions, chrf_in_torch, chrf_by_the_course)),
    *((ex.rescore, way) for way in (rescore_by_sorting, rescore_in_torch, rescore_by_enumerate)),
    *((ex.strongest_source, way) for way in (strongest_in_numpy, strongest_by_lists, strongest_by_topk)),
]

WAYS = [
    *MORE,
    *((ex.prefix_targets, way) for way in (targets_by_loop, targets_by_slices, targets_in_numpy)),
    *(
        (ex.clipped_precision, way)
        for way in (precision_by_counters, precision_by_removing, precision_of_joined_words)
    ),
    *((ex.brevity_penalty, way) for way in (penalty_by_min, penalty_by_torch, penalty_by_numpy)),
    *((ex.bleu_score, way) for way in (bleu_by_product, bleu_by_torch, bleu_by_logarithms)),
    *((ex.chrf_score, way) for way in (chrf_by_lists, chrf_by_sacrebleu, chrf_by_precision_exercise)),
    *((ex.rescore, way) for way in (rescore_by_loop, rescore_by_key, rescore_in_numpy)),
    *(
        (ex.strongest_source, way)
        for way in (strongest_by_max, strongest_by_loops, strongest_from_the_other_side)
    ),
]


@pytest.mark.parametrize(("exercise", "way"), WAYS, ids=lambda x: getattr(x, "name", None) or "way")
@pytest.mark.parametrize("seed", range(3))
def test_other_right_ways_pass(exercise, way, seed):
    feedback = exercise.judge(way, seed)
    assert feedback.state is State.RIGHT, str(feedback)


def test_weights_that_are_not_contiguous_are_read_as_well():
    attn = torch.rand(7, 5).T
    words = [*"abcdefg"]
    wanted = [(words[t], words[int(attn[t].argmax())]) for t in range(5)]
    assert ex.strongest_source.reference(attn, words, words[:5]) == wanted


# Mistakes in other words --------------------------------------------------------------------------


def unclipped(hypothesis, reference, n):
    ours, right = (list(zip(*(w[i:] for i in range(n)), strict=False)) for w in (hypothesis, reference))
    return len([gram for gram in ours if right.count(gram) > 0]), len(ours)


def always_pairs(hypothesis, reference, n):
    ours, right = Counter(pairwise(hypothesis)), Counter(pairwise(reference))
    return (ours & right).total(), ours.total()


def no_penalty(precisions, hypothesis_length, reference_length):
    return bleu_by_product(precisions, 1, 1)


def with_spaces(hypothesis, reference, n=6, beta=2.0):
    return (
        sacrebleu.CHRF(char_order=n, beta=beta, whitespace=True).sentence_score(hypothesis, [reference]).score
    )


def averaged_f(hypothesis, reference, n=6, beta=2.0):
    scores = []
    for k in range(1, n + 1):
        ours, right = ("".join(text.split()) for text in (hypothesis, reference))
        mine, theirs = (Counter(t[i : i + k] for i in range(len(t) - k + 1)) for t in (ours, right))
        if mine and theirs:
            both, weight = (mine & theirs).total(), beta**2
            scores.append(100 * (1 + weight) * both / (weight * theirs.total() + mine.total()))
    return sum(scores) / len(scores)


def divided(hypothesis, reference, n):  # crashes where there are no n-grams
    matches, total = precision_by_counters(hypothesis, reference, n)
    return matches / total


def without_asking_for_nothing(hypothesis_length, reference_length):
    return min(1, math.exp(1 - reference_length / hypothesis_length))


def turned_round(hypothesis_length, reference_length):
    short = hypothesis_length < reference_length
    return 1.0 if short else math.exp(1 - reference_length / hypothesis_length)


def swapped_lengths(precisions, hypothesis_length, reference_length):
    return bleu_by_product(precisions, reference_length, hypothesis_length)


def log_where_there_is_a_match(precisions, hypothesis_length, reference_length):
    logs = [math.log(matches / total) for matches, total in precisions if matches]
    mean = math.exp(sum(logs) / len(precisions))
    return 100 * mean * penalty_by_min(hypothesis_length, reference_length)


def chrf_of(hypothesis, reference, n, beta, counted):
    """chrF with other counts: `counted` gives (matches, of the hypothesis, of the reference)."""
    ours, right = ("".join(text.split()) for text in (hypothesis, reference))
    found = [counted(ours, right, k) for k in range(1, n + 1) if k <= min(len(ours), len(right))]
    P, R = (np.mean([row[0] / row[side] for row in found]) for side in (1, 2))
    return 100 * (1 + beta**2) * P * R / (beta**2 * P + R) if P else 0.0


def chrf_without_clip(hypothesis, reference, n=6, beta=2.0):
    def counted(ours, right, k):
        pieces = [ours[i : i + k] for i in range(len(ours) - k + 1)]
        return sum(piece in right for piece in pieces), len(pieces), len(right) - k + 1

    return chrf_of(hypothesis, reference, n, beta, counted)


def chrf_of_all_pieces(hypothesis, reference, n=6, beta=2.0):
    def pieces(text):
        text = "".join(text.split())
        return Counter(text[i:j] for i in range(len(text)) for j in range(i + 1, min(i + n, len(text)) + 1))

    ours, right = pieces(hypothesis), pieces(reference)
    counts = (ours & right).total(), ours.total(), right.total()
    return chrf_of("x", "x", 1, beta, lambda *_: counts)


def best_of(score):
    def answer(logprobs, lengths, alpha):
        return max(range(len(lengths)), key=lambda i: score(logprobs[i], lengths[i], alpha))

    return answer


def pairs_by_dictionary(attn, source_tokens, target_tokens):
    pairs = {}
    for t, row in enumerate(attn):
        pairs[target_tokens[t]] = source_tokens[row.argmax()]
    return list(pairs.items())


def pairs_by_index(attn, source_tokens, target_tokens):
    return [(token, source_tokens[attn[target_tokens.index(token)].argmax()]) for token in target_tokens]


@pytest.mark.parametrize(
    ("exercise", "wrong", "name"),
    [
        (ex.prefix_targets, lambda s, t, e: ([e, *s, *t, e],) * 2, "everything counts"),
        (ex.prefix_targets, lambda s, t, e: targets_by_loop(s, t, 0), "the end token is always 0"),
        (ex.clipped_precision, unclipped, "the matches are not clipped"),
        (ex.clipped_precision, divided, "they are divided already"),
        (ex.brevity_penalty, lambda h, r: min(1, h / r), "the plain ratio of the lengths"),
        (ex.brevity_penalty, without_asking_for_nothing, "it divides by zero where nothing was said"),
        (ex.brevity_penalty, turned_round, "the condition is turned round"),
        (ex.bleu_score, no_penalty, "the brevity penalty is missing"),
        (ex.bleu_score, swapped_lengths, "the penalty is for long texts instead of short ones"),
        (ex.bleu_score, log_where_there_is_a_match, "orders without a match are skipped"),
        (ex.chrf_score, chrf_without_clip, "the matches are not clipped"),
        (ex.chrf_score, chrf_of_all_pieces, "the counts of all orders are added up"),
        (ex.chrf_score, with_spaces, "the spaces stay in"),
        (ex.chrf_score, averaged_f, "an F for each order, then the mean of these"),
        (ex.rescore, lambda p, n, a: int(np.argmax(p)), "the sums alone"),
        (ex.rescore, best_of(lambda p, n, a: math.exp(p) / n**a), "made a probability before dividing"),
        (ex.rescore, best_of(lambda p, n, a: p * n**a), "multiplied instead of divided"),
        (ex.rescore, best_of(lambda p, n, a: (p / n) ** a), "the quotient is taken to the power of alpha"),
        (ex.strongest_source, pairs_by_dictionary, "the pairs go into a dictionary"),
        (ex.strongest_source, pairs_by_index, "the row is found by its token"),
        (ex.strongest_source, lambda a, s, t: [(s[i], t[j]) for j, i in enumerate(a.argmax(1))],
         "the pairs are the wrong way round"),
    ],
)  # fmt: skip
def test_mistakes_are_named_however_they_are_written(exercise, wrong, name):
    assert exercise.judge(wrong, seed=1).mistake == name


@pytest.mark.parametrize(
    ("exercise", "wrong"),
    [
        (ex.prefix_targets, lambda s, t, e: ([*t, e, *s, e], [*t, e] + [-100] * (len(s) + 1))),
        (ex.clipped_precision, always_pairs),
        (ex.brevity_penalty, lambda h, r: 0.5),
        (ex.bleu_score, lambda p, h, r: 100.0),
        (ex.chrf_score, lambda h, r, n=6, beta=2.0: 50.0),
        (ex.rescore, lambda p, n, a: len(p) - 1),
        (ex.strongest_source, lambda a, s, t: [(word, s[0]) for word in t]),
    ],
)
def test_what_no_listed_mistake_covers_is_wrong_without_a_name(exercise, wrong):
    feedback = exercise.judge(wrong)
    assert feedback.state is State.WRONG and feedback.mistake is None


# Wrong in one thing --------------------------------------------------------------------------------


def with_arguments(exercise, change):
    """The reference with other arguments: `change` gives them."""

    def answer(*args, **kwargs):
        return exercise.reference(*change(*args), **kwargs)

    return answer


def with_result(exercise, change):
    return lambda *args, **kwargs: change(exercise.reference(*args, **kwargs))


def remembering(exercise, key):
    memory = {}

    def answer(*args, **kwargs):
        if (place := repr(key(*args))) not in memory:
            memory[place] = exercise.reference(*args, **kwargs)
        return memory[place]

    return answer


def words(change):
    return lambda h, r, n: ([change(word) for word in h], [change(word) for word in r], n)


def texts(change):
    return lambda h, r, *more: (change(h), change(r), *more)


def targets_from_the_right(source, target, end):
    read = [end, *source, *target][: -len(target)]
    return [end, *source, *target, end], [-100] * len(read) + [*target, end]


def targets_by_looking(source, target, end):
    ids = [end, *source, *target, end]
    return ids, [-100 if id in source or i == 0 else id for i, id in enumerate(ids)]


def targets_at_the_first_place(source, target, end):
    ids = [end, *source, *target, end]
    start = ids.index(target[0]) if target else len(source) + 1
    return ids, [-100] * start + ids[start:]


def targets_in_place(source, target, end):
    source.insert(0, end)
    return [*source, *target, end], [-100] * len(source) + [*target, end]


def precision_with_short_ends(hypothesis, reference, n):
    ours, right = (Counter(tuple(w[i : i + n]) for i in range(len(w))) for w in (hypothesis, reference))
    return (ours & right).total(), max(0, len(hypothesis) - n + 1)


def penalty_with_tolerance(h, r):
    return 0.0 if h == 0 else 1.0 if h >= r - 1 else math.exp(1 - r / h)


def rescore_at_least(logprobs, lengths, alpha):
    best, place = -100.0, 0
    for i, (total, length) in enumerate(zip(logprobs, lengths, strict=True)):
        if total / length**alpha > best:
            best, place = total / length**alpha, i
    return place


def rescore_or_later(logprobs, lengths, alpha):
    best, place = -math.inf, 0
    for i, (total, length) in enumerate(zip(logprobs, lengths, strict=True)):
        if total / length**alpha >= best:
            best, place = total / length**alpha, i
    return place


def rescore_by_the_sum(logprobs, lengths, alpha):
    best = max(zip(logprobs, lengths, strict=True), key=lambda pair: pair[0] / pair[1] ** alpha)
    return logprobs.index(best[0])


def rescore_of_the_true(logprobs, lengths, alpha):
    scores = [
        total / length**alpha if total else -math.inf for total, length in zip(logprobs, lengths, strict=True)
    ]
    return scores.index(max(scores))


def rescore_from(start, nothing):
    """A loop that begins with a score that is not low enough."""

    def answer(logprobs, lengths, alpha):
        best, place = start, nothing
        for i, (total, length) in enumerate(zip(logprobs, lengths, strict=True)):
            if total / length**alpha > best:
                best, place = total / length**alpha, i
        return place

    return answer


def rescore_rounded(logprobs, lengths, alpha):
    scores = [round(total / length**alpha, 2) for total, length in zip(logprobs, lengths, strict=True)]
    return scores.index(max(scores))


def strongest_with(change):
    return lambda attn, source, target: ex.strongest_source.reference(*change(attn, source, target))


def strongest_by_view(attn, source, target):
    return ex.strongest_source.reference(attn.view(-1).view(attn.shape), source, target)


def strongest_by_value(attn, source, target):
    flat = attn.flatten().tolist()
    return [
        (t, source[flat.index(float(row.max())) // len(target)]) for t, row in zip(target, attn, strict=True)
    ]


def strongest_above(attn, source, target):
    found = []
    for token, row in zip(target, attn, strict=True):
        best, place = 0.01, 0
        for s, weight in enumerate(row):
            if weight > best:
                best, place = weight, s
        found.append((token, source[place]))
    return found


P, C, B, S = ex.prefix_targets, ex.clipped_precision, ex.brevity_penalty, ex.bleu_score
F, R, A = ex.chrf_score, ex.rescore, ex.strongest_source

WRONG = [
    (P, targets_from_the_right),
    (P, targets_by_looking),
    (P, targets_at_the_first_place),
    (P, targets_in_place),
    (P, with_arguments(P, lambda s, t, e: (s[:1024], t, e))),
    (P, with_arguments(P, lambda s, t, e: (s, t[:1024], e))),
    (P, with_arguments(P, lambda s, t, e: (s, t[:-1] if t[-1:] == [e] else t, e))),
    (P, with_arguments(P, lambda s, t, e: (s, t[: [*t, e].index(e)], e))),
    (P, with_arguments(P, lambda s, t, e: (s[1:] if s[:1] == [e] else s, t, e))),
    (P, with_arguments(P, lambda s, t, e: ([id for id in s if id != e], t, e))),
    (P, with_arguments(P, lambda s, t, e: (s, t, e or 1))),
    (P, with_arguments(P, lambda s, t, e: ([id for id in s if id], t, e))),
    (P, with_arguments(P, lambda s, t, e: (s, list(dict.fromkeys(t)), e))),
    (P, with_arguments(P, lambda s, t, e: (s[:64], t, e))),
    (P, with_arguments(P, lambda s, t, e: (s, [id % 256 for id in t], e))),
    (P, with_arguments(P, lambda s, t, e: (s or [e], t, e))),
    (P, with_result(P, lambda pair: (pair[0], [goal or -100 for goal in pair[1]]))),
    (P, with_result(P, lambda pair: pair[::-1])),
    (P, with_result(P, lambda pair: (pair[0], [-1 if goal == -100 else goal for goal in pair[1]]))),
    (P, remembering(P, lambda s, t, e: s)),
    (P, lambda s, t, e: (None, None) if not t else P.reference(s, t, e)),
    (C, with_arguments(C, words(str.lower))),
    (C, with_arguments(C, lambda h, r, n: (h[:1024], r, n))),
    (C, with_arguments(C, lambda h, r, n: (h, r[:1024], n))),
    (B, with_arguments(B, lambda h, r: (min(h, 10_000), min(r, 10_000)))),
    (S, with_arguments(S, lambda p, h, r: (p[:1024], h, r))),
    (F, with_arguments(F, lambda h, r, n=6, beta=2.0: (h[:1024], r[:1024], n, beta))),
    (R, rescore_from(-500.0, -1)),
    (R, rescore_from(-1000.0, 0)),
    (R, rescore_from(-99_999.0, 0)),
    (R, with_arguments(R, lambda p, n, a: (p[:1024], n[:1024], a))),
    (A, strongest_with(lambda a, s, t: (a[:1024], s, t[:1024]))),
    (A, strongest_with(lambda a, s, t: (a[:, :1024], s, t))),
    (C, with_arguments(C, words(lambda word: word.strip(".,()")))),
    (C, with_arguments(C, words(lambda word: word.encode("ascii", "ignore")))),
    (C, with_arguments(C, words(lambda word: word[:3]))),
    (C, with_arguments(C, lambda h, r, n: (h, list(dict.fromkeys(r)), n))),
    (C, with_arguments(C, lambda h, r, n: (h, r[:64], n))),
    (C, with_arguments(C, lambda h, r, n: (h, r, min(n, 4)))),
    (C, with_arguments(C, lambda h, r, n: (r, h, n))),
    (C, with_result(C, lambda pair: (pair[0], pair[1] or 1))),
    (C, with_result(C, lambda pair: pair if pair[1] else None)),
    (C, with_result(C, lambda pair: pair[::-1])),
    (C, with_result(C, lambda pair: (min(pair[0], 64), pair[1]))),
    (C, lambda h, r, n: C.reference("".join(h), "".join(r), n)),
    (C, precision_with_short_ends),
    (C, remembering(C, lambda h, r, n: (h, r))),
    (B, penalty_with_tolerance),
    (B, lambda h, r: math.exp(min(0, 1 - r / (h or 1)))),
    (B, lambda h, r: 1.0 if h > r else 0.0 if h == 0 else math.exp(1 - (r + 1) / h)),
    (B, lambda h, r: 0.0 if h == 0 or r == 0 else min(1.0, math.exp(1 - r / h))),
    (B, lambda h, r: None if h == 0 else min(1.0, math.exp(1 - r / h))),
    (B, lambda h, r: 0.0 if h <= 1 else min(1.0, math.exp(1 - r / h))),
    (B, lambda h, r: 0.0 if h == 0 else min(1.0, math.exp(1 - min(r, 64) / min(h, 64)))),
    (B, lambda h, r: 0.0 if h == 0 else round(min(1.0, math.exp(1 - r / h)), 2)),
    (B, lambda h, r: 0.0 if h == 0 else min(1.0, 2 ** (1 - r / h))),
    (B, lambda h, r: 0.0 if h == 0 else min(1.0, math.exp(1 - r / h)) * 100),
    (B, lambda h, r: 0.0 if h == 0 else 1.0 if h >= r else (h / r) ** 2),
    (B, remembering(B, lambda h, r: h)),
    (S, with_arguments(S, lambda p, h, r: (p[:4], h, r))),
    (S, with_arguments(S, lambda p, h, r: (p[-64:], h, r))),
    (S, with_arguments(S, lambda p, h, r: (list(dict.fromkeys(p)), h, r))),
    (S, with_arguments(S, lambda p, h, r: ([pair for pair in p if pair[1]] or [(0, 1)], h, r))),
    (S, with_arguments(S, lambda p, h, r: ([(max(m, 1e-9), max(t, 1e-9)) for m, t in p], h or 1, r))),
    (S, with_arguments(S, lambda p, h, r: (p, h, r + 1))),
    (S, with_result(S, lambda score: round(score, 1))),
    (S, with_result(S, lambda score: score or None)),
    (S, with_result(S, round)),
    (S, lambda p, h, r: S.reference(p, h, r) if len(p) > 1 else 100 * p[0][0] / p[0][1]),
    (S, lambda p, h, r: S.reference(p, h, r) if h < r else S.reference(p, h, r + 1)),
    (S, lambda p, h, r: 100 * bleu_by_product(p, h, r)),
    (S, remembering(S, lambda p, h, r: p)),
    (F, with_arguments(F, texts(str.lower))),
    (F, with_arguments(F, texts(lambda text: text[:-1]))),
    (F, with_arguments(F, texts(lambda text: text.encode("ascii", "ignore").decode()))),
    (F, with_arguments(F, texts(lambda text: text[:64]))),
    (F, with_arguments(F, texts(lambda text: "".join(c for c in text if c.isalnum())))),
    (F, with_arguments(F, texts(lambda text: " ".join(dict.fromkeys(text.split()))))),
    (F, lambda h, r, n=6, beta=2.0: F.reference(h, r, min(n, 6), beta)),
    (F, lambda h, r, n=6, beta=2.0: F.reference(h, r, n, beta or 1.0)),
    (F, lambda h, r, n=6, beta=2.0: F.reference(h, r, n, 2.0)),
    (F, lambda h, r, n=4, beta=2.0: F.reference(h, r, n, beta)),
    (F, lambda h, r, n=6, beta=1.0: F.reference(h, r, n, beta)),
    (F, lambda h, r, n=6, beta=2.0: F.reference(h, r, n, beta) if r.strip() else 100.0),
    (F, lambda h, r, n=6, beta=2.0: F.reference(h, r, n, beta) if h != r else 100),
    (F, with_result(F, lambda score: round(score, 1))),
    (F, with_result(F, lambda score: score / 100)),
    (F, remembering(F, lambda h, r, *more: (h, r))),
    (R, rescore_at_least),
    (R, rescore_or_later),
    (R, rescore_by_the_sum),
    (R, lambda p, n, a: int((torch.tensor(p).half() / torch.tensor(n).half() ** a).argmax())),
    (R, rescore_of_the_true),
    (R, rescore_rounded),
    (R, with_arguments(R, lambda p, n, a: (p, n, a or 1.0))),
    (R, with_arguments(R, lambda p, n, a: (p, n, min(a, 1.0)))),
    (R, with_arguments(R, lambda p, n, a: (p, n, round(a)))),
    (R, with_arguments(R, lambda p, n, a: (p[:8], n[:8], a))),
    (R, with_arguments(R, lambda p, n, a: (p, [min(x, 64) for x in n], a))),
    (R, with_arguments(R, lambda p, n, a: ([max(x, -50.0) for x in p], n, a))),
    (R, with_arguments(R, lambda p, n, a: (p, [x + 1 for x in n], a))),
    (R, with_result(R, lambda place: place or None)),
    (R, with_result(R, lambda place: float(place))),
    (R, lambda p, n, a: max((t / x**a, i) for i, (t, x) in enumerate(zip(p, n, strict=True)))[1]),
    (R, remembering(R, lambda p, n, a: p)),
    (A, strongest_by_view),
    (A, strongest_by_value),
    (A, strongest_above),
    (A, strongest_with(lambda a, s, t: (a.half(), s, t))),
    (A, strongest_with(lambda a, s, t: ((1000 * a).long(), s, t))),
    (A, strongest_with(lambda a, s, t: (a[:64], s, t[:64]))),
    (A, strongest_with(lambda a, s, t: (a, [word.strip() for word in s], t))),
    (A, strongest_with(lambda a, s, t: (a, s, [word.lower() for word in t]))),
    (A, strongest_with(lambda a, s, t: (a, [word or "?" for word in s], t))),
    (A, strongest_with(lambda a, s, t: (a.cumsum(-1), s, t))),
    (A, strongest_with(lambda a, s, t: (a / a.sum(0), s, t))),
    (A, with_result(A, lambda pairs: list(dict.fromkeys(pairs)))),
    (A, with_result(A, lambda pairs: [pair for pair in pairs if all(pair)])),
    (A, with_result(A, set)),
    (A, remembering(A, lambda a, s, t: (s, t))),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "wrong"), WRONG, ids=lambda x: getattr(x, "name", None) or "wrong")
def test_what_is_wrong_in_one_thing_only_is_found_out(exercise, wrong):
    feedback = exercise.judge(wrong, seed=1)
    assert feedback.state in (State.WRONG, State.CRASHED), str(feedback)
