"""What holds for every test, doctest and notebook run: own folders, one thread each, the notebooks' times.

It is in the top folder since pytest reads it then whatever is run, a single notebook too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from notebook_time import Stopwatch, complaint, stated_seconds

from course_lib.pretrained.known import folder, wanted

ROOT = Path(__file__).parent
SLOW = 5.0  # seconds; a cell that trains for longer is run once, so that all tests end the sooner
OFFLINE = str(ROOT / "tests" / "offline")  # in PYTHONPATH, it keeps Python from the network

FOLDER = pytest.StashKey[str]()
OWNER = pytest.StashKey[str]()
AGAIN = pytest.StashKey[bool]()
WATCH = pytest.StashKey[Stopwatch]()


def pytest_configure(config: pytest.Config) -> None:
    config.option.nbval_sanitize_with = str(ROOT / "tests" / "notebooks" / "nbval_sanitize.cfg")
    config.stash[FOLDER] = tempfile.mkdtemp(prefix="course-tests-")
    config.stash[WATCH] = Stopwatch()
    os.environ["IPYTHONDIR"] = os.path.join(config.stash[FOLDER], "ipython")  # no settings of one person's
    os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks a real network
    if wanted():  # the real model is read where it was fetched to, though each test has a cache of its own
        os.environ["COURSE_PRETRAINED"] = str(folder())
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        # Two processes with two threads each on two cores would wait for each other most of the time.
        os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole notebooks come first: whichever process is free takes what is small at the end."""
    items.sort(key=lambda item: not is_notebook(item))


def pytest_unconfigure(config: pytest.Config) -> None:
    if FOLDER in config.stash:
        shutil.rmtree(config.stash[FOLDER], ignore_errors=True)


def is_notebook(item: pytest.Item) -> bool:
    return item.path.suffix == ".ipynb"


def kept_offline(on: bool) -> None:
    """Whether a Python that is started from now on, such as a kernel, may reach only this machine."""
    rest = [
        place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place not in ("", OFFLINE)
    ]
    places = [OFFLINE, *rest] if on else rest
    os.environ["PYTHONPATH"] = os.pathsep.join(places)
    if not places:
        del os.environ["PYTHONPATH"]


@pytest.hookimpl(tryfirst=True)  # before a notebook's kernel is started
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give every test, and every notebook as a whole, its own progress, answers and downloads, ungraded."""
    owner = str(item.path) if is_notebook(item) else item.nodeid
    stash = item.config.stash
    if stash.get(OWNER, None) != owner:
        stash[OWNER] = owner
        folder = Path(tempfile.mkdtemp(dir=stash[FOLDER]))
        os.environ["COURSE_PROGRESS"] = str(folder / "progress.json")
        os.environ["COURSE_MY_GPT"] = str(folder / "my_gpt")
        os.environ["COURSE_CACHE"] = str(folder / "cache")
        os.environ.pop("NBGRADER_EXECUTION", None)
        kept_offline(is_notebook(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item):
    """Run a notebook's cell once more, as a reader may, unless that takes long; close the figures of a test.

    matplotlib warns where more than twenty figures are open.
    """
    try:
        if item.stash.get(AGAIN, False):
            item.options["check"] = False  # a drawing that goes on shows something else
            item.runtest()
    finally:
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """The last cell of a notebook fails if the notebook took much longer than its header says."""
    report = yield
    if is_notebook(item):
        again = call.when == "teardown"  # the cell's second run
        seconds = item.config.stash[WATCH].add(str(item.path), 0.0 if again else call.duration)
        item.stash[AGAIN] = call.when == "call" and report.passed and call.duration < SLOW
        if call.when == "call" and not report.failed and is_last_cell(item):
            problem = complaint(item.path.name, seconds, stated_seconds(item.path))
            if problem:
                report.outcome, report.longrepr = "failed", problem
    return report


def is_last_cell(item: pytest.Item) -> bool:
    return [other for other in item.session.items if other.path == item.path][-1] is item
