"""Every notebook has the course's form, and the rules of that form find what breaks them."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import nbformat
import notebook_rules as rules
import pytest
from nbformat import v4

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_form(path):
    found = rules.problems(path)
    assert not found, "\n".join(["", *found])


def test_names_and_numbers():
    """Two digits and a topic, and no number twice."""
    for path in NOTEBOOKS:
        number, _, topic = path.stem.partition("_")
        assert number.isdigit() and len(number) == 2 and topic.isidentifier(), path.name
    numbers = [path.stem[:2] for path in NOTEBOOKS]
    assert len(set(numbers)) == len(numbers)


def test_the_readme_lists_the_notebooks_that_exist_and_no_others():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\((?:\./)?notebooks/(\w+)\.ipynb\)", readme))
    assert linked == {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_links_lead_somewhere(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    links = [
        link
        for cell in rules.texts(notebook)
        for link in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", cell.source)
    ]
    assert links, "no notebook stands alone: link the one before and the one after"
    assert not [link for link in links if not (path.parent / link).exists()]


def test_the_readme_names_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make lab" in readme and "make test" in readme


# The rules themselves -----------------------------------------------------------------------------

FIRST = """# Attention

Where does a token look?

- compute it
- draw it
- change it

It builds on 02.

Read 20 min · exercises 25 min · runs 40 s on 2 CPU cores

