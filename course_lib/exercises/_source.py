"""Take a function, class or other answer out of a notebook as text that stands on its own.

`standalone(obj, name)` gives its source together with the imports, constants and helpers it uses, in an order
in which they can be run. It works on definitions in notebook cells, in files and at Python's prompt where the
source is known. Used to keep a learner's right answers, to try them in another process, and to show the
reference solutions. It does not run anything. `_cells` finds a text, `_writing` writes values.
"""

from __future__ import annotations

import builtins
import collections
import functools
import inspect
import marshal
import types
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from course_lib.exercises._cells import name_of, own_functions, own_text
from course_lib.exercises._definitions import (
    cell_names,
    closure,
    definition,
    globals_of,
    has_a_name,
    is_local,
    is_the_courses,
    names_in,
    same,
)
from course_lib.exercises._imports import from_import, import_line, is_library
from course_lib.exercises._renaming import all_names, global_names, renamed, without_nonlocal
from course_lib.exercises._writing import CannotBeWritten, ValueWriter, is_written

_FUTURE = "from __future__ import annotations"
_FUTURE_FLAG = 0x1000000


@dataclass(frozen=True)
class Standalone:
    """The text of an answer. `missing` are the names it uses that have no text; `unknown` those of which only
    the compiled code is known, so that the text serves this version of Python alone."""

    text: str
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def source_of(obj: Any) -> str:
    """The source of a function or class, with its decorators.

    Raises: ValueError if Python does not know it (a built-in, code made by `exec`).
    """
    target = inspect.unwrap(obj)
    if not isinstance(target, FunctionType | type):
        raise ValueError(f"{name_of(obj) or 'this'} has no source that can be kept; write it with `def`.")
    return own_text(target)


def standalone(obj: Any, name: str) -> tuple[str, tuple[str, ...]]:
    """The source of `obj` under the name `name`, after the imports, constants and helpers that it needs.

    Also gives the names that it uses and that cannot be written down, such as an open file.

    Raises: ValueError if the source of `obj` itself is not known.

    >>> text, missing = standalone(source_of, "where_it_is")
    >>> text.splitlines()[0], "def where_it_is(" in text, missing
    ('import inspect', True, ())
    """
    file = _File(name)
    file.write(obj)
    return file.text(), tuple(file.missing)


def as_file(obj: Any, name: str) -> Standalone:
    """An answer as a file that another process can run.

    Raises: ValueError if there is no text for it.
    """
    file = _File(name, anyhow=True)
    file.write(obj)
    future = f"{_FUTURE}\n\n" if file.future else ""
    return Standalone(future + file.text(), tuple(file.missing), tuple(file.unknown))


def _is_plain_namedtuple(target: Any) -> bool:
    """Whether a class was made by `namedtuple("Point", "x y")`, which leaves no text."""
    return isinstance(target, type) and target.__bases__ == (tuple,) and hasattr(target, "_field_defaults")


