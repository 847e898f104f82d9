"""Files as people name them, and what stands in a file's place: read whole, written whole, cleared away."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_lib import files, runtime
from course_lib.runtime import atomic_write

POSIX = pytest.mark.skipif(os.name == "nt", reason="pipes, devices and links in folders")


def put(path: Path, text: str) -> None:
    with atomic_write(path, "w") as file:
        file.write(text)


# Names ------------------------------------------------------------------------------------------------------


def test_home_is_understood_wherever_a_path_is_given(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    for name, folder in (("COURSE_DATA", runtime.data_dir), ("COURSE_CACHE", runtime.cache_dir)):
        monkeypatch.setenv(name, "~/LLM: a course")
        assert folder() == tmp_path / "LLM: a course"
    put("~/LLM: a course/note.txt", "all of it")
    assert files.read_whole("~/LLM: a course/note.txt", "") == b"all of it"
    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/cached")
    monkeypatch.setattr(runtime.sys, "platform", "linux")
    assert runtime.cache_dir() == tmp_path / "cached" / "course_lib"


def test_the_home_of_somebody_who_is_none_is_a_name():
    assert files.as_path("~no such person/x") == Path("~no such person/x")


@pytest.mark.parametrize("path", [None, 5, ["a"], b"a", True, "", " ", "a\0b", "\ud83d"])
def test_what_is_no_path_is_refused(path):
    for use in (files.as_path, files.place_to_write, lambda path: files.read_whole(path, "check it")):
        with pytest.raises(ValueError, match="^Got ") as caught:
            use(path)
        assert type(caught.value) is ValueError


# Writing ----------------------------------------------------------------------------------------------------


@POSIX
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    put(tmp_path / "real" / "note.txt", "old")
    (tmp_path / "link.txt").symlink_to("real/note.txt")
    (tmp_path / "chain.txt").symlink_to("link.txt")
    put(tmp_path / "chain.txt", "new")
    assert (tmp_path / "chain.txt").is_symlink() and (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real" / "note.txt").read_text() == "new"
    (tmp_path / "dangling.txt").symlink_to("made/later.txt")
    put(tmp_path / "dangling.txt", "there")
    assert (tmp_path / "made" / "later.txt").read_text() == "there"


@POSIX
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (Path.mkdir, "is a folder; give the name of a file, such as one in it"),
        (lambda path: os.mkfifo(path), "is a pipe or a device, not a file; give another name"),
        (lambda path: path.symlink_to("/dev/zero"), "is a pipe or a device, not a file"),
        (lambda path: path.symlink_to(path.name), "is a link that leads in a circle"),
    ],
)
def test_what_stands_there_is_said_and_stays(tmp_path, make, says):
    make(tmp_path / "note.txt")
    before = os.lstat(tmp_path / "note.txt")
    with pytest.raises(ValueError, match=f"note.txt {says}"):
        put(tmp_path / "note.txt", "new")
    assert os.lstat(tmp_path / "note.txt") == before and os.listdir(tmp_path) == ["note.txt"]


@pytest.mark.parametrize("name", ["file/note.txt", "file/deep/er/note.txt"])
def test_a_file_in_a_folder_s_place_is_said(tmp_path, name):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ValueError, match="note.txt cannot be made: .*file is a file, not a folder"):
        put(tmp_path / name, "new")


def test_a_folder_s_name_is_no_file_s(tmp_path):
    with pytest.raises(ValueError, match="is the name of a folder"):
        put(f"{tmp_path}/new/", "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [200, 250, 255])
def test_the_longest_names_are_written(tmp_path, length):
    put(tmp_path / ("n" * length), "all of it")
    assert (tmp_path / ("n" * length)).read_text() == "all of it"
    put(tmp_path / ("猫" * 85), "all of it")  # 255 bytes


def test_a_name_that_is_too_long_is_said(tmp_path):
    with pytest.raises(ValueError, match="is too long for the name of a file; give a shorter one"):
        put(tmp_path / ("n" * 300), "x")


@POSIX
def test_what_others_may_do_with_a_file_stays(tmp_path):
    put(tmp_path / "note.txt", "old")
    (tmp_path / "note.txt").chmod(0o600)
    put(tmp_path / "note.txt", "new")
    assert (tmp_path / "note.txt").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOSPC, OSError, "No space left for .*note.txt: make room on the disk, and do it again"),
        (errno.EACCES, PermissionError, "note.txt may not be written .*choose another folder, or allow it"),
        (errno.EROFS, OSError, "note.txt may not be written .*choose another folder"),
        (errno.EIO, OSError, "note.txt cannot be written .*give another place"),
    ],
)
def test_what_the_disk_does_is_said_with_what_helps(tmp_path, monkeypatch, number, kind, says):
    put(tmp_path / "note.txt", "old")

    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(runtime.os, "fsync", refuse)
    with pytest.raises(kind, match=says) as caught:
        put(tmp_path / "note.txt", "new")
    assert caught.value.errno == number
    assert (tmp_path / "note.txt").read_text() == "old" and os.listdir(tmp_path) == ["note.txt"]


def test_an_error_of_something_else_is_not_taken_for_the_disk_s(tmp_path):
    for error in (
        ConnectionResetError("gone"),
        TimeoutError(),
        FileNotFoundError(2, "No such file", "other.txt"),
    ):
        with pytest.raises(type(error)) as caught, atomic_write(tmp_path / "note.txt"):
            raise error
        assert caught.value is error


# What killed processes leave --------------------------------------------------------------------------------


WRITER = """
import sys, time
from course_lib.runtime import atomic_write
with atomic_write(sys.argv[1], "w") as file:
    file.write("half"); file.flush(); print("begun", flush=True); time.sleep(60)
"""


@POSIX
def test_the_next_writing_removes_what_a_killed_one_left(tmp_path):
    path = tmp_path / "note.txt"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as killed:
        killed.stdout.readline()
        put(path, "another's")  # while it is being written: what a living process writes stays
        assert len(list(tmp_path.glob(".note.txt.*.part"))) == 1
        killed.send_signal(signal.SIGKILL)
    put(path, "new")
    assert os.listdir(tmp_path) == ["note.txt"] and path.read_text() == "new"


def test_what_another_machine_left_is_removed_after_a_day(tmp_path):
    fresh, old = (tmp_path / f".note.txt.0000abcd-77-{name}.part" for name in ("1234abcd", "5678abcd"))
    for part in (fresh, old):
        part.write_text("half")
    os.utime(old, (time.time() - 2 * files.OLD,) * 2)
    kept = [".note.txt.part", ".note.txt.mine.part", ".other.txt.0000abcd-77-1234abcd.part", "note.txt.bak"]
    for name in kept:
        (tmp_path / name).write_text("somebody's")
    put(tmp_path / "note.txt", "new")
    assert sorted(os.listdir(tmp_path)) == sorted(["note.txt", fresh.name, *kept])
