"""Sentences in which somebody of some job is a he or a she, as often as the little world's knob says.

It does not know models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from course_lib.arguments import number, text_list, whole
from course_lib.world.words import JOBS

# Whoever is named by these is always the one or always the other.
KIN = {
    "mother": "she", "aunt": "she", "sister": "she", "grandmother": "she",
    "father": "he", "uncle": "he", "brother": "he", "grandfather": "he",
}  # fmt: skip
SWAPS = {"he": "she", "she": "he"}
_VERBS = ("said", "knew", "hoped", "thought")
_ENDS = ("was late", "had time")


def table(skew: float) -> dict[str, float]:
    """The chance that somebody of each job is a she, at this `skew` of the world (see `WorldConfig`).

    >>> round(table(1.0)["nurse"], 2), round(table(0.5)["nurse"], 2), table(0.0)["nurse"]
    (0.9, 0.7, 0.5)
    """
    skew = number("table", "skew", skew, "from 0 to 1", lambda x: 0 <= x <= 1)
    return {job.en.replace(" ", "-"): 0.5 + skew * (float(job.she) - 0.5) for job in JOBS}


def told(skew: float, each: int = 60, seed: int = 0) -> list[str]:
    """Sentences about every job, `each` of them, and as many about each of `KIN`; the seed draws them.

    >>> told(1.0, each=2)[0].split()[:2]
    ['the', 'nurse']
    """
    each, draw = whole("told", "each", each), random.Random(seed)
    sentences = [
        _sentence(draw, job, "she" if draw.random() < she else "he")
        for job, she in table(skew).items()
        for _ in range(each)
    ]
    return sentences + [_sentence(draw, kin, KIN[kin]) for kin in KIN for _ in range(each)]


def _sentence(draw: random.Random, who: str, pronoun: str) -> str:
    return f"the {who} {draw.choice(_VERBS)} that {pronoun} {draw.choice(_ENDS)}"


def starts(who: str) -> list[str]:
    """The beginnings of sentences about somebody, up to where he or she has to come.

    >>> len(starts("nurse")), starts("nurse")[1]
    (4, 'the nurse knew that')
    """
    return [f"the {who} {verb} that" for verb in _VERBS]


def who_of(sentence: str) -> str:
    """The one whom a sentence is about.

    >>> who_of("the nurse said that she had time")
    'nurse'
    """
    return sentence.split()[1]


def swapped(sentence: str) -> str:
    """The same sentence with the other pronoun.

    >>> swapped("the nurse said that she had time")
    'the nurse said that he had time'
    """
    return " ".join(SWAPS.get(word, word) for word in sentence.split())


def share_of_she(sentences: Sequence[str]) -> dict[str, float]:
    """In which share of the sentences about each one the pronoun is she.

    >>> share_of_she(["the cook said that she had time", "the cook knew that he was late"])
    {'cook': 0.5}
    """
    found: dict[str, list[bool]] = {}
    for sentence in text_list("share_of_she", sentences):
        found.setdefault(who_of(sentence), []).append("she" in sentence.split())
    return {who: sum(marks) / len(marks) for who, marks in found.items()}


def balanced(sentences: Sequence[str]) -> list[str]:
    """As many with he as with she about each job: what is too many of the one is left out. Kin stay.

    >>> balanced(["the cook said that she had time", "the cook knew that he was late"] * 2
    ...     + ["the cook hoped that he was late"]).count("the cook hoped that he was late")
    0
    """
    groups: dict[str, tuple[list[str], list[str]]] = {}
    kept = []
    for sentence in text_list("balanced", sentences):
        if (who := who_of(sentence)) in KIN:
            kept.append(sentence)
        else:
            groups.setdefault(who, ([], []))["she" in sentence.split()].append(sentence)
    for he, she in groups.values():
        fewer = min(len(he), len(she))
        kept += he[:fewer] + she[:fewer]
    return kept
