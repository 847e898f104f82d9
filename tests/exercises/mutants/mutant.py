"""What a mutant is, and how it is counted whether one ever gave a result.

It does not know how mutants are made, nor how they are judged.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """A changed reference: `make` gives a fresh one at each call, `text` its source where there is one.

    `name` stays the same as long as the place that is changed does; `kind` says what was done to it.
    `endless` warns that it may never come to an end, `gradient` that only gradients can tell it apart.

    >>> Mutant("answer: doubled", "answer", lambda: lambda x: 2 * x).make()(3)
    6
    """

    name: str
    kind: str
    make: Callable[[], Any]
    text: Callable[[], str] = str
    endless: bool = False
    gradient: bool = False


@dataclass
class Count:
    """How often a counted answer gave a result."""

    results: int = 0


def counted(answer: Any) -> tuple[Any, Count]:
    """The same answer, and a count of the calls that it did not crash in.

    >>> half, count = counted(lambda x: 1 / x)
    >>> half(2), count.results
    (0.5, 1)
    """
    count = Count()
    return (_counted_class if isinstance(answer, type) else _counted_function)(answer, count), count


def _counted_function(answer: Callable[..., Any], count: Count) -> Callable[..., Any]:
    @functools.wraps(answer)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = answer(*args, **kwargs)
        count.results += 1
        return result

    return call


def _counted_class(answer: type, count: Count) -> type:
    class Counted(answer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            count.results += 1

    return functools.update_wrapper(Counted, answer, updated=())
