"""Answers that are wrong only in a corner: joined contexts, a nearest that lies opposite, rounding."""

import pytest
import torch
from torch.nn import functional as F

from course_lib.context import exercises as context
from course_lib.training import exercises as training
from course_lib.translation import exercises as translation


def contexts_as_text(ids, context, vocab_size):
    stream, recent = ids.tolist(), context.tolist()
    probabilities = torch.full((vocab_size,), 1 / vocab_size)
    for length in range(len(recent) + 1):
        last = "".join(map(str, recent[len(recent) - length :]))
        counts = torch.zeros(vocab_size)
        for i in range(length, len(stream)):
            if "".join(map(str, stream[i - length : i])) == last:
                counts[stream[i]] += 1
        probabilities = (counts + probabilities) / (counts.sum() + 1)
    return probabilities


def own_cosine_at_the_bottom(vectors, index, k):
    cosines = F.cosine_similarity(vectors, vectors[index : index + 1])
    cosines[index] = -1
    return cosines.argsort(descending=True, stable=True)[:k]


def gradient_overwritten(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    new = training.adamw_step.reference(weight, gradient, mean, square, step, lr, betas, eps, weight_decay)
    gradient.zero_()
    return new


def scores_in_float32(logprobs, lengths, alpha):
    return int((torch.tensor(logprobs) / torch.tensor(lengths) ** alpha).argmax())


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (context.backoff, contexts_as_text),
        (context.nearest, own_cosine_at_the_bottom),
        (training.adamw_step, gradient_overwritten),
        (translation.rescore, scores_in_float32),
    ],
    ids=lambda value: getattr(value, "__name__", getattr(value, "name", None)),
)
def test_it_is_refused_with_any_seed(exercise, answer):
    assert not exercise.judge(answer).right
    assert exercise.judge(exercise.reference).right


def test_a_reason_is_given_where_figures_agree():
    said = str(context.backoff.judge(contexts_as_text))
    assert "tokens are compared one by one" in said
    assert "the gradient stays" in str(training.adamw_step.judge(gradient_overwritten))
