"""Seeds, devices, folders, and files that are written whole or not at all."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib import runtime

# Seeds ----------------------------------------------------------------------------------------------------


def draws(number: int) -> tuple:
    """One number of each generator after seeding."""
    generator = runtime.seed(number)
    return random.random(), np.random.rand(), torch.rand(1).item(), torch.rand(1, generator=generator).item()


def test_the_same_seed_gives_the_same_numbers_everywhere():
    first, other = draws(5), draws(6)
    assert draws(5) == first
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_the_generator_is_its_own_and_has_the_seed():
    generator = runtime.seed(7)
    before = torch.random.get_rng_state()
    torch.rand(3, generator=generator)
    assert torch.equal(torch.random.get_rng_state(), before)
    expected = torch.rand(3, generator=torch.Generator().manual_seed(7))
    assert torch.equal(torch.rand(3, generator=runtime.seed(7)), expected)
    assert generator.device.type == "cpu"


def test_a_seed_larger_than_numpy_takes():
    assert draws(2**40 + 3) == draws(2**40 + 3)


# Devices --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cuda", "mps", "best"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_cuda_comes_before_mps_before_cpu(monkeypatch, cuda, mps, best):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert runtime.device().type == best
    assert runtime.device("cpu").type == "cpu"


def test_a_device_that_is_not_here_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(ValueError, match="'cuda' is not usable on this machine: choose one of mps, cpu"):
        runtime.device("cuda")
    with pytest.raises(ValueError, match="'cuda:1' is not usable"):
        runtime.device("cuda:1")
    with pytest.raises(ValueError, match="'tpu' is not usable"):
        runtime.device("tpu")


def test_a_numbered_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runtime.device("cuda:1") == torch.device("cuda", 1)


# Folders --------------------------------------------------------------------------------------------------


def test_the_data_lie_beside_the_package(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert runtime.data_dir() == Path(__file__).resolve().parents[1] / "data"
    monkeypatch.chdir(tmp_path)
    assert runtime.data_dir().is_absolute()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert runtime.data_dir() == tmp_path


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".cache/course_lib"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/course_lib"),
        ("darwin", {}, "Library/Caches/course_lib"),
        ("win32", {}, "AppData/Local/course_lib"),
        ("win32", {"LOCALAPPDATA": "/y"}, "/y/course_lib"),
        ("win32", {"COURSE_CACHE": "/z"}, "/z"),
    ],
)
def test_the_cache_is_where_the_platform_wants_it(monkeypatch, tmp_path, platform, variables, expected):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "COURSE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(runtime.sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert runtime.cache_dir() == tmp_path / expected
    assert not (tmp_path / expected).exists()  # asking makes nothing


# Whole files ----------------------------------------------------------------------------------------------


def test_a_file_takes_its_place_only_when_complete(tmp_path):
    path = tmp_path / "new" / "folder" / "note.bin"
    with runtime.atomic_write(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert os.listdir(path.parent) == ["note.bin"]


@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt])
def test_on_an_error_the_old_file_stays(tmp_path, problem):
    path = tmp_path / "note.txt"
    path.write_text("old")
    with pytest.raises(problem), runtime.atomic_write(path, "w") as file:
        file.write("half of the n")
        raise problem
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_on_a_full_disk_the_old_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "note.txt"
    path.write_text("old")

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runtime.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"), runtime.atomic_write(path, "w") as file:
        file.write("new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_text_is_utf8_with_line_feeds_on_every_platform(tmp_path):
    path = tmp_path / "note.txt"
    with runtime.atomic_write(path, "w") as file:
        file.write("小猫\nend\n")
    assert path.read_bytes() == "小猫\nend\n".encode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_others_may_read_it_if_the_umask_says_so(tmp_path):
    before = os.umask(0o022)
    try:
        with runtime.atomic_write(tmp_path / "note.txt", "w") as file:
            file.write("all of it")
    finally:
        os.umask(before)
    assert (tmp_path / "note.txt").stat().st_mode & 0o777 == 0o644


def test_a_file_of_which_the_process_is_killed_leaves_the_old_one(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")
    code = (
        "import os\n"
        "from course_lib.runtime import atomic_write\n"
        f"with atomic_write({str(path)!r}, 'w') as file:\n"
        "    file.write('half'); file.flush(); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert path.read_text() == "old"


def test_importing_it_does_nothing():
    code = "import course_lib.runtime, sys; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
