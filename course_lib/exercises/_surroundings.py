"""What is around a check: prints and warnings are collected, settings put back, and one check runs at a time.

Python's `sys.stdout` is one for all threads: two checks that took it at once would each give the other's
back, and later output would be lost. It does not know exercises.
"""

from __future__ import annotations

import builtins
import contextlib
import contextvars
import functools
import io
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from course_lib.exercises._run import ctrl_c, plain, replaced
from course_lib.exercises._state import Snapshot

_LONGEST_WAIT = 15.0  # seconds; then the other check hangs, and this one goes on beside it


@dataclass
class Printed:
    """What the learner's code printed and warned while it ran, and the threads that it left running."""

    stream: io.StringIO = field(default_factory=lambda: _Bounded())
    warned: list[warnings.WarningMessage] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)  # functions of Python or a library, by their names
    outside: Any = None  # where prints go when no check runs

    @property
    def text(self) -> str:
        """The first lines that were printed, then the warnings, each once."""
        lines = self.stream.getvalue().splitlines()
        shown = [line[:200] for line in lines[:12]] + (["..."] if len(lines) > 12 else [])
        once = dict.fromkeys(_warning_text(warning) for warning in self.warned)
        return plain("\n".join([*shown, *list(once)[:3]]))


def _warning_text(warning: warnings.WarningMessage) -> str:
    try:
        return f"{warning.category.__name__}: {warning.message}"[:300]
    except Exception as error:  # noqa: BLE001 - a warning of the learner's own may be anything
        return f"a warning that cannot be printed ({type(error).__name__})"


class _Bounded(io.StringIO):
    """A text stream that keeps its beginning only, so that printing in an endless loop does not fill the
    memory. Closing it changes nothing."""

    def write(self, text: str) -> int:
        if self.tell() < 20_000:
            super().write(text[:20_000])
        return len(text)

    def close(self) -> None:
        pass


@contextlib.contextmanager
def surroundings() -> Iterator[Printed]:
    """Collect prints and warnings, with everything that `_state` knows of as usual; then give it back as it
    was."""
    printed = Printed(outside=sys.stdout)
    with _one_at_a_time():
        before = Snapshot()
        try:
            before.settle()
            replaced.clear()
            with warnings.catch_warnings(record=True) as printed.warned, _ctrl_c_watched():
                warnings.simplefilter("always")
                with contextlib.redirect_stdout(printed.stream), contextlib.redirect_stderr(printed.stream):
                    builtins.input = _no_input
                    yield printed
        finally:
            before.put_back()
            printed.replaced = [*replaced, *before.replaced]
            printed.threads = before.new_threads()


def _no_input(prompt: Any = "") -> NoReturn:  # noqa: ARG001
    raise EOFError("an answer cannot ask for input while it is checked")


_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("_inside", default=False)


@functools.cache
def _lock() -> threading.Lock:
    return threading.Lock()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait for a check in another thread; in short steps, so that Ctrl-C and the time limit are heard."""
    end, held = time.monotonic() + _LONGEST_WAIT, _inside.get()  # a check within a check is let through
    wait = not held
    while not held and time.monotonic() < end:
        held = _lock().acquire(timeout=0.1)
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
        if wait and held:
            _lock().release()


@contextlib.contextmanager
def _ctrl_c_watched() -> Iterator[None]:
    """Tell Ctrl-C from a KeyboardInterrupt that an answer raises."""
    before = ctrl_c.watched, ctrl_c.pressed
    usual = signal.getsignal(signal.SIGINT)

    def pressed(signum: int, frame: Any) -> None:
        ctrl_c.pressed = True
        usual(signum, frame)

    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and callable(usual):
        signal.signal(signal.SIGINT, pressed)
    ctrl_c.watched, ctrl_c.pressed = True, False
    try:
        yield
    finally:
        ctrl_c.watched, ctrl_c.pressed = before
        if in_main_thread and callable(usual):
            signal.signal(signal.SIGINT, usual)
