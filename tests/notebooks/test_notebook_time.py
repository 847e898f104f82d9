"""A notebook may not take much longer than it says; and tests and notebooks keep out of each other's way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from notebook_time import Stopwatch, complaint, stated_seconds

ROOT = Path(__file__).resolve().parents[2]
TITLE = "# Title\n\nRead 5 min · exercises 10 min · runs {} s on 2 CPU cores"


def write(path: Path, *cells: str) -> Path:
    """A notebook of one text cell, and code cells as if they had been run."""
    v4 = nbformat.v4
    made = [v4.new_markdown_cell(cells[0], id="title")]
    for number, source in enumerate(cells[1:], start=1):
        made.append(v4.new_code_cell(source, id=f"code-{number}", execution_count=number))
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(v4.new_notebook(cells=made, metadata=kernel), path)
    return path


def test_the_header_is_read(tmp_path):
    assert stated_seconds(write(tmp_path / "a.ipynb", TITLE.format(40))) == 40
    assert stated_seconds(write(tmp_path / "b.ipynb", "# Title\n\nruns a while")) is None


@pytest.mark.parametrize(("measured", "wrong"), [(0, False), (80, False), (80.1, True), (500, True)])
def test_twice_the_time_is_the_limit(measured, wrong):
    assert bool(complaint("x.ipynb", measured, 40)) == wrong
    assert not complaint("x.ipynb", measured, None)


def test_the_complaint_names_notebook_and_times():
    sentence = complaint("x.ipynb", 95.2, 40)
    assert sentence.startswith("x.ipynb ran for 95 s, and its header says 40 s")


def test_times_of_cells_are_added_by_notebook():
    watch = Stopwatch()
    assert [watch.add("a", 1.5), watch.add("b", 7.0), watch.add("a", 2.0)] == [1.5, 7.0, 3.5]


@pytest.fixture
def course(tmp_path):
    """A folder with the course's conftest.py, in which `run()` runs pytest on notebooks."""
    (tmp_path / "tests" / "notebooks").mkdir(parents=True)
    for name in ("conftest.py", "tests/notebooks/notebook_time.py", "tests/notebooks/nbval_sanitize.cfg"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = tests/notebooks\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    options = ["-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-W", "error"]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    inherited = ("COURSE_", "OMP_", "PYTEST_")
    variables = {key: value for key, value in os.environ.items() if not key.startswith(inherited)}
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, encoding="utf-8"
    )


def test_a_slow_notebook_fails_and_a_quick_one_does_not(course):
    write(course / "quick.ipynb", TITLE.format(60), "x = 1", "y = 2")
    write(course / "slow.ipynb", TITLE.format(0), "x = 1", "y = 2")
    done = run(course, "-p", "no:xdist")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 3 passed" in done.stdout
    assert "slow.ipynb ran for" in done.stdout and "its header says 0 s" in done.stdout


def test_a_notebook_has_its_own_folders_and_one_thread_where_two_run(course):
    count = "import os\nfrom pathlib import Path\n"
    count += "assert 'again' in globals() or not Path(os.environ['COURSE_PROGRESS']).exists()\n"
    count += "Path(os.environ['COURSE_PROGRESS']).write_text('done')\n"
    count += "again = True\nassert os.environ['OMP_NUM_THREADS'] == '1'\n"
    count += f"assert 'course-tests-' in os.environ['COURSE_CACHE'], {str(ROOT)!r}"
    later = "assert Path(os.environ['COURSE_PROGRESS']).read_text() == 'done'"
    for name in ("a.ipynb", "b.ipynb"):
        write(course / name, TITLE.format(60), count, later)
    done = run(course, "-n", "1", "--dist", "loadfile")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_a_cell_that_cannot_be_run_twice_is_found(course):
    write(course / "once.ipynb", TITLE.format(60), "first = [1]\nother = 'first' in dir()", "first.remove(1)")
    done = run(course, "-n", "0")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ERROR once.ipynb::Cell 1" in done.stdout and "2 passed, 1 error" in done.stdout


def test_a_cell_that_takes_long_is_run_once(course):
    settings = (course / "conftest.py").read_text(encoding="utf-8")
    assert settings.count("SLOW = 5.0") == 1
    (course / "conftest.py").write_text(settings.replace("SLOW = 5.0", "SLOW = 0.0"), encoding="utf-8")
    write(course / "once.ipynb", TITLE.format(60), "first = [1]", "first.remove(1)")
    done = run(course, "-n", "0")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_test_has_its_own_folders(course):
    (course / "test_it.py").write_text(
        "import os, pathlib, pytest\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_it(n):\n"
        "    path = pathlib.Path(os.environ['COURSE_PROGRESS'])\n"
        "    assert not path.exists()\n"
        "    path.write_text('x')\n"
        "    assert 'OMP_NUM_THREADS' not in os.environ\n"
    )
    done = run(course, "-p", "no:xdist")
    assert "2 passed" in done.stdout, done.stdout + done.stderr
