"""The plan of the house, held: its folders are the course, and imports run downward.

Everything is read off the folders and off `COURSE`. The floors, from the ground up: the files at the top
(config, arguments, runtime, files, intervals), `world`, `data`, then the topics in their order. `pretrained`
stands on the topics up to `training`, and those after it may use it. `figures` and `exercises` stand on the
ground and know no topic; views and exercises of a topic may use them and all below; `shell` uses all.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from course_lib import COURSE, PARTS

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "course_lib"
TOPICS = [topic.name for topic in COURSE]
GROUND = sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("_"))
FOLDERS = ["world", "data", "pretrained", "figures", "exercises", "shell"]
BEFORE_PRETRAINED = TOPICS[: TOPICS.index("training") + 1]
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Full names of what is imported: course_lib.data for both ways to write it."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written out in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements that run when a module is imported: not those in functions, nor for type checkers."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        for part in ("body", "orelse", "finalbody", "handlers"):
            yield from at_import(getattr(node, part, []))


def shows_or_judges(path: Path) -> bool:
    """Whether a file is one of a topic's views or exercises."""
    return bool({"views", "exercises"} & set(path.relative_to(PACKAGE).with_suffix("").parts[1:]))


def allowed(path: Path) -> set[str]:
    """The folders, and the files of the ground, that a file may import from."""
    home = path.relative_to(PACKAGE).with_suffix("").parts[0]
    below = {"world": GROUND, "data": GROUND, "figures": GROUND, "exercises": [*GROUND, "figures"]}
    below["pretrained"] = [*GROUND, "data", *BEFORE_PRETRAINED]
    if home in TOPICS:
        shared = ["figures", "exercises"] if shows_or_judges(path) else []
        shared += [] if home in BEFORE_PRETRAINED else ["pretrained"]
        return {*GROUND, "world", "data", *shared, *TOPICS[: TOPICS.index(home) + 1]}
    return {home, *below.get(home, GROUND if home in GROUND else [*GROUND, *FOLDERS, *TOPICS])}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_run_downward(path):
    found = [name.split(".") for name in imports(ast.walk(tree(path)))]
    ours = [parts[1:] for parts in found if parts[0] == "course_lib" and len(parts) > 1]
    wrong = {parts[0] for parts in ours if parts[0].islower()} - allowed(path)
    assert not wrong, f"it may not import {sorted(wrong)}, which stand above it"
    if not shows_or_judges(path) and path.parts[len(PACKAGE.parts)] in TOPICS:
        upward = [parts for parts in ours if {"views", "exercises"} & set(parts[1:])]
        assert not upward, f"code never imports views or exercises: {upward}"
        drawing = {parts[0] for parts in found} & {"matplotlib", "IPython"}
        assert not drawing, "only views draw"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_transformers_is_imported_late(path):
    early = [name for name in imports(at_import(tree(path).body)) if name.startswith("transformers")]
    assert not early, "it takes seconds to import: import it inside the function that needs it"


def test_every_folder_is_a_topic_or_known_and_every_topic_has_its_places():
    there = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    absent = [f"the folder course_lib/{name}" for name in {*TOPICS, *FOLDERS} - there]
    absent += [f"a row in COURSE for course_lib/{name}" for name in there - {*TOPICS, *FOLDERS}]
    absent += [f"{t.name}'s part {t.part} in PARTS" for t in COURSE if t.part and t.part not in PARTS]
    notebooks = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    absent += [f"notebooks/{t.notebook}" for t in COURSE if t.notebook not in notebooks]
    absent += [f"a row in COURSE for {name}" for name in notebooks - {t.notebook for t in COURSE}]
    for name in TOPICS:
        absent += [f"{name}/{p}" for p in ("__init__.py", "views*") if not [*(PACKAGE / name).glob(p)]]
        absent += [f"exercises in {name}"] * (not [*(PACKAGE / name).glob("exercises*")])
        tests = [ROOT / "tests" / name / f"test_{what}.py" for what in ("exercises", "views")]
        absent += [str(path.relative_to(ROOT)) for path in tests if not path.exists()]
    absent += [f"tests in tests/{n}" for n in FOLDERS if not [*(ROOT / "tests" / n).glob("test_*.py")]]
    assert not absent, f"missing: {'; '.join(absent)}"


@pytest.mark.parametrize("name", [*FOLDERS, *TOPICS])
def test_a_public_name_is_not_that_of_a_file_beside_it(name):
    public = getattr(import_module(f"course_lib.{name}"), "__all__", ())
    assert not {path.stem for path in (PACKAGE / name).iterdir()} & set(public), "which would one get?"


def test_the_readme_lists_the_course():
    rows = [f"| [{t.number} {t.title}](notebooks/{t.notebook}) | {t.question} | {t.gain} |" for t in COURSE]
    assert "\n".join(rows) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_is_light_loads_nothing_heavy():
    """Signs, the shell, all views and the exercises' machine: no library before it is needed."""
    names = [*GROUND, "exercises", *(f"shell.{path.stem}" for path in (PACKAGE / "shell").glob("*.py"))]
    names += [f"{topic}{part}" for topic in TOPICS for part in ("", ".views")] + ["start_here.exercises"]
    code = "import sys, course_lib\n"
    code += "assert {m for m in sys.modules if m.startswith('course_lib')} == {'course_lib'}\n"
    code += "".join(f"import course_lib.{name}\n" for name in names if "__init__" not in name)
    code += "heavy = {'torch', 'numpy', 'transformers', 'matplotlib', 'IPython'} & set(sys.modules)\n"
    code += "assert not heavy, heavy\n"
    code += "import course_lib.tokens.tokenizers, course_lib.data.corpora, course_lib.world.tasks\n"
    code += "assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_imports_are_read_wherever_they_stand():
    code = (
        "import a.b\nfrom course_lib import data\nif TYPE_CHECKING:\n    import c\ndef f():\n    import d\n"
    )
    code += "try:\n    import e\nexcept ImportError:\n    import g\n"
    body = ast.parse(code)
    assert set(imports(ast.walk(body))) == {"a.b", "course_lib.data", "c", "d", "e", "g"}
    assert set(imports(at_import(body.body))) == {"a.b", "course_lib.data", "e", "g"}
