"""How good a classifier is, and whether it is as sure as it may be: accuracy, confusion, calibration.

Plain numbers in, plain numbers out; a tensor is as good as a list. This module does not know texts, models or
torch. It supports `course_lib.sentiment`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from course_lib.arguments import is_number, plain, shown, whole


def accuracy(labels: Sequence[int], predicted: Sequence[int]) -> float:
    """The share of predictions that are right.

    Raises: ValueError unless there is one prediction for each label, and at least one.

    >>> accuracy([0, 1, 1, 1], [0, 1, 0, 1])
    0.75
    """
    labels, predicted = _check("accuracy", "labels", labels, "predictions", predicted)
    return sum(a == b for a, b in zip(labels, predicted, strict=True)) / len(labels)


def confusion(labels: Sequence[int], predicted: Sequence[int], n: int = 2) -> list[list[int]]:
    """How often each label (the row) was taken for each label (the column).

    Raises: ValueError for a label outside 0 to n - 1, or lists of different lengths.

    >>> confusion([0, 1, 1, 1], [0, 1, 0, 1])
    [[1, 0], [1, 2]]
    """
    labels, predicted = _check("confusion", "labels", labels, "predictions", predicted)
    n = whole("confusion", "n", n)
    table = [[0] * n for _ in range(n)]
    for label, guess in zip(labels, predicted, strict=True):
        if label not in range(n) or guess not in range(n):
            raise ValueError(f"confusion got the labels {label} and {guess}; with n={n} they go to {n - 1}.")
        table[int(label)][int(guess)] += 1
    return table


@dataclass(frozen=True)
class Bin:
    """The predictions that are about equally sure: how sure on average, how often right, and how many.

    >>> one = Bin(confidence=0.875, right=0.75, count=4)
    >>> one.confidence - one.right  # above 0: surer than it may be
    0.125
    """

    confidence: float
    right: float
    count: int


def reliability(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Predictions sorted by how sure they are into bins of equal width over (0, 1]; empty bins are left out.

    `confidences` are the probabilities of what was predicted; `right` says whether it was so. A bin holds its
    upper edge, not its lower one.

    Raises: ValueError for a confidence outside (0, 1], no bin, no prediction, or lists of different lengths.
    Source: Guo and others 2017, section 2 (arXiv:1706.04599).

    >>> reliability([0.75, 0.75, 1.0, 1.0], [True, False, True, True], bins=2)
    [Bin(confidence=0.875, right=0.75, count=4)]
    """
    confidences, right = _check("reliability", "confidences", confidences, "marks", right)
    bins = whole("reliability", "bins", bins)
    members: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for confidence, hit in zip(map(float, confidences), map(bool, right), strict=True):
        if not 0 < confidence <= 1 + 1e-6:  # float32 probabilities may sum to a little more than 1
            raise ValueError(f"reliability got the confidence {confidence}; they lie above 0 and up to 1.")
        members[min(math.ceil(confidence * bins) - 1, bins - 1)].append((confidence, hit))
    return [
        Bin(sum(sure for sure, _ in one) / len(one), sum(hit for _, hit in one) / len(one), len(one))
        for one in members
        if one
    ]


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """By how much confidence and the share that is right differ, averaged over the predictions, bin by bin.

    0: of the predictions that are 80 % sure, 80 % are right, and so on.

    Raises: ValueError as `reliability`.
    Source: Naeini, Cooper and Hauskrecht 2015 (doi:10.1609/aaai.v29i1.9602); Guo and others 2017, section 2
    (arXiv:1706.04599).

    >>> expected_calibration_error([0.75, 0.75, 1.0, 1.0], [True, False, True, True], bins=4)
    0.125
    """
    rows = reliability(confidences, right, bins)
    return sum(row.count * abs(row.right - row.confidence) for row in rows) / sum(row.count for row in rows)


def _check(name: str, one: str, first: Sequence, other: str, second: Sequence) -> tuple[list, list]:
    """Both as plain lists of numbers, equally long."""
    found, others = _marks(name, first), _marks(name, second)
    if len(found) != len(others) or not found:
        raise ValueError(
            f"{name} got {len(found)} {one} and {len(others)} {other}; give equally many, at least one."
        )
    return found, others


def _marks(name: str, values: object) -> list:
    plain_values = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(plain_values, str | bytes | Mapping) or not isinstance(plain_values, Iterable):
        raise ValueError(f"{name} got {shown(values)}; needed lists of numbers.")
    found = [plain(value) for value in plain_values]
    if not all(isinstance(value, bool) or is_number(value) for value in found):
        raise ValueError(f"{name} got {shown(values)}; needed lists of numbers.")
    return found
