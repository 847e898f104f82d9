"""The shell command `bench`.

Reads options, runs the sections that were asked for with a progress bar on stderr, prints tables, and writes
them with their figures if a folder is given. What is measured is in the sections' modules, which are loaded
only when they run, so that `--help` is quick.
"""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from course_lib.files import as_path
from course_lib.shell.bench import report
from course_lib.shell.bench.options import Options
from course_lib.shell.bench.report import Results, Section
from course_lib.shell.common import clear_errors

SECTIONS = ("training", "generation", "pretrained", "tokens", "startup", "scale", "gpu", "recipes", "stories")
EXAMPLES = """
Examples:

\b
  python -m course_lib bench --quick
      everything, in a few minutes
  python -m course_lib bench training generation --threads 1 --threads 2
  python -m course_lib bench tokens --text my_book.txt --out results
  python -m course_lib bench training --peer peers.py:make_model
      beside another project's model; help(course_lib.shell.bench.peers) shows such a file
"""


def bench(
    sections: Annotated[
        list[str] | None, typer.Argument(help=f"Which of {', '.join(SECTIONS)}; if not given, all.")
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help="Something to compare with: file.py:name (may be repeated).")
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(help="torch's threads (may be repeated); if not given, 1 and 2.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds and settings.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="A folder for results.json and the figures; other sections in it are kept."),
    ] = None,
    text: Annotated[Path | None, typer.Option(help="A text file for the sections that read text.")] = None,
) -> None:
    """Measure the course's code beside what one would take instead of it."""
    with clear_errors():
        names = _names(sections)
        numbers = _threads(threads)
        out, text = (None if path is None else as_path(path) for path in (out, text))
        if text is not None and not text.is_file():
            raise ValueError(f"--text got {text}, but there is no such file; give the path of a text file.")
        if out is not None and out.exists() and not out.is_dir():
            raise ValueError(f"--out got {out}, which is a file; give the name of a folder.")
        options = Options(numbers, quick, _peers(peer or []), text)
        command = shown_command(options, peer or [], threads or [])
        results = _begun(out, Results(describe_machine(numbers), command, ()))
        for section in _measured(names, options):
            results = _with(results, section)
            if out is not None:  # what is measured is kept, whatever happens to the sections after it
                report.write(results, out / "results.json")
            typer.echo(report.text(Results({}, "", (section,))) + "\n")
        typer.echo("Measured on " + report.machine_line(results.machine) + ".")
        if out is not None:
            _draw(results, out)


def _begun(out: Path | None, fresh: Results) -> Results:
    """What is in the folder already, if it was measured on the same machine in the same way: one can measure
    section by section.
    """
    path = out / "results.json" if out is not None else None
    if path is None or not path.exists():
        return fresh
    earlier = report.read(path)
    alike = (earlier.machine, earlier.command) == (fresh.machine, fresh.command)
    return earlier if alike else fresh


def _with(results: Results, section: Section) -> Results:
    """The results with a section more, or with a newer one in its place."""
    by_name = {known.name: known for known in results.sections} | {section.name: section}
    ordered = sorted(by_name, key=lambda name: SECTIONS.index(name) if name in SECTIONS else len(SECTIONS))
    return replace(results, sections=tuple(by_name[name] for name in ordered))


def _names(sections: list[str] | None) -> list[str]:
    names = list(dict.fromkeys(sections or SECTIONS))
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise ValueError(f"There is no section {unknown[0]!r}; the sections are {', '.join(SECTIONS)}.")
    return names


MOST_THREADS = 1024  # with many more than cores, OpenMP ends the whole process


def _threads(threads: list[int] | None) -> tuple[int, ...]:
    from course_lib.shell.machine import cores

    numbers = threads or sorted({1, min(2, cores())})
    if min(numbers) < 1:
        raise ValueError(f"--threads got {min(numbers)}; give a whole number of at least 1.")
    if max(numbers) > MOST_THREADS:
        raise ValueError(f"--threads got {max(numbers)}; give at most {MOST_THREADS}.")
    return tuple(dict.fromkeys(numbers))


def _peers(specs: list[str]) -> tuple[Any, ...]:
    if not specs:
        return ()
    from course_lib.shell.bench.peers import load_peer

    return tuple(load_peer(spec) for spec in specs)


def _measured(names: list[str], options: Options) -> Iterator[Section]:
    """Run the sections one by one, with a bar on stderr that says what is being measured."""
    from tqdm import tqdm

    with tqdm(total=len(names), bar_format="{n_fmt}/{total_fmt} |{bar}| {elapsed} {postfix}") as bar:
        for name in names:
            told = replace(options, progress=lambda what, name=name: bar.set_postfix_str(f"{name}: {what}"))
            told.progress("begins")
            section: Section = import_module(f"course_lib.shell.bench.{name}").run(told)
            bar.update()
            bar.clear()
            yield section


def _draw(results: Results, out: Path) -> None:
    from course_lib.shell.bench.figures import draw

    paths = [out / "results.json", *draw(results, out)]
    typer.echo(f"Written: {', '.join(map(str, paths))}.")


# What it was measured on --------------------------------------------------------------------------


def describe_machine(threads: tuple[int, ...]) -> dict[str, Any]:
    """The processor, and the versions that matter.

    >>> sorted(describe_machine((1,)))[:3]
    ['Python', 'cores', 'processor']
    """
    from course_lib.shell.machine import cores

    versions = {name: metadata.version(name) for name in ("torch", "transformers", "tokenizers")}
    return {
        "processor": processor(),
        "cores": cores(),
        "threads": " and ".join(map(str, threads)),
        "Python": platform.python_version(),
        **versions,
    }


def processor() -> str:
    """The processor's name, as the system calls it.

    >>> processor() != ""
    True
    """
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout.strip() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def shown_command(options: Options, peers: list[str], threads: list[int]) -> str:
    """The command as another person would type it for all sections: files by their names, no folder.

    >>> shown_command(Options(quick=True, text=Path("/home/me/book.txt")), [], [1])
    'python -m course_lib bench --threads 1 --quick --text book.txt'
    """
    parts = ["python", "-m", "course_lib", "bench"]
    for spec in peers:
        parts += ["--peer", Path(spec).name]
    for number in threads:
        parts += ["--threads", str(number)]
    parts += ["--quick"] if options.quick else []
    parts += ["--text", options.text.name] if options.text else []
    return shlex.join(parts)
