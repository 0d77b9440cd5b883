"""The register: residents, every certificate ever issued to them, and what was revoked when and why.

Everything here is rebuilt from the seed and the journal at each start; nothing of it is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from platform_api.sandbox.ca import NEWEST
from platform_api.sandbox.dates import valid_until
from platform_api.sandbox.names import FourInformation, Person

HOLD: Final = 6


class Step(NamedTuple):
    """From ``at`` on the certificate is listed with this reasonCode."""

    at: datetime
    reason: int


@dataclass(slots=True, repr=False)
class IssuedCertificate:
    """One certificate: what it says, and how it fared since."""

    serial: int
    generation: int
    resident: int
    municipality_code: str
    items: FourInformation
    not_before: datetime
    not_after: datetime
    steps: list[Step] = field(default_factory=list)

    def step_at(self, moment: datetime) -> Step | None:
        """What a list of that moment says of it; None: not listed.

        The date stays that of the first step: where a hold is replaced by a final reason, the revocation
        date is that of the hold (X.509 on certificateHold); the certificate has not been valid since.
        """
        last = None
        for step in self.steps:
            if step.at <= moment:
                last = step
        return None if last is None else Step(self.steps[0].at, last.reason)

    @property
    def revoked(self) -> bool:
        """Revoked or on hold; J-LIS never lifts a hold on a card."""
        return bool(self.steps)

    @property
    def on_hold(self) -> bool:
        return bool(self.steps) and self.steps[-1].reason == HOLD

    def valid(self, now: datetime) -> bool:
        return not self.steps and now <= self.not_after


class Due(NamedTuple):
    """Something that will happen to a resident by itself: a new card, or the end of a hold."""

    at: datetime
    event: str


@dataclass(slots=True, repr=False)
class Resident:
    """One person; ``number`` is the id on the wire as r-000001."""

    number: int
    person: Person
    certificates: list[IssuedCertificate] = field(default_factory=list)
    struck: bool = False
    touched_at: datetime | None = None

    @property
    def resident_id(self) -> str:
        return f"r-{self.number:06d}"

    @property
    def newest(self) -> IssuedCertificate | None:
        return self.certificates[-1] if self.certificates else None

    def valid_certificate(self, now: datetime) -> IssuedCertificate | None:
        newest = self.newest
        return newest if newest is not None and newest.valid(now) else None

    def open_certificate(self, now: datetime) -> IssuedCertificate | None:
        """The certificate that an event can still end: valid, or on hold with the final reason to come."""
        newest = self.newest
        if newest is None or now > newest.not_after or (newest.revoked and not newest.on_hold):
            return None
        return newest


class Register:
    """All residents and certificates; ``serials`` is the one counter of the CA, dense and sequential."""

    def __init__(self, serials: Iterator[int]) -> None:
        self._serials = serials
        self.residents: dict[int, Resident] = {}
        self.by_serial: dict[int, IssuedCertificate] = {}
        self.due: dict[int, Due] = {}
        self._listed: defaultdict[tuple[int, str], list[IssuedCertificate]] = defaultdict(list)

    def add(self, certificate: IssuedCertificate) -> None:
        """Enters a certificate that was issued, with what befell it."""
        self.by_serial[certificate.serial] = certificate
        self.residents[certificate.resident].certificates.append(certificate)
        if certificate.steps:
            self._listed[certificate.generation, certificate.municipality_code].append(certificate)

    def issue(self, resident: Resident, at: datetime, *, birthdays: int = 5) -> IssuedCertificate:
        """A new certificate with the items that the register holds now, from the newest generation."""
        certificate = IssuedCertificate(
            serial=next(self._serials),
            generation=NEWEST,
            resident=resident.number,
            municipality_code=resident.person.municipality_code,
            items=resident.person.four_information(),
            not_before=at,
            not_after=valid_until(resident.person.born, at, birthdays=birthdays),
        )
        self.add(certificate)
        return certificate

    def revoke(self, certificate: IssuedCertificate, at: datetime, reason: int) -> None:
        """Lists a certificate, or replaces the reason of one on hold. Entries never leave the list."""
        if certificate.revoked and not certificate.on_hold:
            raise ValueError("expected a certificate that is valid or on hold, got a revoked one")
        if not certificate.steps:
            self._listed[certificate.generation, certificate.municipality_code].append(certificate)
        certificate.steps.append(Step(at, reason))

    def listed(self, generation: int, municipality_code: str) -> list[IssuedCertificate]:
        """Everything ever revoked in this partition of this generation, in the order of revocation."""
        return self._listed.get((generation, municipality_code), [])
