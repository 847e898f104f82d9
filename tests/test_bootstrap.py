"""scripts/bootstrap.py: what it installs, when it does, and what it says where it cannot."""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts" / "bootstrap.py"
POSIX = pytest.mark.skipif(os.name == "nt", reason="makes programs that only POSIX shells start")


@pytest.fixture
def boot(monkeypatch, script):
    """The script as a module, without this machine's variables."""
    for name in ("COURSE_TORCH", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "JUPYTER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_PRETRAINED", "no")
    return script("bootstrap")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """An environment as `python -m venv` makes it; copies of it save the tests the time to make their own."""
    folder = tmp_path_factory.mktemp("fresh") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def course(boot, monkeypatch, tmp_path, fresh):
    """The script for a course in an empty folder, with a pip that only writes down what it was asked for."""
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(boot, "ROOT", tmp_path)
    monkeypatch.setattr(boot, "VENV", tmp_path / ".venv")
    boot.asked, boot.refused = [], []

    def pip(self, *arguments, quiet_errors=False):
        boot.asked.append(arguments)
        return "ERROR: no network" if any(part in arguments for part in boot.refused) else None

    def make_venv(base, folder):
        shutil.copytree(fresh, folder, symlinks=True, dirs_exist_ok=True)
        return True

    monkeypatch.setattr(boot.Environment, "pip", pip)
    monkeypatch.setattr(boot, "make_venv", make_venv)
    return boot


