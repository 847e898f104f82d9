"""Every notebook's exercises, run with the course's own solutions in them, pass all of their checks.

The notebooks as they are shipped are run by nbval, each quick cell twice in a row. What stands beside the
exercises does not depend on the answers, so it need not run again with them.
"""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import notebook_answers as answers
import pytest
from nbformat import v4
from notebook_rules import tags

from course_lib.exercises import Case, Exercise, Mistake, exercises_of, progress

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    """Progress and answers go to a folder of the test, and one thread computes."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_all_exercises_are_right_with_the_solutions_put_in(path, tmp_path):
    topic = path.stem.partition("_")[2]
    notebook = nbformat.read(path, as_version=4)
    ran = answers.run(answers.exercises_only(answers.with_answers(notebook, exercises_of(topic))), tmp_path)
    found = answers.failures(ran)
    assert not found, "\n".join(["", *found])
    undone = [row.title for row in progress().rows[topic] if row.state != "right"]
    assert not undone, f"right in the notebook, but not in the progress: {undone}"


# The means themselves -----------------------------------------------------------------------------


def _twice(x):
    return 2 * x


WRONG = [Mistake(str(n), lambda x, n=n: n, "It is another number.") for n in (1, 3, 5)]
HELP = {"hints": ("Think of x + x.", "It is 2 * x."), "explanation": "Twice.", "mistakes": WRONG}
TWICE = Exercise(name="twice", topic="start_here", title="Twice", reference=_twice, cases=[Case(2)], **HELP)
SIZE = Exercise(name="size", topic="start_here", title="Size", reference=7, cases=[Case()], **HELP)


def cell(source, *tags, name="a-cell", outputs=()):
    return v4.new_code_cell(source, id=name, metadata={"tags": list(tags)}, outputs=list(outputs))


def notebook(*cells):
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    return v4.new_notebook(cells=list(cells), metadata=kernel)


STUB = cell("import math\n\ndef twice(x):\n    raise NotImplementedError\n\nmath.pi", "exercise")
VALUE = cell("size = ...", "exercise", name="size-stub")


def test_a_solution_replaces_the_stub_and_nothing_else():
    filled = answers.with_answers(notebook(STUB, VALUE, cell("twice = 3", name="later")), [TWICE, SIZE])
    assert filled.cells[0].source == "import math\n\ndef twice(x):\n    return 2 * x\n\nmath.pi"
    assert filled.cells[1].source == "size = 7"
    assert filled.cells[2].source == "twice = 3"  # not a stub cell


def test_the_given_notebook_stays_as_it_was():
    given = notebook(STUB)
    answers.with_answers(given, [TWICE])
    assert "NotImplementedError" in given.cells[0].source


def test_decorated_stubs_and_classes():
    solutions = {"f": "def f(): return 1", "C": "class C:\n    x = 1"}
    assert answers.answered("@cache\ndef f():\n    ...\nclass C: ...\n", solutions) == (
        "def f(): return 1\nclass C:\n    x = 1"
    )


def test_a_stub_of_no_exercise_and_an_exercise_without_a_stub():
    with pytest.raises(ValueError, match="a-cell defines no exercise of this topic; there are: size"):
        answers.with_answers(notebook(STUB), [SIZE])
    with pytest.raises(ValueError, match="no cell with the tag `exercise` defines size"):
        answers.with_answers(notebook(STUB), [TWICE, SIZE])


def shown(text):
    return v4.new_output("display_data", {"text/plain": text})


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([shown("Right!  (Twice)\n\nIt passes.")], ""),
        ([shown("Right!  (Twice)"), shown("Not right yet  (Size)\n\nIt is 1.")], "Not right yet"),
        ([shown("Not attempted yet  (Twice)")], "Not attempted yet"),
        ([shown("It did not finish  (Twice)")], "It did not finish"),
        ([shown("<Figure>")], "it shows no feedback"),
        ([], "it shows no feedback"),
        ([v4.new_output("error", ename="NameError", evalue="x", traceback=[])], "a-cell: NameError: x"),
    ],
)
def test_what_counts_as_a_failure(outputs, words):
    found = answers.failures(notebook(cell("check", "check", outputs=outputs)))
    assert words in "\n".join(found) and bool(words) == bool(found)


def test_only_the_exercises_are_run():
    setup, other = cell("import math", "setup", name="setup"), cell("1 / 0", name="other")
    check = cell("ex.twice.check(twice)", "check", name="check")
    reduced = answers.exercises_only(notebook(setup, other, STUB, check))
    assert [one.id for one in reduced.cells] == ["setup", STUB.id, "check"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_nothing_but_a_check_depends_on_an_answer(path):
    cells = answers.code_cells(nbformat.read(path, as_version=4))
    stubs = set().union(*(_names(one.source, ast.Store) for one in cells if "exercise" in tags(one)))
    for one in cells:
        if not tags(one) & {"exercise", "check"}:
            assert not stubs & _names(one.source, ast.Load), one.id


def _names(source, context):
    """The names that a cell uses, or those that it defines; what a function names inside is its own."""
    body = ast.parse(source).body
    defined = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    looked_at = [node for node in body if node not in defined] if context is ast.Store else body
    found = {
        node.id
        for part in looked_at
        for node in ast.walk(part)
        if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }
    return found | {node.name for node in defined} if context is ast.Store else found


def test_the_names_inside_a_function_are_its_own():
    source = "def heads(x):\n    scores = x @ x\n    return scores\nlast = heads(first)"
    assert _names(source, ast.Store) == {"heads", "last"}
    assert _names(source, ast.Load) >= {"x", "scores", "heads", "first"}


def test_feedback_elsewhere_is_no_failure():
    """A cell that shows a mistake on purpose has no tag `check`."""
    wrong = cell("ex.twice.check(wrong)", outputs=[shown("Not right yet  (Twice)")])
    assert not answers.failures(notebook(wrong))


def test_a_run_goes_on_after_an_error(tmp_path):
    ran = answers.run(notebook(cell("1 / 0"), cell("print(6 * 7)", name="later")), tmp_path)
    assert ran.cells[1].outputs[0].text == "42\n"
    assert answers.failures(ran) == ["a-cell: ZeroDivisionError: division by zero"]
