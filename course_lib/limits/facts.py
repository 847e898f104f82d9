"""Facts that a model can only know by heart: who was born where, stated often, rarely or never.

It does not know models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from course_lib.arguments import whole

TOWNS = tuple(
    "Arlen Bessow Corvin Dunmar Elstad Farrow Gorlin Hesper Istrel Jarvik "
    "Kelmo Lunden Marbek Norsa Oskar Pellin Quarn Rivek Soltan Tarmis".split()
)
OFTEN = (0, 1, 3, 10, 30)
_LIKES = ("tea", "music", "rain", "kites")


@dataclass(frozen=True)
class Fact:
    """Where a person was born, and how often the text says so.

    >>> Fact("Mabo", "Arlen", 3).question
    'Mabo comes from'
    """

    person: str
    town: str
    often: int

    @property
    def question(self) -> str:
        """The beginning of the sentence that says it, up to the town."""
        return f"{self.person} comes from"

    @property
    def reworded(self) -> str:
        """The beginning of another sentence that says it."""
        return f"home of {self.person} is"


def people(n: int, seed: int = 0) -> list[str]:
    """Different names that nobody has, made of syllables; the seed draws them.

    >>> len(set(people(300)))
    300
    """
    n, draw = whole("people", "n", n), random.Random(seed)
    names: dict[str, None] = {}
    while len(names) < n:
        syllables = (draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(3))
        names["".join(syllables).capitalize()] = None
    return list(names)


def facts(each: int = 40, often: Sequence[int] = OFTEN, seed: int = 0) -> list[Fact]:
    """`each` people for each number in `often`; their towns are drawn, all equally likely.

    >>> [fact.often for fact in facts(each=1)]
    [0, 1, 3, 10, 30]
    """
    each, draw = whole("facts", "each", each), random.Random(seed)
    names = iter(people(each * len(often), seed))
    return [Fact(next(names), draw.choice(TOWNS), count) for count in often for _ in range(each)]


def text(known: Sequence[Fact], seed: int = 0, reworded: float = 0.0) -> list[str]:
    """What is there to read: each fact as often as it says, and four things that each person likes.

    A share of `reworded` of the statements come in the other wording.

    >>> text([Fact("Mabo", "Arlen", 1)])[0]
    'Mabo comes from Arlen'
    """
    draw = random.Random(seed)
    lines = [
        f"{fact.reworded if draw.random() < reworded else fact.question} {fact.town}"
        for fact in known
        for _ in range(fact.often)
    ]
    return lines + [f"{fact.person} likes {draw.choice(_LIKES)}" for fact in known for _ in range(4)]
