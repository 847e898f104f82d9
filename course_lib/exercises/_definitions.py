"""What a function or class is made of: whose text is its own, where its names are found, what it encloses.

It asks objects as little as possible, since an answer may be an object that replies whatever it likes. It
writes nothing; `_source` does.
"""

from __future__ import annotations

import functools
import sys
import types
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from course_lib.exercises._cells import has_decorators, name_of, own_functions
from course_lib.exercises._imports import is_library


def definition(obj: Any) -> tuple[Any, bool] | None:
    """What holds the text of a function or class, and whether its decorators belong to it; None for
    others."""
    if isinstance(obj, type):
        return obj, True
    if (inner := _unwrapped(obj)) is not obj and not isinstance(obj, ModuleType):
        try:
            if isinstance(inner, FunctionType) and has_decorators(inner):
                return inner, True
        except ValueError:
            pass
    return (obj, False) if isinstance(obj, FunctionType) else None


def has_a_name(value: Any, scope: dict[str, Any]) -> bool:
    """Whether a value goes into a file by a definition or an import, not as a constant."""
    kinds = FunctionType | BuiltinFunctionType | type | ModuleType | functools._lru_cache_wrapper
    return isinstance(value, kinds) or (definition(value) is not None and is_local(value, scope))


def is_local(thing: Any, scope: dict[str, Any]) -> bool:
    """Whether a definition is written out: a learner's, or one beside what is being written."""
    found = definition(thing)
    target = thing if found is None else found[0]
    beside = getattr(target, "__module__", None) == scope.get("__name__", "")
    return beside or not is_library(target) or _is_a_topics_own(target)


def _is_a_topics_own(thing: Any) -> bool:
    """Whether it is private to a topic's exercises, from where nobody should import it."""
    inside = str(getattr(thing, "__module__", "")).split(".")[2:]
    return name_of(thing).startswith("_") and is_the_courses(thing) and "exercises" in inside


def is_the_courses(thing: Any) -> bool:
    """Whether a function or class comes from this course."""
    return str(getattr(thing, "__module__", "")).partition(".")[0] == __name__.partition(".")[0]


def same(one: Any, other: Any) -> bool:
    """Whether two things are one, or equal texts."""
    return one is other or (type(one) is str and type(other) is str and one == other)


def _unwrapped(obj: Any) -> Any:
    """As `inspect.unwrap`, without asking an object that may answer anything."""
    seen = set()
    while "__wrapped__" in _members(obj) and id(obj) not in seen:
        seen.add(id(obj))
        obj = _members(obj)["__wrapped__"]
    return obj


def _members(obj: Any) -> dict[str, Any]:
    try:
        members = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return {}
    return members if isinstance(members, dict) else {}


def globals_of(target: Any, otherwise: dict[str, Any]) -> dict[str, Any]:
    """Where the names that a definition uses are looked up."""
    if isinstance(target, FunctionType):
        return target.__globals__
    first = next(own_functions(target), None)
    if first is not None:
        return first.__globals__
    module = sys.modules.get(target.__module__)
    return vars(module) if name_of(target) in vars(module or types) else otherwise


def cell_names(functions: list[FunctionType]) -> set[str]:
    """The names of the variables of outer functions that these use."""
    return {name for function in functions for name in function.__code__.co_freevars}


def closure(functions: list[FunctionType]) -> dict[str, Any]:
    """The variables of an outer function that these use."""
    found = {}
    for function in functions:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not set yet
                continue
    return found


def names_in(code: CodeType) -> set[str]:
    """The names of globals and attributes that some code uses, with the functions inside it."""
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(*map(names_in, inner))
