"""What is named is there: names and files of signs, modules in any text, exercises in notebooks."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from course_lib import COURSE
from course_lib.exercises import exercises_of, quiz_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "course_lib"
TOPICS = [topic.name for topic in COURSE]
SIGNS = [path.parent.name for path in sorted(PACKAGE.glob("*/__init__.py"))]
TEXTS = [
    path
    for pattern in ("*.md", "*.toml", "Makefile", "*.py", "*/*.md", "scripts/*.py", "**/*.ipynb")
    for path in sorted(ROOT.glob(pattern))
    if not {".venv", "node_modules", "build"} & set(path.relative_to(ROOT).parts)
]
TEXTS += [*sorted(PACKAGE.rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]


@pytest.mark.parametrize("name", SIGNS)
def test_every_name_of_a_sign_is_there(name):
    sign = import_module(f"course_lib.{name}")
    absent = [public for public in getattr(sign, "__all__", ()) if not hasattr(sign, public)]
    assert not absent


@pytest.mark.parametrize("name", [name for name in TOPICS if name != "start_here"])
def test_a_sign_lists_the_files_beside_it(name):
    rows = re.findall(r"^\| (`.+?`) +\|", import_module(f"course_lib.{name}").__doc__, re.MULTILINE)
    told = {file for row in rows for file in re.findall(r"`(\w+)`", row)}
    files = {path.stem for path in (PACKAGE / name).glob("*.py")}
    assert told == files - {"__init__", "views", "exercises"}


@cache
def resolves(dotted: str) -> bool:
    """Whether a dotted name that begins with a module of the course leads somewhere."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = find_spec(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        if found is not None:
            value = import_module(".".join(parts[:end])) if parts[end:] else None
            for name in parts[end:]:
                if not hasattr(value, name):
                    return False
                value = getattr(value, name)
            return True
    return False


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_and_files_that_a_text_names_are_there(path):
    text = path.read_text(encoding="utf-8")
    dotted = set(re.findall(r"\bcourse_lib(?:\.[a-z_]\w*)+(?:\.[A-Z]\w*)?", text))
    files = set(re.findall(r"\bcourse_lib/[\w/]+\.\w+", text))
    absent = [name for name in dotted if not resolves(name)]
    absent += [name for name in files if not (ROOT / name).exists()]
    assert not set(absent) - EXAMPLES.get(path.name, set())


EXAMPLES = {  # names that stand for something that is not there, on purpose
    "CONTRIBUTING.md": {"course_lib/limits/__init__.py"},
    "test_environment.py": {"course_lib/__pycache__/x.pyc"},
    "test_names.py": {
        "course_lib/limits/__init__.py",
        "course_lib/__pycache__/x.pyc",
        "course_lib.activations",
    },
    "_places.py": {"course_lib.activations"},
    "test_keeping.py": {"course_lib.activations"},
}


@pytest.mark.parametrize("topic", COURSE, ids=lambda topic: topic.name)
def test_a_notebook_has_its_exercises_and_its_quiz(topic):
    cells = json.loads((ROOT / "notebooks" / topic.notebook).read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    absent = [e.name for e in exercises_of(topic.name) if f"ex.{e.name}.check(" not in code]
    assert not absent, "no cell checks them"
    assert quiz_of(topic.name) is not None and "ex.quiz.show()" in code
