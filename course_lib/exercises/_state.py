"""What Python, NumPy and torch are set to, remembered before an answer runs and put back after it.

`Snapshot()` remembers; `put_back()` undoes what was changed: replaced functions, the mode in which torch
computes gradients, default dtype and device, printing options, the folder, limits, signals, random states and
more. It does not know exercises, and does not undo what an answer did to files or to the learner's own
variables. Only what is loaded already is looked at.
"""

from __future__ import annotations

import contextlib
import gc
import linecache
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from course_lib.exercises._patches import Patches
from course_lib.exercises._torch_state import quick_torch, torch_settings, usual_torch

# One setting: how its value is read, and how it is set.
Setting = tuple[Callable[[], Any], Callable[[Any], Any]]
_RECURSION = 1000  # calls within calls that Python allows at first
_SIGNALS = ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGVTALRM", "SIGPROF")


class Snapshot:
    """How everything is set at one moment. If it is not thorough, replaced functions are only looked for
    where most of them are: that takes a fifth of the time."""

    def __init__(self, thorough: bool = True) -> None:
        self._patches = Patches(thorough)
        self._quick = _read([*_quick_python(), *quick_torch()])
        self._settings = _read([*_python(), *_collections(), *_numpy(), *torch_settings()])
        self._threads = set(threading.enumerate())
        self.replaced: list[str] = []  # functions that were, as far as they are put back by now

    def put_back_quickly(self) -> None:
        """What the checks themselves would stumble over: done after every call of an answer."""
        self._patches.undo_builtins(self.replaced)
        _write(self._quick)

    def put_back(self) -> None:
        """Everything."""
        self._patches.undo(self.replaced)
        _write(self._quick)
        _write(self._settings)

    def settle(self) -> None:
        """Set what the outcome of a check depends on as in a fresh Python, whatever a cell has set."""
        sys.setrecursionlimit(max(_RECURSION, sys.getrecursionlimit()))
        numpy = sys.modules.get("numpy")
        if numpy is not None and hasattr(numpy, "seterr"):
            numpy.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
        usual_torch()

    def new_threads(self) -> list[str]:
        """The names of threads that were started since and still run, but for the course's own."""
        new = [thread.name for thread in threading.enumerate() if thread not in self._threads]
        return [name for name in dict.fromkeys(new) if not name.startswith("course ")]


def _read(settings: list[Setting]) -> list[tuple[Setting, Any]]:
    read = []
    for setting in settings:
        try:
            read.append((setting, setting[0]()))
        except BaseException:  # noqa: BLE001, S112 - what cannot be read cannot be put back
            continue
    return read


def _write(read: list[tuple[Setting, Any]]) -> None:
    for (get, put), before in read:
        try:
            now = get()
            if now is not before and now != before:
                put(before)
        except BaseException:  # noqa: BLE001 - a setting that is lost must not cost the check
            with contextlib.suppress(BaseException):
                put(before)


# Python -----------------------------------------------------------------------------------------------------


def _quick_python() -> Iterator[Setting]:
    yield sys.getrecursionlimit, sys.setrecursionlimit
    yield os.getcwd, os.chdir


def _python() -> Iterator[Setting]:
    yield sys.getswitchinterval, sys.setswitchinterval
    yield sys.get_int_max_str_digits, sys.set_int_max_str_digits
    yield sys.gettrace, sys.settrace
    yield sys.getprofile, sys.setprofile
    yield threading.gettrace, threading.settrace
    yield threading.getprofile, threading.setprofile
    yield gc.isenabled, lambda on: gc.enable() if on else gc.disable()
    yield gc.get_threshold, lambda threshold: gc.set_threshold(*threshold)
    yield gc.get_debug, gc.set_debug
    yield random.getstate, random.setstate
    for name in (
        "stdin",
        "stdout",
        "stderr",
        "displayhook",
        "excepthook",
        "unraisablehook",
        "dont_write_bytecode",
    ):
        yield _attribute(sys, name)
    if "locale" in sys.modules:
        locale = sys.modules["locale"]
        yield (lambda: locale.setlocale(locale.LC_ALL)), (lambda text: locale.setlocale(locale.LC_ALL, text))
    if "decimal" in sys.modules:
        decimal = sys.modules["decimal"]
        yield (lambda: _Same(decimal.getcontext().copy(), repr)), (lambda old: decimal.setcontext(old.value))
    if "logging" in sys.modules:
        root = sys.modules["logging"].getLogger()
        yield _attribute(root, "level")
        yield _attribute(root.manager, "disable")
        yield _list(root.handlers)
    if hasattr(os, "umask"):
        yield _umask, os.umask
    yield from _limits()
    if threading.current_thread() is threading.main_thread():
        yield from _signals()


