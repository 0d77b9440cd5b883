"""Ports for children that bind them seconds later: below those that the kernel gives to anybody who asks."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path
from typing import Final

#: So many for each worker of pytest, beside one another.
_EACH: Final = 1000
_LOWEST: Final = 10_000


def _first() -> int:
    """A place of this worker's own; of two runs on one machine each begins elsewhere in it."""
    lowest_of_all = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    places = max(1, (min(lowest_of_all, 32_768) - _LOWEST) // _EACH)
    return _LOWEST + _EACH * (worker % places) + os.getpid() % (_EACH // 2)


_NEXT: Final = itertools.count(_first())


def free_port() -> int:
    """One that nobody listens on now; the next call gives another, and so does every other worker."""
    for port in _NEXT:
        with socket.socket() as probe:
            # As servers bind: what a connection that ended left behind does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("expected a free port, got none; too many tests of this kind run at once")
