"""What can go wrong in an expression: each function gives what may stand in the place of one syntax node.

A change is a pair of its kind and the new node. It knows Python's syntax and the names of common functions,
and nothing about where a node stands or what is done with the changes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Change = tuple[str, ast.AST]

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq, ast.Is, ast.GtE, ast.LtE),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
TURNED = (ast.Sub, ast.Div, ast.FloorDiv, ast.MatMult, ast.Pow)
OTHER_NAMES = {
    "min": "max", "any": "all", "sum": "mean", "argmax": "argmin", "amax": "amin", "maximum": "minimum",
    "tril": "triu", "sin": "cos", "lower": "upper", "split": "rsplit", "clamp_min": "clamp_max",
    "removeprefix": "lstrip", "removesuffix": "rstrip", "lstrip": "strip", "rstrip": "strip",
    "zeros": "ones", "log": "log2", "isalnum": "isalpha", "scatter": "gather",
}  # fmt: skip
BOTH_WAYS = OTHER_NAMES | {new: old for old, new in OTHER_NAMES.items() if not old.endswith("strip")}
_AS_GOOD = ("item", "tolist")  # the checks take a tensor with one number for a number, and one for a list
IN_PLACE = frozenset(
    "abs add clamp cos div exp fill index_add log masked_fill mul neg scatter sin sqrt square sub tanh tril "
    "triu".split()
)


def comparison(node: ast.AST) -> Iterator[Change]:
    """`<` for `<=`, `==` for `is`, `in` for `not in`."""
    if not isinstance(node, ast.Compare):
        return
    for i, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            if isinstance(operator, ast.Eq) and _is_plain(other, [node.left, *node.comparators]):
                continue
            yield (
                f"comparison {'is' if other is ast.Is else 'changed'}",
                ast.Compare(node.left, [*node.ops[:i], other(), *node.ops[i + 1 :]], node.comparators),
            )


def _is_plain(other: type[ast.cmpop], sides: list[ast.expr]) -> bool:
    """Whether `is` can't differ from `==`, since Python keeps one object; and text has no size."""
    values = [side.value for side in sides if isinstance(side, ast.Constant)]
    if other is ast.Is:
        return any(isinstance(value, str | None) or abs(value) <= 256 for value in values)
    return other is not ast.NotEq and any(isinstance(value, str) for value in values)


def arithmetic(node: ast.AST) -> Iterator[Change]:
    """Another operator, one side only, or the sides exchanged."""
    if not isinstance(node, ast.BinOp):
        return
    for other in ARITHMETIC.get(type(node.op), ()):
        yield "operator changed", ast.BinOp(node.left, other(), node.right)
    yield "operand dropped", node.left
    yield "operand dropped", node.right
    if isinstance(node.op, TURNED):
        yield "operands exchanged", ast.BinOp(node.right, node.op, node.left)


def logic(node: ast.AST) -> Iterator[Change]:
    """`and` for `or`, one condition dropped, `not`, `~` or `-` forgotten."""
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and / or", ast.BoolOp(other, node.values)
        for i in range(len(node.values)):
            rest = node.values[:i] + node.values[i + 1 :]
            yield "condition dropped", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    if isinstance(node, ast.UnaryOp):
        yield "not, ~ or - dropped", node.operand
    if isinstance(node, ast.IfExp):
        yield "condition forced", node.body
        yield "condition forced", node.orelse


def constant(node: ast.AST) -> Iterator[Change]:
    """A number next to it, the other truth value, no text."""
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield "constant flipped", ast.Constant(not value)
    elif isinstance(value, int):
        for other in dict.fromkeys((value + 1, value - 1, 0 if abs(value) > 1 else value + 1)):
            yield "whole number changed", _number(other)
    elif isinstance(value, float):
        for other in (0.0, value * 2, value / 10, value + 1):
            yield "number changed", _number(other)
    elif isinstance(value, str | bytes):
        for other in dict.fromkeys((value[:0], value[:-1])):
            if other != value and value not in ("-inf", "inf"):
                yield "text changed", ast.Constant(other)


def _number(value: float) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def infinity(node: ast.AST) -> Iterator[Change]:
    """A large number, or none, for minus infinity."""
    text = ast.unparse(node).lower() if isinstance(node, ast.Call | ast.UnaryOp) else ""
    minus = text.startswith("-") and text.endswith(("inf", "infinity"))
    if minus or text == "float('-inf')":
        for other in (0.0, -100.0, -1e9):
            yield "infinity replaced", _number(other)


def name(node: ast.AST) -> Iterator[Change]:
    """`min` for `max`, `sum` for `mean`, `all` for `any`, in any way of calling it."""
    if not isinstance(node, ast.Call):
        return
    called = node.func
    if isinstance(called, ast.Name) and called.id in ("min", "max", "any", "all"):
        yield "function exchanged", _call(ast.Name(BOTH_WAYS[called.id], ast.Load()), node)
    if isinstance(called, ast.Attribute):
        if called.attr in BOTH_WAYS and (node.args or not called.attr.endswith("split")):
            other = ast.Attribute(called.value, BOTH_WAYS[called.attr], ast.Load())
            yield "function exchanged", _call(other, node)
        if called.attr in IN_PLACE:
            other = ast.Attribute(called.value, called.attr + "_", ast.Load())
            yield "in place", _call(other, node)


