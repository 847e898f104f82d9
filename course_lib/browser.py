"""Finds a browser of the Chromium family, for the test that opens JupyterLab as a person would.

Knows where such browsers are on Linux, macOS and Windows; does not start them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

COMMANDS = (
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
)
MAC_APPS = ("Google Chrome", "Chromium", "Microsoft Edge")
WINDOWS_PROGRAMS = ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
PLAYWRIGHT_FOLDERS = {"win32": "AppData/Local/ms-playwright", "darwin": "Library/Caches/ms-playwright"}
PLAYWRIGHT_BROWSERS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium-*/chrome-win*/chrome.exe",
)


def advice(platform: str = sys.platform) -> str:
    """What to do where no browser is found.

    >>> advice("linux")
    'install Chromium (Debian: sudo apt-get install chromium), or name a browser in COURSE_BROWSER'
    """
    how = "Chromium (Debian: sudo apt-get install chromium)" if platform == "linux" else "Chrome or Edge"
    return f"install {how}, or name a browser in COURSE_BROWSER"


def find_browser() -> Path | None:
    """The browser that COURSE_BROWSER names, or else the first of the Chromium family that is found.

    >>> import os, sys
    >>> os.environ["COURSE_BROWSER"] = sys.executable
    >>> find_browser() == Path(sys.executable)
    True
    >>> del os.environ["COURSE_BROWSER"]
    """
    named = os.environ.get("COURSE_BROWSER")
    candidates = [Path(shutil.which(named) or named)] if named else _candidates()
    return next((path for path in candidates if path.is_file() and not _is_snap(path)), None)


def _candidates() -> Iterator[Path]:
    """Places where a browser may be, the likeliest first."""
    yield from (Path(found) for found in map(shutil.which, COMMANDS) if found)
    if sys.platform == "darwin":
        for folder in (Path("/Applications"), Path.home() / "Applications"):
            yield from (folder / f"{name}.app/Contents/MacOS/{name}" for name in MAC_APPS)
    if sys.platform == "win32":
        folders = (os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
        yield from (Path(folder) / program for folder in folders if folder for program in WINDOWS_PROGRAMS)
    downloads = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / PLAYWRIGHT_FOLDERS.get(
        sys.platform, ".cache/ms-playwright"
    )
    for pattern in PLAYWRIGHT_BROWSERS:
        yield from sorted(Path(downloads).glob(pattern))


def _is_snap(path: Path) -> bool:
    """Whether a program is a snap (Ubuntu's Chromium), or the script that installs it: it can't see /tmp."""
    if path.resolve().name == "snap":
        return True
    with path.open("rb") as file:
        return b"snap" in file.read(4096) if file.read(2) == b"#!" else False
