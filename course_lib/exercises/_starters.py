"""Whether an answer is only a starter, as a notebook is shipped with: it runs to no effect, or not at all.

Functions are told by their instructions, classes by those of their methods. Nothing is run.
"""

from __future__ import annotations

import dis
import inspect
from types import CodeType, FunctionType
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._cells import own_functions
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


def same_code(one: Any, other: Any) -> bool:
    """Whether two functions do the same, instruction by instruction, whatever their names and docstrings.

    >>> def double(x):
    ...     "With a word on it."
    ...     return 2 * x
    >>> same_code(double, lambda x: 2 * x), same_code(double, lambda x: x * 2)
    (True, False)
    """
    codes = [getattr(function, "__code__", None) for function in (one, other)]
    return None not in codes and _instructions(codes[0]) == _instructions(codes[1])


def _instructions(code: CodeType) -> list[Any]:
    return [
        (step.opname, _instructions(step.argval) if isinstance(step.argval, CodeType) else step.argval)
        for step in dis.get_instructions(code)
        if step.opname not in _NOISE
    ]


# The name of an inner function, and what depends on where its line stands.
_NOISE = ("NOP", "RESUME", "EXTENDED_ARG")


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