def _call(function: ast.expr, node: ast.Call) -> ast.Call:
    return ast.Call(function, node.args, node.keywords)


def call(node: ast.AST) -> Iterator[Change]:
    """A call left out (its object or first argument stays), or one of its arguments dropped."""
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and node.func.attr not in _AS_GOOD:
        yield f"call dropped: {node.func.attr}", node.func.value
    if node.args and not isinstance(node.args[0], ast.GeneratorExp):
        first = node.args[0]
        yield (
            f"call dropped: {ast.unparse(node.func).rpartition('.')[2]}",
            first.value if isinstance(first, ast.Starred) else first,
        )
    for i, keyword in enumerate(node.keywords):
        if keyword.arg == "strict":
            continue  # it guards, and changes nothing
        rest = node.keywords[:i] + node.keywords[i + 1 :]
        yield f"argument dropped: {keyword.arg}", ast.Call(node.func, node.args, rest)
    if node.args:
        yield "last argument dropped", ast.Call(node.func, node.args[:-1], node.keywords)


def transpose(node: ast.AST) -> Iterator[Change]:
    """A matrix as it is, where it was turned."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield "transpose dropped", node.value


def text_rule(node: ast.AST) -> Iterator[Change]:
    """Words cut at single spaces, or at everything that is no letter, where `split()` cuts at any space."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    if node.func.attr == "split" and not node.args:
        yield "other words", ast.Call(node.func, [ast.Constant(" ")], [])
        finder = ast.parse("__import__('re').findall", mode="eval").body
        yield "other words", ast.Call(finder, [ast.Constant(r"\w+"), node.func.value], [])


def tie(node: ast.AST) -> Iterator[Change]:
    """Among equals the last one, where the first was taken."""
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Name) and node.func.id in ("min", "max", "sorted") and len(node.args) == 1:
        if any(keyword.arg == "key" for keyword in node.keywords):
            turned = _named("list", node.args[0])
            turned = _named("reversed", turned)
            yield "tie broken the other way", ast.Call(node.func, [turned], node.keywords)
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "index" and len(node.args) == 1:
        other = f"len({(owner := ast.unparse(node.func.value))}) - 1 - {owner}[::-1].index"
        last = ast.parse(f"{other}({ast.unparse(node.args[0])})", mode="eval").body
        yield "tie broken the other way", last


def _named(function: str, value: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), [value], [])


def part(node: ast.AST) -> Iterator[Change]:
    """A slice whose border is one off, or open."""
    if not isinstance(node, ast.Slice):
        return
    for side in ("lower", "upper", "step"):
        bound = getattr(node, side)
        if bound is None:
            continue
        sides = {"lower": node.lower, "upper": node.upper, "step": node.step}
        others = [None]
        if not isinstance(bound, ast.Constant) and side != "step":
            others += [ast.BinOp(bound, op(), ast.Constant(1)) for op in (ast.Add, ast.Sub)]
        for other in others:
            yield f"slice {'open' if other is None else 'off by one'}", ast.Slice(**sides | {side: other})


def walk(node: ast.AST) -> Iterator[Change]:
    """A comprehension whose source is walked only in part, or whose filter is missing."""
    if not isinstance(node, ast.comprehension):
        return
    for kind, source in walked(node.iter):
        yield kind, ast.comprehension(node.target, source, node.ifs, node.is_async)
    for i in range(len(node.ifs)):
        rest = node.ifs[:i] + node.ifs[i + 1 :]
        yield "filter dropped", ast.comprehension(node.target, node.iter, rest, node.is_async)


def walked(source: ast.expr, ordered: bool = True) -> Iterator[tuple[str, ast.expr]]:
    """Ways to walk along only a part of something; `range` also one step too far."""
    called = ast.unparse(source.func) if isinstance(source, ast.Call) else ""
    never_repeats = called in ("range", "enumerate") or called.endswith((".items", ".keys"))
    for helper, kind in WALKS.items():
        if not (helper == "without_repeats" and never_repeats) and (ordered or helper != "backwards"):
            yield kind, _named(helper, source)
    if called == "range" and isinstance(source, ast.Call) and source.args:
        *before, last = source.args
        longer = ast.BinOp(last, ast.Add(), ast.Constant(1))
        yield "range one longer", ast.Call(source.func, [*before, longer], [])


WALKS = {
    "without_first": "first forgotten",
    "without_last": "last forgotten",
    "only_first": "loop run once",
    "without_repeats": "repeats forgotten",
    "backwards": "walked backwards",
}

ALL = (comparison, arithmetic, logic, constant, infinity, name, call, transpose, text_rule, tie, part, walk)
