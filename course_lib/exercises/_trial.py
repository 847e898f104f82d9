"""One check's cases with what is right in them, and what an answer does in each.

What is right is found before the answer runs: values, how far rounding may carry them, and gradients. It
does not know mistakes by name nor how feedback looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, thread_time
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._compare import Difference, Path, parted
from course_lib.exercises._crashes import located, same_crash
from course_lib.exercises._forbidden import named, watching
from course_lib.exercises._fresh import Drawn
from course_lib.exercises._frozen import frozen
from course_lib.exercises._gradients import Astray, RightFlow, alike, astray
from course_lib.exercises._judge import Case, Judge, Property, changed_argument
from course_lib.exercises._values import quietly

_REPEATS = 6  # of the fixed cases, how many are run once more
_DRAWN_SHARE, _GRADIENT_SHARE = 0.5, 0.7  # of the time limit, after which no more such cases are begun
_WAITING = 0.2  # of the time limit, that other programs may take


@dataclass(frozen=True)
class Outcome:
    """What an answer gave in one case: a value or a crash, and which argument it changed."""

    value: Any = None
    crash: _run.Crash | None = None
    changed: str | None = None
    where: str = ""  # the operation that crashed


@dataclass
class Observed:
    """All that was seen of an answer; `late` names the case (or property) in which the time was up."""

    outcomes: list[Outcome] = field(default_factory=list)
    parts: list[Difference | None] = field(default_factory=list)  # where a value parts from the right one
    flows: dict[int, Astray] = field(default_factory=dict)  # case -> its gradients that are not right
    forgot: tuple[int, Outcome] | None = None  # the first case that gave something else when run again
    failed: dict[str, str | _run.Crash] = field(default_factory=dict)  # property -> what was seen
    used: list[str] = field(default_factory=list)  # ways that the exercise does not ask for
    late: str | None = None
    given_up: bool = False  # nobody wanted to see the rest

    def is_wrong(self, case: int) -> bool:
        """Whether the value of a case is wrong, or there is none."""
        return self.outcomes[case].crash is not None or self.parts[case] is not None

    @property
    def values_right(self) -> bool:
        """Whether every value is right so far."""
        return not any(map(self.is_wrong, range(len(self.parts))))


Stop = Callable[[int, Observed], bool]


@dataclass(frozen=True)
class Trial:
    """The cases of one check; `drawn` belongs to those after the fixed ones."""

    judge: Judge
    cases: list[Case]
    drawn: list[Drawn]
    names: list[list[str]]
    right: list[Outcome]
    slack: list[dict[Path, Any]]
    flows: list[RightFlow | None]

    @property
    def fixed(self) -> int:
        """How many of the cases are the same at every check."""
        return len(self.cases) - len(self.drawn)

    # seeing -------------------------------------------------------------------------------------------------

    def observe(self, answer: Any, seconds: float | None = None, compared: Stop | None = None) -> Observed:
        """Run the answer on every case and property, within `seconds` in all if given.

        `compared(case, seen)` is asked after each case whether there is any use in going on.
        """
        seen = Observed()
        watch = _Watcher(self, answer, seen, seconds, compared)
        try:
            watch.look() if seconds is None else _run.with_limit(watch.look, seconds)
        except _run.TimeUp:
            seen.late = seen.late or "the checks"
        return seen

    # comparing ----------------------------------------------------------------------------------------------

    def part(self, case: int, expected: Outcome, got: Outcome, wide: bool = False) -> Difference | None:
        """Where the value of one case parts from another."""
        judge = self.judge
        if judge.open_ended:
            return None
        wide = wide or not judge.differentiable
        settings = (judge.rtol, judge.atol, judge.exact_type, wide, self.slack[case])
        return parted(expected.value, got.value, *settings)

    def same(self, case: int, one: Outcome, other: Outcome, kinds: bool = True) -> bool:
        """Whether two outcomes cannot be told apart: the same value, or the same crash at the same place.

        Without `kinds`, a number may be whole here and a float or a tensor there, if it is the same number.
        """
        if (one.crash is None) != (other.crash is None) or one.changed != other.changed:
            return False
        if one.crash is not None:
            return same_crash(one.where, other.where)
        either = (self.part(case, *pair, not kinds) is None for pair in ((one, other), (other, one)))
        return self.judge.open_ended or (all(either) if kinds else any(either))

    def same_flows(self, one: Observed, other: Observed) -> bool:
        """Whether two answers go wrong in the same way where gradients flow back."""
        numbers = set(one.flows) | set(other.flows)
        return all(alike(one.flows.get(i), other.flows.get(i)) for i in numbers)


class _Watcher:
    """Runs one answer on a trial's cases, and writes down what is seen."""

    def __init__(
        self, trial: Trial, answer: Any, seen: Observed, seconds: float | None, compared: Stop | None
    ) -> None:
        self.trial, self.judge, self.answer, self.seen = trial, trial.judge, answer, seen
        self.seconds, self.compared = seconds, compared
        self.began, self.worked = monotonic(), thread_time()

    def look(self) -> None:
        self._cases()
        if self.seen.given_up:
            return
        if self.seen.values_right and self.judge.asks_gradients:
            self._gradients()
        if self.seen.values_right or not any(o.crash for o in self.seen.outcomes[: self.trial.fixed]):
            self._again()
            self._properties()
        self.seen.used += named(self.answer, self.judge.forbidden)
        self.seen.late = None

    def _cases(self) -> None:
        for number, case in enumerate(self.trial.cases):
            if number >= self.trial.fixed and (self._spent() > _DRAWN_SHARE or self._would_be_late(number)):
                return  # slow, but perhaps right: the fixed cases must do
            self.seen.late = case.call(self.judge.name)
            outcome = outcome_of(self.judge, self.answer, case, self.seen.used)
            part = None if outcome.crash else self.trial.part(number, self.trial.right[number], outcome)
            self.seen.outcomes.append(outcome)
            self.seen.parts.append(part)
            if self.compared is not None and not self.compared(number, self.seen):
                self.seen.given_up = True
                return

    def _gradients(self) -> None:
        run = self._run
        for number in range(len(self.seen.outcomes)):
            right = self.trial.flows[number]
            if right is None or (number >= self.trial.fixed and self._spent() > _GRADIENT_SHARE):
                continue
            self.seen.late = self.trial.cases[number].call(self.judge.name)
            found = astray(right, run, self.trial.cases[number], self.trial.names[number])
            if found is not None:
                self.seen.flows[number] = found

    def _again(self) -> None:
        """Some cases once more, in another order."""
        if self.judge.open_ended:
            return
        for number in reversed(range(min(_REPEATS, self.trial.fixed))):
            first = self.seen.outcomes[number]
            if first.crash is not None:
                continue
            self.seen.late = self.trial.cases[number].call(self.judge.name)
            with quietly():
                again = outcome_of(self.judge, self.answer, self.trial.cases[number], [])
            if not self.trial.same(number, first, again):
                self.seen.forgot = (number, again)
                return

    def _properties(self) -> None:
        for prop in self.judge.properties:
            self.seen.late = prop.message
            if (failure := _failure(self.judge.careful(self.answer), prop)) is not None:
                self.seen.failed[prop.name] = failure

    def _run(self, case: Case) -> Any:
        return self.judge.run(self.answer, case)

    def _would_be_late(self, cases: int) -> bool:
        """Whether a case four times as long as these were would go beyond the limit."""
        took = monotonic() - self.began
        return self.seconds is not None and took + 4 * took / max(1, cases) > self.seconds

    def _spent(self) -> float:
        """The share of the time limit that has passed; most of it must be the answer's own work."""
        if self.seconds is None:
            return 0.0
        took, worked = monotonic() - self.began, thread_time() - self.worked
        return max(worked, took - _WAITING * self.seconds) / self.seconds


def outcome_of(judge: Judge, answer: Any, case: Case, used: list[str] | None = None) -> Outcome:
    """What an answer gives in a case, with arguments of its own."""
    mine, where = case.copy(), []

    def work() -> Any:
        with watching(judge.forbidden if used is not None else (), [] if used is None else used):
            return located(lambda: judge.run(answer, mine), where)

    value, crash = _run.attempt(lambda: frozen(work()))
    changed = None if judge.may_change_inputs else changed_argument(case, mine, answer)
    return Outcome(value, crash, changed, "".join(where))


def _failure(answer: Any, prop: Property) -> str | _run.Crash | None:
    held, crash = _run.attempt(lambda: prop.holds(answer))
    if crash is not None:
        return crash
    if isinstance(held, str):
        return held
    return None if held is None or held else prop.message
