"""Downloads one file so that it is the right one: checked by its SHA-256, kept in a cache, resumed after a
cut.

Knows addresses, hashes and the ways of a network to fail; does not know what is in the file. Uses only
Python's own `urllib`, which follows the usual proxy variables.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1 << 16
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


def fetch(
    file: RemoteFile, folder: str | Path, *, tries: int = 3, wait: float = 1.0, timeout: float = 30.0
) -> Path:
    """The path of the file in `folder`, downloaded if it is not there yet or is damaged.

    A download that is cut leaves `<name>.part`, from which the next try or the next call goes on. What turns
    out to be another file is set aside as `<name>.wrong`, so nothing but the right file ever stands under its
    name.

    Units: seconds (wait, timeout).
    Raises: DownloadError if no address gives the file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     there = Path(folder, "there.txt")  # stands for a file on the net
    ...     _ = there.write_bytes(b"abc")
    ...     fetch(RemoteFile("here.txt", (there.as_uri(),), sha256_of(there), size=3), folder).read_bytes()
    b'abc'
    """
    path = Path(folder) / file.name
    if path.exists():
        if sha256_of(path) == file.sha256:
            return path
        path.replace(_beside(path, ".wrong"))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(path, ".part")
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
                os.replace(part, path)
                return path
    raise DownloadError(
        f"{file.name} could not be downloaded ({'; '.join(dict.fromkeys(problems))}).{_kept(part, file)}"
    )


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.txt")
    ...     _ = path.write_bytes(b"abc")
    ...     sha256_of(path) == hashlib.sha256(b"abc").hexdigest()
    True
    """
    with open(path, "rb") as stream:
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
        raise kind(f"the server answers {error.code}, {error.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _explained(error) from None
    found = sha256_of(part)
    if found == file.sha256:
        return None
    if resumed:  # perhaps the beginning was of something else: once more, from the start
        part.unlink()
        return _complete(file, url, part, timeout)
    part.replace(_beside(part.with_suffix(""), ".wrong"))
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
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
        resume = resume and answer.status == 206
        have = have if resume else 0
        announced = answer.headers.get("Content-Length")
        end = have + int(announced) if announced else file.size
        with open(part, "ab" if resume else "wb") as stream, _progress(file, have) as advance:
            # More than the size is another file, of which no more is needed.
            while have <= file.size and (block := _read(answer)):
                have += stream.write(block)
                advance(len(block))
            stream.flush()
            os.fsync(stream.fileno())
    if have < min(end, file.size):
        raise ConnectionResetError


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(BLOCK)
    except http.client.IncompleteRead as error:  # some versions of Python notice a cut themselves
        return error.partial
    except OSError as error:  # so that a failing network is told from a full disk
        raise error if isinstance(error, TimeoutError) else ConnectionResetError from None


def _explained(error: Exception) -> DownloadError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return _WorthAnotherTry("no answer in time")
    if isinstance(reason, ConnectionRefusedError):
        return DownloadError("the connection is refused")
    if isinstance(reason, socket.gaierror):
        return DownloadError("the address is not found, perhaps there is no network")
    if isinstance(reason, ConnectionError | http.client.HTTPException):
        return _WorthAnotherTry("the connection was cut")
    return DownloadError(str(reason) or type(reason).__name__)


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
