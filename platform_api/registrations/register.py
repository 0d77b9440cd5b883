"""Register a certificate under an institution's own reference; moving on to another one is the same act."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from platform_api.certificates.chain import KnownCertificate
from platform_api.changes.model import RegistrationState
from platform_api.deliveries.model import DeliveryPurpose
from platform_api.deliveries.store import delete_replaced
from platform_api.problems import Problem, not_found
from platform_api.registrations import store
from platform_api.registrations.model import (
    CURRENT,
    PENDING,
    Registration,
    Watched,
    WatchedIdentity,
    state_of,
)
from platform_api.registrations.watching import WatchTransaction
from revocation.coverage import CLOCK_TOLERANCE


@dataclass(frozen=True, slots=True)
class Registered:
    """The registration after the act, and the set that its certificate was checked on."""

    registration: Registration
    kind: str
    set_seq: int


async def register(
    work: WatchTransaction,
    *,
    service_id: UUID,
    registration_ref: str,
    customer_ref: str,
    certificate: KnownCertificate,
    kind: str,
    linkage_agreed: bool | None = None,
) -> Registered:
    """Idempotent for the same certificate; with another one the registration moves on, without an event.

    Nothing proves whose the other one is: it is another holder's until he signs a consent of his own.
    ``linkage_agreed``: None leaves it as it is.
    """
    if await store.service_code(work.connection, service_id) is None:
        raise not_found()
    identity = WatchedIdentity(certificate.identity, certificate.validity, certificate.partition)
    if identity.validity.not_before > work.now + CLOCK_TOLERANCE:
        raise _not_yet_valid()
    registration, is_new = await store.upsert(
        work.connection,
        Registration(
            registration_id=uuid4(),
            service_id=service_id,
            registration_ref=registration_ref,
            customer_ref=customer_ref,
            state=RegistrationState.WATCHED,
            created_at=work.now,
            changed_at=work.now,
        ),
        work.institution_id,
        linkage_agreed=linkage_agreed,
    )
    if not is_new:
        slots = await work.slots(registration.registration_id)
        current = slots.get(CURRENT)
        if current is not None and current.identity.identity == identity.identity:
            return Registered(registration, current.kind, current.checked_set_seq)
        pending = slots.get(PENDING)
        if pending is not None and pending.identity.identity == identity.identity:
            # The customer shows the successor himself before the institution acknowledged it. J-LIS's
            # DATA answer has proven whose it is.
            state = await promote(work, pending)
            return Registered(replace(registration, state=state), pending.kind, pending.checked_set_seq)
        await _leave(work, registration)
    look = await work.begin(registration.registration_id, CURRENT, kind, identity)
    await store.set_state(work.connection, registration.registration_id, look.state, work.now)
    moved_on = await store.find(work.connection, registration.registration_id)
    if moved_on is None:
        raise AssertionError("expected the registration that this transaction holds locked, got none")
    return Registered(moved_on, kind, work.set_seq)


async def promote(work: WatchTransaction, pending: Watched) -> RegistrationState:
    """The successor becomes current; the state is what its condition says by now."""
    await store.promote_pending(work.connection, pending.registration_id)
    state = state_of(pending.condition, pending.reason_code, pending.kind)
    await store.set_state(work.connection, pending.registration_id, state, work.now)
    return state


async def _leave(work: WatchTransaction, registration: Registration) -> None:
    """The former certificate is no longer this customer's: its tags go, a pending successor with them, and
    the successor's items that wait in the queue. They are older than the certificate shown, or a stranger's.
    """
    await store.delete_watched(work.connection, registration.registration_id, CURRENT)
    await store.delete_watched(work.connection, registration.registration_id, PENDING)
    await delete_replaced(
        work.connection, DeliveryPurpose.FOUR_INFORMATION, registration.registration_id, None
    )


def _not_yet_valid() -> Problem:
    return Problem(
        422,
        "CERTIFICATE_NOT_YET_VALID",
        en="The certificate's validity has not begun; register it once it has.",
        ja="証明書の有効期間が始まっていません。開始後に登録してください。",
    )
