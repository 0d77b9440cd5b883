"""SQL of invitations, and nothing else. Inside a tenant, but for the two look-ups by a secret's hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.db.transactions import acquired
from platform_api.institutions.model import Entitlement, Principal
from platform_api.invitations.model import Invitation, InvitationState

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection, Pool

_COLUMNS = (
    "invitation_id, institution_id, service_id, key_id, registration_id, registration_ref, customer_ref,"
    " application_number, language, state, created_at, expires_at, opened_at, signed_at, confirm_by,"
    " ended_at,"
    " consent_id, delivery_id, certificate_hash, signed_hash, signer_taken_at"
)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who invites, as the customer reads it, and what the institution may do."""

    institution_name: str
    service_name: str
    service_code: str
    principal: Principal
    contract_from: datetime
    contract_until: datetime | None

    def in_contract(self, now: datetime) -> bool:
        return self.contract_from <= now and (self.contract_until is None or now < self.contract_until)


def _invitation(row: asyncpg.Record) -> Invitation:
    return Invitation(**(dict(row) | {"state": InvitationState(row["state"])}))


async def insert(connection: Connection, new: Invitation, token_hash: bytes) -> None:
    await connection.execute(
        "INSERT INTO consent_invitation (invitation_id, institution_id, service_id, key_id, registration_id,"
        " registration_ref, customer_ref, application_number, language, state, created_at, expires_at,"
        " token_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        new.invitation_id,
        new.institution_id,
        new.service_id,
        new.key_id,
        new.registration_id,
        new.registration_ref,
        new.customer_ref,
        new.application_number,
        new.language,
        new.state.value,
        new.created_at,
        new.expires_at,
        token_hash,
    )


async def find_by_token(pool: Pool, token_hash: bytes) -> tuple[UUID, UUID] | None:
    """(institution, invitation) of this letter. No tenant is known: a policy shows the row to who names its
    token's hash."""
    async with acquired(pool) as connection, connection.transaction(readonly=True):
        await connection.execute("SELECT set_config('app.letter_hash', $1, true)", token_hash.hex())
        row = await connection.fetchrow(
            "SELECT institution_id, invitation_id FROM consent_invitation WHERE token_hash = $1", token_hash
        )
    return None if row is None else (row["institution_id"], row["invitation_id"])


async def find(connection: Connection, invitation_id: UUID, *, lock: bool = False) -> Invitation | None:
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM consent_invitation WHERE invitation_id = $1"  # noqa: S608
        + (" FOR UPDATE" if lock else ""),
        invitation_id,
    )
    return None if row is None else _invitation(row)


