"""Find the text in which a function or class was written: in a notebook cell, in a file, at the prompt.

Python keeps with a function the name of its text and a line number. The text is found under that name
(notebooks put every cell there); what ran under `%%time`, which has no such name, is looked for among the
cells that were run. It runs nothing, and does not know what a text needs.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import sys
import warnings
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def own_text(obj: Any, decorated: bool = True, near: tuple[str, ...] = ()) -> str:
    """The text of a function, class or lambda, moved to the left edge; without decorators if so wished.

    `near` are names of texts to look in for a class that has no code of its own, such as an exception.

    Raises: ValueError if the text is not known (a built-in, code made by `exec`).
    """
    texts = _class_texts(obj, near) if isinstance(obj, type) else _function_texts(obj.__code__)
    for text in texts:
        tree = _parsed(text)
        node = None if tree is None else _node(tree, obj)
        if isinstance(node, ast.Lambda):
            return _lambda_text(text, node)
        if node is not None:
            return _at_left_edge(text, node, decorated)
    raise ValueError(f"the text of {name_of(obj)} is not known; run its cell again")


def name_of(obj: Any) -> str:
    """The name under which an object was defined; empty if it has none."""
    name = getattr(obj, "__name__", "")
    return name if isinstance(name, str) else ""


def has_decorators(obj: Any) -> bool:
    """Whether a function's definition has decorators above it."""
    return own_text(obj) != own_text(obj, decorated=False)


def own_functions(cls: type) -> Iterator[FunctionType]:
    """The functions that are written in a class, not inherited or made by a decorator."""
    for member in vars(cls).values():
        plain = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        plain = inspect.unwrap(plain) if callable(plain) and not isinstance(plain, type) else plain
        if isinstance(plain, FunctionType) and plain.__code__.co_qualname.startswith(f"{cls.__qualname__}."):
            yield plain


# Which text -------------------------------------------------------------------------------------------------


def _function_texts(code: CodeType) -> Iterator[str]:
    if lines := linecache.getlines(code.co_filename):
        yield "".join(lines)
    else:
        yield from (text for text in _cells() if _holds(text, code))


def _class_texts(cls: type, near: tuple[str, ...]) -> Iterator[str]:
    names = [function.__code__.co_filename for function in own_functions(cls)]
    module = sys.modules.get(cls.__module__)
    for name in dict.fromkeys([*names[:1], *near, getattr(module, "__file__", None) or ""]):
        if lines := linecache.getlines(name):
            yield "".join(lines)
    yield from _cells()


def _cells() -> Iterator[str]:
    """The cells that were run, the last one first, as Python: without the `%%` line at their top."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if shell is None:
        return
    for raw in reversed(list(shell.history_manager.input_hist_raw)):
        try:
            yield shell.transform_cell(re.sub(r"\A(?:\s*%%.*\n)+", "", raw))
        except Exception:  # noqa: BLE001, S112 - a cell that is no Python holds no definition
            continue


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _holds(text: str, code: CodeType) -> bool:
    """Whether a text, compiled, has this very code in it."""

    def plain(one: CodeType) -> list[str]:
        return [repr(const) for const in one.co_consts if not isinstance(const, CodeType)]

    def inside(one: CodeType) -> bool:
        if all(getattr(one, part) == getattr(code, part) for part in _PARTS) and plain(one) == plain(code):
            return True
        return any(isinstance(const, CodeType) and inside(const) for const in one.co_consts)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return inside(compile(text, "<cell>", "exec", flags=code.co_flags & _FUTURES, dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


_PARTS = "co_name co_firstlineno co_code co_names co_varnames co_freevars".split()
_FUTURES = (
    0x1000000  # `from __future__ import annotations` above the code, which notebooks keep for later cells
)


# Where in it ------------------------------------------------------------------------------------------------


def _node(tree: ast.Module, obj: Any) -> Any:
    if isinstance(obj, type):
        return _class_node(tree, obj)
    code = obj.__code__
    if code.co_name == "<lambda>":
        return _lambda_node(tree, code)
    wanted = ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [n for n in ast.walk(tree) if isinstance(n, wanted) and n.name == code.co_name]
    return _innermost(nodes, code.co_firstlineno)


def _class_node(tree: ast.Module, cls: type) -> Any:
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == cls.__name__]
    functions = list(own_functions(cls))
    if functions:
        return _innermost(nodes, functions[0].__code__.co_firstlineno)
    return next((n for n in reversed(nodes) if _fits(n, cls)), None)


def _fits(node: ast.ClassDef, cls: type) -> bool:
    """Whether a class without code may be what this text makes: it has the members that stand there."""
    plain = [n for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    typed = {n.target.id for n in plain}
    given = {
        t.id for n in node.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
    }
    functions = any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) for n in node.body)
    members = vars(cls)
    return not functions and given <= members.keys() and typed == _annotated(cls)


def _annotated(cls: type) -> set[str]:
    """The names that a class itself gives a type; from Python 3.14 on they are worked out when asked for."""
    if sys.version_info < (3, 14):
        return set(vars(cls).get("__annotations__", ()))
    from annotationlib import Format, get_annotations

    return set(get_annotations(cls, format=Format.FORWARDREF))


def _innermost(nodes: list[Any], line: int) -> Any:
    around = [n for n in nodes if first_line(n) <= line <= (n.end_lineno or line)]
    return around[-1] if around else None


def first_line(node: Any) -> int:
    """The line in which a definition begins, with its decorators."""
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _lambda_node(tree: ast.Module, code: CodeType) -> Any:
    """The lambda in whose body all instructions of the code lie; several may stand in one line."""
    places = [(p[0], p[2]) for p in code.co_positions() if p[0] and p[2] is not None and p[3]]
    around = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Lambda) and n.lineno <= code.co_firstlineno <= (n.end_lineno or n.lineno)
        if all((n.lineno, n.col_offset) <= place <= (n.end_lineno, n.end_col_offset) for place in places)
        if [a.arg for a in _arguments(n)] == list(code.co_varnames[: len(_arguments(n))])
    ]
    # An outer lambda has the instructions of an inner one in its body too.
    return max(around, key=lambda n: (n.lineno, n.col_offset), default=None)


def _arguments(node: ast.Lambda) -> list[ast.arg]:
    arguments = node.args
    extra = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


# The text itself --------------------------------------------------------------------------------------------


def _lambda_text(text: str, node: ast.Lambda) -> str:
    segment = ast.get_source_segment(text, node) or ""
    return f"({segment})" if "\n" in segment else segment


def _at_left_edge(text: str, node: Definition, decorated: bool) -> str:
    """The lines of a definition without its indentation; the inside of texts over several lines stays."""
    first = first_line(node) if decorated else node.lineno
    lines = text.splitlines()[first - 1 : node.end_lineno]
    edge = re.match(r"[ \t]*", lines[0])[0]
    inside = {line - first for line in _lines_inside_strings(node)} if edge else set()
    return "\n".join(
        line if i in inside else line.removeprefix(edge).rstrip() if line.startswith(edge) else line.lstrip()
        for i, line in enumerate(lines)
    )


def _lines_inside_strings(node: ast.AST) -> set[int]:
    strings = (
        n
        for n in ast.walk(node)
        if isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str | bytes))
    )
    return {line for n in strings for line in range(n.lineno + 1, n.end_lineno + 1)}
