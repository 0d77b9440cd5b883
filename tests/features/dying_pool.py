"""A pool whose transactions die before a chosen statement, before a COMMIT, or after one that is durable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Crash(Exception):
    """The injected failure: no ``except`` of ours catches it by name."""


class DyingPool:
    """Contract: hands out real connections and counts every statement and COMMIT of all of them as one row
    of steps. At step ``at`` it dies: before the statement, before the COMMIT (the real transaction rolls
    back, as a lost connection's would), or with ``after_commit`` just after a COMMIT that went through. Dead
    stays dead: every later step raises too, as it would for a process that is gone.
    """

    def __init__(self, pool: Any, at: int, *, after_commit: bool = False) -> None:
        self._pool = pool
        self._at = at
        self._after_commit = after_commit
        self.steps = 0
        self.dead = False

    def step(self, *, committed: bool = False) -> None:
        if self.dead:
            raise Crash
        if committed is self._after_commit:
            if self.steps == self._at:
                self.dead = True
                raise Crash
            self.steps += 1

    async def acquire(self, *, timeout: float | None = None) -> Any:
        if self.dead:
            raise Crash
        return _Connection(await self._pool.acquire(timeout=timeout), self)

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection.real)


class _Connection:
    def __init__(self, connection: Any, pool: DyingPool) -> None:
        self.real = connection
        self._pool = pool

    def is_in_transaction(self) -> bool:
        return bool(self.real.is_in_transaction())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self.real.transaction():
            yield
            self._pool.step()  # the last moment before COMMIT
        self._pool.step(committed=True)

    def __getattr__(self, name: str) -> Any:
        assert name in {"execute", "executemany", "fetch", "fetchrow", "fetchval"}
        method = getattr(self.real, name)

        async def counted(*arguments: Any, **options: Any) -> Any:
            self._pool.step()
            return await method(*arguments, **options)

        return counted
