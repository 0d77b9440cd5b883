"""How a command of `jpki institution` reaches the database: as its owner, on the service's clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.db.transactions import Connection

Result = TypeVar("Result")


def open_database_of(settings: Settings, clock: Any) -> Any:
    from platform_api.db.database import open_database

    return open_database(
        data_dir=settings.data_dir,
        clock=clock,
        dsn=settings.dsn,
        owner_dsn=settings.owner_dsn,
        detector_dsn=settings.detector_dsn,
    )


async def as_owner(settings: Settings, act: Callable[[Connection, datetime], Awaitable[Result]]) -> Result:
    """One act in one transaction of the owner's; done again where the private server ends under it."""
    from platform_api.clock import service_clock

    async with service_clock(settings.sandbox_url) as clock, open_database_of(settings, clock) as database:

        async def once() -> Result:
            async with database.owner() as owner, owner.transaction():
                return await act(owner, clock.now())

        result: Result = await database.while_served(once)
        return result
