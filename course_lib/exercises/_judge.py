"""Decide whether an answer is right, and which known mistake it is if not.

The answer, the reference and each listed mistake are run on the same cases; what they give is compared. A
mistake is recognised when the learner's answer gives the same as it does, on every case in which that mistake
shows. It does not know how feedback looks or where progress is kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._compare import ATOL, RTOL, Difference, difference
from course_lib.exercises._values import is_array, show_value, snapshot

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
        return Case(*snapshot(self.args), **snapshot(self.kwargs))

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


@dataclass(frozen=True)
class Outcome:
    """What an answer gave in one case: a value or a crash, and which argument it changed."""

    value: Any = None
    crash: _run.Crash | None = None
    changed: str | None = None


@dataclass
class Observed:
    """All that was seen of an answer; `late` names the case (or property) in which the time was up."""

    outcomes: list[Outcome] = field(default_factory=list)
    repeated: Outcome | None = None  # the first case once more
    failed: dict[str, str | _run.Crash] = field(default_factory=dict)  # property -> what was seen
    late: str | None = None


@dataclass(frozen=True)
class Judge:
    """How one exercise compares answers."""

    name: str
    cases: Sequence[Case] | Callable[[], Iterable[Case]]
    use: Callable[..., Any] | None
    properties: Sequence[Property]
    rtol: float = RTOL
    atol: float = ATOL
    exact_type: bool = False
    may_change_inputs: bool = False
    open_ended: bool = False
    is_value: bool = False  # the answer is a plain value, not something to call

    def call(self, case: Case) -> str:
        """The call of a case in words; nothing for an answer that is a plain value."""
        return "" if self.is_value else case.call(self.name)

    def fresh_cases(self) -> list[Case]:
        """The cases, equal at every call."""
        return list(self.cases()) if callable(self.cases) else [case.copy() for case in self.cases]

    def run(self, answer: Any, case: Case) -> Any:
        """One use of the answer: a call, unless the exercise says otherwise or the answer is a plain
        value."""
        if self.use is not None:
            return self.use(answer, *case.args, **case.kwargs)
        return answer(*case.args, **case.kwargs) if callable(answer) else answer

    # seeing -------------------------------------------------------------------------------------------------

    def observe(self, answer: Any, seconds: float | None = None) -> Observed:
        """Run the answer on every case and property, within `seconds` in all if given."""
        seen, cases = Observed(), self.fresh_cases()

        def work() -> None:
            for case in cases:
                seen.late = case.call(self.name)
                seen.outcomes.append(self._outcome(answer, case))
            if cases and not self.open_ended and seen.outcomes[0].crash is None:
                seen.late = cases[0].call(self.name)
                seen.repeated = self._outcome(answer, cases[0])
            if not any(outcome.crash for outcome in seen.outcomes):
                for prop in self.properties:
                    seen.late = prop.message
                    if (failure := self._failure(answer, prop)) is not None:
                        seen.failed[prop.name] = failure
            seen.late = None

        try:
            work() if seconds is None else _run.with_limit(work, seconds)
        except _run.TimeUp:
            seen.late = seen.late or "the checks"
        return seen

    def _outcome(self, answer: Any, case: Case) -> Outcome:
        mine = case.copy()
        value, crash = _run.attempt(lambda: snapshot(self.run(answer, mine)))
        return Outcome(value, crash, None if self.may_change_inputs else _changed(case, mine, answer))

    def _failure(self, answer: Any, prop: Property) -> str | _run.Crash | None:
        held, crash = _run.attempt(lambda: prop.holds(answer))
        if crash is not None:
            return crash
        if isinstance(held, str):
            return held
        return None if held in (True, None) else prop.message

    # comparing ----------------------------------------------------------------------------------------------

    def part(self, expected: Outcome, got: Outcome) -> Difference | None:
        """Where the value of one case parts from the right one."""
        if self.open_ended:
            return None
        return difference(expected.value, got.value, self.rtol, self.atol, self.exact_type)

    def same(self, one: Outcome, other: Outcome, kinds: bool = True) -> bool:
        """Whether two outcomes cannot be told apart: the same value, or a crash of the same kind.

        Without `kinds`, a number may be whole here and a float or a tensor there, if it is the same number.
        """
        if (one.crash is None) != (other.crash is None) or one.changed != other.changed:
            return False
        if one.crash is not None:
            return one.crash.kind == other.crash.kind
        either = (self.part(*pair) is None for pair in ((one, other), (other, one)))
        return self.open_ended or (all(either) if kinds else any(either))

    def recognise(
        self, seen: Observed, reference: Observed, mistakes: Sequence[Mistake]
    ) -> tuple[Mistake, int] | None:
        """The mistake whose outcomes are the learner's, on all cases where it differs from the reference.

        Also the number of the first case in which that mistake shows (0 if only a property does). One that
        fits on every case goes before one that fits only where it shows, which must be half of what is wrong
        at least: otherwise a single crash would be taken for the one case in which some mistake crashes.
        """
        partly = None
        wrong_cases = sum(not self.same(s, r) for s, r in zip(seen.outcomes, reference.outcomes, strict=True))
        for mistake in mistakes:
            wrong = self.observe(mistake.wrong)
            shows = [not self.same(w, r) for w, r in zip(wrong.outcomes, reference.outcomes, strict=True)]
            fits = [self.same(w, s, kinds=False) for w, s in zip(wrong.outcomes, seen.outcomes, strict=True)]
            repeats = self.repeats(wrong) == self.repeats(seen)
            if not any(shows) and not wrong.failed and self.repeats(wrong):
                continue
            if all(fits) and set(wrong.failed) == set(seen.failed) and repeats:
                return mistake, shows.index(True) if any(shows) else 0
            explained = (
                all(f for f, s in zip(fits, shows, strict=True) if s) and 2 * sum(shows) >= wrong_cases
            )
            if any(shows) and explained:
                partly = partly or (mistake, shows.index(True))
        return partly

    def repeats(self, seen: Observed) -> bool:
        """Whether the first case gave the same when it was run again."""
        return seen.repeated is None or self.same(seen.outcomes[0], seen.repeated)


def _changed(before: Case, after: Case, answer: Any) -> str | None:
    """The first argument that a call has changed, by its name where that is known."""
    named = _argument_names(answer, before)
    old = [*before.args, *before.kwargs.values()]
    new = [*after.args, *after.kwargs.values()]
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        if _comparable(a) and difference(a, b, 0.0, 0.0, True) is not None:
            return named[i]
    return None


def _comparable(value: Any) -> bool:
    """Values whose equality means equal contents; others (models, generators of random numbers) are left
    out."""
    if isinstance(value, list | tuple | set | frozenset):
        return all(_comparable(item) for item in value)
    if isinstance(value, Mapping):
        return all(_comparable(item) for item in value.values())
    return is_array(value) or isinstance(value, str | bytes | bytearray | int | float | complex | None)


def _argument_names(answer: Any, case: Case) -> list[str]:
    try:
        names = list(inspect.signature(answer).parameters)
    except (TypeError, ValueError):
        names = []
    names = names[: len(case.args)] + [f"number {i + 1}" for i in range(len(names), len(case.args))]
    return [*names, *case.kwargs]
