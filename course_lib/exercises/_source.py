"""Take a function or class out of a notebook as text that stands on its own.

`standalone(obj, name)` gives its source together with the imports, constants and helper functions it uses. It
works on definitions in notebook cells, in files and at Python's prompt where the source is known. Used to
keep a learner's right answers, and to show the reference solutions. It does not run anything.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import linecache
import re
import symtable
import sys
import textwrap
from types import CodeType, FunctionType, ModuleType
from typing import Any


def source_of(obj: Any) -> str:
    """The source of a function or class, without the decorators of this course.

    Raises: ValueError if Python does not know it (a lambda, a built-in, code made by `exec`).
    """
    target = inspect.unwrap(obj)
    code = _some_code(target)
    name = getattr(target, "__name__", "")
    if code is None or not name.isidentifier():
        raise ValueError(f"{name or obj!r} has no source that can be kept; write it with `def` or `class`.")
    text = "".join(linecache.getlines(code.co_filename)) or _from_inspect(target)
    node = _find(text, name, code.co_firstlineno, isinstance(target, type))
    if node is None:
        raise ValueError(f"The source of {name} is not known; run its cell again.")
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    lines = text.splitlines()[first - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(lines))


def standalone(obj: Any, name: str) -> tuple[str, tuple[str, ...]]:
    """The source of `obj` under the name `name`, after the imports, constants and helpers that it needs.

    Also gives the names that it uses and that cannot be written down, such as a tensor made in another cell.

    >>> text, missing = standalone(source_of, "where_it_is")
    >>> text.splitlines()[0], "def where_it_is(" in text, missing
    ('import ast', True, ())
    """
    collected = _Collector()
    collected.add(obj)
    old = inspect.unwrap(obj).__name__
    parts = [part if old == name else _renamed(part, old, name) for part in collected.parts.values()]
    imports = "\n".join(sorted(collected.imports, key=lambda line: (line.startswith("from"), line)))
    head = "\n\n".join(part for part in (imports, "\n".join(collected.constants)) if part)
    return "\n\n\n".join(part for part in (head, *parts) if part) + "\n", tuple(collected.missing)


class _Collector:
    """Follows the global names that a definition uses, and those that these use."""

    def __init__(self) -> None:
        self.imports: dict[str, None] = {}
        self.constants: dict[str, None] = {}
        self.parts: dict[int, str] = {}  # id of the object -> its source; what others need comes first
        self.missing: dict[str, None] = {}
        self._begun: set[int] = set()

    def add(self, obj: Any) -> None:
        if id(obj) in self._begun:
            return
        self._begun.add(id(obj))
        target, source = inspect.unwrap(obj), source_of(obj)
        scope = _globals(target)
        for name in _global_names(source):
            if name in scope:
                self._need(name, scope[name], scope)
        for name in getattr(getattr(target, "__code__", None), "co_freevars", ()):
            self.missing[name] = None
        self.parts[id(obj)] = source

    def _need(self, name: str, value: Any, scope: dict[str, Any]) -> None:
        if isinstance(value, ModuleType):
            self.imports[_import_line(name, value)] = None
        elif isinstance(value, FunctionType | type) and value.__module__ == scope.get("__name__"):
            self.add(value)
        elif _is_literal(value):
            self.constants[f"{name} = {value!r}"] = None
        elif (line := _from_import(name, value)) is not None:
            self.imports[line] = None
        else:
            self.missing[name] = None


def _is_literal(value: Any) -> bool:
    """Whether `repr(value)` is Python for an equal value: numbers, text, and lists or dictionaries of
    them."""
    try:
        return len(repr(value)) <= 20_000 and bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False


def _import_line(name: str, module: ModuleType) -> str:
    full = module.__name__
    if full == name:
        return f"import {full}"
    parent, _, last = full.rpartition(".")
    return f"from {parent} import {last}" if parent and last == name else f"import {full} as {name}"


def _from_import(name: str, value: Any) -> str | None:
    """`from math import sqrt`, if that is where the value can be had."""
    original = getattr(value, "__name__", None) or name
    own = getattr(value, "__module__", None)
    # Functions written in C often do not say where they live: then the shortest module that has them.
    public = [
        m for m in sys.modules if m != "__main__" and not any(part.startswith("_") for part in m.split("."))
    ]
    for module in filter(None, [own, *sorted(public, key=lambda m: (m.count("."), len(m), m))]):
        for known in dict.fromkeys((original, name)):
            if module != "__main__" and vars(sys.modules.get(module, ast)).get(known) is value:
                return f"from {module} import {known}" + ("" if known == name else f" as {name}")
    return None


def _global_names(source: str) -> list[str]:
    """The names that a piece of source takes from outside."""

    def walk(table: symtable.SymbolTable, top: bool) -> set[str]:
        own = {
            s.get_name()
            for s in table.get_symbols()
            if s.is_referenced() and (s.is_global() or (top and not s.is_assigned()))
        }
        return own.union(*(walk(child, False) for child in table.get_children()))

    return sorted(walk(symtable.symtable(source, "<answer>", "exec"), True))


def _renamed(source: str, old: str, new: str) -> str:
    """`source` with the name `old` changed to `new`, in code only: not in strings or comments."""
    if keyword.iskeyword(new) or not new.isidentifier():
        raise ValueError(f"{new!r} is not a name that Python allows; choose another.")
    lines = source.splitlines()
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == old:
            found.add((node.lineno, len(lines[node.lineno - 1].encode()[: node.col_offset].decode())))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == old:
            head = re.search(rf"\b(?:def|class)\s+({re.escape(old)})\b", lines[node.lineno - 1])
            if head:
                found.add((node.lineno, head.start(1)))
    for line, column in sorted(found, reverse=True):
        text = lines[line - 1]
        lines[line - 1] = text[:column] + new + text[column + len(old) :]
    return "\n".join(lines)


def _globals(target: Any) -> dict[str, Any]:
    if hasattr(target, "__globals__"):
        return target.__globals__
    return vars(sys.modules.get(target.__module__, sys.modules["__main__"]))


def _some_code(target: Any) -> CodeType | None:
    """A code object that says where `target` was written; for a class, that of one of its methods."""
    if isinstance(target, type):
        members = (
            getattr(m, "__func__", None) or getattr(m, "fget", None) or m for m in vars(target).values()
        )
        codes = (_some_code(m) for m in members if not isinstance(m, type) and callable(m))
        # A dataclass also has methods that were made by `exec`.
        return next((c for c in codes if c is not None and not c.co_filename.startswith("<string")), None)
    return getattr(target, "__code__", None)


def _from_inspect(target: Any) -> str:
    try:
        return inspect.getsource(sys.modules[target.__module__])
    except (OSError, TypeError, KeyError):
        return ""


def _find(text: str, name: str, line: int, is_class: bool) -> Any:
    """The definition of `name` that contains the line, the innermost if several do."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    wanted = ast.ClassDef if is_class else ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [n for n in ast.walk(tree) if isinstance(n, wanted) and n.name == name]
    around = [n for n in nodes if _first_line(n) <= line <= (n.end_lineno or line)]
    return around[-1] if around else None


def _first_line(node: Any) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])
