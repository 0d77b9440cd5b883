"""End a letter, and with it the consent of a holder who had signed it while J-LIS had not answered.

In one transaction: nothing is fetched for a letter that is over. Lock order: invitation, registration,
consent, feed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from platform_api.consents import life
from platform_api.consents import store as consents
from platform_api.consents.states import ConsentState, may_follow
from platform_api.deliveries.model import DeliveryPurpose
from platform_api.deliveries.store import delete_replaced
from platform_api.invitations import application_store, store
from platform_api.invitations.model import Invitation, InvitationState

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from platform_api.changes.store import Notice
    from platform_api.consents.model import Consent
    from platform_api.db.transactions import Connection

_AT_J_LIS: Final = frozenset((ConsentState.RECEIVED, ConsentState.SENT, ConsentState.REFLECTED))


async def end_all(
    connection: Connection,
    institution_id: UUID,
    ends: Iterable[tuple[Invitation, InvitationState]],
    now: datetime,
) -> list[Notice]:
    """End these locked letters without a consent; gives what to announce of those that stopped with them."""
    found = list(ends)
    given = await consents_of(connection, [invitation for invitation, _ in found])
    stopped = [
        await consents.set_stop(connection, consent.consent_id, now)
        for consent in given.values()
        if may_follow(consent.state_at(now), ConsentState.STOPPED)
    ]
    for invitation, state in found:
        invitation_id = invitation.invitation_id
        await store.end(connection, invitation_id, state, now)
        await forget_signer(connection, invitation_id)
        if invitation_id in given:
            await store.set_consent(connection, invitation_id, given[invitation_id].consent_id)
    return await life.turn(connection, institution_id, stopped, now) if stopped else []


async def consents_of(connection: Connection, invitations: Iterable[Invitation]) -> dict[UUID, Consent]:
    """By invitation, locked: what holders signed of letters that wait for J-LIS."""
    signed = {
        one.application_number: one.invitation_id
        for one in invitations
        if one.state is InvitationState.SIGNED
    }
    found = await application_store.locked_consents(connection, list(signed)) if signed else {}
    return {signed[number]: consent for number, consent in found.items()}


def answered(consent: Consent) -> bool:
    """Did J-LIS answer, and does its answer count? Only the letter's own end was not written down then."""
    if consent.state is ConsentState.REFUSED:
        return True
    named = consent.consent_ref is not None or consent.state is ConsentState.REFLECTED
    return named and consent.state in _AT_J_LIS


async def forget_signer(connection: Connection, invitation_id: UUID) -> None:
    """What still waits in the queue of who signed: nobody needs it any more."""
    await delete_replaced(connection, DeliveryPurpose.CONSENT_SIGNER, None, invitation_id)
