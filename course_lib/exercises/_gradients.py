"""Gradients: what flows back from an answer's output to each of its inputs, beside what should.

The output's floats are weighed with fixed numbers and added up, and this sum's gradient is taken for every
float among the arguments: tensors, also inside lists and dictionaries, and the parameters of modules. It
knows nothing of exercises. torch is there already, or there are no tensors to ask.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._compare import Difference, Path
from course_lib.exercises._crashes import located
from course_lib.exercises._inputs import Change, Inputs, in_double, nearby, one_ulp, taken
from course_lib.exercises._values import as_numpy, is_array, is_float_tensor, quietly


@dataclass(frozen=True)
class Flow:
    """What flowed back in one case: to each input by its name, from which places of the output."""

    gradients: dict[str, Any] = field(default_factory=dict)
    reached: frozenset[Path] = frozenset()
    crash: _run.Crash | None = None
    where: str = ""  # the operation that crashed


@dataclass(frozen=True)
class RightFlow:
    """What should flow back: at the inputs as they are, at inputs close by, and how sure it is."""

    exact: Flow
    near: Flow
    spread: dict[str, Any]


@dataclass(frozen=True)
class Astray:
    """Gradients that are not the right ones: cut off from the output, or another at one of the inputs."""

    flow: Flow
    name: str = ""
    difference: Difference | None = None
    cut: bool = False


# Outputs ----------------------------------------------------------------------------------------------------


def outputs(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The numbers and arrays in a result, with where they are."""
    if is_array(value) or (isinstance(value, float) and not isinstance(value, bool)):
        yield path, value
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from outputs(item, (*path, i))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from outputs(item, (*path, key))


def _projected(value: Any) -> tuple[Any, frozenset[Path]]:
    """The sum of all floats of an output, each weighed with its own fixed number; and where they are."""
    import torch

    total, reached = None, []
    for path, tensor in outputs(value):
        if not is_float_tensor(tensor) or not tensor.requires_grad:
            continue
        generator = torch.Generator().manual_seed(zlib.crc32(repr(path).encode()))
        settings = {"generator": generator, "dtype": torch.float32, "device": "cpu"}
        weights = torch.randn(tensor.shape, **settings).to(tensor.dtype)
        finite = torch.where(torch.isfinite(tensor), tensor, torch.zeros_like(tensor))
        part = (finite * weights).sum().double()
        total = part if total is None else total + part
        reached.append(path)
    return total, frozenset(reached)


def flow(run: Callable[[Any], Any], case: Any, names: Sequence[str], change: Change | None = None) -> Flow:
    """What flows back through `run(case)`; `names` are those of the positional arguments."""
    crashed_at: list[str] = []

    def work() -> Flow:
        import torch

        with torch.enable_grad(), quietly():
            inputs = Inputs(change, gradients=True)
            mine = taken(case, names, inputs)
            value = located(lambda: run(mine), crashed_at)
        total, reached = _projected(value)
        if total is None:
            return Flow()
        found = torch.autograd.grad(total, list(inputs.leaves.values()), allow_unused=True)
        pairs = zip(inputs.leaves.items(), found, strict=True)
        return Flow({name: _gradient(leaf, gradient) for (name, leaf), gradient in pairs}, reached)

    done, crash = _run.attempt(work)
    return done if crash is None else Flow(crash=crash, where="".join(crashed_at))


def _gradient(leaf: Any, gradient: Any) -> Any:
    """As an array; none at all is the same as 0."""
    import torch

    return as_numpy(torch.zeros_like(leaf) if gradient is None else gradient)


def right_flow(run: Callable[[Any], Any], case: Any, names: Sequence[str]) -> RightFlow | None:
    """What should flow back, by the reference; None where nothing does."""
    exact = flow(run, case, names)
    if exact.crash is not None or not exact.reached:
        return None
    near, *others = (flow(run, case, names, change) for change in (nearby, one_ulp(3), in_double))
    spread: dict[str, Any] = {}
    for other in others:  # a reference need not work with numbers of twice the size
        for name, gradient in other.gradients.items():
            apart = row_wise(abs(exact.gradients[name] - gradient))
            spread[name] = apart if name not in spread else spread[name] + apart
    return RightFlow(exact, near, spread)


def row_wise(apart: Any) -> Any:
    """For each number the largest of its row: how much rounding does is a matter of luck for a single one."""
    return apart.max(-1, keepdims=True) + 0 * apart if getattr(apart, "ndim", 0) and apart.size else apart


# Comparing --------------------------------------------------------------------------------------------------

_RTOL, _ATOL = 1e-3, 1e-5


def astray(right: RightFlow, run: Callable[[Any], Any], case: Any, names: Sequence[str]) -> Astray | None:
    """Where an answer's gradients part from the right ones.

    Where the gradient is one of several (at ties, at the bend of a ReLU), inputs close by decide.
    """
    found = flow(run, case, names)
    first = _astray(right.exact, found, right.spread)
    if first is None or first.flow.crash is not None or first.cut or right.near.crash is not None:
        return first
    return first if _astray(right.near, flow(run, case, names, nearby), {}) is not None else None


def _astray(right: Flow, found: Flow, spread: Mapping[str, Any]) -> Astray | None:
    if found.crash is not None:
        return Astray(found)
    if not right.reached <= found.reached:
        return Astray(found, cut=True)
    most = max(map(_largest, right.gradients.values()))
    for name, wanted in right.gradients.items():
        if (part := _parts(wanted, found.gradients[name], spread.get(name, 0.0), most)) is not None:
            return Astray(found, name, part)
    return None


def _largest(gradient: Any) -> float:
    import numpy as np

    return float(np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0))


def _parts(wanted: Any, have: Any, spread: Any, most: float) -> Difference | None:
    """Where a gradient parts from the right one; `most` is the largest of all inputs, whose rounding may be
    in this one too."""
    import numpy as np

    counted, largest = np.isfinite(wanted), _largest(wanted)
    room = _ATOL + _RTOL * np.abs(wanted) + 1e-4 * largest + 3e-5 * most
    room = room + np.nan_to_num(np.minimum(8 * spread, 0.05 * max(largest, 0.01 * most)), nan=0.0)
    with np.errstate(invalid="ignore"):
        wrong = counted & ~(np.abs(have - wanted) <= room)
    if not wrong.any():
        return None
    where = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
    return Difference("gradient", "", wanted, have, where)


def alike(one: Astray | None, other: Astray | None) -> bool:
    """Whether the gradients of two answers go wrong in the same way."""
    if one is None or other is None:
        return one is other
    if one.flow.crash is not None or other.flow.crash is not None:
        return one.flow.where == other.flow.where
    if one.cut or other.cut:
        return one.flow.reached == other.flow.reached
    return _astray(one.flow, other.flow, {}) is None
