"""The plan of the package, held: who imports whom, what loads torch, what is explained, what stays small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "course_lib"

TOPICS = (
    *("finetuning", "translation", "sentiment", "assistant"),
    *("limits", "modern", "scaling", "preferences", "interpretability"),
)
NOTEBOOK_VIEWS = (
    "bpe_views",
    "context_views",
    "attention_views",
    "model_views",
    "training_views",
    "generation_views",
    "interop_views",
    "finetuning_views",
    "translation_views",
    "sentiment_views",
    "assistant_views",
)  # 01 to 11
# From the ground up: a module imports only from rows above its own, whether at the top or inside a function.
ROWS = (
    ("config", "runtime"),
    ("world",),
    ("download", "text_files"),  # support data
    ("data",),
    ("bpe",),  # these four support tokens
    ("naive_bpe", "token_files"),
    ("tokenizer_base",),
    ("tokens",),
    ("context",),
    ("attention", "activations"),  # activations support model
    ("model",),
    ("anatomy",),  # supports notebook 04
    ("schedules", "optim"),  # these four rows support training
    ("recipe",),
    ("evaluation",),
    ("checkpoint",),
    ("training",),
    ("speedrun",),  # recipes for training, compared by bench
    ("sampling", "lean"),  # these three rows support generation
    ("decoding",),
    ("beam",),
    ("generation",),
    ("clinic",),  # sick trainings for notebook 05
    ("writing_quality",),  # supports notebook 06
    ("families", "serving"),  # these two support interop
    ("interop",),
    (
        "question_answering",
        "examples",
        "translation_scores",
        "assistant_checks",
        "bag_of_words",
        "classification_scores",
    ),  # these support Part II
    TOPICS,
    ("show", "drawing"),  # drawing supports all figures
    ("token_views", "pictures"),  # support viz
    NOTEBOOK_VIEWS,
    ("viz",),
    ("exercises",),
    ("capstone",),  # at the end of notebook 06: the learner's pieces, assembled
    ("machine", "packages"),  # support doctor
    ("doctor", "cli_model"),
    ("bench",),
    ("__main__",),
)
RANK = {name: number for number, row in enumerate(ROWS) for name in row}
CONCEPTS = (
    *("config", "runtime", "data", "tokens", "context", "attention", "model", "training", "generation"),
    *("interop", *TOPICS),
)
# What a module does not know, though it stands above it.
STRANGERS = {
    **{name: ("tokens", "model") for name in ("generation", "sampling", "lean", "decoding", "beam")},
    **{name: ("model",) for name in ("training", "optim", "evaluation", "recipe", "schedules")},
    **{name: ("training",) for name in ("interop", "families")},
    "serving": ("tokens", "model", "training", "interop"),
    **{
        name: ("context", "attention", "model", "training", "generation", "interop", *TOPICS)
        for name in ("show", "drawing", "token_views", "pictures", "viz", *NOTEBOOK_VIEWS)
    },
    "exercises": ("viz", "token_views", "pictures"),
}
NEVER_TORCH = (
    *(
        "config",
        "world",
        "data",
        "download",
        "text_files",
        "serving",
        "question_answering",
        "assistant_checks",
    ),
    *("classification_scores", "translation_scores"),
    *("bpe", "naive_bpe", "token_files", "tokenizer_base", "tokens"),
)
# These may use torch, but not before one of their functions is called.
LATE_TORCH = (
    *("runtime", "schedules", "recipe", "exercises"),
    *("show", "drawing", "token_views", "pictures", "viz", *NOTEBOOK_VIEWS),
    *("machine", "packages", "doctor", "cli_model", "bench", "__main__"),
)
LONGEST_MODULE = 250
LONG_MODULES = {
    "assistant.py": "the template, what is learned, the talk and the measure, read as one in notebook 11",
    "attention.py": "the formula, the layer and its cache are read as one",
    "attention_views.py": "the figures of one notebook, side by side",
    "bpe_views.py": "the figures of one notebook, side by side",
    "capstone.py": "the pieces, and the four things that are made of them",
    "checkpoint.py": "two kinds of file, each with everything that can be wrong with it",
    "cli_model.py": "the options of two commands, each with its help",
    "context.py": "the whole of notebook 02: batches, n-grams, recurrent networks and positions",
    "context_views.py": "the figures of one notebook, side by side",
    "data.py": "six corpora and what to do where one is missing",
    "doctor.py": "one table, from Python to the kernel, with advice for each row",
    "families.py": "four families of models, side by side so that they can be compared",
    "generation_views.py": "the figures of one notebook, side by side",
    "interop.py": "out and in again, with all that transformers wants to be told",
    "model.py": "the GPT and its options, read from top to bottom in notebook 04",
    "token_views.py": "four views of tokens that share their colours and their form",
    "sentiment.py": "four kinds of classifiers side by side, each asked in the same way",
    "tokens.py": "two tokenizers with the same interface",
    "translation.py": "all of notebook 09 but its scores: pairs, translating, alignment, a dictionary",
    "training.py": "the loop and everything that it promises: resume, Ctrl-C, callbacks",
    "training_views.py": "the figures of one notebook, side by side",
    "viz.py": "every figure of the course",
    "bench/report.py": "the rows, their two kinds of tables and their file",
    "bench/startup.py": "four ways to wait, each with processes of its own",
    "exercises/_compare.py": "comparing any two values, with words for each way to differ",
    "exercises/_core.py": "all that a learner can call on an exercise",
    "exercises/_run.py": "time limits and tracebacks on every platform",
    "exercises/assistant.py": "mostly the texts of exercises and quizzes",
    "exercises/attention.py": "mostly the texts of exercises and quizzes",
    "exercises/context.py": "mostly the texts of exercises and quizzes",
    "exercises/finetuning.py": "mostly the texts of exercises and quizzes",
    "exercises/generation.py": "mostly the texts of exercises and quizzes",
    "exercises/interop.py": "mostly the texts of exercises and quizzes",
    "exercises/model.py": "mostly the texts of exercises and quizzes",
    "exercises/sentiment.py": "mostly the texts of exercises and quizzes",
    "exercises/start_here.py": "mostly the texts of exercises and quizzes",
    "exercises/tokens.py": "mostly the texts of exercises and quizzes",
    "exercises/translation.py": "mostly the texts of exercises and quizzes",
    "exercises/training.py": "mostly the texts of exercises and quizzes",
    "world/questions.py": "mostly a table of questions",
    "world/instructions.py": "eight kinds of instructions with their wordings and checks",
    "world/telling.py": "the little language in which both languages' tellings are written",
    "world/texts.py": "nine kinds of text, one function each",
    "world/words.py": "mostly tables of words",
}
NO_EXAMPLE_NEEDED = {
    "data.write_documents": "writes a file; shown by read_documents and tested",
    "data.read_documents": "reads a file; tested with files of every kind",
    "interop.export_to_transformers": "needs transformers, which takes seconds to import",
    "interop.import_from_transformers": "needs transformers, which takes seconds to import",
    "interop.load_gpt2": "downloads half a gigabyte",
    "training.make_muon": "one line; `course_lib.training.optim.Muon` has the example",
    "training.make_optimizer": "one line, used by train and tested against torch",
}
NO_DOCSTRING_NEEDED = {
    "forward": "of a layer; its class says what it does, and with which shapes",
    "tables": "the constants that a kind of positions keeps; its class says which",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)).replace("\\", "/") for path in FILES]


def row_name(path: Path) -> str:
    """The name under which a file stands in ROWS: the module, or the package that it is in."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Full names of what is imported: course_lib.data for both ways to write it."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written out in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def course_imports(path: Path) -> set[str]:
    """The modules of the course that a file imports, anywhere in it."""
    names = (name.split(".") for name in imports(ast.walk(tree(path))))
    return {parts[1] for parts in names if parts[0] == "course_lib" and len(parts) > 1}


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


