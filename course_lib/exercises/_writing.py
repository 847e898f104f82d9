"""Write values down as Python: constants of any kind, so that a function that uses them can go into a file.

`Written` keeps what a file needs: imports, constants, definitions, in an order in which they can be run. What
has no text (an open file, a generator, a large tensor) raises `CannotBeWritten`. It reads values, it does not
run what they are for. Where a definition's text comes from, it is told by `_source`.
"""

from __future__ import annotations

import copyreg
import functools
import re
import sys
from collections.abc import Callable
from enum import Enum
from types import (
    BuiltinFunctionType,
    FunctionType,
    GenericAlias,
    MethodType,
    ModuleType,
    NoneType,
    UnionType,
)
from typing import Any, TypeVar

_LONGEST = 20_000  # characters of one value
_MOST = 3_000  # values within one value
_DEEPEST = 30
_LARGEST = 1_000  # numbers in a tensor or array

_REBUILT = '''
def _rebuilt(made, state=None, items=(), pairs=()):
    """An object as it was in the notebook: made anew, with what it held."""
    if hasattr(made, "__setstate__") and state is not None:
        made.__setstate__(state)
    elif state is not None:
        named, slots = state if isinstance(state, tuple) else (state, None)
        for name, value in (named or {}).items():
            made.__dict__[name] = value
        for name, value in (slots or {}).items():
            object.__setattr__(made, name, value)
    for item in items:
        made.append(item)
    for key, value in pairs:
        made[key] = value
    return made
'''.strip()


def is_written(value: Any) -> bool:
    """Whether a value is better written down than imported: numbers, text, collections, tensors, arrays."""
    if value is None or type(value) in (bool, int, float, complex, str, bytes, list, tuple, dict, set):
        return True
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    kinds = (torch.Tensor, torch.dtype) if torch is not None and hasattr(torch, "Tensor") else ()
    return isinstance(value, kinds + ((numpy.ndarray,) if numpy is not None else ()))


class CannotBeWritten(ValueError):
    """There is no text for a value; the message says for which."""


