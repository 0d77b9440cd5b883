"""SQL of applications and consents, and nothing else. Always inside a tenant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.consents.model import Consent, ConsentState, Validity

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection
    from platform_api.registrations.model import Watched

_COLUMNS = (
    "consent_id, registration_id, service_id, state, items,"
    " received_at, reflected_at, valid_from, valid_until, holder_id"
)


@dataclass(frozen=True, slots=True)
class IssuedApplication:
    """An application that we wrote, by its number."""

    application_number: UUID
    registration_id: UUID
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
) -> Consent:
    """The consent of this application, locked: a new RECEIVED one, or the one already there, perhaps
    another holder's."""
    row = await connection.fetchrow(
        "INSERT INTO consent (consent_id, institution_id, registration_id, service_id, application_number,"  # noqa: S608
        " application_sha256, text_version, items, state, received_at, certificate_id, holder_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'RECEIVED', $9, $10, $11)"
        " ON CONFLICT (application_number) DO UPDATE SET application_number = excluded.application_number"
        f" RETURNING {_COLUMNS}",
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
    return _consent(row)


async def mark_sent(connection: Connection, consent_id: UUID, at: datetime) -> None:
    await connection.execute(
        "UPDATE consent SET state = 'SENT', sent_at = $2 WHERE consent_id = $1 AND state = 'RECEIVED'",
        consent_id,
        at,
    )


async def mark_refused(connection: Connection, consent_id: UUID, code: str) -> None:
    await connection.execute(
        "UPDATE consent SET state = 'REFUSED', refusal_code = $2"
        " WHERE consent_id = $1 AND state IN ('RECEIVED', 'SENT')",
        consent_id,
        code,
    )


async def mark_reflected(
    connection: Connection,
    consent_id: UUID,
    *,
    consent_ref: str,
    reflected_at: datetime,
    validity: Validity,
    items: frozenset[str],
) -> Consent | None:
    """None where the consent has been withdrawn or stopped meanwhile: that wins."""
    row = await connection.fetchrow(
        "UPDATE consent SET state = 'REFLECTED', consent_ref = $2, reflected_at = $3, valid_from = $4,"  # noqa: S608
        " valid_until = $5, items = $6"
        " WHERE consent_id = $1 AND state IN ('RECEIVED', 'SENT', 'REFLECTED')"
        f" RETURNING {_COLUMNS}",
        consent_id,
        consent_ref,
        reflected_at,
        validity.first,
        validity.last,
        sorted(items),
    )
    return None if row is None else _consent(row)


async def find(connection: Connection, consent_id: UUID) -> Consent | None:
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM consent WHERE consent_id = $1",  # noqa: S608 - a constant of ours
        consent_id,
    )
    return None if row is None else _consent(row)


async def of_registration(connection: Connection, registration_id: UUID) -> list[Consent]:
    """The newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM consent WHERE registration_id = $1 ORDER BY received_at DESC",  # noqa: S608
        registration_id,
    )
    return [_consent(row) for row in rows]


def _consent(row: asyncpg.Record) -> Consent:
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
    )
