"""Measure how the course stands faults, damaged files and hostile texts, and write docs/reliability.md.

    python scripts/reliability.py                  everything (about forty minutes on two cores)
    python scripts/reliability.py --only killed    one part; the others keep what they had
    python scripts/reliability.py --short          a small share, without the notebooks, as the tests do

Each part says what was tried and how much of it held. What did not hold is printed. Nothing is waited for
without end: what takes too long is ended, and counts as not held.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from faults import ROOT, Part
from faults.damage import checkpoints, files
from faults.pages import fed, offline, views
from faults.texts import strings
from faults.trainings import killed

from course_lib import runtime

DOCS = ROOT / "docs" / "reliability.md"
LIMIT = 3600  # seconds for a part; then it is shown where it hangs, and all ends
SHORT = 0.04  # of what is tried otherwise
PARTS: dict[str, Callable[[float, Path], Part]] = {
    "killed": killed,
    "checkpoints": checkpoints,
    "files": files,
    "strings": strings,
    "views": views,
    "fed": fed,
    "offline": offline,
}
LONG = ("fed", "offline")  # which run every notebook
HEAD = """\
# What was tried to break the course

Made by `make reliability` (`scripts/reliability.py`), from runs on one machine: {machine}. The tests repeat a
small share of it each time.

| what was tried | how often | held | what held means |
|---|---:|---:|---|
"""


def told(parts: Iterable[Part]) -> str:
    """The page, from what was measured."""
    machine = (
        f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__.split('+')[0]}"
    )
    rows, problems = [], []
    for part in parts:
        what = part.what + (f" ({part.note})" if part.note else "")
        held = part.tried - len(part.failed)
        rows.append(f"| {what} | {part.tried:,} | {held:,} | {part.held_means} |\n")
        problems += [f"- {part.what}: {problem}\n" for problem in part.failed[:20]]
    failed = "\nWhat did not hold:\n\n" + "".join(problems) if problems else ""
    return HEAD.format(machine=machine) + "".join(rows) + failed


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the page; 1 if something did not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=PARTS, help="the parts to measure")
    parser.add_argument("--short", action="store_true", help="a small share, without the notebooks")
    parser.add_argument("--out", type=Path, default=DOCS, help="where to write the page")
    wanted = parser.parse_args(arguments)
    names = wanted.only or [name for name in PARTS if not (wanted.short and name in LONG)]
    kept = wanted.out.with_suffix(".json")
    found = {name: Part(**row) for name, row in _before(kept).items()} if wanted.only else {}
    for name in names:
        began, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="reliability-"))
        if name not in LONG:  # whose every step has a limit of its own
            faulthandler.dump_traceback_later(LIMIT, exit=True)
        try:
            found[name] = PARTS[name](SHORT if wanted.short else 1.0, folder)
        finally:
            faulthandler.cancel_dump_traceback_later()
            shutil.rmtree(folder, ignore_errors=True)
        part = found[name]
        held, seconds = part.tried - len(part.failed), time.monotonic() - began
        print(f"{name}: {held:,} of {part.tried:,} held, {seconds:.0f} s")
        for problem in part.failed[:20]:
            print(f"  {problem}")
        _write(wanted.out, {name: found[name] for name in PARTS if name in found})
    return int(any(part.failed for part in found.values()))


def _write(page: Path, found: dict[str, Part]) -> None:
    with runtime.atomic_write(page.with_suffix(".json"), "w") as file:
        json.dump({name: asdict(part) for name, part in found.items()}, file, indent=1)
    with runtime.atomic_write(page, "w") as file:
        file.write(told(found.values()))


def _before(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
