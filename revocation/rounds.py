"""When a cycle asks again for the lists that it misses, and when it stops.

Durations of a monotonic clock: a time of day that jumps makes no round earlier, later or longer.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final, Protocol

#: A rest of a window that is worth no round of its own; sleeping ends that much early at most.
_NOTHING_S: Final = 0.01


class Timer(Protocol):
    """A monotonic clock that can be waited on; a cancelled wait ends at once."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class MonotonicTimer:
    """The machine's."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a cycle waits for lists, in seconds (design 7: completeness or deadline, then late lists)."""

    #: From the start of the cycle: until every list is decided, or this has passed, nothing is published.
    wait_s: float = 0.0
    #: Between two rounds of asking.
    poll_s: float = 30.0
    #: From the first publish on: what still arrives is published again.
    late_s: float = 0.0


#: Ask once, publish what came.
ONE_PASS: Final = Patience()


class Window:
    """A stretch of time in which rounds are made; the last one at its very end."""

    def __init__(self, timer: Timer, seconds: float, poll_s: float) -> None:
        self._timer: Final = timer
        self._poll_s: Final = poll_s
        self._end: Final = timer.now() + seconds

    @property
    def is_open(self) -> bool:
        return self._left() > _NOTHING_S

    async def sleep(self) -> None:
        """Until the next round, the last of which is at the end of the window."""
        await self._timer.sleep(min(self._poll_s, self._left()))

    def _left(self) -> float:
        return self._end - self._timer.now()