Two sittings: 1 Scores (30 min) · 2 A GPT-2 (15 min)
"""
STOP = "**A place to stop.** You have scores. What comes next uses them."
SITTINGS = {
    "sitting-1": "# Sitting 1 of 2 · Scores\n\nRead 15 min · exercises 15 min",
    "stop-1": STOP,
    "sitting-2": "# Sitting 2 of 2 · A GPT-2\n\nRead 5 min · exercises 10 min (5 of them *more*)",
}


def output(**data):
    metadata = {"image/png": {"alt": "A line that falls."}} if "image_png" in data else {}
    bundle = {name.replace("_", "/").replace("svg/", "svg+"): value for name, value in data.items()}
    return v4.new_output("display_data", bundle, metadata=metadata)


@pytest.fixture
def good():
    """A small notebook that keeps all the rules."""
    cells = [v4.new_markdown_cell(FIRST, id="attention", metadata={"tags": ["objectives"]})]
    for number, name in enumerate(("setup", "scores", "gpt2-shape"), start=1):
        cells.append(v4.new_markdown_cell("Why.", id=f"{name}-why"))
        outputs = [output(text_plain="3"), output(image_png="AAAA")]
        cells.append(v4.new_code_cell("1 + 2", id=f"{name}-code", execution_count=number, outputs=outputs))
    parts = [v4.new_markdown_cell(source, id=name) for name, source in SITTINGS.items()]
    cells = [cells[0], parts[0], *cells[1:5], *parts[1:], *cells[5:]]
    for heading in ("Recap", "What we left out", "Further reading"):
        cells.append(v4.new_markdown_cell(f"## {heading}", id=heading.lower().replace(" ", "-")))
    return v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "P"}})


@pytest.fixture
def found(tmp_path):
    """What the rules find in a notebook, as one text."""

    def find(notebook) -> str:
        path = tmp_path / "x.ipynb"
        nbformat.write(copy.deepcopy(notebook), path)
        return "\n".join(rules.problems(path))

    return find


def test_a_good_notebook_has_no_problems(good, found):
    assert found(good) == ""


def first(notebook):
    return notebook.cells[0]


def code(notebook, number=1):
    return rules.code_cells(notebook)[number]


def replace_first(old, new):
    def change(notebook):
        assert old in first(notebook).source
        first(notebook).source = first(notebook).source.replace(old, new)

    return change


def set_code(source, number=1):
    return lambda notebook: code(notebook, number).update(source=source)


def set_id(name):
    return lambda notebook: code(notebook).update(id=name)


def set_tags(*tags, source="1 + 2"):
    return lambda notebook: code(notebook).update(source=source, metadata={"tags": list(tags)})


def set_outputs(*outputs):
    return lambda notebook: code(notebook).update(outputs=list(outputs))


def set_text(source):
    return lambda notebook: rules.texts(notebook)[1].update(source=source)


def long_cells(notebook):
    for cell in rules.code_cells(notebook):
        cell.source = "x = 1\n" * 9


def drop_heading(notebook):
    notebook.cells = [cell for cell in notebook.cells if cell.id != "recap"]


def drop_texts(notebook):
    notebook.cells = rules.code_cells(notebook)


def drop(*names):
    def change(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.id not in names]

    return change


def replace_in(name, old, new):
    def change(notebook):
        (cell,) = (cell for cell in notebook.cells if cell.id == name)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


BROKEN = {
    "older format": (lambda n: n.update(nbformat_minor=4), "must be 4.5"),
    "random id": (set_id("3f9a2c1b"), "'3f9a2c1b' is not made of lower-case words"),
    "uuid": (set_id("0c9f1be2-6a0d-4c5e"), "is not made of lower-case words"),
    "capitals": (set_id("Scores-Code"), "is not made of lower-case words"),
    "very short id": (set_id("a1"), "is not made of lower-case words"),
    "no title": (replace_first("# Attention", "Attention"), "does not begin with a title"),
    "no question": (replace_first("?", "."), "asks no question"),
    "two aims": (replace_first("- draw it\n", ""), "lists 2 things"),
    "builds on nothing": (replace_first("It builds on 02.", ""), "what the notebook builds on"),
    "no tag": (lambda n: first(n).update(metadata={}), "no tag `objectives`"),
    "no times": (replace_first("runs 40 s", "runs fast"), "has no line `Read 20 min"),
    "slow": (replace_first("runs 40 s", "runs 180 s"), "must run for less than 180 s"),
    "no text first": (lambda n: n.cells.pop(0), "no line `Read"),
    "no sittings": (drop(*SITTINGS), "it has 0 sittings, and should have two or three"),
    "one sitting": (drop("stop-1", "sitting-2"), "it has 1 sittings, and should have two or three"),
    "two first sittings": (replace_in("sitting-2", "2 of 2", "1 of 2"), "are numbered 1 of 2, 1 of 2"),
    "a long sitting": (
        replace_in("sitting-1", "Read 15 min", "Read 80 min"),
        "sitting 1 takes 95 min, and 90 are the most",
    ),
    "a sitting without times": (
        replace_in("sitting-2", "Read 5 min", "Soon read"),
        "sitting-2: a sitting begins with",
    ),
    "a late first sitting": (
        lambda n: n.cells.insert(1, n.cells.pop(2)),
        "not begin right after the first cell",
    ),
    "no place to stop": (drop("stop-1"), "scores-code: here a sitting ends, and there is no place to stop"),
    "stop without words": (replace_in("stop-1", STOP, STOP[:24]), "stop-1: what you have is said in one to"),
    "much said at a stop": (
        replace_in("stop-1", STOP, f"{STOP} {STOP}"),
        "stop-1: what you have is said in one to",
    ),
    "reading that does not add up": (
        replace_in("sitting-1", "Read 15 min", "Read 25 min"),
        "read: the sittings' minutes add up to 30, and the first cell says 20",
    ),
    "exercises that do not add up": (
        replace_first("exercises 25 min", "exercises 40 min"),
        "exercises: the sittings' minutes add up to 25, and the first cell says 40",
    ),
    "a sitting that is not named": (replace_first("2 A GPT-2 (15 min)", "2"), "`2 A GPT-2 (15 min)`"),
    "not run": (lambda n: code(n).update(execution_count=None), "were not run in order"),
    "run out of order": (lambda n: code(n).update(execution_count=7), "their numbers are [1, 7, 3]"),
    "error": (set_outputs(v4.new_output("error", ename="E", evalue="", traceback=[])), "is an error"),
    "no outputs": (lambda n: [c.update(outputs=[]) for c in rules.code_cells(n)], "no cell has an output"),
    "long cell": (set_code("x = 1\n" * 31), "31 lines of code"),
    "long cells": (long_cells, "have 9 lines or more"),
    "empty cell": (set_code(""), "no code"),
    "little text": (drop_texts, "text cells for 3 code cells"),
    "svg": (set_outputs(output(image_svg_xml="<svg/>")), "a picture as image/svg+xml"),
    "picture without words": (
        set_outputs(v4.new_output("display_data", {"image/png": "AAAA"})),
        "a picture without alternative text",
    ),
    "markdown picture without words": (set_text("![](map.png)"), "the picture map.png has no alternative"),
    "remote picture": (set_text("![a map](https://x.org/map.png)"), "would come from the network"),
    "html picture without words": (set_text('<img src="map.png">'), "an <img> without alternative text"),
    "unknown tag": (set_tags("hidden"), "unknown tags ['hidden']"),
    "not compared": (set_tags("nbval-ignore-output"), "must end in an assertion"),
    "no stub for nbgrader": (set_tags("exercise"), "nbgrader is not told that the learner writes here"),
    "no points for nbgrader": (set_tags("check"), "nbgrader is not told that it is worth points"),
    "a check that shows a solution": (
        lambda n: set_graded(n, "ex.mask.check(mask)\nshow(library.mask, folded=True)"),
        "`show(library.mask, folded=True)` belongs into a cell of its own",
    ),
    "no recap": (drop_heading, "there is no heading 'Recap'"),
    "a path": (set_outputs(output(text_plain="'/home/ada/x.py'")), "names a place on one computer"),
    "another kernel": (lambda n: n.metadata.kernelspec.update(name="conda-env"), "its kernel is 'conda-env'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_finds_what_breaks_it(name, good, found):
    change, words = BROKEN[name]
    change(good)
    assert words in found(good)


def test_a_sitting_may_have_no_exercises(good, found):
    replace_in("sitting-1", " · exercises 15 min", "")(good)
    replace_in("sitting-2", "exercises 10 min", "exercises 25 min")(good)
    replace_first("1 Scores (30 min) · 2 A GPT-2 (15 min)", "1 Scores (15 min) · 2 A GPT-2 (30 min)")(good)
    assert found(good) == ""


def test_two_cells_with_one_id(good):
    good.cells[2].id = good.cells[3].id
    assert list(rules.has_readable_ids(good)) == ["2 cells have the id 'setup-code'"]


def set_graded(notebook, source="from x import ex\n\nex.mask.check(mask)"):
    told = {"grade": True, "points": 1, "grade_id": code(notebook).id}
    code(notebook).update(source=source, metadata={"tags": ["check"], "nbgrader": told})


@pytest.mark.parametrize(
    "change", [set_tags("nbval-ignore-output", source="x = 1\nassert x > 0"), set_id("q-k-2"), set_graded]
)
def test_what_is_allowed(change, good, found):
    change(good)
    assert found(good) == ""
