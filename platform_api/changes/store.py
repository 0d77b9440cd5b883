"""SQL of the feed and of the detection's cursor, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from platform_api.changes.model import DECISIONS_VERSION, Action, Decision, NoticeType

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event of a registration, before it has a number."""

    registration_id: UUID
    certificate_id: UUID
    set_seq: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that no list caused: of a consent, an invitation or the four items. Ids and nothing else."""

    type: NoticeType
    registration_id: UUID | None = None
    consent_id: UUID | None = None
    invitation_id: UUID | None = None
    delivery_id: UUID | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event as an institution reads it."""

    seq: int
    event_id: UUID
    type: str
    occurred_at: datetime
    set_seq: int
    cause: str | None
    action: str | None
    transition: str | None
    registration_id: UUID | None
    registration_ref: str | None
    customer_ref: str | None
    service_id: UUID | None
    consent_id: UUID | None
    invitation_id: UUID | None
    delivery_id: UUID | None
    business_date: date | None
    complete: bool | None
    day_events: int | None
    first_seq: int | None
    last_seq: int | None


async def shared_cursor(connection: Connection) -> int:
    """The registration's lock: waits for a detection that is under way, and makes the next one wait."""
    return int(await connection.fetchval("SELECT set_seq FROM detection_cursor FOR SHARE"))


async def cursor(connection: Connection) -> int:
    return int(await connection.fetchval("SELECT set_seq FROM detection_cursor"))


async def take_numbers(connection: Connection, institution_id: UUID, count: int) -> int:
    """The first of ``count`` numbers; the feed's row stays locked until the commit (see 0002)."""
    await connection.execute(
        "INSERT INTO feed (institution_id) VALUES ($1) ON CONFLICT DO NOTHING", institution_id
    )
    after = await connection.fetchval(
        "UPDATE feed SET next_seq = next_seq + $2 WHERE institution_id = $1 RETURNING next_seq",
        institution_id,
        count,
    )
    return int(after) - count


async def insert_events(
    connection: Connection, institution_id: UUID, first: int, events: Sequence[NewEvent], now: datetime
) -> None:
    await connection.executemany(
        "INSERT INTO event (institution_id, seq, event_id, type, occurred_at, set_seq, decisions_version,"
        " cause, action, transition, registration_id, certificate_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        [
            (
                institution_id,
                first + offset,
                uuid4(),
                event.decision.event_type.value,
                now,
                event.set_seq,
                DECISIONS_VERSION,
                event.decision.cause.value,
                event.decision.action.value,
                event.decision.transition.value,
                event.registration_id,
                event.certificate_id,
            )
            for offset, event in enumerate(events)
        ],
    )


async def announce(
    connection: Connection, institution_id: UUID, notices: Sequence[Notice], now: datetime
) -> None:
    """Number and insert these events, last in the transaction: the feed's row stays locked until the commit.

    ``set_seq`` is the newest set whose changes are in the feed, so that an institution's events
    never go back to an older one.
    """
    if not notices:
        return
    set_seq = await cursor(connection)
    first = await take_numbers(connection, institution_id, len(notices))
    await connection.executemany(
        "INSERT INTO event (institution_id, seq, event_id, type, occurred_at, set_seq, decisions_version,"
        " action, registration_id, consent_id, invitation_id, delivery_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        [
            (
                institution_id,
                first + offset,
                uuid4(),
                notice.type.value,
                now,
                set_seq,
                DECISIONS_VERSION,
                None if notice.action is None else notice.action.value,
                notice.registration_id,
                notice.consent_id,
                notice.invitation_id,
                notice.delivery_id,
            )
            for offset, notice in enumerate(notices)
        ],
    )


async def head(connection: Connection, institution_id: UUID) -> int:
    """Number of the newest event; 0 while there is none."""
    found = await connection.fetchval("SELECT next_seq FROM feed WHERE institution_id = $1", institution_id)
    return 0 if found is None else int(found) - 1


async def read_events(
    connection: Connection, institution_id: UUID, after: int, limit: int
) -> list[FeedEvent]:
    rows = await connection.fetch(
        """
        SELECT e.seq, e.event_id, e.type, e.occurred_at, e.set_seq, e.cause, e.action, e.transition,
               e.registration_id, r.registration_ref, r.customer_ref, r.service_id,
               e.consent_id, e.invitation_id, e.delivery_id,
               e.business_date, e.complete, e.day_events, e.first_seq, e.last_seq
        FROM event AS e LEFT JOIN registration AS r ON r.registration_id = e.registration_id
        WHERE e.institution_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3
        """,
        institution_id,
        after,
        limit,
    )
    return [FeedEvent(**dict(row)) for row in rows]
