"""What every file says of itself, what everything public explains, and how long files and functions are."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from course_lib import COURSE

PACKAGE = Path(__file__).resolve().parents[1] / "course_lib"
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]
LONGEST = 480  # lines of one file
NO_EXAMPLE_NEEDED = {
    "write_documents": "writes a file; shown by read_documents and tested",
    "read_documents": "reads a file; tested with files of every kind",
    "export_to_transformers": "needs transformers, which takes seconds to import",
    "import_from_transformers": "needs transformers, which takes seconds to import",
    "load_gpt2": "downloads half a gigabyte",
    "Pretrained": "what load_pretrained gives; tested with the model",
    "import_gguf": "needs a file with a model; tested with files of every kind",
    "load_pretrained": "needs a model that was fetched; tested with it",
    "fetch_pretrained": "asks a network; tested with an index on this machine",
    "fetch_if_wanted": "asks a network; tested with an index on this machine",
    "config_of": "needs a file with a model; tested with files of every kind",
    "checked_pieces": "needs a file with a model; tested with files of every kind",
    "serve": "starts a server, which takes seconds; tested with a real one",
    "clinic": "trains for 25 seconds; `run_case` has the example",
    "make_muon": "one line; `course_lib.training.optim.Muon` has the example",
    "make_optimizer": "one line, used by train and tested against torch",
}
NO_DOCSTRING_NEEDED = {
    "forward": "of a layer; its class says what it does, and with which shapes",
    "tables": "the constants that a kind of positions keeps; its class says which",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def is_mostly_text(path: Path) -> bool:
    """Whether a file holds the texts of exercises and quizzes, or tables of words."""
    return "exercises" in path.relative_to(PACKAGE).with_suffix("").parts[1:] or path.stem == "words"


TOPICS = [topic.name for topic in COURSE]
GROUND = [path for path in PACKAGE.glob("*.py") if not path.stem.startswith("_")]
CODE_FOLDERS = [PACKAGE / name for name in (*TOPICS, "data", "pretrained")]
CODE = sorted([*GROUND, *(path for folder in CODE_FOLDERS for path in folder.glob("*.py"))])
CODE = [path for path in CODE if path.stem not in ("__init__", "exercises")]
CODE_NAMES = [path.relative_to(PACKAGE).as_posix() for path in CODE]


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def public(nodes: list[ast.stmt]) -> list[ast.FunctionDef | ast.ClassDef]:
    return [node for node in nodes if isinstance(node, DEFINITIONS) and not node.name.startswith("_")]


def inherited(cls: ast.ClassDef, path: Path) -> set[str]:
    """The methods that a base class in the same file has explained already."""
    bases = {ast.unparse(base) for base in cls.bases}
    classes = [node for node in tree(path).body if isinstance(node, ast.ClassDef) and node.name in bases]
    methods = [method for base in classes for method in public(base.body)]
    documented = {method.name for method in methods if ast.get_docstring(method)}
    return documented.union(*(inherited(base, path) for base in classes))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_modules_say_what_they_are(path):
    text = ast.get_docstring(tree(path)) or ""
    assert len(text.split()) >= 5, "a module's docstring says what it does, and what it does not know"


@pytest.mark.parametrize("path", CODE, ids=CODE_NAMES)
def test_everything_public_is_explained(path):
    bare = []
    for node in public(tree(path).body):
        if not ast.get_docstring(node):
            bare.append(node.name)
        if isinstance(node, ast.ClassDef):
            known = {*inherited(node, path), *NO_DOCSTRING_NEEDED}
            methods = [method for method in public(node.body) if method.name not in known]
            bare += [f"{node.name}.{method.name}" for method in methods if not ast.get_docstring(method)]
    assert not bare, f"no docstring: {', '.join(bare)}"


@pytest.mark.parametrize("path", CODE, ids=CODE_NAMES)
def test_everything_public_has_an_example(path):
    without = [node.name for node in public(tree(path).body) if ">>>" not in (ast.get_docstring(node) or "")]
    assert not set(without) - NO_EXAMPLE_NEEDED.keys(), f"no >>> example: {without}"


def test_exceptions_are_for_what_exists():
    there = {node.name for path in CODE for node in public(tree(path).body)}
    assert there >= NO_EXAMPLE_NEEDED.keys()


# Size ---------------------------------------------------------------------------------------------


def test_functions_are_short():
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for path in FILES for node in ast.walk(tree(path)) if isinstance(node, kinds)]
    assert median(node.end_lineno - node.lineno + 1 for node in functions) < 15


@pytest.mark.parametrize(
    "path", [path for path in FILES if not is_mostly_text(path)], ids=lambda path: path.stem
)
def test_files_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{lines} lines, and {LONGEST} are the most: does it hold two things?"
