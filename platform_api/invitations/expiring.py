"""Invitations whose time has run out end, and their institution is told. Called wherever somebody looks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.changes.model import Action, NoticeType
from platform_api.changes.store import Notice, announce
from platform_api.db.transactions import tenant
from platform_api.deliveries.model import DeliveryPurpose
from platform_api.deliveries.store import delete_replaced
from platform_api.invitations import store
from platform_api.invitations.model import InvitationState

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool

_PAGE: Final = 500


async def expire(connection: Connection, institution_id: UUID, now: datetime) -> int:
    """End those that are due, a page of them; last in a transaction, because it announces."""
    found = await store.due(connection, now, _PAGE)
    for invitation in found:
        await store.end(connection, invitation.invitation_id, InvitationState.EXPIRED, now)
        await forget_signer(connection, invitation.invitation_id)
    await announce(
        connection,
        institution_id,
        [
            Notice(
                NoticeType.INVITATION_EXPIRED,
                registration_id=invitation.registration_id,
                invitation_id=invitation.invitation_id,
                action=Action.CONTACT_CUSTOMER,
            )
            for invitation in found
        ],
        now,
    )
    return len(found)


async def forget_signer(connection: Connection, invitation_id: UUID) -> None:
    """What still waits in the queue of who signed: nobody needs it any more."""
    await delete_replaced(connection, DeliveryPurpose.CONSENT_SIGNER, None, invitation_id)


async def expire_all(pool: Pool, institution_id: UUID, now: datetime) -> int:
    """All that are due of one institution, in transactions of a page; for a pass of the night."""
    ended = 0
    while True:
        async with tenant(pool, institution_id) as connection:
            page = await expire(connection, institution_id, now)
        ended += page
        if page < _PAGE:
            return ended
