"""A blocked event loop fails the test: three things together, because each alone misses some.

Each callback's CPU time is measured, because a busy host makes any callback look long by the clock on the
wall; what the kernel used for it is counted apart, because it grows where a host takes memory back and each
page comes by a fault. One that took very long is told all the same. Blockbuster catches blocking calls of our
packages where they happen, but its exception may be swallowed by the code under test. All are recorded and
asserted empty at the end. None sees open, fsync and mmap.

asyncio's debug mode is off: it would keep a stack for each future, half of a test's time. What else it finds
is found here too: a loop that is given work from a thread not its own.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import time
from collections.abc import Iterator
from typing import Any

import pytest
from blockbuster import BlockBuster, BlockingError

#: CPU seconds that one callback may use itself. The kernel counts them in ticks, of 10 ms at the longest.
BUSY_S = 0.25
#: CPU seconds of the kernel for one callback: files, sockets, faults of pages.
KERNEL_S = 2.0
#: Seconds on the wall, whatever the callback waited for: a host may stall for many. The guard's own test has
#: no time for that.
SLOW_S = float(os.environ.get("TEST_SLOW_S", "15"))
_records: list[str] = []
_plain_init = BlockingError.__init__


def _recording_init(self: BlockingError, *arguments: Any) -> None:
    _plain_init(self, *arguments)
    _records.append(str(self))


_plain_run = asyncio.Handle._run


class _Collector:
    """CPU time of the garbage collector: a full pass over a whole suite's objects is no test's fault."""

    def __init__(self) -> None:
        self.own = self.kernel = 0.0
        self._since = (0.0, 0.0)

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._since = _cpu_times()
        else:
            own, kernel = _cpu_times()
            self.own += own - self._since[0]
            self.kernel += kernel - self._since[1]


def _cpu_times() -> tuple[float, float]:
    """Seconds that this thread has used itself, and that the kernel has used for it."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_utime, used.ru_stime


_collector = _Collector()
gc.callbacks.append(_collector)


def _without_collector() -> tuple[float, float]:
    own, kernel = _cpu_times()
    return own - _collector.own, kernel - _collector.kernel


def _measured_run(self: asyncio.Handle) -> None:
    began, before = time.monotonic(), _without_collector()
    _plain_run(self)
    after, took = _without_collector(), time.monotonic() - began
    own, kernel = after[0] - before[0], after[1] - before[1]
    if own >= BUSY_S or kernel >= KERNEL_S or took >= SLOW_S:
        _records.append(f"{self!r} used {own:.3f} s, the kernel {kernel:.3f} s for it, took {took:.3f} s")


_plain_call_soon = asyncio.BaseEventLoop.call_soon


def _checked_call_soon(self: asyncio.BaseEventLoop, *arguments: Any, **more: Any) -> asyncio.Handle:
    """``call_soon_threadsafe`` is for other threads; this one would leave the loop asleep."""
    self._check_thread()
    return _plain_call_soon(self, *arguments, **more)


@pytest.fixture(autouse=True)
def blocked_loop_fails(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a coroutine test in which the loop was blocked, even if the code hid the error."""
    if not asyncio.iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    _records.clear()
    monkeypatch.setattr(BlockingError, "__init__", _recording_init)
    monkeypatch.setattr(asyncio.Handle, "_run", _measured_run)
    monkeypatch.setattr(asyncio.BaseEventLoop, "call_soon", _checked_call_soon)
    guard = BlockBuster(scanned_modules=["platform_api", "revocation"])
    # asyncpg looks for client certificates in the home folder, once a connection over TCP: microseconds.
    for name in ("os.path.abspath", "os.readlink", "os.stat"):
        guard.functions[name].can_block_in("asyncpg/connect_utils.py", "_parse_connect_dsn_and_args")
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()
    blocked = list(_records)
    _records.clear()
    assert blocked == [], "the event loop was blocked"
