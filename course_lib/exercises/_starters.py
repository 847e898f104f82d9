"""Whether an answer is only a starter, as a notebook is shipped with: it runs to no effect, or not at all.

Functions that do nothing are told by their instructions, classes by those of their methods; faulty code that
is as it was, by its text. Nothing is run.
"""

from __future__ import annotations

import ast
import inspect
from types import FunctionType
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._cells import own_functions, own_text
from course_lib.exercises._imports import is_library


class _Starter:
    """Methods that a class has before anything is written in it."""

    def nothing(self) -> None:
        pass

    def begun(self) -> None:
        super().__init__()

    def begun_and_raised(self) -> None:
        super().__init__()
        raise NotImplementedError


_NAMES = {"NotImplementedError", "super", "__init__"}


def does_nothing(answer: Any) -> bool:
    """Whether a body is only `pass`, `...`, `return None` or a docstring; of a class, every method's.

    >>> does_nothing(lambda: None), does_nothing(lambda x: x + 1), does_nothing(type("Empty", (), {}))
    (True, False, True)
    """
    if isinstance(answer, type):
        return all(_is_like(function, _Starter.nothing, _Starter.begun) for function in own_functions(answer))
    function, _ = _run.attempt(lambda: inspect.unwrap(answer))
    return _is_like(function, _Starter.nothing)


def is_harmless(answer: Any) -> bool:
    """Plain values, and functions and classes that as yet do nothing.

    >>> is_harmless(3), is_harmless(print), is_harmless(type("Mine", (), {"__init__": lambda self: None}))
    (True, False, True)
    """
    if answer is None or answer is ... or type(answer) in (bool, int, float, str, bytes):
        return True
    if type(answer) is type:
        members = vars(answer).values()
        return all(map(is_library, answer.__mro__[1:-1])) and all(
            _waits(member, in_class=True) for member in members if callable(member)
        )
    return type(answer) is FunctionType and _waits(answer)


def same_text(one: Any, other: Any) -> bool:
    """Whether two functions are written alike, but for names, docstrings and annotations.

    >>> def double(x):
    ...     "With a word on it."
    ...     return 2 * x
    >>> def twice(x: int): return 2 * x
    >>> def thrice(x): return 3 * x
    >>> same_text(double, twice), same_text(double, thrice), same_text(double, print)
    (True, False, False)
    """
    written, _ = _run.attempt(lambda: [_written(function) for function in (one, other)])
    return written is not None and written[0] == written[1]


def _written(function: Any) -> list[str]:
    """The arguments and lines of a function, in the form that Python gives them."""
    node = ast.parse(own_text(function, decorated=False)).body[0]
    lines = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return [argument.arg for argument in node.args.args] + [ast.dump(line) for line in lines]


def _waits(function: Any, in_class: bool = False) -> bool:
    """Whether a function does nothing, or only says that it is not written."""
    if type(function) is not FunctionType:
        return False
    code = function.__code__
    raises = code.co_names == ("NotImplementedError",) and len(code.co_code) <= 40
    if in_class and _is_like(function, _Starter.begun, _Starter.begun_and_raised):
        return True
    return raises or _is_like(function, _Starter.nothing)


def _is_like(function: Any, *patterns: FunctionType) -> bool:
    """Whether a function has the instructions of one of the patterns, and names nothing else."""
    code = getattr(function, "__code__", None)
    if code is None or not set(code.co_names) <= _NAMES:
        return False
    return any(code.co_code[::2] == pattern.__code__.co_code[::2] for pattern in patterns)
