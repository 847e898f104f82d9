"""Where the course runs: seeds, devices, folders, and files that are written whole or not at all.

Every file of the course is written through `atomic_write`. Nothing happens at import. It knows nothing of
models.
"""

import contextlib
import errno
import hashlib
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from course_lib.arguments import SEEDS, whole

if TYPE_CHECKING:
    import torch


def seed(number: int) -> "torch.Generator":
    """Seed Python's, NumPy's and torch's random numbers, and return a CPU generator with the same seed.

    Raises: ValueError for anything but a whole number that torch takes.

    >>> import torch
    >>> torch.equal(torch.rand(3, generator=seed(1)), torch.rand(3, generator=seed(1)))
    True
    """
    import numpy
    import torch

    number = whole("seed", "number", number, *SEEDS)
    random.seed(number)
    numpy.random.seed(number % 2**32)
    torch.manual_seed(number)
    return torch.Generator().manual_seed(number)


def device(prefer: "str | torch.device | None" = None) -> "torch.device":
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
    kind, _, number = str(prefer).partition(":")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    numbered = number.isdecimal() and (not count or int(number) < count)
    if not here.get(kind, False) or (number and not numbered):
        usable_names = ", ".join(name for name, usable in here.items() if usable)
        raise ValueError(
            f"the device {str(prefer)!r} is not usable on this machine: choose one of {usable_names}"
        )
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
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "course_lib"


def as_path(path: str | os.PathLike) -> Path:
    """A path as people write it, ~ for the home folder included.

    Raises: ValueError for what is no path.

    >>> as_path("~/notes.txt") == Path.home() / "notes.txt"
    True
    """
    if not isinstance(path, str | os.PathLike) or not str(path).strip() or "\0" in str(path):
        raise ValueError(f"Got {path!r} as the path of a file; give a name such as 'my_model.safetensors'.")
    try:
        return Path(path).expanduser()
    except RuntimeError:  # a ~ that is no home
        return Path(path)


# Whole files ----------------------------------------------------------------------------------------------

PATIENCE = 5.0  # seconds for which a file may be held by a virus scanner or a synchronised folder
_REMEDIES = {
    errno.ENOSPC: "free some room, or choose another disk",
    errno.EDQUOT: "free some room, or choose another disk",
    errno.EFBIG: "choose another disk",
    errno.EIO: "choose another disk",
    errno.EROFS: "choose a folder that you may write to",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EISDIR: "a folder has this name: choose another name",
    errno.ENOTDIR: "a part of this path is a file: choose another folder",
    errno.EEXIST: "a part of this path is a file: choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "choose another folder",
}


def check_place(path: str | os.PathLike) -> Path:
    """Raises OSError, in one sentence, if no file can be written there; nothing is made.

    What takes long should ask this first. The path comes back with ~ filled in.

    >>> check_place("notes/new.txt").name
    'new.txt'
    """
    path = as_path(path)
    if path.is_dir():
        raise _said(IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)), path)
    above = next((folder for folder in path.absolute().parents if _there(folder)), Path(path.anchor or "."))
    if not above.is_dir():
        raise _said(NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)), path)
    if not os.access(above, os.W_OK | os.X_OK):
        raise _said(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), path)
    return path


def _there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:  # beneath a file
        return path.exists()
    return True


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """A file that takes the place of `path` only when it is complete; on an error `path` stays as it was.

    Text is written as UTF-8 with plain line feeds. If another program holds the file for longer than a few
    seconds, what was written is kept beside it under another name, which the error says.

    Raises: OSError with one sentence if it can't be written: what is in the way, and what to do.

    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_write(target, "w") as file:
    ...     _ = file.write("all of it")
    >>> target.read_text()
    'all of it'
    """
    path = as_path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        with _held(part):
            # Not tempfile, whose files nobody but their owner may read.
            with part.open(mode.replace("x", "w"), **text) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _take_place(part, path)
    except BaseException as problem:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(problem, OSError) and _is_about(problem, path, part):
            raise _said(problem, path) from None
        raise


