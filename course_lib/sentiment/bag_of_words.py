"""Texts as counts of their words, and a logistic regression on the counts.

The order of the words is gone: two texts with the same words are the same text here. This module does not
know language models or where labels come from. It supports `course_lib.sentiment`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from course_lib.arguments import check_instance, number, shown, text_list, whole, wrong

_WORD = re.compile("[\u4e00-\u9fff]|[^\\W\u4e00-\u9fff]+(?:'[^\\W\u4e00-\u9fff]+)*")


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation; in Chinese, each character is one.

    An apostrophe inside a word belongs to it.

    >>> words_of("I don't like it. 颜色不好。")
    ['i', "don't", 'like', 'it', '颜', '色', '不', '好']
    """
    check_instance("words_of", "text", text, str, "a text, one str")
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class BagOfWords:
    """A vocabulary, and texts as how often each of its words stands in them.

    >>> bag = BagOfWords.train(["It is good.", "It is not good."], min_count=2)
    >>> bag.vocabulary
    ('good', 'is', 'it')
    >>> bag.encode(["Good, good! Is it?", "Bad."])
    tensor([[2., 1., 1.],
            [0., 0., 0.]])
    """

    vocabulary: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocabulary", tuple(text_list("BagOfWords", self.vocabulary)))

    @classmethod
    def train(cls, texts: Sequence[str], min_count: int = 2) -> BagOfWords:
        """Every word that stands at least `min_count` times in all texts together, in alphabetical order.

        Raises: ValueError if no word does.
        """
        texts, min_count = text_list("BagOfWords", texts), whole("BagOfWords", "min_count", min_count)
        counts = Counter(word for text in texts for word in words_of(text))
        kept = tuple(sorted(word for word, count in counts.items() if count >= min_count))
        if not kept:
            raise ValueError(
                f"BagOfWords found no word at least {min_count} times in {len(texts)} texts; "
                "give more texts or a lower min_count."
            )
        return cls(kept)

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """The counts of each text, (N, V); words outside the vocabulary are left out."""
        texts = text_list("BagOfWords", texts)
        places = {word: place for place, word in enumerate(self.vocabulary)}
        counts = torch.zeros(len(texts), len(places))
        for row, text in enumerate(texts):
            for word in words_of(text):
                if word in places:
                    counts[row, places[word]] += 1
        return counts


def fit_logistic(
    x: torch.Tensor, y: torch.Tensor, l2: float = 1.0, steps: int = 100, tolerance: float = 1e-8
) -> tuple[torch.Tensor, torch.Tensor]:
    """The weights w and the bias b that make the labels likeliest, with P(1 | x) = sigmoid(x · w + b).

    Minimises the sum of the losses plus l2/2 · |w|²; the bias goes free. Newton's method in double precision:
    each step solves for the lowest point of the parabola that fits here, and is halved while it leads upward.

    Shapes: x (N, V), y (N,) of 0 and 1 -> w (V,), b (), both float32.
    Raises: ValueError for labels other than 0 and 1 or only one of them, for l2 <= 0, or if the gradient's
    largest entry is not below `tolerance` after `steps`.
    Source: Hastie, Tibshirani and Friedman 2009, section 4.4.1, "The Elements of Statistical Learning".

    >>> w, b = fit_logistic(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), l2=0.1)
    >>> bool(w > 0), bool(b.abs() < 1e-6)
    (True, True)
    """
    steps = _check_fit(x, y, l2, steps, tolerance)
    ones = torch.ones(len(x), 1, dtype=torch.float64)
    x, y = torch.cat([x.double(), ones], dim=1), y.double()  # the bias is the weight of a column of ones
    decay = torch.full((x.shape[1],), float(l2), dtype=torch.float64)
    decay[-1] = 0.0
    w = torch.zeros_like(decay)
    for _ in range(steps):
        p = torch.sigmoid(x @ w)
        gradient = x.T @ (p - y) + decay * w
        if gradient.abs().max() < tolerance:
            return w[:-1].float(), w[-1].float()
        curvature = (x.T * (p * (1 - p))) @ x + torch.diag(decay)
        w = _downhill(x, y, decay, w, torch.linalg.solve(curvature, gradient))
    raise ValueError(
        f"fit_logistic did not converge in {steps} steps: its gradient is still "
        f"{float(gradient.abs().max()):.2g}; give more steps or a larger l2."
    )


def _check_fit(x: object, y: object, l2: object, steps: object, tolerance: object) -> int:
    """Raises ValueError for what no regression can be fitted to; the number of steps comes back."""
    _check_counts("fit_logistic", x, y, "y (N,), a label for each text")
    if len(x) != len(y):
        raise ValueError(f"fit_logistic got {len(x)} texts and {len(y)} labels; give one for each.")
    number("fit_logistic", "l2", l2, "above 0", lambda value: 0 < value < math.inf)
    number("fit_logistic", "tolerance", tolerance, "above 0", lambda value: value > 0)
    if (labels := {*y.tolist()}) != {0, 1}:
        raise ValueError(
            f"fit_logistic got the labels {shown(sorted(labels))}; it needs both of the labels 0 and 1."
        )
    return whole("fit_logistic", "steps", steps)


def _check_counts(owner: str, x: object, other: object, needed: str) -> None:
    tensors = isinstance(x, torch.Tensor) and isinstance(other, torch.Tensor)
    if not tensors or (x.ndim, other.ndim) != (2, 1):
        raise ValueError(
            f"{owner} got {shown(x)} and {shown(other)}; it needs tensors x (N, V) and {needed}."
        )
    if x.is_complex() or not x.isfinite().all() or not other.isfinite().all():
        raise ValueError(f"{owner} got numbers that are NaN or infinite; look at what made them.")


def _downhill(
    x: torch.Tensor, y: torch.Tensor, decay: torch.Tensor, w: torch.Tensor, step: torch.Tensor
) -> torch.Tensor:
    """w - step, or a half of it, or a quarter, ...: the first that is not worse than w."""

    def loss(w: torch.Tensor) -> torch.Tensor:
        z = x @ w
        return (torch.nn.functional.softplus(z) - y * z).sum() + (decay * w * w).sum() / 2

    here, size = loss(w), 1.0
    while loss(w - size * step) > here + 1e-9 * here.abs() and size > 1e-6:
        size /= 2
    return w - size * step


def logistic_probabilities(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | float) -> torch.Tensor:
    """The probabilities of the labels 0 and 1 under a logistic regression.

    Shapes: x (N, V), w (V,) -> (N, 2).

    >>> logistic_probabilities(torch.zeros(1, 3), torch.ones(3), 0.0)
    tensor([[0.5000, 0.5000]])
    """
    _check_counts("logistic_probabilities", x, w, "w (V,), a weight for each word")
    if not w.is_floating_point():
        raise wrong("logistic_probabilities", "w", w, "weights with floats, such as fit_logistic gives")
    if x.shape[1] != len(w):
        raise ValueError(
            f"logistic_probabilities got {x.shape[1]} counts for each text and {len(w)} weights; give a "
            "weight for each count."
        )
    number("logistic_probabilities", "b", b)
    z = x.to(w.dtype) @ w + b
    return torch.stack([torch.sigmoid(-z), torch.sigmoid(z)], dim=-1)
