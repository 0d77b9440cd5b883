"""What happens when a holder has signed: everything is verified, then exactly one of those who try completes.

By his own registration's holder: the consent is handed on at once. By anybody else: what was signed goes,
encrypted, to the institution, and stays nowhere else; here remain hashes, times and the sealed pairwise
id. Nothing is registered and nothing is fetched before the institution confirms.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from platform_api.certificates.wire import four_information_body, refusals_as_problems
from platform_api.changes.model import Action, NoticeType
from platform_api.changes.store import Notice, announce
from platform_api.consents import accept
from platform_api.consents import store as consents
from platform_api.consents.application import parse_application
from platform_api.consents.receiving import signer_of
from platform_api.db.transactions import tenant
from platform_api.deliveries.model import DeliveryPurpose
from platform_api.deliveries.queue import enqueue
from platform_api.invitations import application_store, signer_store, store
from platform_api.invitations.deciding import note_consent
from platform_api.invitations.model import (
    DELIVERY_KEEP,
    SIGNED_STATES,
    Act,
    Invitation,
    InvitationState,
)
from platform_api.problems import Problem, not_found
from revocation.status import certificate_status

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from platform_api.certificates.chain import KnownCertificate
    from platform_api.consents.receiving import ConsentReceiver, SignedApplication
    from platform_api.db.transactions import Connection, Pool
    from platform_api.holder_apps.port import Signed
    from platform_api.institutions.model import Principal
    from platform_api.invitations.store import Asking
    from platform_api.invitations.tokens import LetterHashes
    from platform_api.registrations.watching import Watcher

PPID_COLUMN: Final = "consent_invitation.ppid"
#: The app's own name of a person; what is longer is none.
_MOST_PPID: Final = 512


class Result(StrEnum):
    """What the customer is told when he comes back."""

    DONE = "done"
    WAITING = "waiting"
    #: Taken in, but J-LIS did not answer: he signs again later.
    LATER = "later"
    #: Somebody signed this letter before.
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Completing:
    """Completes invitations of one institution."""

    pool: Pool
    watcher: Watcher
    #: Asked for only where a consent is handed on at once.
    receiver_for: Callable[[Principal], ConsentReceiver]
    hashes: LetterHashes

    async def complete(self, institution_id: UUID, invitation_id: UUID, signed: Signed) -> Result:
        """Raises ``Problem`` where what was signed is not as it must be: then nothing has changed."""
        now = self.watcher.clock.now()
        async with tenant(self.pool, institution_id) as connection:
            invitation, asking = await _ready(connection, invitation_id, now)
            issued = await consents.find_application(connection, invitation.application_number)
        if issued is None:
            raise not_found()
        known = self._verified(signed.application, issued.sha256, asking, now)
        async with tenant(self.pool, institution_id) as connection:
            locked = await store.find(connection, invitation_id, lock=True)
            if locked is None:
                raise not_found()
            result = await self._take(connection, locked, signed, known, now)
        if result is Result.LATER:
            result = await self._hand_on(institution_id, invitation_id, asking, signed.application)
        return result

    def _verified(
        self, signed: SignedApplication, sha256: bytes, asking: Asking, now: datetime
    ) -> KnownCertificate:
        """Exactly our application, signed by a good signing certificate of a kind that the institution may
        use.
        """
        with refusals_as_problems():
            parse_application(signed.application)
            if not hmac.compare_digest(hashlib.sha256(signed.application).digest(), sha256):
                raise _another_application()
            known = signer_of(signed, self.watcher, asking.principal)
            accept.check_status(
                certificate_status(
                    known.identity,
                    authorities=self.watcher.authorities,
                    snapshot=self.watcher.snapshots.current(),
                    now=now,
                    partition=known.partition,
                    validity=known.validity,
                )
            )
        return known

    async def _take(
        self,
        connection: Connection,
        invitation: Invitation,
        signed: Signed,
        known: KnownCertificate,
        now: datetime,
    ) -> Result:
        """Under the row's lock: the first one completes, whoever comes second is told so."""
        certificate_hash = self.hashes.certificate(invitation.invitation_id, signed.application.certificate)
        again = invitation.certificate_hash == certificate_hash
        if invitation.state in SIGNED_STATES and not (again and invitation.state is InvitationState.SIGNED):
            return Result.TAKEN
        is_holder = await self._is_holder(connection, invitation, known)
        target = invitation.after(Act.SIGN_AS_HOLDER if is_holder else Act.SIGN, now)
        if target is None:
            raise ended()
        delivery_id = None
        if target is InvitationState.PENDING:
            delivery_id = await enqueue(
                connection,
                invitation.institution_id,
                purpose=DeliveryPurpose.CONSENT_SIGNER,
                payload=_payload(signed.application, known),
                now=now,
                keep=DELIVERY_KEEP,
                invitation_id=invitation.invitation_id,
            )
        ppid, tag = await self._person(connection, invitation, signed.ppid)
        await signer_store.mark_signed(
            connection,
            invitation.invitation_id,
            target,
            signed_at=now,
            confirm_by=now + DELIVERY_KEEP if target is InvitationState.PENDING else None,
            certificate_hash=certificate_hash,
            signed_hash=self.hashes.signed(invitation.invitation_id, signed.application),
            delivery_id=delivery_id,
            ppid=ppid,
            ppid_tag=tag,
        )
        if target is not InvitationState.PENDING:
            return Result.LATER
        await announce(
            connection,
            invitation.institution_id,
            [
                Notice(
                    NoticeType.CONSENT_PENDING_CONFIRMATION,
                    registration_id=invitation.registration_id,
                    invitation_id=invitation.invitation_id,
                    delivery_id=delivery_id,
                    action=Action.CONFIRM_SIGNER,
                )
            ],
            now,
        )
        return Result.WAITING

    async def _is_holder(
        self, connection: Connection, invitation: Invitation, known: KnownCertificate
    ) -> bool:
        """Does the registration watch this very certificate? Then the institution has seen its holder
        before.
        """
        if invitation.registration_id is None:
            return False
        slots = await self.watcher.open_slots(
            connection, invitation.institution_id, invitation.registration_id
        )
        return any(watched.identity.identity == known.identity for watched in slots.values())

    async def _person(
        self, connection: Connection, invitation: Invitation, ppid: str | None
    ) -> tuple[bytes | None, bytes | None]:
        """Sealed, and the tag by which the same person is recognised at the same service and nowhere else."""
        if ppid is None or not 1 <= len(ppid) <= _MOST_PPID:
            return None, None
        sealed = await self.watcher.sealer.seal(
            connection, invitation.institution_id, PPID_COLUMN, invitation.invitation_id, ppid.encode()
        )
        return sealed.data, self.hashes.person(invitation.service_id, ppid)

    async def _hand_on(
        self, institution_id: UUID, invitation_id: UUID, asking: Asking, signed: SignedApplication
    ) -> Result:
        """The registration's own holder signed: J-LIS hears of it now. Its no is an answer, its silence is
        not.
        """
        async with tenant(self.pool, institution_id) as connection:
            invitation = await store.find(connection, invitation_id)
        if invitation is None or invitation.registration_id is None:
            raise not_found()
        receiver = self.receiver_for(asking.principal)
        try:
            await receiver.take(
                invitation.registration_id,
                signed,
                received_at=invitation.signed_at,
                still=partial(_still_signed, invitation_id=invitation_id),
            )
        except Problem as problem:
            await note_consent(self.pool, institution_id, invitation)
            if problem.status >= 500:
                return Result.LATER
            if not await self._refused(institution_id, invitation):
                raise
            # J-LIS's no ends the letter too; its page says so by the consent's own state.
        async with tenant(self.pool, institution_id) as connection:
            await store.mark_confirmed(
                connection, invitation_id, invitation.registration_id, self.watcher.clock.now()
            )
        await note_consent(self.pool, institution_id, invitation)
        return Result.DONE

    async def _refused(self, institution_id: UUID, invitation: Invitation) -> bool:
        async with tenant(self.pool, institution_id) as connection:
            return await application_store.state_of(connection, invitation.application_number) == "REFUSED"


