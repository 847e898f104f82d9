"""Sets up the course and starts it, on any machine with Python, from nothing: what `make` calls.

    python scripts/bootstrap.py lab         the environment, then JupyterLab on the first notebook
    python scripts/bootstrap.py test        the environment and the test tools, then every test
    python scripts/bootstrap.py run ...     the environment, then a command in it

It uses nothing but Python's standard library. Whatever it makes is in `.venv`. A step that was cut short is
found out and repaired by the next call, and a call that finds everything in place adds less than a second.

Variables: COURSE_TORCH=cuda takes the CUDA build of torch, and is remembered (see `torch_attempts`);
COURSE_BROWSER is the browser for the browser test; COURSE_PRETRAINED=no leaves out the real model, which is
fetched last, and a folder's name there is where it goes to.

The file must start on older Pythons too, if only to find a newer one or to say what is needed.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import hashlib
import http.client
import json
import os
import platform
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
OLDEST, NEWEST = (3, 11), (3, 14)
FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
TORCH_INDEX = "https://download.pytorch.org/whl/"
TRIES = 3  # ports, if another program takes the one that was free a moment ago
WINDOWS = os.name == "nt"
AGAIN = "then run the same command again; it goes on where it stopped."


class Stop(Exception):
    """The one sentence that a person reads when something cannot go on."""


def say(text):
    """Tell what goes on."""
    print(f"course: {text}", flush=True)


# Python ---------------------------------------------------------------------------------------------------


def describe(command):
    """(major, minor, micro, path) of the Python that a command starts, or None if none starts."""
    code = "import sys; print(*sys.version_info[:3], sys.executable)"
    try:
        done = subprocess.run([*command, "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    parts = done.stdout.strip().split(" ", 3)
    return (*map(int, parts[:3]), parts[3]) if done.returncode == 0 and len(parts) == 4 else None


def version_of(python):
    """The version of a Python as (major, minor, micro), or None if it does not start."""
    found = describe([str(python)])
    return found and found[:3]


def supported(version):
    """Whether the course runs on a version of Python."""
    return version is not None and OLDEST <= tuple(version[:2]) <= NEWEST


def find_python():
    """A Python that the course supports: the one that runs this, or else the newest on PATH."""
    if supported(sys.version_info):
        return getattr(sys, "_base_executable", None) or sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        for command in [[f"python3.{minor}"]] + ([["py", f"-3.{minor}"]] if WINDOWS else []):
            program = shutil.which(command[0])
            found = describe([program, *command[1:]]) if program else None
            if supported(found):
                return found[3]
    raise Stop(
        "this is Python {}.{}, and the course needs Python 3.11, 3.12, 3.13 or 3.14: install one of them "
        "(https://www.python.org/downloads), ".format(*sys.version_info[:2])
        + AGAIN
    )


def venv_python(venv=None):
    """The Python of an environment."""
    return (venv or VENV) / ("Scripts/python.exe" if WINDOWS else "bin/python")


# Installing Debian packages -------------------------------------------------------------------------------


def apt_prefix():
    """How to call apt-get unasked: [] as root, ["sudo", "-n"] where that works, or None if it can't be."""
    if WINDOWS or not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None


