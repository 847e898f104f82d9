"""What a view is given, held to its annotations before anything is drawn.

`@checked` reads them: `Sequence[float]` is a list, an array or a tensor of numbers, `Mapping[str, X]` a
dictionary with names, a `Protocol` an object with these fields. What does not fit gets one sentence, as in
`course_lib.arguments`; what fits comes to the view as plain lists and numbers. It does not know what is
drawn.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from course_lib.arguments import flag, number, plain, shown, whole, wrong

Measured = Annotated[float, "may be NaN or infinite, as the loss of a run that went wrong"]
View = TypeVar("View", bound=Callable[..., Any])
_WORDS = {  # one of a kind, and several
    str: ("a text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("True or False", "True or False"),
    bytes: ("bytes, such as b'ug'", "bytes"),
}


def checked(*empty: str) -> Callable[[View], View]:
    """Hold what a view is given to its annotations; only what `empty` names, or has a default, may be empty.

    If the view raises, no figure that it has begun stays open.

    >>> @checked()
    ... def largest(values: Sequence[float], name: str = "it"):
    ...     return f"{name} is {max(values)}"
    >>> largest(range(4))
    'it is 3'
    >>> largest([])
    Traceback (most recent call last):
    ValueError: largest got values=[]; it must be a list of numbers, at least one.
    """

    def decorate(view: View) -> View:
        owner = view.__qualname__.removesuffix(".__init__")

        @functools.wraps(view)
        def looked(*args: Any, **options: Any) -> Any:
            given = _bound(view, args, options)
            for name, (kind, optional) in _kinds(view).items():
                if name in given.arguments:
                    full = name not in empty and not optional
                    value = given.arguments[name]
                    given.arguments[name] = fitted(owner, name, value, kind, full)
            return _whole_or_nothing(view, given)

        return typing.cast(View, looked)

    return decorate


def _bound(view: Callable[..., Any], args: Any, options: Any) -> inspect.BoundArguments:
    try:
        return inspect.signature(view).bind(*args, **options)
    except TypeError:
        view(*args, **options)  # Python's own words for an argument that is missing or unknown
        raise


@functools.cache
def _kinds(view: Callable[..., Any]) -> dict[str, tuple[Any, bool]]:
    """The kind of each argument that says one, and whether it has a default."""
    hints = typing.get_type_hints(view, include_extras=True)
    parameters = inspect.signature(view).parameters
    return {
        name: (kind, parameters[name].default is not inspect.Parameter.empty)
        for name, kind in hints.items()
        if name in parameters
    }


def _whole_or_nothing(view: Callable[..., Any], given: inspect.BoundArguments) -> Any:
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = pyplot.get_fignums() if pyplot else []
    try:
        return view(*given.args, **given.kwargs)
    except BaseException:
        pyplot = sys.modules.get("matplotlib.pyplot")
        for figure in pyplot.get_fignums() if pyplot else []:
            if figure not in before:
                pyplot.close(figure)
        raise


def fitted(owner: str, name: str, value: Any, kind: Any, full: bool = True) -> Any:
    """A value as a kind has it, lists in place of tensors; `full`: no list or dictionary may be empty.

    Raises: ValueError for a value of another kind.

    >>> fitted("curves", "lines", {"a": ([1, 2], (3.0, "4"))}, Mapping[str, tuple[Sequence[float], ...]])
    Traceback (most recent call last):
    ValueError: curves got lines['a'][1][1]='4'; it must be a finite number.
    """
    parts, origin = typing.get_args(kind), typing.get_origin(kind)
    if origin is Annotated:
        return plain(value) if _is_nan_or_infinite(value) else fitted(owner, name, value, parts[0], full)
    if origin in (typing.Union, types.UnionType):
        return _one_of_kinds(owner, name, value, parts, full)
    if origin is Literal:
        if not isinstance(value, str) or value not in parts:
            raise wrong(owner, name, value, f"one of {', '.join(map(repr, parts))}")
        return value
    if origin is tuple and parts[-1] is not ...:
        items = _items(owner, name, value, kind, True)
        if len(items) != len(parts):
            raise wrong(owner, name, value, _said(kind))
        return tuple(_each(owner, name, items, parts, full))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _names_and_values(owner, name, value, kind, full)
    if origin is Callable:
        if not callable(value):
            raise wrong(owner, name, value, _said(kind))
        return value
    if isinstance(origin, type) and issubclass(origin, Iterable):
        items = _items(owner, name, value, kind, full)
        return _each(owner, name, items, [parts[0]] * len(items), full)
    return _single(owner, name, value, kind)


def _single(owner: str, name: str, value: Any, kind: Any) -> Any:
    """A value of a kind that holds no others."""
    if kind is Any:
        return value
    if kind is float:
        return value if isinstance(value, bool) else number(owner, name, value)
    if kind is int:
        return whole(owner, name, value, None)
    if kind is bool:
        return flag(owner, name, value)
    if getattr(kind, "_is_protocol", False):
        return _with_fields(owner, name, value, kind)
    if not isinstance(value, kind):
        raise wrong(owner, name, value, _said(kind))
    return value


def _one_of_kinds(owner: str, name: str, value: Any, kinds: Sequence[Any], full: bool) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    kinds = [kind for kind in kinds if kind is not types.NoneType]
    if len(kinds) == 1:
        return fitted(owner, name, value, kinds[0], full)
    for kind in kinds:
        try:
            return fitted(owner, name, value, kind, full)
        except ValueError:
            continue
    raise wrong(owner, name, value, " or ".join(map(_said, kinds)))


def _items(owner: str, name: str, value: Any, kind: Any, full: bool) -> list[Any]:
    values = value.tolist() if hasattr(value, "tolist") else value
    loose = isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable)
    items = [] if loose else list(values)
    if loose or (full and not items):
        raise wrong(owner, name, value, _said(kind) + ("" if loose else ", at least one"))
    return items


def _each(owner: str, name: str, items: Sequence[Any], kinds: Sequence[Any], full: bool) -> list[Any]:
    pairs = enumerate(zip(items, kinds, strict=True))
    return [fitted(owner, f"{name}[{i}]", item, kind, full) for i, (item, kind) in pairs]


def _names_and_values(owner: str, name: str, value: Any, kind: Any, full: bool) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise wrong(owner, name, value, _said(kind))
    if full and not value:
        raise wrong(owner, name, value, _said(kind) + ", at least one")
    key_kind, value_kind = typing.get_args(kind)
    found = {}
    for key, item in value.items():
        named = str(key) if key_kind is str and isinstance(key, int | float) else key  # a number as a name
        named = fitted(owner, f"a name in {name}", named, key_kind, full)
        found[named] = fitted(owner, f"{name}[{shown(key)}]", item, value_kind, full)
    return found


def _with_fields(owner: str, name: str, value: Any, kind: Any) -> Any:
    fields = _fields(kind)
    if not all(hasattr(value, field) for field in fields):
        raise wrong(owner, name, value, _said(kind))
    for field, inner in fields.items():
        fitted(owner, f"{name}.{field}", getattr(value, field), inner)
    return value


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _is_nan_or_infinite(value: Any) -> bool:
    found = plain(value)
    return isinstance(found, float) and not math.isfinite(found)


def _said(kind: Any, several: bool = False) -> str:
    """A kind in words."""
    parts, origin = typing.get_args(kind), typing.get_origin(kind)
    if origin is Annotated:
        return _said(parts[0], several)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_said(part, several) for part in parts)
    if origin is tuple and parts[-1] is not ...:
        return ("" if not several else "tuples ") + f"({', '.join(map(_said, parts))})"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        first = "dictionaries" if several else "a dictionary"
        return f"{first} of names with {_said(parts[1], True)}"
    if origin is Callable:
        return "functions" if several else "a function"
    if origin is not None:
        return f"{'lists' if several else 'a list'} of {_said(parts[0], True)}"
    if kind is Any or kind is types.NoneType:
        return "None" if kind is types.NoneType else "values" if several else "a value"
    if getattr(kind, "_is_protocol", False):
        return f"{'objects' if several else 'an object'} with {', '.join(kind.__annotations__)}"
    if kind in _WORDS:
        return _WORDS[kind][several]
    return f"{'several' if several else 'an'} {kind.__name__}"


def as_many(owner: str, **lists: Sequence[Any]) -> None:
    """Raises ValueError unless all these lists are equally long.

    >>> as_many("fitting", roles=["user"], lengths=[])
    Traceback (most recent call last):
    ValueError: fitting got roles for 1, lengths for 0; give equally many.
    """
    if len({len(values) for values in lists.values()}) > 1:
        told = ", ".join(f"{name} for {len(values)}" for name, values in lists.items())
        raise ValueError(f"{owner} got {told}; give equally many.")


def has_all(owner: str, name: str, given: Mapping[str, Any], needed: Iterable[str]) -> None:
    """Raises ValueError unless a dictionary has something for each name that is needed.

    >>> has_all("recipe_steps", "notes", {"a": "the start"}, ["a", "b"])
    Traceback (most recent call last):
    ValueError: recipe_steps got notes without 'b'; give one for each of a, b.
    """
    needed = list(needed)
    if lacking := [one for one in needed if one not in given]:
        raise ValueError(
            f"{owner} got {name} without {shown(lacking[0])}; give one for each of {', '.join(needed)}."
        )


def between(owner: str, name: str, values: Iterable[float], low: float = 0, high: float = 1) -> None:
    """Raises ValueError for a number outside of a range; a little above it may come of rounding.

    >>> between("unfolding", "values", [0.5, 7])
    Traceback (most recent call last):
    ValueError: unfolding got values=7; it must be a number from 0 to 1.
    """
    for value in values:
        if not low <= value <= high * 1.001:
            needed = f"a number of at least {low}" if high == math.inf else f"a number from {low} to {high}"
            raise wrong(owner, name, value, needed)


def ordered(owner: str, intervals: Iterable[tuple[float, float]], high: float = 1) -> None:
    """Raises ValueError unless each interval lies between 0 and `high`, its lower end first.

    >>> ordered("shares", [(0.7, 0.05)])
    Traceback (most recent call last):
    ValueError: shares got intervals=(0.7, 0.05); it must be a lower and an upper end from 0 to 1.
    """
    for ends in intervals:
        if not 0 <= ends[0] <= ends[1] <= high * 1.001:
            raise wrong(owner, "intervals", ends, f"a lower and an upper end from 0 to {high}")


def no_others(owner: str, name: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises ValueError for a name that a view has no place for.

    >>> no_others("side_path", "words", ["frosen"], ["frozen", "learned"])
    Traceback (most recent call last):
    ValueError: side_path got words for 'frosen', which it does not have; it has frozen, learned.
    """
    known = list(known)
    for one in given:
        if one not in known:
            raise ValueError(
                f"{owner} got {name} for {shown(one)}, which it does not have; it has {', '.join(known)}."
            )
