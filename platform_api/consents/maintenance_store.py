"""SQL of what a maintenance pass looks for beside due consents, and nothing else. Always inside a tenant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


@dataclass(frozen=True, slots=True)
class Unreflected:
    """A consent that J-LIS received and had not reflected when we last asked."""

    consent_id: UUID
    consent_ref: str


async def unreflected(connection: Connection, asked_before: datetime, limit: int) -> list[Unreflected]:
    """Those that were asked about longest ago, before this pass."""
    rows = await connection.fetch(
        "SELECT consent_id, consent_ref FROM consent"
        " WHERE state IN ('RECEIVED', 'SENT') AND consent_ref IS NOT NULL"
        " AND (state_asked_at IS NULL OR state_asked_at < $1)"
        " ORDER BY state_asked_at NULLS FIRST, consent_id LIMIT $2",
        asked_before,
        limit,
    )
    return [Unreflected(row["consent_id"], row["consent_ref"]) for row in rows]


async def mark_asked(connection: Connection, consent_id: UUID, at: datetime) -> None:
    await connection.execute("UPDATE consent SET state_asked_at = $2 WHERE consent_id = $1", consent_id, at)


@dataclass(frozen=True, slots=True)
class Alarms:
    """What only the institution or a person can put right."""

    #: Withdrawn with us, unknown to J-LIS: the same signed withdrawal has to be handed in again.
    unforwarded_withdrawals: int
    #: Handed in, never known to have reached J-LIS: the same signed consent has to be handed in again.
    unsent_consents: int


async def alarms(connection: Connection, sent_before: datetime) -> Alarms:
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM consent_withdrawal WHERE forwarding IN ('PENDING', 'REFUSED'))"
        " AS unforwarded,"
        " (SELECT count(*) FROM consent WHERE state IN ('RECEIVED', 'SENT') AND consent_ref IS NULL"
        " AND coalesce(sent_at, received_at) < $1) AS unsent",
        sent_before,
    )
    assert row is not None  # noqa: S101 - two counts always give a row
    return Alarms(row["unforwarded"], row["unsent"])
