"""Run a learner's code so that nothing it does can hang or crash the process that it runs in.

A time limit, settings that are put back, and tracebacks cut down to the learner's own lines. This is
protection from accidents, not from attacks: the code runs in this very process. It does not know what an
exercise is or whether an answer is right, nor of the process in which `_guard` tries answers first.

How the time limit works. In the main thread of Linux and macOS, a timer interrupts the code between two
Python instructions. Elsewhere (Windows, other threads) the code runs in a second thread into which an
exception is thrown. Code that catches every exception is interrupted again until it ends. A library that is
being loaded is not interrupted for a while, since half of it would stay behind; nor is code that has had a
processor for less than its time because the machine is busy. What neither can stop is one single call into C
that runs for very long, such as `10 ** 10 ** 9`: that can only be ended with its process.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import gc
import linecache
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, process_time, thread_time
from types import FrameType, TracebackType
from typing import Any, TypeVar

from course_lib.exercises._state import Snapshot
from course_lib.exercises._whose import is_learners, is_ours

T = TypeVar("T")

_INTERRUPT_AGAIN = 0.05  # seconds between two interruptions of code that swallows the first
_PATIENCE = 3.5  # seconds more, to load a library
_BUSY = 0.05  # share of the limit in which code ran that does not just wait
_BUSY_PATIENCE = 3.0  # seconds more, for code that was kept waiting
_GIVE_UP = 20  # interruptions of a thread before it is left behind


_snapshots: list[Snapshot] = []  # of the limits that are running, the innermost last


@dataclass
class CtrlC:
    """Whether somebody looks out for Ctrl-C, and whether it was pressed: then a KeyboardInterrupt that
    nobody pressed is an exception like any other."""

    watched: bool = False
    pressed: bool = False

    def __bool__(self) -> bool:
        return self.pressed or not self.watched


ctrl_c = CtrlC()
replaced: list[str] = []  # functions that answers have replaced since the check began
told_of_crashes: list[Callable[[BaseException], None]] = []  # called for each exception in a learner's code


class TimeUp(BaseException):
    """The time limit has passed. Not an `Exception`, so that `except Exception` does not swallow it."""


@dataclass(frozen=True)
class Crash:
    """An exception in the learner's code: its type, its message, and the learner's lines that led to it."""

    kind: str
    message: str
    lines: tuple[str, ...] = ()
    not_written: bool = False  # the starter's own `raise NotImplementedError`

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


def plain(text: str) -> str:
    """`text` without memory addresses, which differ on every run.

    >>> plain("<object at 0x7f22e1c0>")
    '<object at 0x...>'
    """
    return re.sub(r"0x[0-9a-fA-F]{4,}", "0x...", text)


# The time limit ---------------------------------------------------------------------------------------------


def with_limit(work: Callable[[], T], seconds: float) -> T:
    """The result of `work()`, or TimeUp after `seconds`; settings that it changed are put back.

    >>> with_limit(lambda: 2 + 3, seconds=1.0)
    5
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    limited = _with_timer if hasattr(signal, "setitimer") and in_main_thread else _with_thread
    before = Snapshot(thorough=False)
    _snapshots.append(before)
    try:
        return limited(work, seconds)
    finally:
        before.put_back()
        replaced.extend(before.replaced)
        with contextlib.suppress(ValueError):
            _snapshots.remove(before)


def _with_timer(work: Callable[[], T], seconds: float) -> T:
    armed, late = True, False
    began, worked = monotonic(), thread_time()

    def ring(signum: int, frame: FrameType | None) -> None:
        nonlocal late
        if _goes_unheard(frame):
            return  # the timer rings again
        if armed and (late or not _may_go_on(frame, seconds, monotonic() - began, thread_time() - worked)):
            late = True
            sys.settrace(_trace_nothing)  # frames that start from now on are left alone
            _raise_in_handlers_too(frame)
            raise TimeUp

    trace_before = sys.gettrace()
    handler_before = signal.signal(signal.SIGALRM, ring)
    timer_before = signal.setitimer(signal.ITIMER_REAL, seconds, _INTERRUPT_AGAIN)
    try:
        try:
            result = work()
        finally:
            armed = False
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler_before)
        signal.setitimer(signal.ITIMER_REAL, *timer_before)
        if late:
            sys.settrace(trace_before)
    if late:  # the learner's code caught the interruption and went on to an end
        raise TimeUp
    return result


