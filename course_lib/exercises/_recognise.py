"""Which of an exercise's listed mistakes an answer makes, judged by what it does in every case.

A mistake is recognised when the learner's answer gives the same as the code that makes it. It does not know
how feedback looks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import thread_time
from typing import Any

from course_lib.exercises._crashes import same_crash
from course_lib.exercises._judge import Mistake
from course_lib.exercises._right import prepare
from course_lib.exercises._trial import Observed, Outcome, Trial
from course_lib.exercises._values import as_numpy, is_array, quietly

_SECONDS = 2.0  # of work, for trying the mistakes one after the other


@dataclass(frozen=True)
class Known:
    """A recognised mistake, with the number of the first case in which it shows (0 if only a property
    does)."""

    mistake: Mistake
    case: int = 0


@dataclass(frozen=True)
class _Fit:
    """How a mistake's outcomes go with those of an answer."""

    shows: list[int]  # the cases in which the mistake gives something wrong
    fits: list[bool]  # per case: whether the answer gives the same
    nearly: list[bool]  # or crashes at the same operation, with another message
    alike: bool  # whether all else is the same: gradients, properties, the same twice
    values: set[str]  # what the mistake gives where it shows

    @property
    def whole(self) -> bool:
        """The answer does what the mistake does, everywhere."""
        return self.alike and all(self.fits)

    def partly(self, wrong: int) -> bool:
        """The answer does what the mistake does wherever it shows, and that explains most of what is wrong.

        Crashes may differ in what they say, one time in three; and several values must not be all the same
        (such as None, where something else went wrong).
        """
        if not self.shows or not all(self.fits[i] or self.nearly[i] for i in self.shows):
            return False
        strictly = sum(self.fits[i] for i in self.shows)
        telling = len(self.shows) == 1 or len(self.values) != 1
        return telling and 3 * strictly >= 2 * len(self.shows) and 2 * len(self.shows) >= wrong


def recognise(trial: Trial, seen: Observed, mistakes: Sequence[Mistake]) -> Known | None:
    """The mistake whose outcomes are the learner's, on all cases.

    One that fits everywhere goes before one that fits only where it shows; among these the one that explains
    most, unless a single case is all there is and several mistakes look alike in it.
    """
    wrong = sum(map(seen.is_wrong, range(len(seen.outcomes))))
    partly: list[tuple[int, Known]] = []
    end = thread_time() + _SECONDS
    for mistake in mistakes:
        if thread_time() > end:
            break
        with quietly():  # what a mistake prints is not the learner's
            made = trial.observe(mistake.wrong, compared=partial(_may_fit, trial, seen))
        fit = None if made.given_up else _fit(trial, seen, made)
        if fit is None:
            continue
        known = Known(mistake, fit.shows[0] if fit.shows else 0)
        if fit.whole:
            return known
        if fit.partly(wrong):
            partly.append((len(fit.shows), known))
    if not partly:
        return None
    most, known = max(partly, key=lambda pair: pair[0])
    return None if most == 1 and len(partly) > 1 else known


def _may_fit(trial: Trial, seen: Observed, case: int, made: Observed) -> bool:
    """Whether what a mistake gives in a case leaves it possible that the answer makes it."""
    if case >= len(seen.outcomes):
        return True
    one, other = made.outcomes[case], seen.outcomes[case]
    return not _shows(trial, made, case) or _nearly(one, other) or _fits(trial, seen, made, case)


def _fits(trial: Trial, seen: Observed, made: Observed, case: int) -> bool:
    """Whether an answer gives what a mistake gives, of whatever kind the number is; and it is wrong there
    too: the right number may be wrong of another kind only."""
    same = trial.same(case, made.outcomes[case], seen.outcomes[case], kinds=False)
    return same and (seen.is_wrong(case) or not made.is_wrong(case))


def _nearly(one: Outcome, other: Outcome) -> bool:
    """Whether both crash at the same operation, whatever they say."""
    return bool(one.where and other.where) and same_crash(one.where, other.where, loosely=True)


def _fit(trial: Trial, seen: Observed, made: Observed) -> _Fit | None:
    """How a mistake goes with an answer; None if nothing shows of it."""
    pairs = list(zip(made.outcomes, seen.outcomes, strict=False))
    shows = [i for i in range(len(pairs)) if _shows(trial, made, i)]
    if not shows and not made.failed and not made.flows and made.forgot is None:
        return None
    fits = [_fits(trial, seen, made, i) for i in range(len(pairs))]
    nearly = [_nearly(one, other) for one, other in pairs]
    others = _same_failures(trial, made, seen, not shows) and (made.forgot is None) == (seen.forgot is None)
    values = {_key(made.outcomes[i].value) for i in shows if made.outcomes[i].crash is None}
    return _Fit(shows, fits, nearly, others and trial.same_flows(made, seen), values)


def _same_failures(trial: Trial, made: Observed, seen: Observed, alone: bool) -> bool:
    """Whether the same properties fail; with the same words where these `alone` show the mistake.

    Probabilities and the like may differ: they depend on what else an answer does.
    """
    if set(made.failed) != set(seen.failed):
        return False
    strictly = alone or trial.judge.open_ended
    return not strictly or all(_words(made.failed[n]) == _words(seen.failed[n]) for n in seen.failed)


def _words(failure: Any) -> str:
    return re.sub(r"\d*\.\d+", "#", str(failure))


def _key(value: Any) -> str:
    """A text that is the same for equal values."""
    return f"{value.shape} {as_numpy(value).tolist()}" if is_array(value) else repr(value)


def _shows(trial: Trial, made: Observed, case: int) -> bool:
    return made.is_wrong(case) or made.outcomes[case].changed != trial.right[case].changed


def twins(exercise: Any, seed: int = 0, draws: int = 200) -> list[tuple[str, str]]:
    """Pairs of listed mistakes with different texts that no case tells apart, fixed or drawn."""
    judge = exercise._judge()
    trial = prepare(judge, exercise.reference, judge.fresh_cases(), judge.drawn_cases(seed, draws))
    made = [(mistake, trial.observe(mistake.wrong)) for mistake in exercise.mistakes]
    return [
        (one.name, other.name)
        for i, (one, first) in enumerate(made)
        for other, second in made[i + 1 :]
        if (one.name, one.why) != (other.name, other.why) and _same(trial, first, second)
    ]


def _same(trial: Trial, one: Observed, other: Observed) -> bool:
    fit = _fit(trial, one, other)
    return fit is not None and fit.whole
