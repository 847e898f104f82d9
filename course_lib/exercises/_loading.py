"""Run the text of a kept piece and take from it what it defines. It decides nothing about right or wrong."""

from __future__ import annotations

import linecache
import stat
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from course_lib.exercises import _run
from course_lib.exercises._places import at_new_places

LARGEST = 1_000_000  # bytes of a file


def read(path: Path) -> tuple[str, str]:
    """The text of a kept file, or what is wrong with it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "", f"{path.name} does not run: it is not a file."
        if status.st_size > LARGEST:
            return "", f"{path.name} does not run: it has {status.st_size} bytes, far too many for a piece."
        return at_new_places(path.read_text(encoding="utf-8")), ""
    except (OSError, ValueError) as error:
        return "", f"{path.name} does not run: {type(error).__name__}: {error}."


def load(text: str, name: str, label: str, seconds: float) -> tuple[Any, str]:
    """What a text defines as `name`, or None and what is wrong with the text, which is called `label`.

    >>> load("def f(x): return x", "f", "f.py", 1.0)[0](3)
    3
    >>> load("1 / 0", "f", "f.py", 1.0)
    (None, 'f.py does not run: ZeroDivisionError: division by zero.')
    """
    module = ModuleType(f"my_gpt.{name}")
    # Dataclasses look their module up there, and tracebacks their lines here.
    sys.modules[module.__name__] = module
    linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(text, label, "exec", dont_inherit=True)
            _, crash = _run.with_limit(lambda: _run.attempt(lambda: exec(code, vars(module))), seconds)
    except _run.TimeUp:
        return None, f"{label} did not finish within {seconds:g} s."
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return None, f"{label} does not run: {type(error).__name__}: {error}."
    if crash is not None:
        return None, f"{label} does not run: {crash}."
    if name not in vars(module):
        return None, f"{label} does not define {name}."
    return vars(module)[name], ""
