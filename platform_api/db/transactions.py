"""Transactions with a tenant: the only way to reach rows under forced row-level security.

A statement outside ``tenant`` sees no row and may insert none: forgetting it costs an empty answer, not a
leak. ``set_config(..., true)`` is SET LOCAL: it ends with the transaction, also when the task is cancelled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import UUID

import asyncpg

from platform_api.db.failures import DATABASE_ANSWERS_NOT
from platform_api.faults import DatabaseFailed

#: Quoted: these classes are generic only for the type checker.
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

#: How long a request may wait for a free connection, seconds, before it is told to come back.
ACQUIRE_TIMEOUT_S = 5.0


@asynccontextmanager
async def acquired(pool: Pool) -> AsyncIterator[Connection]:
    """A connection of the pool, given back whatever happens; ``DatabaseFailed`` when none can be had now."""
    try:
        connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
    except DATABASE_ANSWERS_NOT as failure:
        raise DatabaseFailed(
            "DATABASE_UNAVAILABLE",
            expected="a connection to the database",
            got=type(failure).__name__,
            remedy="ask again in a moment; check that PostgreSQL runs",
        ) from None
    try:
        yield connection
    finally:
        await pool.release(connection)


@asynccontextmanager
async def tenant(pool: Pool, institution_id: UUID) -> AsyncIterator[Connection]:
    """One transaction in which exactly one institution's rows exist."""
    async with acquired(pool) as connection, connection.transaction():
        await set_tenant(connection, institution_id)
        yield connection


@asynccontextmanager
async def one_moment(pool: Pool, institution_id: UUID) -> AsyncIterator[Connection]:
    """One institution's rows as they were at one moment, read only: no statement sees a later commit."""
    async with (
        acquired(pool) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await set_tenant(connection, institution_id)
        yield connection


async def set_tenant(connection: Connection, institution_id: UUID) -> None:
    """Choose the tenant for the rest of the open transaction (the detector does so once per institution)."""
    if not connection.is_in_transaction():
        raise AssertionError("expected an open transaction; a tenant outside one would be lost at once")
    await connection.execute("SELECT set_config('app.institution_id', $1, true)", str(institution_id))


@asynccontextmanager
async def detector(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction of the nightly detection on the detector's own pool; no tenant is chosen yet."""
    async with acquired(pool) as connection, connection.transaction():
        yield connection
