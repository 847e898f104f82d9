"""Mutants around a reference that spoil the result, keep it for the next call, or leave something changed.

It knows the kinds of results that were seen. It does not judge anything.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.exercises import Exercise
from mutants.changes import everywhere, only
from mutants.mutant import Mutant
from mutants.seen import Seen, kept

Call = Callable[..., Any]


def result_mutants(exercise: Exercise, seen: Seen) -> list[Mutant]:
    """All mutants that compute rightly and give, keep or leave something wrong.

    >>> from course_lib.start_here import exercises as start_here
    >>> from mutants.seen import seen_of
    >>> exercise = start_here.most_likely_next
    >>> [mutant.name for mutant in result_mutants(exercise, seen_of(exercise))][:2]
    ['result kept: for good', 'result kept: for the shapes']
    """
    makers = [*_keeping(seen), *_spoiling(seen), *_leaving(exercise, seen)]
    return [
        Mutant(
            name,
            name.partition(":")[0],
            functools.partial(make, exercise.reference),
            gradient=name in _GRADIENTS,
        )
        for name, make in makers
    ]


_GRADIENTS = ("result detached: all", "gradients off: all")


# Kept for the next call ------------------------------------------------------------------------------------


def _keeping(seen: Seen) -> Iterator[tuple[str, Callable[[Call], Call]]]:
    keys = {
        "for good": lambda *args: 0,
        "for the shapes": lambda *args: _text([_shape(value) for value in args]),
        "for the first argument": lambda *args: _text(args[:1]),
    }
    for name, key in list(keys.items())[: len(seen.arguments) + 1 if seen.arguments else 0]:
        yield f"result kept: {name}", functools.partial(_remembering, key)


def _remembering(key: Callable[..., Any], reference: Call) -> Call:
    memory: dict[Any, Any] = {}

    @functools.wraps(reference)
    def answer(*args: Any, **kwargs: Any) -> Any:
        place = key(*args, *kwargs.values())
        if place not in memory:
            memory[place] = reference(*args, **kwargs)
        return memory[place]

    return answer


def _text(values: Any) -> str:
    return repr(everywhere(Tensor, lambda x: x.tolist(), kept(list(values))))


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    return len(value) if hasattr(value, "__len__") else type(value).__name__


# Spoilt ----------------------------------------------------------------------------------------------------


def _spoiling(seen: Seen) -> Iterator[tuple[str, Callable[[Call], Call]]]:
    if "floats" in seen.result:
        for name, change in _FLOAT_TENSORS.items():
            if name.endswith("left 0") and "tensor" not in seen.result:
                continue
            yield (
                name,
                functools.partial(_then, functools.partial(everywhere, Tensor, only("floats", change))),
            )
        yield "gradients off: all", _without_gradients
    if "infinite" in seen.result:
        finite = functools.partial(everywhere, Tensor, lambda x: x.nan_to_num(0.0, 1e4, -1e4))
        yield "result spoilt: made finite", functools.partial(_then, finite)
    for kind, (types, changes) in _SPOILT.items():
        for name, change in changes.items() if kind in seen.result else ():
            yield (
                f"result spoilt: {name}",
                functools.partial(_then, functools.partial(everywhere, types, change)),
            )
    for name, change in _LISTS.items() if "list" in seen.result else ():
        yield f"result spoilt: {name}", functools.partial(_then, _of_lists(change))
    if seen.result_types & {str, int, float, bool, list, dict}:
        yield "result spoilt: None for what is falsy", functools.partial(_then, _none_for_falsy)


def _then(change: Callable[[Any], Any], reference: Call) -> Call:
    @functools.wraps(reference)
    def answer(*args: Any, **kwargs: Any) -> Any:
        return change(reference(*args, **kwargs))

    return answer


def _without_gradients(reference: Call) -> Call:
    @functools.wraps(reference)
    def answer(*args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            return reference(*args, **kwargs)

    return answer


def _none_for_falsy(value: Any) -> Any:
    return value if isinstance(value, Tensor) or value else None


def _of_lists(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: change(value) if isinstance(value, list) else value


_FLOAT_TENSORS: dict[str, Callable[[Tensor], Tensor]] = {
    "result detached: all": lambda x: x.detach(),
    "result spoilt: rounded": lambda x: (x * 100).round() / 100,
    "result spoilt: half precision": lambda x: x.bfloat16().to(x.dtype),
    "result spoilt: last left 0": lambda x: (
        torch.cat([x[..., :-1], torch.zeros_like(x[..., -1:])], -1) if x.dim() else x
    ),
    "result spoilt: first left 0": lambda x: (
        torch.cat([torch.zeros_like(x[..., :1]), x[..., 1:]], -1) if x.dim() else x
    ),
}
_SPOILT: dict[str, tuple[Any, dict[str, Callable[[Any], Any]]]] = {
    "text": (
        str,
        {"stripped": str.strip, "in small letters": str.lower, "last letter lost": lambda t: t[:-1]},
    ),
    "float": (
        float,
        {"rounded": lambda x: round(x, 2), "made whole": round},
    ),
    "flag": (bool, {"a number for a flag": int}),
}
_LISTS: dict[str, Callable[[Any], Any]] = {
    "list sorted": lambda items: sorted(items, key=repr),
    "list's last lost": lambda items: items[:-1],
    "list's repeats lost": lambda items: list({repr(item): item for item in items}.values()),
    "list reversed": lambda items: items[::-1],
}


# Left behind -----------------------------------------------------------------------------------------------


def _leaving(exercise: Exercise, seen: Seen) -> Iterator[tuple[str, Callable[[Call], Call]]]:
    for name, kinds in seen.arguments.items():
        if not exercise.may_change_inputs:
            for kind in sorted(kinds & set(_DAMAGE)):
                yield f"argument changed: {name} ({kind})", functools.partial(_after, name, _DAMAGE[kind])
        if "module" in kinds:
            for left, change in _MODULES.items():
                yield f"{left}: {name}", functools.partial(_after, name, change)
        if "function" in kinds or "module" in kinds:
            yield f"called twice: {name}", functools.partial(_calling_twice, name)


def _after(name: str, damage: Callable[[Any], None], reference: Call) -> Call:
    """The reference, and then `damage` done to one of its arguments."""
    signature = inspect.signature(reference)

    @functools.wraps(reference)
    def answer(*args: Any, **kwargs: Any) -> Any:
        result = reference(*args, **kwargs)
        with torch.no_grad():
            damage(signature.bind(*args, **kwargs).arguments.get(name))
        return result

    return answer


def _calling_twice(name: str, reference: Call) -> Call:
    signature = inspect.signature(reference)

    @functools.wraps(reference)
    def answer(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        if callable(once := bound.arguments.get(name)):
            bound.arguments[name] = _Twice(once)
        return reference(*bound.args, **bound.kwargs)

    return answer


class _Twice:
    """A function that is called twice, each time; all else is asked of the function itself."""

    def __init__(self, once: Any) -> None:
        self._once = once

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._once(*args, **kwargs)
        return self._once(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._once, name)


def _damage_list(value: Any) -> None:
    if isinstance(value, list) and value:
        value.append(value[0])


def _damage_inner(value: Any) -> None:
    for item in value if isinstance(value, list | tuple) else ():
        everywhere(list, _damage_list, item)


def _damage_tensors(value: Any) -> None:
    def damage(x: Tensor) -> Tensor:
        return x.logical_not_() if x.dtype == torch.bool else x.add_(1)

    everywhere(Tensor, damage, value)


def _damage_dictionary(value: Any) -> None:
    if isinstance(value, dict) and value:
        del value[next(iter(value))]


def _damage_inner_dictionary(value: Any) -> None:
    for item in value if isinstance(value, list | tuple) else ():
        _damage_dictionary(item)


_DAMAGE = {
    "list": _damage_list,
    "inner list": _damage_inner,
    "tensor": _damage_tensors,
    "dictionary": _damage_dictionary,
    "inner dictionary": _damage_inner_dictionary,
}


def _moved(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.mul_(0.9).add_(0.01)


def _with_gradients(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) if parameter.grad is None else parameter.grad + 1


_MODULES: dict[str, Callable[[Any], None]] = {
    "model left in eval mode": lambda model: model.eval() and None,
    "model left in train mode": lambda model: model.train() and None,
    "weights moved": _moved,
    "gradients left": _with_gradients,
    "gradients cleared": lambda model: model.zero_grad(),
}