def program(folder: Path, name: str, script: str) -> Path:
    """A shell script on a PATH of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# Which torch ----------------------------------------------------------------------------------------------


def test_on_linux_only_cpu_builds_are_asked_for(boot):
    attempts = boot.torch_attempts("cpu", "2.13.0", "linux")
    assert attempts == [
        ["torch==2.13.0+cpu"],
        ["torch==2.13.0+cpu", "--index-url", "https://download.pytorch.org/whl/cpu"],
    ]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_pypis_torch_is_the_cpu_build(boot, platform):
    assert boot.torch_attempts("cpu", "2.13.0", platform) == [["torch==2.13.0"]]


def test_cuda_is_taken_where_it_is_asked_for(boot):
    assert boot.torch_attempts("cuda", "2.13.0", "linux") == [["torch===2.13.0"]]
    (attempt,) = boot.torch_attempts("cu130", "2.13.0", "win32")
    assert attempt == ["torch==2.13.0+cu130", "--index-url", "https://download.pytorch.org/whl/cu130"]


@pytest.mark.parametrize(
    ("installed", "choice", "platform", "right"),
    [
        ("2.13.0+cpu", "cpu", "linux", True),
        ("2.13.0", "cpu", "linux", False),  # PyPI's, with CUDA
        ("2.13.0", "cpu", "darwin", True),
        ("2.13.0+cu130", "cpu", "win32", False),
        ("2.12.1+cpu", "cpu", "linux", False),
        ("2.13.0", "cuda", "linux", True),
        ("2.13.0+cpu", "cuda", "linux", False),
        ("2.13.0+cu130", "cu130", "win32", True),
        (None, "cpu", "linux", False),
    ],
)
def test_which_installed_torch_is_kept(boot, installed, choice, platform, right):
    assert boot.torch_is_right(installed, choice, "2.13.0", platform) == right


def test_the_choice_is_remembered_until_another_is_made(boot, monkeypatch):
    monkeypatch.setattr(boot.sys, "platform", "linux")
    monkeypatch.setattr(boot, "WINDOWS", False)
    assert (boot.wanted_torch(), boot.wanted_torch("cuda")) == ("cpu", "cuda")
    monkeypatch.setenv("COURSE_TORCH", "cpu")
    assert boot.wanted_torch("cuda") == "cpu"


@pytest.mark.parametrize(
    ("value", "platform", "sentence"),
    [
        ("gpu", "linux", "COURSE_TORCH is 'gpu', but it must be cpu, cuda"),
        ("cuda", "darwin", "no CUDA on macOS"),
        ("cuda", "win32", "say which CUDA build"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(boot, monkeypatch, value, platform, sentence):
    monkeypatch.setattr(boot.sys, "platform", platform)
    monkeypatch.setattr(boot, "WINDOWS", platform == "win32")
    monkeypatch.setenv("COURSE_TORCH", value)
    with pytest.raises(boot.Stop, match=sentence):
        boot.wanted_torch()


def test_the_version_is_that_of_the_constraints(boot):
    assert f"torch=={boot.torch_version()}" in (ROOT / "constraints.txt").read_text().split()


# The environment, made and repaired ------------------------------------------------------------------------


def test_it_is_made_once_and_then_left_alone(course, monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "platform", "linux")
    environment = course.Environment()
    environment.ensure()
    assert course.version_of(environment.python) == sys.version_info[:3]
    assert [call[-1] for call in course.asked] == ["setuptools", "torch==2.13.0+cpu", "."]
    assert all("constraints.txt" in call for call in course.asked if "--no-deps" not in call)
    course.asked.clear()
    environment.ensure()
    assert not course.asked
    environment.ensure(tools=True)
    assert course.asked[-1][-1] == ".[test]"
    course.asked.clear()
    environment.ensure()  # what serves the tests serves the course
    assert not course.asked


def test_a_cut_installation_is_repaired_by_the_next_call(course, monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "platform", "linux")
    environment = course.Environment()
    course.refused = ["."]
    with pytest.raises(course.Stop, match="check the network, then run the same command again"):
        environment.ensure()
    assert not environment.read().get("lab")
    python = environment.python.lstat().st_ino
    course.refused = []
    environment.ensure()
    assert environment.read()["lab"] and not environment.read()["installing"]
    assert environment.python.lstat().st_ino == python  # what was there is kept


def test_without_any_cpu_torch_it_stops_and_never_takes_cuda(course, monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "platform", "linux")
    course.refused = ["torch==2.13.0+cpu"]
    with pytest.raises(course.Stop, match=r"torch 2.13.0 \(cpu\) could not be installed"):
        course.Environment().ensure()
    asked = [part for call in course.asked for part in call if part.startswith("torch")]
    assert asked == ["torch==2.13.0+cpu"] * 2
    assert "." not in course.asked[-1]  # the course would draw in PyPI's torch


ELSEWHERE = """ERROR: Could not find a version that satisfies torch==2.13.0 (from versions: 2.2.1, 2.2.2)
ERROR: No matching distribution found for torch==2.13.0
"""
UNREACHED = """WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError': /torch/
ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: none)
ERROR: No matching distribution found for torch==2.13.0
"""
FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"


@pytest.fixture
def fake_pip(boot, monkeypatch, tmp_path, fresh):
    """A course whose pip is a program that says what it is told to, and fails."""

    def make(says: str):
        shutil.copytree(fresh, tmp_path / ".venv", symlinks=True)
        for pip in (tmp_path / ".venv").rglob("site-packages/pip"):
            (pip / "__main__.py").write_text(f"import sys; sys.stderr.write({says!r}); sys.exit(1)")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, tmp_path / name)
        monkeypatch.setattr(boot, "ROOT", tmp_path)
        monkeypatch.delenv("PIP_NO_INDEX", raising=False)
        return boot.Environment(tmp_path / ".venv")

    return make


@pytest.mark.parametrize(
    ("system", "machine", "apple", "says", "sentence"),
    [
        (
            "darwin",
            "x86_64",
            False,
            ELSEWHERE,
            r"for Python 3.\d+ on macOS \(x86_64\): torch is built no more for",
        ),
        (
            "darwin",
            "x86_64",
            True,
            ELSEWHERE,
            "this Python is made for Intel processors: install the one for App",
        ),
        ("linux", "riscv64", False, ELSEWHERE, r"\(riscv64\): take a 64-bit Python 3.11 to 3.14"),
        ("linux", "armv7l", False, ELSEWHERE.replace("2.2.1, 2.2.2", "none"), "take a 64-bit Python"),
        ("win32", "x86", False, ELSEWHERE, "take a 64-bit Python"),
        ("darwin", "x86_64", False, UNREACHED, "could not be installed, see above: check the network"),
        ("linux", "x86_64", False, UNREACHED, "could not be installed, see above: check the network"),
        ("linux", "x86_64", False, FULL, "could not be installed, see above: make room on the disk"),
    ],
)
def test_why_torch_is_not_to_be_had(
    boot, monkeypatch, fake_pip, capfd, system, machine, apple, says, sentence
):
    environment = fake_pip(says)
    monkeypatch.setattr(boot.sys, "platform", system)
    monkeypatch.setattr(boot.platform, "machine", lambda: machine)
    monkeypatch.setattr(boot, "translated", lambda: apple)
    with pytest.raises(boot.Stop, match=sentence) as caught:
        environment.install_torch("cpu")
    assert "\n" not in str(caught.value) and ("network" in str(caught.value)) == (says is UNREACHED)
    assert says.splitlines()[-1] in capfd.readouterr().err


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        (UNREACHED, "the packages could not be installed, see above: check the network"),
        (FULL, "see above: make room on the disk"),
        ("ERROR: [Errno 13] Permission denied: 'x'", "see above: allow writing to the course's folder"),
        (ELSEWHERE, "pip finds no package for Python"),
    ],
)
def test_why_packages_are_not_to_be_had(boot, fake_pip, capfd, says, sentence):
    with pytest.raises(boot.Stop, match=sentence):
        fake_pip(says).install_quietly("numpy")


def test_a_folder_from_which_no_program_can_be_run(course, monkeypatch, tmp_path):
    folder = tmp_path / f"LLM{os.pathsep} a course"
    monkeypatch.setattr(course, "ROOT", folder)
    with pytest.raises(
        course.Stop, match=f"no program can be run from a folder with '{os.pathsep}' in its name"
    ):
        course.Environment(folder / ".venv").make()


@POSIX
def test_what_a_disk_or_a_reader_does_is_one_line(tmp_path):
    done = subprocess.run([sys.executable, str(SCRIPT)], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "say what to do" in done.stderr
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import bootstrap\n"
        "bootstrap.Environment.ensure = lambda self, tools=False: {}\n"
        "sys.exit(bootstrap.main(['run', 'no-such-program']))"
    )
    for line, said in (("bootstrap.say('x' * 10**6)", ""), ("None", "no-such-program: No such file")):
        command = [sys.executable, "-c", code.format(line)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.close()
            error = process.stderr.read()
        assert "Traceback" not in error and "Exception ignored" not in error and said in error
        assert process.returncode == 1


@pytest.mark.parametrize("change", ["pyproject.toml", "constraints.txt", "COURSE_TORCH", "Python"])
def test_what_it_depends_on_is_installed_again_when_it_changes(course, tmp_path, change):
    before = course.fingerprint("lab", "cpu", (3, 11, 7), tmp_path)
    assert before == course.fingerprint("lab", "cpu", (3, 11, 7), tmp_path)
    choice, version = (
        "cuda" if change == "COURSE_TORCH" else "cpu",
        (3, 12, 1) if change == "Python" else (3, 11, 7),
    )
    if (tmp_path / change).exists():
        with (tmp_path / change).open("a") as file:
            file.write("# new\n")
    assert course.fingerprint("lab", choice, version, tmp_path) != before


def test_line_ends_make_no_difference(course, tmp_path):
    before = course.fingerprint("lab", "cpu", (3, 11, 7), tmp_path)
    path = tmp_path / "constraints.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert course.fingerprint("lab", "cpu", (3, 11, 7), tmp_path) == before


@pytest.mark.parametrize(
    "damage", ["no python", "python does not start", "no pip", "other folder", "only begun"]
)
@POSIX
def test_a_broken_environment_is_made_anew(course, tmp_path, damage, monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "platform", "linux")
    environment = course.Environment()
    environment.ensure()
    made = []
    real = course.make_venv
    monkeypatch.setattr(course, "make_venv", lambda *args: made.append(args) or real(*args))
    if damage == "no python":
        environment.python.unlink()
    elif damage == "python does not start":
        environment.python.unlink()
        program(environment.python.parent, environment.python.name, "exit 1")
    elif damage == "no pip":
        shutil.rmtree(next(environment.venv.glob("lib/*/site-packages/pip")))
        environment.write(lab=None)
    elif damage == "other folder":
        environment.write(root="/elsewhere", lab="made there")
    else:
        shutil.rmtree(environment.venv)
        (environment.venv / "bin").mkdir(parents=True)
    environment.ensure()
    assert len(made) == 1
    assert environment.healthy() and environment.read()["lab"]
    assert "making it anew" in capsys.readouterr().out


def test_making_one_for_real(boot, tmp_path):
    (tmp_path / ".venv" / "lib").mkdir(parents=True)  # the rest of one that was cut short
    assert boot.make_venv(sys.executable, tmp_path / ".venv")
    assert boot.Environment(tmp_path / ".venv").healthy()
    assert not boot.make_venv(shutil.which("false") or sys.executable + "-x", tmp_path / "other")


def test_somebody_elses_folder_is_never_removed(course, tmp_path, capsys):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "thesis.txt").write_text("years of work")
    with pytest.raises(course.Stop, match="in the way and is not an environment: move it elsewhere"):
        course.Environment().ensure()
    course.clean([])
    assert (tmp_path / ".venv" / "thesis.txt").exists()


def test_an_environment_that_somebody_made_by_hand_is_used(course, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(course.sys, "platform", "linux")
    assert course.make_venv(sys.executable, tmp_path / ".venv")
    (tmp_path / ".venv" / "mine.txt").write_text("kept")
    course.Environment().ensure()
    assert (tmp_path / ".venv" / "mine.txt").exists()


def test_packages_that_were_cut_short_are_forgotten(course, monkeypatch, tmp_path):
    """A package of which a file is missing is not `already satisfied`; other places are not touched."""
    environment = course.Environment()
    assert course.make_venv(sys.executable, environment.venv)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "mine"))
    (inside,) = {path.parent for path in environment.venv.rglob("site-packages/pip")}
    for name, there in (("whole", ["whole.py"]), ("cut", []), ("unlisted", []), ("own", [])):
        site = tmp_path / "mine" if name == "own" else inside
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        if name != "unlisted":
            (info / "RECORD").write_text(f"{name}.py,,\n{name}-1.0.dist-info/METADATA,,\n")
        for file in there:
            (site / file).write_text("")
    environment.drop_damaged()
    assert (inside / "whole-1.0.dist-info").exists()
    assert not (inside / "cut-1.0.dist-info").exists()
    assert not (inside / "unlisted-1.0.dist-info").exists()
    assert (tmp_path / "mine" / "own-1.0.dist-info").exists()
    assert environment.healthy()  # pip itself was whole


def test_a_note_that_was_cut_short_counts_as_none(course, tmp_path):
    environment = course.Environment()
    environment.venv.mkdir()
    environment.note.write_text('{"lab": "ab')
    assert environment.read() == {}
    environment.note.write_text("[]")
    assert environment.read() == {}
    environment.write(torch="cpu")
    assert json.loads(environment.note.read_text()) == {"torch": "cpu"}


# A bare Debian ----------------------------------------------------------------------------------------------


def test_venv_is_installed_where_that_can_be_done_unasked(course, monkeypatch, capsys):
    installed = []
    monkeypatch.setattr(course, "make_venv", lambda base, folder: bool(installed) and folder.mkdir() is None)
    monkeypatch.setattr(course, "apt_install", lambda *packages: installed.extend(packages) or True)
    course.Environment().make()
    assert installed == ["python{}.{}-venv".format(*sys.version_info[:2])]


def test_otherwise_one_sentence_says_what_to_install(course, monkeypatch, capsys):
    monkeypatch.setattr(course, "make_venv", lambda base, folder: False)
    monkeypatch.setattr(course, "apt_prefix", lambda: None)
    with pytest.raises(
        course.Stop, match=r"`sudo apt-get install python3\.\d+-venv`, then run the same command"
    ):
        course.Environment().make()


@POSIX
@pytest.mark.parametrize(
    ("user", "sudo", "prefix"),
    [(0, None, []), (1000, 0, ["sudo", "-n"]), (1000, 1, None), (1000, None, None)],
)
def test_how_apt_can_be_called(boot, monkeypatch, tmp_path, user, sudo, prefix):
    program(tmp_path / "bin", "apt-get", "exit 0")
    if sudo is not None:
        program(tmp_path / "bin", "sudo", f"exit {sudo}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(boot.os, "geteuid", lambda: user)
    assert boot.apt_prefix() == prefix


@POSIX
@pytest.mark.parametrize(("update", "install", "worked"), [(0, 0, True), (100, 0, True), (0, 100, False)])
def test_apt_installs_even_if_one_source_is_out_of_reach(
    boot, monkeypatch, tmp_path, capsys, update, install, worked
):
    log = tmp_path / "log"
    script = f'echo "$@ $DEBIAN_FRONTEND" >> {log}\n[ $1 = update ] && exit {update}\nexit {install}'
    program(tmp_path / "bin", "apt-get", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr(boot, "apt_prefix", lambda: [])
    assert boot.apt_install("chromium") == worked
    assert log.read_text().splitlines() == [
        "update -qq noninteractive",
        "install -y -qq --no-install-recommends chromium noninteractive",
    ]


# Other Pythons ----------------------------------------------------------------------------------------------


@POSIX
def test_a_python_that_is_too_old_looks_for_a_newer_one(boot, monkeypatch, tmp_path):
    monkeypatch.setattr(boot.sys, "version_info", (3, 9, 2))
    program(tmp_path / "bin", "python3.13", "echo pyenv: python3.13: command not found >&2; exit 127")
    program(tmp_path / "bin", "python3.12", f"echo 3 12 4 '{tmp_path}/my python3.12'")
    program(tmp_path / "bin", "python3.11", "echo 3 11 2 /usr/bin/python3.11")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert boot.find_python() == f"{tmp_path}/my python3.12"


@pytest.mark.parametrize("version", [(3, 9, 2), (3, 10, 13), (3, 15, 0)])
def test_without_one_it_says_which_are_needed(boot, monkeypatch, tmp_path, version, capsys):
    monkeypatch.setattr(boot.sys, "version_info", version)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert boot.main(["lab"]) == 1
    sentence = "this is Python {}.{}, and the course needs Python 3.11, 3.12, 3.13 or 3.14".format(*version)
    assert sentence in capsys.readouterr().err


def test_it_can_be_read_by_old_pythons():
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 8))


# JupyterLab -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "variables", "screen"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": "localhost:10", "SSH_CONNECTION": "a b"}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "a b"}, False),
    ],
)
def test_where_a_window_can_open(boot, monkeypatch, platform, variables, screen):
    monkeypatch.setattr(boot.sys, "platform", platform)
    monkeypatch.setattr(boot, "WINDOWS", False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert boot.has_screen() == screen


def test_a_port_in_use_is_passed_over(boot):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert boot.free_port(port) > port


class Jupyter(BaseHTTPRequestHandler):
    """Answers to the token that the test's server has, as JupyterLab does."""

    def do_GET(self):
        path, _, token = self.path.partition("?token=")
        right = path == "/api/status" and urllib.parse.unquote(token) == self.server.token
        self.send_response(200 if right else 403)
        self.end_headers()
        self.wfile.write(b'{"started": "today"}' if right else b"{}")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Jupyter) as server:
        thread = threading.Thread(target=server.serve_forever)
        server.token = "abc"
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("browser", [True, False])
def test_the_address_is_said_when_the_server_answers(boot, monkeypatch, capsys, server, browser):
    opened = []
    monkeypatch.setattr(boot.webbrowser, "open", opened.append)
    url, answered = f"http://localhost:{server.server_port}/lab/tree/x.ipynb?token=abc", threading.Event()
    boot.announce(url, server.server_port, "abc", browser, lambda: True, answered)
    assert f"    {url}\n" in capsys.readouterr().out
    assert opened == [url] * browser and answered.is_set()


