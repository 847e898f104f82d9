"""Every view of the course, fed with texts that nobody should have to fear.

What a view is called with stands in the example of its docstring; here each text in that call is exchanged,
one after the other, for one that would run a script, set a formula or break a figure.
"""

from __future__ import annotations

import ast
import copy
import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import course_lib
from course_lib import figures as viz
from course_lib.figures.shown import Shown

TEXTS = {
    "script": "<script>window.ran = 1</script>",
    "picture": "<img src=x onerror='window.ran = 1'>",
    "attribute": '" onmouseover="window.ran = 1" x=\'',
    "end": "</td></div></pre><b>x</b><!--",
    "prices": "It costs $5 and $10",
    "formula": "$$ \\frac{ $x \\(y\\)",
    "letters": "\x00\x1b[31m\u202eabc\ufeff风筝👩\u200d👧",
    "long": "word " * 400,
    "nothing": "",
}


@dataclass(frozen=True)
class View:
    """A view with the lines of its example: those that prepare it, and the call."""

    name: str
    before: str
    call: ast.Expression
    names: dict[str, Any]


def views() -> Iterator[View]:
    """All views whose example is a call that shows something."""
    for module in _modules():
        for name, function in list(vars(module).items()):
            if inspect.isfunction(function) and function.__module__ == module.__name__ and name[0] != "_":
                yield from _of(name, function, module)


def _modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(course_lib.__path__, "course_lib."):
        parts = found.name.split(".")
        if "views" in parts or parts[1] == "figures":
            yield importlib.import_module(found.name)


def _of(name: str, function: Any, module: Any) -> Iterator[View]:
    before = ""
    for example in doctest.DocTestParser().get_examples(function.__doc__ or ""):
        for node in ast.walk(ast.parse(example.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                yield View(f"{module.__name__}.{name}", before, ast.Expression(node), vars(module))
                return
        before += example.source


def shown(view: View, text: str) -> Iterator[Any]:
    """What a view shows, with each text of its call exchanged for `text` in turn, wherever it stands."""
    for value in sorted({node.value for node in _texts(view.call)}):
        call = copy.deepcopy(view.call)
        for node in _texts(call):
            node.value = text if node.value == value else node.value
        names = dict(view.names)
        exec(view.before, names)
        try:
            yield eval(compile(ast.fix_missing_locations(call), view.name, "eval"), names)
        except ValueError:
            continue  # an option that must be one of a few, or names that must differ


def _texts(call: ast.AST) -> Iterator[ast.Constant]:
    """The texts of a call, but for those that are said to be HTML."""
    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Html":
        return
    if isinstance(call, ast.Constant) and isinstance(call.value, str):
        yield call
    for part in ast.iter_child_nodes(call):
        yield from _texts(part)


def page(made: Any) -> str:
    """The HTML that a notebook gets to see of what a view has made; figures are drawn."""
    if isinstance(made, Shown):
        return made._repr_html_()
    if hasattr(made, "transAxes") or hasattr(made, "savefig"):
        return viz.picture(made).description()._repr_html_()
    return ""