class _File:
    """What goes into one file; follows the names that a definition uses, and those that these use.

    With `anyhow`, a function whose text is not known is written as its compiled code.
    """

    def __init__(self, name: str, anyhow: bool = False) -> None:
        self._name, self._anyhow = name, anyhow
        self.future = False
        self.missing: dict[str, None] = {}
        self.unknown: dict[str, None] = {}
        self._imports: dict[str, None] = {}
        self._constants: dict[str, None] = {}
        self._parts: dict[str, None] = {}  # what others need comes first
        self._names: dict[int, str] = {}  # the id of a thing -> its name in the file
        self._taken: dict[str, Any] = {name: None}  # keeps the things, so that their ids stay theirs
        self._imported_ids: set[int] = set()
        self._has_parts = False  # whether the value that is being written needs one of the parts
        self._scope: dict[str, Any] = {}  # where the definition that is being written was made
        self._near: tuple[str, ...] = ()

    def text(self) -> str:
        imports = "\n".join(sorted(self._imports, key=lambda line: (line.startswith("from"), line)))
        head = "\n\n".join(part for part in (imports, "\n".join(self._constants)) if part)
        return "\n\n\n".join(part for part in (head, *self._parts) if part) + "\n"

    def write(self, obj: Any) -> None:
        """The answer itself."""
        self._names[id(obj)], self._taken[self._name] = self._name, obj
        found = definition(obj)
        own = found is not None and (not is_library(found[0]) or is_the_courses(found[0]))
        if not own and is_library(obj) and (line := from_import(self._name, obj)) is not None:
            self._imports[line] = None
        elif own:
            self._define(obj, self._name)
        else:
            self._parts[f"{self._name} = {self._value(obj)}"] = None

    # definitions --------------------------------------------------------------------------------------------

    def _define(self, obj: Any, name: str) -> None:
        target, decorated = definition(obj)
        outer = self._scope, self._near
        self._scope = globals_of(target, self._scope)
        if isinstance(target, FunctionType):
            self._near = (target.__code__.co_filename,)
        try:
            part = self._from_text(target, name, decorated)
        except ValueError:
            part = self._without_text(target, name)
        self._scope, self._near = outer
        self._parts[part] = None
        self._has_parts = True

    def _from_text(self, target: Any, name: str, decorated: bool) -> str:
        source = without_nonlocal(own_text(target, decorated, self._near))
        functions = list(own_functions(target)) if isinstance(target, type) else [target]
        self.future |= any(f.__code__.co_flags & _FUTURE_FLAG for f in functions)
        is_lambda = isinstance(target, FunctionType) and target.__name__ == "<lambda>"
        source = f"{name} = {source}" if is_lambda else source
        known = closure(functions) | {base.__name__: base for base in getattr(target, "__bases__", ())}
        words = all_names(source)
        changed = {}
        for used in global_names(source):
            for scope in (known, self._scope) if used in cell_names(functions) else (self._scope, known):
                if used in scope:
                    changed[used] = self._bound(used, scope[used], words)
                    break
        changed = {old: new for old, new in changed.items() if old != new}
        header = "" if is_lambda or target.__name__ == name else name
        return renamed(source, changed, header) if changed or header else source

    def _without_text(self, target: Any, name: str) -> str:
        if _is_plain_namedtuple(target):
            return self._namedtuple(target, name)
        if not (self._anyhow and isinstance(target, FunctionType)):
            raise CannotBeWritten(f"the text of {name_of(target)} is not known; run its cell again")
        self.unknown[name] = None
        return self._from_code(target, name)

    def _namedtuple(self, cls: type, name: str) -> str:
        make = self.name_for(collections.namedtuple)
        given = f"defaults={self._value(tuple(cls._field_defaults.values()))}" if cls._field_defaults else ""
        return f"{name} = {make}({', '.join(filter(None, [repr(name), repr(cls._fields), given]))})"

    def _from_code(self, function: FunctionType, name: str) -> str:
        """A function whose text is not known: Python's own form of it, with what it uses."""
        for used in names_in(function.__code__):
            if used in self._scope and self._bound(used, self._scope[used], set()) != used:
                raise CannotBeWritten(f"the text of {name} is not known")
        cell = f"{self.name_for(types)}.CellType"
        cells = ", ".join(f"{cell}({self._value(c.cell_contents)})" for c in function.__closure__ or ())
        given = [f"{self.name_for(marshal)}.loads({marshal.dumps(function.__code__)!r})", "globals()"]
        given += [repr(name), self._value(function.__defaults__), f"({cells},)" if cells else "None"]
        return f"{name} = types.FunctionType({', '.join(given)})"

    # names --------------------------------------------------------------------------------------------------

    def _bound(self, name: str, value: Any, words: set[str]) -> str:
        """The name in the file of what a definition calls `name`; what has no text is noted as missing."""
        try:
            if id(value) in self._names or has_a_name(value, self._scope):
                return self.name_for(value, name, words)
            if not is_written(value) and (line := from_import(name, value)) is not None:
                free = self._free(name, value, words)
                self._import(line if free == name else from_import(free, value), value)
                return free
            outer, self._has_parts = self._has_parts, False
            text = self._value(value)
            constant, self._has_parts = (self._parts if self._has_parts else self._constants), outer
            free = self._free(name, text, words)
            constant[f"{free} = {text}"] = None
            return free
        except (ValueError, RecursionError):
            self.missing[name] = None
            return name

    def name_for(self, thing: Any, wish: str = "", words: set[str] = frozenset()) -> str:
        """The name of a function, class or module in the file; it is written or imported if need be.

        Raises: ValueError if it cannot be.
        """
        if id(thing) in self._names:
            self._has_parts |= id(thing) not in self._imported_ids
            return self._names[id(thing)]
        own = name_of(thing).rpartition(".")[2]
        if vars(builtins).get(own) is thing and wish in ("", own) and own not in self._taken:
            return own
        free = self._free(wish or (own if own.isidentifier() else "helper"), thing, words)
        self._names[id(thing)] = free
        if isinstance(thing, ModuleType):
            self._import(import_line(free, thing), thing)
        elif definition(thing) is not None and is_local(thing, self._scope):
            self._define(thing, free)
        elif isinstance(thing, functools._lru_cache_wrapper):
            options, inner = thing.cache_parameters(), self.name_for(thing.__wrapped__)
            cache = self.name_for(functools)
            self._parts[f"{free} = {cache}.lru_cache(maxsize={options['maxsize']})({inner})"] = None
            self._has_parts = True
        elif (line := from_import(free, thing)) is not None:
            self._import(line, thing)
        else:
            del self._names[id(thing)]
            raise CannotBeWritten(f"{free} has no text")
        return free

    def _import(self, line: str, thing: Any) -> None:
        self._imports[line] = None
        self._imported_ids.add(id(thing))

    def _free(self, wish: str, thing: Any, words: set[str]) -> str:
        """The name that was wished for, or with a number if it means something else already."""
        name, number = wish, 1
        while name in self._taken and not same(self._taken[name], thing):
            number += 1
            name = f"{wish}_{number}"
            while name in words:
                name += "_"
        self._taken[name] = thing
        return name

    def _value(self, value: Any) -> str:
        return ValueWriter(self.name_for, self._need)(value)

    def _need(self, helper: str) -> None:
        self._parts[helper] = None
        self._has_parts = True