def _goes_unheard(frame: FrameType | None) -> bool:
    """Whether Python would only print an exception raised here: in what the garbage collector calls.

    What a learner wrote is interrupted there too, since it might never end.
    """
    hooks = [*gc.callbacks, sys.unraisablehook]
    codes = {getattr(getattr(hook, "func", hook), "__code__", None) for hook in hooks}
    while frame is not None:
        if frame.f_code in codes and not is_learners(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _may_go_on(frame: FrameType | None, limit: float, took: float, worked: float) -> bool:
    """Whether code whose time is up gets a little more: it loads a library, or was kept waiting."""
    if took < limit + min(_BUSY_PATIENCE, 0.6 * limit) and _BUSY * limit < worked < limit:
        return True
    return took < limit + _PATIENCE and _loads(frame)


def _loads(frame: FrameType | None) -> bool:
    """Whether Python is importing something that is not the learner's."""
    while frame is not None:
        if frame.f_code.co_name == "exec_module" and frame.f_code.co_filename.startswith("<frozen importlib"):
            spec = frame.f_locals.get("module")
            return not is_learners(str(getattr(spec, "__file__", "<learner>")))
        frame = frame.f_back
    return False


def _raise_in_handlers_too(frame: FrameType | None) -> None:
    """Make the learner's running frames raise TimeUp at their next line.

    For `while True: try: ... except: pass`: the interruption lands inside the `try` and is swallowed, but the
    next line, which is in the handler, is outside of that `try`.
    """

    def at_next_line(frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            raise TimeUp
        return at_next_line

    while frame is not None and not is_ours(frame.f_code.co_filename):
        frame.f_trace = at_next_line
        frame = frame.f_back


def _trace_nothing(frame: FrameType, event: str, arg: object) -> None:
    """Tracing must be on in a thread before single frames of it can be traced."""


def _with_thread(work: Callable[[], T], seconds: float) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        sys.settrace(_trace_nothing)
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller below
            errors.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(target), daemon=True)
    began, worked = monotonic(), process_time()
    thread.start()
    thread.join(seconds)
    while thread.is_alive():
        frame = sys._current_frames().get(thread.ident)
        if not _may_go_on(frame, seconds, monotonic() - began, process_time() - worked):
            break
        thread.join(_INTERRUPT_AGAIN)
    late = thread.is_alive()
    for _ in range(_GIVE_UP):
        if not thread.is_alive():
            break
        _raise_in_handlers_too(sys._current_frames().get(thread.ident))
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
        thread.join(_INTERRUPT_AGAIN)
    if late:
        raise TimeUp
    if errors:
        raise errors[0]
    return results[0]


# Calls ------------------------------------------------------------------------------------------------------


def attempt(call: Callable[[], Any]) -> tuple[Any, Crash | None]:
    """The value of `call()` and None, or None and the crash. The time limit and Ctrl-C pass through.

    >>> attempt(lambda: 1 / 0)[1].kind
    'ZeroDivisionError'
    """
    try:
        value = call()
    except TimeUp:
        raise
    except BaseException as error:  # noqa: BLE001 - sys.exit() in an answer must not end the kernel
        if isinstance(error, KeyboardInterrupt) and ctrl_c:
            raise
        _put_back_quickly()
        for tell in told_of_crashes:
            tell(error)
        return None, crash_of(error)
    _put_back_quickly()
    return value, None


def _put_back_quickly() -> None:
    for before in _snapshots[-1:]:
        before.put_back_quickly()


def crash_of(error: BaseException) -> Crash:
    """What a learner needs to see of an exception."""
    frames = [frame for frame in _frames(error.__traceback__) if is_learners(frame.filename)]
    last = frames[-1].line or "" if frames else ""
    starter = isinstance(error, NotImplementedError) and (
        not str(error) or last.startswith("raise NotImplemented")
    )
    message, _ = attempt_text(lambda: str(error))
    return Crash(type(error).__name__, plain(message), fold([_describe(frame) for frame in frames]), starter)


def attempt_text(make: Callable[[], str], limit: int = 2000) -> tuple[str, bool]:
    """Text from a learner's object, whose `__str__` or `__repr__` may itself fail; and whether it worked."""
    try:
        text = make()
    except TimeUp:
        raise
    except BaseException as error:  # noqa: BLE001
        if isinstance(error, KeyboardInterrupt) and ctrl_c.pressed:
            raise
        return f"(cannot be printed: {type(error).__name__})", False
    if not isinstance(text, str):
        return f"(cannot be printed: it gives {type(text).__name__}, not text)", False
    return (text if len(text) <= limit else text[:limit] + "..."), True


def _frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    linecache.checkcache()
    return list(traceback.extract_tb(trace))


def _describe(frame: traceback.FrameSummary) -> str:
    where = "in your cell" if frame.name == "<module>" else f"in {frame.name}"
    return f"line {frame.lineno}, {where}:  {frame.line or ''}".rstrip()


def fold(lines: list[str]) -> tuple[str, ...]:
    """Long chains of calls, as in endless recursion, cut to the first few and the last."""
    if len(lines) <= 8:
        return tuple(lines)
    middle = "... and so on: it keeps calling itself" if len(lines) > 100 else "..."
    return (*lines[:4], middle, lines[-1])
