"""Downloads one file so that it is the right one: checked by its SHA-256, kept in a cache, resumed after a
cut, and by one program at a time.

Knows addresses, hashes and the ways of a network to fail; does not know what is in the file. Uses Python's
own `urllib` (by way of `opener`), which follows the usual proxy variables, and a lock from filelock.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from course_lib.arguments import check_instance, is_number, shown, whole_number
from course_lib.data.opener import open_address
from course_lib.files import as_path, explained, place_to_write
from course_lib.runtime import replace

BLOCK = 1 << 16
LONGEST = 24 * 3600  # seconds to wait for anything
SLOWEST = 500  # bytes a second; what comes more slowly is given up, and what came is kept
PATIENCE = 1800.0  # seconds to wait for another program that downloads the same file
BAR_FROM = 4_000_000  # bytes; a smaller download is over before a progress bar can be read


class DownloadError(ConnectionError):
    """The right file could not be had; the message says why, and what is kept.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # the address has "abd", the right file is "abc"
    ...     there = Path(folder, "there.txt")
    ...     _ = there.write_bytes(b"abd")
    ...     file = RemoteFile("a.txt", (there.as_uri(),), hashlib.sha256(b"abc").hexdigest(), size=3)
    ...     try:
    ...         fetch(file, folder)
    ...     except DownloadError as error:
    ...         print(str(error)[-32:])
    it is set aside as a.txt.wrong).
    """


@dataclass(frozen=True)
class RemoteFile:
    """A file on the net: its name here, the addresses that have it (the same bytes at each), its SHA-256 and
    size.

    Units: bytes (size).

    >>> urls = ("https://example.org/a.txt", "https://example.com/a.txt")  # the second, if the first fails
    >>> file = RemoteFile("a.txt", urls, hashlib.sha256(b"abc").hexdigest(), size=3)
    >>> len(file.sha256), file.size
    (64, 3)
    """

    name: str
    urls: tuple[str, ...]
    sha256: str
    size: int

    def __post_init__(self):
        several = isinstance(self.urls, tuple | list) and self.urls
        if not several or not all(isinstance(url, str) for url in self.urls):
            raise ValueError(f"urls got {shown(self.urls)}, needed a tuple of addresses, ('https://...',).")
        if not isinstance(self.name, str) or Path(self.name).name != self.name or not self.name:
            raise ValueError(f"name got {shown(self.name)}, needed the name of a file, without a folder.")
        if not re.fullmatch("[0-9a-f]{64}", str(self.sha256)):
            raise ValueError(
                f"sha256 got {shown(self.sha256)}, needed 64 hexadecimal digits, in small letters."
            )
        if type(self.size) is not int or self.size < 0:
            raise ValueError(f"size got {shown(self.size)}, needed the file's number of bytes.")


def fetch(
    file: RemoteFile, folder: str | Path, *, tries: int = 3, wait: float = 1.0, timeout: float = 30.0
) -> Path:
    """The path of the file in `folder`, downloaded if it is not there yet or is damaged.

    A download that is cut leaves `<name>.part`, from which the next try or the next call goes on. What turns
    out to be another file is set aside as `<name>.wrong`, so nothing but the right file ever stands under its
    name. Of several programs that want the file, one downloads it and the others wait.

    Units: seconds (wait, timeout).
    Raises: DownloadError if no address gives the file; ValueError if something else stands in its place;
    OSError, saying what helps, if it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     there = Path(folder, "there.txt")  # stands for a file on the net
    ...     _ = there.write_bytes(b"abc")
    ...     fetch(RemoteFile("here.txt", (there.as_uri(),), sha256_of(there), size=3), folder).read_bytes()
    b'abc'
    """
    check_instance("fetch", "file", file, RemoteFile, "a RemoteFile, such as TINY_SHAKESPEARE")
    if not (whole_number(tries) and is_number(wait) and is_number(timeout)) or not (
        tries >= 1 and 0 <= wait <= LONGEST and 0 < timeout <= LONGEST
    ):
        raise ValueError(
            f"Got tries={shown(tries)}, wait={shown(wait)}, timeout={shown(timeout)}, needed at least one "
            "try, no negative wait and a timeout above 0, neither of more than a day."
        )
    tries = int(tries)
    path = as_path(folder) / file.name
    if _is_right(path, file):
        with contextlib.suppress(OSError):  # what a program that was ended left is of no use any more
            _beside(path, ".part").unlink()
        return path
    place = place_to_write(path)
    try:
        with alone(place):
            if not _is_right(path, file):  # another program may have downloaded it meanwhile
                _download(file, place, tries, wait, timeout)
    except OSError as error:
        raise explained(error, place) from None
    return path


def _is_right(path: Path, file: RemoteFile) -> bool:
    """Whether the file is here, and whole."""
    try:
        return path.is_file() and path.stat().st_size == file.size and sha256_of(path) == file.sha256
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); remove it, or allow it.") from None


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keeps other programs, and other threads, from downloading to the same place; they wait.

    Raises: DownloadError if it takes another one too long.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, alone(Path(folder, "a.txt")):
    ...     os.listdir(folder)
    ['.a.txt.lock']
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise DownloadError(
            f"another program has been downloading {path.name} for {PATIENCE / 60:.0f} minutes; wait for it, "
            "or end it."
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # while it is held, so that nobody holds a file that is gone
            os.unlink(lock.lock_file)
        lock.release()


def _download(file: RemoteFile, path: Path, tries: int, wait: float, timeout: float) -> None:
    """Puts the file at `path`, or raises."""
    if path.exists():
        replace(path, _beside(path, ".wrong"))
    part = place_to_write(_beside(path, ".part"))
    problems = []
    for url in file.urls:
        for attempt in range(tries):
            try:
                _complete(file, url, part, timeout)
            except DownloadError as error:
                problems.append(f"{url}: {error}")
                if not isinstance(error, _WorthAnotherTry):
                    break
                if attempt + 1 < tries:
                    time.sleep(wait * 2**attempt)
            else:
                replace(part, path)
                return
    raise DownloadError(
        f"{file.name} could not be downloaded ({'; '.join(dict.fromkeys(problems))}).{_kept(part, file)}"
    )


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal.

    Raises: ValueError for what is no path; OSError if there is no file that can be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.txt")
    ...     _ = path.write_bytes(b"abc")
    ...     sha256_of(path) == hashlib.sha256(b"abc").hexdigest()
    True
    """
    with open(as_path(path), "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _WorthAnotherTry(DownloadError):
    """A cut, a late answer, a server that is busy: may go well in a moment."""


def _complete(file: RemoteFile, url: str, part: Path, timeout: float) -> None:
    """Makes `part` the whole file, or raises."""
    resumed = part.exists()
    try:
        _append(file, url, part, timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and resumed:  # what is here is not the beginning of what is there
            part.unlink()
            return _complete(file, url, part, timeout)
        kind = _WorthAnotherTry if error.code >= 500 or error.code == 429 else DownloadError
        reason = " ".join(str(error.reason).split())
        raise kind(f"the server answers {error.code}, {reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _explained(error) from None
    except ValueError as error:  # an address, ours or that of a redirect, which is none
        raise DownloadError(f"it leads to an address that is none ({error})") from None
    found = sha256_of(part)
    if found == file.sha256:
        return None
    if resumed:  # perhaps the beginning was of something else: once more, from the start
        part.unlink()
        return _complete(file, url, part, timeout)
    replace(part, _beside(part.with_suffix(""), ".wrong"))
    raise DownloadError(
        f"it has another file there, with SHA-256 {found} instead of {file.sha256}; it is set aside as "
        f"{file.name}.wrong"
    )


def _append(file: RemoteFile, url: str, part: Path, timeout: float) -> None:
    """Asks for what `part` still lacks and appends it; if the server sends all, starts again."""
    have = part.stat().st_size if part.exists() else 0
    if have == file.size:
        return
    resume = 0 < have < file.size
    headers = {"User-Agent": "course_lib"} | ({"Range": f"bytes={have}-"} if resume else {})
    with open_address(urllib.request.Request(url, headers=headers), timeout) as answer:
        resume = resume and answer.status == 206
        have = have if resume else 0
        announced = answer.headers.get("Content-Length") or ""
        end = have + int(announced) if re.fullmatch(r"[0-9]{1,18}", announced) else file.size
        read = _reader(answer, timeout)
        with open(part, "ab" if resume else "wb") as stream, _progress(file, have) as advance:
            # More than the size is another file, of which no more is needed.
            while have <= file.size and (block := read()):
                have += stream.write(block)
                advance(len(block))
            stream.flush()
            os.fsync(stream.fileno())
    if have < min(end, file.size):
        raise ConnectionResetError


def _reader(answer: http.client.HTTPResponse, timeout: float) -> Callable[[], bytes]:
    """A function that gives what has come, at least a byte, and nothing at the end.

    It raises TimeoutError if nothing comes for the time, or so little that it would take for ever.
    """
    began, came = time.monotonic(), 0

    def read() -> bytes:
        nonlocal began, came
        try:
            block = answer.read1(BLOCK)
        except http.client.IncompleteRead as error:  # some versions of Python notice a cut themselves
            return error.partial
        except OSError as error:  # so that a failing network is told from a full disk
            raise error if isinstance(error, TimeoutError) else ConnectionResetError from None
        came += len(block)
        if (passed := time.monotonic() - began) > timeout:
            if block and came < SLOWEST * passed:
                raise TimeoutError
            began, came = time.monotonic(), 0
        return block

    return read


def _explained(error: Exception) -> DownloadError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return _WorthAnotherTry("no answer in time")
    if isinstance(reason, ConnectionRefusedError):
        return DownloadError("the connection is refused")
    if isinstance(reason, socket.gaierror):
        return DownloadError("the address is not found, perhaps there is no network")
    if isinstance(reason, http.client.InvalidURL):
        return DownloadError(f"it leads to an address that is none ({reason})")
    if isinstance(reason, ConnectionError | http.client.HTTPException):
        return _WorthAnotherTry("the connection was cut")
    return DownloadError(" ".join(str(reason).split()) or type(reason).__name__)


def _kept(part: Path, file: RemoteFile) -> str:
    have = part.stat().st_size if part.exists() else 0
    if not have:
        return ""
    return f" The first {have:,} of {file.size:,} bytes are kept, and the next call goes on from there."


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


@contextlib.contextmanager
def _progress(file: RemoteFile, have: int) -> Iterator[Callable[[int], object]]:
    """A progress bar for large files, if tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda count: None
        return
    small = file.size < BAR_FROM
    with tqdm(total=file.size, initial=have, unit="B", unit_scale=True, desc=file.name, disable=small) as bar:
        yield bar.update
