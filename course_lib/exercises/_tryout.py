"""What becomes of an answer that is tried on its own first: its text, the outcome, and words for it.

`try_text` asks `_guard` to judge a text, and judges it here only where there is no other process to be had.
`Trial.feedback` is what to say of an answer that must not run in the notebook; `Trial.why_not` is why a text
does not do as a piece. It does not know how an exercise judges.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import inspect
import os
import re
import secrets
import signal
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._feedback import Feedback, State
from course_lib.exercises._guard import guard
from course_lib.exercises._loading import load
from course_lib.exercises._whose import is_learners

MEMORY = 2 * 1024**3  # bytes that an answer may use
FILE = 64 * 1024**2  # bytes of one file that it may write
GRACE = 1.5  # seconds after the gentle time limit, until its process is ended
_SLOW = 3.5  # seconds after which an answer is not run a second time in the notebook
_SAFE = "It ran in a process of its own, so your notebook goes on as before."


@dataclass(frozen=True)
class Trial:
    """The outcome of judging a text apart from the notebook; `seconds` is the limit, `took` the time."""

    outcome: dict[str, Any]
    title: str = ""
    seconds: float = 5.0
    took: float = 0.0
    lines: tuple[str, ...] = ()
    seed: int | None = None  # of the cases that were drawn for it

    @property
    def right(self) -> bool:
        """Whether the text was judged to be right."""
        return self.outcome["end"] == "judged" and self.outcome["state"] == State.RIGHT

    @property
    def judged(self) -> bool:
        """Whether it ran to its end and was judged, rightly or not."""
        return self.outcome["end"] == "judged"

    @property
    def unloadable(self) -> bool:
        """Whether the text could not even be run, so that nothing was judged."""
        return self.outcome["end"] == "judged" and not self.outcome["state"]

    @property
    def feedback(self) -> Feedback | None:
        """What to say of an answer that may not run in the notebook; None for one that may."""
        end, told = self.outcome["end"], self.outcome
        late = end == "late" or told.get("state") == State.TIMED_OUT
        if end == "failed" or (end == "judged" and not late and self.took < _SLOW):
            return None
        if end == "judged" and not late:
            return self.as_told if told["state"] else None
        call = str(told.get("call") or "")
        words = f"It was stopped after {self.seconds:g} seconds. Is there a loop that never ends? {_SAFE}"
        if late:
            more = {"lines": self.lines, "printed": told.get("printed") or ""}
            return Feedback(State.TIMED_OUT, self.title, words, call=call, **more)
        return Feedback(State.CRASHED, self.title, f"{self._ended()} {_SAFE}", call=call)

    @property
    def why_not(self) -> str:
        """Why the text is not a right answer, in a sentence that says so of a file."""
        told = self.outcome
        if told["end"] == "late" or told.get("state") == State.TIMED_OUT:
            return f"it was stopped after {self.seconds:g} seconds"
        if told["end"] in ("judged", "failed"):
            return str(told.get("message", "")).partition("\n\n")[0].rstrip(".")  # without advice on the cell
        text = self._ended().rstrip(".")
        return text[0].lower() + text[1:]

    def _ended(self) -> str:
        end, told = self.outcome["end"], self.outcome
        if end == "memory":
            return (
                "It asked for more than 2 GB of memory, far more than these small inputs need. "
                "Does a list grow without end?"
            )
        if end == "files":
            return "It wrote a file without end."
        if end == "forked":
            return "It splits the process it runs in (`os.fork`), and the check would go on twice."
        if "signal" in told:
            return f"It brought Python itself down ({_signal_name(told['signal'])})."
        if "code" in told:
            return f"It ended the process it ran in, with exit code {told['code']}. Is there an `os._exit`?"
        return "It ended the process it ran in."

    def differs(self, feedback: Feedback) -> bool:
        """Whether it was judged otherwise in the notebook."""
        return self.judged and bool(self.outcome["state"]) and self.outcome["state"] != feedback.state

    @property
    def as_told(self) -> Feedback:
        """The feedback as it came from the other process, which has no values to show."""
        told = self.outcome
        names = ("aspect", "mistake", "why", "call", "printed")
        more = {name: told[name] for name in names}
        return Feedback(State(told["state"]), self.title, told["message"], lines=tuple(told["lines"]), **more)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# Trying -----------------------------------------------------------------------------------------------------


def try_text(exercise: Any, text: str, label: str, load_seconds: float | None = None) -> Trial:
    """The outcome of judging a text, in another process if there is one to be had, else in this one."""
    load_seconds = exercise.seconds if load_seconds is None else load_seconds
    return try_apart(exercise, text, label, load_seconds) or _try_here(exercise, text, label, load_seconds)


def try_apart(exercise: Any, text: str, label: str, load_seconds: float | None = None) -> Trial | None:
    """The outcome of judging a text in another process; None if that cannot be had."""
    load_seconds = exercise.seconds if load_seconds is None else load_seconds
    place = _place(exercise)
    if place is None or not sys.executable:
        return None
    request = {
        "module": place[0], "exercise": place[1], "text": text, "answer": exercise.name, "label": label,
        "seconds": exercise.seconds, "load_seconds": load_seconds, "grace": GRACE, "memory": MEMORY,
        "file": FILE, "most_memory": MEMORY + 1024**3, "preload": [place[0], *_preload(text)],
        "folder": _folder(),
        "environ": dict(os.environ), "path": list(map(str, sys.path)), "seed": secrets.randbelow(2**31),
    }  # fmt: skip
    outcome = guard().ask(request)
    if outcome is None:
        return None
    lines = _run.fold(list(_lines(outcome.get("frames", ()), label, text)))
    took = float(outcome.get("took", 0.0))
    return Trial(outcome, exercise.title, exercise.seconds, took, lines, request["seed"])


def judge(exercise: Any, answer: Any, seed: int | None) -> Feedback:
    """The exercise's judgement, on the cases of this seed if it draws any."""
    if seed is not None and "seed" in inspect.signature(type(exercise).judge).parameters:
        return exercise.judge(answer, seed=seed)
    return exercise.judge(answer)


