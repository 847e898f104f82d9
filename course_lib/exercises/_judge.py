"""What a topic declares of an exercise besides its words: cases, mistakes, properties, and how to compare.

A `Judge` holds these and runs answers; what a run shows is in `_trial`, which mistake it is in `_recognise`.
It does not know how feedback looks or where progress is kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._compare import ATOL, RTOL, parted
from course_lib.exercises._draw import Draw
from course_lib.exercises._forbidden import Forbidden
from course_lib.exercises._fresh import Drawn, draw_cases
from course_lib.exercises._frozen import frozen
from course_lib.exercises._values import is_array, is_module, is_tensor, show_value, snapshot

_ARGUMENT_LIMIT = 160  # characters of one argument in a call that is shown


class Case:
    """One call of the answer: its arguments, as they would be written in a call.

    >>> Case([1, 2, 3], window=2).call("windows")
    'windows([1, 2, 3], window=2)'
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs

    def copy(self) -> Case:
        """The same case with arguments of its own, so that a call cannot change this one."""
        return type(self)(*snapshot(self.args), **snapshot(self.kwargs))

    def call(self, name: str) -> str:
        """The call in words."""
        named = [f"{key}={show_value(value, _ARGUMENT_LIMIT)}" for key, value in self.kwargs.items()]
        return f"{name}({', '.join([*(show_value(value, _ARGUMENT_LIMIT) for value in self.args), *named])})"


@dataclass(frozen=True)
class Mistake:
    """A mistake that people make: a name that completes 'Looks like: ...', code that makes it, and why it is
    wrong."""

    name: str
    wrong: Any
    why: str


@dataclass(frozen=True)
class Property:
    """Something that must hold besides the values, such as 'a later token changes nothing before it'.

    `holds(answer)` gives True, or False, or a sentence that says where it fails; `message` says what must
    hold.
    """

    name: str
    holds: Callable[[Any], bool | str | None]
    message: str


@dataclass(frozen=True, kw_only=True)
class Judge:
    """How one exercise runs and compares answers."""

    name: str
    cases: Sequence[Case] | Callable[[], Iterable[Case]]
    use: Callable[..., Any] | None = None
    properties: Sequence[Property] = ()
    rtol: float = RTOL
    atol: float = ATOL
    exact_type: bool = False
    may_change_inputs: bool = False
    open_ended: bool = False
    is_value: bool = False  # the answer is a plain value, not something to call
    differentiable: bool = True
    fresh: Callable[[Draw], Case | None] | None = None
    draws: int = 32
    forbidden: Sequence[Forbidden] = ()

    @property
    def asks_gradients(self) -> bool:
        """Whether gradients are compared, where there are any."""
        return self.differentiable and not self.open_ended and not self.is_value

    def call(self, case: Case) -> str:
        """The call of a case in words; nothing for an answer that is a plain value."""
        return "" if self.is_value else case.call(self.name)

    def fresh_cases(self) -> list[Case]:
        """The fixed cases, equal at every call, with arguments of their own."""
        return list(self.cases()) if callable(self.cases) else [case.copy() for case in self.cases]

    def drawn_cases(self, seed: int, count: int | None = None) -> list[Drawn]:
        """New cases, the same for the same seed."""
        return draw_cases(self.fresh, seed, self.draws if count is None else count)

    def run(self, answer: Any, case: Case) -> Any:
        """One use of the answer: a call, unless the exercise says otherwise or the answer is a plain
        value."""
        if self.use is not None:
            return self.use(answer, *case.args, **case.kwargs)
        return answer(*case.args, **case.kwargs) if callable(answer) else answer

    def careful(self, answer: Any) -> Any:
        """The answer for a property: what it does to its arguments does not reach the property's own."""
        if self.may_change_inputs or not callable(answer) or isinstance(answer, type):
            return answer
        return lambda *args, **kwargs: answer(*_own(args), **_own(kwargs))


def _own(value: Any) -> Any:
    """Copies of the plain data among arguments; what gradients or models hang on stays itself."""
    if is_tensor(value):
        return value if value.requires_grad else value.clone()
    if type(value) in (list, tuple):
        return type(value)(_own(item) for item in value)
    return {key: _own(item) for key, item in value.items()} if type(value) is dict else value


# Arguments --------------------------------------------------------------------------------------------------


def changed_argument(before: Case, after: Case, answer: Any) -> str | None:
    """The first argument that a call has changed, by its name where that is known."""
    old = [*before.args, *before.kwargs.values()]
    new = [*after.args, *after.kwargs.values()]
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        if comparable(a) and parted(_contents(a), _contents(b), 0.0, 0.0, True) is not None:
            return [*argument_names(answer, before), *before.kwargs][i]
    return None


def _contents(value: Any) -> Any:
    """What must stay as it is: of a model its weights, and whether it is in training."""
    if is_module(value):
        return {"training": [part.training for part in value.modules()], **frozen(value.state_dict())}
    return frozen(value)


def comparable(value: Any) -> bool:
    """Values whose equality means equal contents; others (generators of random numbers) are left out.

    >>> comparable([len, 1]), comparable([object()])
    (True, False)
    """
    if is_module(value) or (callable(value) and isinstance(getattr(value, "__name__", None), str)):
        return True  # a function is known by its name
    if isinstance(value, list | tuple | set | frozenset):
        return all(comparable(item) for item in value)
    if isinstance(value, Mapping):
        return all(comparable(item) for item in value.values())
    return (
        value is None or is_array(value) or isinstance(value, str | bytes | bytearray | int | float | complex)
    )


def argument_names(answer: Any, case: Case) -> list[str]:
    """The names of the positional arguments of a case, by the answer's signature."""
    signature, _ = _run.attempt(lambda: inspect.signature(answer))
    names = [] if signature is None else list(signature.parameters)
    return names[: len(case.args)] + [f"number {i + 1}" for i in range(len(names), len(case.args))]
