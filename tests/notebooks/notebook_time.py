"""How long a notebook says that it runs, how long it did run, and whether the two agree.

Used by conftest.py, which measures, and by the tests of the notebooks' form. Knows nothing of pytest.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

MARGIN = 2.0  # a notebook may take so many times what its header says, on a machine that is busy
HEADER = re.compile(
    r"Read (?P<read>\d+) min · exercises (?P<exercises>\d+) min · runs (?P<seconds>\d+) s on 2 CPU cores"
)


def first_text(notebook: Path) -> str:
    """The text of a notebook's first cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = cells[0]["source"] if cells else ""
    return source if isinstance(source, str) else "".join(source)


def stated_seconds(notebook: Path) -> int | None:
    """How long a notebook runs, as its first cell says; None if that says nothing of it."""
    found = HEADER.search(first_text(notebook))
    return int(found["seconds"]) if found else None


def complaint(name: str, measured: float, stated: int | None) -> str:
    """What is wrong with the time that a notebook took; empty if nothing is."""
    if stated is None or measured <= MARGIN * stated:
        return ""
    return (
        f"{name} ran for {measured:.0f} s, and its header says {stated} s: make it faster, or, if it always "
        "takes so long, say so in the header."
    )


class Stopwatch:
    """The seconds that each notebook has taken so far."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def add(self, name: str, seconds: float) -> float:
        """Count the time of one cell; gives the notebook's whole time so far."""
        self.seconds[name] += seconds
        return self.seconds[name]
