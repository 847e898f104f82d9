"""Where the course runs: seeds, devices, folders, and files that are written whole or not at all.

Nothing happens at import. Knows nothing of models.
"""

import contextlib
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from course_lib.files import as_path, explained, part_of, place_to_write, remove_old_parts

if TYPE_CHECKING:
    import torch


def seed(number: int) -> "torch.Generator":
    """Seed Python's, NumPy's and torch's random numbers, and return a CPU generator with the same seed.

    >>> import torch
    >>> torch.equal(torch.rand(3, generator=seed(1)), torch.rand(3, generator=seed(1)))
    True
    """
    import numpy
    import torch

    random.seed(number)
    numpy.random.seed(number % 2**32)
    torch.manual_seed(number)
    return torch.Generator().manual_seed(number)


def device(prefer: str | None = None) -> "torch.device":
    """The best device here (cuda, then mps, then cpu), or the one asked for.

    Raises: ValueError if the one asked for is not here.

    >>> device("cpu").type
    'cpu'
    """
    import torch

    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if prefer is None:
        return torch.device(next(name for name, usable in here.items() if usable))
    if not here.get(prefer.partition(":")[0], False):
        usable_names = ", ".join(name for name, usable in here.items() if usable)
        raise ValueError(f"the device {prefer!r} is not usable on this machine: choose one of {usable_names}")
    return torch.device(prefer)


def data_dir() -> Path:
    """The folder of the bundled data: `data/` beside the package, or what COURSE_DATA names.

    >>> data_dir().name == "data" or "COURSE_DATA" in os.environ
    True
    """
    named = os.environ.get("COURSE_DATA")
    return as_path(named) if named else Path(__file__).resolve().parents[1] / "data"


def cache_dir() -> Path:
    """The folder for downloads: the platform's cache folder, or what COURSE_CACHE names. It may not exist
    yet.

    >>> isinstance(cache_dir(), Path)
    True
    """
    if os.environ.get("COURSE_CACHE"):
        return as_path(os.environ["COURSE_CACHE"])
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = as_path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "course_lib"


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """A file that takes the place of `path` only when it is complete; on an error `path` stays as it was.

    Text is written as UTF-8 with plain line feeds. Where `path` is a link, what it leads to is replaced.

    Raises: ValueError if `path` is no place for a file; OSError, saying what helps, if it can't be written.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_write(target, "w") as file:
    ...     _ = file.write("all of it")
    >>> target.read_text()
    'all of it'
    """
    path = place_to_write(path)
    remove_old_parts(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    part = part_of(path)
    try:
        # Not tempfile, whose files nobody but their owner may read.
        with part.open(mode.replace("w", "x"), **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(part)):
            raise explained(error, path) from None
        raise
