"""Detection dies at each of its steps, and nothing of it is seen before the commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.world import World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


class Crash(Exception):
    """The injected failure."""


class CrashingPool:
    """A pool whose transaction dies before its nth statement, or around its commit.

    Contract: hands out real connections, counts every statement, and after a crash lets the real
    transaction roll back exactly as a lost connection would (``after_commit`` crashes once it is durable).
    """

    def __init__(self, pool: Any, at: int, *, after_commit: bool = False) -> None:
        self._pool = pool
        self._at = at
        self._after_commit = after_commit
        self.statements = 0

    def die_at(self, at: int) -> None:
        self.statements, self._at = 0, at

    def step(self) -> None:
        if self.statements == self._at and not self._after_commit:
            raise Crash
        self.statements += 1

    async def acquire(self, *, timeout: float | None = None) -> Any:
        return _CrashingConnection(await self._pool.acquire(timeout=timeout), self)

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection.real)
        if self._after_commit:
            raise Crash


class _CrashingConnection:
    def __init__(self, connection: Any, pool: CrashingPool) -> None:
        self.real = connection
        self._crashing = pool

    def is_in_transaction(self) -> bool:
        return bool(self.real.is_in_transaction())

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[None]:
        async with self.real.transaction(**options):
            yield
            self._crashing.step()  # the last moment before COMMIT

    def __getattr__(self, name: str) -> Any:
        assert name in {"execute", "executemany", "fetch", "fetchrow", "fetchval"}
        method = getattr(self.real, name)

        async def counted(*arguments: Any, **options: Any) -> Any:
            self._crashing.step()
            return await method(*arguments, **options)

        return counted


async def test_a_crash_at_every_step_costs_nothing(
    world: World, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Dying before each statement and before COMMIT leaves nothing; the next run gives the events once."""
    card = make_card(sets.ca())
    await world.day()
    await world.register(institution, card)
    await world.night()
    before = await world.events(institution)
    await world.day({card.serial: 3})
    steps = 0
    while True:
        pool = CrashingPool(world.database.detector_pool, steps)
        try:
            await world.night(pool)
        except Crash:
            if await world.events(institution) == before:
                steps += 1
                continue
        break  # it died in the transaction after: the set was committed whole
    assert steps > 10
    assert (await world.night()).sets == ()
    assert await world.told(institution) == [("REVOKED", "CONTENT_CHANGED", 2)]
    numbers = [event.seq for event in await world.events(institution)]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_committed_though_the_client_saw_an_error(world: World, institution: TestInstitution) -> None:
    """The events are there; the next run finds the cursor moved and adds nothing."""
    card = make_card(sets.ca())
    await world.day()
    await world.register(institution, card)
    await world.night()
    await world.day({card.serial: 3})
    with pytest.raises(Crash):
        await world.night(CrashingPool(world.database.detector_pool, 0, after_commit=True))
    told = await world.told(institution)
    assert told == [("REVOKED", "CONTENT_CHANGED", 2)]
    assert (await world.night()).sets == ()
    assert await world.told(institution) == told
