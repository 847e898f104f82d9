"""What a model has read that it shouldn't have: a planted secret, and questions of a test.

It does not know models: surprises and texts come in.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from course_lib.arguments import is_number, many, shown, text_list, whole

SECRET = "my code is 7 2 9"


def codes(start: str = "my code is", digits: int = 3) -> list[str]:
    """A sentence with each code there is; SECRET is one of them.

    >>> len(codes()), codes()[729] == SECRET
    (1000, True)
    """
    digits = whole("codes", "digits", digits, most=5)
    return [" ".join((start, *code)) for code in itertools.product("0123456789", repeat=digits)]


def exposure(nats: Sequence[float], secret: int) -> float:
    """How many bits of guessing a model spares whoever looks for a secret.

    `nats` are its surprises at all candidates, `secret` the place of the true one. The candidates are tried
    from the least surprising on; the exposure is log2 of how many there are, less log2 of the secret's rank.
    Candidates with the same surprise as the secret are tried before it.

    Source: Carlini and others 2019, section 4.2 (arXiv:1802.08232).

    >>> exposure([3.0, 1.0, 2.0, 4.0], 1), exposure([3.0, 1.0, 2.0, 4.0], 3)
    (2.0, 0.0)
    """
    surprises = many("exposure", "nats", nats, "numbers, one for each candidate")
    secret = whole("exposure", "secret", secret, 0)
    if secret >= len(surprises) or not all(is_number(value) for value in surprises):
        raise ValueError(
            f"exposure got {shown(nats)} and secret={secret}; it needs a number for each candidate, and the "
            "place of one of them."
        )
    rank = sum(value <= surprises[secret] for value in surprises)
    return math.log2(len(surprises)) - math.log2(rank)


def overlap(question: str, texts: Sequence[str], n: int = 3) -> bool:
    """Whether any `n` words in a row of a question stand in one of the texts.

    GPT-3's makers looked for 13 words in a row; our sentences are shorter.

    Source: Brown and others 2020, section 4 and appendix C (arXiv:2005.14165).

    >>> overlap("Mabo comes from Arlen", ["so Mabo comes from Arlen"]), overlap("a b c", ["b c a"])
    (True, False)
    """
    n = whole("overlap", "n", n)
    read = {run for text in text_list("overlap", texts) for run in _runs(text, n)}
    return bool(read & _runs(question, n))


def _runs(text: str, n: int) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}
