"""A pool that does something first at a chosen statement: the moment between two transactions of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any


class HookedPool:
    """Contract: real connections and transactions; before each statement with ``words`` in it ``first`` is
    called, and the statement is sent only where that does not raise, as by a server that refused it."""

    def __init__(self, pool: Any, words: str, first: Callable[[], Awaitable[None]]) -> None:
        self._pool = pool
        self.words = words
        self.first = first

    async def acquire(self, *, timeout: float | None = None) -> Any:
        return _Connection(await self._pool.acquire(timeout=timeout), self)

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection.real)


class _Connection:
    def __init__(self, connection: Any, pool: HookedPool) -> None:
        self.real = connection
        self._pool = pool

    def is_in_transaction(self) -> bool:
        return bool(self.real.is_in_transaction())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self.real.transaction():
            yield

    def __getattr__(self, name: str) -> Any:
        assert name in {"execute", "executemany", "fetch", "fetchrow", "fetchval"}
        method = getattr(self.real, name)

        async def hooked(query: str, *arguments: Any, **options: Any) -> Any:
            if self._pool.words in query:
                await self._pool.first()
            return await method(query, *arguments, **options)

        return hooked
