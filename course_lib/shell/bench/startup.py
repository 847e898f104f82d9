"""How long a person waits: imports, `--help`, a Jupyter kernel's first cell, JupyterLab from its command.

Everything happens in fresh processes, with settings and progress of their own, so nothing of the person's is
changed. The server is asked on this machine only.
"""

from __future__ import annotations

import json
import os
import pkgutil
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import course_lib
from course_lib.shell.bench.measure import interleave
from course_lib.shell.bench.options import Options
from course_lib.shell.bench.report import Row, Section, Spread

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOK = ROOT / "notebooks" / "00_start_here.ipynb"
OTHERS = {
    "torch": "import torch",
    "transformers": "import transformers",
    "GPT2LMHeadModel of transformers": "from transformers import GPT2LMHeadModel",
}
WAIT = 120.0  # seconds for a server or a kernel to answer
UNHEARD = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
LAB = "`bootstrap.py lab`"


def run(options: Options) -> Section:
    """Measure imports, the command line, a kernel and, where `make lab` has installed the course, the lab."""
    rows, note = import_rows(modules(), options)
    rows.append(_row("help", "`python -m course_lib --help`", help_seconds(options)))
    kernels, notes = [], [note]
    for _ in range(options.pick(3, 1)):
        options.progress("a kernel's first cell")
        kernels.append(kernel_seconds(first_cell(NOTEBOOK)))
    rows.append(_row("kernel", "start, first cell of notebook 00", kernels))
    if (ROOT / ".venv" / "course.json").exists():
        rows += lab_rows(options)
    else:  # the command would begin to install
        notes.append(f"{LAB} was not measured: it has not installed the course here yet.")
    return Section("startup", "Start", "seconds", tuple(rows), tuple(notes))


def _row(setting: str, name: str, seconds: Sequence[float], **more: Any) -> Row:
    return Row(setting, name, Spread.of(list(seconds)), **more)


# Imports ------------------------------------------------------------------------------------------


def modules() -> list[str]:
    """The modules of the course, by their full names: those that a notebook may name.

    >>> "course_lib.config" in modules()
    True
    """
    top = [f"course_lib.{module.name}" for module in pkgutil.iter_modules(course_lib.__path__)]
    packages = [import_module(name) for name in top if name != "course_lib.__main__"]
    inside = [
        f"{package.__name__}.{module.name}"
        for package in packages
        for module in pkgutil.iter_modules(getattr(package, "__path__", ()))
        if not module.name.startswith("_")
    ]
    return sorted([*top, *inside])


def import_rows(names: Sequence[str], options: Options) -> tuple[list[Row], str]:
    """What importing each module takes in a fresh interpreter, and torch and transformers for comparison.

    What a bare interpreter takes is subtracted, round by round. Units: seconds.
    """
    statements = {"": "pass", **{name: f"import {name}" for name in names}, **OTHERS}
    actions = {name: lambda code=code: _python("-c", code) for name, code in statements.items()}
    rounds, skip = options.pick((5, 1), (1, 0))
    times = interleave(actions, rounds, skip, progress=options.progress).rounds
    bare = times.pop("")[skip:]
    net = {name: _net(values[skip:], bare) for name, values in times.items()}
    heavy = {name: loads_torch(name) for name in names}
    rows = [
        _row("import", name, net[name], extra={"loads torch": "yes" if heavy[name] else "no"}, detail=True)
        for name in names
    ]
    for wanted, what in ((False, "slowest module without torch"), (True, "slowest module with torch")):
        found = [(Spread.of(net[name]).median, name) for name in names if heavy[name] == wanted]
        if found:
            name = max(found)[1]
            rows.append(_row("import", f"{what}: {name.removeprefix('course_lib.')}", net[name]))
    rows += [_row("import", name, net[name]) for name in OTHERS]
    own = f"Imports: a fresh interpreter's own {Spread.of(bare).median:.3f} s are subtracted."
    return rows, own


def _net(values: Sequence[float], bare: Sequence[float]) -> list[float]:
    return [max(0.0, value - own) for value, own in zip(values, bare, strict=True)]


def loads_torch(name: str) -> bool:
    """Whether importing a module loads torch.

    >>> loads_torch("course_lib.config")
    False
    """
    return _python("-c", f"import sys, {name}; print('torch' in sys.modules)").strip() == "True"


