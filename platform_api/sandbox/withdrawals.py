"""Withdrawals: signed ones by way of an institution, and those by J-LIS's own application, told to nobody.

A withdrawal is per person and service (jpki.md section 4.2): it ends every consent that the person ever gave
to that service until then, so that no older one comes back to life. J-LIS does not push: an institution's
platform polls, in the order of reflection.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from platform_api.sandbox.applications import WithdrawalApplication
from platform_api.sandbox.consents import Consent, Consents, application_id_reused
from platform_api.sandbox.dates import parse_instant, wire
from platform_api.sandbox.jlis_settings import JlisSettings
from platform_api.sandbox.refusals import RequestRefused

#: Where a reader stands: how many withdrawals of that institution it has had.
_CURSOR: Final = re.compile(r"w-([0-9]{1,12})\Z")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One withdrawal as it was taken in; without an application it came by J-LIS's own way."""

    number: int
    consents: tuple[Consent, ...]
    received_at: datetime
    reflected_at: datetime
    application_sha256: str | None

    def receipt(self, consent_ref: str) -> dict[str, Any]:
        return {
            "consent_ref": consent_ref,
            "received_at": wire(self.received_at),
            "reflected_at": wire(self.reflected_at),
        }


class Withdrawals:
    """All withdrawals, and what each institution is told of them when it asks."""

    def __init__(self, consents: Consents) -> None:
        self._consents = consents
        self._count = 0
        self._by_consent: dict[str, Withdrawal] = {}
        self._by_application: dict[tuple[int, str, str], Withdrawal] = {}
        #: By institution, in the order of reflection: (reflected_at, number, consent).
        self._told: dict[str, list[tuple[datetime, int, Consent]]] = {}

    def of(self, consent_ref: str) -> Withdrawal | None:
        return self._by_consent.get(consent_ref)

    def already(
        self, consent: Consent, application: WithdrawalApplication, octets: bytes
    ) -> Withdrawal | None:
        """That of this very application, if it came before; its id with other octets is refused."""
        key = (consent.resident, consent.service_code, application.application_id)
        found = self._by_application.get(key)
        if found is not None and found.application_sha256 != hashlib.sha256(octets).hexdigest():
            raise application_id_reused()
        return found

    def record_of(
        self,
        resident: int,
        service_code: str,
        received_at: datetime,
        settings: JlisSettings,
        *,
        application: WithdrawalApplication | None = None,
        octets: bytes = b"",
    ) -> dict[str, Any]:
        """What the journal keeps; ``standing`` must not be empty."""
        return {
            "kind": "withdrawal",
            "resident": resident,
            "service_code": service_code,
            "consent_refs": [consent.consent_ref for consent in self.standing(resident, service_code)],
            "application_id": None if application is None else application.application_id,
            "application_sha256": None if application is None else hashlib.sha256(octets).hexdigest(),
            "received_at": wire(received_at),
            "reflected_at": wire(received_at + timedelta(seconds=settings.withdrawal_delay_s)),
        }

    def standing(self, resident: int, service_code: str) -> list[Consent]:
        """The consents that a withdrawal of that service would end: all whose end nobody asked for yet."""
        return [
            consent for consent in self._consents.of(resident, service_code) if consent.withdrawn_from is None
        ]

    def enter(self, record: Mapping[str, Any]) -> Withdrawal:
        """Enters a journalled withdrawal."""
        self._count += 1
        withdrawal = Withdrawal(
            number=self._count,
            consents=tuple(self._consents.known(ref) for ref in record["consent_refs"]),
            received_at=parse_instant(record["received_at"]),
            reflected_at=parse_instant(record["reflected_at"]),
            application_sha256=record["application_sha256"],
        )
        for consent in withdrawal.consents:
            consent.withdrawn_from = withdrawal.reflected_at
            self._by_consent[consent.consent_ref] = withdrawal
            told = self._told.setdefault(consent.provider_code, [])
            told.append((withdrawal.reflected_at, withdrawal.number, consent))
            # Whoever was told of a withdrawal stands before every later one: nothing is reflected earlier
            # than now. The sort is stable and nearly always has nothing to do.
            told.sort(key=lambda row: row[:2])
        if record["application_id"] is not None:
            key = (record["resident"], record["service_code"], record["application_id"])
            self._by_application[key] = withdrawal
        return withdrawal

    def page(self, provider_code: str, cursor: str | None, limit: int, now: datetime) -> dict[str, Any]:
        """Those reflected up to now, after the cursor; an unknown institution has none."""
        told = self._told.get(provider_code, [])
        after = 0
        if cursor is not None:
            found = _CURSOR.match(cursor)
            after = int(found[1]) if found else -1
        reflected = sum(1 for at, _, _ in told if at <= now)
        if not 0 <= after <= reflected:
            raise RequestRefused(
                422, "CURSOR_UNKNOWN", "expected a cursor of an earlier page, or none; begin anew without one"
            )
        rows = told[after : min(after + limit, reflected)]
        return {
            "withdrawals": [
                {
                    "consent_ref": consent.consent_ref,
                    "service_code": consent.service_code,
                    "reflected_at": wire(at),
                }
                for at, _, consent in rows
            ],
            "cursor": f"w-{after + len(rows)}",
            "as_of": wire(now),
            "more": after + len(rows) < reflected,
        }
