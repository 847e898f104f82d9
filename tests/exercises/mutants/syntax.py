"""Mutants of a reference's source text: one syntax node is changed, and the whole compiled again.

The text is what the exercise shows as its solution, so helper functions and constants are changed too. Names
that cannot be written down are taken from where the reference was defined. It does not judge anything.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from course_lib.exercises import Exercise
from mutants import expressions, gradients, loops, statements
from mutants.mutant import Mutant

_NOT_CODE = ("annotation", "returns", "decorator_list", "type_params", "format_spec")
_IMPORTS = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Place:
    """Where a node stands in the tree: in which field of which node, and what is around it."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    around: tuple[ast.AST, ...]

    def put(self, node: ast.AST) -> None:
        """Put another node there."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def syntax_mutants(exercise: Exercise) -> list[Mutant]:
    """All mutants of the text; none if the exercise has no text to show, as with a lambda.

    >>> from course_lib.start_here import exercises as start_here
    >>> [m.name for m in syntax_mutants(start_here.most_likely_next) if m.kind == "loop run once"]
    ['loop run once: for i in range(len(words) - 1): -> for i in only_first...(words) - 1)):']
    """
    text = exercise.solution_source() if callable(exercise.reference) else ""
    if not text:
        return []
    tree, scope = ast.parse(text), _scope(exercise.reference)
    modules = {
        alias.asname or alias.name for node in tree.body if isinstance(node, _IMPORTS) for alias in node.names
    }
    made: dict[str, Mutant] = {}
    for place in _places(tree, ()):
        for kind, new in _changes(place, modules):
            mutant = _mutant(exercise.name, tree, scope, place, kind, new, made)
            made[mutant.name] = mutant
    return list(made.values())


def _places(node: ast.AST, around: tuple[ast.AST, ...]) -> Iterator[Place]:
    """Every node that is code, from the outside in."""
    inside = (*around, node)
    for field, value in ast.iter_fields(node):
        if field in _NOT_CODE:
            continue
        items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, item in items:
            if isinstance(item, ast.AST) and not isinstance(item, _IMPORTS) and not _is_docstring(item, node):
                yield Place(item, node, field, index, inside)
                yield from _places(item, inside)


def _is_docstring(item: ast.AST, parent: ast.AST) -> bool:
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and hasattr(parent, "body")


def _changes(place: Place, modules: set[str]) -> Iterator[expressions.Change]:
    node = place.node
    if isinstance(node, ast.stmt):
        if not isinstance(place.parent, ast.Module):
            for operator in statements.ALL:
                for kind, new in operator(node):
                    if kind != "in place" or _is_argument(new, place.around):
                        yield kind, ast.copy_location(new, node)
        return
    for operator in expressions.ALL:
        for kind, new in operator(node):
            if _fits(place, kind, new, modules):
                yield kind, new
    if gradients.worth_a_cut(node, place.around):
        yield "gradient cut", gradients.cut_at(node)


def _fits(place: Place, kind: str, new: ast.AST, modules: set[str]) -> bool:
    """Whether a change may mean something: modules are no values, and what is local may be worked on."""
    if isinstance(new, ast.Name) and new.id in modules:
        return False
    if isinstance(place.parent, ast.JoinedStr) and not isinstance(new, ast.Constant):
        return False  # inside a formatted text only text may stand between the braces
    if isinstance(place.parent, ast.keyword) and place.parent.arg == "strict":
        return False
    if kind == "walked backwards" and _has_no_order(place.around):
        return False
    return kind != "in place" or _is_argument(new, place.around)


def _has_no_order(around: tuple[ast.AST, ...]) -> bool:
    """Whether a comprehension is added up, or gives something without an order."""
    inside, outside = around[-1], around[-2]
    summed = isinstance(outside, ast.Call) and ast.unparse(outside.func) in (
        "sum",
        "any",
        "all",
        "set",
        "Counter",
    )
    return summed or isinstance(inside, ast.SetComp | ast.DictComp)


def _is_argument(new: ast.AST, around: tuple[ast.AST, ...]) -> bool:
    """Whether what is worked on in place is an argument, or a part of one."""
    target = new.target if isinstance(new, ast.AugAssign) else new.func.value
    while isinstance(target, ast.Attribute | ast.Subscript):
        target = target.value
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    names = {
        argument.arg
        for function in functions
        for argument in ast.walk(function.args)
        if isinstance(argument, ast.arg)
    }
    return isinstance(target, ast.Name) and target.id in names


def _mutant(
    name: str, tree: ast.Module, scope: dict, place: Place, kind: str, new: ast.AST, made: dict[str, Mutant]
) -> Mutant:
    label = f"{kind}: {_short(place.node)} -> {_short(new)}"
    number = 1 + sum(other == label or other.startswith(f"{label} #") for other in made)
    return Mutant(
        name=label if number == 1 else f"{label} #{number}",
        kind=kind,
        make=lambda: _built(name, tree, scope, place, new),
        text=lambda: _changed(tree, place, new, ast.unparse),
        endless=any(isinstance(node, ast.While) for node in (*place.around, place.node)),
        gradient=kind == "gradient cut",
    )


def _short(node: ast.AST) -> str:
    """The first line of a node's text, without its middle where it is too long for a name."""
    node = node if not isinstance(node, ast.comprehension) else node.iter
    line = (ast.unparse(node).splitlines() or [""])[0]
    return line if len(line) <= 36 else f"{line[:19]}...{line[-14:]}"


def _changed(tree: ast.Module, place: Place, new: ast.AST, use: Callable[[ast.Module], Any]) -> Any:
    """What `use` makes of the tree while `new` stands in the place."""
    place.put(new)
    try:
        return use(tree)
    finally:
        place.put(place.node)


def _built(name: str, tree: ast.Module, scope: dict[str, Any], place: Place, new: ast.AST) -> Any:
    # Compiled from text, since one node may stand at two places of a changed tree.
    code = compiled(_changed(tree, place, new, ast.unparse))
    cut = gradients.Cut()
    names = {**scope, **vars(loops), gradients.NAME: cut, "__name__": "mutant"}
    exec(code, names)
    answer = names[name]
    answer.mutant_code, answer.mutant_cut = code, cut
    return answer


def plain_text(exercise: Exercise) -> str:
    """The reference's text as a mutant's is written: without comments."""
    return ast.unparse(ast.parse(exercise.solution_source()))


def compiled(text: str) -> CodeType:
    """Python's code for a text, whose annotations need not mean anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, "<mutant>", "exec", __future__.annotations.compiler_flag, dont_inherit=True)


def print_of(code: Any) -> Any:
    """What tells one code from another: its instructions and all that they use, but no line numbers.

    >>> print_of(compiled("x = 1 + 1")) == print_of(compiled("x = 2"))
    True
    """
    if isinstance(code, CodeType):
        return code.co_code, code.co_names, code.co_varnames, tuple(map(print_of, code.co_consts))
    return (type(code), repr(code))


def _scope(reference: Any) -> dict[str, Any]:
    """The names that the reference sees, where it was defined."""
    target = inspect.unwrap(reference)
    seen = getattr(target, "__globals__", None) or vars(inspect.getmodule(target) or builtins)
    cells = inspect.getclosurevars(target).nonlocals if inspect.isfunction(target) else {}
    return {**seen, **cells}
