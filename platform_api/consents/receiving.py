"""Take a signed consent in: verify it, keep it, hand it to J-LIS, learn its period. However it came.

Three transactions with J-LIS between the second and the third: a crash leaves SENT, and handing in the same
application again goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from platform_api.certificates.chain import KnownCertificate, issued_by
from platform_api.certificates.profile import read_certificate
from platform_api.certificates.wire import refusals_as_problems
from platform_api.changes.store import announce
from platform_api.consents import accept, receipt_store, store
from platform_api.consents.application import parse_application
from platform_api.consents.life import enter
from platform_api.consents.model import Consent
from platform_api.consents.receipts import RECEIPT_TYPE, ReceiptSigner, receipt_claims
from platform_api.consents.reflecting import take_reflection
from platform_api.consents.states import ConsentState, Step, Who
from platform_api.db.transactions import tenant
from platform_api.jlis.error_codes import OURS_TO_MEND
from platform_api.jlis.failures import retry_after
from platform_api.jlis.gateway import ConsentReflection, ConsentSubmission, Gateway, GatewayRefused
from platform_api.problems import Problem, not_found
from platform_api.registrations import store as registrations
from platform_api.status.permissions import kind_of
from revocation.errors import OutsideFailed
from revocation.status import certificate_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from platform_api.db.transactions import Connection, Pool
    from platform_api.institutions.model import Principal
    from platform_api.registrations.watching import Watcher


@dataclass(frozen=True, slots=True, repr=False)
class SignedApplication:
    """What the holder signed and with what. Used in memory and passed to J-LIS, not kept."""

    application: bytes
    signature: bytes
    signature_algorithm: str
    certificate: bytes

    def __repr__(self) -> str:
        return "SignedApplication(hidden)"


def signer_of(signed: SignedApplication, watcher: Watcher, principal: Principal) -> KnownCertificate:
    """Whose certificate it is, of a kind that the caller may use, with a signature that holds."""
    with refusals_as_problems():
        known = issued_by(read_certificate(signed.certificate), watcher.authorities)
        if known is None:
            raise Problem(
                422,
                "ISSUER_UNKNOWN",
                en="No configured CA issued this certificate; sign with a My Number card.",
                ja="登録されたCAの証明書ではありません。マイナンバーカードで署名してください。",
            )
        kind_of(known, principal)
        accept.check_signature(known, signed.application, signed.signature, signed.signature_algorithm)
    return known


@dataclass(frozen=True, slots=True)
class ConsentReceiver:
    """Takes consents in for one institution."""

    pool: Pool
    watcher: Watcher
    gateway: Gateway
    principal: Principal
    receipts: ReceiptSigner

    async def take(
        self,
        registration_id: UUID,
        signed: SignedApplication,
        *,
        received_at: datetime | None = None,
        still: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> Consent:
        """The consent as it stands after J-LIS answered; the same application again finds the same one.

        ``received_at``: when the institution received it, where that was earlier than now. ``still``: raises
        where it may not be taken any more; its locks hold until the consent is kept.
        """
        consent, service_code = await self._receive(registration_id, signed, received_at, still)
        if consent.state in (ConsentState.RECEIVED, ConsentState.SENT):
            # Not inside a transaction: J-LIS may take seconds.
            reflection = await self._send(signed, consent, service_code)
            consent = await self.reflected(consent, reflection)
        return consent

    async def _receive(
        self,
        registration_id: UUID,
        signed: SignedApplication,
        received_at: datetime | None,
        still: Callable[[Connection], Awaitable[None]] | None,
    ) -> tuple[Consent, str]:
        """Verify everything and keep the consent as RECEIVED."""
        now = self.watcher.clock.now()
        institution_id = self.principal.institution_id
        with refusals_as_problems():
            application = parse_application(signed.application)
            known = signer_of(signed, self.watcher, self.principal)
            async with tenant(self.pool, institution_id) as connection:
                if still is not None:
                    await still(connection)
                registration = await registrations.find(connection, registration_id)
                if registration is None:
                    raise not_found()
                service_code = await registrations.service_code(connection, registration.service_id)
                if service_code is None:
                    raise not_found()
                slots = await self.watcher.open_slots(
                    connection, institution_id, registration.registration_id
                )
                signed_by = accept.check_holder(known, slots)
                issued = accept.check_content(
                    application,
                    signed.application,
                    await store.find_application(connection, application.application_number),
                    registration_id=registration.registration_id,
                    institution_code=str(institution_id),
                    service_code=service_code,
                )
                consent, is_new = await store.receive(
                    connection,
                    institution_id,
                    consent_id=uuid4(),
                    issued=issued,
                    signed_by=signed_by,
                    received_at=received_at or now,
                )
                accept.check_own(consent, signed_by)
                # One that came before was good then; whatever became of the card since, J-LIS has the word.
                if is_new:
                    snapshot = self.watcher.snapshots.current()
                    status = certificate_status(
                        known.identity,
                        authorities=self.watcher.authorities,
                        snapshot=snapshot,
                        now=now,
                        partition=known.partition,
                        validity=known.validity,
                    )
                    accept.check_status(status)
                    claims = receipt_claims(
                        consent,
                        issued,
                        institution_id=institution_id,
                        service_code=service_code,
                        certificate=known,
                        signature_algorithm=signed.signature_algorithm,
                        status=status,
                        set_seq=0 if snapshot is None else snapshot.seq,
                        verified_at=now,
                    )
                    receipt = self.receipts.sign(RECEIPT_TYPE, claims)
                    await self._begin(connection, consent, receipt, now)
        return consent, service_code

    async def _send(
        self, signed: SignedApplication, consent: Consent, service_code: str
    ) -> ConsentReflection:
        submission = ConsentSubmission(
            service_code=service_code,
            application=signed.application,
            signature=signed.signature,
            signature_algorithm=signed.signature_algorithm,
            certificate=signed.certificate,
        )
        try:
            return await self.gateway.submit_consent(submission)
        except GatewayRefused as refused:
            if refused.code in OURS_TO_MEND:
                raise _operators_matter(refused.code) from None
            await self._refused(consent, refused.code)
            raise Problem(
                422,
                refused.code,
                en="J-LIS refused the consent; ask for a new application and have it signed again.",
                ja="J-LISが同意を受け付けませんでした。新しい申請を作成し、署名し直してください。",
            ) from None
        except OutsideFailed as failed:
            raise Problem(
                503,
                failed.code,
                en="J-LIS cannot be reached; the consent is kept, send the same request again later.",
                ja="J-LISに接続できません。同意は受付済みです。後で同じリクエストを送ってください。",
                headers=retry_after(failed, self.watcher.clock.now()),
            ) from None

    async def _begin(self, connection: Connection, consent: Consent, receipt: str, now: datetime) -> None:
        """The receipt and the first two states of a new consent. SENT is written before it is sent: J-LIS
        may know it from now on, whatever happens to us."""
        institution_id = self.principal.institution_id
        await receipt_store.insert(
            connection, institution_id, consent.consent_id, receipt, self.receipts, now
        )
        received = Step(ConsentState.RECEIVED, consent.received_at, Who.HOLDER)
        await enter(connection, institution_id, consent, received, now)
        await store.mark_sent(connection, consent.consent_id, now)
        await enter(connection, institution_id, consent, Step(ConsentState.SENT, now, Who.INSTITUTION), now)

    async def _refused(self, consent: Consent, code: str) -> None:
        now, institution_id = self.watcher.clock.now(), self.principal.institution_id
        async with tenant(self.pool, institution_id) as connection:
            found = await store.locked(connection, consent.consent_id)
            if found is None or found.state_at(now) is not ConsentState.SENT:
                return  # withdrawn or stopped meanwhile
            await store.mark_refused(connection, consent.consent_id, code)
            step = Step(ConsentState.REFUSED, now, Who.JLIS, code)
            notices = await enter(connection, institution_id, found, step, now)
            await announce(connection, institution_id, notices, now)

    async def reflected(self, consent: Consent, reflection: ConsentReflection) -> Consent:
        """The consent after what J-LIS says of it."""
        institution_id, clock = self.principal.institution_id, self.watcher.clock
        try:
            return await take_reflection(self.pool, institution_id, consent.consent_id, reflection, clock)
        except OutsideFailed as implausible:
            raise Problem(
                502,
                implausible.code,
                en="J-LIS answered with a consent that covers nothing; nothing can be fetched with it.",
                ja="J-LISの応答では同意の対象がありません。この同意では取得できません。",
            ) from None


def _operators_matter(code: str) -> Problem:
    """The customer signed rightly and need not sign again: the consent stays SENT."""
    return Problem(
        503,
        code,
        en="J-LIS refuses for a reason that the platform operator must mend; the consent is kept. Send the "
        "same request again once the operator has told you.",
        ja="J-LISとの接続設定の問題で受け付けられませんでした。同意は受付済みです。運営者の連絡後、同じリクエストを"
        "送ってください。",
        headers={"Retry-After": "3600"},
    )
