"""Invitations whose time has run out end, and their institution is told. Called wherever somebody looks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.changes.model import Action, NoticeType
from platform_api.changes.store import Notice, announce
from platform_api.db.transactions import tenant
from platform_api.deliveries.store import delete_expired
from platform_api.invitations import signer_store, store
from platform_api.invitations.ending import answered, consents_of, end_all, forget_signer
from platform_api.invitations.model import InvitationState

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool

_PAGE: Final = 500


async def expire(connection: Connection, institution_id: UUID, now: datetime) -> int:
    """End those that are due, a page of them; last in a transaction, because it announces.

    One that its registration's own holder signed is confirmed if J-LIS has answered: a crash came in between.
    One of whose signer the institution can never learn opens again, if there is time for another signature.
    """
    found = await store.due(connection, now, _PAGE)
    # All at once, in the order of everybody who purges: one by one they would wait for each other.
    await delete_expired(connection, now)
    consents = await consents_of(connection, found)
    over, lost = [], []
    for invitation in found:
        consent = consents.get(invitation.invitation_id)
        if consent is not None and answered(consent):
            await store.mark_confirmed(connection, invitation.invitation_id, consent.registration_id, now)
            await store.set_consent(connection, invitation.invitation_id, consent.consent_id)
        elif invitation.untaken and now < invitation.expires_at:
            await forget_signer(connection, invitation.invitation_id)
            await signer_store.reopen(connection, invitation.invitation_id)
            lost.append(invitation)
        else:
            over.append(invitation)
    notices = await end_all(
        connection, institution_id, [(invitation, InvitationState.EXPIRED) for invitation in over], now
    )
    notices += [
        Notice(
            kind,
            registration_id=invitation.registration_id,
            invitation_id=invitation.invitation_id,
            action=Action.CONTACT_CUSTOMER,
        )
        for kind, told in ((NoticeType.INVITATION_EXPIRED, over), (NoticeType.CONSENT_SIGNER_LOST, lost))
        for invitation in told
    ]
    await announce(connection, institution_id, notices, now)
    return len(found)


async def expire_all(pool: Pool, institution_id: UUID, now: datetime) -> int:
    """All that are due of one institution, in transactions of a page; for a pass of the night."""
    ended = 0
    while True:
        async with tenant(pool, institution_id) as connection:
            page = await expire(connection, institution_id, now)
        ended += page
        if page < _PAGE:
            return ended
