"""What a reference is called with, and what it gives: seen while it is judged as an answer of its own.

It knows which kinds of values there are, and nothing of how they are changed.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from course_lib.exercises import Exercise


def kinds_of(value: Any, inner: str = "") -> Iterator[str]:
    """The kinds of a value and of what is in it.

    >>> sorted(kinds_of([["a"], -1]))
    ['inner list', 'list', 'negative', 'text', 'whole']
    """
    if isinstance(value, Tensor):
        yield from _tensor_kinds(value)
    elif isinstance(value, list | tuple | dict):
        yield inner + {list: "list", dict: "dictionary"}.get(type(value), "tuple")
        for item in value.values() if isinstance(value, dict) else value:
            yield from kinds_of(item, "inner ")
    else:
        yield from _plain_kinds(value, inner)


def _tensor_kinds(value: Tensor) -> Iterator[str]:
    yield "tensor" if value.dim() else "single"
    yield f"axes: {value.dim()}"
    if value.dim() > 1:
        yield "matrix"
    if str(value.dtype) == "torch.bool":
        yield "flags"
        return
    yield "floats" if value.is_floating_point() else "wholes"
    if bool((value < 0).any()):
        yield "negative"
    if bool(value.isinf().any()):
        yield "infinite"


def _plain_kinds(value: Any, inner: str) -> Iterator[str]:
    types = {bool: "flag", str: "text", bytes: "bytes", int: "whole", float: "float", type(None): "nothing"}
    if type(value) in types:
        yield types[type(value)]
    else:
        yield inner + (
            "module" if isinstance(value, nn.Module) else "function" if callable(value) else "other"
        )
    if isinstance(value, int | float) and value < 0:
        yield "negative"
    if isinstance(value, str) and len(value) >= 16:
        yield "long text"


@dataclass
class Seen:
    """The kinds of every argument and of the result, and the arguments of the first calls."""

    signature: inspect.Signature
    arguments: dict[str, set[str]] = field(default_factory=dict)
    result: set[str] = field(default_factory=set)
    result_types: set[type] = field(default_factory=set)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def add(self, arguments: dict[str, Any], result: Any) -> None:
        for name, value in arguments.items():
            self.arguments.setdefault(name, set()).update(kinds_of(value))
        self.result.update(kinds_of(result))
        self.result_types.add(type(result))


def seen_of(exercise: Exercise) -> Seen:
    """What the reference was seen to take and give in all cases and properties.

    >>> from course_lib.start_here import exercises as start_here
    >>> seen = seen_of(start_here.most_likely_next)
    >>> 'text' in seen.arguments['word'], sorted(seen.result)
    (True, ['nothing', 'text'])
    """
    seen = Seen(inspect.signature(exercise.reference))

    @functools.wraps(exercise.reference)
    def watched(*args: Any, **kwargs: Any) -> Any:
        bound = seen.signature.bind(*args, **kwargs)
        bound.apply_defaults()  # an argument that no case gives counts as well
        if len(seen.calls) < 20:
            seen.calls.append(kept(dict(bound.arguments)))
        result = exercise.reference(*args, **kwargs)
        seen.add(dict(bound.arguments), result)
        return result

    exercise.judge(watched)
    return seen


def kept(value: Any) -> Any:
    """A copy that stays as it is, or the value itself where it can't be copied.

    >>> box = [1]; copy_of_box = kept(box); box.append(2); copy_of_box
    [1]
    """
    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) in (list, tuple):
        return type(value)(map(kept, value))
    if type(value) is dict:
        return {key: kept(item) for key, item in value.items()}
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - a file, a generator
        return value
