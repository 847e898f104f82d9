"""Is everything here that the course needs, how fast is this machine, and what to do about what is missing.

`examine()` gives a `Report` that prints as a table; `python -m course_lib doctor` prints it. It must say
something useful where packages are missing, so whatever is not Python's own is imported inside functions.
It installs nothing, and does not know what the packages are for.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_lib.runtime import data_dir
from course_lib.shell import machine
from course_lib.shell.packages import in_range, requirements

ROOT = Path(__file__).resolve().parents[2]
SETUP = "run `make lab` again (Windows: `python scripts/bootstrap.py lab`): it installs what is missing."
OK, NOTE, MISSING = "ok", "note", "MISSING"
ENOUGH_DISK = 2e9  # bytes: what a training and a download or two may take


@dataclass(frozen=True)
class Row:
    """One thing that was looked at: what was found, what is wanted, and what to do if they differ."""

    name: str
    found: str
    wanted: str = ""
    state: str = OK
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """What was found, in sections; prints as an aligned table with advice below.

    >>> print(Report({"Fruit": [Row("apple", "3", ">=2"), Row("pear", "none", ">=1", MISSING, "buy one.")]}))
    Fruit
      apple  3     >=2  ok
      pear   none  >=1  MISSING
    <BLANKLINE>
    What to do
      pear: buy one.
    """

    sections: dict[str, list[Row]]

    @property
    def rows(self) -> list[Row]:
        """The rows of all sections."""
        return [row for rows in self.sections.values() for row in rows]

    @property
    def complete(self) -> bool:
        """Whether nothing necessary is missing."""
        return all(row.state != MISSING for row in self.rows)

    def __str__(self) -> str:
        blocks = ["\n".join([title, *_table(rows)]) for title, rows in self.sections.items()]
        for title, wanted in (("What to do", True), ("Good to know", False)):
            names: dict[str, list[str]] = {}  # things with the same advice share its line
            for row in self.rows:
                if row.advice and (row.state == MISSING) == wanted:
                    names.setdefault(row.advice, []).append(row.name)
            lines = [_wrapped(f"{', '.join(same)}: {advice}") for advice, same in names.items()]
            blocks += ["\n".join([title, *lines])] if lines else []
        blocks += ["Everything that the course needs is here."] if self.complete else []
        return "\n\n".join(blocks)


def _wrapped(text: str) -> str:
    indents = {"initial_indent": "  ", "subsequent_indent": "    "}
    return textwrap.fill(text, 100, **indents, break_long_words=False, break_on_hyphens=False)


def _table(rows: list[Row]) -> Iterator[str]:
    """The rows as lines, each column as wide as its widest entry."""
    cells = [(row.name, row.found, row.wanted, row.state) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True) if width)
        yield ("  " + "  ".join(padded)).rstrip()


def examine(measure: bool = True, root: Path = ROOT) -> Report:
    """Look at everything; with `measure`, also find out for about ten seconds how fast this machine is.

    >>> sorted(examine(measure=False).sections)
    ['Only for tests', 'Python and packages', 'The course', 'This machine']
    """
    needed, tools = requirements(root / "pyproject.toml")
    return Report(
        {
            "Python and packages": [python_row(), *package_rows(needed)],
            "Only for tests": [*package_rows(tools, optional=True), browser_row()],
            "This machine": machine_rows(measure, root),
            "The course": [*data_rows(), pretrained_row(), kernel_row()],
        }
    )


def report(quick: bool = False) -> int:
    """Print what `examine` finds; gives the exit code for a shell: 1 if something necessary is missing."""
    found = examine(measure=not quick)
    print(found)
    return 0 if found.complete else 1


# Python and packages ------------------------------------------------------------------------------


def python_row(version: tuple[int, ...] = sys.version_info[:3]) -> Row:
    """Whether the course runs on this version of Python.

    >>> python_row((3, 9, 2)).state
    'MISSING'
    """
    right = (3, 11) <= version[:2] <= (3, 14)
    advice = "install Python 3.11, 3.12, 3.13 or 3.14 (https://www.python.org/downloads), then " + SETUP
    found = ".".join(map(str, version))
    return Row("Python", found, "3.11 to 3.14", OK if right else MISSING, "" if right else advice)


def package_rows(wanted: dict[str, str], optional: bool = False) -> list[Row]:
    """Which versions are installed, and whether each is in its range.

    >>> [(row.name, row.state) for row in package_rows({"numpy": ">=1", "no-such-package": ""})]
    [('numpy', 'ok'), ('no-such-package', 'MISSING')]
    """
    return [_package_row(name, span, optional) for name, span in wanted.items()]


def _package_row(name: str, span: str, optional: bool) -> Row:
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = "missing"
    if found != "missing" and in_range(found, span):
        return Row(name, found, span)
    if optional:
        return Row(name, found, span, NOTE, "only tests need it; `make test` installs it.")
    return Row(name, found, span, MISSING, SETUP)


def browser_row() -> Row:
    """Whether there is a browser that the browser test can steer."""
    found = machine.find_browser()
    if found:
        return Row("Chromium", str(found))
    return Row(
        "Chromium", "none", state=NOTE, advice=f"only the browser test needs it; {machine.browser_advice()}."
    )


# This machine -------------------------------------------------------------------------------------


def machine_rows(measure: bool, root: Path) -> list[Row]:
    """The device, the free disk, and, if asked for, the speed."""
    rows = [Row("CPU", f"{machine.cores()} cores, {platform.machine()}, {platform.system()}"), disk_row(root)]
    try:
        rows.insert(1, gpu_row(machine.gpu(), machine.unused_gpu()))
        if measure:
            rows += speed_rows(machine.matmul_speed(), machine.training_speed())
    except (ImportError, OSError) as problem:  # torch is missing, or one of its own files is
        rows.append(Row("speed", "not measured", state=NOTE, advice=f"torch does not start ({problem})."))
    return rows


def gpu_row(name: str, unused: bool) -> Row:
    """The GPU, if there is one.

    >>> gpu_row("", unused=False).found
    'none; the course does not need one'
    """
    if name:
        return Row("GPU", name)
    if unused:
        advice = "`COURSE_TORCH=cuda make lab` installs the build of torch that uses your NVIDIA GPU."
        return Row("GPU", "NVIDIA, not used", state=NOTE, advice=advice)
    return Row("GPU", "none; the course does not need one")


def disk_row(root: Path) -> Row:
    """How much disk is free where the course lies."""
    free = shutil.disk_usage(root).free
    if free >= ENOUGH_DISK:
        return Row("free disk", f"{free / 1e9:.0f} GB", f">={ENOUGH_DISK / 1e9:.0f} GB")
    advice = "make room: trained models and downloads may not fit."
    return Row("free disk", f"{free / 1e9:.1f} GB", f">={ENOUGH_DISK / 1e9:.0f} GB", NOTE, advice)


TYPICAL = 14_000  # tokens a second of the tiny preset, on two cores of a usual laptop


def speed_rows(operations: float, tokens: float) -> list[Row]:
    """The two speeds, and what they mean for the training in notebook 00.

    >>> speed_rows(9.9e10, 40_000)[1].advice
    'the minute of training in notebook 00 reads 2.4 million tokens here: enough for a first story.'
    """
    read = f"the minute of training in notebook 00 reads {60 * tokens / 1e6:.1f} million tokens here"
    if tokens >= TYPICAL / 2:
        advice = f"{read}: enough for a first story."
    else:
        minutes = -(-TYPICAL // max(tokens, 1))
        advice = (
            f"{read}: its stories will be rougher; {minutes:.0f} minutes give what one gives elsewhere. "
            "If other programs were busy, measure again."
        )
    return [
        Row("matrices", f"{operations / 1e9:,.0f} GFLOP/s (float32)"),
        Row("training", f"{tokens:,.0f} tokens/s (preset tiny)", advice=advice),
    ]


# The course's own files ---------------------------------------------------------------------------


def data_rows(folder: Path | None = None) -> list[Row]:
    """Whether the bundled text and the trained model are here."""
    folder = folder or data_dir()
    texts = [folder / "world" / f"{part}.{language}.txt" for part in PARTS for language in ("en", "zh")]
    model = [folder / "checkpoints" / "base.safetensors", folder / "tokenizer"]
    return [_files_row("corpus", texts), _files_row("trained model", model)]


PARTS = ("train", "validation", "heldout", "strangers")


def _files_row(name: str, paths: list[Path]) -> Row:
    absent = [path for path in paths if not path.exists()]
    if not absent:
        return Row(name, "here")
    others = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    advice = (
        f"there is no {absent[0]}{others}: get the whole course again, or, in a git clone, "
        "`git checkout -- data`."
    )
    return Row(name, "missing", state=MISSING, advice=advice)


def pretrained_row() -> Row:
    """Whether the real model has been fetched.

    >>> pretrained_row().state in (OK, NOTE)
    True
    """
    try:
        from course_lib.pretrained import SMOLLM2, is_here
    except ImportError:
        return Row("real model", "not looked for", state=NOTE)
    if is_here():
        return Row("real model", SMOLLM2.title)
    advice = (
        f"`python -m course_lib fetch {SMOLLM2.short}` fetches {SMOLLM2.title} "
        f"({SMOLLM2.download / 1e6:.0f} MB); the course works without it."
    )
    return Row("real model", "not fetched", state=NOTE, advice=advice)


def kernel_row() -> Row:
    """Whether Jupyter starts this Python when a notebook asks for `python3`."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        return Row("Jupyter kernel", "missing", state=MISSING, advice=SETUP)
    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Row("Jupyter kernel", "missing", state=MISSING, advice=SETUP)
    if _same_program(program, sys.executable):
        return Row("Jupyter kernel", "python3")
    advice = (
        f"Jupyter's kernel python3 starts {program}, not this Python: start JupyterLab with `make lab`, "
        "which sets this right for the course."
    )
    return Row("Jupyter kernel", "another Python", state=NOTE, advice=advice)


def _same_program(program: str, python: str) -> bool:
    """Whether a kernel's command starts this environment's Python; Jupyter reads a bare `python` as that."""
    if re.fullmatch(r"python[\d.]*", program):
        return True
    return os.path.dirname(os.path.abspath(program)) == os.path.dirname(os.path.abspath(python))
