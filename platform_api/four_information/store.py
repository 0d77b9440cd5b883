"""SQL of the query log: what was asked and how it ended, never what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


@dataclass(frozen=True, slots=True)
class LoggedQuery:
    """A row of the log."""

    query_id: UUID
    consent_id: UUID | None
    items: tuple[str, ...]
    asked_at: datetime
    outcome: str
    detail_code: str | None
    acknowledged_at: datetime | None


async def log_query(
    connection: Connection,
    institution_id: UUID,
    *,
    query_id: UUID,
    registration_id: UUID,
    consent_id: UUID | None,
    items: Sequence[str],
    asked_at: datetime,
    outcome: str,
    detail_code: str | None,
    with_items: bool,
) -> None:
    """``with_items``: J-LIS answered with items, whatever became of them. A query that is in the log stays as
    it is: the COMMIT that seemed to fail did not."""
    await connection.execute(
        "INSERT INTO four_information_query (query_id, institution_id, registration_id, consent_id, items,"
        " asked_at, outcome, detail_code, with_items) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT (query_id) DO NOTHING",
        query_id,
        institution_id,
        registration_id,
        consent_id,
        list(items),
        asked_at,
        outcome,
        detail_code,
        with_items,
    )


async def acknowledge(connection: Connection, query_id: UUID, at: datetime) -> None:
    await connection.execute(
        "UPDATE four_information_query SET acknowledged_at = $2"
        " WHERE query_id = $1 AND acknowledged_at IS NULL",
        query_id,
        at,
    )


async def count_data(connection: Connection, service_id: UUID, since: datetime, most: int) -> int:
    """Answers with items of a service since then, also those that were thrown away: J-LIS gave them.
    Counted up to ``most``."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM (SELECT 1 FROM four_information_query AS q"
            " JOIN registration AS r ON r.registration_id = q.registration_id"
            " WHERE (q.outcome = 'DATA' OR q.with_items) AND q.asked_at >= $2 AND r.service_id = $1"
            " LIMIT $3) AS found",
            service_id,
            since,
            most,
        )
    )


async def list_queries(
    connection: Connection, registration_id: UUID, before: tuple[datetime, UUID] | None, limit: int
) -> list[LoggedQuery]:
    """The newest first, from before this place."""
    rows = await connection.fetch(
        "SELECT query_id, consent_id, items, asked_at, outcome, detail_code, acknowledged_at"
        " FROM four_information_query WHERE registration_id = $1"
        " AND ($2::timestamptz IS NULL OR (asked_at, query_id) < ($2, $3))"
        " ORDER BY asked_at DESC, query_id DESC LIMIT $4",
        registration_id,
        None if before is None else before[0],
        None if before is None else before[1],
        limit,
    )
    return [LoggedQuery(**(dict(row) | {"items": tuple(row["items"])})) for row in rows]
