"""`python -m course_lib review`: what to repeat today, at a shell."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from course_lib.__main__ import app


@pytest.fixture
def progress_file(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


def run(*arguments):
    return CliRunner().invoke(app, ["review", *arguments])


def test_what_is_due_is_listed(progress_file):
    entries = {"start_here.most_likely_next": {"state": "right", "tries": 1}}
    progress_file.write_text(
        json.dumps({"version": 1, "exercises": entries, "quiz": {"start_here": {"2": "wrong"}}})
    )
    done = run("--most", "1")
    assert done.exit_code == 0 and "The smallest language model (box 1 of 5" in done.output
    assert done.output.startswith("To repeat today: 1 (1 more can wait")


@pytest.mark.parametrize("content", ["", "{", None], ids=["empty", "damaged", "absent"])
def test_a_file_that_says_nothing_is_no_mistake(progress_file, content):
    if content is not None:
        progress_file.write_text(content)
    done = run()
    assert done.exit_code == 0 and done.output.startswith("Nothing to repeat yet")


def test_a_number_that_is_none_gets_a_sentence(progress_file):
    done = run("--most", "0")
    assert done.exit_code == 1 and done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert "most" in done.stderr and "at least 1" in done.stderr
