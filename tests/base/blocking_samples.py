"""Not collected by itself: run by ``test_blocked_loop``, with ``TEST_SLOW_S=2``, to see the guard fail what
must fail."""

from __future__ import annotations

import asyncio
import time


async def test_quiet() -> None:
    """Waits without blocking: must pass."""
    await asyncio.sleep(0.4)


async def test_busy() -> None:
    """Uses the CPU in one callback for longer than allowed: must fail."""
    await asyncio.sleep(0)
    end = time.thread_time() + 0.5
    while time.thread_time() < end:
        sum(range(10_000))  # asking for the time alone is the kernel's work


async def test_asleep() -> None:
    """Holds the loop without using the CPU, for very long: must fail."""
    await asyncio.sleep(0)
    time.sleep(2.1)  # noqa: ASYNC251 - the fault itself


async def test_from_another_thread() -> None:
    """Gives the loop work from another thread, which does not wake it: must fail."""
    await asyncio.to_thread(asyncio.get_running_loop().call_soon, print)
