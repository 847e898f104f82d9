"""The ways to walk along only a part of something, under the names that they have in a mutant's text.

Each takes any iterable, also an endless one, and knows nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from typing import Any


def without_first(items: Iterable[Any]) -> Iterator[Any]:
    """All but the first.

    >>> list(without_first("abc"))
    ['b', 'c']
    """
    return islice(items, 1, None)


def without_last(items: Iterable[Any]) -> Iterator[Any]:
    """All but the last.

    >>> list(without_last("abc"))
    ['a', 'b']
    """
    return (item for item, _ in pairwise(items))


def only_first(items: Iterable[Any]) -> Iterator[Any]:
    """The first alone.

    >>> list(only_first("abc"))
    ['a']
    """
    return islice(items, 1)


def without_repeats(items: Iterable[Any]) -> Iterator[Any]:
    """Each once, where it first stands.

    >>> list(without_repeats("abca"))
    ['a', 'b', 'c']
    """
    seen = []
    for item in items:
        key = repr(item)
        if key not in seen:
            seen.append(key)
            yield item


def backwards(items: Iterable[Any]) -> Iterator[Any]:
    """From the last to the first.

    >>> list(backwards("abc"))
    ['c', 'b', 'a']
    """
    return reversed(list(items))
