"""SQL of the applications that belong to invitations, and of the consents that came of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.consents.store import COLUMNS, read_consent

if TYPE_CHECKING:
    from platform_api.consents.model import Consent
    from platform_api.consents.store import IssuedApplication
    from platform_api.db.transactions import Connection


async def insert(
    connection: Connection, institution_id: UUID, issued: IssuedApplication, *, invitation_id: UUID
) -> None:
    await connection.execute(
        "INSERT INTO consent_application (application_number, institution_id, registration_id, service_id,"
        " items, text_version, sha256, created_at, invitation_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        issued.application_number,
        institution_id,
        issued.registration_id,
        issued.service_id,
        list(issued.items),
        issued.text_version,
        issued.sha256,
        issued.created_at,
        invitation_id,
    )


async def of_numbers(connection: Connection, numbers: Sequence[UUID]) -> dict[UUID, tuple[list[str], str]]:
    """Items and text version of these applications, by number."""
    rows = await connection.fetch(
        "SELECT application_number, items, text_version FROM consent_application"
        " WHERE application_number = ANY ($1)",
        list(numbers),
    )
    return {row["application_number"]: (list(row["items"]), row["text_version"]) for row in rows}


async def bind(connection: Connection, application_number: UUID, registration_id: UUID) -> None:
    """The institution confirmed whose it is. An application of a registration stays that registration's."""
    await connection.execute(
        "UPDATE consent_application SET registration_id = $2"
        " WHERE application_number = $1 AND registration_id IS NULL",
        application_number,
        registration_id,
    )


async def state_of(connection: Connection, application_number: UUID) -> str | None:
    """The kept state of the consent that came of it; None where none came yet."""
    found: str | None = await connection.fetchval(
        "SELECT state FROM consent WHERE application_number = $1", application_number
    )
    return found


async def locked_consents(connection: Connection, numbers: Sequence[UUID]) -> dict[UUID, Consent]:
    """The consents that came of these applications, by number; locked in one order."""
    rows = await connection.fetch(
        f"SELECT application_number, {COLUMNS} FROM consent"  # noqa: S608 - a constant of ours
        " WHERE application_number = ANY ($1) ORDER BY consent_id FOR NO KEY UPDATE",
        numbers,
    )
    return {row["application_number"]: read_consent(row) for row in rows}


async def consent_of(connection: Connection, application_number: UUID) -> UUID | None:
    """The consent that came of this application, whatever became of it."""
    found: UUID | None = await connection.fetchval(
        "SELECT consent_id FROM consent WHERE application_number = $1", application_number
    )
    return found
