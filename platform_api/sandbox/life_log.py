"""The truth: what really happened to people and certificates. Readable only through its endpoint.

The demo's report and the tests are measured against it; nothing in the service ever reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from platform_api.sandbox.acts import Lived
from platform_api.sandbox.ca import CA_ID, CertificateAuthority
from platform_api.sandbox.dates import wire
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.register import IssuedCertificate


@dataclass(slots=True, repr=False)
class _Entry:
    body: dict[str, Any]
    at: datetime
    #: The day whose list says it first; None while no list does.
    day: int | None


class LifeLog:
    """Numbered from 1 without gaps, in the order in which things were done to the register."""

    def __init__(self, authority: CertificateAuthority) -> None:
        self._authority = authority
        self._entries: list[_Entry] = []
        self._unlisted: list[_Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, lived: Lived) -> dict[str, Any]:
        """Writes one event down; its entry as the endpoint will show it, without the day."""
        revoked = []
        if lived.ended is not None:
            revoked.append(
                {
                    **self.identity(lived.ended),
                    "reason_code": lived.reason,
                    # When this reason began; the entry's revocationDate stays that of a hold before it.
                    "revoked_at": wire(lived.at),
                    "revocation_date": wire(lived.ended.steps[0].at),
                }
            )
        issued = None
        if lived.issued is not None:
            issued = {
                **self.identity(lived.issued),
                "not_before": wire(lived.issued.not_before),
                "not_after": wire(lived.issued.not_after),
            }
        body: dict[str, Any] = {
            "seq": len(self._entries) + 1,
            "at": wire(lived.at),
            "resident_id": lived.resident.resident_id,
            "event": lived.event,
            "revoked": revoked,
            "issued": issued,
            "items": lived.items.as_json(),
        }
        entry = _Entry(body, lived.at, None)
        self._entries.append(entry)
        self._unlisted.append(entry)
        return body

    def identity(self, certificate: IssuedCertificate) -> dict[str, Any]:
        """(ca_id, issuer key, serial) and the partition, as both sides of the interface spell them."""
        return {
            "ca_id": CA_ID,
            "issuer_key": self._authority.generation(certificate.generation).key_id,
            "serial_number": f"{certificate.serial:x}",
            "partition": BY_CODE[certificate.municipality_code].partition,
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
            {**entry.body, "day": entry.day if entry.day is not None else next_day} for entry in chosen
        ]
        return {"entries": entries, "next": after + len(chosen)}
