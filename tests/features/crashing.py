"""Pools that die around a commit, for tests of several transactions in a row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.features.test_detect_crashes import Crash, CrashingPool

__all__ = ("Crash", "CrashingPool", "DiesAfterCommit", "until_it_lives")


class DiesAfterCommit:
    """The nth transaction is committed, and its caller sees an error.

    Contract: hands out real connections; the one after which it dies is given back like the others.
    """

    def __init__(self, pool: Any, nth: int) -> None:
        self._pool = pool
        self._left = nth

    async def acquire(self, *, timeout: float | None = None) -> Any:
        return await self._pool.acquire(timeout=timeout)

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection)
        self._left -= 1
        if self._left == 0:
            raise Crash


async def until_it_lives(pool: Any, work: Callable[[Any], Awaitable[object]]) -> int:
    """Die before every statement and around every commit, one after the other; gives how often it died."""
    deaths = 0
    for make in (CrashingPool, DiesAfterCommit):
        at = 0 if make is CrashingPool else 1
        while True:
            try:
                await work(make(pool, at))
            except Crash:
                deaths += 1
                at += 1
                continue
            break
    return deaths