def test_another_program_on_the_port_is_not_taken_for_ours(boot, capsys, server):
    answered, looks = threading.Event(), iter([True, True, False])
    boot.announce("http://x", server.server_port, "another", True, lambda: next(looks), answered)
    assert capsys.readouterr().out == "" and not answered.is_set()


@pytest.mark.parametrize("token", ["a b", "a&b=c#d", "100%", "密码", "+/="])
def test_a_token_of_any_kind_is_quoted(boot, monkeypatch, tmp_path, server, token):
    server.token = token
    assert boot.wait_for_server(server.server_port, token, lambda: True, seconds=20)
    monkeypatch.setenv("JUPYTER_TOKEN", token)
    told = []
    monkeypatch.setattr(boot, "announce", lambda *arguments: told.append(arguments[0]))
    monkeypatch.setattr(boot, "run", lambda *command: time.sleep(0.1) or 0)
    boot.serve("notebooks/my first.ipynb", 8888, False, [])
    address = urllib.parse.urlsplit(told[0])
    assert address.path == "/lab/tree/notebooks/my%20first.ipynb" and not address.fragment
    assert urllib.parse.parse_qs(address.query, keep_blank_values=True)["token"] == [token]


def test_an_empty_token_is_none(boot, monkeypatch):
    monkeypatch.setenv("JUPYTER_TOKEN", "")
    monkeypatch.setattr(boot, "announce", lambda *arguments: None)
    monkeypatch.setattr(boot, "run", lambda *command: 0)
    boot.serve("x.ipynb", 8888, False, [])
    assert len(os.environ["JUPYTER_TOKEN"]) == 48


