"""The doctor: what it finds, how it prints it, and that it helps where things are missing."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from typer.testing import CliRunner

from course_lib.shell import doctor, machine, packages
from course_lib.shell.doctor import MISSING, NOTE, OK, Report, Row

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def program(tmp_path):
    """A file that a browser could be."""
    path = tmp_path / "browser"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    return path


# The table ----------------------------------------------------------------------------------------


def test_columns_are_aligned():
    rows = [Row("a", "1", ">=1"), Row("longer name", "22", ""), Row("c", "3", ">=1,<2", MISSING, "do it.")]
    lines = str(Report({"Title": rows})).split("\n\n")[0].splitlines()
    assert lines[0] == "Title"
    assert [line.index(state) for line, state in zip(lines[1:], (OK, OK, MISSING), strict=True)] == [27] * 3


def test_what_is_missing_comes_first_and_decides():
    noted, missing = Row("n", "?", state=NOTE, advice="as you like."), Row("m", "?", "", MISSING, "do it.")
    assert Report({"T": [Row("a", "1"), noted]}).complete
    report = Report({"T": [noted, missing]})
    assert not report.complete
    text = str(report)
    assert text.index("What to do\n  m: do it.") < text.index("Good to know\n  n: as you like.")
    assert "Everything" not in text


def test_equal_advice_is_given_once():
    rows = [Row(name, "none", "", MISSING, "buy it.") for name in ("apple", "pear")]
    assert "  apple, pear: buy it." in str(Report({"T": rows}))


# Python and packages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 9), MISSING), ((3, 11, 0), OK), ((3, 13, 9), OK), ((3, 14, 2), OK), ((3, 15, 0), MISSING)],
)
def test_python_version(version, state):
    assert doctor.python_row(version).state == state


NUMBERS = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
LIMITS = st.lists(st.tuples(st.sampled_from(list(packages.COMPARE)), NUMBERS).map("".join), max_size=3)


@given(NUMBERS, LIMITS.map(",".join))
def test_ranges_are_read_as_packaging_reads_them(version, span):
    assert packages.in_range(version, span) == (version in SpecifierSet(span))


@pytest.mark.parametrize(
    ("version", "span", "inside"),
    [
        ("2.13.0+cpu", ">=2.13,<2.14", True),
        ("2.9", ">=2.13", False),
        ("10.0", ">=9.2,<10", False),
        ("5.0.0", "<=5", True),
        ("1.0", "", True),
    ],
)
def test_ranges(version, span, inside):
    assert packages.in_range(version, span) is inside


def test_requirements_are_those_of_pyproject():
    needed, tools = packages.requirements(ROOT / "pyproject.toml")
    assert needed["torch"].startswith(">=2.") and "jupyterlab" in needed
    assert "pytest" in tools and "pytest" not in needed


def test_without_pyproject_the_recorded_requirements_are_read(monkeypatch, tmp_path):
    recorded = ["numpy<3,>=2.4", 'pytest<10,>=9.2; extra == "test"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: recorded)
    assert packages.requirements(tmp_path / "none") == ({"numpy": "<3,>=2.4"}, {"pytest": "<10,>=9.2"})


def test_a_package_outside_its_range():
    row = doctor.package_rows({"numpy": ">=999"})[0]
    assert row.state == MISSING and row.found == importlib.metadata.version("numpy")
    assert "make lab" in row.advice
    tool = doctor.package_rows({"no-such-package": ">=1"}, optional=True)[0]
    assert (tool.found, tool.state) == ("missing", NOTE) and "make test" in tool.advice


# This machine -------------------------------------------------------------------------------------


def test_the_first_time_is_not_measured():
    calls = []
    clock = iter([10.0, 11.0, 12.0, 13.0]).__next__
    assert machine.rate(lambda: calls.append(1), seconds=3, clock=clock) == 1.0
    assert len(calls) == 4  # one before the clock starts


def test_speeds_are_positive():
    assert machine.matmul_speed(seconds=0, size=16) > 0
    assert machine.training_speed(seconds=0, batch_size=1) > 0


@pytest.mark.parametrize(("tokens", "words"), [(20_000, "enough"), (10_000, "enough"), (4_900, "3 minutes")])
def test_what_the_speed_means(tokens, words):
    assert words in doctor.speed_rows(1e11, tokens)[1].advice


def test_speed_of_nothing():
    assert "rougher" in doctor.speed_rows(0, 0)[1].advice


def test_a_gpu_that_is_not_used():
    assert "COURSE_TORCH=cuda" in doctor.gpu_row("", unused=True).advice
    assert doctor.gpu_row("Fine GPU", unused=False) == Row("GPU", "Fine GPU")


def test_little_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "ENOUGH_DISK", 1e18)
    assert doctor.disk_row(tmp_path).state == NOTE


def test_torch_that_does_not_start(monkeypatch, tmp_path):
    def broken():
        raise OSError("a library is missing")

    monkeypatch.setattr(machine, "gpu", broken)
    row = doctor.machine_rows(True, tmp_path)[-1]
    assert row.state == NOTE and "a library is missing" in row.advice


# The course ---------------------------------------------------------------------------------------


def test_missing_and_present_data(tmp_path):
    assert [row.state for row in doctor.data_rows(tmp_path)] == [MISSING, MISSING]
    for part in doctor.PARTS:
        for language in ("en", "zh"):
            path = tmp_path / "world" / f"{part}.{language}.txt"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    corpus, model = doctor.data_rows(tmp_path)
    assert (corpus.state, model.state) == (OK, MISSING)
    assert "base.safetensors and 1 more" in model.advice


def test_the_real_model_is_here_or_how_to_fetch_it(monkeypatch, tmp_path):
    from course_lib.pretrained import SMOLLM2

    monkeypatch.setenv("COURSE_PRETRAINED", str(tmp_path))
    row = doctor.pretrained_row()
    assert row.state == NOTE and "`python -m course_lib fetch smollm2` fetches" in row.advice
    with (tmp_path / SMOLLM2.file_name).open("wb") as file:
        file.truncate(SMOLLM2.size)
    assert doctor.pretrained_row() == Row("real model", "SmolLM2-135M-Instruct")


@pytest.mark.parametrize(
    ("program", "state"), [("python", OK), (sys.executable, OK), ("/elsewhere/bin/python", NOTE)]
)
def test_kernel(program, state, monkeypatch):
    kernelspec = pytest.importorskip("jupyter_client.kernelspec")
    spec = kernelspec.KernelSpec(argv=[program, "-m", "ipykernel_launcher"])
    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    assert doctor.kernel_row().state == state


def test_named_browser(monkeypatch, program):
    monkeypatch.setenv("COURSE_BROWSER", str(program))
    assert machine.find_browser() == str(program)
    assert doctor.browser_row() == Row("Chromium", str(program))
    monkeypatch.setenv("COURSE_BROWSER", str(program) + "-not-here")
    assert machine.find_browser() is None
    assert doctor.browser_row().state == NOTE


def test_the_script_that_installs_a_snap_is_no_browser(monkeypatch, program):
    program.write_text("#!/bin/sh\nexec /snap/bin/chromium\n")
    monkeypatch.setenv("COURSE_BROWSER", str(program))
    assert machine.find_browser() is None


def test_playwrights_newest_browser_is_found(monkeypatch, tmp_path):
    for number in ("chromium-1100", "chromium-1200"):
        path = tmp_path / number / "chrome-linux" / "chrome"
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.delenv("COURSE_BROWSER", raising=False)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setattr(machine, "BROWSERS", ())
    monkeypatch.setattr(sys, "platform", "linux")
    assert machine.find_browser() == str(tmp_path / "chromium-1200" / "chrome-linux" / "chrome")


# At a shell ---------------------------------------------------------------------------------------


def shell(*arguments: str, **kwargs) -> subprocess.CompletedProcess:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, **kwargs)


def test_exit_code_says_whether_something_is_missing(monkeypatch):
    from course_lib.__main__ import app

    for state, code in ((OK, 0), (NOTE, 0), (MISSING, 1)):
        report = Report({"T": [Row("a", "1", "", state, "do it.")]})
        monkeypatch.setattr(doctor, "examine", lambda measure, report=report: report)
        done = CliRunner().invoke(app, ["doctor", "--quick"])
        assert (done.exit_code, done.output) == (code, f"{report}\n")


def test_quick_does_not_measure(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(doctor, "machine_rows", lambda measure, root: asked.append(measure) or [])
    doctor.report(quick=True)
    doctor.report(quick=False)
    assert asked == [False, True]
    assert capsys.readouterr().out.count("Python and packages") == 2


def test_help_names_every_verb_and_needs_no_torch():
    code = (
        "import sys; from typer.testing import CliRunner; from course_lib.__main__ import app\n"
        "for verb in ([], ['doctor'], ['fetch'], ['train'], ['generate'], ['progress']):\n"
        "    done = CliRunner().invoke(app, [*verb, '--help']); assert done.exit_code == 0\n"
        "    print(done.output)\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = shell("-c", code)
    assert done.returncode == 0, done.stderr
    for verb in ("doctor", "fetch", "train", "generate", "progress"):
        assert f"python -m course_lib {verb}" in done.stdout


def test_progress_at_a_shell(monkeypatch, tmp_path):
    from course_lib.__main__ import app

    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    done = CliRunner().invoke(app, ["progress"])
    assert done.exit_code == 0 and done.output.startswith("0 of ")


def test_helps_where_no_package_is_installed():
    code = "import sys, runpy; sys.path.insert(0, '.'); runpy.run_module('course_lib', run_name='__main__')"
    done = shell("-I", "-S", "-c", code)  # a Python without any installed package
    assert done.returncode == 1
    told = " ".join(done.stdout.split())  # the list may be cut anywhere into lines
    assert "torch, tqdm, transformers, typer" in told and "make lab" in told
    assert "Traceback" not in done.stderr