# Who may import whom ------------------------------------------------------------------------------


def test_every_module_has_its_place_and_every_place_its_module():
    there = {row_name(path) for path in FILES} - {"__init__"}
    assert there <= RANK.keys(), f"not in ROWS: {sorted(there - RANK.keys())}"
    absent = RANK.keys() - there - set(TOPICS)
    assert not absent, f"in ROWS, but there is no such module: {sorted(absent)}"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_run_downward(path):
    name = row_name(path)
    if name == "__init__":
        assert not list(imports(ast.walk(tree(path)))), "course_lib itself imports nothing"
        return
    upward = {other for other in course_imports(path) - {name} if RANK.get(other, 99) >= RANK[name]}
    assert not upward, f"{name} may not import {sorted(upward)}, which stand above or beside it"


@pytest.mark.parametrize("name", STRANGERS)
def test_what_modules_do_not_know(name):
    for path in (path for path in FILES if row_name(path) == name):
        known = course_imports(path) & set(STRANGERS[name])
        assert not known, f"{path.name} must not know {sorted(known)}"


def test_concepts_never_show_themselves():
    for path in FILES:
        if RANK.get(row_name(path), 99) <= RANK[TOPICS[0]]:
            assert not course_imports(path) & {"viz", "show", "exercises"}, path.name
            plotting = {name for name in imports(ast.walk(tree(path))) if name.startswith("matplotlib")}
            assert not plotting, f"{path.name} draws; only viz does"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_transformers_only_inside_functions_of_interop(path):
    early = [name for name in imports(at_import(tree(path).body)) if name.startswith("transformers")]
    assert not early, "transformers takes seconds to import: import it inside the function that needs it"
    if row_name(path) not in ("interop", "families", "bench"):
        anywhere = [name for name in imports(ast.walk(tree(path))) if name.startswith("transformers")]
        assert not anywhere, "only interop knows transformers, and bench, which measures it"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_torch_on_the_ground_floor(path):
    found = [name for name in imports(ast.walk(tree(path))) if name.split(".")[0] == "torch"]
    assert row_name(path) not in NEVER_TORCH or not found


