"""The latest four items: J-LIS answers only when a newer valid certificate exists and a consent covers it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from platform_api.sandbox.consents import Consents
from platform_api.sandbox.dates import wire
from platform_api.sandbox.life_log import LifeLog
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.register import IssuedCertificate, Register

#: What an asked item brings along: a name or an address comes with its substitute characters' positions.
_FIELDS: Final = {
    "name": ("name", "name_substitute_characters"),
    "address": ("address", "address_substitute_characters"),
    "date_of_birth": ("date_of_birth",),
    "gender": ("gender",),
}


def query(
    register: Register,
    consents: Consents,
    life_log: LifeLog,
    asked: IssuedCertificate | None,
    *,
    service_code: str,
    items: Sequence[str],
    now: datetime,
) -> dict[str, Any]:
    """One outcome per question. The consent is looked at before anything is said about certificates."""
    if asked is None:
        return {"outcome": "CERTIFICATE_UNKNOWN"}
    resident = register.residents[asked.resident]
    consent = consents.covering(resident.number, service_code, now)
    granted = [item for item in items if consent is not None and item in consent.items]
    if not granted:
        return {"outcome": "CONSENT_MISSING"}
    newest = resident.certificates[-1]
    if newest is asked:
        ended = asked.revoked or now > asked.not_after
        return {"outcome": "NO_NEW_CERTIFICATE" if ended else "NO_NEWER_INFORMATION"}
    if not newest.valid(now):
        return {"outcome": "NO_NEW_CERTIFICATE"}
    return {
        "outcome": "DATA",
        "items": _only(newest.items, granted),
        "certificate": {
            **life_log.identity(newest),
            "not_before": wire(newest.not_before),
            "not_after": wire(newest.not_after),
        },
        "as_of": wire(now),
    }


def _only(items: FourInformation, granted: Sequence[str]) -> dict[str, str]:
    everything = items.as_json()
    return {field: everything[field] for item in granted for field in _FIELDS[item]}
