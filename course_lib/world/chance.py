"""Where every random choice of the little world is made, and what it cost.

`Chance` draws; each draw of an option with probability p adds -log p to `nats`. The sum over a document is therefore
-log of the probability of the one path of choices that led to it: an upper bound on the information in the document.
`Replay` makes no draws of its own: it follows a given list of choices and then reports where the path could go on,
which is how `oracle` walks through *all* paths that lead to a given text.

Knows nothing of people, stories or languages.
"""

import math
import random
from collections.abc import Sequence
from typing import Any

from course_lib.world import arguments


class Chance:
    """A source of random choices that adds up what they cost.

    Units: `nats` is the sum of -log(probability) over all choices made so far.

    >>> chance = Chance(seed=7)
    >>> chance.pick(["tea", "milk"]) in ("tea", "milk")
    True
    >>> round(chance.nats, 4)  # one fair choice of two: log 2
    0.6931
    """

    def __init__(self, seed: int):
        # random() is the same on every machine and Python version; the other methods make no such promise.
        # A seed below 0 would give what the one above 0 gives.
        self._random = random.Random(arguments.whole("the seed", seed)).random
        self.nats = 0.0

    def pick(self, options: Sequence, weights: Sequence[float] | None = None, named: bool = False) -> Any:
        """One of `options`, evenly or by `weights`.

        `named` says that the telling will name what is picked, so that a search may leave out what a text does not
        mention. A choice of one costs nothing.
        """
        if len(options) == 1:
            return options[0]
        if weights is None:
            self.nats += math.log(len(options))
            return options[int(self._random() * len(options))]
        total = sum(weights)
        point = self._random() * total
        index = 0
        while point >= weights[index] and index < len(options) - 1:
            point -= weights[index]
            index += 1
        self.nats -= math.log(weights[index] / total)
        return options[index]

    def maybe(self, probability: float) -> bool:
        """True with the given probability.

        >>> Chance(0).maybe(1.0)
        True
        """
        return self.pick((True, False), (probability, 1.0 - probability))


class First(Chance):
    """Always takes the first option, at no cost: the plainest telling.

    >>> First().pick(["plain", "fancy"])
    'plain'
    """

    def __init__(self):
        self.nats = 0.0

    def pick(self, options: Sequence, weights: Sequence[float] | None = None, named: bool = False) -> Any:
        return options[0]


class Fork(Exception):
    """The path given to `Replay` is used up: `branches` holds (index, log-probability) of each way on."""

    def __init__(self, branches: list[tuple[int, float]]):
        self.branches = branches


class Mismatch(Exception):
    """What is being told differs from the text that `Replay` was asked to explain.

    `position`: how many characters agree; `expected`: the slot and the wording that was about to be told.
    """

    def __init__(self, position: int, expected: tuple[str, str]):
        self.position, self.expected = position, expected


class Replay(Chance):
    """Follows `path`, a tuple of option indices, then raises `Fork`; used to search for all derivations of a text.

    With no text it forks into every option.

    >>> replay = Replay((), "I drink milk.", "en")
    >>> try:
    ...     replay.pick(["tea", "milk"])
    ... except Fork as fork:
    ...     print([index for index, _ in fork.branches])
    [0, 1]
    """

    def __init__(self, path: tuple[int, ...], text: str | None, language: str):
        self.path = path
        self.text = text
        self.lower = text and text.lower()
        self.language = language
        self.step = 0
        self.told = 0  # how many characters of the text the teller has told so far
        self.nats = 0.0

    def pick(self, options: Sequence, weights: Sequence[float] | None = None, named: bool = False) -> Any:
        if len(options) == 1:
            return options[0]
        if self.step < len(self.path):
            self.step += 1
            return options[self.path[self.step - 1]]
        total = len(options) if weights is None else sum(weights)
        raise Fork(
            [
                (index, math.log((1 if weights is None else weights[index]) / total))
                for index, option in enumerate(options)
                if (weights is None or weights[index] > 0)
                and not (
                    named and self.lower is not None and not option.mentioned_in(self.lower, self.language)
                )
            ]
        )
