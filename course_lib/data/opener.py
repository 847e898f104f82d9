"""Opens an address, and waits only so long for the whole head of its answer.

Python's own `urllib` waits a time for every single byte, so that a server that sends one now and then is
waited for without end. Knows no files.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.request
from typing import Any


def open_address(request: urllib.request.Request, timeout: float) -> Any:
    """What `urllib.request.urlopen` gives; each address that it leads to has the time once for its head.

    Units: seconds.
    Raises: TimeoutError if the head isn't whole then; else as `urllib.request.urlopen` does.

    >>> with open_address(urllib.request.Request("data:,abc"), timeout=1) as answer:
    ...     answer.read()
    b'abc'
    """
    return urllib.request.build_opener(_Http, _Https).open(request, timeout=timeout)


class _Timed:
    """A handler of `urllib` whose connections have a time limit for the head of an answer."""

    def do_open(self, connection: type, request: Any, **options: Any) -> Any:
        timed = type(connection.__name__, (_TimedConnection, connection), {})
        return super().do_open(timed, request, **options)  # type: ignore[misc]


class _Http(_Timed, urllib.request.HTTPHandler):
    pass


class _Https(_Timed, urllib.request.HTTPSHandler):
    pass


class _TimedConnection(http.client.HTTPConnection):
    def getresponse(self) -> http.client.HTTPResponse:
        late = threading.Event()
        timer = threading.Timer(self.timeout, _cut, (self.sock, late))
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()
            if late.is_set():  # whatever came of it: half a head may be taken for a whole one
                raise TimeoutError


def _cut(connection: socket.socket, late: threading.Event) -> None:
    """End a connection, whoever waits for it."""
    late.set()
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
