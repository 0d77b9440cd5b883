"""SQL of applications and consents, and nothing else. Always inside a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.consents.model import Consent, ConsentState, Validity

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection
    from platform_api.registrations.model import Watched

COLUMNS = (
    "consent_id, registration_id, service_id, state, items,"
    " received_at, reflected_at, valid_from, valid_until, holder_id, stops_at, consent_ref, sent_at,"
    " refusal_code"
)


@dataclass(frozen=True, slots=True)
class IssuedApplication:
    """An application that we wrote, by its number."""

    application_number: UUID
    #: None: of an invitation that the institution has not confirmed (``invitations/``).
    registration_id: UUID | None
    service_id: UUID
    items: tuple[str, ...]
    text_version: str
    sha256: bytes
    created_at: datetime


async def insert_application(connection: Connection, institution_id: UUID, issued: IssuedApplication) -> None:
    await connection.execute(
        "INSERT INTO consent_application (application_number, institution_id, registration_id, service_id,"
        " items, text_version, sha256, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        issued.application_number,
        institution_id,
        issued.registration_id,
        issued.service_id,
        list(issued.items),
        issued.text_version,
        issued.sha256,
        issued.created_at,
    )


async def find_application(connection: Connection, number: UUID) -> IssuedApplication | None:
    row = await connection.fetchrow(
        "SELECT application_number, registration_id, service_id, items, text_version, sha256, created_at"
        " FROM consent_application WHERE application_number = $1",
        number,
    )
    return None if row is None else IssuedApplication(**(dict(row) | {"items": tuple(row["items"])}))


async def receive(
    connection: Connection,
    institution_id: UUID,
    *,
    consent_id: UUID,
    issued: IssuedApplication,
    signed_by: Watched,
    received_at: datetime,
) -> tuple[Consent, bool]:
    """The consent of this application, locked, and whether it is new: a RECEIVED one, or the one already
    there, perhaps another holder's."""
    row = await connection.fetchrow(
        "INSERT INTO consent (consent_id, institution_id, registration_id, service_id, application_number,"  # noqa: S608
        " application_sha256, text_version, items, state, received_at, certificate_id, holder_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'RECEIVED', $9, $10, $11)"
        " ON CONFLICT (application_number) DO UPDATE SET application_number = excluded.application_number"
        f" RETURNING {COLUMNS}",
        consent_id,
        institution_id,
        issued.registration_id,
        issued.service_id,
        issued.application_number,
        issued.sha256,
        issued.text_version,
        list(issued.items),
        received_at,
        signed_by.certificate_id,
        signed_by.holder_id,
    )
    assert row is not None  # noqa: S101 - DO UPDATE always returns the row
    return read_consent(row), row["consent_id"] == consent_id


async def mark_sent(connection: Connection, consent_id: UUID, at: datetime) -> None:
    await connection.execute(
        "UPDATE consent SET state = 'SENT', sent_at = $2 WHERE consent_id = $1 AND state = 'RECEIVED'",
        consent_id,
        at,
    )


async def mark_refused(connection: Connection, consent_id: UUID, code: str) -> None:
    """Of a consent that ``locked`` found SENT."""
    await connection.execute(
        "UPDATE consent SET state = 'REFUSED', refusal_code = $2"
        " WHERE consent_id = $1 AND state IN ('RECEIVED', 'SENT')",
        consent_id,
        code,
    )


async def mark_ended(connection: Connection, consent_ids: Sequence[UUID], state: ConsentState) -> None:
    """WITHDRAWN or STOPPED, of locked consents in a state before."""
    if consent_ids:
        await connection.execute(
            "UPDATE consent SET state = $2 WHERE consent_id = ANY ($1)", consent_ids, state.value
        )


async def keep_ref(connection: Connection, consent_id: UUID, consent_ref: str) -> None:
    """J-LIS's name of the consent, whatever has become of it here: a withdrawal is sent with it."""
    await connection.execute(
        "UPDATE consent SET consent_ref = $2 WHERE consent_id = $1 AND consent_ref IS DISTINCT FROM $2",
        consent_id,
        consent_ref,
    )


async def mark_reflected(
    connection: Connection,
    consent_id: UUID,
    *,
    reflected_at: datetime,
    validity: Validity,
    items: frozenset[str],
) -> Consent:
    """Of a consent that ``locked`` found on its way in."""
    row = await connection.fetchrow(
        "UPDATE consent SET state = 'REFLECTED', reflected_at = $2, valid_from = $3,"  # noqa: S608
        " valid_until = $4, items = $5, next_due_at = '-infinity'"
        f" WHERE consent_id = $1 RETURNING {COLUMNS}",
        consent_id,
        reflected_at,
        validity.first,
        validity.last,
        sorted(items),
    )
    assert row is not None  # noqa: S101 - the caller holds its lock
    return read_consent(row)


async def set_stop(connection: Connection, consent_id: UUID, stops_at: datetime) -> Consent:
    row = await connection.fetchrow(
        "UPDATE consent SET stops_at = $2, next_due_at = '-infinity'"  # noqa: S608
        f" WHERE consent_id = $1 RETURNING {COLUMNS}",
        consent_id,
        stops_at,
    )
    assert row is not None  # noqa: S101 - the caller holds its lock
    return read_consent(row)


async def locked(connection: Connection, consent_id: UUID) -> Consent | None:
    """Nobody else changes it before the commit. Not FOR UPDATE: rows that only point to it need not wait."""
    row = await connection.fetchrow(
        f"SELECT {COLUMNS} FROM consent WHERE consent_id = $1 FOR NO KEY UPDATE",  # noqa: S608
        consent_id,
    )
    return None if row is None else read_consent(row)


async def find(connection: Connection, consent_id: UUID, *, share: bool = False) -> Consent | None:
    """``share``: nobody ends it before the commit; an answer that is used then came before the end."""
    row = await connection.fetchrow(
        f"SELECT {COLUMNS} FROM consent WHERE consent_id = $1"  # noqa: S608 - a constant of ours
        + (" FOR SHARE" if share else ""),
        consent_id,
    )
    return None if row is None else read_consent(row)


async def of_registration(connection: Connection, registration_id: UUID) -> list[Consent]:
    """The newest first."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM consent WHERE registration_id = $1 ORDER BY received_at DESC",  # noqa: S608
        registration_id,
    )
    return [read_consent(row) for row in rows]


def read_consent(row: asyncpg.Record) -> Consent:
    bounded = row["valid_from"] is not None and row["valid_until"] is not None
    return Consent(
        consent_id=row["consent_id"],
        registration_id=row["registration_id"],
        service_id=row["service_id"],
        state=ConsentState(row["state"]),
        items=frozenset(row["items"]),
        received_at=row["received_at"],
        reflected_at=row["reflected_at"],
        validity=Validity(row["valid_from"], row["valid_until"]) if bounded else None,
        holder_id=row["holder_id"],
        stops_at=row["stops_at"],
        consent_ref=row["consent_ref"],
        sent_at=row["sent_at"],
        refusal_code=row["refusal_code"],
    )
