"""AGENTS.md, for people who learn with a coding assistant: short, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from course_lib.exercises import Exercise, Quiz
from course_lib.start_here import exercises as start_here

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
WORDS = re.findall(r"`([^`]+)`", TEXT)
MADE_LATER = {".venv", ".progress.json", "my_gpt/", "my_gpt/my_gpt.py"}
PATHS = [word for word in dict.fromkeys(WORDS) if re.fullmatch(r"[\w./]*(/|\.\w{2,5})[\w.]*", word)]


def test_it_is_short():
    assert len(TEXT.splitlines()) <= 70


@pytest.mark.parametrize("path", [path for path in PATHS if path not in MADE_LATER])
def test_the_files_that_it_names_are_there(path):
    assert (ROOT / path).exists()


def test_it_names_files():
    assert {"docs/glossary.md", "CONTRIBUTING.md", "course_lib/attention/formula.py", *MADE_LATER} <= {
        *PATHS,
        ".venv",
    }


def test_what_it_says_of_exercises_is_so():
    for name in ("hint", "solution", "reference", "solution_source", "check"):
        assert name in TEXT and hasattr(start_here.most_likely_next, name)
    assert isinstance(start_here.most_likely_next, Exercise) and isinstance(start_here.quiz, Quiz)
    assert hasattr(start_here, "placement") and "placement" in TEXT


def test_every_stub_can_be_told_by_its_tag_or_its_line():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=nbformat.NO_CONVERT).cells
        stubs = [cell for cell in cells if "exercise" in cell.metadata.get("tags", ())]
        assert stubs and all(cell.cell_type == "code" for cell in stubs), path.name
