"""A notebook as one who has solved everything leaves it: the reference solutions put in, run, and judged.

Knows the tags `exercise` and `check` and how feedback begins; it does not know what any exercise is about.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode
from notebook_rules import code_cells, tags

from course_lib.exercises import Exercise, Feedback, State

HEADLINES = {state: Feedback(state, "").headline for state in State}
CELL_SECONDS = 300


def with_answers(notebook: NotebookNode, exercises: list[Exercise]) -> NotebookNode:
    """A copy of a notebook whose stub cells hold the solutions of these exercises.

    Raises: ValueError for a stub cell that belongs to none of them, and for an exercise without a stub cell.
    """
    filled = copy.deepcopy(notebook)
    solutions = {exercise.name: exercise.solution_source() for exercise in exercises}
    for cell in filled.cells:
        if "exercise" in tags(cell):
            names = [name for name, _ in _stubs(cell.source, solutions)]
            if not names:
                known = ", ".join(solutions) or "none"
                raise ValueError(f"{cell.id} defines no exercise of this topic; there are: {known}.")
            cell.source = answered(cell.source, solutions)
    stubs = [cell.source for cell in notebook.cells if "exercise" in tags(cell)]
    there = {name for source in stubs for name, _ in _stubs(source, solutions)}
    if lacking := [name for name in solutions if name not in there]:
        raise ValueError(f"no cell with the tag `exercise` defines {', '.join(lacking)}.")
    return filled


def answered(source: str, solutions: Mapping[str, str]) -> str:
    """The text of a stub cell with the solution in place of each stub; what else stands there stays.

    >>> answered("import math\\ndef f(x):\\n    raise NotImplementedError", {"f": "f = abs"})
    'import math\\nf = abs'
    """
    lines = source.splitlines()
    for name, node in reversed(list(_stubs(source, solutions))):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        lines[first - 1 : node.end_lineno] = solutions[name].splitlines()
    return "\n".join(lines)


def _stubs(source: str, solutions: Mapping[str, str]) -> Iterator[tuple[str, ast.stmt]]:
    """The definitions in a cell that are exercises: functions, classes and plain values."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        else:
            name = getattr(node, "name", None)
        if name in solutions:
            yield name, node


def exercises_only(notebook: NotebookNode) -> NotebookNode:
    """A copy of a notebook with what is needed to solve it: its setup, the stub cells and the checks."""
    reduced = copy.deepcopy(notebook)
    reduced.cells = [cell for cell in reduced.cells if tags(cell) & {"setup", "exercise", "check"}]
    return reduced


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run a notebook from top to bottom in a folder; a cell that fails does not stop it."""
    places = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", allow_errors=True, resources=places
    )
    return client.execute()


def failures(notebook: NotebookNode) -> list[str]:
    """A sentence for each cell of a run that raised an error, and for each check that was not passed."""
    found = []
    for cell in code_cells(notebook):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        found += [f"{cell.id}: {output.ename}: {output.evalue}" for output in errors]
        if "check" in tags(cell):
            verdicts = list(_verdicts(cell))
            if not verdicts and not errors:
                found.append(f"{cell.id}: it shows no feedback")
            found += [f"{cell.id}: {text}" for state, text in verdicts if state is not State.RIGHT]
    return found


def _verdicts(cell: NotebookNode) -> Iterator[tuple[State, str]]:
    """How each feedback in a cell's outputs begins, and its text."""
    for output in cell.outputs:
        text = output.get("data", {}).get("text/plain", "")
        for state, headline in HEADLINES.items():
            if text.startswith(f"{headline}  ("):
                yield state, text
