"""SQL of the nightly detection, and nothing else: what it joins, and what it writes beside the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from platform_api.changes.model import DECISIONS_VERSION, Condition
from platform_api.changes.store import NewEvent

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection


@dataclass(frozen=True, slots=True)
class Match:
    """A watched certificate that a change of the lists touches; ``position`` is the change's."""

    position: int
    institution_id: UUID
    registration_id: UUID
    certificate_id: UUID
    slot: str
    kind: str
    condition: Condition
    #: Two certificates of one registration with one tag are one certificate.
    tag: bytes


async def locked_cursor(connection: Connection) -> int:
    """The detector's lock: from here to the commit no registration can slip in between check and commit."""
    return int(await connection.fetchval("SELECT set_seq FROM detection_cursor FOR UPDATE"))


async def advance_cursor(connection: Connection, set_seq: int) -> None:
    await connection.execute("UPDATE detection_cursor SET set_seq = $1", set_seq)


async def anything_older(connection: Connection, set_seq: int) -> bool:
    """Is there a certificate that was last checked before this set? If not, nobody can be touched."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT 1 FROM watched_certificate WHERE checked_set_seq < $1)", set_seq
        )
    )


async def institutions(connection: Connection) -> list[UUID]:
    rows = await connection.fetch("SELECT institution_id FROM institution ORDER BY institution_id")
    return [row["institution_id"] for row in rows]


async def matches(
    connection: Connection, tags: Sequence[tuple[int, int, bytes]], set_seq: int
) -> list[Match]:
    """Join one batch of changes to the watched certificates that have not seen this set yet.

    Arrays, not a temporary table: the role detector may not create any, and no catalogue grows by a night.
    """
    rows = await connection.fetch(
        """
        SELECT c.position, w.institution_id, w.registration_id, w.certificate_id,
               w.slot, w.kind, w.condition, (array_agg(c.tag ORDER BY c.key_id, c.tag))[1] AS tag
        FROM unnest($1::integer[], $2::integer[], $3::bytea[]) AS c (position, key_id, tag)
        JOIN registration_tag AS t ON t.tag = c.tag AND t.key_id = c.key_id
        JOIN watched_certificate AS w ON w.certificate_id = t.certificate_id
        WHERE w.checked_set_seq < $4
        GROUP BY c.position, w.certificate_id
        ORDER BY w.institution_id, c.position, w.slot, w.certificate_id
        """,
        [position for position, _, _ in tags],
        [key_id for _, key_id, _ in tags],
        [tag for _, _, tag in tags],
        set_seq,
    )
    return [_match(row) for row in rows]


async def held(connection: Connection, set_seq: int) -> list[Match]:
    """Every certificate told to be on hold that has not seen this set yet; ``position`` means nothing."""
    rows = await connection.fetch(
        """
        SELECT 0 AS position, w.institution_id, w.registration_id, w.certificate_id, w.slot, w.kind,
               w.condition, (array_agg(t.tag ORDER BY t.key_id, t.tag))[1] AS tag
        FROM watched_certificate AS w JOIN registration_tag AS t ON t.certificate_id = w.certificate_id
        WHERE w.condition = 'ON_HOLD' AND w.checked_set_seq < $1
        GROUP BY w.certificate_id
        ORDER BY w.institution_id, w.slot, w.certificate_id
        """,
        set_seq,
    )
    return [_match(row) for row in rows]


async def count_revoked(connection: Connection, set_seq: int) -> int:
    """Certificates told to be revoked that have not seen this set yet."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM watched_certificate WHERE condition = 'REVOKED' AND checked_set_seq < $1",
            set_seq,
        )
    )


def _match(row: asyncpg.Record) -> Match:
    return Match(
        row["position"],
        row["institution_id"],
        row["registration_id"],
        row["certificate_id"],
        row["slot"],
        row["kind"],
        Condition(row["condition"]),
        bytes(row["tag"]),
    )


async def set_condition(
    connection: Connection, changes: Sequence[tuple[UUID, Condition, int | None]]
) -> None:
    """(certificate, condition, raw reason) of one tenant."""
    await connection.executemany(
        "UPDATE watched_certificate SET condition = $2, reason_code = $3 WHERE certificate_id = $1",
        [(certificate_id, condition.value, reason) for certificate_id, condition, reason in changes],
    )


async def set_state(connection: Connection, changes: Sequence[tuple[UUID, str]], now: datetime) -> None:
    """(registration, state) of one tenant. Items that wait for acknowledgement stay announced: the
    acknowledgement takes the state from the successor's condition."""
    await connection.executemany(
        "UPDATE registration SET state = $2, changed_at = $3"
        " WHERE registration_id = $1 AND state <> 'CHANGED_DATA_AVAILABLE'",
        [(registration_id, state, now) for registration_id, state in changes],
    )


async def without_told(connection: Connection, events: Sequence[NewEvent]) -> list[NewEvent]:
    """Without those that stand in the feed already: one transition of one certificate in one set."""
    if not events:
        return []
    rows = await connection.fetch(
        "SELECT registration_id, certificate_id, set_seq, transition FROM event"
        " WHERE registration_id = ANY($1) AND set_seq = ANY($2)",
        [event.registration_id for event in events],
        list({event.set_seq for event in events}),
    )
    told = {tuple(row.values()) for row in rows}
    return [
        event
        for event in events
        if (event.registration_id, event.certificate_id, event.set_seq, event.decision.transition.value)
        not in told
    ]


async def day_is_told(connection: Connection, institution_id: UUID, set_seq: int) -> bool:
    """Was the end of this set's day announced to this institution?"""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT 1 FROM event"
            " WHERE institution_id = $1 AND set_seq = $2 AND type = 'day.completed')",
            institution_id,
            set_seq,
        )
    )


async def insert_day(
    connection: Connection,
    institution_id: UUID,
    seq: int,
    *,
    set_seq: int,
    business_date: date | None,
    complete: bool,
    events: int,
    now: datetime,
) -> None:
    """``day.completed``; with no events first_seq is the announcement's own number and last_seq one below."""
    await connection.execute(
        "INSERT INTO event (institution_id, seq, event_id, type, occurred_at, set_seq, decisions_version,"
        " business_date, complete, day_events, first_seq, last_seq)"
        " VALUES ($1, $2, $3, 'day.completed', $4, $5, $6, $7, $8, $9, $10, $11)",
        institution_id,
        seq,
        uuid4(),
        now,
        set_seq,
        DECISIONS_VERSION,
        business_date,
        complete,
        events,
        seq - events,
        seq - 1,
    )
