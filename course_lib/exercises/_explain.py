"""Exercises that ask what something shows: a letter for a choice, or a number that is read off.

What comes back never holds the right answer: it says why this one is wrong, if that is known. Nothing of the
learner's is run.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from numbers import Real
from typing import Any

from course_lib.exercises._feedback import Feedback, State
from course_lib.exercises._values import is_array, show_value


def explained(exercise: Any, answer: Any) -> Feedback:
    """The feedback for a letter or a number; a number may be off by the exercise's `atol` and `rtol`."""
    given = _plain(answer)
    if (needed := _needed(exercise, given)) is not None:
        if given is None or given is ... or (isinstance(given, str) and not given):
            return Feedback(State.NOT_ATTEMPTED, exercise.title, needed)
        return Feedback(State.WRONG, exercise.title, needed, aspect="type")
    if _same(exercise, exercise.reference, given):
        return Feedback(State.RIGHT, exercise.title, exercise.explanation)
    made = next((m for m in exercise.mistakes if _same(exercise, m.wrong, given)), None)
    message = f"It is not {show_value(given)}." + ("" if made else " For a start: `.hint()`.")
    more = {} if made is None else {"mistake": made.name, "why": made.why}
    return Feedback(State.WRONG, exercise.title, message, aspect="values", **more)


def _plain(answer: Any) -> Any:
    """A letter without brackets and in lower case; an array with one number as that number."""
    if isinstance(answer, str):
        return answer.strip().strip("().").lower()
    return answer.item() if is_array(answer) and len(answer.shape) == 0 else answer


def _needed(exercise: Any, given: Any) -> str | None:
    """What an answer must be, if this is no such thing."""
    if isinstance(exercise.reference, str):
        letters = _letters(exercise.reference, exercise.mistakes)
        return (
            None
            if isinstance(given, str) and given in letters
            else f"Put a letter in its place: {', '.join(map(repr, letters))}."
        )
    is_number = isinstance(given, Real) and not isinstance(given, bool)
    return None if is_number else "Put a number in its place, such as 0.5; about right is enough."


def _letters(reference: str, mistakes: Sequence[Any]) -> list[str]:
    known = {reference, *(mistake.wrong for mistake in mistakes)}
    return [letter for letter in string.ascii_lowercase if letter in known]


def _same(exercise: Any, wanted: Any, given: Any) -> bool:
    if isinstance(wanted, str):
        return wanted == given
    return bool(abs(given - wanted) <= exercise.atol + exercise.rtol * abs(wanted))
