"""Change names in a piece of source, as Python understands them: not in strings, comments or attributes.

Only names that come from outside are changed: an argument or a local variable of the same name is another
thing. Used where a function gets its exercise's name, or where two things of one name go into one file.
"""

from __future__ import annotations

import ast
import keyword
import re
import symtable
from collections.abc import Iterator, Mapping
from typing import Any

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def global_names(source: str) -> list[str]:
    """The names that a piece of source takes from outside.

    >>> global_names("def f(x): return x + factor * g(x)")
    ['factor', 'g']
    """

    def walk(table: symtable.SymbolTable, top: bool) -> set[str]:
        own = {
            s.get_name()
            for s in table.get_symbols()
            if (s.is_referenced() and (s.is_global() or (top and not s.is_assigned())))
            or (s.is_declared_global() and not top)
        }
        return own.union(*(walk(child, False) for child in table.get_children()))

    names = walk(symtable.symtable(without_nonlocal(source), "<answer>", "exec"), True)
    return sorted(names - {"__class__"})


def all_names(source: str) -> set[str]:
    """Every word in a piece of source that may be a name."""
    return set(re.findall(r"[^\W\d]\w*", source))


def without_nonlocal(source: str) -> str:
    """A function taken out of another one: what was that one's variable is the file's own now."""
    if "nonlocal" not in source:
        return source
    lines = source.splitlines()
    outer = _outside(ast.parse(source))
    for node in outer:
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.col_offset] + line[node.col_offset :].replace(
            "nonlocal", "global", 1
        )
    return "\n".join(lines)


def _outside(tree: ast.Module) -> list[ast.Nonlocal]:
    """The `nonlocal` lines that mean a variable of no function in this source."""
    found = []

    def walk(node: ast.AST, bound: frozenset[str]) -> None:
        if isinstance(node, ast.Nonlocal) and not bound & set(node.names):
            found.append(node)
        inner = bound | _bound(node) if isinstance(node, _FUNCTIONS) else bound
        for child in ast.iter_child_nodes(node):
            walk(child, inner)

    walk(tree, frozenset())
    return found


def renamed(source: str, names: Mapping[str, str], header: str = "") -> str:
    """`source` with names from outside changed; `header` is the new name of the definition itself.

    >>> renamed("def f(x, n=3): return g(x) + f(n)", {"f": "h", "g": "k"}, header="h")
    'def h(x, n=3): return k(x) + h(n)'
    >>> renamed("def f(g): return g", {"g": "k"})
    'def f(g): return g'

    Raises: ValueError for a name that Python does not allow.
    """
    for new in (*names.values(), *filter(None, [header])):
        if keyword.iskeyword(new) or not new.isidentifier():
            raise ValueError(f"{new!r} is not a name that Python allows; choose another.")
    tree, lines = ast.parse(source), source.splitlines()
    places = set(_places(tree, lines, names))
    top = tree.body[0] if tree.body else None
    if header and isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        # Not by its name, which Python may write with other characters than the text does.
        found = re.search(r"\b(?:def|class)\s+([^\s(:\[]+)", lines[top.lineno - 1])
        if found is None:
            raise ValueError(f"the name {top.name} cannot be changed")
        places.add((top.lineno, found.start(1), found[1], header))
    for line, column, old, new in sorted(places, reverse=True):
        text = lines[line - 1]
        if not text.startswith(old, column):
            raise ValueError(f"the name {old} cannot be changed in line {line}")
        lines[line - 1] = text[:column] + new + text[column + len(old) :]
    return "\n".join(lines)


def _places(
    tree: ast.Module, lines: list[str], names: Mapping[str, str]
) -> Iterator[tuple[int, int, str, str]]:
    for node in _outer_names(tree, frozenset(names)):
        if isinstance(node, ast.Global):
            text = lines[node.lineno - 1]
            for name in set(node.names) & names.keys():
                for found in re.finditer(rf"\b{re.escape(name)}\b", text):
                    yield node.lineno, found.start(), name, names[name]
        else:
            column = len(lines[node.lineno - 1].encode()[: node.col_offset].decode())
            yield node.lineno, column, node.id, names[node.id]


def _outer_names(node: ast.AST, wanted: frozenset[str]) -> Iterator[Any]:
    """The places at which one of the wanted names is used and means something outside."""
    if isinstance(node, ast.Name):
        if node.id in wanted:
            yield node
        return
    if isinstance(node, ast.Global):
        yield node
        return
    inside = wanted - _bound(node) if isinstance(node, (*_FUNCTIONS, *_COMPREHENSIONS)) else wanted
    own = _assigned(node) if isinstance(node, ast.ClassDef) else set()
    for field, value in ast.iter_fields(node):
        # Decorators, defaults and annotations of a function are read outside of it.
        here = wanted if field in ("decorator_list", "returns") else inside
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.arguments):
                yield from _outer_names_of_arguments(child, wanted)
            elif isinstance(child, ast.AST):
                # The methods of a class do not see its other members by their bare names.
                hidden = own if field == "body" and not isinstance(child, (*_FUNCTIONS, ast.ClassDef)) else ()
                yield from _outer_names(child, here.difference(hidden))


def _assigned(node: ast.ClassDef) -> set[str]:
    """The members of a class that are not methods."""
    plain = [n for n in node.body if not isinstance(n, (*_FUNCTIONS, ast.ClassDef))]
    return set().union(*(_bound_by(n) for part in plain for n in ast.walk(part)))


def _outer_names_of_arguments(arguments: ast.arguments, wanted: frozenset[str]) -> Iterator[Any]:
    for child in ast.walk(arguments):
        if isinstance(child, ast.Name) and child.id in wanted:
            yield child


def _bound(function: ast.AST) -> set[str]:
    """The names that belong to a function (or comprehension) itself."""
    if isinstance(function, _COMPREHENSIONS):
        return {n.id for g in function.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
    names = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    declared: set[str] = set()
    todo = list(function.body) if isinstance(function.body, list) else [function.body]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Global | ast.Nonlocal):
            declared |= set(node.names)
        names |= _bound_by(node)
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(node))
    return names - declared


def _bound_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    name = getattr(node, "name", None) or getattr(node, "rest", None)  # def, class, except, match
    return {name} if isinstance(name, str) else set()
