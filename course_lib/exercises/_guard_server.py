"""The process from which answers are tried: it has the libraries loaded, and forks for each request.

It reads requests as lines of JSON and writes what became of them. A try that is over its time is ended with
all processes that it has started. Where there is no fork (Windows), the try runs in this very process, and
whoever asked ends that. When the notebook is gone, its end of the pipe closes, and this process ends itself.
It knows nothing of exercises; `_guard_child` does.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import mmap
import os
import select
import signal
import sys
import time
from typing import Any

_PATIENCE = 3.0  # seconds more, where the machine was too busy to give the try its time


class Board:
    """A little memory that parent and child share: what the child was doing last, and how many forks."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)

    def write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")[:4000]
        self._memory[:4002] = len(data).to_bytes(2, "big") + data.ljust(4000, b"\0")

    def count(self) -> int:
        """One more fork, of any of the processes; gives how many there were."""
        self._memory[4095] = min(255, self._memory[4095] + 1)
        return self._memory[4095]

    def read(self) -> str:
        length = int.from_bytes(self._memory[:2], "big")
        return self._memory[2 : 2 + length].decode("utf-8", "replace")


class Server:
    """Requests in, outcomes out."""

    def __init__(self, requests: int, replies: int) -> None:
        self._requests, self._replies = requests, replies
        self._rest = b""

    def serve(self) -> None:
        """Until the other end is closed."""
        self._say({"is": "ready"})
        while (line := self._line()) is not None:
            request = json.loads(line)
            for name in request["preload"]:
                with contextlib.suppress(BaseException):
                    importlib.import_module(name)
            self._say({"is": "running"})
            began = time.monotonic()
            told = self._forked(request) if request["forked"] else self._here(request)
            self._say({"is": "done", "took": time.monotonic() - began, **told})

    def _line(self) -> bytes | None:
        while b"\n" not in self._rest:
            data = os.read(self._requests, 65536)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _say(self, told: dict[str, Any]) -> None:
        data = json.dumps(told).encode() + b"\n"
        while data:
            data = data[os.write(self._replies, data) :]

    def _here(self, request: dict[str, Any]) -> dict[str, Any]:
        from course_lib.exercises._guard_child import tell

        return json.loads(tell(request, Board()))

    # a process for each -------------------------------------------------------------------------------------

    def _forked(self, request: dict[str, Any]) -> dict[str, Any]:
        from course_lib.exercises import _guard_child

        board = Board()
        (result, to_result), (trace, to_trace) = os.pipe(), os.pipe()
        gc.freeze()
        child = os.fork()
        if child == 0:
            try:
                os.setpgid(0, 0)
                os.close(self._replies)
                with os.fdopen(to_trace, "w") as file:
                    line = _guard_child.tell({**request, "trace": file}, board)
                    while line:
                        line = line[os.write(to_result, line) :]
            finally:
                os._exit(0)
        for end in (to_result, to_trace):
            os.close(end)
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        limit = max(request["seconds"], request["load_seconds"]) + request["grace"]
        told, why = self._wait(result, child, limit, request["most_memory"])
        status = _end(child)
        frames = _frames(trace)
        for end in (result, trace):
            os.close(end)
        return _outcome(told, why, status, board.read(), frames)

    def _wait(self, result: int, child: int, limit: float, memory: int) -> tuple[bytes, str]:
        """What the child tells, or why it was ended."""
        told, end, looked = b"", time.monotonic() + limit, 0.0
        while not told.endswith(b"\n"):
            now = time.monotonic()
            if now > end + _PATIENCE or (now > end and not _was_kept_waiting(child, limit)):
                return told, "late"
            ready, _, _ = select.select([result, self._requests], [], [], max(0.01, min(0.2, end - now)))
            if result in ready:
                data = os.read(result, 65536)
                if not data:
                    return told, "died"
                told += data
            if self._requests in ready and not self._reads_more():
                _end(child)
                os._exit(0)
            if now - looked > 0.2:
                looked = now
                if _resident(child) > memory:
                    return told, "memory"
        return told, ""

    def _reads_more(self) -> bool:
        data = os.read(self._requests, 65536)
        self._rest += data
        return bool(data)


def _end(child: int) -> int:
    """Kill a child with all that it has started; gives how it had ended."""
    for _ in range(50):
        with contextlib.suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            done, status = os.waitpid(child, os.WNOHANG)
            if done == 0:
                time.sleep(0.002)
                continue
            return status
        return 0
    return 0


def _was_kept_waiting(child: int, limit: float) -> bool:
    """Whether a process wants to work, but has had a processor for less time than the limit."""
    try:
        with open(f"/proc/{child}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        worked = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return fields[0] == "R" and worked < limit
    except (OSError, ValueError, IndexError):
        return False


def _resident(child: int) -> int:
    """Bytes of memory that a process holds; 0 where that is not known."""
    try:
        with open(f"/proc/{child}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        pass
    if sys.platform != "darwin":
        return 0
    import subprocess

    done = subprocess.run(["ps", "-o", "rss=", "-p", str(child)], capture_output=True, check=False)
    return int(done.stdout.strip() or 0) * 1024


def _frames(trace: int) -> list[list[Any]]:
    """Where the child stood when its time was up: file, line, function; the innermost first."""
    os.set_blocking(trace, False)
    try:
        text = os.read(trace, 65536).decode("utf-8", "replace")
    except OSError:
        return []
    frames = []
    for line in text.splitlines():
        parts = line.strip().split('"')
        if len(parts) == 3 and parts[0] == "File " and parts[2].startswith(", line "):
            number, _, function = parts[2].removeprefix(", line ").partition(" in ")
            frames.append([parts[1], int(number), function])
    return frames


def _outcome(told: bytes, why: str, status: int, call: str, frames: list[list[Any]]) -> dict[str, Any]:
    if why == "" and told:
        with contextlib.suppress(ValueError):
            return json.loads(told)
    if call == "forked":
        return {"end": "forked"}
    outcome = {"end": why or "died", "call": call, "frames": frames}
    if outcome["end"] == "died":
        signalled = os.WIFSIGNALED(status)
        outcome |= {"signal": os.WTERMSIG(status)} if signalled else {"code": os.WEXITSTATUS(status)}
    return outcome


def main() -> None:
    """Serve on what were standard input and output, which are then empty: no answer may write there."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    import course_lib.exercises._guard_child  # noqa: F401 - before anything is asked

    with contextlib.suppress(BrokenPipeError):
        Server(requests, replies).serve()
