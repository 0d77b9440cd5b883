"""Load on a server, and what it costs: requests a second, latencies, the server's processor time.

The client (``native/_load.pyx``) is compiled when it is first needed, into ``build/bench``: it is no part of
the product. It has a core of its own, as the server has.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from revocation.errors import OutsideFailed

_ROOT: Final = Path(__file__).parent.parent
_SOURCE: Final = Path(__file__).parent / "native" / "_load.pyx"
_BUILT: Final = _ROOT / "build" / "bench"

#: Cores of the server and of the client.
SERVER_CORE: Final = 0
CLIENT_CORE: Final = 1
CONNECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Load:
    """What one run found."""

    requests_per_s: float
    #: Microseconds of processor time that the server took for a request, kernel included.
    cpu_us: float
    errors: int
    #: Requests of an open loop that were never sent: the server or the client was too slow.
    not_sent: int
    latencies: tuple[tuple[float, int], ...]

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the requests was answered."""
        total = sum(count for _, count in self.latencies)
        seen = 0
        for seconds, count in self.latencies:
            seen += count
            if seen >= share * total:
                return seconds
        return 0.0


@cache
def client() -> ModuleType:
    """The compiled client."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    built = _BUILT / f"_load{suffix}"
    if not built.exists() or built.stat().st_mtime < _SOURCE.stat().st_mtime:
        _compile()
    spec = importlib.util.spec_from_file_location("_load", built)
    assert spec is not None and spec.loader is not None  # noqa: PT018 - a file that is there
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _compile() -> None:
    _BUILT.mkdir(parents=True, exist_ok=True)
    c_file = _BUILT / "_load.c"
    include = sysconfig.get_paths()["include"]
    target = _BUILT / f"_load{sysconfig.get_config_var('EXT_SUFFIX')}"
    for command in (
        [sys.executable, "-m", "cython", "-3", "-o", str(c_file), str(_SOURCE)],
        ["gcc", "-O2", "-g0", "-fPIC", "-shared", f"-I{include}", "-o", str(target), str(c_file)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OutsideFailed(
                "LOAD_CLIENT_NOT_BUILT",
                expected="gcc, the headers of this Python and Cython",
                got=done.stderr.strip()[-300:] or "no word of the compiler",
                remedy="apt install gcc python3-dev; make bench installs the rest",
            )


def load(
    port: int,
    requests: Sequence[bytes],
    processes: Sequence[int],
    *,
    seconds: float,
    rate: float = 0.0,
    pieces: Sequence[int] | None = None,
    connections: int = CONNECTIONS,
    least: int = 0,
) -> Load:
    """Ask the server on loopback; ``processes`` are those whose time counts as the server's."""
    cuts = [0] * len(requests) if pieces is None else list(pieces)
    run = client().run  # compiled before anybody waits for a request
    with _connected(port, connections) as sockets, on_core(CLIENT_CORE):
        before = sum(map(cpu_seconds, processes))
        found: dict[str, Any] = run(
            [one.fileno() for one in sockets], list(requests), cuts, seconds, rate, least
        )
        spent = sum(map(cpu_seconds, processes)) - before
    done = max(1, found["done"])
    return Load(
        found["done"] / found["seconds"],
        spent * 1e6 / done,
        found["errors"],
        found["not_sent"],
        tuple(found["latencies"]),
    )


@contextmanager
def _connected(port: int, count: int) -> Iterator[list[socket.socket]]:
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]
    try:
        for one in sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
        yield sockets
    finally:
        for one in sockets:
            one.close()


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This thread on one core, as far as there are several."""
    before = os.sched_getaffinity(0)
    if core in before and len(before) > 1:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(process: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
