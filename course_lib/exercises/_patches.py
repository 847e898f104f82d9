"""Functions that an answer puts in the place of Python's, NumPy's, torch's or the course's: found and undone.

`Patches()` remembers what stands in the modules and classes that the checks rely on; `undo()` puts that back.
It reads dictionaries and knows no setting; those are in `_state`. Nothing in `undo` calls a built-in before
the built-ins themselves are right again.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Iterator
from operator import is_
from types import ModuleType
from typing import Any

_MODULES = (
    "bisect cmath collections collections.abc contextlib copy dataclasses datetime decimal enum fractions "
    "functools heapq inspect io itertools json linecache locale math numbers operator os posixpath random re "
    "signal statistics string symtable textwrap threading time tokenize traceback types typing unicodedata "
    "warnings numpy numpy.linalg numpy.random torch torch.autograd torch.autograd.functional torch.linalg "
    "torch.nn torch.nn.functional torch.nn.init torch.nn.utils torch.optim torch.random torch.special "
    "torch.overrides torch.utils.data regex"
).split()
_USED_MOST = (
    "collections copy functools itertools json math numpy operator random re time torch torch.autograd "
    "torch.nn torch.nn.functional torch.linalg"
).split()
_WITH_CLASSES = ("collections", "fractions", "random", "torch.nn", "torch.optim", "torch.utils.data")
_OFTEN_MADE = ("__annotations__", "__abstractmethods__", "_abc_impl", "__doc__")
_ABSENT = object()


class Patches:
    """What the modules and classes held at one moment: those used most, or all that are looked after."""

    def __init__(self, thorough: bool = True) -> None:
        self._builtins = dict(vars(builtins))
        self._modules = dict(sys.modules)
        owners = _all_owners(len(sys.modules)) if thorough else _few_owners(len(sys.modules))
        self._held = [(owner, dict(vars(owner))) for owner in owners]

    def undo_builtins(self, replaced: list[str]) -> None:
        """Put Python's own functions back: quick enough to be done after every call."""
        now, before = builtins.__dict__, self._builtins
        for name, value in before.items():
            if now.get(name) is not value:
                now[name] = value
                if name != "input":  # nothing can be asked for while a check runs
                    replaced.append(name)
        if len(now) != len(before):
            for name in [*now]:
                if name not in before and name != "_":  # the last result at a prompt
                    del now[name]

    def undo(self, replaced: list[str]) -> None:
        """Put back all that was replaced, and add its names; what was added to a class, or is a function,
        goes."""
        self.undo_builtins(replaced)
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
        for owner, before in self._held:
            now = vars(owner)
            if len(now) != len(before) or not all(map(is_, before.values(), map(now.get, before))):
                _put_back(owner, before, replaced)


def _put_back(owner: Any, before: dict[str, Any], replaced: list[str]) -> None:
    put, remove = (type.__setattr__, type.__delattr__) if isinstance(owner, type) else (_put, _remove)
    now = dict(vars(owner))
    for name in now.keys() | before.keys():
        old, new = before.get(name, _ABSENT), now.get(name, _ABSENT)
        if old is new or not _matters(owner, name, old, new):
            continue
        try:
            remove(owner, name) if old is _ABSENT else put(owner, name, old)
            if callable(old) and old is not _ABSENT:
                replaced.append(f"{owner.__name__}.{name}")
        except (AttributeError, TypeError):  # what Python itself keeps there
            continue


def _matters(owner: Any, name: str, old: Any, new: Any) -> bool:
    """Modules also keep notes of their own, such as what they have loaded: those stay."""
    if isinstance(owner, type):
        return name not in _OFTEN_MADE
    if old is _ABSENT:
        return callable(new) and not isinstance(new, type)
    return callable(old) or not name.startswith("_")


def _put(owner: Any, name: str, value: Any) -> None:
    vars(owner)[name] = value


def _remove(owner: Any, name: str) -> None:
    vars(owner).pop(name, None)


@functools.lru_cache(maxsize=1)
def _all_owners(loaded: int) -> list[Any]:  # noqa: ARG001 - looked up anew when a module has been loaded
    return list(_owners())


@functools.lru_cache(maxsize=1)
def _few_owners(loaded: int) -> list[Any]:
    modules = [owner for owner in _all_owners(loaded) if isinstance(owner, ModuleType)]
    tensor = [owner for owner in _all_owners(loaded) if getattr(owner, "__name__", "") == "Tensor"]
    return [module for module in modules if module.__name__ in _USED_MOST] + tensor


def _owners() -> Iterator[Any]:
    """The modules, classes and exercises that are looked after."""
    for name in _MODULES:
        if isinstance(module := sys.modules.get(name), ModuleType):
            yield module
            if name in _WITH_CLASSES:
                yield from _classes(module, module.__name__.partition(".")[0])
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "Tensor"):
        yield torch.Tensor
        yield torch.nn.Parameter
        yield torch.autograd.Function
    course = __name__.partition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == course and isinstance(module, ModuleType):
            yield module
            yield from _classes(module, name)
            yield from (value for value in list(vars(module).values()) if _is_exercise(value))


def _classes(module: ModuleType, where: str) -> Iterator[type]:
    for value in list(vars(module).values()):
        if isinstance(value, type) and str(value.__module__).startswith(where):
            yield value


def _is_exercise(value: Any) -> bool:
    return type(value).__name__ == "Exercise" and hasattr(value, "__dict__")
