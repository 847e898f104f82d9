"""What an answer gave, made into plain data that can't change, raise or run any more.

Lists, tuples, dictionaries, numbers, text, arrays and tensors come out as such, and so do the classes that
are used like them (a Counter, a NamedTuple, a deque, `range`). Anything else becomes an `Odd`: a name and a
short text. All of it is bounded, whatever an answer gives back: endless, huge, deep, or with methods that
raise. It does not know what is right.
"""

from __future__ import annotations

import math
import numbers
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from course_lib.exercises._run import attempt_text, plain
from course_lib.exercises._values import is_array, is_tensor

_MOST_ITEMS = 400_000  # in lists and dictionaries, all levels together
_MOST_NUMBERS = 20_000_000  # in one array
_DEEPEST = 40
_BRIEF = reprlib.Repr()
_BRIEF.maxother = 200
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))


@dataclass(frozen=True)
class Odd:
    """Something that is no plain data: what it is, and how it is written."""

    kind: str
    text: str = field(default="", compare=True)

    def __repr__(self) -> str:
        return self.text or self.kind


@dataclass(frozen=True)
class Amiss:
    """What an answer gives where it can't be tried at all: a sentence that says why."""

    text: str


def frozen(value: Any) -> Any:
    """Plain data with the same contents.

    >>> from collections import Counter
    >>> frozen(Counter("aab")), frozen(range(3)), frozen(iter([1])).kind
    ({'a': 2, 'b': 1}, [0, 1, 2], 'a list_iterator')
    >>> endless = []; endless.append(endless); len(repr(frozen(endless))) < 400
    True
    """
    return _Freezer().freeze(value, 0)


class _Freezer:
    def __init__(self) -> None:
        self.left = _MOST_ITEMS

    def freeze(self, value: Any, depth: int) -> Any:
        try:
            return self._freeze(value, depth)
        except Exception:  # noqa: BLE001 - a class of the learner's may do anything
            return odd(value)

    def _freeze(self, value: Any, depth: int) -> Any:
        if type(value) in _ATOMS or type(value) is Amiss:
            return value
        if is_array(value) and not isinstance(value, str | bytes):
            return _array(value)
        if depth > _DEEPEST:
            return Odd(name_of_kind(value), "...")
        if isinstance(value, str | bytes | bytearray | int | float):
            return _plain_atom(value)
        if isinstance(value, Mapping):
            return {
                self.freeze(key, depth + 1): self.freeze(value[key], depth + 1) for key in self._of(value)
            }
        if isinstance(value, tuple):
            return tuple(self.freeze(item, depth + 1) for item in self._of(value))
        if isinstance(value, Sequence) or type(value).__name__ == "deque":
            return [self.freeze(item, depth + 1) for item in self._of(value)]
        if isinstance(value, set | frozenset):
            return type(value)(self.freeze(item, depth + 1) for item in self._of(value))
        return value if isinstance(value, numbers.Number) else odd(value)

    def _of(self, value: Iterable[Any]) -> Iterable[Any]:
        """The items of a container, of which there must not be too many."""
        items = list(islice(iter(value), self.left + 1))
        self.left -= len(items)
        if self.left < 0:
            raise ValueError("too much")
        return items


def _array(value: Any) -> Any:
    """A copy of an array or tensor; of one that is huge (one number expanded) or no numbers, only words."""
    kind = "a torch tensor" if is_tensor(value) else "a NumPy array"
    if is_tensor(value) and (value.is_sparse or value.is_meta or value.is_quantized or value.is_nested):
        form = "nested" if value.is_nested else value.layout
        return Odd(f"{kind} of a special kind ({form}, on {value.device})")
    if math.prod(value.shape) > _MOST_NUMBERS:
        return Odd(f"{kind} of shape {tuple(value.shape)}")
    if not is_tensor(value):
        return value.copy() if value.dtype.kind in "biufc" else Odd(f"{kind} of dtype {value.dtype}")
    fresh = value.detach().clone()
    return fresh.requires_grad_() if value.requires_grad and value.is_leaf else fresh


def _plain_atom(value: Any) -> Any:
    """A number or text of a class that builds on Python's own, as Python's own."""
    if isinstance(value, str):
        return str.__getitem__(value, slice(None))
    if isinstance(value, bytes | bytearray):
        return bytes(bytearray.__getitem__(bytearray(value), slice(None)))
    return int.__add__(value, 0) if isinstance(value, int) else float.__add__(value, 0.0)


def odd(value: Any) -> Odd:
    """Something that is no plain data, in words."""
    text = getattr(value, "__name__", None) if callable(value) else None
    if not isinstance(text, str):
        text = plain(attempt_text(lambda: _BRIEF.repr(value), 200)[0])
    return Odd(name_of_kind(value), text)


_NAMES = {
    "NoneType": "nothing (None)",
    "ellipsis": "`...`",
    "str": "a string",
    "bytes": "bytes",
    "bytearray": "bytes",
    "int": "a whole number",
    "float": "a float",
    "complex": "a complex number",
    "bool": "True or False",
    "list": "a list",
    "tuple": "a tuple",
    "set": "a set",
    "frozenset": "a set",
    "dict": "a dictionary",
    "Tensor": "a torch tensor",
    "Parameter": "a torch tensor",
    "ndarray": "a NumPy array",
    "generator": "a generator (made by `yield`)",
    "function": "a function (is it called, with brackets?)",
    "method": "a method (is it called, with brackets?)",
    "builtin_function_or_method": "a function (is it called, with brackets?)",
    "type": "a class",
}


def name_of_kind(value: Any) -> str:
    """What something is, in words.

    >>> name_of_kind({}), name_of_kind(None), name_of_kind(zip())
    ('a dictionary', 'nothing (None)', 'what `zip` gives (put `list(...)` around it)')
    """
    if isinstance(value, Odd):
        return value.kind
    name = type(value).__name__
    if isinstance(value, type):
        return "a class"
    if name in _NAMES:
        return _NAMES[name]
    if type(value) in (map, filter, zip, enumerate, reversed):
        return f"what `{name}` gives (put `list(...)` around it)"
    for base, words in ((Mapping, "a dictionary"), (str, "a string")):
        if issubclass(type(value), base):
            return words
    if is_array(value):
        return "a NumPy number"
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
