"""SQL of who signed a letter: kept as hashes, taken by the institution, forgotten. Inside a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.invitations.model import CONFIRM_WITHIN, InvitationState

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


async def mark_signed(
    connection: Connection,
    invitation_id: UUID,
    state: InvitationState,
    *,
    signed_at: datetime,
    confirm_by: datetime | None,
    certificate_hash: bytes,
    signed_hash: bytes,
    delivery_id: UUID | None,
    ppid: bytes | None,
    ppid_tag: bytes | None,
) -> None:
    await connection.execute(
        "UPDATE consent_invitation SET state = $2, signed_at = coalesce(signed_at, $3), confirm_by = $4,"
        " certificate_hash = $5, signed_hash = $6, delivery_id = $7, ppid = $8, ppid_tag = $9"
        " WHERE invitation_id = $1",
        invitation_id,
        state.value,
        signed_at,
        confirm_by,
        certificate_hash,
        signed_hash,
        delivery_id,
        ppid,
        ppid_tag,
    )


async def mark_taken(connection: Connection, invitation_id: UUID, delivery_id: UUID, at: datetime) -> bool:
    """The institution has, or could have, who signed: from now on it has its 14 days. False where the letter
    waits for nobody's confirmation of this delivery any more.
    """
    waits = await connection.fetchval(
        "UPDATE consent_invitation SET signer_taken_at = coalesce(signer_taken_at, $3),"
        " confirm_by = CASE WHEN signer_taken_at IS NULL THEN signed_at + $4 ELSE confirm_by END"
        " WHERE invitation_id = $1 AND delivery_id = $2 AND state = 'PENDING_INSTITUTION_CONFIRMATION'"
        " RETURNING 1",
        invitation_id,
        delivery_id,
        at,
        CONFIRM_WITHIN,
    )
    return waits is not None


async def reopen(connection: Connection, invitation_id: UUID) -> None:
    """As it was before anybody signed: nothing is known of who did."""
    await connection.execute(
        "UPDATE consent_invitation SET state = 'OPENED', signed_at = NULL, confirm_by = NULL,"
        " delivery_id = NULL, certificate_hash = NULL, signed_hash = NULL, ppid = NULL, ppid_tag = NULL"
        " WHERE invitation_id = $1 AND state = 'PENDING_INSTITUTION_CONFIRMATION'",
        invitation_id,
    )
