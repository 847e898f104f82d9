"""What is right in the cases of a check, found before any answer runs.

Values by the reference, how far rounding may carry them, and the gradients that should flow back. It does not
know how answers are judged by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._compare import Path
from course_lib.exercises._fresh import Drawn
from course_lib.exercises._frozen import frozen
from course_lib.exercises._gradients import outputs, right_flow, row_wise
from course_lib.exercises._inputs import has_floats, in_double, moved, one_ulp
from course_lib.exercises._judge import Case, Judge, argument_names
from course_lib.exercises._trial import Outcome, Trial, outcome_of
from course_lib.exercises._values import as_numpy

_ROOM = 8.0  # how many times what one unit of rounding moves a right value, it may be off


def prepare(judge: Judge, reference: Any, cases: list[Case], drawn: list[Drawn]) -> Trial:
    """The cases and what is right in each, by the reference; drawn cases in which it crashes are left out."""
    good = [(case, None, outcome_of(judge, reference, case)) for case in cases]
    made = [(one.case, one, outcome_of(judge, reference, one.case)) for one in drawn]
    good += [entry for entry in made if entry[2].crash is None]
    cases, drawn, right = ([entry[i] for entry in good] for i in range(3))
    names = [argument_names(reference, case) for case in cases]
    floats = [not judge.is_value and has_floats(case) for case in cases]

    def run(case: Case) -> Any:
        return judge.run(reference, case)

    slack = [_slack(run, c, o) if f else {} for c, o, f in zip(cases, right, floats, strict=True)]
    asked = judge.asks_gradients
    flows = [
        right_flow(run, c, n) if asked and f else None for c, n, f in zip(cases, names, floats, strict=True)
    ]
    return Trial(judge, cases, [one for one in drawn if one is not None], names, right, slack, flows)


def _slack(run: Callable[[Case], Any], case: Case, right: Outcome) -> dict[Path, Any]:
    """How far a right value may be off because of rounding: what moving the inputs by it does, and more.

    Where that changes the value by much, it is a jump (another largest, another order) and does not count.
    """
    slack: dict[Path, Any] = {}
    wanted = {path: as_numpy(value) for path, value in outputs(right.value)}
    wanted = {path: array for path, array in wanted.items() if array.dtype.kind == "f"}
    for change in (one_ulp(1), one_ulp(2), in_double) if wanted else ():
        value, crash = _run.attempt(lambda change=change: frozen(run(moved(case, change))))
        for path, have in outputs(value) if crash is None else ():
            if path in wanted and (have := as_numpy(have)).shape == wanted[path].shape:
                slack[path] = slack.get(path, 0.0) + _ROOM * row_wise(_small_steps(wanted[path], have))
    return slack


def _small_steps(one: Any, other: Any) -> Any:
    """How far two arrays are apart, and 0 where that is a jump."""
    import numpy as np

    with np.errstate(all="ignore"):
        apart = np.abs(np.subtract(other, one, dtype=float))
        return np.where(np.isfinite(apart) & (apart <= 0.01 * np.maximum(1.0, np.abs(one))), apart, 0.0)