def test_port_0_is_any_that_is_free(boot):
    assert 0 < boot.free_port(0) < 65536


@pytest.mark.parametrize("port", ["-5", "65536", "99999999999"])
def test_a_port_that_is_none_is_said_before_anything_is_installed(course, tmp_path, capsys, port):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / course.FIRST_NOTEBOOK).write_text("{}")
    assert course.main(["lab", "--port", port]) == 1
    assert f"--port got {port}, but it must be a number from 0 to 65535" in capsys.readouterr().err
    assert not course.asked


def test_a_port_that_is_lost_in_the_race_is_followed_by_the_next(course, monkeypatch, tmp_path, capsys):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / course.FIRST_NOTEBOOK).write_text("{}")
    monkeypatch.setattr(course.Environment, "ensure", lambda self, tools=False: None)
    monkeypatch.setenv("JUPYTER_TOKEN", "abc")
    tried = []
    with socket.socket() as thief:

        def serve(notebook, port, browser, extra):
            tried.append(port)
            if len(tried) == 1:
                thief.bind(("127.0.0.1", port))
                thief.listen()
                return 1, False
            return 0, True

        monkeypatch.setattr(course, "serve", serve)
        assert course.main(["lab", "--port", "0"]) == 0
    assert len(tried) == 2 and tried[1] > tried[0] > 0
    assert f"another program has taken port {tried[0]} meanwhile" in capsys.readouterr().out


