"""Notebooks are run in a Python that has no network; here is shown that it has none."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = ROOT / "tests" / "offline"


def run(code: str) -> str:
    """What a program prints in a Python that is kept offline."""
    environment = {**os.environ, "PYTHONPATH": str(OFFLINE)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    ).stderr.strip()


FAR = {
    "an address": "import socket; socket.create_connection(('192.0.2.1', 80), 5)",
    "an address of version 6": (
        "import socket; socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80, 0, 0))"
    ),
    "a name": "import socket; socket.getaddrinfo('example.org', 443)",
    "a page": "import urllib.request; urllib.request.urlopen('http://example.org', timeout=5)",
    "a packet": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "quietly": "import socket; socket.socket().connect_ex(('192.0.2.1', 80))",
}


@pytest.mark.parametrize("code", FAR.values(), ids=FAR)
def test_what_is_beyond_this_machine_is_refused(code):
    assert "is beyond this machine, and this Python is kept offline" in run(code)


def test_this_machine_is_heard():
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        code = f"import urllib.request as r; r.urlopen('http://localhost:{server.server_port}/none')"
        assert "HTTP Error 404" in run(code)


def test_kernels_of_notebooks_are_kept_offline(pytestconfig):
    kept_offline = pytestconfig.pluginmanager.get_plugin(str(ROOT / "conftest.py")).kept_offline
    before = os.environ.get("PYTHONPATH")
    kept_offline(True)
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(OFFLINE)
    kept_offline(True)
    assert os.environ["PYTHONPATH"].count("offline") == (before or "").count("offline") + 1
    kept_offline(False)
    assert os.environ.get("PYTHONPATH") == before
