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
from typing import Final, TypeVar

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
    waiting = deque(items)
    workers = 0
    left = False

    def some() -> list[tuple[Item, Result]]:
        """In a thread."""
        done: list[tuple[Item, Result]] = []
        until = time.monotonic() + MOMENT_S
        while waiting and not left and (not done or time.monotonic() < until):
            try:
                item = waiting.popleft()
            except IndexError:
                break  # another thread was quicker
            done.append((item, work(item)))
        return done

    async def worker(group: asyncio.TaskGroup) -> None:
        def another() -> None:
            nonlocal workers
            if workers < most and waiting:
                workers += 1
                group.create_task(worker(group))

        while waiting:
            # One that takes long, or that the disk holds up, holds up nobody else.
            slow = asyncio.get_running_loop().call_later(2 * MOMENT_S, another)
            try:
                done = await asyncio.to_thread(some)
            finally:
                slow.cancel()
            for item, result in done:
                heard(item, result)
            if len(done) < _MANY:
                another()

    workers = 1
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(worker(group))
    finally:
        left = True