def test_a_server_that_fails_for_another_reason_is_not_started_again(course, monkeypatch, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / course.FIRST_NOTEBOOK).write_text("{}")
    monkeypatch.setattr(course.Environment, "ensure", lambda self, tools=False: None)
    tried = []
    monkeypatch.setattr(course, "serve", lambda *arguments: tried.append(arguments) or (3, False))
    assert course.main(["lab", "--port", "0"]) == 3
    assert len(tried) == 1


@pytest.mark.parametrize(
    "name", ["notebooks/03_attention.ipynb", "03", "03_attention", "~/course/notebooks/03_attention.ipynb"]
)
def test_a_notebook_is_found_as_people_name_it(course, monkeypatch, tmp_path, name):
    root = tmp_path / "course"
    (root / "notebooks").mkdir(parents=True)
    (root / "notebooks" / "03_attention.ipynb").write_text("{}")
    monkeypatch.setattr(course, "ROOT", root)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert course.find_notebook(name) == "notebooks/03_attention.ipynb"
    for wrong in ("04", "notebooks", "", "..", str(tmp_path), "/etc/hostname", "*"):
        with pytest.raises(course.Stop, match="there is no"):
            course.find_notebook(wrong)


def test_nothing_is_said_if_the_server_ended(boot, capsys):
    boot.announce("http://x", boot.free_port(20000), "abc", True, lambda: False, threading.Event())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", [[], ["--ip", "0.0.0.0", "--port", "9123"]])
