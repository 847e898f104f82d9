"""Where a thing can be imported from: the `import` lines of a piece of source, and what is a library's.

It looks only at what is loaded already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from course_lib.exercises._cells import own_functions
from course_lib.exercises._whose import is_learners

_MADE_IN_PYTHON = 1 << 9  # a class's flag: it is no built-in


def import_line(name: str, module: ModuleType) -> str:
    """The line that brings in a module under a name.

    >>> import os.path
    >>> import_line("sys", sys), import_line("p", sys)
    ('import sys', 'import sys as p')

    Raises: ValueError for a module that was made by hand, and cannot be imported.
    """
    full = module.__name__
    if sys.modules.get(full) is not module or full == "__main__":
        raise ValueError(f"{full} cannot be imported")
    if full == name:
        return f"import {full}"
    parent, _, last = full.rpartition(".")
    return f"from {parent} import {last}" if parent and last == name else f"import {full} as {name}"


def from_import(name: str, value: Any) -> str | None:
    """`from math import sqrt`, if that is where the value can be had; under its own name if none is given.

    >>> import math
    >>> from_import("root", math.sqrt)
    'from math import sqrt as root'
    """
    original = _text(value, "__qualname__") or _text(value, "__name__") or name
    for module in _modules(_text(value, "__module__")):
        members = vars(sys.modules.get(module, sys)) if module not in ("", "__main__") else {}
        for known in dict.fromkeys((original, name)):
            if members.get(known) is value and known.isidentifier() and module in sys.modules:
                return f"from {module} import {known}" + ("" if name in (known, "") else f" as {name}")
    return None


def _text(value: Any, attribute: str) -> str:
    text = getattr(value, attribute, None)
    return text if isinstance(text, str) else ""


def _modules(own: str) -> Iterator[str]:
    """The modules to look in: a thing's own first, then the shortest names.

    Functions written in C often do not say where they live: then the shortest module that has them.
    """
    if own and not _is_private(own) and own != "__main__" and not _is_a_learners_module(own):
        yield own
    public = [
        name
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and not _is_private(name)
    ]
    for name in sorted(public, key=lambda name: (name.count("."), len(name), name)):
        if name != "__main__" and not _is_a_learners_module(name):
            yield name
    yield own


def _is_private(module: str) -> bool:
    return module.startswith("_") or "._" in module


def _is_a_learners_module(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    return isinstance(file, str) and is_learners(file)


def is_library(thing: Any) -> bool:
    """Whether a function or class comes with Python, an installed package or this course."""
    if isinstance(thing, FunctionType):
        return not is_learners(thing.__code__.co_filename)
    if isinstance(thing, type):
        first = next(own_functions(thing), None)
        return is_library(first) if first is not None else _is_a_librarys_class(thing)
    return getattr(thing, "__module__", None) is not None and from_import("", thing) is not None


def _is_a_librarys_class(cls: type) -> bool:
    if not cls.__flags__ & _MADE_IN_PYTHON:
        return True
    module = sys.modules.get(cls.__module__)
    known = vars(module or sys).get(cls.__name__) is cls
    return known and cls.__module__ != "__main__" and not _is_a_learners_module(cls.__module__)
