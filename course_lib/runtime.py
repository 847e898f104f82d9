"""Where the course runs: seeds, devices, folders, and files that are written whole or not at all.

Nothing happens at import. Knows nothing of models.
"""

import contextlib
import os
import random
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

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
    return Path(os.environ.get("COURSE_DATA") or Path(__file__).resolve().parents[1] / "data")


def cache_dir() -> Path:
    """The folder for downloads: the platform's cache folder, or what COURSE_CACHE names. It may not exist
    yet.

    >>> isinstance(cache_dir(), Path)
    True
    """
    if os.environ.get("COURSE_CACHE"):
        return Path(os.environ["COURSE_CACHE"])
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "course_lib"


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """A file that takes the place of `path` only when it is complete; on an error `path` stays as it was.

    Text is written as UTF-8 with plain line feeds.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_write(target, "w") as file:
    ...     _ = file.write("all of it")
    >>> target.read_text()
    'all of it'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        # Not tempfile, whose files nobody but their owner may read.
        with part.open(mode.replace("w", "x"), **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
