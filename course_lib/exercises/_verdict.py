"""The feedback for what was seen of an answer: right, right in another way, or the first fault and its name.

A fault that only drawn cases show is looked for in smaller ones. It shows and keeps nothing.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._faults import first_fault
from course_lib.exercises._feedback import Feedback, State
from course_lib.exercises._forbidden import reason
from course_lib.exercises._fresh import smaller
from course_lib.exercises._judge import Case
from course_lib.exercises._recognise import recognise
from course_lib.exercises._right import prepare
from course_lib.exercises._slips import slip_of
from course_lib.exercises._trial import Observed, Trial
from course_lib.exercises._values import quietly

_SHRINK_SECONDS = 0.5  # for finding a smaller case that fails


def verdict(exercise: Any, trial: Trial, seen: Observed, answer: Any) -> Feedback:
    """The feedback for an answer to `exercise` that was seen on all cases of a trial."""
    fault = first_fault(trial, seen, exercise.title, answer=answer)
    if fault is None:
        return _way(exercise, seen)
    known = recognise(trial, seen, exercise.mistakes)
    if known is None:
        fault = _with_way(exercise, seen, _smaller(exercise, trial, seen, answer, fault) or fault)
        name, why = slip_of(answer) or (None, "")
        return replace(fault, mistake=name, why=why)
    fault = first_fault(trial, seen, exercise.title, known.case, answer) or fault
    return replace(fault, mistake=known.mistake.name, why=known.mistake.why)


def _with_way(exercise: Any, seen: Observed, fault: Feedback) -> Feedback:
    """A fault that has no name, with a word on the way if that is one that was not asked for."""
    name, why = reason(seen.used, exercise.forbidden)
    return replace(fault, message=f"{fault.message}\n\nIt also uses {name}. {why}".strip()) if name else fault


def _way(exercise: Any, seen: Observed) -> Feedback:
    """The feedback for right values: right, or right by another way than was asked for."""
    if not seen.used:
        return Feedback(State.RIGHT, exercise.title, "Your answer passes every test.")
    name, why = reason(seen.used, exercise.forbidden)
    message = f"Your answer gives the right result everywhere, with {name}. {why}"
    return Feedback(State.OTHERWISE, exercise.title, message.strip())


def _smaller(exercise: Any, trial: Trial, seen: Observed, answer: Any, first: Feedback) -> Feedback | None:
    """The same fault in as small a case as can be found, if only drawn cases show it."""
    wrong = [i for i in range(len(seen.outcomes)) if seen.is_wrong(i) or i in seen.flows]
    if not wrong or wrong[0] < trial.fixed:
        return None
    found: list[Feedback] = []

    def fails(case: Case) -> bool:
        alone = prepare(replace(trial.judge, properties=()), exercise.reference, [case], [])
        fault = first_fault(alone, alone.observe(answer), exercise.title, answer=answer)
        same = fault is not None and (fault.state, fault.aspect) == (first.state, first.aspect)
        if same and alone.right[0].crash is None:
            found.append(fault)
            return True
        return False

    drawn = trial.drawn[wrong[0] - trial.fixed]
    with contextlib.suppress(_run.TimeUp), quietly():
        _run.with_limit(lambda: smaller(exercise.fresh, drawn, fails), _SHRINK_SECONDS)
    return found[-1] if found else None
