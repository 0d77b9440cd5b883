"""SQL of what a service explains to its customers; versions are only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from platform_api.invitations.explanation import TEMPLATE, Explanation

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection


async def newest(connection: Connection, service_id: UUID) -> tuple[Explanation, datetime] | None:
    row = await connection.fetchrow(
        "SELECT version, content, created_at FROM consent_text WHERE service_id = $1"
        " ORDER BY version DESC LIMIT 1",
        service_id,
    )
    return None if row is None else (_explanation(row), row["created_at"])


async def newest_version(connection: Connection, service_id: UUID) -> str:
    """What an application made now says under 文面版: the service's own text, the template without one."""
    found = await newest(connection, service_id)
    return (TEMPLATE if found is None else found[0]).text_version


async def of_version(connection: Connection, service_id: UUID, version: int) -> Explanation | None:
    row = await connection.fetchrow(
        "SELECT version, content FROM consent_text WHERE service_id = $1 AND version = $2",
        service_id,
        version,
    )
    return None if row is None else _explanation(row)


async def service_exists(connection: Connection, service_id: UUID) -> bool:
    """Is it this institution's?"""
    return await connection.fetchval("SELECT 1 FROM service WHERE service_id = $1", service_id) is not None


async def insert(
    connection: Connection, institution_id: UUID, service_id: UUID, explanation: Explanation, at: datetime
) -> bool:
    """False where the number was taken meanwhile."""
    inserted = await connection.fetchval(
        "INSERT INTO consent_text (institution_id, service_id, version, content, created_at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1",
        institution_id,
        service_id,
        explanation.version,
        orjson.dumps(explanation.stored()).decode(),
        at,
    )
    return inserted is not None


def _explanation(row: asyncpg.Record) -> Explanation:
    return Explanation.from_stored(row["version"], orjson.loads(row["content"]))
