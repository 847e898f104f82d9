"""A Python that knows no network: every socket to anything but this machine is refused, and so is every name.

Python runs a module of this name at its start if its folder is in PYTHONPATH; the kernels in which the tests
run the notebooks are started so (`conftest.py`). What runs in them is thus shown to need no network.
"""

import ipaddress
import socket

_resolve = socket.getaddrinfo
_HERE = ("localhost", "localhost.", "ip6-localhost", "", None)


def _refuse_far(host):
    name = host.decode() if isinstance(host, bytes) else host
    if name in _HERE or name == socket.gethostname():
        return
    try:
        near = ipaddress.ip_address(name.partition("%")[0]).is_loopback or name == "0.0.0.0"  # noqa: S104
    except ValueError:
        near = False
    if not near:
        raise ConnectionRefusedError(f"{name} is beyond this machine, and this Python is kept offline")


def _guarded(method):
    def guarded(self, *arguments):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_far(arguments[-1][0])  # the address is the last argument of each of them
        return method(self, *arguments)

    return guarded


def _looked_up(host, *arguments, **options):
    _refuse_far(host)
    return _resolve(host, *arguments, **options)


for _name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, _name, _guarded(getattr(socket.socket, _name)))
socket.getaddrinfo = _looked_up
