"""What a classifier says, how sure it is, and which word it keys on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import check_ids, check_instance, shown, text_list
from course_lib.sentiment.classifiers import class_logits
from course_lib.tokens.base import Tokenizer


def probabilities(
    model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 64
) -> torch.Tensor:
    """The probability of each label for each text, (N, 2): the softmax of `class_logits`.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("no yes", ["<|endoftext|>"])
    >>> from course_lib.sentiment import RecurrentClassifier
    >>> both = probabilities(RecurrentClassifier(tokenizer.vocab_size, 6), tokenizer, ["yes", "no"])
    >>> both.shape, bool(both.sum(-1).allclose(torch.ones(2)))
    (torch.Size([2, 2]), True)
    """
    return class_logits(model, tokenizer, texts, batch_size).softmax(-1)


def leave_one_out(words: Sequence[str], score: Callable[[list[str]], float]) -> list[float]:
    """How much of a score each word brings: the score of all words, minus that without the word.

    Source: Li, Monroe and Jurafsky 2016 (arXiv:1612.08220), on erasing words.

    >>> leave_one_out(["not", "good", "at", "all"], lambda words: words.count("good") - words.count("not"))
    [-1, 1, 0, 0]
    """
    words = text_list("leave_one_out", words)
    check_instance("leave_one_out", "score", score, Callable, "a function from words to a number")
    whole = score(words)
    return [whole - score(words[:i] + words[i + 1 :]) for i in range(len(words))]


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The number by which to divide the logits so that the labels become as likely as possible.

    Above 1, the classifier was too sure; below 1, not sure enough. What it predicts does not change. It is
    looked for between 1/100 and 100, by leaving out a part of the range again and again.

    Shapes: logits (N, n), labels (N,). Fit it on texts that were neither trained on nor are tested with.
    Source: Guo and others 2017, section 4.2 (arXiv:1706.04599).

    >>> logits = torch.tensor([[0.0, 8.0]] * 4)  # sure of label 1, and right three times of four
    >>> round(fit_temperature(logits, torch.tensor([1, 1, 1, 0])) * math.log(3), 3)
    8.0
    """

    _check_scores(logits, labels)

    def loss(power: float) -> float:
        return F.cross_entropy(logits.double() / math.exp(power), labels).item()

    low, high = math.log(0.01), math.log(100.0)
    while high - low > 1e-6:
        one, other = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, other) if loss(one) <= loss(other) else (one, high)
    return math.exp((low + high) / 2)


def _check_scores(logits: torch.Tensor, labels: torch.Tensor) -> None:
    shaped = all(isinstance(given, torch.Tensor) for given in (logits, labels)) and logits.ndim == 2
    if not shaped or labels.shape != logits.shape[:1] or labels.dtype != torch.int64 or not len(labels):
        raise ValueError(
            f"fit_temperature got logits={shown(logits)} and labels={shown(labels)}; it needs logits (N, n) "
            "and as many whole labels (N,), at least one."
        )
    if not logits.isfinite().all():
        raise ValueError("fit_temperature got logits that are NaN or infinite; look at what made them.")
    check_ids("fit_temperature", labels, logits.shape[1])
