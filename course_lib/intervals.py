"""How sure a measured number is: intervals for shares, for scores and for means.

The ground of every claim of the course; it knows nothing of what was measured.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from course_lib.arguments import is_number, number, shown, whole

MOST_ROUNDS = 1_000_000  # more would tell nothing new, and never end


def wilson(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The interval in which the true share lies when `hits` of `trials` were seen; 1.96 makes it one of 95 %.

    It is also right for few trials and for shares near 0 and 1.

    Raises: ValueError unless 0 <= hits <= trials, and trials is above 0.
    Source: Wilson 1927 (doi:10.1080/01621459.1927.10502953).

    >>> low, high = wilson(5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    if not (is_number(hits) and is_number(trials) and 0 <= hits <= trials and trials > 0):
        raise ValueError(
            f"wilson got {shown(hits)} hits in {shown(trials)} trials; needed "
            "0 <= hits <= trials and trials > 0."
        )
    z = number("wilson", "z", z, "above 0, e.g. 1.96", lambda x: 0 < x < math.inf)
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
    if not isinstance(counts, Sequence) or not all(_is_pair(count) for count in counts):
        raise ValueError(f"bootstrap got {shown(counts)}; it needs (hits, trials) for each text.")
    if not counts:
        raise ValueError("bootstrap needs at least one text, and at least one trial in each.")
    for hits, trials in counts:
        if not trials > 0 or not 0 <= hits <= trials:
            raise ValueError(
                f"bootstrap got {shown(hits)} hits in {shown(trials)} trials; needed at least one trial in "
                "each text, and no more hits than trials."
            )
    rounds = whole("bootstrap", "rounds", rounds, most=MOST_ROUNDS)
    seed = whole("bootstrap", "seed", seed, least=None)
    if not is_number(level) or not 0 < level < 1:
        raise ValueError(f"bootstrap got level={shown(level)}; needed a share between 0 and 1, e.g. 0.95.")
    chance = random.Random(seed)
    shares = []
    for _ in range(rounds):
        drawn = chance.choices(counts, k=len(counts))
        shares.append(sum(hits for hits, _ in drawn) / sum(trials for _, trials in drawn))
    shares.sort()
    cut = int(rounds * (1 - level) / 2)
    return shares[cut], shares[-1 - cut]


def _is_pair(count: object) -> bool:
    return isinstance(count, Sequence) and len(count) == 2 and all(is_number(part) for part in count)
