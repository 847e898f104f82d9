"""Where a crash happened, so that two can be told apart.

Whether two answers crash in the same way is told by the kind of the exception, by its message, and by the
operation at which it happened: an index, a call, a sum. It does not know about exercises.
"""

from __future__ import annotations

import dis
import os
import re
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import TypeVar

from course_lib.exercises import _run

T = TypeVar("T")


# Where ------------------------------------------------------------------------------------------------------


def located(call: Callable[[], T], where: list[str]) -> T:
    """The value of `call()`; if it raises, where that was is put into `where` on the way."""
    try:
        return call()
    except _run.TimeUp:
        raise
    except BaseException as error:
        where[:] = [signature(error)]
        raise


def signature(error: BaseException) -> str:
    """The kind of a crash, its message, and the operation at which it happened, in one text.

    >>> def of(call):
    ...     try: call()
    ...     except Exception as error: return signature(error)
    >>> of(lambda: [1][3]) == of(lambda: [2, 5][7]), of(lambda: [1][3]) == of(lambda: [].pop())
    (True, False)
    """
    message, _ = _run.attempt_text(lambda: str(error), 300)
    return f"{type(error).__name__}|{_normal(message)}|{_operation(error.__traceback__)}"


def _normal(message: str) -> str:
    """A message with its numbers in order, so that `a @ b` and `b.T @ a.T` say the same; without names."""
    numbers = sorted(re.findall(r"\d+", message), key=int)
    words = (
        re.sub(r"\d+", "#", _run.plain(message)).replace("tensor a", "tensor").replace("tensor b", "tensor")
    )
    words = re.sub(r"\b\w+\(\)|<lambda>\(\)", "f()", words)
    words = re.sub(r"variable '\w+'", "variable", words)
    return f"{words} {' '.join(numbers[:12])}"


def _operation(trace: TracebackType | None) -> str:
    """What the last line outside of libraries was doing: the instruction, and the function it called."""
    last, called = None, ""
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if _is_library(filename):
            called = called or trace.tb_frame.f_code.co_name
        elif not _is_machinery(filename):
            last, called = trace, ""
        trace = trace.tb_next
    return f"{_instruction(last.tb_frame.f_code, last.tb_lasti)} {called}".strip() if last else called


def _instruction(code: CodeType, at: int) -> str:
    found = next((i for i in dis.get_instructions(code) if i.offset == at), None)
    if found is None:
        return ""
    # Python 3.11 has two instructions for a call, and says now the one, now the other.
    name = found.opname.removeprefix("PRE")
    return f"{name} {found.argrepr}" if name in ("BINARY_OP", "COMPARE_OP") else name


def _is_library(filename: str) -> bool:
    parts = os.path.normpath(filename).split(os.sep)
    return "site-packages" in parts or filename.startswith("<frozen") or _STDLIB == os.path.dirname(filename)


_STDLIB = os.path.dirname(os.__file__)
_HERE = os.path.dirname(os.path.abspath(__file__))


def _is_machinery(filename: str) -> bool:
    folder, name = os.path.split(os.path.abspath(filename))
    return folder == _HERE and name.startswith("_")


def same_crash(one: str, other: str, loosely: bool = False) -> bool:
    """Whether two crashes, by their signatures, are of the same kind, at the same operation, with the same
    message; `loosely` whatever the message says.

    >>> same_crash("KeyError|a|BINARY_SUBSCR", "KeyError|b|BINARY_SUBSCR", loosely=True)
    True
    """
    if not loosely:
        return one == other
    return [*one.split("|")[:1], *one.split("|")[-1:]] == [*other.split("|")[:1], *other.split("|")[-1:]]
