"""Work in a thread whose result is wanted later: what it needs is there, and its caller has more to do.

It pays where the work leaves the interpreter lock to others, as comparing two index files does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, Self, TypeVar

Result = TypeVar("Result")


class WantedLater(Generic[Result]):
    """One thread at a time; of several beginnings only the last one's result counts.

    Left as a context, however that ends: then nothing of the work goes on behind it.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[Result] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        task, self._task = self._task, None
        if task is not None:
            await _ended(task)

    def begin(self, work: Callable[[], Result]) -> None:
        """``work`` goes on while the caller does, after what was begun before, whose result is forgotten."""
        self._task = asyncio.create_task(_after(self._task, work))

    async def result(self, *, otherwise: Result) -> Result:
        """What the work gave, or raised; ``otherwise`` if none was begun."""
        if self._task is None:
            return otherwise
        # Awaited itself, it would be cancelled with us, and nobody could wait for its thread any more.
        await asyncio.wait({self._task})
        return self._task.result()


async def _after(before: asyncio.Task[Result] | None, work: Callable[[], Result]) -> Result:
    if before is not None:
        await _ended(before)
    return await asyncio.to_thread(work)


async def _ended(task: asyncio.Task[Result]) -> None:
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # looked at, or asyncio complains that nobody did
