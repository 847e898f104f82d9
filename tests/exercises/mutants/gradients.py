"""Gradients cut somewhere inside a reference, and whether any gradient shows it.

A cut that no tensor ever passes, or that changes no gradient on the cases, is no mutant: `Cut.used` and
`same_gradients` tell. It knows torch, syntax nodes and cases, and does not judge anything.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.exercises import Case, Exercise

NAME = "cut"
_ASKED_OF_ANY_TENSOR = frozenset("shape size dim ndim dtype device numel item tolist detach argmax".split())


class Cut:
    """`x.detach()` for a tensor of floats, and anything else as it is; it remembers whether there was one.

    >>> cut = Cut()
    >>> cut("text"), cut.used, cut(torch.ones(1, requires_grad=True)).requires_grad, cut.used
    ('text', False, False, True)
    """

    def __init__(self) -> None:
        self.used = False

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        self.used = True
        return value.detach()


def cut_at(node: ast.expr) -> ast.Call:
    """The node with a cut around it.

    >>> ast.unparse(cut_at(ast.parse("a + b", mode="eval").body))
    'cut(a + b)'
    """
    return ast.Call(ast.Name(NAME, ast.Load()), [node], [])


def worth_a_cut(node: ast.AST, around: tuple[ast.AST, ...]) -> bool:
    """Whether the node may be a tensor through which a gradient passes."""
    if not isinstance(node, ast.Name | ast.BinOp | ast.Call | ast.Subscript):
        return False
    parent = around[-1]
    if isinstance(parent, ast.Call) and node is parent.func:
        return False
    if isinstance(parent, ast.Attribute) and parent.attr in _ASKED_OF_ANY_TENSOR:
        return False
    written = isinstance(node, ast.Name | ast.Subscript) and not isinstance(node.ctx, ast.Load)
    return not written and not any(isinstance(outer, ast.Compare) for outer in around)


def same_gradients(exercise: Exercise, answer: Callable[..., Any]) -> bool:
    """Whether an answer has the reference's gradients on every case, where gradients are asked for.

    >>> from course_lib.attention import exercises as attention
    >>> same_gradients(attention.softmax, lambda scores: scores.softmax(-1))
    True
    >>> same_gradients(attention.softmax, lambda scores: scores.softmax(-1).detach())
    False
    """
    if not exercise.differentiable:
        return True  # no gradient is asked for, so none can be wrong
    cases = exercise.cases() if callable(exercise.cases) else exercise.cases
    return all(
        all(map(_close, _gradients(exercise, exercise.reference, case), _gradients(exercise, answer, case)))
        for case in cases
    )


def _close(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two gradients are the same; none at all is as good as zeros."""
    if one is None or other is None:
        given = [gradient for gradient in (one, other) if gradient is not None]
        return not any(bool(gradient.any()) for gradient in given)
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5, equal_nan=True)


def _gradients(exercise: Exercise, answer: Callable[..., Any], case: Case) -> list[Tensor | None]:
    """The gradients of an uneven sum of the result, for all tensors and parameters that go in."""
    case = case.copy()
    leaves = [leaf for value in (*case.args, *case.kwargs.values()) for leaf in _leaves(value)]
    use = exercise.use or (lambda answer, *args, **kwargs: answer(*args, **kwargs))
    nothing: list[Tensor | None] = [None] * len(leaves)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outs = [out for out in tensors(use(answer, *case.args, **case.kwargs)) if out.requires_grad]
            return (
                list(torch.autograd.grad(sum(map(_uneven, outs)), leaves, allow_unused=True))
                if outs
                else nothing
            )
    except Exception:  # noqa: BLE001 - a mutant may crash in any way
        return nothing


def _uneven(out: Tensor) -> Tensor:
    weights = torch.linspace(0.5, 1.5, out.numel(), dtype=out.dtype).cos().reshape(out.shape)
    return (out.nan_to_num(0.0, 0.0, 0.0) * weights).sum()


def _leaves(value: Any) -> Iterator[Tensor]:
    """All tensors of floats in a value, made to ask for gradients."""
    if isinstance(value, nn.Module):
        yield from value.parameters()
    for tensor in tensors(value):
        if tensor.is_floating_point():
            yield tensor if not tensor.is_leaf else tensor.requires_grad_()


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a value, also in lists, tuples and dictionaries.

    >>> [t.tolist() for t in tensors((torch.tensor(1), [torch.tensor(2), "text"]))]
    [1, 2]
    """
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
