"""Join kept answers into one file that can be read from beginning to end and run by itself.

Each part is a text that defines one thing, with the imports and helpers it needs. A `Joined` grows by one
part at a time: imports go to the top, once; only what its thing needs is taken of a text; a helper whose
name is taken gets another; and a helper that is called like an earlier part can give way to that part. It
runs nothing and does not know whether an answer is right.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from course_lib.exercises._renaming import global_names, renamed

_COURSE = __name__.partition(".")[0]
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)


class CannotBeJoined(ValueError):
    """Why a text can't go into the file, as the end of a sentence."""


@dataclass(frozen=True)
class _Statement:
    """A statement of a text: the names it binds, and those it changes without binding them."""

    text: str
    binds: frozenset[str]
    changes: frozenset[str]
    defines: bool = False  # a function or class
    module: str | None = None  # of an import: where from ("" for a plain one), and which name there
    origin: str = ""

    @property
    def uses(self) -> set[str]:
        return set() if self.module is not None else set(global_names(self.text))

    @property
    def of_the_course(self) -> bool:
        return self.module is not None and (self.module or self.origin).partition(".")[0] == _COURSE


@dataclass(frozen=True)
class Joined:
    """A file that grows. `names` are those of all parts, so that no helper takes one of them.

    >>> file = Joined(("double", "six")).add("double", "import os\\n\\ndef double(x): return 2 * x", "# mine")
    >>> print(file.add("six", "def double(x): ...\\n\\ndef six(): return double(3)", "# yours").text())
    # mine
    <BLANKLINE>
    def double(x): return 2 * x
    <BLANKLINE>
    <BLANKLINE>
    # yours
    <BLANKLINE>
    def six(): return double(3)
    <BLANKLINE>
    """

    names: tuple[str, ...]
    parts: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    bound: tuple[tuple[str, str], ...] = ()  # the helpers' names, and of imports the line
    imports: tuple[str, ...] = ()
    future: bool = False

    def text(self, head: str = "") -> str:
        """The whole file, after `head`."""
        future = "from __future__ import annotations" if self.future else ""
        lines = sorted(self.imports, key=lambda line: (line.startswith("from"), line))
        top = "\n\n".join(part for part in (head, future, "\n".join(lines)) if part)
        return "\n\n\n".join(part for part in (top, *self.sections) if part) + "\n"

    def add(self, name: str, text: str, heading: str, *, link: bool = True, plain: bool = False) -> Joined:
        """The file with one more part: what `text` defines as `name`, and what that needs, below `heading`.

        With `link`, a helper that is called like an earlier part, but for underscores before it, is that
        part. With `plain`, the helpers lose such underscores.

        Raises: CannotBeJoined for a text that needs something of the course that is no part.
        """
        try:
            statements = list(_statements(text))
            future = any(s.module == "__future__" for s in statements)
            statements = [s for s in statements if s.module != "__future__"]
            return self._joined(name, statements, heading, link, plain, future)
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise CannotBeJoined(f"it can't be read ({type(error).__name__})") from None

    def _joined(
        self, name: str, statements: list[_Statement], heading: str, link: bool, plain: bool, future: bool
    ) -> Joined:
        statements, changed, modules = self._without_the_course(statements)
        if link:
            given = {n: n.lstrip("_") for s in statements if s.module is None for n in s.binds - {name}}
            changed |= {old: new for old, new in given.items() if new in self.parts}
        kept = _needed(name, statements, set(changed))
        if lost := modules & {used for statement in kept for used in statement.uses}:
            raise CannotBeJoined(f"it uses {min(lost)} of the course, which the file has to do without")
        file = self
        for statement in kept:
            for old in sorted(statement.binds - {name} - set(changed)):
                file, changed[old] = file._bind(old, statement, plain)
        bound = dict(self.bound)
        kept = [s for s in kept if not any(bound.get(changed.get(n, n)) == s.text for n in s.binds)]
        changed = {old: new for old, new in changed.items() if old != new}
        texts = [_with_names(s, changed) for s in kept if s.module is None]
        section = "\n\n".join([heading, _spaced(texts)])
        if line := left_of_the_course(section):
            raise CannotBeJoined(f"it says `{line}`, and the file has to do without the course")
        return replace(
            file, parts=(*file.parts, name), sections=(*file.sections, section), future=file.future or future
        )

    def _bind(self, name: str, statement: _Statement, plain: bool) -> tuple[Joined, str]:
        """A name for a helper or an import, with the file that has it."""
        bound, is_import = dict(self.bound), statement.module is not None
        wish = name.lstrip("_") if plain and not is_import else name
        taken = {*bound, *self.names, *vars(builtins)}
        number, free = 1, wish or name
        while free in taken and not (bound.get(free) == _what(statement, free) != ""):
            number += 1
            free = f"{wish or name}_{number}"
        line = _import_line(statement, free) if is_import else ""
        imports = self.imports if not line or line in self.imports else (*self.imports, line)
        bound[free] = _what(statement, free)
        return replace(self, bound=tuple(bound.items()), imports=imports), free

    def _without_the_course(
        self, statements: list[_Statement]
    ) -> tuple[list[_Statement], dict[str, str], set[str]]:
        """The statements with the parts in place of what they import from the course, those names, and those
        of what is no part."""
        changed: dict[str, str] = {}
        modules: set[str] = set()
        for statement in (s for s in statements if s.of_the_course):
            (name,) = statement.binds
            if statement.module and statement.origin in self.parts:
                changed[name] = statement.origin
            else:
                modules.add(name)
        rest = [s for s in statements if not s.of_the_course]
        rest = [s if s.module is not None else _unqualified(s, modules, self.parts) for s in rest]
        return rest, changed, modules


