"""The truth: what really happened to people and certificates. Readable only through its endpoint.

The demo's report and the tests are measured against it; nothing in the service ever reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from platform_api.sandbox.acts import Lived
from platform_api.sandbox.ca import CertificateAuthority
from platform_api.sandbox.dates import wire
from platform_api.sandbox.kinds import CARD_SIGN
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.register import IssuedCertificate


@dataclass(slots=True, repr=False)
class _Entry:
    """The body as JSON: a million residents live twenty thousand events a day."""

    body: bytes
    at: datetime
    #: The day whose list says it first; None while no list does.
    day: int | None


class LifeLog:
    """Numbered from 1 without gaps, in the order in which things were done to the register."""

    def __init__(self, authorities: Mapping[str, CertificateAuthority]) -> None:
        self._authorities = authorities
        self._entries: list[_Entry] = []
        self._unlisted: list[_Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, lived: Lived) -> dict[str, Any]:
        """Writes one event down; its entry as the endpoint will show it, without the day.

        ``issued`` is the card's signing certificate, ``issued_all`` every new one with its kind.
        """
        issued = [self.dated(certificate) for certificate in lived.issued]
        body: dict[str, Any] = {
            "seq": len(self._entries) + 1,
            "at": wire(lived.at),
            "resident_id": lived.resident.resident_id,
            "event": lived.event,
            "revoked": [
                {
                    **self.identity(certificate),
                    "reason_code": reason,
                    # When this reason began; the entry's revocationDate stays that of a hold before it.
                    "revoked_at": wire(lived.at),
                    "revocation_date": wire(certificate.listed_since),
                }
                for certificate, reason in lived.ended
            ],
            "released": [
                {**self.identity(certificate), "released_at": wire(lived.at)}
                for certificate in lived.released
            ],
            "issued": next((row for row in issued if row["kind"] == CARD_SIGN), None),
            "issued_all": issued,
            "items": None if lived.items is None else lived.items.as_json(),
        }
        entry = _Entry(orjson.dumps(body), lived.at, None)
        self._entries.append(entry)
        self._unlisted.append(entry)
        return body

    def identity(self, certificate: IssuedCertificate) -> dict[str, Any]:
        """(ca_id, issuer key, serial), partition and kind, as both sides of the interface spell them."""
        return {
            "ca_id": certificate.ca_id,
            "issuer_key": self._authorities[certificate.ca_id].generation(certificate.generation).key_id,
            "serial_number": f"{certificate.serial:x}",
            "partition": BY_CODE[certificate.municipality_code].partition,
            "kind": certificate.kind,
        }

    def dated(self, certificate: IssuedCertificate) -> dict[str, Any]:
        return {
            **self.identity(certificate),
            "not_before": wire(certificate.not_before),
            "not_after": wire(certificate.not_after),
        }

    def listed(self, day: int, this_update: datetime) -> None:
        """A list was published: everything up to its thisUpdate belongs to that day."""
        for entry in self._unlisted:
            if entry.at <= this_update:
                entry.day = day
        self._unlisted = [entry for entry in self._unlisted if entry.day is None]

    def page(self, after: int, limit: int, *, next_day: int) -> dict[str, Any]:
        """Entries after ``after``; what no list says yet carries the day of the next one."""
        chosen = self._entries[after : after + limit]
        entries = [
            {**orjson.loads(entry.body), "day": entry.day if entry.day is not None else next_day}
            for entry in chosen
        ]
        return {"entries": entries, "next": after + len(chosen)}
