"""What J-LIS says of a consent, taken in: its name, its period, its items, and whether it is withdrawn.

Both official rules, J-LIS's own period and J-LIS's items: the narrowest of all. Used where a consent was just
submitted and where J-LIS is asked again; saying the same twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.changes.store import Notice, announce
from platform_api.consents import history_store, life, poll_store, store, withdrawal_store
from platform_api.consents.model import Consent, Validity, narrowed, validity
from platform_api.consents.states import ENDED, ConsentState, Step, Who
from platform_api.db.transactions import tenant
from platform_api.problems import not_found
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool
    from platform_api.jlis.gateway import ConsentReflection
    from revocation.clock import Clock

#: Names that J-LIS may give a consent; its real form is under NDA. Longer ones fit no index of ours.
_REF: Final = re.compile(r"[!-~]{1,256}", re.ASCII)

#: A stopped consent stands at J-LIS: there is something to withdraw.
_OVER: Final = ENDED - {ConsentState.STOPPED}
_ON_ITS_WAY: Final = frozenset((ConsentState.RECEIVED, ConsentState.SENT))


def plausible_ref(consent_ref: str) -> bool:
    return _REF.fullmatch(consent_ref) is not None


async def take_reflection(
    pool: Pool, institution_id: UUID, consent_id: UUID, reflection: ConsentReflection, clock: Clock
) -> Consent:
    """The consent as it stands with it. One that J-LIS has received but not reflected stays SENT.

    Raises ``OutsideFailed`` JLIS_ANSWER_IMPLAUSIBLE where nothing can be fetched with what J-LIS says; its
    name of the consent is kept then all the same.
    """
    if not plausible_ref(reflection.consent_ref):
        raise _implausible("a consent reference of 1 to 256 visible ASCII characters")
    now = clock.now()
    async with tenant(pool, institution_id) as connection:
        await poll_store.hold(connection, institution_id)
        consent = await store.locked(connection, consent_id)
        if consent is None:
            raise not_found()
        await store.keep_ref(connection, consent_id, reflection.consent_ref)
        await withdrawal_store.reference_known(connection, consent_id)
        bounds, notices = _bounds(consent, reflection), list[Notice]()
        if bounds is not None and consent.state_at(now) in _ON_ITS_WAY:
            consent, notices = await _reflect(connection, institution_id, consent, reflection, bounds, now)
        withdrawn_at = reflection.withdrawn_at or await poll_store.unknown(connection, reflection.consent_ref)
        if withdrawn_at is not None:
            notices += await withdrawn_at_jlis(connection, institution_id, consent, withdrawn_at, now)
        else:
            notices += await life.turn(connection, institution_id, [consent], now)
        await announce(connection, institution_id, notices, now)
        found = await store.find(connection, consent_id)
    if found is None:
        raise not_found()
    if bounds is None and reflection.reflected_at is not None and withdrawn_at is None:
        raise _implausible("a consent that covers something")
    return found


async def withdrawn_at_jlis(
    connection: Connection, institution_id: UUID, consent: Consent, at: datetime, now: datetime
) -> list[Notice]:
    """A withdrawal that J-LIS knows of, of a locked consent."""
    return await all_withdrawn_at_jlis(connection, institution_id, [(consent, at)], now)


async def all_withdrawn_at_jlis(
    connection: Connection, institution_id: UUID, found: Sequence[tuple[Consent, datetime]], now: datetime
) -> list[Notice]:
    """Withdrawals that J-LIS knows of, of locked consents. They end nothing that had ended by then."""
    known = await history_store.entered(connection, [consent.consent_id for consent, _ in found])
    over, seen = list[Consent](), list[tuple[UUID, datetime]]()
    ends: list[tuple[Consent, Step]] = []
    for consent, reflected_at in found:
        at = min(reflected_at, now)
        before = consent.state_at(at)
        # Told that it expired, before we learnt that it had been withdrawn: over is over.
        ended = ConsentState.EXPIRED in known[consent.consent_id] or before in _OVER
        if ended:
            over.append(consent)
        else:
            ends.append((consent, Step(ConsentState.WITHDRAWN, at, Who.JLIS)))
        if not ended or before is ConsentState.WITHDRAWN:
            seen.append((consent.consent_id, at))
    notices = await life.turn(connection, institution_id, over, now) if over else []
    if ends:
        notices += await life.withdraw(connection, institution_id, ends, now)
    await withdrawal_store.mark_seen(connection, institution_id, seen)
    return notices


async def _reflect(
    connection: Connection,
    institution_id: UUID,
    consent: Consent,
    reflection: ConsentReflection,
    bounds: Validity,
    now: datetime,
) -> tuple[Consent, list[Notice]]:
    reflected_at = reflection.reflected_at or now
    consent = await store.mark_reflected(
        connection,
        consent.consent_id,
        reflected_at=reflected_at,
        validity=bounds,
        items=consent.items & reflection.items,
    )
    step = Step(ConsentState.REFLECTED, reflected_at, Who.JLIS)
    return consent, await life.enter(connection, institution_id, consent, step, now)


def _bounds(consent: Consent, reflection: ConsentReflection) -> Validity | None:
    """None where J-LIS has not reflected it yet, or says a period or items of which nothing is left."""
    if reflection.reflected_at is None or reflection.valid_from is None or reflection.valid_until is None:
        return None
    ours = validity(consent.received_at, reflection.reflected_at)
    bounds = narrowed(ours, Validity(reflection.valid_from, reflection.valid_until))
    return bounds if bounds.first < bounds.last and consent.items & reflection.items else None


def _implausible(expected: str) -> OutsideFailed:
    return OutsideFailed(
        "JLIS_ANSWER_IMPLAUSIBLE",
        expected=expected,
        got="another answer of J-LIS",
        remedy="nothing can be fetched with this consent; ask J-LIS, and have a new one signed",
    )
