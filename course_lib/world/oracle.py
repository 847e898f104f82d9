"""The exact probability of a text under the little world: the sum over every path of choices that produces it.

The world's program draws choices and writes text; usually more than one path gives the same text, so the
probability of a text is the sum over its paths. `explain` finds them all by replaying the program: whenever a path
of choices is used up, it branches into every option; a branch ends as soon as what it would tell differs from the
text. Averaged over documents drawn from the world, -log of this probability is the world's entropy, and no model can
have a lower expected loss on such documents (Shannon 1948; the inequality is Gibbs': for any q, E[-log q] >= E[-log p]).
A model's loss counts tokens, not text, but each text has one encoding, so q(tokens) <= q(text) and the bound holds.

Knows nothing of models or tokens.
"""

import math
from dataclasses import dataclass

from course_lib.world import arguments
from course_lib.world.chance import Fork, Mismatch, Replay
from course_lib.world.documents import run
from course_lib.world.simulation import EVERYDAY, WorldConfig


@dataclass(frozen=True)
class Explanation:
    """What the search found out about a text.

    `nats`: -log probability of the text, or None if no path produces it. `reached`: how many characters the best path
    shares with the text. `expected`: what paths that came that far would have said instead, as (slot, wording).
    `complete`: False if the search was cut off, so that `nats` is then only an upper bound.
    """

    nats: float | None
    reached: int
    expected: frozenset[tuple[str, str]]
    complete: bool
    paths: int


def explain(
    text: str,
    language: str,
    config: WorldConfig = EVERYDAY,
    kinds: tuple | None = None,
    limit: int = 500_000,
) -> Explanation:
    """Search all paths of choices that tell `text`; `limit` bounds the number of replays.

    >>> from course_lib.world.documents import document
    >>> story = document(5, "en")
    >>> explain(story.text, "en").nats <= story.path_nats + 1e-9
    True
    """
    arguments.text(text)
    arguments.language(language)
    limit = arguments.whole("limit", limit, least=1)
    stack: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    found: list[float] = []
    reached, expected, steps = 0, set(), 0
    while stack and steps < limit:
        path, log_p = stack.pop()
        steps += 1
        replay = Replay(path, text, language)
        try:
            world = run(replay, language, config, kinds)[1]
            here, wording = world.teller.position, ("", "")
            if here == len(text):
                found.append(log_p)
        except Fork as fork:
            stack += [((*path, index), log_p + cost) for index, cost in fork.branches]
            here, wording = replay.told, ("", "")
        except Mismatch as mismatch:
            here, wording = mismatch.position, mismatch.expected
        if here > reached:
            reached, expected = here, set()
        if here == reached:
            expected.add(wording)
    return Explanation(_minus_log_sum(found), reached, frozenset(expected), not stack, len(found))


def _minus_log_sum(logs: list[float]) -> float | None:
    if not logs:
        return None
    top = max(logs)
    return -(top + math.log(sum(math.exp(value - top) for value in logs)))