async def page(
    connection: Connection,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
    service_id: UUID | None,
    states: Sequence[str] | None,
) -> list[Invitation]:
    """The newest first, those made before ``before``."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM consent_invitation"  # noqa: S608 - a constant of ours
        " WHERE ($1::timestamptz IS NULL OR (created_at, invitation_id) < ($1, $2))"
        " AND ($4::uuid IS NULL OR service_id = $4) AND ($5::text[] IS NULL OR state = ANY ($5))"
        " ORDER BY created_at DESC, invitation_id DESC LIMIT $3",
        None if before is None else before[0],
        None if before is None else before[1],
        limit,
        service_id,
        None if states is None else list(states),
    )
    return [_invitation(row) for row in rows]


async def asking(connection: Connection, invitation: Invitation) -> Asking | None:
    """The institution and service of an invitation; None once the service is gone."""
    row = await connection.fetchrow(
        "SELECT i.institution_id, i.name AS institution_name, i.mode, i.purposes, i.kinds, i.contract_from,"
        " i.contract_until, s.name AS service_name, s.service_code"
        " FROM service AS s JOIN institution AS i USING (institution_id) WHERE s.service_id = $1",
        invitation.service_id,
    )
    if row is None:
        return None
    principal = Principal(
        institution_id=row["institution_id"],
        key_id=invitation.key_id,
        scopes=frozenset(),
        purposes=frozenset(row["purposes"]),
        kinds=frozenset(row["kinds"]),
        entitlement=Entitlement.REGISTERED.value,
        mode=row["mode"],
    )
    return Asking(
        institution_name=row["institution_name"],
        service_name=row["service_name"],
        service_code=row["service_code"],
        principal=principal,
        contract_from=row["contract_from"],
        contract_until=row["contract_until"],
    )


async def registration_of(connection: Connection, service_id: UUID, registration_ref: str) -> UUID | None:
    found: UUID | None = await connection.fetchval(
        "SELECT registration_id FROM registration WHERE service_id = $1 AND registration_ref = $2",
        service_id,
        registration_ref,
    )
    return found


async def mark_opened(connection: Connection, invitation_id: UUID, at: datetime) -> None:
    await connection.execute(
        "UPDATE consent_invitation SET state = 'OPENED', opened_at = $2"
        " WHERE invitation_id = $1 AND state = 'CREATED'",
        invitation_id,
        at,
    )


async def mark_read(connection: Connection, invitation_id: UUID, at: datetime) -> None:
    """The customer confirmed that he read what must be read; the first time counts."""
    await connection.execute(
        "UPDATE consent_invitation SET read_at = coalesce(read_at, $2) WHERE invitation_id = $1",
        invitation_id,
        at,
    )


async def mark_confirmed(
    connection: Connection, invitation_id: UUID, registration_id: UUID, at: datetime
) -> None:
    """Of one that somebody signed: one that ended while J-LIS was asked stays as it ended."""
    await connection.execute(
        "UPDATE consent_invitation SET state = 'CONFIRMED', registration_id = $2,"
        " ended_at = coalesce(ended_at, $3)"
        " WHERE invitation_id = $1 AND state IN ('SIGNED', 'PENDING_INSTITUTION_CONFIRMATION')",
        invitation_id,
        registration_id,
        at,
    )


async def set_consent(connection: Connection, invitation_id: UUID, consent_id: UUID) -> None:
    await connection.execute(
        "UPDATE consent_invitation SET consent_id = $2 WHERE invitation_id = $1", invitation_id, consent_id
    )


async def end(connection: Connection, invitation_id: UUID, state: InvitationState, at: datetime) -> None:
    """Without a consent: what was known of the signer goes with the invitation's end."""
    await connection.execute(
        "UPDATE consent_invitation SET state = $2, ended_at = coalesce(ended_at, $3), ppid = NULL,"
        " ppid_tag = NULL, certificate_hash = NULL, signed_hash = NULL WHERE invitation_id = $1",
        invitation_id,
        state.value,
        at,
    )
    await connection.execute("DELETE FROM invitation_signing WHERE invitation_id = $1", invitation_id)


async def due(connection: Connection, now: datetime, limit: int) -> list[Invitation]:
    """Invitations whose time has run out, locked; those that somebody else is ending are his. And those whose
    signer nobody can be told of any more: not taken, and gone from the queue.
    """
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM consent_invitation"  # noqa: S608 - a constant of ours
        " WHERE (state IN ('CREATED', 'OPENED', 'SIGNED') AND expires_at <= $1)"
        " OR (state = 'PENDING_INSTITUTION_CONFIRMATION' AND (confirm_by <= $1"
        " OR (signer_taken_at IS NULL AND NOT EXISTS (SELECT FROM delivery AS waiting"
        " WHERE waiting.delivery_id = consent_invitation.delivery_id AND waiting.expires_at > $1))))"
        " ORDER BY expires_at, invitation_id LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        limit,
    )
    return [_invitation(row) for row in rows]


async def same_person(connection: Connection, invitation_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """By each of these, other invitations of its service that the same person signed, the newest first."""
    rows = await connection.fetch(
        "SELECT this.invitation_id, array(SELECT other.invitation_id FROM consent_invitation AS other"
        " WHERE (other.institution_id, other.service_id, other.ppid_tag)"
        " = (this.institution_id, this.service_id, this.ppid_tag)"
        " AND other.invitation_id <> this.invitation_id ORDER BY other.signed_at DESC LIMIT 100) AS others"
        " FROM consent_invitation AS this"
        " WHERE this.invitation_id = ANY ($1) AND this.ppid_tag IS NOT NULL",
        list(invitation_ids),
    )
    return {row["invitation_id"]: list(row["others"]) for row in rows}
