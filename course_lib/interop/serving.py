"""Starts `transformers serve` on a model's folder, so that programs can ask it over HTTP, and stops it again.

The server is a process of its own, listens on this computer only, and speaks the same protocol as OpenAI's
API. Knows processes and ports; does not know models, and imports neither torch nor `transformers`.
"""

from __future__ import annotations

import atexit
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from course_lib.arguments import check_instance, number, whole
from course_lib.files import as_path

HERE = "127.0.0.1"  # the loopback address: no other computer can reach what listens there


@dataclass(frozen=True)
class Server:
    """A server that runs: the address for a client, and the name under which it knows its model.

    As a context manager, it stops at the end of the block.

    >>> sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # serves nobody
    >>> with Server(f"http://{HERE}:8000/v1", "my-gpt", sleeper, tempfile.TemporaryFile()) as server:
    ...     server.process.poll() is None  # it runs
    True
    >>> sleeper.poll() is None
    False
    """

    url: str
    model: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()

    def stop(self, seconds: float = 10.0) -> None:
        """End the process, kindly at first; nothing happens if it has ended already."""
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        atexit.unregister(self.stop)


def serve(
    folder: str | Path, *, port: int | None = None, device: str = "cpu", seconds: float = 120
) -> Server:
    """Start `transformers serve` on a folder and wait until it answers, for at most so many seconds.

    Without `port`, a free one is taken. It also ends when this Python does.

    Raises: ValueError if the folder holds no model; RuntimeError with its last words if the server ends;
    TimeoutError if it does not answer in time.
    """
    folder = as_path(folder).resolve()
    if port is not None:
        port = whole("serve", "port", port, least=1, most=65535)
    seconds = number("serve", "seconds", seconds, "above 0, e.g. 120", lambda x: x > 0)
    check_instance("serve", "device", device, str, "the name of a device, e.g. 'cpu'")
    if not (folder / "config.json").is_file():
        raise ValueError(f"There is no model in {folder}; give a folder with a config.json.")
    port = port or _free_port()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the server stops
    # Started beside the folder, so that the model is known by the folder's name, and not by the whole path.
    process = subprocess.Popen(
        _command(folder.name, port, device),
        cwd=folder.parent,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    server = Server(f"http://{HERE}:{port}/v1", folder.name, process, log)
    atexit.register(server.stop)
    try:
        _wait(server, port, seconds)
    except BaseException:
        server.stop()
        raise
    return server


def _command(model: str, port: int, device: str) -> list[str]:
    program = [sys.executable, "-P", "-m", "transformers.cli.transformers"]
    return [*program, "serve", model, "--host", HERE, "--port", str(port), "--device", device]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]


def _wait(server: Server, port: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not _answers(port):
        if server.process.poll() is not None:
            raise RuntimeError(
                f"The server ended before it could answer; its last words: {_last_words(server)}"
            )
        if time.monotonic() > end:
            raise TimeoutError(
                f"The server did not answer within {seconds:g} seconds; "
                "give it more: serve(folder, seconds=300)."
            )
        time.sleep(0.1)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HERE, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_words(server: Server) -> str:
    server.log.seek(0)
    lines = server.log.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else "none"
