"""Ways that an exercise does not ask for: noticed by what runs, or by what the code names.

An exercise that builds the softmax can't be answered with torch's. What torch is asked to do is seen while
the answer runs, however it is written: `F.softmax`, `x.softmax`, `nn.Softmax`. What Python does is looked up
in the code. Functions of the course that an answer is given to use are not held against it.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType
from typing import Any

INDEXING = "[ids]"  # a tensor indexed by a tensor or list of whole numbers
ONE_BY_ONE = "[id]"  # rows of a tensor taken by their numbers, one after the other
_SHOWN = {INDEXING: "`table[ids]`", ONE_BY_ONE: "`table[i]`, one row after the other"}


@dataclass(frozen=True)
class Forbidden:
    """Ways to the right value that would leave nothing to do; `why` says what is asked for instead.

    `names` are torch's functions, by the last part of their names: "softmax" stands for `torch.softmax`,
    `F.softmax`, `x.softmax` and `nn.Softmax`; "backward", "grad", "multinomial" and "layer_norm" likewise;
    "[ids]" stands for `table[ids]`, and "[id]" for `table[i]` in a loop over ids. `in_code` are names that
    may not stand in the code: "sorted", "Counter".

    >>> by_hand = Forbidden(("softmax",), "Write it with `exp` and `sum`.")
    >>> import torch
    >>> def answer(x): return x.softmax(-1)
    >>> used = []
    >>> with watching((by_hand,), used):
    ...     _ = answer(torch.ones(2))
    >>> used
    ['softmax']
    """

    names: tuple[str, ...] = ()
    why: str = ""
    in_code: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.names, str) or isinstance(self.in_code, str):
            raise ValueError(
                f"Forbidden got the text {self.names or self.in_code!r}, but needs a tuple of names."
            )


def watching(forbidden: Iterable[Forbidden], used: list[str]) -> AbstractContextManager[Any]:
    """While it is active, forbidden functions of torch that run are added to `used`."""
    names = frozenset(name for one in forbidden for name in one.names)
    return _watch_class()(names, used) if names else nullcontext()


@functools.cache
def _watch_class() -> type:
    from torch.overrides import TorchFunctionMode

    class Watch(TorchFunctionMode):
        def __init__(self, names: frozenset[str], used: list[str]) -> None:
            super().__init__()
            self.names, self.used = names, used
            self.rows: dict[int, tuple[Any, set[int]]] = {}  # tensors, and which of their rows were taken

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = _name(func, args)
            if name == "__getitem__" and ONE_BY_ONE in self.names and self._looks_up(*args[:2]):
                name = ONE_BY_ONE
            if name in self.names and name not in self.used and _is_the_learners(sys._getframe(1)):
                self.used.append(name)
            return func(*args, **(kwargs or {}))

        def _looks_up(self, table: Any, index: Any) -> bool:
            """Whether a row is taken whose number is an id; a plain number may be one, or come from a walk
            over all rows, which `__exit__` knows."""
            first = index[0] if isinstance(index, tuple) and index else index
            if not table.is_floating_point():
                return False
            if type(first) is int and _is_the_learners(sys._getframe(2)):
                self.rows.setdefault(id(table), (table, set()))[1].add(first)
            return "int" in str(getattr(first, "dtype", "")) and first.ndim == 0 and not _is_identity(table)

        def __exit__(self, *error: Any) -> None:
            super().__exit__(*error)
            some = (table for table, taken in self.rows.values() if 1 < len(taken) < len(table))
            if ONE_BY_ONE not in self.used and not all(map(_is_identity, some)):
                self.used.append(ONE_BY_ONE)

    return Watch


def _name(func: Any, args: tuple[Any, ...]) -> str:
    name = getattr(func, "__name__", "")
    if name == "__getitem__" and len(args) > 1:
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        return INDEXING if any(map(_picks, index)) and not _is_identity(args[0]) else name
    return name


def _is_identity(tensor: Any) -> bool:
    """Whether it is `torch.eye(V)`: indexed by ids, that makes one-hot rows, and looks nothing up."""
    torch = sys.modules["torch"]
    if tensor.ndim != 2 or tensor.shape[0] != tensor.shape[1]:
        return False
    return bool((tensor == torch.eye(len(tensor), device=tensor.device)).all())


def _picks(index: Any) -> bool:
    """Whether an index is a tensor or list of ids."""
    if isinstance(index, list):
        return bool(index) and all(type(item) is int for item in index)
    dtype = str(getattr(index, "dtype", ""))
    return "int" in dtype and getattr(index, "ndim", 0) > 0


def _is_the_learners(frame: FrameType | None) -> bool:
    """Whether the code that called into torch is neither torch's own nor what a topic declares.

    The machinery itself (`_judge` and others) calls nothing but the answer, which may be a function of torch.
    """
    while frame is not None and _is_torchs(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is None or not _is_a_topics(frame.f_code.co_filename)


@functools.cache
def _is_torchs(filename: str) -> bool:
    return filename.startswith(os.path.dirname(sys.modules["torch"].__file__) + os.sep)


@functools.cache
def _is_a_topics(filename: str) -> bool:
    """Whether a file declares exercises: `attention/exercises.py`, or a file in `training/exercises/`."""
    folders, name = os.path.split(os.path.normpath(filename))
    parts = folders.split(os.sep)
    if "course_lib" not in parts:
        return False
    inside = parts[len(parts) - parts[::-1].index("course_lib") :]  # the folders within the package
    return name == "exercises.py" or (len(inside) > 1 and inside[1] == "exercises")


# In the code ------------------------------------------------------------------------------------------------


def named(answer: Any, forbidden: Iterable[Forbidden]) -> list[str]:
    """Which of the names that may not stand in the code do so: in the answer, or a helper of the learner's.

    >>> named(lambda x: sorted(x)[0], [Forbidden(in_code=("sorted", "min"))])
    ['sorted']
    """
    wanted = [name for one in forbidden for name in one.in_code]
    found = names_in(answer) if wanted else frozenset()
    return [name for name in wanted if name in found]


def names_in(answer: Any) -> frozenset[str]:
    """The global names, attributes and methods that an answer's code uses, with those of its helpers."""
    try:
        return frozenset(name for code in _codes(answer, set()) for name in code.co_names)
    except Exception:  # noqa: BLE001 - an odd callable of the learner's hides its code
        return frozenset()


