"""The lists of packages agree: pyproject.toml, constraints.txt, environment.yml, and what is installed."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
NEEDED = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
TOOLS = [Requirement(line) for line in PROJECT["project"]["optional-dependencies"]["test"]]
BUILD = [Requirement(line) for line in PROJECT["build-system"]["requires"]]
CUDA = ("nvidia-", "cuda-", "triton", "pytorch-triton")  # the CUDA build's own, pinned by torch itself


def read_constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len({requirement.name for requirement in found}) == len(found), "a package is named twice"
    return {canonicalize_name(requirement.name): requirement for requirement in found}


PINNED = read_constraints()


def pinned_version(name: str) -> Version:
    (one,) = PINNED[canonicalize_name(name)].specifier
    assert one.operator == "==", f"{name} is not pinned"
    return Version(one.version)


def pip_lines() -> list[str]:
    """What environment.yml hands to pip."""
    (block,) = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]
    return block


# pyproject.toml and constraints.txt ------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [*NEEDED, *TOOLS, *BUILD], ids=str)
def test_every_range_holds_its_pinned_version(wanted):
    assert wanted.specifier, f"{wanted.name} has no range"
    assert wanted.specifier.contains(pinned_version(wanted.name))


@pytest.mark.parametrize("name", PINNED)
def test_every_constraint_is_one_version(name):
    assert pinned_version(name)


def test_constraints_are_sorted_so_that_changes_are_seen():
    assert list(PINNED) == sorted(PINNED)


def closure(names: set[str], markers: dict[str, str]) -> set[str]:
    """All packages that these need, as far as they are installed here, on a machine that `markers`
    describe."""
    todo, found = list(names), set()
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        base, _, extra = name.partition("[")
        try:
            lines = importlib.metadata.requires(base) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for line in lines:
            requirement = Requirement(line)
            extras = ["", *filter(None, extra.rstrip("]").split(","))]
            markers_hold = requirement.marker is None or any(
                requirement.marker.evaluate({**markers, "extra": one}) for one in extras
            )
            if markers_hold:
                own = ",".join(sorted(requirement.extras))
                todo.append(canonicalize_name(requirement.name) + (f"[{own}]" if own else ""))
    return {name.partition("[")[0] for name in found}


MACHINES = {
    "here": {},
    "Windows": {
        "sys_platform": "win32",
        "platform_system": "Windows",
        "os_name": "nt",
        "platform_machine": "AMD64",
    },
    "macOS": {
        "sys_platform": "darwin",
        "platform_system": "Darwin",
        "os_name": "posix",
        "platform_machine": "arm64",
    },
    "Linux": {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_machine": "x86_64",
    },
}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("machine", MACHINES)
def test_constraints_name_everything_that_is_installed_along(machine, python):
    markers = MACHINES[machine] | {"python_version": python, "python_full_version": f"{python}.1"}
    everything = closure({canonicalize_name(wanted.name) for wanted in [*NEEDED, *TOOLS]}, markers)
    missing = {name for name in everything - PINNED.keys() if not name.startswith(CUDA)}
    assert not missing, f"on {machine}, Python {python}, constraints.txt lacks {sorted(missing)}"


@pytest.mark.parametrize("machine", MACHINES)
def test_the_markers_of_constraints_hold_where_a_package_is_needed(machine):
    markers = MACHINES[machine]
    for name in (
        closure({canonicalize_name(wanted.name) for wanted in [*NEEDED, *TOOLS]}, markers) & PINNED.keys()
    ):
        marker = PINNED[name].marker
        assert marker is None or marker.evaluate(markers), (
            f"{name} is needed on {machine}, but not pinned there"
        )


def installed() -> dict[str, str]:
    found = ((canonicalize_name(d.metadata["Name"]), d.version) for d in importlib.metadata.distributions())
    return dict(found)


@pytest.mark.skipif(
    Path(sys.prefix) != ROOT / ".venv",
    reason="only the environment that `make test` made has exactly these versions",
)
def test_what_is_installed_is_what_is_pinned():
    there = installed()
    differing = {
        name: there[name]
        for name in PINNED.keys() & there.keys()
        if Version(there[name]).public != str(pinned_version(name))
    }
    assert not differing


# environment.yml ------------------------------------------------------------------------------------------


def test_conda_takes_the_same_pythons():
    (python,) = [
        line for line in CONDA["dependencies"] if isinstance(line, str) and line.startswith("python")
    ]
    assert SpecifierSet(python.removeprefix("python").strip()) == SpecifierSet(
        PROJECT["project"]["requires-python"]
    )


def test_conda_has_the_same_names_and_versions():
    listed = [Requirement(line) for line in pip_lines() if not line.startswith("-")]
    assert {wanted.name for wanted in listed} == {wanted.name for wanted in NEEDED}
    for wanted in listed:
        (one,) = wanted.specifier
        assert one.operator == "==" and Version(Version(one.version).public) == pinned_version(wanted.name)


@pytest.mark.parametrize(("platform", "build"), [("linux", "+cpu"), ("darwin", ""), ("win32", "")])
def test_conda_takes_the_cpu_build_of_torch_on_every_platform(platform, build):
    lines = [Requirement(line) for line in pip_lines() if line.startswith("torch==")]
    (chosen,) = [line for line in lines if line.marker.evaluate({"sys_platform": platform})]
    assert str(chosen.specifier) == f"=={pinned_version('torch')}{build}"


def test_conda_installs_the_course_itself_under_the_constraints():
    options = [line for line in pip_lines() if line.startswith("-")]
    assert options == [
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        "--constraint constraints.txt",
        "--editable .",
    ]


# One version of everything else -----------------------------------------------------------------------------


def test_the_version_is_the_packages():
    import course_lib

    assert course_lib.__version__ == PROJECT["project"]["version"]


def test_ci_runs_the_readmes_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for line in script.splitlines() if line and not line.startswith(("#", "set", "cd"))]
    assert commands == ["exec make test"]
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Windows files are not executable or not")
def test_ci_can_start_it():
    assert (ROOT / ".ci" / "run").stat().st_mode & stat.S_IXUSR


def test_workflow_runs_oldest_and_newest_python_and_every_platform():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    full, unit = workflow["jobs"]["everything"], workflow["jobs"]["unit-tests"]
    pythons = [Version(version) for version in full["strategy"]["matrix"]["python"]]
    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    minors = [Version(f"3.{minor}") for minor in range(30) if supported.contains(f"3.{minor}")]
    assert (min(pythons), max(pythons)) == (minors[0], minors[-1])
    assert full["steps"][-1]["run"] == ".ci/run"
    assert set(unit["strategy"]["matrix"]["os"]) == {"windows-latest", "macos-latest"}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_what_is_made_is_not_committed():
    made = [
        ".venv/x",
        "my_gpt/attention.py",
        ".progress.json",
        "course_lib/__pycache__/x.pyc",
        "notebooks/.ipynb_checkpoints/x",
    ]
    done = subprocess.run(["git", "check-ignore", *made], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == made


@pytest.mark.parametrize("path", ["postBuild", ".devcontainer/devcontainer.json"])
def test_hosted_machines_fetch_the_real_model_too(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert "python -m course_lib fetch smollm2 --if-wanted" in text
    if path.endswith(".json"):
        assert json.loads(text)["postCreateCommand"].startswith("python scripts/bootstrap.py run --tools")
    elif os.name != "nt":
        assert (ROOT / path).stat().st_mode & stat.S_IXUSR and text.startswith("#!/usr/bin/env bash\n")


def test_makefile_recipes_are_one_line_each():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^(\w+):.*\n((?:\t.*\n?)*)", text, re.MULTILINE)
    assert {"lab", "test"} <= {name for name, _ in recipes}
    assert all(recipe.count("\n") == 1 for _, recipe in recipes)
