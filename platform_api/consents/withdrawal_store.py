"""SQL of withdrawal applications and of what became of each withdrawal, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


class Forwarding(StrEnum):
    """Does J-LIS know of a withdrawal?"""

    #: J-LIS has not got it; the institution hands the same request in again.
    PENDING = "PENDING"
    FORWARDED = "FORWARDED"
    #: J-LIS said no; a person must look. Our fetching has ended all the same.
    REFUSED = "REFUSED"
    #: J-LIS never gave the consent a name, so there is nothing to withdraw there that we know of.
    NO_REFERENCE = "NO_REFERENCE"
    #: Read in J-LIS's own list of withdrawals.
    SEEN = "SEEN"


@dataclass(frozen=True, slots=True)
class IssuedWithdrawal:
    """A withdrawal application that we wrote, by its number."""

    application_number: UUID
    consent_id: UUID
    sha256: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WithdrawalRecord:
    """How a consent was withdrawn: by which application, or at J-LIS (none), and whether J-LIS knows."""

    consent_id: UUID
    application_number: UUID | None
    received_at: datetime | None
    forwarding: Forwarding
    forwarding_code: str | None
    jlis_reflected_at: datetime | None


async def insert_application(connection: Connection, institution_id: UUID, issued: IssuedWithdrawal) -> None:
    await connection.execute(
        "INSERT INTO withdrawal_application (application_number, institution_id, consent_id, sha256,"
        " created_at) VALUES ($1, $2, $3, $4, $5)",
        issued.application_number,
        institution_id,
        issued.consent_id,
        issued.sha256,
        issued.created_at,
    )


async def find_application(connection: Connection, number: UUID) -> IssuedWithdrawal | None:
    row = await connection.fetchrow(
        "SELECT application_number, consent_id, sha256, created_at FROM withdrawal_application"
        " WHERE application_number = $1",
        number,
    )
    return None if row is None else IssuedWithdrawal(**dict(row))


async def consent_application_number(connection: Connection, consent_id: UUID) -> UUID | None:
    """The 申請番号 of the application by which the consent was given."""
    found: UUID | None = await connection.fetchval(
        "SELECT application_number FROM consent WHERE consent_id = $1", consent_id
    )
    return found


async def find(connection: Connection, consent_id: UUID) -> WithdrawalRecord | None:
    row = await connection.fetchrow(
        "SELECT consent_id, application_number, received_at, forwarding, forwarding_code, jlis_reflected_at"
        " FROM consent_withdrawal WHERE consent_id = $1",
        consent_id,
    )
    if row is None:
        return None
    return WithdrawalRecord(**(dict(row) | {"forwarding": Forwarding(row["forwarding"])}))


async def handed_in(
    connection: Connection, issued: IssuedWithdrawal, signature_sha256: bytes
) -> WithdrawalRecord | None:
    """The record of a consent whose newest withdrawal is this very one, with this very signature."""
    same: bool | None = await connection.fetchval(
        "SELECT application_number = $2 AND signature_sha256 = $3 FROM consent_withdrawal"
        " WHERE consent_id = $1",
        issued.consent_id,
        issued.application_number,
        signature_sha256,
    )
    return await find(connection, issued.consent_id) if same else None


async def hand_in(
    connection: Connection,
    institution_id: UUID,
    issued: IssuedWithdrawal,
    signature_sha256: bytes,
    received_at: datetime,
    forwarding: Forwarding,
) -> None:
    """A signed withdrawal came; a newer one takes the place of one that J-LIS never got."""
    await connection.execute(
        "INSERT INTO consent_withdrawal (consent_id, institution_id, application_number, application_sha256,"
        " received_at, forwarding, signature_sha256) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (consent_id) DO UPDATE SET application_number = excluded.application_number,"
        " application_sha256 = excluded.application_sha256, received_at = excluded.received_at,"
        " signature_sha256 = excluded.signature_sha256,"
        " forwarding = excluded.forwarding, forwarding_code = NULL"
        " WHERE consent_withdrawal.forwarding IN ('PENDING', 'REFUSED', 'NO_REFERENCE')",
        issued.consent_id,
        institution_id,
        issued.application_number,
        issued.sha256,
        received_at,
        forwarding.value,
        signature_sha256,
    )


async def mark(
    connection: Connection,
    consent_id: UUID,
    forwarding: Forwarding,
    *,
    code: str | None = None,
    jlis_reflected_at: datetime | None = None,
) -> None:
    """What J-LIS said. What it has once taken in stays so."""
    await connection.execute(
        "UPDATE consent_withdrawal SET forwarding = $2, forwarding_code = $3,"
        " jlis_reflected_at = coalesce(jlis_reflected_at, $4)"
        " WHERE consent_id = $1 AND forwarding NOT IN ('FORWARDED', 'SEEN')",
        consent_id,
        forwarding.value,
        None if code is None else code[:64],
        jlis_reflected_at,
    )


async def reference_known(connection: Connection, consent_id: UUID) -> None:
    """J-LIS has it after all: its answer came after the withdrawal. There is something to withdraw now."""
    await connection.execute(
        "UPDATE consent_withdrawal SET forwarding = 'PENDING'"
        " WHERE consent_id = $1 AND forwarding = 'NO_REFERENCE'",
        consent_id,
    )


async def mark_seen(
    connection: Connection, institution_id: UUID, seen: Sequence[tuple[UUID, datetime]]
) -> None:
    """Read at J-LIS, since when: the holder's way there, or the one that we forwarded."""
    await connection.executemany(
        "INSERT INTO consent_withdrawal (consent_id, institution_id, forwarding, jlis_reflected_at)"
        " VALUES ($1, $2, 'SEEN', $3)"
        " ON CONFLICT (consent_id) DO UPDATE SET forwarding = 'SEEN', forwarding_code = NULL,"
        " jlis_reflected_at = excluded.jlis_reflected_at",
        [(consent_id, institution_id, reflected_at) for consent_id, reflected_at in seen],
    )
