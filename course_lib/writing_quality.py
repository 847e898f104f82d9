"""How good and how varied written texts are: right stories, distinct pieces, and how sure such numbers are.

What is right, the little world says. This module does not know models or how a text was written.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Hashable, Sequence

from course_lib.world.oracle import explain


def is_right(text: str) -> bool:
    """Whether the world could have told exactly this text, with all its facts agreeing.

    It is the `is_story` of `course_lib.world.checker.check`, without the search for the first wrong sentence.

    >>> from course_lib.world.documents import document
    >>> is_right(document(5, "en").text), is_right("The moon ate the bank.")
    (True, False)
    """
    text = text.strip()
    language = "zh" if re.search("[\u4e00-\u9fff]", text) else "en"
    return bool(text) and explain(text, language).nats is not None


def distinct_share(texts: Sequence[Sequence[Hashable]], n: int = 4, limit: int | None = None) -> float:
    """How many of the pieces of n items in a row are different ones, as a share of all pieces.

    The more pieces there are, the more of them have been seen before. So compare only numbers that come from
    equally many pieces: `limit` takes the first so many.

    Raises: ValueError if there is no piece, or fewer than `limit`.
    Source: Li and others 2016, section 5.1, the measure distinct-n (arXiv:1510.03055).

    >>> distinct_share(["abab"], n=2)  # ab, ba, ab
    0.6666666666666666
    """
    pieces = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]
    if len(pieces) < (limit or 1):
        raise ValueError(
            f"distinct_share found {len(pieces)} pieces of {n}, but needs {limit or 1}; give it more texts."
        )
    return len(set(pieces[:limit])) / len(pieces[:limit])


def wilson(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The interval in which the true share lies when `hits` of `trials` were seen; 1.96 makes it one of 95 %.

    It is also right for few trials and for shares near 0 and 1.

    Raises: ValueError unless 0 <= hits <= trials, and trials is above 0.
    Source: Wilson 1927 (doi:10.1080/01621459.1927.10502953).

    >>> low, high = wilson(5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    if not 0 <= hits <= trials or trials == 0:
        raise ValueError(
            f"wilson got {hits} hits in {trials} trials; needed 0 <= hits <= trials, trials > 0."
        )
    share, weight = hits / trials, z * z / trials
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def bootstrap(
    counts: Sequence[tuple[int, int]], rounds: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """An interval for the share of hits in all trials, where trials come in bunches: (hits, trials) per text.

    Sentences of one text share its fate, so whole texts are drawn, with repetition, and the share is taken
    anew each time; the interval holds the middle `level` of the shares.

    Raises: ValueError if there are no trials.
    Source: Efron 1979, section 2 (doi:10.1214/aos/1176344552).

    >>> bootstrap([(1, 1), (3, 3)])
    (1.0, 1.0)
    """
    if not counts or not all(trials > 0 for _, trials in counts):
        raise ValueError("bootstrap needs at least one text, and at least one trial in each.")
    chance = random.Random(seed)
    shares = []
    for _ in range(rounds):
        drawn = chance.choices(counts, k=len(counts))
        shares.append(sum(hits for hits, _ in drawn) / sum(trials for _, trials in drawn))
    shares.sort()
    cut = int(rounds * (1 - level) / 2)
    return shares[cut], shares[-1 - cut]
