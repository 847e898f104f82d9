"""Where the course runs: seeds, devices, folders, and files that are written whole or not at all.

Every file of the course is written through `atomic_write`. Nothing happens at import. It knows nothing of
models.
"""

import contextlib
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from course_lib.arguments import SEEDS, choice, shown, whole, wrong
from course_lib.files import as_path, explained, part_of, place_to_write, remove_old_parts

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


def check_generator(owner: str, generator: Any) -> None:
    """Raises ValueError unless this is a source of random numbers, or None; a seed alone is none.

    >>> check_generator("GPT", 0)
    Traceback (most recent call last):
    ValueError: GPT got generator=0; it must be a torch.Generator, such as seed(0) gives, or None.
    """
    import torch

    if generator is not None and not isinstance(generator, torch.Generator):
        raise wrong(owner, "generator", generator, "a torch.Generator, such as seed(0) gives, or None")


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


def as_device(name: Any) -> "torch.device | None":
    """The device of a new tensor, by its name or as it is; None stays None, and means torch's own choice.

    Raises: ValueError if it is not here.

    >>> as_device("cpu"), as_device(None)
    (device(type='cpu'), None)
    """
    import torch

    if name is None or (isinstance(name, torch.device) and name.type not in ("cuda", "mps")):
        return name
    if not isinstance(name, str | torch.device):
        raise ValueError(
            f"Got {shown(name)} as a device; give a name, such as 'cpu', or a tensor's own, x.device."
        )
    return torch.device(name) if name == "meta" else device(name)


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


# Whole files ----------------------------------------------------------------------------------------------

PATIENCE = 5.0  # seconds for which a file may be held by a virus scanner or a synchronised folder


def check_place(path: str | os.PathLike) -> Path:
    """Raises ValueError or OSError, in one sentence, if no file can be written there; nothing is left there.

    What takes long should ask this first. The path comes back with ~ filled in.

    >>> check_place("notes/new.txt").name
    'new.txt'
    """
    place_to_write(path, make=False)
    return as_path(path)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """A file that takes the place of `path` only when it is complete; on an error `path` stays as it was.

    Text is written as UTF-8 with plain line feeds. Where `path` is a link, what it leads to is replaced. If
    another program holds the file for longer than some seconds, what was written is kept beside it under
    another name, which the error says.

    Raises: ValueError if `path` is no place for a file, or `mode` is neither "wb" nor "w"; OSError, saying
    what helps, if it can't be written.

    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_write(target, "w") as file:
    ...     _ = file.write("all of it")
    >>> target.read_text()
    'all of it'
    """
    choice("atomic_write", "mode", mode, ("wb", "w"))
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
        _take_place(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(part)):
            raise explained(error, path) from None
        raise


def _take_place(part: Path, path: Path) -> None:
    """Move a whole file into its place; if that is held for too long, keep it beside it and say so."""
    try:
        replace(part, path)
    except PermissionError:
        kept = path.with_name(f"{path.stem}.kept{path.suffix}")
        os.replace(part, kept)
        raise PermissionError(
            f"{path} is held by another program (a virus scanner, a synchronised folder?) and stays as it "
            f"was; what was to take its place is in {kept}: close that program, and rename it yourself."
        ) from None


def replace(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """`os.replace`, tried again for some seconds while another program holds one of the files.

    Raises: PermissionError if it is still held then.

    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "new").write_text("new")
    >>> replace(folder / "new", folder / "old")
    >>> os.listdir(folder)
    ['old']
    """
    source, target = as_path(source), as_path(target)
    end, pause = time.monotonic() + PATIENCE, 0.02
    while True:
        try:
            return os.replace(source, target)
        except PermissionError:
            if time.monotonic() + pause > end:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


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
        raise ValueError(f"{path} is a file, but a folder is needed here; give another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent))
    except OSError as problem:
        raise explained(problem, path) from None
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
        place = str(path.absolute())
    except OSError:  # the working folder is gone
        place = str(path)
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    name = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]
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