def _is_about(problem: OSError, path: Path, part: Path) -> bool:
    """Whether an error is one of writing this file, and not of something that its writer read meanwhile."""
    places = (None, *map(str, (path, part, *path.parents)))
    return problem.errno in _REMEDIES and bool(problem.strerror) and problem.filename in places


def _said(problem: OSError, path: Path) -> OSError:
    """The same error with one sentence that a person can use."""
    sentence = type(problem)(f"{path} can't be written ({problem.strerror}); {_REMEDIES[problem.errno]}.")
    sentence.errno = problem.errno
    return sentence


def _take_place(part: Path, path: Path) -> None:
    """Move a whole file into its place; if that is held for too long, keep it beside it and say so."""
    try:
        replace(part, path)
    except PermissionError:
        kept = path.with_name(f"{path.stem}.kept{path.suffix}")
        os.replace(part, kept)
        held = PermissionError(
            f"{path} is held by another program (a virus scanner, a synchronised folder?) and stays as it "
            f"was; what was to take its place is in {kept}: close that program, and rename it yourself."
        )
        raise held from None


def replace(source: str | os.PathLike, target: str | os.PathLike, patience: float | None = None) -> None:
    """`os.replace`, tried again for some seconds while another program holds one of the files.

    Raises: PermissionError if it is still held then.

    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "new").write_text("new")
    >>> replace(folder / "new", folder / "old")
    >>> os.listdir(folder)
    ['old']
    """
    end = time.monotonic() + (PATIENCE if patience is None else patience)
    pause = 0.02
    while True:
        try:
            return os.replace(source, target)
        except PermissionError:
            if time.monotonic() + pause > end:
                raise
            time.sleep(pause)
            pause = min(2 * pause, 0.5)


@contextlib.contextmanager
def _held(part: Path) -> Iterator[None]:
    """Make a part and hold it, so that others see that somebody is at work on it."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows, where nobody can remove an open file
        part.touch(exist_ok=False)
        yield
        return
    number = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        with contextlib.suppress(OSError):  # not every network's disk can do that
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)


def _sweep(path: Path) -> None:
    """Remove what writes that were killed have left of a file: parts that nobody holds."""
    for part in path.parent.glob(f".{escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > 1 and _is_abandoned(part):
                part.unlink()


def _is_abandoned(part: Path) -> bool:
    try:
        import fcntl
    except ModuleNotFoundError:
        return True
    with part.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """An empty folder whose files go to `path` when all of them are written; on an error none does.

    Other files in `path` stay.

    >>> target = Path(tempfile.mkdtemp()) / "model"
    >>> with atomic_folder(target) as folder:
    ...     _ = (folder / "config.json").write_text("{}")
    >>> os.listdir(target)
    ['config.json']
    """
    path = as_path(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file, but a folder is needed here; choose another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    except OSError as problem:
        raise (_said(problem, path) if problem.errno in _REMEDIES else problem) from None
    try:
        yield part
        path.mkdir(exist_ok=True)
        for file in sorted(part.iterdir()):
            replace(file, path / file.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def locked(path: str | os.PathLike, advice: str = "wait until it has ended") -> Iterator[None]:
    """Keep other processes on this machine from the same work on a file; they are told to do as advised.

    Raises: ValueError if another process is at it.

    >>> with locked(Path(tempfile.gettempdir()) / "my_model.safetensors"):
    ...     pass
    """
    import getpass

    from filelock import FileLock, Timeout

    path = as_path(path)
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    name = hashlib.sha256(str(path.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    folder = Path(tempfile.gettempdir()) / f"course_lib-{user}"
    lock: Any = FileLock(folder / f"{name}.lock")
    try:
        folder.mkdir(exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"Another program is at work on {path}; {advice}.") from None
    except OSError:  # no folder for locks: better without one than not at all
        lock = contextlib.nullcontext()
    try:
        yield
    finally:
        if hasattr(lock, "release"):
            lock.release()