async def _still_signed(connection: Connection, *, invitation_id: UUID) -> None:
    """In the transaction that keeps the consent: whoever ends the letter afterwards finds it and stops it."""
    invitation = await store.find(connection, invitation_id, lock=True)
    if invitation is None or invitation.state is not InvitationState.SIGNED:
        raise ended()


async def _ready(connection: Connection, invitation_id: UUID, now: datetime) -> tuple[Invitation, Asking]:
    invitation = await store.find(connection, invitation_id)
    if invitation is None:
        raise not_found()
    asking = await store.asking(connection, invitation)
    if asking is None or not may_ask(asking, now):
        raise ended()
    return invitation, asking


def may_ask(asking: Asking, now: datetime) -> bool:
    """Is the institution's contract in force, and does it allow what the letter asks for?"""
    return asking.in_contract(now) and "four_information" in asking.principal.purposes


def _payload(signed: SignedApplication, known: KnownCertificate) -> dict[str, Any]:
    """What the institution compares with its customer, and hands back to confirm."""
    items = known.presented.four_information
    return {
        "application": b64encode(signed.application).decode(),
        "signature": b64encode(signed.signature).decode(),
        "signature_algorithm": signed.signature_algorithm,
        "certificate": b64encode(signed.certificate).decode(),
        "four_information": None if items is None else four_information_body(items).model_dump(mode="json"),
    }


def ended() -> Problem:
    return Problem(
        409,
        "INVITATION_ENDED",
        en="This letter cannot be answered any more.",
        ja="このご案内への回答は終了しました。",
    )


def _another_application() -> Problem:
    return Problem(
        422,
        "CONSENT_OCTETS_MISMATCH",
        en="Another text was signed than the one of this letter.",
        ja="このご案内とは異なる内容が署名されています。",
    )
