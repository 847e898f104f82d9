"""Ten exercises that ask for a design: what people write from the words alone is named, and named rightly."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from course_lib.assistant import exercises as assistant
from course_lib.finetuning import exercises as finetuning
from course_lib.generation import exercises as generation
from course_lib.sentiment import exercises as sentiment
from course_lib.training import exercises as training
from course_lib.translation import exercises as translation

# F1 and exact match -----------------------------------------------------------------------------------------


def pairs_of(answer, right):
    return (Counter(answer) & Counter(right)).total()


def f1_that_removes(answer, right):
    found = 0
    for word in answer:
        if word in right:
            right.remove(word)
            found += 1
    return 2 * found / (len(answer) + len(right))


def f1_that_removes_from_a_copy(answer, right):
    rest, found = right.copy(), 0
    for word in answer:
        if word in rest:
            del rest[rest.index(word)]
            found += 1
    return 2 * found / (len(answer) + len(rest))


def f1_over_the_union(answer, right):
    a, b = Counter(answer), Counter(right)
    return sum((a & b).values()) / sum((a | b).values())


def f1_of_all_that_occurs(answer, right):
    with_partner = [word for word in answer if word in right] + [word for word in right if word in answer]
    return len(with_partner) / (len(answer) + len(right))


PARTNER_GONE = "what has found a partner isn't counted any more"
F1 = [
    (f1_that_removes, PARTNER_GONE),
    (f1_that_removes_from_a_copy, PARTNER_GONE),
    (f1_over_the_union, "a pair is counted as one word of all"),
    (f1_of_all_that_occurs, "a word with a partner anywhere counts, on both sides"),
    (lambda a, r: pairs_of(a, r) / max(len(a), len(r)), "only the longer of the two is counted"),
    (lambda a, r: pairs_of(a, r) / min(len(a), len(r)), "only the shorter of the two is counted"),
    (lambda a, r: 2 * pairs_of(a, r) // (len(a) + len(r)), "the division drops the fraction"),
    (lambda a, r: pairs_of(a, r) / (len(a) + len(r)), "the 2 is missing"),
]


def matching(letters):
    def plain(text):
        return [w for w in re.sub(letters, "", text.lower()).split() if w not in {"a", "an", "the"}]

    return lambda answer, right: plain(answer) == plain(right)


OTHER_SCRIPTS = "letters of other scripts are dropped"
MATCH = [
    (matching("[^a-z0-9 ]"), OTHER_SCRIPTS),
    (matching("[^a-z ]"), OTHER_SCRIPTS),
    (matching(r"[^a-z0-9\s]"), OTHER_SCRIPTS),
    (matching(r"[^\w\s]"), "the underscore counts"),
    (matching(r"[\d]|[^\w\s]|_"), "figures are dropped"),
]

# Steps and gradients ----------------------------------------------------------------------------------------


def adamw(renewed=lambda old, new, beta: beta * old + (1 - beta) * new, reached=None, root=torch.sqrt):
    reached = reached or (lambda betas, step: (1 - betas[0] ** step, 1 - betas[1] ** step))

    def step_of(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
        mean = renewed(mean, gradient, betas[0])
        square = renewed(square, gradient * gradient, betas[1])
        way, other_way = reached(betas, step)
        weight = weight - lr * weight_decay * weight
        return weight - lr * (mean / way) / (root(square / other_way) + eps), mean, square

    return step_of


STEP = [
    (
        adamw(reached=lambda betas, step: ((1 - betas[0]) ** step, (1 - betas[1]) ** step)),
        "divided by (1 - beta)^step, not by 1 - beta^step",
    ),
    (
        adamw(reached=lambda betas, step: (1 - betas[0] ** step,) * 2),
        "both are corrected with the first beta",
    ),
    (
        adamw(renewed=lambda old, new, beta: (1 - beta) * old + beta * new),
        "beta is taken for the share of what is new",
    ),
    (
        adamw(reached=lambda betas, step: (1 - betas[0], 1 - betas[1])),
        "divided by 1 - beta, not by 1 - beta^step",
    ),
    (adamw(root=lambda square: square), "the root is left out"),
]


def clipped_by(length):
    def clip_gradients(gradients, max_norm):
        shrink = min(1.0, max_norm / (float(length(gradients)) + 1e-6))
        return [gradient * shrink for gradient in gradients]

    return clip_gradients


CLIP = [
    (clipped_by(lambda g: sum(part.norm() for part in g) / len(g)), "the mean of the tensors' lengths"),
    (clipped_by(lambda g: torch.linalg.norm(g[0])), "the length of the first tensor only"),
    (clipped_by(lambda g: max(part.norm() for part in g)), "the longest tensor's length"),
    (clipped_by(lambda g: sum(part.norm() for part in g)), "the lengths of the tensors are added up"),
    (clipped_by(lambda g: sum(part.square().sum() for part in g)), "the root is left out"),
]

# Sampling ---------------------------------------------------------------------------------------------------


def bar_of(logits, k):
    return torch.topk(logits, min(k, logits.size(-1))).values


def kept_in_all_rows(logits, k):
    ids = logits.topk(min(k, logits.size(-1))).indices
    kept = torch.full(logits.shape, -math.inf)
    kept[:, ids] = logits[:, ids]
    return kept


LOW = "the others get a low number, not minus infinity"
TOP_K = [
    (lambda logits, k: logits * (logits >= bar_of(logits, k)[:, -1:]), "the others get the logit 0"),
    (lambda logits, k: torch.where(logits < bar_of(logits, k)[:, -1:], -1e9, logits), LOW),
    (lambda logits, k: logits.where(logits >= bar_of(logits, k)[:, [-1]], torch.tensor(-1e4)), LOW),
    (
        lambda logits, k: logits.masked_fill(logits < bar_of(logits, k).min(), -math.inf),
        "the lowest bar of all rows for each row",
    ),
    (kept_in_all_rows, "what one row keeps, all rows keep"),
]

# Scores of translations and classifiers ---------------------------------------------------------------------


def penalty_of(shorter, longer=lambda h, r: 1.0):
    def brevity_penalty(hypothesis_length, reference_length):
        if not hypothesis_length:
            return 0.0
        which = shorter if hypothesis_length < reference_length else longer
        return which(hypothesis_length, reference_length)

    return brevity_penalty


PENALTY = [
    (penalty_of(lambda h, r: 1 + (1 / math.e - 1) * (r / h - 1)), "a straight line, not an exponential"),
    (
        penalty_of(lambda h, r: math.exp(-math.log(r / h, 2))),
        "a power of the ratio, not an exponential",
    ),
    (penalty_of(lambda h, r: 0.5 ** (r / h - 1)), "half of it is lost, not all but 1/e"),
    (
        penalty_of(lambda h, r: math.exp(1 - r / h), lambda h, r: math.exp(1 - r / h)),
        "too long gives a reward",
    ),
    (penalty_of(lambda h, r: h / r), "the plain ratio of the lengths"),
]


def calibrated(inside, edges=lambda bins: bins + 1, weigh=lambda share, bins: share):
    def calibration_error(confidences, right, bins):
        ends, error = torch.linspace(0, 1, edges(bins)), 0.0
        for low, high in pairwise(ends):
            here = inside(confidences, low, high)
            if here.any():
                gap = (confidences[here].mean() - right[here].float().mean()).abs()
                error += weigh(here.float().mean(), bins) * gap
        return float(error)

    return calibration_error


def upper(c, low, high):
    return (low < c) & (c <= high)


ERROR = [
    (
        calibrated(lambda c, low, high: (low <= c) & (c <= high)),
        "a confidence on an edge lies in two bins",
    ),
    (calibrated(lambda c, low, high: (low <= c) & (c < high)), "the bins hold their lower edges"),
    (calibrated(upper, edges=lambda bins: bins), "there is one bin too few"),
    (calibrated(upper, weigh=lambda share, bins: 1 / bins), "all bins weigh the same"),
    (calibrated(upper, weigh=lambda share, bins: 1), "the gaps are added up without weights"),
]
FIRST_NUMBER = "only the first number of each vector is taken"
LAST = [
    (lambda hidden, lengths: torch.gather(hidden, 1, (lengths - 1).view(-1, 1, 1)), FIRST_NUMBER),
    (lambda hidden, lengths: hidden.gather(1, (lengths - 1).view(-1, 1, 1)).squeeze(), FIRST_NUMBER),
    (lambda hidden, lengths: hidden[:, -1], "the last column is taken"),
    (lambda hidden, lengths: hidden[:, lengths - 1], "every row gives all the places"),
    (lambda hidden, lengths: hidden[torch.arange(len(hidden)), lengths], "it is one place too far"),
]

# The assistant ----------------------------------------------------------------------------------------------


def dropped_from_the_front(messages, lengths, budget):
    system = [m for m in messages if m["role"] == "system"]
    rest = [(m, n) for m, n in zip(messages, lengths, strict=True) if m["role"] != "system"]
    room = budget - (lengths[0] if system else 0)
    while sum(n for _, n in rest) > room:
        del rest[0]
    if rest and rest[0][0]["role"] == "assistant":
        del rest[0]
    return system + [m for m, _ in rest]


def recent(room=lambda budget, system: budget - system, answers=True, fits=lambda n, left: n <= left):
    def keep_recent(messages, lengths, budget):
        first = 1 if messages[0]["role"] == "system" else 0
        left, start = room(budget, sum(lengths[:first])), len(messages)
        while start > first and fits(lengths[start - 1], left):
            start -= 1
            left -= lengths[start]
        if answers and start < len(messages) and messages[start]["role"] == "assistant":
            start += 1
        return messages[:first] + messages[start:]

    return keep_recent


RECENT = [
    (dropped_from_the_front, "it takes from an empty list"),
    (recent(room=lambda budget, system: budget), "the system message takes no room"),
    (recent(answers=False), "it begins with an answer"),
    (recent(fits=lambda n, left: n < left), "a message that just fits is left out"),
    (lambda messages, lengths, budget: messages, "everything is kept"),
]


def has_word(point, text):
    return re.search(rf"\b{re.escape(point)}\b", text, re.IGNORECASE)


def covered(has):
    def points_covered(points, text):
        return sum(1 for point in points if has(point, text)) / len(points) if points else 1.0

    return points_covered


POINTS = [
    (
        covered(lambda point, text: point.lower() in re.findall(r"\w+", text.lower())),
        "points of several words are never found",
    ),
    (
        covered(lambda point, text: f" {point.lower()} " in " " + re.sub(r"[^\w\s]", "", text.lower()) + " "),
        "signs between words are deleted, and the words grow together",
    ),
    (
        lambda points, text: (
            len({point for point in points if has_word(point, text)}) / len(points) if points else 1.0
        ),
        "a point that is asked for twice counts once",
    ),
    (covered(lambda point, text: point.lower() in text.lower()), "parts of words count"),
    (covered(lambda point, text: re.search(f"\b{point}\b", text, re.I)), "no point is ever found"),
]

TABLES = {
    finetuning.token_f1: F1,
    finetuning.exact_match: MATCH,
    training.adamw_step: STEP,
    training.clip_gradients: CLIP,
    generation.top_k: TOP_K,
    translation.brevity_penalty: PENALTY,
    sentiment.calibration_error: ERROR,
    sentiment.last_hidden: LAST,
    assistant.keep_recent: RECENT,
    assistant.points_covered: POINTS,
}


@pytest.mark.parametrize(
    ("exercise", "answer", "name"),
    [(exercise, answer, name) for exercise, table in TABLES.items() for answer, name in table],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "name", ""),
)
def test_what_people_write_from_the_words_alone_is_named(exercise, answer, name):
    assert replace(exercise, draws=4).judge(answer, seed=1).mistake == name


def test_there_are_ten_with_five_each():
    assert len(TABLES) == 10 and all(len(table) >= 5 for table in TABLES.values())
