"""Files as people name them: `~`, links, and what stands in a file's place without being one.

What a person got wrong is said in one sentence, as a ValueError: a folder, a pipe or a text where a file was
meant. What the machine could not do, such as write onto a full disk, stays an OSError and says what helps.
Knows nothing of what is in the files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import secrets
import stat
import time
import zlib
from pathlib import Path
from typing import Any

from course_lib.arguments import whole

MOST = 1 << 31  # bytes that a file to be read whole may have
OLD = 24 * 3600  # seconds after which the rest of a cut writing is old, whoever began it


def as_path(path: Any) -> Path:
    """A path as a person writes it: `~` is the home folder.

    Raises: ValueError for what is no path.

    >>> as_path("notes.txt").name, as_path("~/notes.txt").is_absolute()
    ('notes.txt', True)
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"Got {type(path).__name__}, needed a path as a str or a pathlib.Path.")
    text = os.fsdecode(os.fspath(path))
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError(
            f"Got {shown(text)}, which no file can be named: it has half of a character."
        ) from None
    if not text.strip() or "\0" in text:
        raise ValueError(f"Got {shown(text)}, needed a path: the name of a file, with its folder.")
    return Path(os.path.expanduser(text))


def shown(path: Any) -> str:
    """A path for a sentence, cut if somebody gave a text where a path was needed.

    >>> shown("notes.txt"), shown("Call me Ishmael. " * 900)[-18:]
    ("'notes.txt'", '15,300 characters)')
    """
    text = str(path)
    return repr(text) if len(text) <= 300 else f"{text[:40]!r}... ({len(text):,} characters)"


def read_whole(path: Any, advice: str, most: int = MOST) -> bytes:
    """The bytes of a file; `advice` ends the sentence where there is none that can be read.

    A link is followed. A pipe, a device or a file of more than `most` bytes is refused before it is read.

    Raises: ValueError.

    >>> read_whole("no_such.txt", "check the name")
    Traceback (most recent call last):
    ValueError: no_such.txt is missing; check the name.
    """
    path = as_path(path)
    most = whole("read_whole", "most", most, least=0)
    problem = _not_readable(path, most)
    if problem is None:
        try:
            return path.read_bytes()
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        except MemoryError:
            problem = "does not fit into the memory of this machine"
    name = str(path) if len(str(path)) <= 300 else shown(path)
    raise ValueError(f"{name} {problem}; {advice}.")


def _not_readable(path: Path, most: int) -> str | None:
    """What stands in the way of reading a file; None if nothing does."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return "is a link to nothing" if path.is_symlink() else "is missing"
    except OSError as error:
        too_long = "is too long for the name of a file (is it a text, and not a path?)"
        return too_long if error.errno == errno.ENAMETOOLONG else f"cannot be read ({error.strerror})"
    if stat.S_ISDIR(about.st_mode):
        return "is a folder"
    if not stat.S_ISREG(about.st_mode):
        return "is a pipe or a device, not a file"
    return f"has {about.st_size:,} bytes, more than {most:,}" if about.st_size > most else None


def place_to_write(path: Any, make: bool = True) -> Path:
    """Where a file is to be written, its folder made. A link stays, and what it leads to is replaced.

    Without `make`, no folder is made: a small file is written into the nearest one there is, and removed.

    Raises: ValueError if something else stands there; OSError if nothing can be written there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place_to_write(Path(folder, "new", "note.txt")).parent.is_dir()
    True
    """
    named = as_path(path)
    if os.fsdecode(path).endswith((os.sep, os.altsep or os.sep)):
        raise ValueError(f"{named} is the name of a folder; give the name of a file, such as one in it.")
    try:
        place = Path(os.path.realpath(named))
        if place.is_dir():
            raise ValueError(f"{named} is a folder; give the name of a file, such as one in it.")
        if place.is_symlink():
            raise ValueError(f"{named} is a link that leads in a circle; remove it, or give another name.")
        if place.exists() and not place.is_file():
            raise ValueError(f"{named} is a pipe or a device, not a file; give another name.")
        if make:
            place.parent.mkdir(parents=True, exist_ok=True)
        else:
            _try_to_write(place)
    except (FileExistsError, NotADirectoryError):
        above = next(folder for folder in place.parents if folder.exists())
        raise ValueError(f"{named} cannot be made: {above} is a file, not a folder; give another.") from None
    except OSError as error:
        raise explained(error, named) from None
    return place


def _try_to_write(place: Path) -> None:
    """Write a small file where the folder of `place` is, or is to be made."""
    above = next(folder for folder in place.parents if folder.exists())
    if not above.is_dir():
        raise NotADirectoryError
    probe = part_of(above / place.name)
    try:
        with probe.open("xb") as file:
            file.write(b"1")
    finally:
        probe.unlink(missing_ok=True)


def explained(error: OSError, path: Path) -> Exception:
    """The same error, saying what helps where that is known.

    >>> explained(OSError(errno.ENOSPC, "No space left on device"), Path("a.txt"))
    OSError('No space left for a.txt: make room on the disk, and do it again.')
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        says = f"No space left for {path}: make room on the disk, and do it again."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        says = f"{path} may not be written ({error.strerror}): choose another folder, or allow it there."
    elif error.errno == errno.ENAMETOOLONG:
        return ValueError(f"{shown(path)} is too long for the name of a file; give a shorter one.")
    elif isinstance(error, ConnectionError) or error.strerror is None:  # no file's, or explained already
        return error
    else:
        says = f"{path} cannot be written ({error.strerror}): give another place."
    same = type(error)(says)
    same.errno = error.errno
    return same


# Files that are being written ---------------------------------------------------------------------


def part_of(path: Path) -> Path:
    """A hidden file of this process beside `path`, to be written and then to take its place.

    >>> part_of(Path("note.txt")).name.startswith(".note.txt.")
    True
    """
    return path.with_name(f"{_parts_begin(path)}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.part")


def remove_old_parts(path: Path) -> None:
    """Remove what is left of writing `path` by processes that were killed.

    >>> remove_old_parts(Path("no_such_folder", "note.txt"))
    """
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):
            rest = name.removeprefix(_parts_begin(path))
            if rest != name and (found := re.fullmatch(r"(\w+)-(\d+)-\w+\.part", rest)):
                _remove_if_old(path.parent / name, found[1], int(found[2]))


def _remove_if_old(part: Path, machine: str, process: int) -> None:
    with contextlib.suppress(OSError):
        ended = machine == _machine() and not _lives(process)
        if ended or time.time() - part.stat().st_mtime > OLD:
            part.unlink()


def _parts_begin(path: Path) -> str:
    return f".{path.name[:40]}."  # the name of a file may have 255 bytes at most


def _machine() -> str:
    """A short name for this machine: a folder may be shared by several."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _lives(process: int) -> bool:
    """Whether a process of this number runs here."""
    if os.name == "nt":  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
