"""`python -m course_lib` as a process: output that nobody reads, and Ctrl-C, also pressed again and again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has other pipes and signals")
LONG = ["generate", "--tokens", "250", "--n", "2000", "--seed", "1", "--temperature", "0.5"]


def command(*arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "course_lib", *arguments], stderr=subprocess.PIPE, text=True, **options
    )


def quiet(error: str) -> bool:
    return not any(word in error for word in ("Traceback", "Broken pipe", "Exception ignored", "Error"))


@POSIX
@pytest.mark.parametrize("arguments", [LONG, ["--help"], ["doctor", "--quick"]], ids=lambda a: a[0])
@pytest.mark.parametrize("lines", [0, 1])
def test_output_that_nobody_reads_is_no_mistake(arguments, lines):
    with command(*arguments, stdout=subprocess.PIPE) as process:
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
    assert quiet(error), error


@POSIX
@pytest.mark.parametrize("presses", [1, 3, 12])
def test_ctrl_c_pressed_again_and_again_ends_in_a_line(presses):
    usual = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    with command(*LONG, stdout=subprocess.PIPE, preexec_fn=usual) as process:
        process.stdout.readline()
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        error = process.communicate(timeout=60)[1]
    # -2: pressed while Python was ending already, which has let go of its handlers by then
    assert process.returncode in (1, 130, -signal.SIGINT) and error.count("\n") <= 2 and quiet(error), error


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="an output that takes nothing")
@pytest.mark.parametrize("arguments", [["--help"], ["progress"]], ids=lambda a: a[0])
def test_an_output_that_takes_nothing_is_said_in_a_line(arguments):
    with open("/dev/full", "w") as full, command(*arguments, stdout=full) as process:
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert error.startswith("Error: The output can't be written (") and error.count("\n") == 1, error


@POSIX
@pytest.mark.parametrize("arguments", [["train"], ["progress"], ["doctor", "--quick"]], ids=lambda a: a[0])
def test_a_folder_that_was_removed_is_said_in_a_line(arguments, tmp_path):
    (tmp_path / "gone").mkdir()
    start = f"rmdir {tmp_path}/gone; exec {sys.executable} -m course_lib {' '.join(arguments)}"
    done = subprocess.run(
        ["sh", "-c", start], cwd=tmp_path / "gone", capture_output=True, text=True, timeout=60, check=False
    )
    said = "Error: The folder that this shell is in was removed; change into another, such as cd ~.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