def test_lab_starts_jupyterlab_on_the_first_notebook(course, monkeypatch, tmp_path, arguments):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / course.FIRST_NOTEBOOK).write_text("{}")
    commands = []
    monkeypatch.setattr(course.Environment, "ensure", lambda self, tools=False: None)
    monkeypatch.setattr(course, "announce", lambda *arguments: None)
    monkeypatch.setattr(course, "run", lambda *command: commands.append([str(part) for part in command]) or 0)
    monkeypatch.setattr(course, "free_port", lambda first: first)
    monkeypatch.setenv("JUPYTER_TOKEN", "")  # so that it is restored
    monkeypatch.delenv("JUPYTER_TOKEN")
    assert course.main(["lab", *arguments]) == 0
    (command,) = commands
    assert command[1:4] == ["-m", "jupyterlab", "--no-browser"]
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert f"--ServerApp.port={9123 if arguments else 8888}" in command
    assert command[-2:] == ["--ip", "0.0.0.0"] or not arguments
    assert len(os.environ["JUPYTER_TOKEN"]) == 48
    monkeypatch.delenv("JUPYTER_TOKEN")


@POSIX
def test_the_address_that_lab_says_opens_the_notebook_and_needs_the_token(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_start_here.ipynb").write_text('{"cells": [], "metadata": {}}')
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import bootstrap\n"
        f"bootstrap.ROOT = bootstrap.Path({str(tmp_path)!r})\n"
        "bootstrap.venv_python = lambda venv=None: bootstrap.Path(sys.executable)\n"
        "bootstrap.Environment.ensure = lambda self, tools=False: None\n"
        "sys.exit(bootstrap.main(['lab', '--no-browser', '--port', '8765']))"
    )
    kept = {
        name: str(tmp_path / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
    } | {"COURSE_PRETRAINED": "no"}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env={**os.environ, **kept}, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = next(line.strip() for line in process.stdout if "token=" in line)
            page, _, token = url.partition("?token=")
            api = page.replace("/lab/tree/", "/api/contents/") + "?content=0"
            with urllib.request.urlopen(f"{api}&token={token}") as answer:
                assert json.load(answer)["path"] == "notebooks/00_start_here.ipynb"
            with pytest.raises(urllib.error.HTTPError, match="403") as refused:
                urllib.request.urlopen(api)
            refused.value.close()
        finally:
            process.terminate()
            process.wait(30)


def test_lab_without_the_notebook_says_so_before_it_installs(course, capsys):
    assert course.main(["lab"]) == 1
    assert "there is no notebooks/00_start_here.ipynb" in capsys.readouterr().err
    assert not course.asked


# test, and the other verbs ----------------------------------------------------------------------------------


@pytest.fixture
def calls(course, monkeypatch):
    """What `test` runs, with the exit codes that `codes` says."""
    course.calls, course.codes = [], {}

    def run(*command, variables=None):
        course.calls.append(" ".join(str(part) for part in command[2:]))
        return course.codes.get(course.calls[-1].split()[0], 0)

    monkeypatch.setattr(course, "run", run)
    monkeypatch.setattr(course, "ensure_browser", lambda: course.calls.append("browser"))
    monkeypatch.setattr(
        course.Environment, "ensure", lambda self, tools=False: course.calls.append(f"tools {tools}")
    )
    return course


@pytest.mark.parametrize("verb", ["lab", "test"])
@pytest.mark.parametrize(("code", "wanted"), [(0, ""), (1, ""), (0, "/media/stick"), (0, "no"), (0, "NO")])
def test_the_real_model_is_fetched_last_and_fails_nothing(calls, monkeypatch, tmp_path, verb, code, wanted):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / calls.FIRST_NOTEBOOK).write_text("{}")
    monkeypatch.setenv("COURSE_PRETRAINED", wanted)
    monkeypatch.setattr(calls, "announce", lambda *arguments: None)
    monkeypatch.setenv("JUPYTER_TOKEN", "abc")
    calls.codes["course_lib"] = code
    assert calls.main([verb]) == 0
    fetched = [number for number, call in enumerate(calls.calls) if call.startswith("course_lib fetch")]
    if wanted.lower() == "no":
        assert not fetched
    else:
        assert calls.calls[fetched[0]] == "course_lib fetch smollm2 --if-wanted" and len(fetched) == 1
        before = ["tools False"] if verb == "lab" else ["tools True", "browser"]
        assert calls.calls[: fetched[0]] == before


