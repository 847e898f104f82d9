"""How things are measured: candidates in turn, ratios round by round, bytes of tensors alive, reading speed.

The bytes are counted from what torch is told to do, so they are the same on every run and for every peer. It
does not know what is measured, and prints nothing.
"""

from __future__ import annotations

import contextlib
import math
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_lib.shell.bench.options import silent
from course_lib.shell.bench.report import Spread

# Time ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """The seconds of every candidate in every round, and how many of the first rounds don't count.

    >>> times = Times({"ours": (9.0, 1.0, 2.0), "theirs": (9.0, 4.0, 4.0)}, skip=1)
    >>> times.seconds("ours").median, times.ratio("ours", "theirs").median
    (1.5, 0.375)
    """

    rounds: Mapping[str, tuple[float, ...]]
    skip: int = 0

    def seconds(self, name: str) -> Spread:
        """Median and quartiles; of the last round alone where no candidate had time for more."""
        values = self.rounds[name]
        return Spread.of(values[self.skip :] or values[-1:])

    def ratio(self, name: str, to: str) -> Spread:
        """`name` over `to`, taken within each round and only then summed up, so that slow minutes cancel."""
        pairs = list(zip(self.rounds[name], self.rounds[to], strict=False))
        return Spread.of([mine / max(other, 1e-12) for mine, other in pairs[self.skip :] or pairs[-1:]])


def interleave(
    candidates: Mapping[str, Callable[[], Any]],
    rounds: int,
    skip: int = 1,
    patience: float = math.inf,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[str], None] = silent,
) -> Times:
    """Let every candidate act once a round, each round beginning with another one, and time each.

    The first `skip` rounds fill caches and do not count. A candidate that has taken more than `patience`
    seconds in all takes part in no further round, so that something very slow is measured once.

    Units: seconds. Raises: ValueError for nothing to measure, or fewer than one round that counts.

    >>> ticks = iter([0.0, 1.0, 1.0, 4.0, 4.0, 6.0, 6.0, 7.0])
    >>> interleave({"a": int, "b": int}, rounds=1, skip=1, clock=lambda: next(ticks)).rounds
    {'a': (1.0, 1.0), 'b': (3.0, 2.0)}
    """
    if not candidates or rounds < 1 or skip < 0:
        raise ValueError(
            f"interleave got {len(candidates)} candidates, rounds={rounds}, skip={skip}; give at least one "
            "candidate and one round that counts."
        )
    names, taken = list(candidates), {name: [] for name in candidates}
    for number in range(skip + rounds):
        progress(f"round {number + 1} of {skip + rounds}")
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if sum(taken[name]) <= patience:
                began = clock()
                candidates[name]()
                taken[name].append(clock() - began)
    return Times({name: tuple(values) for name, values in taken.items()}, skip)


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch use so many threads for a while.

    >>> with threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# Memory -------------------------------------------------------------------------------------------


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are alive: `now`, and the most there ever were, `peak`.

    It sees what every operation of torch returns, the backward pass included, and is told when that memory
    is given back. Views share their memory and count once. What an operation needs only inside itself is not
    seen.

    >>> with LiveBytes() as live:
    ...     x = torch.zeros(1000)  # 4,000 bytes
    ...     y = x.view(10, 100) + 1  # as many again
    ...     del x
    >>> live.now, live.peak
    (4000, 8000)
    """

    def __init__(self, held: Iterable[torch.Tensor] = ()):
        super().__init__()
        self.now = self.peak = 0
        self._alive: dict[int, weakref.ref] = {}
        for tensor in held:
            self._add(tensor)

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in self._alive:
            return

        def gone(_: Any) -> None:
            del self._alive[key]
            self.now -= size

        self._alive[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._add(leaf)
        return out


def peak_bytes(action: Callable[[], Any], held: Iterable[torch.Tensor] = ()) -> int:
    """The most bytes of tensors alive at one time during `action`; `held` are those there from before.

    >>> weight = torch.zeros(500)
    >>> peak_bytes(lambda: (weight * 2).sum(), held=[weight])  # the weight, its double, the sum
    4004
    """
    with LiveBytes(held) as live:
        action()
    return live.peak


def kept_bytes(forward: Callable[[], torch.Tensor], weights: Iterable[torch.Tensor] = ()) -> int:
    """The bytes that a forward pass keeps for the backward pass, the weights themselves not counted.

    >>> x = torch.zeros(100, requires_grad=True)
    >>> kept_bytes(lambda: x.exp().sum())  # the derivative of exp is its own result
    400
    """
    known = {weight.untyped_storage().data_ptr() for weight in weights}
    sizes: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = forward()  # held until the sum is taken, so that no address is used twice
    total = sum(sizes.values())
    del result
    return total


# What the machine could do ------------------------------------------------------------------------


def read_speed(size: int, tries: int = 20) -> float:
    """How fast torch reads `size` bytes of weights again and again: the best of some matrix-vector products.

    Units: bytes per second. Few bytes stay in the processor's cache and are read faster than many.

    >>> read_speed(40_000, tries=2) > 0
    True
    """
    side = max(1, math.isqrt(size // 4))
    matrix, vector = torch.ones(side, side), torch.ones(side)
    times = interleave({"read": lambda: matrix @ vector, "sum": lambda: matrix.sum()}, tries)
    return 4 * side * side / max(1e-9, min(min(values) for values in times.rounds.values()))


def state_tensors(model: torch.nn.Module, *others: Any) -> list[torch.Tensor]:
    """The tensors that are there before a step: weights, buffers, and what an optimizer keeps of them.

    >>> [tuple(t.shape) for t in state_tensors(torch.nn.Linear(3, 2), {"mean": torch.zeros(5)})]
    [(2, 3), (2,), (5,)]
    """
    leaves: Sequence[Any] = tree_leaves(others)
    return [*model.parameters(), *model.buffers(), *(x for x in leaves if isinstance(x, torch.Tensor))]
