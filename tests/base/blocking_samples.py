"""Not collected by itself: run by ``test_blocked_loop`` to see the guard fail what must fail."""

from __future__ import annotations

import asyncio
import time


async def test_quiet() -> None:
    """Waits without blocking: must pass."""
    await asyncio.sleep(0.4)


async def test_busy() -> None:
    """Uses the CPU in one callback for longer than allowed: must fail."""
    await asyncio.sleep(0)
    end = time.thread_time() + 0.4
    while time.thread_time() < end:
        pass