def _try_here(exercise: Any, text: str, label: str, load_seconds: float) -> Trial:
    answer, trouble = load(text, exercise.name, label, load_seconds)
    if trouble:
        return Trial({"end": "judged", "state": "", "message": trouble}, exercise.title)
    feedback = exercise.judge(answer)
    told = {"end": "judged", "state": str(feedback.state), "message": feedback.message}
    return Trial(told, exercise.title, exercise.seconds)


def _place(exercise: Any) -> tuple[str, str] | None:
    """The module of the course that holds an exercise, and its name there."""
    course = __name__.partition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == course and isinstance(module, ModuleType):
            known = vars(module).get(exercise.name)
            if known is exercise or (type(known) is type(exercise) and _but_for_time(known, exercise)):
                return name, exercise.name
    return None


def _but_for_time(one: Any, other: Any) -> bool:
    """Whether two exercises are the same, whatever time they give."""
    try:
        mine, theirs = vars(replace(one, seconds=1.0)), vars(replace(other, seconds=1.0))
        return all(mine[name] is theirs[name] or name == "seconds" for name in mine)
    except Exception:  # noqa: BLE001
        return False


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep


def _preload(text: str) -> list[str]:
    """The libraries that a text imports, and torch and NumPy if the notebook has them: loaded only once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []
    names = [name for name in ("numpy", "torch") if name in sys.modules]
    return list(dict.fromkeys([*names, *filter(_is_a_librarys, _imported(tree)), *_loaded_late(text)]))


def _loaded_late(text: str) -> list[str]:
    """What a text makes torch load when it first uses it: the first optimizer brings a part that takes
    seconds, which are not the answer's. To name the class `Optimizer`, as a type, brings nothing."""
    makes_one = re.search(r"\boptim(\.|\s+import\s+)(?!Optimizer\b)\w|\(\s*[\w.]*\bOptimizer\s*\)\s*:", text)
    return ["torch._dynamo"] if makes_one and "torch" in sys.modules else []


def load_ahead(text: str) -> None:
    """Load what a text is about to, before its time begins."""
    for name in _loaded_late(text):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _is_a_librarys(name: str) -> bool:
    top = name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    origin = getattr(spec, "origin", None)
    return bool(origin) and (not Path(origin).is_absolute() or not is_learners(origin))


def _lines(frames: Any, label: str, text: str) -> Iterator[str]:
    """The learner's lines at which a try stood when its time was up, as in a traceback: the last is the
    innermost."""
    lines = text.splitlines()
    for file, number, function in reversed(list(frames)):
        if file == label and 0 < number <= len(lines):
            where = "in your cell" if function == "<module>" else f"in {function}"
            yield f"{where}:  {lines[number - 1].strip()}"


def shown_safely(feedback: Feedback) -> Feedback:
    """The feedback, without the two values if they cannot be shown: the learner's objects give their text."""
    _, crash = _run.attempt(lambda: (str(feedback), feedback._repr_html_()))
    return feedback if crash is None else replace(feedback, difference=None)


FAILED = "The check itself failed on this answer"


def replaced(title: str, names: list[str]) -> Feedback:
    """For a check that failed because an answer had put something else in the place of what it needs."""
    shown = ", ".join(f"`{name}`" for name in dict.fromkeys(names[:3]))
    message = (
        f"Your answer replaces {shown}, which others use too, and the check could not go on. It is put back. "
        "Give your own function a name of its own."
    )
    return Feedback(State.CRASHED, title, message)


def stopped(title: str) -> Feedback:
    """For a check that the learner stops with Ctrl-C, or with the square above the notebook."""
    return Feedback(State.TIMED_OUT, title, "You stopped it before it had finished.")


def crashed(title: str, error: BaseException) -> Feedback:
    """For an exception that leaves the check: the learner's object's, if its lines are among the last."""
    crash = _run.crash_of(error)
    if crash.lines:
        return Feedback(State.CRASHED, title, f"`{crash}`", lines=crash.lines)
    message = (
        f"{FAILED} (`{crash}`). That is a fault of the "
        "course, not yours; please report it. Go on with the next cell."
    )
    return Feedback(State.CRASHED, title, message)
