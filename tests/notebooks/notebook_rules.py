"""The form that every notebook of the course has: `problems(path)` says what is wrong with one.

Each rule is a function from a notebook to sentences, one per problem. Knows nothing of what notebooks teach.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import nbformat
from nbformat import NotebookNode
from notebook_time import HEADER

TAGS = {"setup", "objectives", "exercise", "check", "slow", "nbval-ignore-output"}
LONGEST_CELL = 30  # lines
USUAL_CELL = 8  # lines; the median is at most this
TEXTS_PER_CODE = 1.3
SLOWEST = 180  # seconds
# Words and short numbers: attn-scale-code, gpt2-shape. What Jupyter makes up (3f9a2c1b) mixes the two.
READABLE_ID = re.compile(r"[a-z]+\d{0,2}(-([a-z]+\d{0,2}|\d{1,3}))*")
LONGEST_SITTING = 90  # minutes
SITTING = re.compile(
    r"# Sitting (?P<number>\d) of (?P<of>\d) · (?P<title>.+)\n\n"
    r"Read (?P<read>\d+) min(?: · exercises (?P<exercises>\d+) min)?"
)
STOP = "**A place to stop.** "
CLOSING_HEADINGS = ("recap", "what we left out", "further reading")

Rule = Callable[[NotebookNode], Iterator[str]]


def problems(path: Path, rules: tuple[Rule, ...] | None = None) -> list[str]:
    """Everything that is wrong with the form of a notebook."""
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        return [f"the format is {notebook.nbformat}.{notebook.nbformat_minor}, and must be 4.5"]
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as problem:
        return [f"not a valid notebook: {str(problem).splitlines()[0]}"]
    return [sentence for rule in rules or RULES for sentence in rule(notebook)]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", ()))


def sittings(notebook: NotebookNode) -> dict[int, re.Match[str] | None]:
    """Where each sitting begins, and what its cell says; None if that is not of the form."""
    return {
        place: SITTING.match(cell.source)
        for place, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown" and cell.source.startswith("# Sitting")
    }


def minutes(sitting: re.Match[str]) -> int:
    return int(sitting["read"]) + int(sitting["exercises"] or 0)


# The rules ----------------------------------------------------------------------------------------


def has_readable_ids(notebook: NotebookNode) -> Iterator[str]:
    counts = Counter(cell.id for cell in notebook.cells)
    yield from (f"{count} cells have the id {name!r}" for name, count in counts.items() if count > 1)
    for name in counts:
        if not READABLE_ID.fullmatch(name) or len(name) < 3:
            yield f"the id {name!r} is not made of lower-case words with hyphens, like attn-scale-code"


def begins_with_its_objectives(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown":
        yield "the first cell is not text"
        return
    if not first.source.startswith("# "):
        yield "the first cell does not begin with a title (# ...)"
    if "?" not in first.source:
        yield "the first cell asks no question"
    aims = len(re.findall(r"^\s*(?:[-*]|\d+\.) ", first.source, re.MULTILINE))
    if aims not in (3, 4):
        yield f"the first cell lists {aims} things that the learner will be able to do, not three or four"
    if "builds on" not in first.source.lower():
        yield "the first cell does not say what the notebook builds on ('It builds on ...')"
    if "objectives" not in tags(first):
        yield "the first cell has no tag `objectives`"


def states_its_times(notebook: NotebookNode) -> Iterator[str]:
    found = HEADER.search(notebook.cells[0].source) if notebook.cells else None
    if not found:
        yield "the first cell has no line `Read 20 min · exercises 25 min · runs 40 s on 2 CPU cores`"
    elif int(found["seconds"]) >= SLOWEST:
        yield f"it runs for {found['seconds']} s, and must run for less than {SLOWEST} s"


def is_divided_into_sittings(notebook: NotebookNode) -> Iterator[str]:
    """Two or three sittings, none too long, each but the last with a place to stop at its end."""
    found = sittings(notebook)
    for place, sitting in found.items():
        if not sitting:
            wanted = "`# Sitting 1 of 2 · Its title` and `Read 20 min · exercises 25 min`"
            yield f"{notebook.cells[place].id}: a sitting begins with {wanted}"
        elif (length := minutes(sitting)) > LONGEST_SITTING:
            yield f"sitting {sitting['number']} takes {length} min, and {LONGEST_SITTING} are the most"
    if len(found) not in (2, 3):
        yield f"it has {len(found)} sittings, and should have two or three"
    numbers = [f"{sitting['number']} of {sitting['of']}" for sitting in found.values() if sitting]
    if numbers != [f"{number} of {len(found)}" for number in range(1, len(numbers) + 1)]:
        yield f"its sittings are numbered {', '.join(numbers)}"
    if found and min(found) != 1:
        yield "the first sitting does not begin right after the first cell"
    for place in sorted(found)[1:]:
        yield from _ends_in_a_place_to_stop(notebook.cells[place - 1])


def _ends_in_a_place_to_stop(last: NotebookNode) -> Iterator[str]:
    if last.cell_type != "markdown" or not last.source.startswith(STOP):
        yield f"{last.id}: here a sitting ends, and there is no place to stop (`{STOP}What you have now.`)"
    elif len(re.findall(r"[.?!](?=\s|$)", last.source.removeprefix(STOP))) not in (1, 2, 3):
        yield f"{last.id}: what you have is said in one to three sentences"


def adds_up_its_sittings(notebook: NotebookNode) -> Iterator[str]:
    """The sittings' times are those of the first cell, which names each with its minutes."""
    found = [sitting for sitting in sittings(notebook).values() if sitting]
    first = notebook.cells[0].source if notebook.cells else ""
    header = HEADER.search(first)
    for part in ("read", "exercises") if found and header else ():
        total = sum(int(sitting[part] or 0) for sitting in found)
        if total != int(header[part]):
            yield f"{part}: the sittings' minutes add up to {total}, and the first cell says {header[part]}"
    for sitting in found:
        wanted = f"{sitting['number']} {sitting['title']} ({minutes(sitting)} min)"
        if wanted not in first:
            yield f"the first cell does not name the sitting `{wanted}`"


