"""Take a signed withdrawal in: our fetching ends in that transaction, and only then J-LIS is told.

The signed application has to reach J-LIS and contains the certificate, which may not be kept. So where J-LIS
cannot be reached the consent is withdrawn, the withdrawal stays PENDING, and the institution hands the same
request in again; until it did, or J-LIS's own list shows it, the maintenance pass counts it as an alarm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.certificates.wire import refusals_as_problems
from platform_api.changes.store import announce
from platform_api.consents import accept_withdrawal, life, store, withdrawal_store
from platform_api.consents.model import Consent
from platform_api.consents.receiving import SignedApplication, signer_of
from platform_api.consents.states import ConsentState, Step, Who, may_follow
from platform_api.consents.withdrawal_application import parse_withdrawal
from platform_api.consents.withdrawal_store import Forwarding, WithdrawalRecord
from platform_api.db.transactions import tenant
from platform_api.jlis.failures import retry_after
from platform_api.jlis.gateway import GatewayRefused, WithdrawalSubmission
from platform_api.problems import Problem, not_found
from platform_api.registrations import store as registrations
from revocation.errors import OutsideFailed
from revocation.status import certificate_status

if TYPE_CHECKING:
    from platform_api.certificates.chain import KnownCertificate
    from platform_api.db.transactions import Connection, Pool
    from platform_api.institutions.model import Principal
    from platform_api.jlis.gateway import Gateway
    from platform_api.registrations.watching import Watcher

#: J-LIS has not got it, or said no: there is still something to send.
_TO_SEND: Final = frozenset((Forwarding.PENDING, Forwarding.REFUSED))
_IN_A_MINUTE: Final = MappingProxyType({"Retry-After": "60"})


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The consent and what became of its withdrawal."""

    consent: Consent
    record: WithdrawalRecord
    service_code: str


