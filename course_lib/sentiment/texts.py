"""Labelled texts from the little world, and twins: the same words in another order, with another label.

It does not know classifiers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from course_lib.arguments import check_instance, choice, many, whole, wrong
from course_lib.world.arguments import LANGUAGES
from course_lib.world.checker import sentence_spans
from course_lib.world.simulation import WorldConfig
from course_lib.world.tasks import Labelled, labelled_review, labelled_story
from course_lib.world.texts import ASPECTS

LABELS = ("bad", "good")  # label 0 and label 1
TEST_SEEDS = 2_500_000_000  # from here on: texts to test with, which nothing was trained on
ENDINGS = {  # what the world says at the end of a text, by kind: for label 0, and for label 1
    "review": (" I would not buy it again.", " I would buy it again."),
    "story": (" She went to bed feeling sad.", " She went to bed feeling happy."),
}
_TURN = "The {{0}} is {}. But in the end, the {{1}} is what counts, and it is {}."
_TWINS = {
    "negation": ("The {0} is not bad. The {1} is good.", "The {0} is not good. The {1} is bad."),
    "turn": (_TURN.format("terrible", "great"), _TURN.format("great", "terrible")),
}


def texts_and_labels(
    n: int, kind: str = "review", language: str = "en", first: int = 0, cast: str = "everyday"
) -> list[Labelled]:
    """`n` labelled texts of the world, half bad and half good, from the seeds `first`, `first` + 1 and so on.

    A text whose label has its half already is left out: four stories of five end well, and a model that is
    asked only half as often about good ones can't hide behind that. `cast` matters for stories only.

    Raises: ValueError for another kind than "review" and "story".

    >>> [one.label for one in texts_and_labels(4)]
    ['bad', 'good', 'bad', 'good']
    """
    choice("texts_and_labels", "kind", kind, ENDINGS)
    choice("texts_and_labels", "language", language, LANGUAGES)
    n, first = whole("texts_and_labels", "n", n, 0), whole("texts_and_labels", "first", first, 0)
    made: list[Labelled] = []
    left = {"good": n - n // 2, "bad": n // 2}
    seed, config = first, WorldConfig(cast=cast)
    while len(made) < n:
        one = labelled_review(seed, language) if kind == "review" else labelled_story(seed, language, config)
        if left[one.label]:
            left[one.label] -= 1
            made.append(one)
        seed += 1
    return made


def twins(n: int, kind: str = "negation", first: int = 0) -> list[Labelled]:
    """`n` pairs of short reviews, a good one and a bad one of exactly the same words in another order.

    "negation": *not bad* and *good*, against *not good* and *bad*. "turn": *terrible. But ... great* against
    *great. But ... terrible.* No bag of words can tell them apart. The sentences are the world's (but where
    it turns to the bad, it says *awful* and not *terrible*); the world never tells these reviews as a whole,
    so they also test how a classifier copes with something new.

    Raises: ValueError for another kind.

    >>> for one in twins(1, "turn"):
    ...     print(one.label, one.text.partition(". ")[2])
    good The design is terrible. But in the end, the feel is what counts, and it is great.
    bad The design is great. But in the end, the feel is what counts, and it is terrible.
    """
    choice("twins", "kind", kind, _TWINS)
    n, first = whole("twins", "n", n, 0), whole("twins", "first", first, 0)
    made = []
    for seed in range(first, first + n):
        opening = labelled_review(seed, "en").text.partition(". ")[0]
        one, other = (aspect.en for aspect in random.Random(seed).sample(ASPECTS, 2))
        for label, pattern in zip(("good", "bad"), _TWINS[kind], strict=True):
            made.append(Labelled(f"{opening}. {pattern.format(one, other)}", label, kind == "turn"))
    return made


def without_ending(text: str, language: str = "en") -> str:
    """A text up to its last sentence, where the world would say how it ends; a review's turn is kept.

    After it, the likelihood of an ending (`ENDINGS`) is a fair question: a whole text has had its ending.

    >>> without_ending("The look is poor. I hate it. I still regret it.")
    'The look is poor. I hate it.'
    >>> without_ending("The look is poor. But in the end, the price makes up for it.")
    'The look is poor. But in the end, the price makes up for it.'
    """
    choice("without_ending", "language", language, LANGUAGES)
    check_instance("without_ending", "text", text, str, "a text, one str")
    if not text.strip():
        raise wrong("without_ending", "text", text, "a text with at least one sentence")
    *_, (start, _) = sentence_spans(text, language)
    turn = {"en": "But ", "zh": "不过"}[language]
    return text if start == 0 or text[start:].startswith(turn) else text[:start].rstrip()


def label_ids(texts: Sequence[Labelled]) -> torch.Tensor:
    """The labels as numbers: 0 for bad, 1 for good.

    >>> label_ids([Labelled("It is great.", "good"), Labelled("It is poor.", "bad")])
    tensor([1, 0])
    """
    return torch.tensor([LABELS.index(one.label) for one in labelled("label_ids", texts)], dtype=torch.int64)


def labelled(owner: str, texts: object) -> list[Labelled]:
    """Several labelled texts as a list.

    Raises: ValueError for anything else, and for an unknown label.

    >>> labelled("label_ids", [Labelled("It is fair.", "fair")])
    Traceback (most recent call last):
    ValueError: label_ids got label='fair'; it must be one of bad, good.
    """
    found = many(owner, "texts", texts, "Labelled")
    for one in found:
        check_instance(owner, "texts", one, Labelled, "texts such as Labelled('I like it.', 'good')")
        choice(owner, "label", one.label, LABELS)
    return found
