"""What the institution decides: cancel an open invitation, confirm or reject who signed one.

An invitation that its registration's own holder signed can be cancelled until J-LIS has answered; the consent
stops with it.

Confirming binds the application to a registration of the signer's certificate and hands the consent on, as of
the moment when the holder signed. J-LIS may fail then: the decision stands, and the same request again
goes on.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.certificates.wire import refusals_as_problems
from platform_api.changes.store import announce
from platform_api.consents import accept
from platform_api.consents.model import Consent
from platform_api.consents.receiving import SignedApplication, signer_of
from platform_api.db.transactions import tenant
from platform_api.invitations import application_store, store
from platform_api.invitations.ending import end_all, forget_signer
from platform_api.invitations.model import Act, Invitation, InvitationState
from platform_api.problems import Problem, not_found
from platform_api.registrations import store as registrations
from platform_api.registrations.model import WatchedIdentity
from platform_api.registrations.register import register
from platform_api.status.permissions import kind_of

if TYPE_CHECKING:
    from datetime import datetime

    from platform_api.consents.receiving import ConsentReceiver
    from platform_api.db.transactions import Connection, Pool
    from platform_api.invitations.tokens import LetterHashes

_REMEDIES: Final = {
    Act.CANCEL: "one that waits for your confirmation is rejected, not cancelled; an ended one stays so",
    Act.CONFIRM: "only an invitation that waits for your confirmation can be confirmed",
    Act.REJECT: "only an invitation that waits for your confirmation can be rejected",
}


async def end(connection: Connection, invitation_id: UUID, act: Act, now: datetime) -> Invitation:
    """Cancel or reject. Done again, it stays done. Last in a transaction, because it announces."""
    invitation = await locked(connection, invitation_id, act, now)
    target = InvitationState.CANCELLED if act is Act.CANCEL else InvitationState.REJECTED
    if invitation.state is not target:
        institution_id = invitation.institution_id
        notices = await end_all(connection, institution_id, [(invitation, target)], now)
        await announce(connection, institution_id, notices, now)
    return await _again(connection, invitation_id)


async def locked(connection: Connection, invitation_id: UUID, act: Act, now: datetime) -> Invitation:
    """The invitation, if this act may happen to it now; its row stays locked."""
    invitation = await store.find(connection, invitation_id, lock=True)
    if invitation is None:
        raise not_found()
    if invitation.after(act, now) is None:
        state = invitation.state_at(now).value
        raise Problem(
            409,
            "INVITATION_STATE",
            en=f"The invitation is {state}; {_REMEDIES[act]}.",
            ja=f"招待の状態は{state}のため、この操作はできません。",
            extra={"state": state},
        )
    return invitation


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Confirms for one institution."""

    receiver: ConsentReceiver
    hashes: LetterHashes

    async def confirm(self, invitation_id: UUID, signed: SignedApplication) -> tuple[Invitation, Consent]:
        """The consent as J-LIS answered. What is handed in must be exactly what the holder signed."""
        receiver = self.receiver
        known = signer_of(signed, receiver.watcher, receiver.principal)
        kind = kind_of(known, receiver.principal)
        institution_id = receiver.principal.institution_id
        async with receiver.watcher.transaction(receiver.pool, institution_id) as work:
            invitation = await locked(work.connection, invitation_id, Act.CONFIRM, work.now)
            self._require_same(invitation, signed)
            ref, customer = await _references(work.connection, invitation)
            if invitation.state is not InvitationState.CONFIRMED:
                # Before anything is registered: a certificate that ended meanwhile can give no consent.
                with refusals_as_problems():
                    accept.check_status(
                        work.status(WatchedIdentity(known.identity, known.validity, known.partition))
                    )
                made = await register(
                    work,
                    service_id=invitation.service_id,
                    registration_ref=ref,
                    customer_ref=customer,
                    certificate=known,
                    kind=kind,
                )
                registration_id = made.registration.registration_id
                await application_store.bind(work.connection, invitation.application_number, registration_id)
                await store.mark_confirmed(work.connection, invitation_id, registration_id, work.now)
                await forget_signer(work.connection, invitation_id)
            invitation = await _again(work.connection, invitation_id)
        if invitation.registration_id is None:
            raise AssertionError("expected the registration of a confirmed invitation, got none")
        try:
            consent = await receiver.take(
                invitation.registration_id, signed, received_at=invitation.signed_at
            )
        finally:
            await note_consent(receiver.pool, institution_id, invitation)
        async with tenant(receiver.pool, institution_id) as connection:
            return await _again(connection, invitation_id), consent

    def _require_same(self, invitation: Invitation, signed: SignedApplication) -> None:
        given = self.hashes.signed(invitation.invitation_id, signed)
        if invitation.signed_hash is None or not hmac.compare_digest(given, invitation.signed_hash):
            raise Problem(
                422,
                "INVITATION_SIGNATURE_MISMATCH",
                en="This is not what was signed for this invitation; send back the delivery's own four"
                " values.",
                ja="この招待で署名された内容と一致しません。配信された値をそのまま送り返してください。",
            )


async def note_consent(pool: Pool, institution_id: UUID, invitation: Invitation) -> None:
    """Write down which consent came of it, also where J-LIS refused it or did not answer."""
    async with tenant(pool, institution_id) as connection:
        consent_id = await application_store.consent_of(connection, invitation.application_number)
        if consent_id is not None:
            await store.set_consent(connection, invitation.invitation_id, consent_id)


async def _references(connection: Connection, invitation: Invitation) -> tuple[str, str]:
    """References of the registration to be; one that there is already keeps those that it has now."""
    ref, customer = invitation.registration_ref, invitation.customer_ref
    registration_id = invitation.registration_id
    if registration_id is None:
        if ref is None or customer is None:
            raise AssertionError("expected an invitation for a registration or references, got neither")
        registration_id = await store.registration_of(connection, invitation.service_id, ref)
        if registration_id is None:
            return ref, customer
    found = await registrations.find(connection, registration_id, lock=True)
    if found is None:
        raise not_found()
    return found.registration_ref, found.customer_ref


async def _again(connection: Connection, invitation_id: UUID) -> Invitation:
    found = await store.find(connection, invitation_id)
    if found is None:
        raise not_found()
    return found
