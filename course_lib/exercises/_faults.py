"""Put what is wrong with an answer into words: the first fault in the order of the checks.

Values come first (a crash, then type, shape, dtype, finite, values), then properties, then whether the inputs
were changed, then whether the same call gives the same twice. It decides nothing: `_judge` saw it all.
"""

from __future__ import annotations

from typing import Any

from course_lib.exercises._compare import Difference, difference
from course_lib.exercises._feedback import Feedback, State
from course_lib.exercises._judge import Judge, Observed, Outcome, Property
from course_lib.exercises._run import Crash


def first_fault(
    judge: Judge, seen: Observed, reference: Observed, title: str, start: int = 0
) -> Feedback | None:
    """What is wrong first, from case `start` on; None if nothing is."""
    calls = [judge.call(case) for case in judge.fresh_cases()]
    trios = list(zip(calls, reference.outcomes, seen.outcomes, strict=True))
    for call, expected, got in trios[start:]:
        if (found := _value_fault(judge, expected, got)) is not None:
            return Feedback(title=title, call=call, **found)
    for prop in judge.properties:
        if prop.name in seen.failed:
            return Feedback(title=title, aspect="property", **_property_fault(prop, seen.failed[prop.name]))
    for call, _, got in trios:
        if got.changed is not None:
            message = f"The result is right, but the argument `{got.changed}` was changed. Work on a copy."
            return Feedback(State.WRONG, title, message, aspect="inputs", call=call)
    if not judge.repeats(seen):
        return Feedback(title=title, call=calls[0], **_forgetful_fault(seen))
    return None


def _value_fault(judge: Judge, expected: Outcome, got: Outcome) -> dict[str, Any] | None:
    if got.crash is not None:
        return {"state": State.CRASHED, "message": f"`{got.crash}`", "lines": got.crash.lines}
    if (part := judge.part(expected, got)) is not None:
        message = f"The result is wrong: {part.message}."
        return {"state": State.WRONG, "message": message, "aspect": part.aspect, "difference": part}
    return None


def _property_fault(prop: Property, failure: str | Crash) -> dict[str, Any]:
    if isinstance(failure, Crash):
        message = f"While testing that {prop.message}: `{failure}`"
        return {"state": State.CRASHED, "message": message, "lines": failure.lines}
    more = f" {failure}" if failure != prop.message else ""
    return {"state": State.WRONG, "message": f"This must hold, but does not: {prop.message}.{more}"}


def _forgetful_fault(seen: Observed) -> dict[str, Any]:
    message = (
        "The same call gave two different results. Something is kept between calls (a global variable, a "
        "list as a default argument) or drawn at random where it should not be."
    )
    first, again = seen.outcomes[0], seen.repeated
    part = difference(first.value, again.value) if again.crash is None else None
    shown = Difference("values", "", first.value, again.value, part.position) if part else None
    return {"state": State.WRONG, "message": message, "aspect": "values", "difference": shown}