def _needed(name: str, statements: list[_Statement], given: set[str]) -> list[_Statement]:
    """The statements, in their order, without which `name` is not what it is; `given` are there already."""
    statements = [s for s in statements if not s.binds or not s.binds <= given]
    if not any(name in s.binds and s.module is None for s in statements):
        raise CannotBeJoined(f"it doesn't define {name} by itself")
    wanted, before = {name}, set()
    while wanted != before:
        before = set(wanted)
        for statement in statements:
            if (statement.binds | statement.changes) & wanted:
                wanted |= statement.uses - given
    return [s for s in statements if (s.binds | s.changes) & wanted]


def _with_names(statement: _Statement, changed: dict[str, str]) -> str:
    header = ""
    if statement.defines:
        (own,) = statement.binds
        header = changed.get(own, "")
    return renamed(statement.text, changed, header) if changed else statement.text


def _spaced(texts: list[str]) -> str:
    """Two empty lines around what is long, none between short lines that follow each other."""
    section = texts[0]
    for before, text in pairwise(texts):
        section += ("\n\n\n" if "\n" in before + text else "\n") + text
    return section


def _import_line(statement: _Statement, name: str) -> str:
    origin = statement.origin
    if not statement.module:
        return f"import {origin}" if name == origin.partition(".")[0] else f"import {origin} as {name}"
    return f"from {statement.module} import {origin}{'' if name == origin else f' as {name}'}"


def _what(statement: _Statement, name: str) -> str:
    """What a name means in the whole file: `import os` and `import os.path` make one thing, and so does a
    text that needs nothing else, whenever it comes. Of others it's not known, and nothing is said."""
    if statement.module is None:
        return "" if statement.uses - set(vars(builtins)) else statement.text
    line = _import_line(statement, name)
    return line if statement.module or " as " in line else line.partition(".")[0]


# Reading a text ---------------------------------------------------------------------------------------------


def _statements(text: str) -> Iterator[_Statement]:
    tree, lines = ast.parse(text), text.splitlines()
    for node in tree.body:
        if isinstance(node, _IMPORTS):
            yield from _imported(node)
        else:
            yield _read(node, tree, lines)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[_Statement]:
    for alias in node.names:
        if alias.name == "*" or getattr(node, "level", 0):
            raise CannotBeJoined(f"it says `{ast.unparse(node)}`")
        module, origin = getattr(node, "module", ""), alias.name
        name = alias.asname or (origin if module else origin.partition(".")[0])
        if not module and alias.asname and "." in origin:  # `import torch.nn as nn` is `from torch import nn`
            module, _, origin = origin.rpartition(".")
        yield _Statement("", frozenset({name}), frozenset(), False, module, origin)


def _read(node: ast.stmt, tree: ast.Module, lines: list[str]) -> _Statement:
    """A statement that is no import; the remarks right above it come along."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    shared = [n for n in tree.body if n is not node and n.lineno <= node.end_lineno and n.end_lineno >= first]
    if shared:
        return _Statement(ast.unparse(node), *_bound(node))
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    return _Statement("\n".join(lines[first - 1 : node.end_lineno]), *_bound(node))


def _bound(node: ast.stmt) -> tuple[frozenset[str], frozenset[str], bool]:
    if isinstance(node, _DEFINITIONS):
        return frozenset({node.name}), frozenset(), True
    if isinstance(node, ast.Expr):  # nothing that is only done, such as to print, belongs to the answer
        return frozenset(), frozenset(), False
    binds, changes = set(), set()
    for part in _outside_of_functions(node):
        if isinstance(part, (*_DEFINITIONS, *_IMPORTS)):
            raise CannotBeJoined("it defines or imports something in another statement")
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            binds.add(part.id)
        elif isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store):
            changes |= {n.id for n in ast.walk(part.value) if isinstance(n, ast.Name)}
    return frozenset(binds), frozenset(changes), False


def _outside_of_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from _outside_of_functions(child)


def _unqualified(statement: _Statement, modules: set[str], parts: tuple[str, ...]) -> _Statement:
    """`naive_bpe.merge_pair` as `merge_pair`, if that is a part."""
    lines = statement.text.splitlines()
    places = []
    for node in ast.walk(ast.parse(statement.text)) if modules else ():
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            continue
        if node.value.id in modules and node.attr in parts and node.lineno == node.end_lineno:
            places.append((node.lineno, node.col_offset, node.end_col_offset, node.attr))
    for line, start, end, name in sorted(places, reverse=True):
        raw = lines[line - 1].encode()
        lines[line - 1] = (raw[:start] + name.encode() + raw[end:]).decode()
    return replace(statement, text="\n".join(lines))


def taken_from_the_course(text: str, parts: tuple[str, ...]) -> list[str]:
    """The parts that a text takes from the course, by `module.part` or by an import."""
    statements = list(_statements(text))
    ours = [s for s in statements if s.of_the_course]
    modules = {name for s in ours for name in s.binds}
    found = {s.origin for s in ours if s.module}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found.add(node.attr)
    return sorted(found & set(parts))


def left_of_the_course(text: str) -> str:
    """What a text still takes from the course, as it is written there; nothing if it stands alone."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import) and any(a.name.partition(".")[0] == _COURSE for a in node.names):
            return ast.unparse(node)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == _COURSE:
            return ast.unparse(node)
    return ""
