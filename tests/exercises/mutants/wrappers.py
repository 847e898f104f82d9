"""Mutants that call the reference, but mishandle an argument or the result on the way.

What can be done to an argument follows from the kinds of values that it was seen with. It does not judge
anything; `changes` has the ways to mishandle a value, `results` those for what is given back.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import re
import warnings
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from course_lib.exercises import Exercise
from mutants import results
from mutants.changes import (
    CHANGES,
    LIST_CHANGES,
    TENSOR_CHANGES,
    TUPLE_CHANGES,
    Refused,
    everywhere,
    only,
)
from mutants.gradients import tensors
from mutants.mutant import Mutant
from mutants.seen import Seen, kept, seen_of

Arguments = dict[str, Any]


def wrapper_mutants(exercise: Exercise) -> list[Mutant]:
    """All mutants around a function; none around a class.

    >>> from course_lib.start_here import exercises as start_here
    >>> [m.name for m in wrapper_mutants(start_here.most_likely_next)][:2]
    ['argument fixed: text', 'argument fixed: word']
    """
    if not callable(exercise.reference) or isinstance(exercise.reference, type):
        return []
    seen = seen_of(exercise)
    made = [*_fixed(exercise, seen), *_swapped(exercise, seen)]
    for name, kinds in seen.arguments.items():
        made += [
            Mutant(f"{kind}: {name}", kind, functools.partial(_with_arguments, exercise, _one(name, change)))
            for kind, change in _value_changes(kinds)
            if _makes_sense(exercise, seen, name, kind)
        ]
    return [*made, *results.result_mutants(exercise, seen)]


def _with_arguments(
    exercise: Exercise, change: Callable[[inspect.BoundArguments], None]
) -> Callable[..., Any]:
    """The reference behind something that changes its arguments."""
    signature = inspect.signature(exercise.reference)

    @functools.wraps(exercise.reference)
    def answer(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        change(bound)
        return exercise.reference(*bound.args, **bound.kwargs)

    return answer


def _one(name: str, change: Callable[[Any], Any]) -> Callable[[inspect.BoundArguments], None]:
    def changed(bound: inspect.BoundArguments) -> None:
        if name in bound.arguments:
            bound.arguments[name] = change(bound.arguments[name])

    return changed


# An argument that does not count ---------------------------------------------------------------------------


def _fixed(exercise: Exercise, seen: Seen) -> Iterator[Mutant]:
    """Each argument as it was at first, or as its default, or as a constant of its kind."""
    for name in seen.arguments:
        make = functools.partial(_fixed_at_first, exercise, name)
        yield Mutant(f"argument fixed: {name}", "argument fixed", make)
    for name in seen.arguments:
        default = seen.signature.parameters[name].default
        if default is not inspect.Parameter.empty:
            make = functools.partial(_with_arguments, exercise, _one(name, lambda _, d=default: d))
            yield Mutant(f"argument ignored for its default: {name}", "argument ignored", make)
        if not seen.arguments[name] <= _TELL_NOTHING:
            make = functools.partial(_with_arguments, exercise, _one(name, _constant))
            yield Mutant(f"argument ignored for a constant: {name}", "argument ignored", make)
        if "tensor" in seen.arguments[name]:
            make = functools.partial(_sized_as_at_first, exercise, name)
            yield Mutant(f"tensor cut as at first: {name}", "tensor cut as at first", make)


# What has no constant to stand in for it.
_TELL_NOTHING = {
    "list",
    "tuple",
    "nothing",
    *(f"{i}{k}" for i in ("", "inner ") for k in ("function", "module", "other")),
}


def _fixed_at_first(exercise: Exercise, name: str) -> Callable[..., Any]:
    first: list[Any] = []

    def remembered(value: Any) -> Any:
        first.append(kept(value)) if not first else None
        return first[0]

    return _with_arguments(exercise, _one(name, remembered))


def _sized_as_at_first(exercise: Exercise, name: str) -> Callable[..., Any]:
    sizes: list[Any] = []

    def cut(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        sizes.append(value.shape) if not sizes else None
        return value[tuple(slice(size) for size in sizes[0][: value.dim()])]

    return _with_arguments(exercise, _one(name, cut))


def _constant(value: Any) -> Any:
    """A value of the same kind and shape that tells nothing."""
    if isinstance(value, Tensor):
        return torch.ones_like(value)
    if isinstance(value, bool | int | float | str | bytes):
        return type(value)(b"a" if isinstance(value, bytes) else "a" if isinstance(value, str) else 1)
    if type(value) is dict:
        return {key: _constant(item) for key, item in value.items()}
    return type(value)(map(_constant, value)) if type(value) in (list, tuple) else value


def _swapped(exercise: Exercise, seen: Seen) -> Iterator[Mutant]:
    for one, other in combinations(seen.arguments, 2):
        if seen.arguments[one] == seen.arguments[other]:

            def swap(bound: inspect.BoundArguments, one: str = one, other: str = other) -> None:
                values = bound.arguments
                if one in values and other in values:
                    values[one], values[other] = values[other], values[one]

            make = functools.partial(_with_arguments, exercise, swap)
            yield Mutant(f"arguments swapped: {one}, {other}", "arguments swapped", make)


# An argument mishandled ------------------------------------------------------------------------------------


def _value_changes(kinds: set[str]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    for kind, (types, changes) in CHANGES.items():
        for label, change in changes.items() if kind in kinds else ():
            yield f"{kind} {label}", functools.partial(everywhere, types, change)
    for kind, changes in TENSOR_CHANGES.items():
        for label, change in changes.items() if kind in kinds else ():
            yield f"{kind} {label}", functools.partial(everywhere, Tensor, only(kind, change))
    for kind, (types, changes) in _ROWS.items():
        for label, change in changes.items():
            if kind in kinds:
                yield f"{kind} {label}", functools.partial(_outer, types, change)
            if f"inner {kind}" in kinds:
                yield f"inner {kind} {label}", functools.partial(_inner, types, change)
    yield "falsy refused", _refuse_falsy


_ROWS = {"list": (list, LIST_CHANGES), "tuple": (tuple, TUPLE_CHANGES)}


def _outer(types: Any, change: Callable[[Any], Any], value: Any) -> Any:
    return change(value) if isinstance(value, types) else value


def _inner(types: Any, change: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(everywhere(types, change, item) for item in value)
    return value


def _refuse_falsy(value: Any) -> Any:
    if not isinstance(value, Tensor) and not callable(value) and not value:
        raise Refused
    return value


# Whether there is anything to mishandle --------------------------------------------------------------------

_EMPTY = (str, int, float, list, bool, dict)
_TENSOR_EXAMPLES: dict[str, Callable[[Tensor], Tensor]] = {
    "tensor one axis refused": lambda x: x.flatten(0, -2)[0] if x.dim() > 1 else x,
    "tensor three axes refused": lambda x: x[None] if x.dim() == 2 else x[0] if x.dim() == 4 else x,
    "tensor four axes refused": lambda x: x[None] if x.dim() == 3 else x,
    "tensor empty refused": lambda x: x[:0] if x.dim() else x,
}


def _makes_sense(exercise: Exercise, seen: Seen, name: str, kind: str) -> bool:
    """Whether there are values that this mutant mishandles, and the reference itself takes them."""
    kinds = seen.arguments[name]
    if kind.endswith("without sign"):
        return "negative" in kinds
    if kind == "float 50 at most":
        return "list" in kinds
    if kind.endswith("modulo 256") and not kinds & {"list", "tuple", "dictionary", "tensor"}:
        return "id" in name.split("_")
    if "list falsy" in kind:
        return not kinds & {"inner dictionary", "inner tuple", "inner function", "inner module", "tensor"}
    if kind in ("whole 0 taken for 1", "float 0 taken for 1"):
        types = int if kind.startswith("whole") else float
        return _takes(exercise, seen, name, functools.partial(everywhere, types, lambda _: types(0)))
    if kind == "falsy refused":
        types = {type(arguments[name]) for arguments in seen.calls} & set(_EMPTY)
        return any(_takes(exercise, seen, name, lambda _, t=t: t()) for t in types)
    if kind == "wholes repeats made one":
        return "axes: 1" in kinds
    if kind == "tensor empty refused" and "floats" in kinds:
        return False
    if kind in _TENSOR_EXAMPLES:
        change = functools.partial(everywhere, Tensor, _TENSOR_EXAMPLES[kind])
        return _may_have_axes(exercise, kinds, name, kind) and _takes(exercise, seen, name, change)
    return True


def _may_have_axes(exercise: Exercise, kinds: set[str], name: str, kind: str) -> bool:
    """Whether the reference's own words leave open how many axes an argument has, as `x (..., C)` does."""
    words = inspect.getdoc(exercise.reference) or ""
    own = re.search(rf"\b{name}\b(?:(?:,| and) \w+)* \(([^)]*)\)", words, re.IGNORECASE)
    shapes = own[1] if own else " ".join(re.findall(r"\w \([^)]*,[^)]*\)", words))
    if shapes:
        return "..." in shapes
    several = sum(kind.startswith("axes: ") for kind in kinds) > 1
    return several or kind in ("tensor one axis refused", "tensor empty refused")


def _takes(exercise: Exercise, seen: Seen, name: str, change: Callable[[Any], Any]) -> bool:
    """Whether the reference runs on one of the first calls with one argument changed."""
    for arguments in seen.calls:
        if name not in arguments:
            continue
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                result = _with_arguments(exercise, _one(name, change))(**kept(arguments))
            if any(bool(out.isnan().any()) for out in tensors(result)):
                continue
        except Exception:  # noqa: BLE001 - any crash says no
            continue
        return True
    return False