def _codes(target: Any, begun: set[int]) -> Iterator[CodeType]:
    if id(target) in begun:
        return
    begun.add(id(target))
    if isinstance(target, functools.partial):
        yield from _codes(target.func, begun)
    elif isinstance(target, type):
        for member in vars(target).values():
            yield from _codes(getattr(member, "__func__", None) or getattr(member, "fget", member), begun)
    else:
        function = inspect.unwrap(getattr(target, "__func__", target))
        if not isinstance(function, FunctionType):
            function = inspect.getattr_static(type(target), "__call__", None)
        if isinstance(function, FunctionType):
            yield from _function_codes(function, begun)


def _function_codes(function: FunctionType, begun: set[int]) -> Iterator[CodeType]:
    codes = [function.__code__]
    for code in codes:  # grows while it is walked
        codes.extend(const for const in code.co_consts if isinstance(const, CodeType))
    for code in codes:
        own = {name: function.__globals__.get(name) for name in code.co_names}
        mine = {n: v for n, v in own.items() if getattr(v, "__module__", 0) == function.__module__}
        yield code.replace(co_names=tuple(n for n in code.co_names if n not in mine)) if mine else code
        for helper in mine.values():
            if isinstance(helper, FunctionType | type):
                yield from _codes(helper, begun)


def reason(used: Iterable[str], forbidden: Iterable[Forbidden]) -> tuple[str, str]:
    """The first way that was used though it is not asked for, in words, and what is asked for instead."""
    used = list(used)
    for one in forbidden:
        for name in (*one.names, *one.in_code):
            if name in used:
                return _SHOWN.get(name, f"`{name}`"), one.why
    return "", ""
