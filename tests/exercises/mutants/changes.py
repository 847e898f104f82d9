"""Ways to mishandle a value: text in small letters, lists without repeats, tensors of one size only.

Each is a function from a value to the one that is used instead, or that raises `Refused`; `CHANGES` lists
them by the kind of value that they are for. It does not know whose value it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

SIZES = (2, 3, 8, 64)
TINY = 1e-3  # not so tiny that the checks' tolerance hides it


class Refused(ValueError):
    """Raised by a mutant that can't take a value."""


def everywhere(types: Any, change: Callable[[Any], Any], value: Any) -> Any:
    """The value with `change` applied to everything of some types in it.

    >>> everywhere(str, str.upper, ["a", ("b", 1)])
    ['A', ('B', 1)]
    """
    if isinstance(value, types) and not (types is int and isinstance(value, bool)):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(everywhere(types, change, item) for item in value)
    if type(value) is dict:
        return {key: everywhere(types, change, item) for key, item in value.items()}
    return value


# Text and lists -------------------------------------------------------------------------------------------


def _texts() -> dict[str, Callable[[str], Any]]:
    return {
        "lower-cased": str.lower,
        "stripped": str.strip,
        "spaces made one": lambda text: re.sub(r"\s+", " ", text),
        "double spaces made one": lambda text: re.sub("  +", " ", text),
        "non-ASCII dropped": lambda text: text.encode("ascii", "ignore").decode(),
        "beyond 16 bits dropped": lambda text: "".join(c for c in text if ord(c) < 0x10000),
        "last line end dropped": lambda text: text.removesuffix("\n"),
        "punctuation dropped": lambda text: re.sub(r"[^\w\s]", "", text),
        "last letter dropped": lambda text: text[:-1],
        "first letter dropped": lambda text: text[1:],
        "cut at 8": lambda text: text[:8],
    }


def _lists() -> dict[str, Callable[[Any], Any]]:
    return {
        "repeats dropped": _without_repeats,
        "neighbours that repeat dropped": lambda items: type(items)(
            item for i, item in enumerate(items) if i == 0 or repr(item) != repr(items[i - 1])
        ),
        "sorted": lambda items: type(items)(_sorted(items)),
        "reversed": lambda items: items[::-1],
        "first dropped": lambda items: items[1:],
        "last dropped": lambda items: items[:-1],
        "falsy dropped": lambda items: type(items)(item for item in items if _is_true(item)),
        **{f"cut at {size}": lambda items, size=size: items[:size] for size in SIZES},
    }


def _without_repeats(items: Any) -> Any:
    return type(items)({repr(item): item for item in items[::-1]}.values())[::-1]


def _sorted(items: Any) -> list[Any]:
    try:
        return sorted(items)
    except (TypeError, RuntimeError, ValueError):
        return sorted(items, key=repr)


def _is_true(item: Any) -> bool:
    return not (isinstance(item, int | float | str | bytes | list | tuple | None) and not item)


# Numbers --------------------------------------------------------------------------------------------------


def _wholes() -> dict[str, Callable[[int], Any]]:
    return {
        "modulo 256": lambda number: number % 256 if number >= 0 else number,
        "without sign": abs,
        "0 taken for 1": lambda number: number or 1,
        "64 at most": lambda number: min(number, 64),
        "8 at most": lambda number: min(number, 8),
        "2 at most": lambda number: min(number, 2),
    }


def _floats() -> dict[str, Callable[[float], Any]]:
    return {
        "without sign": abs,
        "made whole": lambda number: float(int(number)) if abs(number) < 1e30 else number,
        "0 taken for 1": lambda number: number or 1.0,
        "50 at most": lambda number: max(-50.0, min(number, 50.0)),
        "tiny made 0": lambda number: 0.0 if abs(number) < TINY else number,
    }


# Tensors --------------------------------------------------------------------------------------------------


def _tensors() -> dict[str, Callable[[Tensor], Any]]:
    return {
        "axes cut at 64": lambda x: x[tuple(slice(64) for _ in x.shape)],
        "first row only": lambda x: x[:1].expand_as(x).clone() if x.dim() else x,
        "last row forgotten": lambda x: torch.cat([x[:-1], x[-2:-1]]) if x.dim() and len(x) > 1 else x,
        "rows sorted": lambda x: x.sort(-1).values if x.dim() else x,
        "rows reversed": lambda x: x.flip(0) if x.dim() else x,
        "one axis refused": lambda x: _refuse(x, x.dim() == 1),
        "three axes refused": lambda x: _refuse(x, x.dim() == 3),
        "four axes refused": lambda x: _refuse(x, x.dim() == 4),
        "empty refused": lambda x: _refuse(x, x.numel() == 0),
    }


def _refuse(x: Any, when: bool) -> Any:
    if when:
        raise Refused
    return x


def _float_tensors() -> dict[str, Callable[[Tensor], Any]]:
    return {
        "half precision": lambda x: x.bfloat16().to(x.dtype),
        "cut at 50": lambda x: x.clamp(-50, 50),
        "tiny made 0": lambda x: torch.where(x.abs() < TINY, torch.zeros_like(x), x),
        "without sign": lambda x: x.abs(),
        "rounded": lambda x: (x * 100).round() / 100,
    }


def _whole_tensors() -> dict[str, Callable[[Tensor], Any]]:
    return {
        "modulo 256": lambda x: torch.where(x >= 0, x % 256, x),
        "without sign": lambda x: x.abs(),
        "0 taken for 1": lambda x: torch.where(x == 0, 1, x),
        "repeats made one": lambda x: _without_repeated_numbers(x),
    }


def _without_repeated_numbers(x: Tensor) -> Tensor:
    return torch.tensor(list(dict.fromkeys(x.tolist())), dtype=x.dtype) if x.dim() == 1 else x


def _flag_tensors() -> dict[str, Callable[[Tensor], Any]]:
    return {
        "inverted": lambda x: ~x,
        "last two axes only": lambda x: x.reshape(-1, *x.shape[-2:])[0] if x.dim() > 2 else x,
        "first of a batch only": lambda x: x[:1].expand_as(x) if x.dim() > 1 else x,
        "first row only": lambda x: x[..., :1, :].expand_as(x) if x.dim() > 1 else x,
    }


CHANGES: dict[str, tuple[Any, dict[str, Callable[[Any], Any]]]] = {
    "text": (str, _texts()),
    "long text": (str, {"cut at 64": lambda text: text[:64]}),
    "whole": (int, _wholes()),
    "float": (float, _floats()),
    "tensor": (Tensor, _tensors()),
    "matrix": (Tensor, {"gaps in memory refused": lambda x: _refuse(x, not x.is_contiguous())}),
}
LIST_CHANGES = _lists()
TUPLE_CHANGES = {name: LIST_CHANGES[name] for name in ("sorted", "reversed")}
TENSOR_CHANGES = {"floats": _float_tensors(), "wholes": _whole_tensors(), "flags": _flag_tensors()}


def only(kind: str, change: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    """The change for tensors of one kind of number; others stay.

    >>> only("wholes", torch.abs)(torch.tensor([-1.0]))
    tensor([-1.])
    """

    def changed(x: Tensor) -> Any:
        own = "floats" if x.is_floating_point() else "flags" if x.dtype == torch.bool else "wholes"
        return change(x) if own == kind else x

    return changed
