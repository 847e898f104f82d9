"""Put what is wrong with an answer into words: the first fault in the order of the checks.

Values come first (a crash, then type, shape, dtype, finite, values), then gradients, then properties, then
whether the inputs were changed, then whether the same call gives the same twice. It decides nothing: `_trial`
saw it all.
"""

from __future__ import annotations

from typing import Any

from course_lib.exercises._compare import Difference
from course_lib.exercises._feedback import Feedback, State
from course_lib.exercises._forbidden import names_in
from course_lib.exercises._gradients import Astray
from course_lib.exercises._judge import Property
from course_lib.exercises._meanings import told
from course_lib.exercises._run import Crash
from course_lib.exercises._trial import Observed, Outcome, Trial
from course_lib.exercises._values import show_value


def first_fault(
    trial: Trial, seen: Observed, title: str, start: int = 0, answer: Any = None
) -> Feedback | None:
    """What is wrong first, from case `start` on; None if nothing is."""
    found = _value_fault(trial, seen, start) or _gradient_fault(trial, seen, answer)
    found = found or _property_fault(trial.judge.properties, seen)
    found = found or _input_fault(trial, seen) or _forgetful_fault(trial, seen)
    return Feedback(title=title, **found) if found else None


def _value_fault(trial: Trial, seen: Observed, start: int) -> dict[str, Any] | None:
    for case in range(start, len(seen.outcomes)):
        if seen.is_wrong(case):
            part = seen.parts[case]
            hinges = part is None or part.aspect != "parameters"  # which the inputs have no part in
            call = trial.judge.call(trial.cases[case]) if hinges else ""
            return {"call": call, **_wrong_value(trial, seen.outcomes[case], part)}
    return None


def _wrong_value(trial: Trial, got: Outcome, part: Difference | None) -> dict[str, Any]:
    if got.crash is not None:
        return {"state": State.CRASHED, "message": told(got.crash), "lines": got.crash.lines}
    words = part.message
    if part.got is None and any(right.value is None and right.crash is None for right in trial.right):
        words = f"it is None, but should be {show_value(part.expected)}"  # no forgotten `return`
    message = words if part.aspect == "parameters" else f"The result is wrong: {words}."
    return {"state": State.WRONG, "message": message, "aspect": part.aspect, "difference": part}


# Gradients --------------------------------------------------------------------------------------------------

_CUTTERS = {  # what cuts the way back, and what does so if it is given what a tensor holds
    "detach": "`.detach()`",
    "item": "`.item()`",
    "tolist": "`.tolist()`",
    "numpy": "`.numpy()`",
    "data": "`.data`",
    "no_grad": "`no_grad`",
    "inference_mode": "`inference_mode`",
    "set_grad_enabled": "`set_grad_enabled`",
}
_PERHAPS = {
    "float": "`float(...)`",
    "tensor": "`torch.tensor(...)`",
    "math": "`math`",
    "np": "`np`",
}


def _gradient_fault(trial: Trial, seen: Observed, answer: Any) -> dict[str, Any] | None:
    if not seen.flows:
        return None
    case = min(seen.flows)
    found = seen.flows[case]
    call = {"call": trial.judge.call(trial.cases[case])}
    if found.flow.crash is not None:
        message = (
            f"The values are right, but it crashes when gradients are asked for. {told(found.flow.crash)}"
        )
        return {"state": State.WRONG, "aspect": "gradient", "message": message, **call} | {
            "lines": found.flow.crash.lines
        }
    message = f"The values are right, but not the gradients: {_gradient_words(found, answer)}"
    return {
        "state": State.WRONG,
        "aspect": "gradient",
        "message": message,
        "difference": found.difference,
        **call,
    }


def _gradient_words(found: Astray, answer: Any) -> str:
    used, perhaps = (
        " and ".join([words for name, words in known.items() if name in names_in(answer)][:2])
        for known in (_CUTTERS, _PERHAPS)
    )
    if used:
        cause = f"Your code uses {used}, which cuts the way back."
    elif perhaps:
        cause = f"Your code uses {perhaps}: of a number out of a tensor, that cuts the way back."
    else:
        cause = "Is there a `.detach()`, an `.item()`, a `no_grad` or a step through NumPy or plain numbers?"
    if found.cut:
        return f"the output is cut off from its inputs, so that nothing could be learned through it. {cause}"
    if not found.difference.got.any():
        return f"none arrives at `{found.name}`. {cause}"
    return (
        f"what flows back to `{found.name}` is wrong. Either one of the ways from it to the output is cut, "
        f"or the value only looks right. {cause}"
    )


# All else ---------------------------------------------------------------------------------------------------


def _property_fault(properties: Any, seen: Observed) -> dict[str, Any] | None:
    prop: Property | None = next((prop for prop in properties if prop.name in seen.failed), None)
    if prop is None:
        return None
    failure = seen.failed[prop.name]
    if isinstance(failure, Crash):
        message = f"While testing that {prop.message}: {told(failure)}"
        return {"state": State.CRASHED, "message": message, "aspect": "property", "lines": failure.lines}
    more = f" {failure}" if failure != prop.message else ""
    message = f"This must hold, but does not: {prop.message}.{more}"
    return {"state": State.WRONG, "message": message, "aspect": "property"}


def _input_fault(trial: Trial, seen: Observed) -> dict[str, Any] | None:
    for case, got in enumerate(seen.outcomes):
        if got.changed is not None:
            message = f"The result is right, but the argument `{got.changed}` was changed. Work on a copy."
            call = trial.judge.call(trial.cases[case])
            return {"state": State.WRONG, "message": message, "aspect": "inputs", "call": call}
    return None


def _forgetful_fault(trial: Trial, seen: Observed) -> dict[str, Any] | None:
    if seen.forgot is None:
        return None
    message = (
        "The same call gave two different results. Something is kept between calls (a global variable, a "
        "list as a default argument) or drawn at random where it should not be."
    )
    case, again = seen.forgot
    first = seen.outcomes[case]
    part = trial.part(case, first, again) if again.crash is None else None
    shown = Difference("values", "", first.value, again.value, part.position) if part else None
    call = trial.judge.call(trial.cases[case])
    return {"state": State.WRONG, "message": message, "aspect": "values", "difference": shown, "call": call}