def test_a_program_that_does_not_start_fails_nothing_either(boot, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PRETRAINED", "")
    monkeypatch.setattr(boot, "VENV", tmp_path)
    boot.fetch_model()


def test_test_runs_everything_in_order(calls):
    assert calls.main(["test", "-k", "tokens"]) == 0
    assert calls.calls == [
        "tools True",
        "browser",
        "ruff check .",
        "ruff format --check .",
        "pytest -k tokens",
    ]


@pytest.mark.parametrize(("program", "code"), [("ruff", 1), ("pytest", 5)])
def test_test_fails_if_a_part_fails(calls, program, code):
    calls.codes[program] = code
    assert calls.main(["test"]) == code


def test_unknown_verbs_are_answered_with_the_known_ones(boot, capsys):
    assert boot.main(["fly"]) == 1
    said = capsys.readouterr().err
    assert all(verb in said for verb in boot.VERBS)


def test_a_browser_is_installed_where_none_is_found(boot, monkeypatch):
    found, ran = ["", "", "/usr/bin/chromium"], []
    monkeypatch.setattr(boot.sys, "platform", "linux")
    monkeypatch.setattr(boot, "found_browser", lambda: found.pop(0))
    monkeypatch.setattr(boot, "apt_install", lambda *packages: ran.append(packages) or True)
    monkeypatch.setattr(boot, "apt_prefix", lambda: [])
    monkeypatch.setattr(boot, "run", lambda *command: ran.append(command[2:]) or 0)
    boot.ensure_browser()  # Debian: apt-get brings one, but not one that can be used (a snap)
    assert ran == [("chromium",), ("playwright", "install", "--with-deps", "chromium")]
    boot.ensure_browser()  # now there is one
    assert len(ran) == 2


@POSIX
def test_ctrl_c_and_the_end_reach_the_command(tmp_path):
    """A server started by `run` ends with the script, and its exit code is the script's."""
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import bootstrap\n"
        "bootstrap.VENV = bootstrap.Path('/nonexistent')\n"
        "server = 'import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7));'\n"
        "server += 'print(0); time.sleep(60)'\n"
        "sys.exit(bootstrap.run(sys.executable, '-u', '-c', server))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "0\n"
        process.terminate()
        assert process.wait(30) == 7
