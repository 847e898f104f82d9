"""Work with a time limit: in a process of its own, which is ended with all that it has started."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

ENDING = 5.0  # seconds that a process may take to end when its work is done


def within(seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives, called in a fresh Python; whatever is still running afterwards is ended.

    Function, arguments and answer are passed on by pickle.

    Raises: TimeoutError if it is not done in time; RuntimeError with what it raised, or if its process ended.
    """
    context = multiprocessing.get_context("spawn")
    answer, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        if not answer.poll(seconds):
            raise TimeoutError(f"not done after {seconds:g} seconds, and ended")
        done, value = answer.recv()
    except EOFError:
        raise RuntimeError("its process ended without an answer") from None
    finally:
        _end(process)
    if not done:
        raise RuntimeError(value)
    return value


def _work(answer: Connection, function: Callable[..., Any], arguments: tuple) -> None:
    try:
        found = True, function(*arguments)
    except Exception as problem:  # noqa: BLE001 - told by the one who waits
        found = False, f"{type(problem).__name__}: {problem}"
    answer.send(found)


def _end(process: Any) -> None:
    """End a process and all that it has started: kernels and browsers have sessions of their own."""
    import psutil

    try:
        started = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        started = []
    process.join(ENDING if process.exitcode is None and not started else 0.1)
    for one in started:
        if one.is_running():
            one.kill()
    if process.is_alive():
        process.kill()
    process.join()


def told(name: str, seconds: float, function: Callable[..., str | None], *arguments: Any) -> str | None:
    """What is wrong with one case, whose time is limited; that, and how long it took, is printed too."""
    began = time.monotonic()
    try:
        problem = within(seconds, function, *arguments)
    except (TimeoutError, RuntimeError) as error:
        problem = f"{name}: {error}"
    print(f"  {name}: {problem or 'held'}, {time.monotonic() - began:.0f} s", flush=True)
    return problem
