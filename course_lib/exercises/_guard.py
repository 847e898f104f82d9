"""Try an answer in a process of its own before it runs in the notebook's.

Nothing an answer does there hurts the notebook: loops inside C that no timer stops, memory without end,
`os._exit`. The process is started at the first question, keeps the libraries loaded and forks for each try
(`_guard_server`), so that a try costs a tenth of a second. Whoever asks sends text and gets an outcome; what
that means for a learner, `_tryout` says. If the process cannot be had, or is not ready in time, there is no
outcome, and the answer has only the gentle limits of `_run`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

WAIT = 12.0  # seconds in which the process must be ready to run an answer
_PATIENCE = 3.5  # seconds more: where the process forks, it ends a try itself
_ROOT = str(Path(__file__).resolve().parents[2])
_START = (
    f"import sys; sys.path.insert(0, {_ROOT!r}); import course_lib.exercises._guard_server as s; s.main()"
)
_MOST_STARTS_IN_VAIN = 2


class Guard:
    """The other process, started when it is first needed."""

    def __init__(self, forks: bool | None = None) -> None:
        self.forks = hasattr(os, "fork") if forks is None else forks
        self.disabled = False
        self._process: subprocess.Popen | None = None
        self._owner = 0
        self._replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ready = self._idle = False
        self._vain = 0
        self._lock = threading.Lock()

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The outcome of a try, or None if there is none."""
        if self.disabled or not self._lock.acquire(timeout=WAIT):
            return None
        try:
            return self._ask(request)
        except (OSError, ValueError, subprocess.SubprocessError):
            self._stop()
            return None
        except BaseException:  # Ctrl-C: what runs there ends with the process
            self._stop()
            raise
        finally:
            self._lock.release()

    def warm_up(self) -> None:
        """Begin to start the process, without waiting for it."""
        if self.disabled or not self._lock.acquire(blocking=False):
            return
        with contextlib.suppress(OSError, ValueError):
            self._start()
        self._lock.release()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        end = time.monotonic() + WAIT
        self._start()
        if not self._becomes_idle(end):
            return None
        self._idle = False
        line = json.dumps({**request, "forked": self.forks}).encode() + b"\n"
        self._process.stdin.write(line)
        self._process.stdin.flush()
        if not self._hears("running", end):
            return None
        limit = max(request["seconds"], request["load_seconds"]) + request["grace"]
        limit += _PATIENCE if self.forks else 0.0
        outcome = self._next(time.monotonic() + limit)
        if outcome is None or outcome["is"] == "gone":
            self._stop()
            return {"end": "late" if outcome is None else "died"}
        self._idle = True
        return outcome

    # the process --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._process is not None and (self._owner != os.getpid() or self._process.poll() is not None):
            self._stop()
        if self._process is not None or self._vain >= _MOST_STARTS_IN_VAIN:
            return
        self._vain += 1
        self._replies, self._ready, self._idle = queue.Queue(), False, False
        one = {
            name: "1"
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX")
        }
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            # macOS does not like forks of programs that have loaded its frameworks.
            env={**os.environ, **one, "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"},
            start_new_session=True,  # Ctrl-C is for the notebook
        )
        self._owner = os.getpid()
        listener = (self._process.stdout, self._replies)
        threading.Thread(target=_listen, args=listener, name="course guard", daemon=True).start()
        atexit.register(self._stop)

    def _becomes_idle(self, end: float) -> bool:
        """Wait until the process has started, or has done what nobody waits for any more."""
        while self._process is not None and not self._idle:
            told = self._next(end)
            if told is None or told["is"] == "gone":
                return False
            self._idle = told["is"] in ("ready", "done")
            self._vain = 0
        return self._process is not None

    def _hears(self, what: str, end: float) -> bool:
        told = self._next(end)
        return told is not None and told["is"] == what

    def _next(self, end: float) -> dict[str, Any] | None:
        try:
            return self._replies.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return None

    def _stop(self) -> None:
        """End the process; closing its input also ends what it runs."""
        process, self._process, self._idle = self._process, None, False
        if process is None:
            return
        atexit.unregister(self._stop)
        if self._owner != os.getpid():  # this is a copy of the notebook's process: the other is not its own
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(1.0)


def _listen(stream: Any, replies: queue.Queue) -> None:
    with contextlib.suppress(OSError, ValueError), stream:
        for line in stream:
            replies.put(json.loads(line))
    replies.put({"is": "gone"})


@functools.cache
def guard() -> Guard:
    """The one of this process."""
    return Guard()