def apt_install(*packages):
    """Whether Debian's packages could be installed."""
    prefix = apt_prefix()
    if prefix is None:
        return False
    say(f"installing {' '.join(packages)} with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        if prefix:
            command = ["env", "DEBIAN_FRONTEND=noninteractive", *command]
        done = subprocess.run([*prefix, *command], env=environment, stdout=subprocess.DEVNULL)
        if done.returncode != 0 and command[-1] != "-qq":
            return False
    return True


# The environment ------------------------------------------------------------------------------------------


def wanted_torch(remembered=None):
    """Which build of torch is asked for: the variable, or what was chosen the last time, or the CPU's."""
    choice = os.environ.get("COURSE_TORCH") or remembered or "cpu"
    if not re.fullmatch(r"cpu|cuda|cu\d{2,3}", choice):
        raise Stop(f"COURSE_TORCH is {choice!r}, but it must be cpu, cuda, or a build such as cu130.")
    if choice == "cuda" and WINDOWS:
        raise Stop(
            "on Windows say which CUDA build: for example COURSE_TORCH=cu130 (https://pytorch.org lists them)"
        )
    if choice != "cpu" and sys.platform == "darwin":
        raise Stop("there is no CUDA on macOS: leave COURSE_TORCH unset, and a Mac's own GPU is used.")
    return choice


def torch_version(root=None):
    """The version of torch in constraints.txt."""
    text = ((root or ROOT) / "constraints.txt").read_text(encoding="utf-8")
    return re.search(r"^torch==([\w.]+)", text, re.MULTILINE).group(1)


def torch_attempts(choice, version, platform=None):
    """What to give `pip install --no-deps`, one attempt after the other, until one works.

    On Linux PyPI's own torch is the CUDA build, several GB large. So for the CPU the build with the local
    version `+cpu` is asked for, where pip is configured to look first, then at PyTorch's own index; never
    PyPI's. On macOS and Windows PyPI's torch is what is wanted. `===` keeps pip from taking a +cpu build for
    the CUDA one.
    """
    platform = platform or sys.platform
    if choice == "cuda":
        return [[f"torch==={version}"]]
    if choice != "cpu":
        return [[f"torch=={version}+{choice}", "--index-url", TORCH_INDEX + choice]]
    if platform != "linux":
        return [[f"torch=={version}"]]
    cpu = f"torch=={version}+cpu"
    return [[cpu], [cpu, "--index-url", TORCH_INDEX + "cpu"]]


def torch_is_right(installed, choice, version, platform=None):
    """Whether the torch that is installed is the build that is wanted."""
    number, _, build = (installed or "").partition("+")
    if number != version:
        return False
    if choice == "cpu":
        return build == "cpu" or (not build and (platform or sys.platform) != "linux")
    return build == ("" if choice == "cuda" else choice)


def fingerprint(key, choice, python_version, root=None):
    """What an environment for `lab` or `test` depends on; when it changes the next call installs anew."""
    root = root or ROOT
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes().replace(b"\r\n", b"\n"))
    digest.update(repr((str(root), tuple(python_version), choice, key)).encode())
    return digest.hexdigest()