def help_seconds(options: Options) -> list[float]:
    """From the command to the end of its help."""
    actions = {"help": lambda: _python("-m", "course_lib", "--help")}
    return list(interleave(actions, options.pick(5, 1), skip=1).rounds["help"][1:])


def _python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


# Jupyter ------------------------------------------------------------------------------------------


def first_cell(notebook: Path) -> str:
    """The code of a notebook's first code cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@contextmanager
def own_settings() -> Iterator[dict[str, str]]:
    """Environment variables that keep Jupyter and the course away from a person's settings and progress."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "COURSE_MY_GPT")
        names += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
        own = {name: str(Path(folder, name)) for name in names}
        yield {**os.environ, **own, "COURSE_PROGRESS": str(Path(folder, "progress.json"))}


def kernel_seconds(code: str) -> float:
    """From starting a kernel of this Python to the end of its first cell.

    Raises: RuntimeError if the cell fails.
    """
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3")
    with own_settings() as variables:
        began = time.perf_counter()
        manager.start_kernel(env=variables, cwd=str(ROOT / "notebooks"), **UNHEARD)
        client = manager.client()
        try:
            _run_cell(client, code)
            return time.perf_counter() - began
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _run_cell(client: Any, code: str) -> None:
    client.start_channels()
    client.wait_for_ready(timeout=WAIT)
    reply = client.execute_interactive(code, output_hook=lambda message: None, timeout=WAIT)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"The first cell failed: {reply['content'].get('evalue')}")


def lab_rows(options: Options) -> list[Row]:
    """From the command that a person types until JupyterLab answers, and until a first cell has run there."""
    command = [sys.executable, str(ROOT / "scripts" / "bootstrap.py"), "lab", "--no-browser"]
    runs = []
    for _ in range(options.pick(3, 1)):
        options.progress(LAB)
        runs.append(lab_seconds(command, first_cell(NOTEBOOK)))
    answered, ran = zip(*runs, strict=True)
    return [_row("lab", f"{LAB}, it answers", answered), _row("lab", f"{LAB}, a first cell has run", ran)]


def lab_seconds(command: Sequence[str], code: str) -> tuple[float, float]:
    """Seconds from starting a Jupyter server until it answers, and until a kernel of it has run `code`.

    The command is given --port; the server is asked to stop at the end. Raises: RuntimeError if it does not
    answer.
    """
    server = Server(free_port(), secrets.token_hex(16))
    with own_settings() as variables:
        variables["JUPYTER_TOKEN"] = server.token
        began = time.perf_counter()
        process = subprocess.Popen([*command, f"--port={server.port}"], env=variables, cwd=ROOT, **UNHEARD)
        try:
            server.wait(process)
            answered = time.perf_counter() - began
            server.run_cell(code, variables)
            return answered, time.perf_counter() - began
        finally:
            server.stop(process)


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A Jupyter server on this machine, asked through its web interface."""

    def __init__(self, port: int, token: str):
        self.port, self.token = port, token
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, path: str, content: Mapping[str, Any] | None = None) -> Any:
        """What the server answers to a GET, or to a POST where there is content; None for an empty answer."""
        data = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", data, headers)
        with self._open(request, timeout=WAIT) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def wait(self, process: subprocess.Popen) -> None:
        """Until it answers. Raises: RuntimeError if it ends before, or the time is up."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end and process.poll() is None:
            try:
                self.ask("api/status")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.02)
        raise RuntimeError(f"The server did not answer within {WAIT:.0f} s, or has ended.")

    def run_cell(self, code: str, variables: Mapping[str, str]) -> None:
        """Start a kernel there and let it run a cell."""
        from jupyter_client.blocking.client import BlockingKernelClient

        kernel = self.ask("api/kernels", {"name": "python3"})["id"]
        connection = Path(variables["JUPYTER_RUNTIME_DIR"], f"kernel-{kernel}.json")
        client = BlockingKernelClient(connection_file=str(connection))
        client.load_connection_file()
        try:
            _run_cell(client, code)
        finally:
            client.stop_channels()

    def stop(self, process: subprocess.Popen) -> None:
        """Ask it to end; end it if it doesn't."""
        try:
            self.ask("api/shutdown", {})
            process.wait(timeout=20)
        except (urllib.error.URLError, ConnectionError, subprocess.TimeoutExpired):
            process.terminate()
            process.wait(timeout=20)
