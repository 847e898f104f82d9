"""Compare what an answer gives with what is right, and say in words where they part.

Works on Python values, NumPy arrays and torch tensors, nested in lists, tuples and dictionaries, and imports
neither library unless a value of it turns up. Generous where there is more than one right way (tuples for
lists, float64 for float32, NumPy for lists, any memory layout), strict where later code would break. It does
not know about exercises.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from course_lib.exercises._run import plain
from course_lib.exercises._values import as_numpy, is_array, is_tensor, show_value

# How to compare numbers: |got - expected| <= atol + rtol * |expected|.
RTOL, ATOL = 1e-4, 1e-5


@dataclass(frozen=True)
class Difference:
    """The first place where two values part. `position` is an index into `expected` and `got`, if there is
    one."""

    aspect: str  # type, shape, dtype, finite or values
    message: str
    expected: Any = None
    got: Any = None
    position: tuple[int, ...] | None = None
    shows: bool = True  # whether a look at the two values helps


def difference(
    expected: Any, got: Any, rtol: float = RTOL, atol: float = ATOL, exact_type: bool = False
) -> Difference | None:
    """Where `got` parts from `expected`: None if nowhere. Checks type, shape, dtype, finite, values, in this
    order.

    >>> difference([1, 2, 3], [1, 2, 4]).message
    'item 2 is 4, but should be 3'
    >>> difference([0.5, 0.25], (0.5, 0.25)) is None  # a tuple is as good as a list
    True
    >>> difference("a b", ["a", "b"]).aspect
    'type'
    """
    compare = _Compare(rtol, atol, exact_type)
    try:
        return compare(expected, got)
    except Exception as error:  # noqa: BLE001 - an odd object of the learner's must not stop the check
        return Difference(
            "type",
            f"it cannot be compared with the right answer ({type(error).__name__}: {plain(str(error))})",
        )


@dataclass(frozen=True)
class _Compare:
    rtol: float
    atol: float
    exact_type: bool

    def __call__(self, expected: Any, got: Any) -> Difference | None:
        if self.exact_type and type(expected) is not type(got):
            return _wrong_type(expected, got)
        if is_array(expected):
            return self._arrays(expected, got)
        if isinstance(expected, bool | numbers.Number):
            return self._numbers(expected, got)
        if isinstance(expected, Mapping):
            return self._mappings(expected, got)
        if isinstance(expected, list | tuple):
            return self._sequences(expected, got)
        if isinstance(expected, set | frozenset):
            return self._equal(expected, got, isinstance(got, set | frozenset))
        if isinstance(expected, str):
            return self._strings(expected, got, isinstance(got, str))
        if isinstance(expected, bytes | bytearray):
            return self._strings(expected, got, isinstance(got, bytes | bytearray))
        return self._equal(expected, got, isinstance(got, type(expected)))

    # arrays and tensors -------------------------------------------------------------------------------------

    def _arrays(self, expected: Any, got: Any) -> Difference | None:
        if is_tensor(expected) and not is_tensor(got):
            return _wrong_type(expected, got)
        wanted, have = as_numpy(expected), as_numpy(got)
        if have is None or have.dtype.kind not in "biufc":
            return _wrong_type(expected, got)
        if wanted.shape != have.shape:
            message = f"its shape is {have.shape}, but should be {wanted.shape}"
            return Difference("shape", message, expected, got, shows=False)
        return self._array_kind(wanted, have) or self._array_values(wanted, have)

    def _array_kind(self, wanted: Any, have: Any) -> Difference | None:
        names = {
            "b": "True and False (bool)",
            "i": "whole numbers",
            "u": "whole numbers",
            "f": "floating-point numbers",
        }
        want_kind, have_kind = names.get(wanted.dtype.kind, "complex"), names.get(have.dtype.kind, "complex")
        if want_kind == have_kind:
            return None
        message = (
            f"it holds {have_kind}, but should hold {want_kind} (dtype {wanted.dtype}, not {have.dtype})"
        )
        return Difference("dtype", message, wanted, have, shows=False)

    def _array_values(self, wanted: Any, have: Any) -> Difference | None:
        import numpy as np

        if wanted.dtype.kind in "fc":
            odd = ~np.isfinite(have) & np.isfinite(wanted)
            if odd.any():
                where = _first(odd)
                message = f"{_at(where)} it holds {have[where]}, which is not a finite number"
                return Difference("finite", message, wanted, have, where)
            wrong = ~np.isclose(have, wanted, rtol=self.rtol, atol=self.atol, equal_nan=True)
        else:
            wrong = have != wanted
        if not wrong.any():
            return None
        where = _first(wrong)
        numbers_wrong = f"{int(wrong.sum())} of {wrong.size} entries differ; the first is "
        start = numbers_wrong if wrong.size > 1 else "it is "
        is_and_should = f"{_number(have[where])}{_place(where)}, but should be {_number(wanted[where])}"
        message = start + is_and_should
        return Difference("values", message, wanted, have, where)

    # plain Python -------------------------------------------------------------------------------------------

    def _numbers(self, expected: Any, got: Any) -> Difference | None:
        value = got.item() if is_array(got) and got.ndim == 0 else got
        wants_bool = isinstance(expected, bool)
        if (
            isinstance(value, str | bytes)
            or not isinstance(value, numbers.Number)
            or isinstance(value, bool) != wants_bool
        ):
            return _wrong_type(expected, got)
        if isinstance(expected, numbers.Integral):
            if isinstance(value, float) and not wants_bool:
                return _wrong_type(expected, got)
            close = value == expected
        elif isinstance(value, float) and not math.isfinite(value) and math.isfinite(expected):
            return Difference("finite", f"it is {value}, which is not a finite number", expected, value)
        else:
            close = value == expected or abs(value - expected) <= self.atol + self.rtol * abs(expected)
        if close or (value != value and expected != expected):  # both nan
            return None
        return Difference(
            "values", f"it is {_number(value)}, but should be {_number(expected)}", expected, value
        )

    def _sequences(self, expected: Any, got: Any) -> Difference | None:
        items = got.tolist() if is_array(got) and got.ndim > 0 else got
        if not isinstance(items, list | tuple):
            return _wrong_type(expected, got)
        inside = (self(want, have) for want, have in zip(expected, items, strict=False))
        first = next(((i, d) for i, d in enumerate(inside) if d is not None), None)
        if len(items) != len(expected):
            aspect, message = "shape", f"it has {_count(len(items), 'item')}, but should have {len(expected)}"
            where = (first[0],) if first else (min(len(items), len(expected)),)
            return Difference(aspect, message, expected, items, where)
        if first is None:
            return None
        return _inside(first[1], f"item {first[0]}", expected, items, first[0])

    def _mappings(self, expected: Any, got: Any) -> Difference | None:
        if not isinstance(got, Mapping):
            return _wrong_type(expected, got)
        missing = [key for key in expected if key not in got]
        extra = [key for key in got if key not in expected]
        for keys, words in ((missing, "it has no key"), (extra, "it has a key too many:")):
            if keys:
                return Difference("shape", f"{words} {show_value(keys[0])}", dict(expected), dict(got))
        for key, want in expected.items():
            if (inner := self(want, got[key])) is not None:
                return _inside(inner, f"the value for {show_value(key)}", dict(expected), dict(got), None)
        return None

    def _strings(self, expected: Any, got: Any, right_type: bool) -> Difference | None:
        if not right_type:
            return _wrong_type(expected, got)
        if expected == got:
            return None
        pairs = enumerate(zip(expected, got, strict=False))
        where = next((i for i, (a, b) in pairs if a != b), min(len(expected), len(got)))
        return Difference(
            "values",
            f"it is {show_value(got)}, but should be {show_value(expected)}",
            expected,
            got,
            (where,),
        )

    def _equal(self, expected: Any, got: Any, right_type: bool) -> Difference | None:
        if not right_type:
            return _wrong_type(expected, got)
        if expected == got:
            return None
        return Difference(
            "values", f"it is {show_value(got)}, but should be {show_value(expected)}", expected, got
        )


# Words ------------------------------------------------------------------------------------------------------


def _wrong_type(expected: Any, got: Any) -> Difference:
    if got is None:
        message = f"it is None: is a `return` missing? It should be {_kind(expected)}"
    else:
        message = f"it is {_kind(got)}, but should be {_kind(expected)}"
    return Difference("type", message, expected, got)


def _kind(value: Any) -> str:
    names = {"str": "a string", "int": "a whole number", "float": "a float", "bool": "True or False"}
    names |= {
        "Tensor": "a torch tensor",
        "ndarray": "a NumPy array",
        "generator": "a generator (made by `yield`)",
    }
    name = type(value).__name__
    return names.get(name, f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}")


def _inside(inner: Difference, place: str, expected: Any, got: Any, index: int | None) -> Difference:
    """A difference inside a list or dictionary: told from the outside, shown whole while everything is
    short."""
    words = inner.message.removeprefix("it is ").removeprefix("it ")
    verb = "is " if inner.message.startswith("it is ") else ""
    message = f"{place} {verb}{words}" if inner.message.startswith("it ") else f"in {place}, {inner.message}"
    if is_array(inner.expected):
        return replace(inner, message=message)
    return Difference(inner.aspect, message, expected, got, None if index is None else (index,))


def _first(flags: Any) -> tuple[int, ...]:
    import numpy as np

    return tuple(int(i) for i in np.unravel_index(int(flags.argmax()), flags.shape))


def _place(where: tuple[int, ...]) -> str:
    return f" at {list(where)}" if where else ""


def _at(where: tuple[int, ...]) -> str:
    return f"at {list(where)}" if where else ""


def _number(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
