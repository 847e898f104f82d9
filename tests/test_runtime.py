"""Seeds, devices, folders, and files that are written whole or not at all."""

from __future__ import annotations

import errno
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


# Files that are held, places that can't be written, two at once --------------------------------------------


def held_for(monkeypatch, tries: int) -> list:
    """`os.replace` meets another program at its first tries; gives the list of all tries."""
    whole, seen = os.replace, []

    def busy(source, target):
        seen.append(target)
        if len(seen) <= tries:
            raise PermissionError(13, "Access is denied", str(target))
        return whole(source, target)

    monkeypatch.setattr(os, "replace", busy)
    return seen


def test_a_file_that_is_held_for_a_moment_is_written_all_the_same(tmp_path, monkeypatch):
    seen = held_for(monkeypatch, 4)
    with runtime.atomic_write(tmp_path / "note.txt", "w") as file:
        file.write("new")
    assert len(seen) == 5 and (tmp_path / "note.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["note.txt"]


@pytest.mark.parametrize("times", [1, 3])
def test_what_was_written_is_kept_beside_a_file_that_stays_held(tmp_path, monkeypatch, times):
    path, whole = tmp_path / "run.checkpoint", os.replace
    path.write_text("old")
    monkeypatch.setattr(runtime, "PATIENCE", 0.05)

    def held(source, target):
        if target == path:
            raise PermissionError(13, "Access is denied", str(target))
        return whole(source, target)

    monkeypatch.setattr(os, "replace", held)
    for number in range(times):
        with (
            pytest.raises(
                PermissionError, match=r"held by another program.* is in .*run\.kept\.checkpoint"
            ) as caught,
            runtime.atomic_write(path, "w") as file,
        ):
            file.write(f"new {number}")
        assert "\n" not in str(caught.value) and "Errno" not in str(caught.value)
    assert path.read_text() == "old"
    assert (tmp_path / "run.kept.checkpoint").read_text() == f"new {times - 1}"
    assert sorted(os.listdir(tmp_path)) == ["run.checkpoint", "run.kept.checkpoint"]


def test_an_error_of_another_kind_is_not_tried_again(tmp_path, monkeypatch):
    seen = []

    def full(source, target):
        seen.append(target)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"), runtime.atomic_write(tmp_path / "note.txt") as file:
        file.write(b"new")
    assert len(seen) == 1 and os.listdir(tmp_path) == []


def test_what_a_killed_process_left_is_gone_after_the_next_write(tmp_path):
    path = tmp_path / "note.txt"
    code = (
        "import os\n"
        "from course_lib.runtime import atomic_write\n"
        f"with atomic_write({str(path)!r}, 'w') as file:\n"
        "    file.write('half'); file.flush(); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code])
    assert len(os.listdir(tmp_path)) == 1
    with runtime.atomic_write(path, "w") as file:
        file.write("whole")
    assert os.listdir(tmp_path) == ["note.txt"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "is a folder"),
        ("file/note.txt", "is a file, not a folder"),
        ("file/deep/x", "not a folder"),
    ],
)
def test_a_place_where_no_file_can_be_is_said_and_nothing_is_made(tmp_path, name, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match=said):
        runtime.check_place(tmp_path / name)
    assert runtime.check_place(tmp_path / "new" / "deep" / "x") == tmp_path / "new" / "deep" / "x"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_folder_that_may_not_be_written_is_said(tmp_path, monkeypatch):
    def refused(*arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        with pytest.raises(PermissionError, match="choose another folder"):
            runtime.check_place(tmp_path / "new" / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder that takes no file from anybody")
def test_a_folder_that_takes_no_file_is_found_out_before_the_work(tmp_path):
    with pytest.raises(OSError, match="^/proc/new cannot be written .*: give another place.$"):
        runtime.check_place("/proc/new")
    (tmp_path / "link").symlink_to("/proc/new")
    with pytest.raises(OSError, match="link cannot be written"):
        runtime.check_place(tmp_path / "link")


def test_a_working_folder_that_is_gone_is_said(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    try:
        (tmp_path / "gone").rmdir()
    except OSError:
        pytest.skip("this system keeps the folder that a program is in")
    for write in (runtime.check_place, lambda path: runtime.atomic_write(path).__enter__()):
        with pytest.raises(OSError, match="^a.txt cannot be written .*: give another place.$"):
            write("a.txt")
    with runtime.locked("a.txt"):
        pass


def test_a_folder_comes_whole_or_not_at_all(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "mine.txt").write_text("stays")
    (path / "a").write_text("old")
    with pytest.raises(RuntimeError), runtime.atomic_folder(path) as folder:
        (folder / "a").write_text("new")
        raise RuntimeError
    assert {file.name: file.read_text() for file in path.iterdir()} == {"mine.txt": "stays", "a": "old"}
    with runtime.atomic_folder(path) as folder:
        (folder / "a").write_text("new")
        (folder / "b").write_text("too")
        assert (path / "a").read_text() == "old"
    contents = {file.name: file.read_text() for file in path.iterdir()}
    assert contents == {"mine.txt": "stays", "a": "new", "b": "too"}
    assert os.listdir(tmp_path) == ["model"]
    with pytest.raises(ValueError, match="is a file"), runtime.atomic_folder(path / "a"):
        pass


def test_two_processes_are_not_at_work_on_one_file(tmp_path):
    path = tmp_path / "model.safetensors"
    code = f"from course_lib.runtime import locked\nwith locked({str(path)!r}):\n    print('mine')"
    with runtime.locked(path):
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert other.returncode and "Another program is at work on" in other.stderr
        with runtime.locked(tmp_path / "another"):
            pass
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "mine\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", ["7", 2**64, -(2**63) - 1, 1.5, None])
def test_a_seed_that_is_no_whole_number_of_64_bits_is_said(number):
    with pytest.raises(ValueError, match="^seed got number=.*whole number from"):
        runtime.seed(number)


@pytest.mark.parametrize("name", ["cpu:x", "cpu:1", "cuda:-1", "", "cuda:99", 3])
def test_a_device_with_a_number_that_there_is_not(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert runtime.device("cuda:1") == runtime.device(torch.device("cuda", 1))
    with pytest.raises(ValueError, match="is not usable on this machine"):
        runtime.device(name)
