"""Mistakes as people write them, in the applications, and formulas with one thing otherwise."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from course_lib.assistant import exercises as assistant
from course_lib.attention import exercises as attention
from course_lib.context import exercises as context
from course_lib.finetuning import exercises as finetuning
from course_lib.generation import exercises as generation
from course_lib.model import exercises as model
from course_lib.sentiment import exercises as sentiment
from course_lib.training import exercises as training
from course_lib.translation import exercises as translation

INFINITY = math.inf

# Applications -----------------------------------------------------------------------------------------------


def batch_of_ids_alone(examples, pad_id):
    longest = max(len(ids) for ids, _ in examples)
    rows = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in examples])
    return rows[:, :-1], rows[:, 1:]


def f1_of_either_side(answer, right):
    precision = len([word for word in answer if word in right]) / len(answer)
    recall = len([word for word in right if word in answer]) / len(right)
    return 0.0 if precision == 0 else 2 * precision * recall / (precision + recall)


def gain_of(gain):
    def label_scores(logprobs, prior):
        gains = [gain(sum(after), sum(before)) for after, before in zip(logprobs, prior, strict=True)]
        return max(range(len(gains)), key=gains.__getitem__)

    return label_scores


def render_open_answers(messages, add_generation_prompt=False):
    text = "<|endoftext|>"
    for message in messages:
        text += f"<|{message['role']}|>{message['content']}"
        if message["role"] != "assistant":
            text += "<|end|>"
    return text + ("<|assistant|>" if add_generation_prompt else "")


def render_by_joining(messages, add_generation_prompt=False):
    parts = [f"<|{message['role']}|>{message['content']}" for message in messages]
    return "<|endoftext|>" + "<|end|>".join(parts) + "<|assistant|>" * add_generation_prompt


def encode_open_answers(messages, encode, marks):
    ids = [marks["<|endoftext|>"]]
    for message in messages:
        ids += [marks[f"<|{message['role']}|>"], *encode(message["content"])]
        if message["role"] != "assistant":
            ids.append(marks["<|end|>"])
    return ids


def targets_of_open_answers(messages, marks):
    ids, targets = [marks["<|endoftext|>"]], [-100]
    for role, content in messages:
        said = list(content) if role == "assistant" else [*content, marks["<|end|>"]]
        ids += [marks[f"<|{role}|>"], *said]
        targets += [-100, *(said if role == "assistant" else len(said) * [-100])]
    return ids, targets


OPEN = "there is no <|end|> after the assistant's messages"
APPLICATIONS = [
    (finetuning.pad_batch, batch_of_ids_alone, "the targets are taken from the ids"),
    (finetuning.token_f1, f1_of_either_side, "every word that occurs in the other is counted"),
    (
        finetuning.merge,
        lambda weight, a, b, alpha: weight + alpha / len(a) * (a.T @ b.T),
        "the change is turned over",
    ),
    (
        finetuning.lora_forward,
        lambda x, weight, a, b, alpha: F.linear(x, weight) + alpha / len(a) * (x @ a @ b),
        "A and B are not turned",
    ),
    (sentiment.label_scores, gain_of(lambda after, before: math.exp(after) - math.exp(before)),
     "the probabilities are subtracted"),
    (assistant.render_chat, render_open_answers, OPEN),
    (assistant.render_chat, render_by_joining, "there is no <|end|> after the last message"),
    (assistant.encode_safely, encode_open_answers, OPEN),
    (assistant.assistant_targets, targets_of_open_answers, OPEN),
]  # fmt: skip

# One thing otherwise ----------------------------------------------------------------------------------------


def waves_of(base):
    def sinusoidal_positions(T, width):
        angles = torch.arange(T)[:, None] / base ** (torch.arange(0, width, 2) / width)
        return torch.stack([angles.sin(), angles.cos()], -1).reshape(T, width)

    return sinusoidal_positions


def mlp_of(factor, power=3):
    def mlp(x, w_up, b_up, w_down, b_down):
        wide = x @ w_up + b_up
        return 0.5 * wide * (1 + torch.tanh(factor * (wide + 0.044715 * wide**power))) @ w_down + b_down

    return mlp


def best_above(low, score=lambda total, length, alpha: total / length**alpha):
    def rescore(logprobs, lengths, alpha):
        best, found = low, 0
        for place, total in enumerate(logprobs):
            if score(total, lengths[place], alpha) > best:
                best, found = score(total, lengths[place], alpha), place
        return found

    return rescore


def chrf_of_sets(hypothesis, reference, n=6, beta=2.0):
    ours, theirs = hypothesis.replace(" ", ""), reference.replace(" ", "")
    precisions, recalls = [], []
    for k in range(1, n + 1):
        mine = [ours[i : i + k] for i in range(len(ours) - k + 1)]
        right = [theirs[i : i + k] for i in range(len(theirs) - k + 1)]
        if mine and right:
            precisions.append(len(set(mine) & set(right)) / len(mine))
            recalls.append(len(set(mine) & set(right)) / len(right))
    if sum(precisions) == 0:
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def adamw_by_products(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    mean = betas[0] * mean + (1 - betas[0]) * gradient
    square = betas[1] * square + (1 - betas[1]) * gradient**2
    direction, size = mean / (1 - betas[0] * step), square / (1 - betas[1] * step)
    return weight - lr * weight_decay * weight - lr * direction / (size.sqrt() + eps), mean, square


def rate_in_degrees(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * step / warmup
    done = min(1.0, (step - warmup) / (steps - warmup))
    return peak * (floor + (1 - floor) * (1 + math.cos(180 * done)) / 2)


def gradient_along_the_words(x, y, w, b):
    error = torch.sigmoid(x @ w + b) - y
    return (x * error).sum(0) / len(y), error.mean()


def covered_if(has):
    return lambda points, text: sum(map(has(text), points)) / len(points) if points else 1.0


SCORES = "the scores are made probabilities"
LOW = "the search begins with a score that no text reaches"
LARGE = "the future gets a large number, not minus infinity"
OTHERWISE = [
    (context.sinusoidal_positions, waves_of(1000), "the base is 1000, not 10000"),
    (
        attention.split_heads,
        lambda x, n_heads: x.view(x.shape[0], n_heads, x.shape[1], -1),
        "reshaped straight to (B, H, T, D)",
    ),
    (
        attention.alibi_bias,
        lambda T, n_heads: attention.alibi_bias.reference(T, n_heads).nan_to_num(neginf=-1e9),
        LARGE,
    ),
    (model.mlp, mlp_of(math.sqrt(2) / math.pi), "a number in the GELU is another"),
    (model.mlp, mlp_of(math.sqrt(2 / math.pi), power=2), "a number in the GELU is another"),
    (
        model.count_parameters,
        lambda *sizes: model.count_parameters.reference(*sizes) + sizes[0],
        "the head has a bias",
    ),
    (
        training.cross_entropy_gradient,
        lambda logits, targets: (logits.softmax(-1) - F.one_hot(targets)) / len(logits),
        "the number of tokens is guessed from the targets",
    ),
    (training.adamw_step, adamw_by_products, "the root of a negative number is taken"),
    (training.learning_rate, rate_in_degrees, "the angle is in degrees"),
    (
        generation.top_k,
        lambda logits, k: logits.masked_fill(
            logits < logits.topk(min(k, logits.shape[1]))[0][:, -1], -INFINITY
        ),
        "the bars have lost their axis",
    ),
    (
        finetuning.mask_prompt,
        lambda prompt, answer: ([*prompt, *answer], [-1 for _ in prompt] + answer),
        "the prompt's targets are -1",
    ),
    (
        finetuning.lora_count,
        lambda shapes, rank: sum(map(sum, shapes)),
        "the rank is forgotten",
    ),
    (translation.rescore, best_above(-100.0), LOW),
    (translation.rescore, best_above(0), "always the first"),
    (
        translation.rescore,
        best_above(-1, lambda total, length, alpha: math.exp(total / length**alpha)),
        SCORES,
    ),
    (translation.chrf_score, chrf_of_sets, "pieces that stand there twice count once"),
    (sentiment.logistic_gradient, gradient_along_the_words, "the errors lie along the words"),
    (
        assistant.points_covered,
        covered_if(lambda text: lambda point: bool(re.match(rf"{re.escape(point)}\b", text, re.I))),
        "only the beginning of the text is looked at",
    ),
    (
        assistant.points_covered,
        covered_if(lambda text: lambda point: point.lower() in text.lower().split()),
        "signs stick to the words",
    ),
]

ALL = [*APPLICATIONS, *OTHERWISE]


def titled(value):
    return value if isinstance(value, str) else getattr(value, "name", "")


@pytest.mark.parametrize(("exercise", "answer", "name"), ALL, ids=titled)
def test_mistakes_are_named_as_people_write_them(exercise, answer, name):
    assert replace(exercise, draws=4).judge(answer, seed=1).mistake == name
