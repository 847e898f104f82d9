"""What can go wrong in a statement: left out, a condition forced, a loop walked in part, worked in place.

A change is a pair of its kind and the new node, as in `expressions`. It knows Python's syntax only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mutants.expressions import ARITHMETIC, Change, walked

LEFT_OUT = (
    ast.Assign,
    ast.AugAssign,
    ast.Expr,
    ast.Return,
    ast.Break,
    ast.Continue,
    ast.Raise,
    ast.Assert,
    ast.If,
    ast.For,
    ast.Delete,
)


def left_out(node: ast.AST) -> Iterator[Change]:
    """Nothing in the statement's place."""
    if isinstance(node, LEFT_OUT):
        yield f"statement dropped: {type(node).__name__.lower()}", ast.Pass()


def condition(node: ast.AST) -> Iterator[Change]:
    """A condition that always holds, never, or the other way round."""
    if not isinstance(node, ast.If | ast.While):
        return
    others = [ast.Constant(False), ast.Constant(True), ast.UnaryOp(ast.Not(), node.test)]
    for other in others:
        yield "condition forced", type(node)(other, node.body, node.orelse)


def loop(node: ast.AST) -> Iterator[Change]:
    """A loop that walks along only a part."""
    if not isinstance(node, ast.For):
        return
    for kind, source in walked(node.iter, ast.unparse(node.target) != "_"):
        yield kind, ast.For(node.target, source, node.body, node.orelse, None)


def update(node: ast.AST) -> Iterator[Change]:
    """`+=` with another operator or none, and `x = x + y` done in place."""
    if isinstance(node, ast.AugAssign):
        for other in ARITHMETIC.get(type(node.op), ()):
            yield "operator changed", ast.AugAssign(node.target, other(), node.value)
        yield "replaced, not updated", ast.Assign([node.target], node.value)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Name) and ast.unparse(target) == ast.unparse(value.left):
            yield "in place", ast.AugAssign(target, value.op, value.right)


ALL = (left_out, condition, loop, update)
