"""Whose code a file holds: the learner's, a library's, or that of what judges. It only looks at names."""

from __future__ import annotations

import functools
import os
import re
import sysconfig

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def is_ours(filename: str) -> bool:
    """Code that judges: this package, and what a topic's own exercises add to it."""
    path = _absolute(filename)
    return path.startswith(_PACKAGE) and "exercises" in re.split(r"[\\/.]", path[len(_PACKAGE) :])


def is_learners(filename: str) -> bool:
    """Code that is neither Python's, nor of an installed package, nor of this course."""
    if filename.startswith("<"):  # <stdin>, <string>, <ipython-input-...>, but not <frozen importlib>
        return not filename.startswith(("<frozen", "<__"))
    return not os.path.normcase(_absolute(filename)).startswith(_library_folders())


def _absolute(filename: str) -> str:
    try:
        return os.path.abspath(filename)
    except OSError:  # the working folder is gone
        return filename


@functools.cache
def _library_folders() -> tuple[str, ...]:
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [*filter(None, installed), _PACKAGE.rstrip(os.sep)]
    return tuple(os.path.normcase(os.path.abspath(folder)) + os.sep for folder in folders)
