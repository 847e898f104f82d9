"""Compare what an answer gives with what is right, and say in words where they part.

Works on Python values, NumPy arrays and torch tensors, nested in lists, tuples and dictionaries, and imports
neither library unless a value of it turns up. Generous where there is more than one right way (tuples for
lists, a Counter for a dictionary, float64 for float32, any memory layout), strict where later code would
break. It does not know about exercises.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from unicodedata import normalize

from course_lib.exercises._frozen import Amiss, frozen, name_of_kind
from course_lib.exercises._run import plain
from course_lib.exercises._values import as_numpy, is_array, is_tensor, show_value

# How to compare numbers: |got - expected| <= atol + rtol * |expected|.
RTOL, ATOL = 1e-4, 1e-5

Path = tuple[Any, ...]  # the indices and keys that lead to a value inside lists and dictionaries


@dataclass(frozen=True)
class Difference:
    """The first place where two values part. `position` is an index into `expected` and `got`, if there is
    one."""

    aspect: str  # parameters, type, shape, dtype, finite, values or gradient
    message: str
    expected: Any = None
    got: Any = None
    position: tuple[int, ...] | None = None
    shows: bool = True  # whether a look at the two values helps


def difference(
    expected: Any,
    got: Any,
    rtol: float = RTOL,
    atol: float = ATOL,
    exact_type: bool = False,
    wide: bool = False,
    slack: Mapping[Path, Any] | None = None,
) -> Difference | None:
    """Where `got` parts from `expected`: None if nowhere. Checks type, shape, dtype, finite, values, in this
    order.

    With `wide`, NumPy arrays, lists and plain numbers do for tensors. `slack` says how far off numbers may be
    besides, by where they are: an array for an array, a number for a number.

    >>> difference([1, 2, 3], [1, 2, 4]).message
    'item 2 is 4, but should be 3'
    >>> difference([0.5, 0.25], (0.5, 0.25)) is None  # a tuple is as good as a list
    True
    >>> difference("a b", ["a", "b"]).aspect
    'type'
    """
    if exact_type and type(expected) is not type(got):
        return _wrong_type(expected, got)
    return parted(frozen(expected), frozen(got), rtol, atol, exact_type, wide, slack)


def parted(
    expected: Any,
    got: Any,
    rtol: float = RTOL,
    atol: float = ATOL,
    exact_type: bool = False,
    wide: bool = False,
    slack: Mapping[Path, Any] | None = None,
) -> Difference | None:
    """The same for values that are `frozen` already."""
    try:
        return _Compare(rtol, atol, exact_type, wide, slack or {})(expected, got)
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
    wide: bool
    slack: Mapping[Path, Any] = field(default_factory=dict)

    def __call__(self, expected: Any, got: Any, path: Path = ()) -> Difference | None:
        if isinstance(got, Amiss) or isinstance(expected, Amiss):
            text = got.text if isinstance(got, Amiss) else ""
            return None if expected == got else Difference("parameters", text, shows=False)
        if self.exact_type and type(expected) is not type(got):
            return _wrong_type(expected, got)
        if is_array(expected):
            return self._arrays(expected, got, path)
        if isinstance(expected, numbers.Number):  # True and False are numbers too
            return self._numbers(expected, got, path)
        if isinstance(expected, Mapping):
            return self._mappings(expected, got, path)
        if isinstance(expected, list | tuple):
            return self._sequences(expected, got, path)
        if isinstance(expected, str):
            return self._strings(expected, got, isinstance(got, str))
        if isinstance(expected, bytes | bytearray):
            return self._strings(expected, got, isinstance(got, bytes | bytearray))
        alike = (set | frozenset) if isinstance(expected, set | frozenset) else type(expected)
        return self._equal(expected, got, isinstance(got, alike))

    # arrays and tensors -------------------------------------------------------------------------------------

    def _arrays(self, expected: Any, got: Any, path: Path) -> Difference | None:
        if is_tensor(expected) and not is_tensor(got) and not self.wide:
            return _wrong_type(expected, got)
        if is_array(got) and tuple(got.shape) != tuple(expected.shape):
            return _wrong_shape(expected, got)
        wanted, have = as_numpy(expected), as_numpy(got)
        if have is None or have.dtype.kind not in "biufc":
            return _wrong_type(expected, got)
        if wanted.shape != have.shape:
            several = isinstance(got, list | tuple) and any(map(is_array, got))
            return _wrong_type(expected, got) if several else _wrong_shape(wanted, have)
        if not is_array(got) and wanted.dtype.kind == "f" and have.dtype.kind in "iu":
            have = have.astype(wanted.dtype)  # a list of 0 and 1 where floats are meant
        return self._array_kind(wanted, have) or self._array_values(wanted, have, path)

    def _array_kind(self, wanted: Any, have: Any) -> Difference | None:
        names = {
            "b": "True and False (bool)",
            "i": "whole numbers",
            "u": "whole numbers",
            "f": "floating-point numbers",
        }
        want_kind, have_kind = (names.get(side.dtype.kind, "complex numbers") for side in (wanted, have))
        if want_kind == have_kind:
            return None
        message = (
            f"it holds {have_kind}, but should hold {want_kind} (dtype {wanted.dtype}, not {have.dtype})"
        )
        return Difference("dtype", message, wanted, have, shows=False)

    def _array_values(self, wanted: Any, have: Any, path: Path) -> Difference | None:
        import numpy as np

        if wanted.dtype.kind in "fc":
            odd = ~np.isfinite(have) & np.isfinite(wanted)
            if odd.any():
                where = _first(odd)
                message = f"{_at(where)} it holds {have[where]}, which is not a finite number".strip()
                return Difference("finite", message, wanted, have, where)
            wrong = ~self._close(wanted, have, path)
        else:
            wrong = have != wanted
        if not wrong.any():
            return None
        where = _first(wrong)
        numbers_wrong = f"{int(wrong.sum())} of {wrong.size} entries differ; the first is "
        start = numbers_wrong if wrong.size > 1 else "it is "
        is_and_should = f"{_number(have[where])}{_place(where)}, but should be {_number(wanted[where])}"
        return Difference("values", start + is_and_should, wanted, have, where)

    def _close(self, wanted: Any, have: Any, path: Path) -> Any:
        import numpy as np

        close = np.isclose(have, wanted, rtol=self.rtol, atol=self.atol, equal_nan=True)
        more = self.slack.get(path)
        if more is None or close.all() or np.shape(more) != np.shape(wanted):
            return close
        with np.errstate(all="ignore"):
            near = np.abs(have - wanted) <= self.atol + self.rtol * np.abs(wanted) + more
        return close | (near & np.isfinite(wanted))

    # plain Python -------------------------------------------------------------------------------------------

    def _numbers(self, expected: Any, got: Any, path: Path) -> Difference | None:
        value = got.item() if is_array(got) and got.ndim == 0 else got
        wants_bool = isinstance(expected, bool)
        if not isinstance(value, numbers.Number) or isinstance(value, bool) != wants_bool:
            return _wrong_type(expected, got)
        if isinstance(expected, numbers.Integral):
            if isinstance(value, float) and not wants_bool:
                return _wrong_type(expected, got)
            close = value == expected
        elif isinstance(value, float) and not math.isfinite(value) and math.isfinite(expected):
            return Difference("finite", f"it is {value}, which is not a finite number", expected, value)
        else:
            room = self.atol + self.rtol * abs(expected) + float(self.slack.get(path, 0.0))
            close = value == expected or abs(value - expected) <= room
        if close or (value != value and expected != expected):  # both nan
            return None
        message = f"it is {_number(value)}, but should be {_number(expected)}"
        return Difference("values", message, expected, value)

    def _sequences(self, expected: Any, got: Any, path: Path) -> Difference | None:
        items = got.tolist() if is_array(got) and got.ndim > 0 else got
        if not isinstance(items, list | tuple):
            return _wrong_type(expected, got)
        pairs = enumerate(zip(expected, items, strict=False))
        inside = ((i, self(want, have, (*path, i))) for i, (want, have) in pairs)
        first = next(((i, part) for i, part in inside if part is not None), None)
        if len(items) != len(expected):
            message = f"it has {_count(len(items), 'item')}, but should have {len(expected)}"
            where = (first[0],) if first else (min(len(items), len(expected)),)
            return Difference("shape", message, expected, items, where)
        if first is None:
            return None
        return _inside(first[1], f"item {first[0]}", expected, items, first[0])

    def _mappings(self, expected: Any, got: Any, path: Path) -> Difference | None:
        if not isinstance(got, Mapping):
            return _wrong_type(expected, got)
        missing = [key for key in expected if key not in got]
        extra = [key for key in got if key not in expected]
        for keys, words in ((missing, "it has no key"), (extra, "it has a key too many:")):
            if keys:
                return Difference("shape", f"{words} {show_value(keys[0])}", dict(expected), dict(got))
        for key, want in expected.items():
            if (inner := self(want, got[key], (*path, key))) is not None:
                return _inside(inner, f"the value for {show_value(key)}", dict(expected), dict(got), None)
        return None

    def _strings(self, expected: Any, got: Any, right_type: bool) -> Difference | None:
        found = self._equal(expected, got, right_type)
        if found is None or found.aspect == "type":
            return found
        pairs = enumerate(zip(expected, got, strict=False))
        where = next((i for i, (a, b) in pairs if a != b), min(len(expected), len(got)))
        return replace(found, position=(where,))

    def _equal(self, expected: Any, got: Any, right_type: bool) -> Difference | None:
        if not right_type:
            return _wrong_type(expected, got)
        if expected == got:
            return None
        message = f"it is {show_value(got)}, but should be {show_value(expected)}"
        if isinstance(expected, str) and normalize("NFC", got) == normalize("NFC", expected):
            message += f"; it looks the same, but is written {got!a}, not {expected!a}"
        return Difference("values", message, expected, got)


# Words ------------------------------------------------------------------------------------------------------


def _wrong_type(expected: Any, got: Any) -> Difference:
    if got is None:
        message = f"it is None: is a `return` missing? It should be {name_of_kind(expected)}"
    else:
        message = f"it is {name_of_kind(got)}, but should be {name_of_kind(expected)}"
    return Difference("type", message, expected, got)


def _wrong_shape(expected: Any, got: Any) -> Difference:
    message = f"its shape is {tuple(got.shape)}, but should be {tuple(expected.shape)}"
    return Difference("shape", message, expected, got, shows=False)


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
    return f"{value:.6g}" if isinstance(value, float) else show_value(value)


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
