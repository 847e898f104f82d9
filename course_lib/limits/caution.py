"""When to be silent: answers held back by their confidence, and several drafts that vote.

Plain numbers and texts in, plain numbers out. It does not know models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from course_lib.arguments import is_number, many, shown


class Held(NamedTuple):
    """What comes of answering only when sure enough: the share answered, and how much of that is wrong.

    >>> Held(0.6, 0.5, 0.0).answered
    0.5
    """

    threshold: float
    answered: float
    wrong: float


def selective(confidences: Sequence[float], right: Sequence[bool], threshold: float) -> Held:
    """Answers whose confidence is `threshold` or more are given; nothing given counts as nothing wrong.

    Source: El-Yaniv and Wiener 2010, section 2 (JMLR 11), on the risk and the coverage of a selective
    classifier.

    >>> selective([0.9, 0.8, 0.3, 0.2], [True, False, True, False], 0.5)
    Held(threshold=0.5, answered=0.5, wrong=0.5)
    """
    sure, marks = _pairs("selective", confidences, right)
    given = [hit for confidence, hit in zip(sure, marks, strict=True) if confidence >= threshold]
    wrong = sum(not hit for hit in given) / len(given) if given else 0.0
    return Held(threshold, len(given) / len(marks), wrong)


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[Held]:
    """`selective` at every threshold that makes a difference, from the strictest to the mildest.

    >>> [held.wrong for held in risk_coverage([0.9, 0.8, 0.3], [True, False, True])]
    [0.0, 0.5, 0.3333333333333333]
    """
    sure, marks = _pairs("risk_coverage", confidences, right)
    return [selective(sure, marks, threshold) for threshold in sorted(set(sure), reverse=True)]


def majority(answers: Sequence[str]) -> tuple[str, float]:
    """The answer that was given most often, and its share; of equally frequent ones, that given first.

    Source: Wang and others 2022 (arXiv:2203.11171), who call it self-consistency.

    >>> majority(["Tom", "Mia", "Mia", "Tom", "Mia"])
    ('Mia', 0.6)
    """
    found = many("majority", "answers", answers, "answers, one or more")
    if not found:
        raise ValueError("majority got no answers; give at least one.")
    ((answer, count),) = Counter(found).most_common(1)
    return answer, count / len(found)


def _pairs(owner: str, confidences: object, right: object) -> tuple[list[float], list[bool]]:
    sure = many(owner, "confidences", confidences, "numbers, one for each answer")
    marks = many(owner, "right", right, "marks, True or False, one for each answer")
    if len(sure) != len(marks) or not sure:
        raise ValueError(
            f"{owner} got {len(sure)} confidences and {len(marks)} marks; give equally many, at least one."
        )
    for value in sure:
        if not is_number(value):
            raise ValueError(f"{owner} got the confidence {shown(value)}; needed a number.")
    return [float(value) for value in sure], [bool(mark) for mark in marks]
