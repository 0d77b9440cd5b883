"""SQL of lists of consents and of counts over them, and nothing else. Always inside a tenant.

The state is said in SQL here as ``Consent.state_at`` says it, so that a page can be chosen by it; a test
holds the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.consents.model import EXPIRING_DAYS, Consent
from platform_api.consents.store import COLUMNS, read_consent
from platform_api.consents.withdrawal_store import Forwarding, WithdrawalRecord

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection

#: $1 is now. Hours, not days: a day of a session's own time zone may have 23.
_STATE: Final = f"""CASE
    WHEN c.state IN ('REFUSED', 'WITHDRAWN', 'STOPPED') THEN c.state
    WHEN c.stops_at <= $1
        AND (c.valid_until IS NULL OR c.stops_at < c.valid_until + interval '1 second') THEN 'STOPPED'
    WHEN c.state <> 'REFLECTED' OR $1 < c.valid_from THEN c.state
    WHEN $1 >= c.valid_until + interval '1 second' THEN 'EXPIRED'
    WHEN $1 >= c.valid_until - interval '{EXPIRING_DAYS * 24} hours' THEN 'EXPIRING'
    ELSE 'EFFECTIVE' END"""
_EFFECTIVE: Final = f"({_STATE}) IN ('EFFECTIVE', 'EXPIRING')"
#: The instant at which a living consent ends, as a JST month.
_END_MONTH: Final = (
    "date_trunc('month', (least(c.valid_until, c.stops_at) AT TIME ZONE 'UTC') + interval '9 hours')::date"
)
#: The consent counts only for the person whose certificate the registration watches now.
_HOLDERS: Final = """consent AS c JOIN watched_certificate AS w
    ON w.registration_id = c.registration_id AND w.slot = 'current' AND w.holder_id = c.holder_id"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which consents; None does not restrict."""

    registration_id: UUID | None = None
    service_id: UUID | None = None
    state: str | None = None
    forwarding: str | None = None


async def page(
    connection: Connection,
    now: datetime,
    chosen: Filter,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[tuple[Consent, WithdrawalRecord | None]]:
    """In the order of receipt, after the consent that ``after`` names."""
    columns = ", ".join(f"c.{name.strip()}" for name in COLUMNS.split(","))
    rows = await connection.fetch(
        f"SELECT {columns}, d.application_number AS number, d.received_at AS withdrawal_received_at,"  # noqa: S608
        " d.forwarding, d.forwarding_code, d.jlis_reflected_at"
        " FROM consent AS c LEFT JOIN consent_withdrawal AS d ON d.consent_id = c.consent_id"
        " WHERE ($2::uuid IS NULL OR c.registration_id = $2) AND ($3::uuid IS NULL OR c.service_id = $3)"
        f" AND ($4::text IS NULL OR ({_STATE}) = $4) AND ($5::text IS NULL OR d.forwarding = $5)"
        " AND ($6::timestamptz IS NULL OR (c.received_at, c.consent_id) > ($6, $7::uuid))"
        " ORDER BY c.received_at, c.consent_id LIMIT $8",
        now,
        chosen.registration_id,
        chosen.service_id,
        chosen.state,
        chosen.forwarding,
        None if after is None else after[0],
        None if after is None else after[1],
        limit,
    )
    return [
        (
            read_consent(row),
            None
            if row["forwarding"] is None
            else WithdrawalRecord(
                row["consent_id"],
                row["number"],
                row["withdrawal_received_at"],
                Forwarding(row["forwarding"]),
                row["forwarding_code"],
                row["jlis_reflected_at"],
            ),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class DueReminder:
    """A customer to be reminded, by the institution's own references."""

    consent_id: UUID
    registration_id: UUID
    registration_ref: str
    customer_ref: str
    due_on: date


async def due_reminders(
    connection: Connection, now: datetime, service_id: UUID, after: tuple[date, UUID] | None, limit: int
) -> list[DueReminder]:
    """Reminders that were announced and not acknowledged, of consents that are still effective."""
    rows = await connection.fetch(
        "SELECT m.consent_id, c.registration_id, r.registration_ref, r.customer_ref, m.due_on"  # noqa: S608
        f" FROM consent_reminder AS m JOIN {_HOLDERS} ON c.consent_id = m.consent_id"
        " JOIN registration AS r ON r.registration_id = c.registration_id"
        f" WHERE m.reminded_at IS NULL AND c.service_id = $2 AND {_EFFECTIVE}"
        " AND ($3::date IS NULL OR (m.due_on, m.consent_id) > ($3, $4::uuid))"
        " ORDER BY m.due_on, m.consent_id LIMIT $5",
        now,
        service_id,
        None if after is None else after[0],
        None if after is None else after[1],
        limit,
    )
    return [DueReminder(**dict(row)) for row in rows]


async def acknowledge_reminders(connection: Connection, consent_id: UUID, now: datetime) -> int:
    rows = await connection.fetch(
        "UPDATE consent_reminder SET reminded_at = $2 WHERE consent_id = $1 AND reminded_at IS NULL"
        " RETURNING due_on",
        consent_id,
        now,
    )
    return len(rows)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Registrations of a service by whether their holder has an effective consent."""

    registrations: int
    with_consent: int


async def coverage(connection: Connection, now: datetime, service_id: UUID) -> Coverage:
    row = await connection.fetchrow(
        "SELECT count(*) AS registrations, count(*) FILTER (WHERE EXISTS ("  # noqa: S608
        f"SELECT 1 FROM {_HOLDERS} WHERE c.registration_id = r.registration_id AND {_EFFECTIVE}))"
        " AS with_consent FROM registration AS r WHERE r.service_id = $2",
        now,
        service_id,
    )
    assert row is not None  # noqa: S101 - a count always gives a row
    return Coverage(row["registrations"], row["with_consent"])


async def consents_ending(connection: Connection, now: datetime, service_id: UUID) -> dict[date, int]:
    """Effective consents by the JST month in which they end or are stopped."""
    rows = await connection.fetch(
        f"SELECT {_END_MONTH} AS month, count(*) AS consents FROM {_HOLDERS}"  # noqa: S608
        f" WHERE c.service_id = $2 AND {_EFFECTIVE} GROUP BY 1",
        now,
        service_id,
    )
    return {row["month"]: row["consents"] for row in rows}


async def certificates_ending(connection: Connection, service_id: UUID) -> dict[date, int]:
    """Watched current certificates by the month in which they end."""
    rows = await connection.fetch(
        "SELECT w.expiry_month AS month, count(*) AS certificates FROM watched_certificate AS w"
        " JOIN registration AS r ON r.registration_id = w.registration_id"
        " WHERE r.service_id = $1 AND w.slot = 'current' GROUP BY 1",
        service_id,
    )
    return {row["month"]: row["certificates"] for row in rows}
