"""Work on many files in as few threads as it takes: one for thousands of small ones, more for large ones.

Small files are mostly Python, of which one thread runs at a time: several would only take the interpreter
lock from each other, and 1,900 lists took three times as long in eight. Large files are copied, hashed and
walked without that lock.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

#: A thread works for so long before the loop hears of it.
MOMENT_S: Final = 0.02
#: Where fewer than so many are done in a moment, they are large enough for another thread.
_MANY: Final = 25

Item = TypeVar("Item")
Result = TypeVar("Result")


async def in_moments(
    items: Iterable[Item], work: Callable[[Item], Result], heard: Callable[[Item, Result], None], most: int
) -> None:
    """``work`` on each item in at most ``most`` threads; ``heard`` is called in the loop, also in any order.

    Who is cancelled leaves what is at work in its threads to them, for a moment or for one item.
    """
    crew = _Crew(items, work, heard, most)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(crew.worker(group))
    finally:
        crew.left = True


class _Crew(Generic[Item, Result]):
    """The workers of one call. Nothing of it knows itself: with the call goes all that was heard in it, tens
    of millions of entries perhaps, and not only when Python looks for cycles.
    """

    def __init__(
        self,
        items: Iterable[Item],
        work: Callable[[Item], Result],
        heard: Callable[[Item, Result], None],
        most: int,
    ) -> None:
        self._waiting: Final = deque(items)
        self._work: Final = work
        self._heard: Final = heard
        self._most: Final = most
        self._workers = 1
        self.left = False

    def _some(self) -> list[tuple[Item, Result]]:
        """In a thread."""
        done: list[tuple[Item, Result]] = []
        until = time.monotonic() + MOMENT_S
        while self._waiting and not self.left and (not done or time.monotonic() < until):
            try:
                item = self._waiting.popleft()
            except IndexError:
                break  # another thread was quicker
            done.append((item, self._work(item)))
        return done

    async def worker(self, group: asyncio.TaskGroup) -> None:
        while self._waiting:
            # One that takes long, or that the disk holds up, holds up nobody else.
            slow = asyncio.get_running_loop().call_later(2 * MOMENT_S, self._another, group)
            try:
                done = await asyncio.to_thread(self._some)
            finally:
                slow.cancel()
            for item, result in done:
                self._heard(item, result)
            if len(done) < _MANY:
                self._another(group)

    def _another(self, group: asyncio.TaskGroup) -> None:
        if self._workers < self._most and self._waiting:
            self._workers += 1
            group.create_task(self.worker(group))
