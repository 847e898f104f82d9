"""What this machine has and how fast it is: cores, GPU, browser, multiplications and trained tokens a second.

For `course_lib.shell.doctor`. torch and the model are imported inside functions, since this must work where
they are missing. It judges nothing: it gives numbers and names.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from course_lib.arguments import check_function, number, whole


def cores() -> int:
    """How many CPU cores this process may use.

    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu() -> str:
    """The name of the GPU that torch can use, or "" if there is none."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "Apple GPU (mps)" if torch.backends.mps.is_available() else ""


def unused_gpu() -> bool:
    """Whether there is an NVIDIA GPU that this build of torch cannot use."""
    import torch

    return torch.version.cuda is None and torch.version.hip is None and shutil.which("nvidia-smi") is not None


# Speed --------------------------------------------------------------------------------------------


def matmul_speed(seconds: float = 3.0, size: int = 1024, where: str | None = None) -> float:
    """How fast torch multiplies two float32 matrices, on the course's device or the one that is named.

    Units: operations per second; a product of two n × n matrices takes 2·n³.

    >>> matmul_speed(seconds=0.01, size=8) > 0
    True
    """
    import torch

    from course_lib.runtime import device

    size = whole("matmul_speed", "size", size)
    number("matmul_speed", "seconds", seconds, "0 or more", lambda x: 0 <= x < math.inf)
    matrix = torch.ones(size, size, device=device(where)) / size

    def multiply() -> None:
        (matrix @ matrix)[0, 0].item()  # reading a number waits for a GPU to be done

    return 2 * size**3 * rate(multiply, seconds)


def training_speed(seconds: float = 6.0, preset: str = "tiny", batch_size: int = 8) -> float:
    """How many tokens a second a preset is trained on here, on the course's device.

    The text is random, which takes as long as any other. Units: tokens per second.
    """
    import torch

    from course_lib import runtime
    from course_lib.config import GPTConfig
    from course_lib.model import GPT
    from course_lib.training import TrainConfig, cross_entropy, make_optimizer

    batch_size = whole("training_speed", "batch_size", batch_size)
    number("training_speed", "seconds", seconds, "0 or more", lambda x: 0 <= x < math.inf)
    where = runtime.device()
    generator = torch.Generator().manual_seed(0)
    config = GPTConfig.preset(preset)
    model = GPT(config, generator=generator).to(where)
    optimizer = make_optimizer(model, TrainConfig(steps=1))
    ids = torch.randint(config.vocab_size, (batch_size, config.context_length), generator=generator).to(where)

    def step() -> None:
        optimizer.zero_grad()
        loss = cross_entropy(model(ids), ids)
        loss.backward()
        optimizer.step()
        loss.item()

    return ids.numel() * rate(step, seconds)


def rate(action: Callable[[], None], seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """How often a second `action` can be done, tried for `seconds` and at least once.

    The first time is not counted: memory is set aside then, and caches are filled.

    >>> ticks = iter([0.0, 0.5, 1.0, 1.5])
    >>> rate(lambda: None, seconds=1.5, clock=lambda: next(ticks))
    2.0
    """
    check_function("rate", "action", action, 0, "a function without arguments")
    number("rate", "seconds", seconds, "0 or more", lambda x: 0 <= x < math.inf)
    action()
    count, began = 0, clock()
    while True:
        action()
        count += 1
        passed = clock() - began
        if passed >= seconds:
            return count / max(passed, 1e-9)


# A browser ----------------------------------------------------------------------------------------

BROWSERS = (
    *("chromium", "google-chrome", "google-chrome-stable", "chromium-browser"),
    *("microsoft-edge", "microsoft-edge-stable"),
)
MAC_BROWSERS = ("Google Chrome", "Chromium", "Microsoft Edge")
WINDOWS_BROWSERS = ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
PLAYWRIGHT_FOLDERS = {"win32": "AppData/Local/ms-playwright", "darwin": "Library/Caches/ms-playwright"}
PLAYWRIGHT_BROWSERS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium-*/chrome-win*/chrome.exe",
)


def find_browser() -> str | None:
    """The path of a Chromium, Chrome or Edge that a test can steer, or None.

    The one that COURSE_BROWSER names; else the system's; else one that playwright has downloaded.
    """
    return next((str(path) for path in _browser_places() if path.is_file() and not _is_snap(path)), None)


def browser_advice(platform: str = sys.platform) -> str:
    """What to do where no browser is found.

    >>> browser_advice("linux")
    'install Chromium (Debian: sudo apt-get install chromium), or name a browser in COURSE_BROWSER'
    """
    which = "Chromium (Debian: sudo apt-get install chromium)" if platform == "linux" else "Chrome or Edge"
    return f"install {which}, or name a browser in COURSE_BROWSER"


def _browser_places() -> Iterator[Path]:
    """Where a browser may be, the likeliest first."""
    if named := os.environ.get("COURSE_BROWSER"):
        yield Path(shutil.which(os.path.expanduser(named)) or os.path.expanduser(named))
        return
    yield from (Path(found) for found in map(shutil.which, BROWSERS) if found)
    if sys.platform == "darwin":
        for folder in (Path("/Applications"), Path.home() / "Applications"):
            yield from (folder / f"{name}.app/Contents/MacOS/{name}" for name in MAC_BROWSERS)
    if sys.platform == "win32":
        folders = (os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
        yield from (Path(folder, name) for folder in folders if folder for name in WINDOWS_BROWSERS)
    usual = Path.home() / PLAYWRIGHT_FOLDERS.get(sys.platform, ".cache/ms-playwright")
    downloads = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or usual)
    for pattern in PLAYWRIGHT_BROWSERS:
        yield from sorted(downloads.glob(pattern), reverse=True)


def _is_snap(path: Path) -> bool:
    """Whether a program is a snap (Ubuntu's Chromium) or installs one: a snap cannot see a test's folders."""
    if path.resolve().name == "snap":
        return True
    with path.open("rb") as file:
        head = file.read(4096)
    return head.startswith(b"#!") and b"snap" in head
