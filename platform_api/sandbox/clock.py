"""The sandbox's clock: the machine's, moved into the past by an offset that is never positive.

Playing a day moves it to that day's thisUpdate; it goes on with real time and never backwards.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from revocation.clock import Clock

_MICROSECOND: Final = timedelta(microseconds=1)


class SandboxClock:
    """``version`` counts the steps, so that a reader can wait for the next one."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._offset = timedelta(0)
        self.version = 0

    def real_now(self) -> datetime:
        return self._base.now()

    def now(self) -> datetime:
        return self._base.now() + self._offset

    @property
    def offset_us(self) -> int:
        return self._offset // _MICROSECOND

    def offset_for(self, this_update: datetime, *, first: bool) -> int:
        """The offset in microseconds that makes it ``this_update`` now; only the first step may go back."""
        wanted = this_update - self._base.now()
        if not first:
            wanted = max(wanted, self._offset)
        return min(wanted, timedelta(0)) // _MICROSECOND

    def step(self, offset_us: int) -> None:
        self._offset = timedelta(microseconds=offset_us)
        self.version += 1


class ClockSteps:
    """Wakes those who wait for the clock's next step; lives in the event loop."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._stepped = asyncio.Event()
        self._closed = False

    def notify(self) -> None:
        self._stepped.set()
        self._stepped = asyncio.Event()

    def close(self) -> None:
        """Nobody waits any longer: the process is about to end."""
        self._closed = True
        self.notify()

    async def wait_for_other_than(self, version: int, seconds: float) -> None:
        """Returns when the version differs from ``version``, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self._clock.version == version and not self._closed:
                    await self._stepped.wait()
        except TimeoutError:
            return
