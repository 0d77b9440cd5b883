"""Consents to the four-information service: who agreed, for which service, to which items, from when to when.

A consent is received first and reflected in J-LIS's system then or later; a withdrawal likewise. It outlives
any number of certificates (jpki.md section 4.2). Rebuilt from the journal at each start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from platform_api.sandbox.applications import Application
from platform_api.sandbox.dates import consent_period, parse_instant, wire
from platform_api.sandbox.jlis_settings import JlisSettings
from platform_api.sandbox.refusals import RequestRefused


class Standing(StrEnum):
    """Where a consent stands; every one but EFFECTIVE names the refusal of a query."""

    NOT_REFLECTED = "not_reflected"
    NOT_YET_EFFECTIVE = "not_yet_effective"
    EFFECTIVE = "effective"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(slots=True)
class Consent:
    """One consent of one resident for one service; only its withdrawal is ever added to it."""

    consent_ref: str
    resident: int
    provider_code: str
    service_code: str
    items: tuple[str, ...]
    application_id: str
    application_sha256: str
    received_at: datetime
    reflected_at: datetime
    valid_from: datetime
    valid_until: datetime
    #: From when on its withdrawal is reflected in J-LIS's system, once somebody has asked for it.
    withdrawn_from: datetime | None = None

    def withdrawn_at(self, now: datetime) -> datetime | None:
        reflected = self.withdrawn_from is not None and self.withdrawn_from <= now
        return self.withdrawn_from if reflected else None

    def standing(self, now: datetime) -> Standing:
        if self.withdrawn_at(now) is not None:
            return Standing.WITHDRAWN
        if now < self.reflected_at:
            return Standing.NOT_REFLECTED
        if now < self.valid_from:
            return Standing.NOT_YET_EFFECTIVE
        return Standing.EFFECTIVE if now <= self.valid_until else Standing.EXPIRED

    def answer(self, now: datetime) -> dict[str, Any]:
        """What J-LIS says of it: no time of reflection nor validity before it is reflected."""
        reflected = now >= self.reflected_at
        withdrawn_at = self.withdrawn_at(now)
        return {
            "consent_ref": self.consent_ref,
            "received_at": wire(self.received_at),
            "reflected_at": wire(self.reflected_at) if reflected else None,
            "valid_from": wire(self.valid_from) if reflected else None,
            "valid_until": wire(self.valid_until) if reflected else None,
            "items": list(self.items),
            "withdrawn_at": None if withdrawn_at is None else wire(withdrawn_at),
        }


class Consents:
    """All consents, by person and service."""

    def __init__(self) -> None:
        self._by_person: dict[int, list[Consent]] = {}
        self._by_ref: dict[str, Consent] = {}
        self._by_application: dict[tuple[int, str, str], Consent] = {}

    def already(self, resident: int, application: Application, octets: bytes) -> Consent | None:
        """The consent of this very application, if it came before; its id with other octets is refused."""
        found = self._by_application.get((resident, application.service_code, application.application_id))
        if found is not None and found.application_sha256 != hashlib.sha256(octets).hexdigest():
            raise application_id_reused()
        return found

    def record_of(
        self,
        resident: int,
        application: Application,
        octets: bytes,
        received_at: datetime,
        settings: JlisSettings,
    ) -> dict[str, Any]:
        """What the journal keeps of a consent received now; it is reflected after J-LIS's delay."""
        return {
            "kind": "consent",
            "consent_ref": f"c-{len(self._by_ref) + 1:08d}",
            "resident": resident,
            "provider_code": application.institution_code,
            "service_code": application.service_code,
            "items": list(application.items),
            "application_id": application.application_id,
            "application_sha256": hashlib.sha256(octets).hexdigest(),
            "received_at": wire(received_at),
            "reflected_at": wire(received_at + timedelta(seconds=settings.reflection_delay_s)),
            "counts_from": settings.consent_counts_from,
        }

    def enter(self, record: Mapping[str, Any]) -> Consent:
        """Enters a journalled consent."""
        reflected_at = parse_instant(record["reflected_at"])
        valid_from, valid_until = consent_period(parse_instant(record[f"{record['counts_from']}_at"]))
        consent = Consent(
            consent_ref=record["consent_ref"],
            resident=record["resident"],
            provider_code=record["provider_code"],
            service_code=record["service_code"],
            items=tuple(record["items"]),
            application_id=record["application_id"],
            application_sha256=record["application_sha256"],
            received_at=parse_instant(record["received_at"]),
            reflected_at=reflected_at,
            valid_from=valid_from,
            valid_until=valid_until,
        )
        self._by_person.setdefault(consent.resident, []).append(consent)
        self._by_ref[consent.consent_ref] = consent
        self._by_application[consent.resident, consent.service_code, consent.application_id] = consent
        return consent

    def known(self, consent_ref: str) -> Consent:
        found = self._by_ref.get(consent_ref)
        if found is None:
            raise consent_unknown()
        return found

    def of(self, resident: int, service_code: str | None = None) -> list[Consent]:
        """Those of a person, perhaps to one service, in the order in which they were received."""
        given: Iterable[Consent] = self._by_person.get(resident, ())
        return [consent for consent in given if service_code in (None, consent.service_code)]

    def deciding(self, resident: int, service_code: str, now: datetime) -> Consent | None:
        """The newest effective consent of this person to this service; else the newest of all."""
        given = self.of(resident, service_code)
        effective = [consent for consent in given if consent.standing(now) is Standing.EFFECTIVE]
        return next(reversed(effective or given), None)


def application_id_reused() -> RequestRefused:
    return RequestRefused(
        409, "APPLICATION_ID_REUSED", "expected a new <申請番号> for a new application; make a new one"
    )


def consent_unknown() -> RequestRefused:
    """Unknown, or somebody else's: the same answer."""
    return RequestRefused(
        404, "CONSENT_UNKNOWN", "expected the consent_ref of a consent of this holder to this service"
    )
