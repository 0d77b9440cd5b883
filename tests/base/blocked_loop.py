"""A blocked event loop fails the test: three things together, because each alone misses some.

Each callback's CPU time is measured, because a busy host makes any callback look long by the clock on the
wall; one that took very long is told all the same; blockbuster catches blocking calls of our packages where
they happen, but its exception may be swallowed by the code under test. All are recorded and asserted empty at
the end. None sees open, fsync and mmap.

asyncio's debug mode is off: it would keep a stack for each future, half of a test's time. What else it finds
is found here too: a loop that is given work from a thread not its own.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from typing import Any

import pytest
from blockbuster import BlockBuster, BlockingError

#: CPU seconds that one callback may use.
BUSY_S = 0.25
#: Seconds on the wall, whatever the callback waited for.
SLOW_S = 2.0
_records: list[str] = []
_plain_init = BlockingError.__init__


def _recording_init(self: BlockingError, *arguments: Any) -> None:
    _plain_init(self, *arguments)
    _records.append(str(self))


_plain_run = asyncio.Handle._run


class _Collector:
    """CPU time of the garbage collector: a full pass over a whole suite's objects is no test's fault."""

    def __init__(self) -> None:
        self.used = 0.0
        self._since = 0.0

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._since = time.thread_time()
        else:
            self.used += time.thread_time() - self._since


_collector = _Collector()
gc.callbacks.append(_collector)


def _measured_run(self: asyncio.Handle) -> None:
    began, before = time.monotonic(), time.thread_time() - _collector.used
    _plain_run(self)
    used, took = time.thread_time() - _collector.used - before, time.monotonic() - began
    if used >= BUSY_S or took >= SLOW_S:
        _records.append(f"{self!r} used {used:.3f} s of CPU time, took {took:.3f} s")


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
