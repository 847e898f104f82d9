"""One check from beginning to end: tried apart, judged here, recorded, kept. It never raises.

The answer's text runs in a process of its own first (`_tryout`). If that ends well, the answer itself is
judged in the notebook's process, so that its lines and objects can be shown; if not, it is never run here. A
right answer to a build exercise is kept as a file if the very text of that file was judged right. It does not
know how an answer is judged, nor what feedback looks like.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from course_lib.exercises import _progress, _run, _tryout
from course_lib.exercises._feedback import Feedback, State
from course_lib.exercises._source import Standalone, as_file
from course_lib.exercises._starters import is_harmless
from course_lib.exercises._surroundings import surroundings

_SECONDS_FOR_TEXT = 3.0
_SPARE = 3.0  # seconds for all that is not the answer's: the reference, the known mistakes
_STILL_RUNNING = (
    "This check still runs: a single call inside C cannot be stopped from here. "
    "Restart the kernel (menu Kernel, Restart), then look for a very large number in your answer."
)


@dataclass
class Tried:
    """An answer's text, or why there is none, and what came of trying it."""

    file: Standalone | None = None
    no_text: str = ""
    trial: _tryout.Trial | None = None


def checked(exercise: Any, answer: Any) -> Feedback:
    """The feedback for an answer, with everything that is to be kept, kept."""
    tried, feedback = Tried(), None
    try:
        with surroundings() as printed:
            try:
                tried = _tried(exercise, answer)
                feedback = _feedback(exercise, answer, tried, printed.outside)
            except KeyboardInterrupt as error:
                if _run.ctrl_c:
                    return _tryout.stopped(exercise.title)
                feedback = _tryout.crashed(exercise.title, error)
        if printed.replaced and feedback.message.startswith(_tryout.FAILED):
            feedback = _tryout.replaced(exercise.title, printed.replaced)
        feedback = _with_printed(feedback, printed)
        notes = [*_threads(printed.threads), *_kept(exercise, answer, feedback, tried)]
        return replace(feedback, notes=(*feedback.notes, *(note for note in notes if note)))
    except _run.TimeUp:  # of a check around this one
        raise
    except BaseException as error:  # noqa: BLE001 - a fault of the course's own must not stop the notebook
        if isinstance(error, KeyboardInterrupt):
            return _tryout.stopped(exercise.title)
        return feedback or _tryout.crashed(exercise.title, error)


def _feedback(exercise: Any, answer: Any, tried: Tried, out: Any) -> Feedback:
    trial = tried.trial
    # Without all that it needs, the text fails for another reason than the answer would.
    whole = tried.file is None or not (tried.file.missing or tried.file.unknown)
    if trial is not None and (whole or not trial.judged) and (bad := trial.feedback) is not None:
        return bad
    if tried.file is not None:
        _tryout.load_ahead(tried.file.text)
    alone = _watchdog(exercise.seconds + _SPARE, out)
    with alone if trial is None else nullcontext():
        feedback = _judged(exercise, answer, trial)
    if whole and trial is not None and trial.differs(feedback):
        # Is it the answer, or has a cell replaced what every check in this notebook needs?
        return feedback if _judged(exercise, exercise.reference, trial).right else trial.as_told
    return feedback


def _judged(exercise: Any, answer: Any, trial: _tryout.Trial | None) -> Feedback:
    seed, took = (None, 0.0) if trial is None else (trial.seed, trial.took)
    limit = max(exercise.seconds, exercise.seconds + _SPARE - took)
    try:
        return _run.with_limit(lambda: _tryout.shown_safely(_tryout.judge(exercise, answer, seed)), limit)
    except _run.TimeUp:
        return Feedback(State.TIMED_OUT, exercise.title, exercise._late_message())
    except BaseException as error:  # noqa: BLE001 - an odd answer may raise anything when it is looked at
        if isinstance(error, KeyboardInterrupt) and _run.ctrl_c:
            raise
        return _tryout.crashed(exercise.title, error)


def _with_printed(feedback: Feedback, printed: Any) -> Feedback:
    if printed.text and feedback.state is not State.NOT_ATTEMPTED:
        return replace(feedback, printed=printed.text)
    return feedback


def _threads(names: list[str]) -> list[str]:
    shown = ", ".join(f"`{name}`" for name in names[:3])
    return [f"Your code left a thread running ({shown}). It goes on in the background."] if names else []


@contextmanager
def _watchdog(seconds: float, out: Any) -> Iterator[None]:
    """Say how to go on if something runs so long that no time limit has stopped it: a call inside C."""

    def bark() -> None:
        print(_STILL_RUNNING, file=out, flush=True)

    timer = threading.Timer(seconds, bark)
    timer.daemon, timer.name = True, "course watchdog"
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


# Apart ------------------------------------------------------------------------------------------------------


def _tried(exercise: Any, answer: Any) -> Tried:
    """Take the answer's text and try it, unless nothing can happen or there is no text."""
    if is_harmless(answer) or exercise.kind == "explain" or exercise.is_starter(answer):
        return Tried()
    head = f'"""My own `{exercise.name}`, kept by the course when its check said it is right."""\n\n'
    try:
        file = _run.with_limit(lambda: as_file(answer, exercise.name), _SECONDS_FOR_TEXT)
    except _run.TimeUp:
        return Tried(no_text="it takes too long to write it down")
    except BaseException as error:  # noqa: BLE001 - it may have no text, or answer with whatever it likes
        if isinstance(error, KeyboardInterrupt) and _run.ctrl_c:
            raise
        said = _run.attempt_text(error.__str__)[0]
        return Tried(no_text=said or type(error).__name__)
    file = replace(file, text=head + file.text)
    return Tried(file, "", _tryout.try_apart(exercise, file.text, _label(exercise)))


def _label(exercise: Any) -> str:
    return f"{exercise.piece or exercise.name}.py"


# Kept -------------------------------------------------------------------------------------------------------


def _kept(exercise: Any, answer: Any, feedback: Feedback, tried: Tried) -> list[str]:
    """Record the try, and keep the text if it is a right piece of the GPT; sentences on what came of it."""
    if _progress.in_grading():
        return []
    notes = []
    if feedback.right and exercise.kind == "build" and callable(answer):
        notes.append(_keep(exercise, tried))
    if feedback.state is not State.NOT_ATTEMPTED:
        notes.append(_progress.record_exercise(exercise.key, str(feedback.state)))
    return notes


def _keep(exercise: Any, tried: Tried) -> str:
    piece = exercise.piece or exercise.name
    if (why := _why_not(exercise, tried)) == "":
        return _progress.write_piece(piece, tried.file.text)
    stays = " The one that was kept earlier stays." if _progress.has_piece(piece) else ""
    return f"It could not be kept: {why.rstrip('.')}.{stays}"


def _why_not(exercise: Any, tried: Tried) -> str:
    """Why a right answer cannot be kept; nothing if it can."""
    file = tried.file
    if file is None:
        return tried.no_text
    if file.unknown:
        names = ", ".join(f"`{name}`" for name in file.unknown)
        return f"the text of {names} is not known, since it was not written in a cell"
    if file.missing:
        names = ", ".join(f"`{name}`" for name in file.missing)
        return f"it uses {names} from your notebook, which cannot be written into a file"
    trial = tried.trial
    if trial is None:
        with surroundings():
            trial = _tryout.try_text(exercise, file.text, _label(exercise))
    return "" if trial.right else f"in a file of its own it does not work ({trial.why_not})"