def was_run_in_order(notebook: NotebookNode) -> Iterator[str]:
    cells = code_cells(notebook)
    counts = [cell.execution_count for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        yield f"the code cells were not run in order, each once: their numbers are {counts}"
    if cells and not any(cell.outputs for cell in cells):
        yield "no cell has an output"
    for cell in cells:
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"{cell.id}: its output is an error"


def has_short_cells(notebook: NotebookNode) -> Iterator[str]:
    lengths = {cell.id: len(cell.source.splitlines()) for cell in code_cells(notebook)}
    for name, length in lengths.items():
        if length > LONGEST_CELL:
            yield f"{name}: {length} lines of code, and {LONGEST_CELL} are the most"
        if not length:
            yield f"{name}: no code"
    if lengths and median(lengths.values()) > USUAL_CELL:
        yield f"half of the code cells have {median(lengths.values())} lines or more, and should have 4 to 6"


def has_enough_text(notebook: NotebookNode) -> Iterator[str]:
    text, code = len(texts(notebook)), len(code_cells(notebook))
    if text < TEXTS_PER_CODE * code:
        yield f"{text} text cells for {code} code cells: there should be {TEXTS_PER_CODE} for each"


def has_described_pictures(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            kinds = {kind for kind in output.get("data", {}) if kind.startswith("image/")}
            if kinds - {"image/png"}:
                yield f"{cell.id}: a picture as {', '.join(sorted(kinds))}; ship PNG only"
            if kinds and not output.metadata.get("image/png", {}).get("alt", "").strip():
                yield f"{cell.id}: a picture without alternative text: show `viz.picture(figure, alt)`"
    for cell in texts(notebook):
        for alt, address in re.findall(r"!\[([^]]*)\]\(([^)]*)\)", cell.source):
            if not alt.strip():
                yield f"{cell.id}: the picture {address} has no alternative text"
            if re.match(r"\w+://", address):
                yield f"{cell.id}: the picture {address} would come from the network"
        for image in re.findall(r"<img\b[^>]*>", cell.source):
            if not re.search(r"\balt=[\"'][^\"']+", image):
                yield f"{cell.id}: an <img> without alternative text"


def has_known_tags(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if unknown := tags(cell) - TAGS:
            yield f"{cell.id}: unknown tags {sorted(unknown)}; known are {sorted(TAGS)}"


def can_be_graded(notebook: NotebookNode) -> Iterator[str]:
    """Stubs and checks carry what nbgrader reads: this is to be written, this is worth points."""
    wanted = {"exercise": ("solution", "the learner writes here"), "check": ("grade", "it is worth points")}
    for cell in notebook.cells:
        for tag in tags(cell) & wanted.keys():
            field, meaning = wanted[tag]
            told = cell.metadata.get("nbgrader", {})
            points = field != "grade" or told.get("points", 0) > 0
            if not (told.get(field) and points and told.get("grade_id") == cell.id):
                yield f"{cell.id}: nbgrader is not told that {meaning}"


def has_checks_that_show_no_solution(notebook: NotebookNode) -> Iterator[str]:
    """A check cell calls checks, and shows nothing besides: a solution comes when it is asked for."""
    for cell in code_cells(notebook):
        if "check" in tags(cell):
            parts = [ast.unparse(node) for node in ast.parse(cell.source).body]
            others = [part for part in parts if not re.match(r"(import|from|ex\.\w+\.check\()", part)]
            yield from (f"{cell.id}: `{part[:60]}` belongs into a cell of its own" for part in others)


def asserts_what_is_not_compared(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        widget = "interact" in cell.source
        if "nbval-ignore-output" in tags(cell) and not widget and "assert " not in cell.source:
            yield f"{cell.id}: its output is not compared, so it must end in an assertion with a margin"


def ends_with_its_closing_parts(notebook: NotebookNode) -> Iterator[str]:
    lines = [line for cell in texts(notebook) for line in cell.source.lower().splitlines()]
    headings = [line.lstrip("# ") for line in lines if re.match(r"#+ ", line)]
    for wanted in CLOSING_HEADINGS:
        if not any(heading.startswith(wanted) for heading in headings):
            yield f"there is no heading '{wanted.capitalize()}'"


def names_no_machine(notebook: NotebookNode) -> Iterator[str]:
    """Outputs hold no path of the computer on which the notebook was run."""
    places = re.compile(r"(/home/|/Users/|/root/|/tmp/|\b[A-Z]:\\\\?Users)[^\s'\"<]*")
    here = str(Path(__file__).resolve().parents[2])
    for cell in code_cells(notebook):
        for output in cell.outputs:
            text = "".join(_texts_of(output))
            if found := (places.search(text) or re.search(re.escape(here), text)):
                yield f"{cell.id}: its output names a place on one computer: {found[0]}"


def _texts_of(output: NotebookNode) -> Iterator[str]:
    yield output.get("text", "")
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/"):
            yield value


def is_for_any_python(notebook: NotebookNode) -> Iterator[str]:
    name = notebook.metadata.get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"its kernel is {name!r}, and must be 'python3'"


RULES: tuple[Rule, ...] = (
    has_readable_ids,
    begins_with_its_objectives,
    states_its_times,
    is_divided_into_sittings,
    adds_up_its_sittings,
    was_run_in_order,
    has_short_cells,
    has_enough_text,
    has_described_pictures,
    has_known_tags,
    can_be_graded,
    has_checks_that_show_no_solution,
    asserts_what_is_not_compared,
    ends_with_its_closing_parts,
    names_no_machine,
    is_for_any_python,
)
