"""A database as an older release left it, and its upgrade."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from platform_api.db.addresses import APP, OWNER
from platform_api.db.database import Database
from platform_api.db.migrate import migrate, migrations
from platform_api.db.roles import ensure_database
from platform_api.db.transactions import Pool
from tests.base.postgres import MADE_AT, TestDatabase

FILES = migrations()
Filled = TypeVar("Filled")


@asynccontextmanager
async def upgraded(
    database: TestDatabase, before: int, fill: Callable[[Any], Awaitable[Filled]]
) -> AsyncIterator[tuple[Pool, Filled]]:
    """Made by the first ``before`` migrations, filled by a superuser, and migrated; dropped afterwards."""
    name = f"{database.name}_before"
    async with database.superuser("postgres") as admin:
        await ensure_database(admin, name)
    addresses = {OWNER: database.owner_address, APP: database.app_address}
    opened = Database({role: one.with_database(name) for role, one in addresses.items()}, None)
    try:
        async with opened.owner() as owner:
            await migrate(owner, now=MADE_AT, files=FILES[:before])
            async with database.superuser(name) as superuser:
                filled = await fill(superuser)
            assert await migrate(owner, now=MADE_AT, files=FILES) == len(FILES) - before
        yield await opened.app_pool(2), filled
    finally:
        await opened.close()
        async with database.superuser("postgres") as admin:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
