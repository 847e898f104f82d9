"""In a process of its own, under hard limits: run the text of an answer, judge it, and tell the outcome.

The limits are the system's: memory, the size of files, no core dumps. What crosses them, or ends the process,
hurts nothing else. `_guard_server` makes the process and ends it when its time is up; here only the gentle
time limit of `_run` is known. It tells what happened in plain words and numbers, which is all that can leave.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import importlib
import json
import os
import sys
import time
from dataclasses import replace
from typing import Any

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None

from course_lib.exercises import _run
from course_lib.exercises._guard import guard
from course_lib.exercises._judge import Judge
from course_lib.exercises._loading import load
from course_lib.exercises._surroundings import surroundings
from course_lib.exercises._tryout import judge, shown_safely

_FORKS = 40
_WAIT_FOR_FORKS = 2.0  # seconds, for what an answer has split off
_LONGEST = 20_000  # characters of one text that is told


class Trial:
    """One request, from its limits to what is told."""

    def __init__(self, request: dict[str, Any], board: Any) -> None:
        self._request, self._board = request, board
        self._pid, self._forks = os.getpid(), 0
        self._ceiling = 0
        self._too_much = ""  # "memory" or "files"

    def run(self) -> dict[str, Any]:
        """Judge the answer and say how that ended."""
        self._enter()
        _run.ctrl_c.watched = True
        _run.told_of_crashes.append(self._crashed)
        with surroundings() as printed:
            told = self._judged()
        if printed.text and "printed" in told:
            told["printed"] = printed.text
        if self._goes_on_twice():
            return {"end": "forked"}
        if self._too_much or self._at_the_ceiling():
            return {"end": self._too_much or "memory", **told}
        return {"end": "judged", **told}

    def _goes_on_twice(self) -> bool:
        """Whether the answer has split the process, and both halves came to their end."""
        if os.getpid() != self._pid:
            self._board.write("forked")
            os._exit(0)
        end = time.monotonic() + _WAIT_FOR_FORKS
        while self._forks and self._board.read() != "forked" and _has_children():
            if time.monotonic() > end:
                return True
            time.sleep(0.01)
        return self._board.read() == "forked"

    def _judged(self) -> dict[str, Any]:
        asked = self._request
        exercise = getattr(importlib.import_module(asked["module"]), asked["exercise"])
        exercise = replace(exercise, seconds=asked["seconds"])
        answer, trouble = load(asked["text"], asked["answer"], asked["label"], asked["load_seconds"])
        if trouble:
            return {"state": "", "message": trouble}
        self._announce(answer)
        feedback = judge(exercise, answer, asked["seed"])
        feedback = shown_safely(feedback)
        texts = ("state", "message", "aspect", "mistake", "why", "call", "printed")
        told = {name: _short(getattr(feedback, name)) for name in texts}
        return {**told, "lines": [_short(line) for line in feedback.lines], "whole": str(feedback)[:_LONGEST]}

    def _announce(self, answer: Any) -> None:
        """Write each call of the answer on the board before it runs: it is read if the call never ends."""
        run, board = Judge.run, self._board

        def announcing(judge: Judge, given: Any, case: Any, *more: Any) -> Any:
            if given is answer:
                board.write(_run.attempt_text(lambda: case.call(judge.name))[0])
            return run(judge, given, case, *more)

        Judge.run = announcing

    # limits -------------------------------------------------------------------------------------------------

    def _enter(self) -> None:
        asked = self._request
        os.environ.clear()
        os.environ.update(asked["environ"])
        sys.path[:] = dict.fromkeys([*asked["path"], *sys.path])  # a notebook may have lost some
        with contextlib.suppress(OSError):
            os.chdir(asked["folder"])
        guard().disabled = True  # a check within an answer is content with the process that it is in
        if asked["forked"]:
            self._limit()
            os.register_at_fork(before=self._forking)
            faulthandler.dump_traceback_later(asked["seconds"] + asked["grace"] / 2, file=asked["trace"])

    def _limit(self) -> None:
        seconds = int(max(self._request["seconds"], self._request["load_seconds"])) + 5
        self._ceiling = _virtual_memory() + self._request["memory"] if sys.platform == "linux" else 0
        limits = [("CORE", 0), ("FSIZE", self._request["file"]), ("CPU", seconds)]
        limits += [("AS", self._ceiling)] if self._ceiling else []
        for name, most in limits:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))

    def _forking(self) -> None:
        self._forks += 1
        if self._board.count() > _FORKS:
            self._board.write("forked")
            os._exit(0)

    def _crashed(self, error: BaseException) -> None:
        text = str(error)[:500] if isinstance(error, Exception) else ""
        lines = _run.crash_of(error).lines
        raised_it_oneself = bool(lines) and "raise MemoryError" in lines[-1]
        if (isinstance(error, MemoryError) and not raised_it_oneself) or "can't allocate memory" in text:
            self._too_much = "memory"
        elif isinstance(error, OSError) and error.errno == errno.EFBIG:
            self._too_much = "files"

    def _at_the_ceiling(self) -> bool:
        return bool(self._ceiling) and _virtual_memory("VmPeak") > 0.98 * self._ceiling


def _has_children() -> bool:
    """Whether a process that this one has made still runs."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


def _virtual_memory(which: str = "VmSize") -> int:
    """Bytes of addresses that this process has, or has had at most."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        line = next(line for line in file if line.startswith(which))
    return int(line.split()[1]) * 1024


def _short(value: Any) -> Any:
    return str(value)[:_LONGEST] if isinstance(value, str) else value


def tell(request: dict[str, Any], board: Any) -> bytes:
    """The outcome of a request as one line."""
    try:
        told = Trial(request, board).run()
    except _run.TimeUp:
        told = {"end": "late"}
    except MemoryError:
        told = {"end": "memory"}
    except BaseException as error:  # noqa: BLE001 - whatever is left is a fault of the course's, or of this try
        told = {"end": "failed", "message": f"{type(error).__name__}: {error}"[:500]}
    return json.dumps(told).encode() + b"\n"