class Environment:
    """The folder `.venv`, and a small file in it that says what is complete.

    `course.json` is written when the environment has been made, and says after each complete installation
    what it was made from. So whatever is not in the file has been cut short, or was never begun.
    """

    def __init__(self, venv=None):
        self.venv = venv or VENV
        self.python = venv_python(self.venv)
        self.note = self.venv / "course.json"

    def read(self):
        """What the file says; nothing if there is none."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def write(self, **entries):
        """Add to what the file says."""
        part = self.note.with_suffix(".part")
        part.write_text(json.dumps({**self.read(), **entries}, indent=1), encoding="utf-8")
        os.replace(part, self.note)

    def healthy(self):
        """Whether there is a working Python with pip, not copied here from another folder."""
        at_home = self.read().get("root", str(ROOT)) == str(ROOT)
        return (
            at_home
            and supported(version_of(self.python))
            and self.output("-m", "pip", "--version") is not None
        )

    def output(self, *arguments):
        """What the environment's Python prints, or None if it fails."""
        done = subprocess.run([str(self.python), *arguments], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    def make(self):
        """Make the environment, empty but for pip."""
        base = find_python()
        if os.pathsep in str(self.venv):
            raise Stop(
                f"the course lies in {ROOT}, and no program can be run from a folder with {os.pathsep!r} in "
                f"its name: rename or move it, {AGAIN}"
            )
        if self.venv.is_symlink() or (self.venv.exists() and not removable(self.venv)):
            raise Stop(f"{self.venv} is in the way and is not an environment: move it elsewhere, {AGAIN}")
        if self.venv.exists():
            say("the environment in .venv is not complete, or comes from another folder: making it anew")
            remove(self.venv)
        say("making the environment in .venv")
        if not make_venv(base, self.venv) and not (install_venv(base) and make_venv(base, self.venv)):
            package = "python{}.{}-venv".format(*version_of(base)[:2])
            raise Stop(
                "Python could not make an environment: on Debian or Ubuntu run "
                f"`sudo apt-get install {package}`, {AGAIN}"
            )
        self.write(root=str(ROOT))

    def pip(self, *arguments, quiet_errors=False):
        """Run `pip install`; gives None if it worked, and otherwise its messages as far as they were kept."""
        command = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
        variables = {**os.environ, "PIP_USER": "0", "PIP_NO_INPUT": "1"}
        stderr = subprocess.PIPE if quiet_errors else None
        done = subprocess.run(command, cwd=ROOT, env=variables, stderr=stderr)
        return None if done.returncode == 0 else (done.stderr or b"").decode("utf-8", "replace")

    def install_torch(self, choice):
        """Install the build of torch that is wanted, unless it is there."""
        version = torch_version()
        code = "import importlib.metadata; print(importlib.metadata.version('torch'))"
        if torch_is_right(self.output("-c", code), choice, version):
            return
        say(f"installing torch {version} ({'the CPU build' if choice == 'cpu' else choice})")
        problem = ""
        for attempt in torch_attempts(choice, version):
            problem = self.pip("--no-deps", "--force-reinstall", *attempt, quiet_errors=True)
            if problem is None:
                return
        sys.stderr.write(problem)
        if no_build(problem):
            raise Stop(f"pip finds no torch {version} for {this_machine()}: {where_torch_is()}")
        raise Stop(
            f"torch {version} ({choice}) could not be installed, see above: {what_helps(problem)}, "
            f"or let pip find the file in a folder (PIP_FIND_LINKS=folder), {AGAIN}"
        )

    def install(self, tools, choice):
        """Install everything that is missing; what an interrupted installation damaged is installed again."""
        if self.read().get("installing"):
            self.drop_damaged()
        self.write(root=str(ROOT), installing=True, lab=None, test=None)
        self.install_quietly("setuptools")  # with which the course itself is installed below, in place
        self.install_torch(choice)
        what = "the course's packages" + (" and the test tools" if tools else "")
        say(f"installing {what}: some minutes the first time")
        self.install_quietly("--no-build-isolation", "--editable", ".[test]" if tools else ".")

    def install_quietly(self, *arguments):
        """Install in the versions that constraints.txt names."""
        problem = self.pip("-q", "-c", "constraints.txt", *arguments, quiet_errors=True)
        if problem is None:
            return
        sys.stderr.write(problem)
        if no_build(problem):
            raise Stop(f"pip finds no package for {this_machine()}, see above: {where_torch_is()}")
        raise Stop(f"the packages could not be installed, see above: {what_helps(problem)}, {AGAIN}")

    def drop_damaged(self):
        """Let pip forget the packages of which a file is missing, so that it installs them again."""
        for folder in (self.output("-c", FIND_DAMAGED) or "").splitlines():
            if self.venv.resolve() in Path(folder).resolve().parents:  # and no folder that PYTHONPATH names
                shutil.rmtree(folder, ignore_errors=True)

    def ensure(self, tools=False):
        """Make the environment, or repair it, or find that it is complete."""
        note = self.read()
        choice = wanted_torch(note.get("torch"))
        key = "test" if tools else "lab"
        version = version_of(self.python)
        if supported(version) and any(note.get(k) == fingerprint(k, choice, version) for k in {key, "test"}):
            return
        if not self.healthy():
            self.make()
            version = version_of(self.python)
        self.install(tools, choice)
        self.write(torch=choice, installing=False, **{key: fingerprint(key, choice, version)})


# Prints the folder of each installed package that has no list of its files, or of which a file is missing.
FIND_DAMAGED = """
import csv, importlib.metadata
for package in importlib.metadata.distributions():
    rows = csv.reader((package.read_text("RECORD") or "").splitlines())
    names = [row[0] for row in rows if row and not row[0].endswith(".pyc")]
    if not names or not all(package.locate_file(name).exists() for name in names):
        print(package._path)
"""


# What pip says of a network that fails; it then finds no version of anything.
UNREACHED = "Retrying|[Cc]onnection|[Tt]imed? ?out|Temporary failure|resolve|unreachable|SSL|Proxy|HTTP error"


def no_build(problem):
    """Whether pip has looked through a list of packages and found none for this machine."""
    looked = "No matching distribution found" in problem and not os.environ.get("PIP_NO_INDEX")
    return looked and not re.search(UNREACHED, problem)


def what_helps(problem):
    """What a person can do about pip's messages."""
    if "No space left" in problem or "Errno 28" in problem:
        return "make room on the disk"
    if re.search(r"Permission denied|Errno 13|WinError 5\b", problem):
        return "allow writing to the course's folder, and close the programs that use it"
    return "check the network"


def this_machine():
    """The Python and the machine, as torch's builds are named for them."""
    system = "macOS" if sys.platform == "darwin" else platform.system()
    bits = "" if sys.maxsize > 2**32 else ", 32-bit"
    return "Python {}.{}{} on {} ({})".format(*sys.version_info[:2], bits, system, platform.machine())


def where_torch_is():
    """What to do on a machine for which torch has no build."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        if translated():
            return "this Python is made for Intel processors: install the one for Apple silicon, " + AGAIN
        return (
            "torch is built no more for Macs with Intel processors: take another computer, or a hosted one."
        )
    return (
        "take a 64-bit Python 3.11 to 3.14 (https://www.python.org/downloads) on Windows, on a Mac with "
        "Apple silicon, or on Linux with glibc 2.28 or newer."
    )


def translated():
    """Whether a program for Intel's Macs runs on an Apple processor."""
    try:
        done = subprocess.run(["sysctl", "-n", "sysctl.proc_translated"], capture_output=True, text=True)
    except OSError:
        return False
    return done.stdout.strip() == "1"


def removable(folder):
    """Whether a folder is an environment, or the beginning of one, and nothing else."""
    if not folder.is_dir():
        return False
    parts = set("bin include lib lib64 share etc Scripts Include Lib pyvenv.cfg .gitignore".split())
    names = {path.name for path in folder.iterdir()}
    return "pyvenv.cfg" in names or "course.json" in names or names <= parts


def remove(folder):
    """Remove an environment."""
    try:
        shutil.rmtree(folder)
    except OSError as problem:
        raise Stop(
            f"{folder} could not be removed ({problem}): close the programs that use it, {AGAIN}"
        ) from None


def make_venv(base, folder):
    """Whether `python -m venv` worked. On a bare Debian it fails, since the package python3-venv is apart."""
    try:
        done = subprocess.run([base, "-m", "venv", "--clear", str(folder)], capture_output=True)
    except OSError:
        return False
    return done.returncode == 0 and version_of(venv_python(folder)) is not None


def install_venv(base):
    """Whether Debian's package with venv for this Python could be installed."""
    return apt_install("python{}.{}-venv".format(*version_of(base)[:2])) or apt_install("python3-venv")


def environment_variables():
    """This process's variables as they are inside the environment."""
    folder = str(venv_python().parent)
    result = {
        **os.environ,
        "VIRTUAL_ENV": str(VENV),
        "PATH": folder + os.pathsep + os.environ.get("PATH", ""),
    }
    result.pop("PYTHONHOME", None)
    result["JUPYTER_PREFER_ENV_PATH"] = "1"  # so that a kernel of the same name elsewhere is not taken
    return result


def run(*command, variables=None):
    """The exit code of a command in the environment. Ctrl-C is the command's affair; an end is passed on."""
    variables = {**(environment_variables() if VENV.exists() else os.environ), **(variables or {})}
    program = shutil.which(str(command[0]), path=variables["PATH"]) or str(command[0])
    process = subprocess.Popen([program, *map(str, command[1:])], cwd=ROOT, env=variables)
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def fetch_model():
    """Get the real model, unless it is here or COURSE_PRETRAINED is "no"; if that fails, all else goes on."""
    if os.environ.get("COURSE_PRETRAINED", "").lower() != "no":
        with contextlib.suppress(OSError):
            run(venv_python(), "-m", "course_lib", "fetch", "smollm2", "--if-wanted")


# lab ------------------------------------------------------------------------------------------------------


def has_screen():
    """Whether a browser window could open here."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    if WINDOWS or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def free_port(first):
    """The first port from `first` on that nobody uses; for 0 any."""
    if not 0 <= first < 65536:
        raise Stop(f"--port got {first}, but it must be a number from 0 to 65535; 0 takes any that is free.")
    for port in range(first, min(first + 100, 65536)):
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            if not WINDOWS:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise Stop(f"no port from {first} on is free: choose another with --port.")


def wait_for_server(port, token, alive, seconds=120):
    """Whether our JupyterLab answers on this machine before the time is up or it has ended.

    Another server that has taken the port does not know the token.
    """
    local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + seconds
    while alive() and time.monotonic() < end:
        try:
            url = f"http://127.0.0.1:{port}/api/status?token={quoted(token)}"
            with local.open(url, timeout=5) as answer:
                if "started" in json.load(answer):
                    return True
        except (OSError, ValueError, http.client.HTTPException) as problem:
            if isinstance(problem, urllib.error.HTTPError):
                problem.close()
        time.sleep(0.2)
    return False


def quoted(text):
    """A part of an address, whatever characters it has."""
    return urllib.parse.quote(text, safe="")


def announce(url, port, token, browser, alive, answered):
    """Say where JupyterLab is as soon as it answers."""
    if not wait_for_server(port, token, alive):
        return
    answered.set()
    print(f"\nJupyterLab is running. Stop it with Ctrl-C. Its address:\n\n    {url}\n", flush=True)
    if browser:
        webbrowser.open(url)


def lab_command(port, extra):
    """The command that starts JupyterLab on the course's folder."""
    command = [venv_python(), "-m", "jupyterlab", "--no-browser", f"--ServerApp.root_dir={ROOT}"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--Application.log_level=WARN"]
    if not WINDOWS and os.geteuid() == 0:
        command.append("--allow-root")  # in a container; the server listens on this machine only
    return [*command, *extra]


def lab(arguments):
    """Open JupyterLab. Options it does not know go to JupyterLab."""
    parser = argparse.ArgumentParser(prog="bootstrap.py lab", allow_abbrev=False)
    parser.add_argument("--notebook", default=FIRST_NOTEBOOK, help="the notebook to open")
    parser.add_argument("--port", type=int, default=8888, help="the first port to try")
    parser.add_argument("--browser", action=argparse.BooleanOptionalAction, help="open a browser window")
    options, extra = parser.parse_known_args(arguments)
    notebook = find_notebook(options.notebook)
    free_port(options.port)  # a number that is none is said before anything is installed
    Environment().ensure()
    fetch_model()
    browser = has_screen() if options.browser is None else options.browser
    port = options.port
    for _ in range(TRIES):
        port = free_port(port)
        code, answered = serve(notebook, port, browser, extra)
        if code == 0 or answered or free_port(port) == port:
            return code
        say(f"another program has taken port {port} meanwhile")
        port += 1
    return code


def find_notebook(name):
    """A notebook's path inside the course, from a path or the beginning of its name."""
    near = (
        sorted((ROOT / "notebooks").glob(glob.escape(name) + "*.ipynb"))
        if name and name.strip("/.") == name
        else []
    )
    for path in (ROOT / name, Path(os.path.expanduser(name)).absolute(), *near):
        if path.is_file() and ROOT.resolve() in path.resolve().parents:
            return path.resolve().relative_to(ROOT.resolve()).as_posix()
    raise Stop(f"there is no {name} in {ROOT}: get the whole course, for example with git clone.")


def serve(notebook, port, browser, extra):
    """Run JupyterLab until it ends; gives its exit code, and whether it has answered."""
    token = os.environ["JUPYTER_TOKEN"] = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    url = f"http://localhost:{port}/lab/tree/{urllib.parse.quote(notebook)}?token={quoted(token)}"
    ended, answered = threading.Event(), threading.Event()
    announcer = (url, port, token, browser, lambda: not ended.is_set(), answered)
    threading.Thread(target=announce, args=announcer, daemon=True).start()
    try:
        return run(*lab_command(port, extra)), answered.is_set()
    finally:
        ended.set()


# test -----------------------------------------------------------------------------------------------------


def found_browser():
    """The browser that the browser test would take; empty if there is none."""
    code = "from course_lib.shell.machine import find_browser; print(find_browser() or '')"
    done = subprocess.run([str(venv_python()), "-c", code], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def ensure_browser():
    """Find a Chromium for the browser test, or install one where that can be done without asking."""
    if found_browser() or not sys.platform.startswith("linux"):
        return
    if apt_install("chromium") and found_browser():
        return
    say("trying playwright's own Chromium")  # Ubuntu has Chromium only as a snap
    installer = [venv_python(), "-m", "playwright", "install"]
    run(*installer, *(["--with-deps"] if apt_prefix() is not None else []), "chromium")


def test(arguments):
    """Run every test. The arguments go to pytest."""
    Environment().ensure(tools=True)
    ensure_browser()
    fetch_model()
    for command in (["ruff", "check", "."], ["ruff", "format", "--check", "."]):
        code = run(venv_python(), "-m", *command)
        if code:
            return code
    return run(venv_python(), "-m", "pytest", *arguments)


# Other verbs ----------------------------------------------------------------------------------------------


def run_verb(arguments):
    """Run a command in the environment; `--tools` before it makes sure of the test tools."""
    tools = arguments[:1] == ["--tools"]
    command = arguments[1:] if tools else arguments
    Environment().ensure(tools=tools)
    return run(*command) if command else 0


def notebooks(arguments):
    """Run all notebooks, or those named, from top to bottom, and keep their outputs."""
    Environment().ensure()
    convert = [venv_python(), "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    for named in arguments:
        if not (ROOT / named).is_file():
            raise Stop(f"there is no notebook {named} in {ROOT}.")
    for notebook in arguments or sorted(glob.glob("notebooks/[0-9]*.ipynb", root_dir=ROOT)):
        with tempfile.TemporaryDirectory() as folder:  # as on a learner's first day: no progress, no answers
            own = {
                "COURSE_PROGRESS": str(Path(folder, "progress.json")),
                "COURSE_MY_GPT": str(Path(folder, "my_gpt")),
            }
            code = run(*convert, "--ExecutePreprocessor.record_timing=False", notebook, variables=own)
        if code:
            return code
    return 0


def clean(arguments):
    """Remove the environment and every tool's cache. Answers and progress stay."""
    if VENV.exists() and removable(VENV):
        remove(VENV)
    for pattern in (".pytest_cache", ".ruff_cache", ".hypothesis", "build", "*.egg-info", "*/**/__pycache__"):
        for found in glob.glob(pattern, root_dir=ROOT, recursive=True):
            shutil.rmtree(ROOT / found, ignore_errors=True)
    return 0


VERBS = {"lab": lab, "test": test, "run": run_verb, "notebooks": notebooks, "clean": clean}


def main(arguments):
    """The exit code of a verb with its arguments."""
    try:
        if not supported(sys.version_info):
            return run(find_python(), __file__, *arguments)
        if not arguments or arguments[0] not in VERBS:
            raise Stop(
                "say what to do:\n" + "".join(f"  {verb:10}{do.__doc__}\n" for verb, do in VERBS.items())
            )
        return VERBS[arguments[0]](arguments[1:])
    except Stop as reason:
        print(f"\ncourse: {reason}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # nobody reads any more, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as problem:
        what = f"{problem.filename}: " if problem.filename else ""
        print(f"\ncourse: {what}{problem.strerror or problem}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncourse: stopped. The same command goes on where it stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
