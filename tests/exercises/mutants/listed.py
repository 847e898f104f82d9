"""A list of mutants with reasons, as text: read it, and find what is said of a mutant.

It does not know which mutants there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def read(listed: str) -> dict[str, dict[str, str]]:
    """Exercise -> name of a mutant -> reason. Exercises stand at the margin, reasons and names further in.

    >>> read("demo.double\\n  It is even already.\\n    whole made even: n")
    {'demo.double': {'whole made even: n': 'It is even already.'}}
    """
    read: dict[str, dict[str, str]] = {}
    exercise = reason = ""
    for line in listed.strip().splitlines():
        if line.startswith("    "):
            read[exercise][line.strip()] = reason
        elif line.startswith("  "):
            reason = line.strip()
        else:
            exercise = line
            read[exercise] = {}
    return read


def fitting(patterns: Iterable[str], name: str) -> Iterator[str]:
    """The patterns that a mutant's name fits; `*` stands for anything.

    >>> list(fitting(["arguments swapped: *", "argument fixed: a"], "arguments swapped: a, b"))
    ['arguments swapped: *']
    """
    for pattern in patterns:
        if re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name):
            yield pattern
