"""The latest four items: J-LIS answers only when a newer valid certificate exists and a consent covers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platform_api.sandbox.consents import Consent, Standing
from platform_api.sandbox.dates import wire
from platform_api.sandbox.known import SIGNING, as_answered, holder_of, kind_of, newest_valid
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.register import IssuedCertificate, Resident

if TYPE_CHECKING:
    from platform_api.sandbox.world import World

#: What an asked item brings along, where there is any: positions of substitute characters; since 2026-05-26
#: the name's furigana; in place of a domestic address the day of moving abroad (jpki.md section 4.2).
FIELDS: Final = {
    "name": ("name", "name_substitute_characters", "name_furigana"),
    "address": ("address", "address_substitute_characters", "moved_abroad_on"),
    "date_of_birth": ("date_of_birth",),
    "gender": ("gender",),
}
_REFUSED: Final = {
    Standing.NOT_REFLECTED: "CONSENT_NOT_YET_EFFECTIVE",
    Standing.NOT_YET_EFFECTIVE: "CONSENT_NOT_YET_EFFECTIVE",
    Standing.EXPIRED: "CONSENT_EXPIRED",
    Standing.WITHDRAWN: "CONSENT_WITHDRAWN",
}


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """What a query leads to: an outcome, and with DATA whose certificate and which items by which consent."""

    outcome: str
    certificate: IssuedCertificate | None = None
    items: tuple[str, ...] = ()
    consent: Consent | None = None


def find(
    world: World,
    asked: IssuedCertificate | None,
    *,
    service_code: str,
    items: Sequence[str],
    now: datetime,
) -> Found:
    """One outcome per question. The consent is looked at before anything is said about certificates."""
    if asked is None or kind_of(asked) not in SIGNING:
        return Found("CERTIFICATE_UNKNOWN")
    resident = holder_of(world, asked)
    consent = world.consents.deciding(resident.number, service_code, now)
    if consent is None:
        return Found("CONSENT_MISSING")
    standing = consent.standing(now)
    if standing is not Standing.EFFECTIVE:
        return Found(_REFUSED[standing])
    granted = tuple(item for item in items if item in consent.items)
    if not granted:
        return Found("ITEM_NOT_CONSENTED")
    newer = _newer(resident, asked, now)
    if newer is not None:
        return Found("DATA", newer, granted, consent)
    return Found("NO_NEWER_INFORMATION" if asked.valid(now) else "NO_NEW_CERTIFICATE")


def _newer(resident: Resident, asked: IssuedCertificate, now: datetime) -> IssuedCertificate | None:
    """The newest valid certificate of the same kind, else of the other signing kind, issued after this one.

    While this one is in force nothing is newer: card and phone then say the same.
    """
    if asked.valid(now):
        return None
    own = kind_of(asked)
    for kind in (own, *(other for other in SIGNING if other != own)):
        found = newest_valid(resident, kind, now)
        if found is not None and found is not asked and found.not_before >= asked.not_before:
            return found
    return None


def answer(world: World, found: Found, now: datetime) -> dict[str, Any]:
    """The body of the answer, when nothing disturbs it."""
    if found.certificate is None:
        return {"outcome": found.outcome}
    return {
        "outcome": found.outcome,
        "items": only(found.certificate.items, found.items),
        "certificate": as_answered(world, found.certificate),
        "as_of": wire(now),
    }


def only(items: FourInformation | None, granted: Sequence[str]) -> dict[str, str]:
    """Those fields of the items that belong to what was granted, and that there are."""
    everything = {} if items is None else items.as_json()
    return {
        field: everything[field]
        for item in granted
        for field in FIELDS[item]
        if everything.get(field) is not None
    }
