"""Everything that J-LIS would know of one person: items, certificates, consents, what befell them lately."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platform_api.sandbox.consents import Consent
from platform_api.sandbox.dates import wire
from platform_api.sandbox.known import as_answered, certificates_of, items_now
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.population import summary
from platform_api.sandbox.register import HOLD, IssuedCertificate, Resident

if TYPE_CHECKING:
    from platform_api.sandbox.world import World

#: So many events of the log, the newest ones, are looked through for those of one person.
_LOOKED_THROUGH: Final = 20_000
_MOST_EVENTS: Final = 20


def record(world: World, resident_id: str) -> dict[str, Any]:
    """The person as of now."""
    resident = world.resident(resident_id)
    now = world.clock.now()
    certificates = sorted(certificates_of(resident), key=lambda one: one.not_before)
    return {
        **summary(world, resident, now),
        "items": items_now(world, resident).as_json(),
        # The newest first, whatever their kind.
        "certificates": [_certificate(world, one, now) for one in reversed(certificates)],
        "consents": [_consent(world, each, now) for each in world.consents.of(resident.number)],
        "events": _events(world, resident),
        "as_of": wire(now),
    }


def _certificate(world: World, certificate: IssuedCertificate, now: datetime) -> dict[str, Any]:
    """``status`` as the register has it now, which the lists say from the next night on."""
    # What is done within a second of a publication happens a second later: it is shown at once.
    step = certificate.step_at(max([now, *(each.at for each in certificate.steps)]))
    if step is not None:
        status = "ON_HOLD" if step.reason == HOLD else "REVOKED"
    else:
        status = "EXPIRED" if now > certificate.not_after else "GOOD"
    items: FourInformation | None = certificate.items
    return {
        **as_answered(world, certificate),
        "generation": certificate.generation,
        "status": status,
        "reason_code": None if step is None else step.reason,
        "revoked_at": None if step is None else wire(step.at),
        "items": None if items is None else items.as_json(),
    }


def _consent(world: World, consent: Consent, now: datetime) -> dict[str, Any]:
    withdrawal = world.withdrawals.of(consent.consent_ref)
    return {
        **consent.answer(now),
        "provider_code": consent.provider_code,
        "service_code": consent.service_code,
        "standing": consent.standing(now).value,
        "withdrawal_received_at": None if withdrawal is None else wire(withdrawal.received_at),
    }


def _events(world: World, resident: Resident) -> list[dict[str, Any]]:
    """The newest first."""
    count = len(world.life_log)
    next_day = 0 if world.day is None else world.day + 1
    page = world.life_log.page(max(0, count - _LOOKED_THROUGH), _LOOKED_THROUGH, next_day=next_day)
    own = [entry for entry in page["entries"] if entry["resident_id"] == resident.resident_id]
    return own[::-1][:_MOST_EVENTS]