def _umask() -> int:
    """Which rights new files lack; it can only be read by setting it."""
    mask = os.umask(0o77)
    os.umask(mask)
    return mask


def _limits() -> Iterator[Setting]:
    """The system's limits for this process: open files, the size of files, memory."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    for name in ("NOFILE", "FSIZE", "CPU", "AS", "DATA", "NPROC"):
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is not None:
            yield partial(resource.getrlimit, number), partial(_raise_limit, number)


def _raise_limit(number: int, old: tuple[int, int]) -> None:
    import resource

    soft, hard = old[0], resource.getrlimit(number)[1]
    for most in (old, (soft, hard), (hard, hard)):  # a limit for good can only be raised by an administrator
        with contextlib.suppress(ValueError, OSError):
            return resource.setrlimit(number, most)


class _Same:
    """A value that counts as unchanged while its text is the same."""

    def __init__(self, value: Any, text: Callable[[Any], str]) -> None:
        self.value, self._text = value, text(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._text == other._text

    __hash__ = None


def _signals() -> Iterator[Setting]:
    for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
        yield _signal(number)
    if hasattr(signal, "getitimer"):
        for timer in (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            yield _timer(timer)


def _signal(number: int) -> Setting:
    return (lambda: signal.getsignal(number)), (lambda old: old is None or signal.signal(number, old))


def _timer(timer: int) -> Setting:
    """Whether a timer runs; it cannot be set to where it was."""
    return (lambda: signal.getitimer(timer)[0] > 0), (lambda on: on or signal.setitimer(timer, 0))


def _attribute(owner: Any, name: str) -> Setting:
    return (lambda: getattr(owner, name)), (lambda value: setattr(owner, name, value))


def _collections() -> Iterator[Setting]:
    """Lists and dictionaries that are changed where they are."""
    yield (lambda: dict(os.environ)), _set_environment
    yield _list(sys.path)
    yield _list(sys.meta_path)
    yield _list(sys.path_hooks)
    yield _list(gc.callbacks)
    yield (lambda: list(warnings.filters)), _set_filters
    yield (
        (lambda: dict(linecache.cache)),
        (lambda old: [linecache.cache.setdefault(*pair) for pair in old.items()]),
    )


def _list(items: list[Any]) -> Setting:
    def put(before: list[Any]) -> None:
        items[:] = before

    return (lambda: list(items)), put


def _set_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    if hasattr(time, "tzset"):
        time.tzset()


def _set_filters(before: list[Any]) -> None:
    warnings.filters[:] = before
    warnings._filters_mutated()  # Python keeps notes of which warnings were shown


# NumPy ------------------------------------------------------------------------------------------------------


def _numpy() -> Iterator[Setting]:
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "get_printoptions"):
        return
    yield numpy.geterr, lambda old: numpy.seterr(**old)
    yield numpy.geterrcall, numpy.seterrcall
    yield numpy.get_printoptions, lambda old: numpy.set_printoptions(**_known_options(old))
    state = numpy.random.get_state
    yield (
        (lambda: _Same(state(), lambda s: (s[1].tobytes(), s[2:]))),
        (lambda old: numpy.random.set_state(old.value)),
    )


def _known_options(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "override_repr" or value is not None}