class ValueWriter:
    """Turns a value into an expression.

    `name_for(thing)` gives the name of a function, class or module in the file, and sees to it that the file
    has it; `need(text)` adds a helper. One writer serves one value: it counts how large it becomes.
    """

    def __init__(self, name_for: Callable[[Any], str], need: Callable[[str], None]) -> None:
        self._name_for, self._need, self._count, self._deep = name_for, need, 0, 0

    def __call__(self, value: Any) -> str:
        """The expression.

        Raises: CannotBeWritten if there is none, or only a very long one.
        """
        self._count += 1
        self._deep += 1
        if self._count > _MOST or self._deep > _DEEPEST:
            raise CannotBeWritten("too large to be written down")
        text = self._simple(value) or self._named(value) or self._torch(value) or self._numpy(value)
        text = text or self._reduced(value)
        self._deep -= 1
        if len(text) > _LONGEST:
            raise CannotBeWritten("too large to be written down")
        return text

    # each of these gives nothing for a value that is not of its kind ----------------------------------------

    def _simple(self, value: Any) -> str:
        kind = type(value)
        if value is None or value is Ellipsis or kind in (bool, range):
            return "..." if value is Ellipsis else repr(value)
        if kind is int:
            return repr(value) if value.bit_length() < 10_000 else hex(value)
        if kind in (str, bytes):
            if len(value) > _LONGEST:
                raise CannotBeWritten("too large to be written down")
            return repr(value)
        if kind is float:
            return repr(value) if value - value == 0 else f'float("{value}")'
        if kind in (list, tuple, set, frozenset, dict):
            return self._collection(value, kind)
        return ""

    def _collection(self, value: Any, kind: type) -> str:
        if len(value) > _MOST:
            raise CannotBeWritten("too large to be written down")
        if kind is dict:
            return "{" + ", ".join(f"{self(key)}: {self(item)}" for key, item in value.items()) + "}"
        items = [self(item) for item in value]
        if kind is tuple:
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        if kind is list:
            return f"[{', '.join(items)}]"
        inner = ", ".join(sorted(items))  # the order of a set differs from run to run
        if kind is frozenset:
            return f"frozenset({{{inner}}})" if items else "frozenset()"
        return f"{{{inner}}}" if items else "set()"

    def _named(self, value: Any) -> str:
        if isinstance(value, FunctionType | BuiltinFunctionType | type | ModuleType) and not isinstance(
            value, GenericAlias
        ):
            return self._name_for(value)
        if isinstance(value, MethodType):
            return f"{self._part(value.__self__)}.{value.__name__}"
        if isinstance(value, functools._lru_cache_wrapper):
            return self._name_for(value)
        if type(value) is functools.partial:
            given = [self._part(value.func), *map(self, value.args)]
            given += [f"{key}={self(item)}" for key, item in value.keywords.items()]
            return f"{self._name_for(functools.partial)}({', '.join(given)})"
        if isinstance(value, Enum) and type(value).__members__.get(value.name) is value:
            return f"{self._name_for(type(value))}.{value.name}"
        if isinstance(value, re.Pattern):
            flags = value.flags & ~re.UNICODE if isinstance(value.pattern, str) else value.flags
            more = f", {int(flags)}" if flags else ""
            return f"{self._name_for(re)}.compile({value.pattern!r}{more})"
        if type(value) is TypeVar:
            return f"{self._name_for(TypeVar)}({value.__name__!r})"
        if isinstance(value, GenericAlias):  # list[int]
            return f"{self(value.__origin__)}[{', '.join(map(self, value.__args__))}]"
        if isinstance(value, UnionType):  # int | None
            return " | ".join("None" if part is NoneType else self(part) for part in value.__args__)
        return ""

    def _part(self, value: Any) -> str:
        """An expression to which a full stop or a bracket may be added."""
        text = self(value)
        return f"({text})" if text.startswith("lambda") else text

    def _torch(self, value: Any) -> str:
        torch = sys.modules.get("torch")
        if torch is None or not hasattr(torch, "Tensor"):
            return ""
        if isinstance(value, torch.dtype):
            return f"{self._name_for(torch)}.{str(value).removeprefix('torch.')}"
        if isinstance(value, torch.Generator):
            return f"{self._name_for(torch)}.Generator().manual_seed({value.initial_seed()})"
        return self._tensor(torch, value) if isinstance(value, torch.Tensor) else ""

    def _tensor(self, torch: Any, value: Any) -> str:
        if value.layout is not torch.strided or value.is_quantized or value.device.type == "meta":
            raise CannotBeWritten("a tensor of a rare kind")
        if value.numel() > _LARGEST:
            raise CannotBeWritten(f"a tensor of {value.numel()} numbers")
        name, plain = self._name_for(torch), value.detach()
        usual = plain.dtype in (torch.bool, torch.int64, torch.float32) and plain.numel()
        dtype = "" if usual else f", dtype={self(plain.dtype)}"
        text = f"{name}.tensor({self(plain.tolist())}{dtype})"
        if plain.numel() == 0:
            text += f".reshape({self(tuple(plain.shape))})"
        if plain.device.type != "cpu":
            text += f".to({str(plain.device)!r})"
        if isinstance(value, torch.nn.Parameter):
            return f"{name}.nn.Parameter({text}, requires_grad={value.requires_grad})"
        return f"{text}.requires_grad_()" if value.requires_grad else text

    def _numpy(self, value: Any) -> str:
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic | numpy.dtype):
            return ""
        name = self._name_for(numpy)
        if isinstance(value, numpy.dtype):
            return f"{name}.dtype({value.str!r})"
        if value.size > _LARGEST or value.dtype.kind not in "biufcSU" or type(value) is numpy.matrix:
            raise CannotBeWritten("an array that is large or of a rare kind")
        if isinstance(value, numpy.generic):
            return f"{name}.{value.dtype.type.__name__}({self(value.item())})"
        text = f"{name}.array({self(value.tolist())}, dtype={value.dtype.str!r})"
        return text if value.size else f"{text}.reshape({self(value.shape)})"

    def _reduced(self, value: Any) -> str:
        """Anything that Python can copy says how it is made, and what it then holds."""
        try:
            registered = copyreg.dispatch_table.get(type(value))
            how = registered(value) if registered is not None else value.__reduce_ex__(2)
        except Exception as error:  # noqa: BLE001 - open files, locks, generators
            raise CannotBeWritten(f"an object of the kind {type(value).__name__}") from error
        if isinstance(how, str):  # the name of something that is in a module
            return self._name_for(value)
        make, given, state, items, pairs = (*how, None, None, None)[:5]
        if make is copyreg.__newobj__:
            cls = self._name_for(given[0])
            text = f"{cls}.__new__({', '.join([cls, *map(self, given[1:])])})"
        else:
            text = f"{self._name_for(make)}({', '.join(map(self, given))})"
        held = {"state": state, "items": items and list(items), "pairs": pairs and list(pairs)}
        more = [f"{key}={self(part)}" for key, part in held.items() if part]
        if not more:
            return text
        self._need(_REBUILT)
        return f"_rebuilt({', '.join([text, *more])})"