@dataclass(frozen=True, slots=True)
class ConsentWithdrawer:
    """Takes withdrawals in for one institution; without a gateway, our own fetching ends all the same."""

    pool: Pool
    watcher: Watcher
    gateway: Gateway | None
    principal: Principal

    async def withdraw(self, consent_id: UUID, signed: SignedApplication) -> Withdrawn:
        """Handing in the same one again goes on where it stopped."""
        withdrawn = await self._end(consent_id, signed)
        ref = withdrawn.consent.consent_ref
        if ref is None or withdrawn.record.forwarding not in _TO_SEND:
            return withdrawn
        # Not inside a transaction: J-LIS may take seconds.
        await self._forward(consent_id, ref, withdrawn.service_code, signed)
        async with tenant(self.pool, self.principal.institution_id) as connection:
            return await _found(connection, consent_id, withdrawn.service_code)

    async def _end(self, consent_id: UUID, signed: SignedApplication) -> Withdrawn:
        now, institution_id = self.watcher.clock.now(), self.principal.institution_id
        with refusals_as_problems():
            application = parse_withdrawal(signed.application)
            known = signer_of(signed, self.watcher, self.principal)
            async with tenant(self.pool, institution_id) as connection:
                consent = await store.locked(connection, consent_id)
                if consent is None:
                    raise not_found()
                service_code = await registrations.service_code(connection, consent.service_id)
                number = await withdrawal_store.consent_application_number(connection, consent_id)
                if service_code is None or number is None:
                    raise not_found()
                issued = accept_withdrawal.check_content(
                    application,
                    signed.application,
                    await withdrawal_store.find_application(connection, application.application_number),
                    consent=consent,
                    consent_application_number=number,
                    institution_code=str(institution_id),
                    service_code=service_code,
                )
                signature = hashlib.sha256(signed.signature).digest()
                again = await withdrawal_store.handed_in(connection, issued, signature)
                if again is not None:
                    # What was checked when it was taken stays so, whatever became of the card since.
                    return Withdrawn(consent, again, service_code)
                slots = await self.watcher.open_slots(connection, institution_id, consent.registration_id)
                accept_withdrawal.check_holder(known, slots, consent)
                self._check_status(known, now)
                state = consent.state_at(now)
                if state is not ConsentState.WITHDRAWN and not may_follow(state, ConsentState.WITHDRAWN):
                    raise consent_ended()
                notices = []
                if state is not ConsentState.WITHDRAWN:
                    step = Step(ConsentState.WITHDRAWN, now, Who.HOLDER)
                    notices = await life.withdraw(connection, institution_id, [(consent, step)], now)
                forwarding = Forwarding.NO_REFERENCE if consent.consent_ref is None else Forwarding.PENDING
                await withdrawal_store.hand_in(connection, institution_id, issued, signature, now, forwarding)
                await announce(connection, institution_id, notices, now)
                return await _found(connection, consent_id, service_code)

    def _check_status(self, known: KnownCertificate, now: datetime) -> None:
        accept_withdrawal.check_status(
            certificate_status(
                known.identity,
                authorities=self.watcher.authorities,
                snapshot=self.watcher.snapshots.current(),
                now=now,
                partition=known.partition,
                validity=known.validity,
            )
        )

    async def _forward(
        self, consent_id: UUID, consent_ref: str, service_code: str, signed: SignedApplication
    ) -> None:
        if self.gateway is None:
            raise _forwarding_failed(consent_id, "JLIS_NOT_CONFIGURED")
        submission = WithdrawalSubmission(
            consent_ref=consent_ref,
            service_code=service_code,
            application=signed.application,
            signature=signed.signature,
            signature_algorithm=signed.signature_algorithm,
            certificate=signed.certificate,
        )
        try:
            receipt = await self.gateway.withdraw_consent(submission)
        except GatewayRefused as refused:
            await self._mark(consent_id, Forwarding.REFUSED, refused.code, None)
        except OutsideFailed as failed:
            await self._mark(consent_id, Forwarding.PENDING, failed.code, None)
            raise _forwarding_failed(
                consent_id, failed.code, retry_after(failed, self.watcher.clock.now())
            ) from None
        else:
            await self._mark(consent_id, Forwarding.FORWARDED, None, receipt.reflected_at)

    async def _mark(
        self, consent_id: UUID, forwarding: Forwarding, code: str | None, reflected_at: datetime | None
    ) -> None:
        async with tenant(self.pool, self.principal.institution_id) as connection:
            await withdrawal_store.mark(
                connection, consent_id, forwarding, code=code, jlis_reflected_at=reflected_at
            )


async def _found(connection: Connection, consent_id: UUID, service_code: str) -> Withdrawn:
    consent = await store.find(connection, consent_id)
    record = await withdrawal_store.find(connection, consent_id)
    if consent is None or record is None:
        raise not_found()
    return Withdrawn(consent, record, service_code)


def consent_ended() -> Problem:
    return Problem(
        409,
        "CONSENT_ENDED",
        en="This consent has ended already; nothing is fetched with it. See its history.",
        ja="この同意はすでに終了しており、取得には使われません。履歴を確認してください。",
    )


def _forwarding_failed(consent_id: UUID, code: str, headers: Mapping[str, str] = _IN_A_MINUTE) -> Problem:
    return Problem(
        503,
        "WITHDRAWN_FORWARDING_FAILED",
        en="The consent is withdrawn and nothing more is fetched with it, but J-LIS could not be told. The "
        "signed application is not kept here: send the same request again until J-LIS has it.",
        ja="同意は取り消され、以後の取得は行われません。ただしJ-LISへ送信できませんでした。"
        "署名済みの申請は保存していないため、同じリクエストを再送してください。",
        headers=headers,
        extra={
            "ids": {"consent_id": str(consent_id)},
            "state": ConsentState.WITHDRAWN.value,
            "forwarding": Forwarding.PENDING.value,
            "cause": code,
        },
    )