def test_light_modules_load_nothing_heavy():
    modules = [name for name in (*NEVER_TORCH, *LATE_TORCH) if name != "__main__"]
    code = "import sys, course_lib; before = set(sys.modules)\n"
    code += "own = {name for name in before if name.startswith('course_lib')}\n"
    code += "assert own == {'course_lib'}, own\n"
    code += "\n".join(f"import course_lib.{name}" for name in modules)
    code += "\nimport course_lib.exercises.start_here, course_lib.__main__\n"
    code += "heavy = {'torch', 'numpy', 'transformers', 'matplotlib', 'IPython'} & set(sys.modules)\n"
    code += "assert not heavy, heavy"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# One concept, one name, four places ----------------------------------------------------------------

ONLY_A_NOTEBOOK = {"start_here": "the map of the course; its one exercise is tested with the others"}


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebooks_topic_has_the_same_name_everywhere(notebook):
    topic = notebook.stem.partition("_")[2]
    places = [PACKAGE / "exercises" / f"{topic}.py"]
    if topic not in ONLY_A_NOTEBOOK:
        places += [PACKAGE / f"{topic}.py", ROOT / "tests" / f"test_{topic}.py"]
    absent = [str(place.relative_to(ROOT)) for place in places if not place.exists()]
    assert not absent, f"{notebook.name} has no {', '.join(absent)}"


def test_concepts_have_tests():
    for name in ("world", "data", *CONCEPTS[3:]):
        if (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir():
            assert (ROOT / "tests" / f"test_{name}.py").exists(), f"no tests/test_{name}.py"


# Size ---------------------------------------------------------------------------------------------


def test_functions_are_short():
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for path in FILES for node in ast.walk(tree(path)) if isinstance(node, kinds)]
    assert median(node.end_lineno - node.lineno + 1 for node in functions) < 15


@pytest.mark.parametrize(("path", "name"), list(zip(FILES, NAMES, strict=True)), ids=NAMES)
def test_modules_are_short_or_have_a_reason(path, name):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_MODULE or name in LONG_MODULES, f"{name} has {lines} lines and no reason for them"


def test_reasons_are_for_modules_that_exist():
    assert set(LONG_MODULES) <= set(NAMES)


# Documentation ------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("name", [name for name in CONCEPTS if (PACKAGE / f"{name}.py").exists()])
def test_everything_public_is_explained(name):
    path = PACKAGE / f"{name}.py"
    bare = []
    for node in public(tree(path).body):
        if not ast.get_docstring(node):
            bare.append(node.name)
        if isinstance(node, ast.ClassDef):
            known = {*inherited(node, path), *NO_DOCSTRING_NEEDED}
            methods = [method for method in public(node.body) if method.name not in known]
            bare += [f"{node.name}.{method.name}" for method in methods if not ast.get_docstring(method)]
    assert not bare, f"no docstring: {', '.join(bare)}"


@pytest.mark.parametrize("name", [name for name in CONCEPTS if (PACKAGE / f"{name}.py").exists()])
def test_everything_public_has_an_example(name):
    for node in public(tree(PACKAGE / f"{name}.py").body):
        example = ">>>" in (ast.get_docstring(node) or "")
        assert example or f"{name}.{node.name}" in NO_EXAMPLE_NEEDED, f"{name}.{node.name} has no >>> example"


def test_exceptions_are_for_what_exists():
    for full in NO_EXAMPLE_NEEDED:
        name, _, item = full.partition(".")
        assert item in {node.name for node in public(tree(PACKAGE / f"{name}.py").body)}, full


# The checks themselves ----------------------------------------------------------------------------


def test_imports_are_read_wherever_they_stand():
    code = (
        "import a.b\nfrom course_lib import data\nif TYPE_CHECKING:\n    import c\ndef f():\n    import d\n"
    )
    code += "try:\n    import e\nexcept ImportError:\n    import g\n"
    body = ast.parse(code)
    assert set(imports(ast.walk(body))) == {"a.b", "course_lib.data", "c", "d", "e", "g"}
    assert set(imports(at_import(body.body))) == {"a.b", "course_lib.data", "e", "g"}
