"""Where chat templates are carried out: programs that came with a model, and that nobody here has read.

No Python and no files are within their reach; loops, texts and lists are counted as they are made, and there
is an end to all of them. It does not know messages or tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from course_lib.assistant.budget import Budget

LONGEST_TEMPLATE = 200_000  # characters; long ones, with tools, have 20,000
CALL = 10  # steps that a call counts
FILTERS = (
    "abs capitalize count d default dictsort e escape first float int items join last length list lower "
    "map max min reject rejectattr replace reverse round safe select selectattr sort string sum title trim "
    "unique upper"
).split()
METHODS = (
    "capitalize count endswith find isalpha isdigit isspace join lower lstrip partition removeprefix "
    "removesuffix replace rfind rpartition rsplit rstrip split splitlines startswith strip title upper"
).split()


def sandbox() -> Any:
    """A place for one template to be carried out in, once: with its own count of what is made there.

    >>> sandbox().from_string("{{ 2 + 3 }}").render()
    '5'
    """
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    budget = Budget(jinja2.TemplateError)

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])
        concat = staticmethod(budget.joined)

        def _parse(self, source: str, *where: Any) -> Any:
            return _counting(super()._parse(source, *where))

        def call_binop(self, context: Any, operator: str, one: Any, other: Any) -> Any:
            numbers = all(isinstance(value, int | float) for value in (one, other))
            if operator == "**" or not (numbers or operator == "+"):
                budget.refuse(f"a template may not use {operator} here")
            return budget.made(super().call_binop(context, operator, one, other))

        def call(self, context: Any, called: Any, *values: Any, **named: Any) -> Any:
            budget.step(CALL)
            if isinstance(owner := getattr(called, "__self__", None), str):
                _check_method(budget, called.__name__, owner, values, named)
            return budget.made(super().call(context, called, *values, **named))

        def wrap_str_format(self, value: Any) -> None:
            return None  # format is no method here

        def is_safe_attribute(self, owner: Any, name: str, value: Any) -> bool:
            if isinstance(owner, str) and name not in METHODS:
                budget.refuse(f"a template may not use {name} here")
            return super().is_safe_attribute(owner, name, value)

    house = Sandbox(
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=budget.shown,
        extensions=["jinja2.ext.loopcontrols", _generation()],
    )
    house.filters = {
        name: _refusal(budget, name) if name not in FILTERS else _counted(budget, name, act)
        for name, act in house.filters.items()
    }
    house.filters |= {
        "tojson": budget.json,
        _MADE: budget.made,
        _STEPS: budget.steps,
        _JOINED: budget.together,
    }
    known = {"namespace": house.globals["namespace"], "dict": dict, "range": budget.range}
    house.globals = {**known, "raise_exception": budget.refuse, "strftime_now": _now}
    return house


_MADE, _STEPS, _JOINED = " made", " steps", " joined"  # with a space, so that no template can write them


def _counting(template: Any) -> Any:
    """A parsed template in which loops, lists and texts are counted."""
    from jinja2 import nodes
    from jinja2.visitor import NodeTransformer

    def through(name: str, node: Any) -> Any:
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)

    class Counting(NodeTransformer):
        def visit_For(self, node: Any) -> Any:
            if node.recursive:
                node.environment.globals["raise_exception"]("a template may not use recursive loops here")
            node = self.generic_visit(node)
            node.iter = through(_STEPS, node.iter)
            return node

        def visit_Concat(self, node: Any) -> Any:
            node = self.generic_visit(node)
            parts = nodes.List(node.nodes, lineno=node.lineno, environment=node.environment)
            return through(_JOINED, parts)

        def visit_List(self, node: Any) -> Any:
            return through(_MADE, self.generic_visit(node))

        def visit_Tuple(self, node: Any) -> Any:
            node = self.generic_visit(node)
            return node if node.ctx == "store" else through(_MADE, node)

        visit_Dict = visit_List

        def visit_Getitem(self, node: Any) -> Any:
            node = self.generic_visit(node)
            return through(_MADE, node) if isinstance(node.arg, nodes.Slice) else node

    return Counting().visit(template)


def _check_method(budget: Budget, name: str, owner: str, values: tuple, named: Mapping[str, Any]) -> None:
    """Looks at a method of a text before it makes a longer one."""
    if name == "replace":
        _check_replacing(budget, owner, *[*values, *named.values()][:2])
    if name == "join":
        _check_join(budget, None, *values, d=owner)


def _check_replacing(budget: Budget, text: str, old: Any, new: Any) -> None:
    budget.text(len(text) + (str(text).count(str(old)) + 1) * len(str(new)))


def _counted(budget: Budget, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
    """One of Jinja's filters, with an eye on what comes out."""
    from functools import wraps

    @wraps(act)  # which tells Jinja what the filter wants to be given
    def counted(*values: Any, **named: Any) -> Any:
        budget.step()
        if name == "replace":
            known = dict(zip(("s", "old", "new", "count"), values[1:], strict=False)) | named
            _check_replacing(
                budget, str(budget.shown(known["s"])), known.get("old", ""), known.get("new", "")
            )
        elif name == "join":
            values, named = _check_join(budget, *values, **named)
        elif name == "string":
            budget.shown(values[0])
        return budget.made(act(*values, **named))

    return counted


def _check_join(budget: Budget, about: Any, items: Any, d: str = "", attribute: Any = None) -> tuple:
    """Looks at what the filter `join` is given, which then is a list."""
    if attribute is not None:
        budget.refuse("a template may not use join with an attribute here")
    items = [budget.shown(item) for item in items]
    budget.text(sum(len(str(item)) + len(str(d)) for item in items))
    return (about, items, d), {}


def _refusal(budget: Budget, name: str) -> Callable[..., None]:
    """Instead of a filter that few letters make a text of any length with, or that nobody needs here."""
    return lambda *_, **__: budget.refuse(f"a template may not use {name} here")


def _now(form: str) -> str:
    return datetime.now().strftime(str(form)[:100])


def _generation() -> Any:
    """What stands between {% generation %} and {% endgeneration %}, as it is: a mark for training's sake."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = frozenset(["generation"])

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    return Generation
