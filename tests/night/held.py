"""Detection held by a lock of the test: what comes of a set that is published waits as long as we like."""

from __future__ import annotations

import asyncio
from typing import Self

import asyncpg

from platform_api.db.addresses import DATABASE
from platform_api.db.cluster_folder import ClusterFolder
from platform_api.db.programs import SUPERUSER
from tests.base.eventually import HANG_S
from tests.night.live import World


class DetectionHeld:
    """The cursor locked by us: a detection begins and waits there, until our connection is gone.

    Not ACCESS EXCLUSIVE: a night looks at the cursor also before it takes the lists in, and is let through.
    """

    def __init__(self, world: World) -> None:
        self._address = ClusterFolder(world.data).address(SUPERUSER, DATABASE)
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection[asyncpg.Record]

    def __enter__(self) -> Self:
        self._runner.run(self._lock())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._let_go())
        self._runner.close()

    def wait_for_detection(self) -> None:
        """Return when a detection waits for the lock."""
        self._runner.run(asyncio.wait_for(self._waiting(), HANG_S))

    async def _lock(self) -> None:
        self._connection = await asyncpg.connect(**self._address.arguments())
        await self._connection.execute("BEGIN; LOCK TABLE detection_cursor IN EXCLUSIVE MODE")

    async def _waiting(self) -> None:
        while not await self._connection.fetchval(  # noqa: ASYNC110 - a lock's table sets no event of ours
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'detection_cursor'::regclass"
        ):
            await asyncio.sleep(0.01)

    async def _let_go(self) -> None:
        self._connection.terminate()
        await asyncio.sleep(0)  # the loop closes it now, and not when it ends
