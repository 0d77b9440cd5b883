"""The register: residents, every certificate ever issued to them, and what was revoked when and why.

Everything here is rebuilt from the seed and the journal at each start; nothing of it is stored. A resident
exists as objects only once somebody asks (``residents.py``), and stays so when something befell them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from platform_api.sandbox.births import Birth
from platform_api.sandbox.ca import CertificateAuthority
from platform_api.sandbox.certificate_rows import HOLD, IssuedCertificate, Resident, Step
from platform_api.sandbox.dates import valid_until
from platform_api.sandbox.history import Past
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.kinds import CARD, CARD_AUTH, CARD_SIGN, MOBILE, OF_CARD, SIGNING
from platform_api.sandbox.municipalities import BY_CODE, MUNICIPALITIES, Municipality
from platform_api.sandbox.names import FourInformation, Person
from platform_api.sandbox.numbering import Numbering
from platform_api.sandbox.residents import Residents
from platform_api.sandbox.revoked import REMOVED, ListKey, Lists

__all__ = ["HOLD", "Due", "IssuedCertificate", "Register", "Resident", "Step"]

#: A certificate ends on this birthday: the fifth, on the next card (P-384) the tenth (jpki.md section 1.6).
_BIRTHDAYS: Final = {Algorithm.RSA: 5, Algorithm.P384: 10}


class Due(NamedTuple):
    """Something that will happen to a resident by itself: a new card, or the end of a hold."""

    at: datetime
    event: str


class Register:
    """All residents and certificates; one serial counter for each CA, dense and sequential."""

    def __init__(
        self,
        authorities: Mapping[str, CertificateAuthority],
        numbering: Numbering,
        serials: Mapping[str, Iterator[int]],
        *,
        begins_at: datetime,
        filled_upto: datetime,
    ) -> None:
        self._authorities = authorities
        self._numbering = numbering
        self._serials = serials
        self._ca_of_kind = {
            kind: authority for authority in authorities.values() for kind in authority.profile.kinds
        }
        self.kinds = tuple(self._ca_of_kind)
        self.residents = Residents(numbering, self._draw)
        self._begins_at = begins_at
        self._issued: dict[tuple[str, int], IssuedCertificate] = {}
        self.due = {
            number: Due(begins_at + timedelta(seconds=seconds), "reissue")
            for number, seconds in numbering.reissues.items()
        }
        #: Whose phone was put on hold, the longest ago first; what became of it since says the certificate.
        self.held_phones = dict.fromkeys(numbering.held_phones)
        #: Merged municipalities: the old code to that of the successor.
        self.mergers: dict[str, str] = {}
        self.lists = Lists()
        numbering.fill(self.lists, begins_at, filled_upto)

    # --- finding ----------------------------------------------------------------------------------

    def find(self, ca_id: str, key_id_hex: str, serial: int) -> IssuedCertificate | None:
        """The certificate of this CA, generation and number; None where there is none."""
        authority = self._authorities.get(ca_id)
        generation = None if authority is None else authority.by_key_id(key_id_hex)
        if generation is None:
            return None
        found = self._issued.get((ca_id, serial)) or self._of_the_past(ca_id, serial)
        return found if found is not None and found.generation == generation.number else None

    def _of_the_past(self, ca_id: str, serial: int) -> IssuedCertificate | None:
        held = self._numbering.find(ca_id, serial)
        return None if held is None else self.residents[held.number].of_kind(held.kind)[held.nth]

    def everything(self) -> Iterator[IssuedCertificate]:
        """Every certificate there is, person by person: for tests, and small worlds."""
        for number in self.residents:
            yield from itertools.chain.from_iterable(map(self.residents[number].of_kind, self.kinds))

    def authority_of(self, kind: str) -> CertificateAuthority:
        return self._ca_of_kind[kind]

    # --- people -----------------------------------------------------------------------------------

    def _draw(self, resident: Resident, past: Past) -> None:
        """The certificates of somebody's past; the card's authentication first, the others end with it."""
        for kind in (CARD_AUTH, CARD_SIGN, *MOBILE):
            authority = self._ca_of_kind.get(kind)
            if authority is None:
                continue
            for nth, aged in enumerate(past.certificates.get(kind, ())):
                at = self._begins_at - timedelta(seconds=aged.age)
                serial = self._numbering.serial(resident.number, kind, nth)
                certificate = IssuedCertificate(
                    kind=kind,
                    ca_id=authority.ca_id,
                    serial=serial,
                    generation=(generation := self._numbering.generation(authority.ca_id, serial)),
                    resident=resident.number,
                    municipality_code=MUNICIPALITIES[past.places[aged.version]].code,
                    says=partial(_said, resident, aged.version, at) if kind in SIGNING else None,
                    not_before=at,
                    not_after=self._ends(
                        resident, kind, past.birth, at, self._birthdays(authority, generation, kind)
                    ),
                    steps=[
                        Step(self._begins_at - timedelta(seconds=age), reason) for age, reason in aged.steps
                    ],
                )
                resident.add(certificate)

    def present(self, person: Person) -> Person:
        """The person as written down now: a merged municipality has another name and another code."""
        while (into := self.mergers.get(person.municipality_code)) is not None:
            before, after = BY_CODE[person.municipality_code], BY_CODE[into]
            prefix = before.prefecture + before.name
            rest = person.address.removeprefix(prefix)
            address = person.address if rest == person.address else after.prefecture + after.name + rest
            person = replace(person, address=address, municipality_code=into)
        return person

    @property
    def population(self) -> int:
        """Everybody with a number, those long gone too."""
        return len(self.residents)

    def places(self) -> Sequence[Municipality]:
        """Where somebody can move to: every municipality that was not merged into another."""
        if not self.mergers:
            return MUNICIPALITIES
        return [place for place in MUNICIPALITIES if place.code not in self.mergers]

    # --- certificates -----------------------------------------------------------------------------

    def issue(
        self, resident: Resident, kind: str, at: datetime, *, birthdays: int | None = None
    ) -> IssuedCertificate:
        """A new certificate with what the register holds now, from the newest generation of its CA."""
        authority = self._ca_of_kind[kind]
        self.residents.pin(resident)
        person = self.present(resident.person)
        generation = authority.newest.number
        if birthdays is None:
            birthdays = self._birthdays(authority, generation, kind)
        certificate = IssuedCertificate(
            kind=kind,
            ca_id=authority.ca_id,
            serial=next(self._serials[authority.ca_id]),
            generation=generation,
            resident=resident.number,
            municipality_code=person.municipality_code,
            says=partial(person.four_information, at) if kind in SIGNING else None,
            not_before=at,
            not_after=self._ends(resident, kind, person.birth, at, birthdays),
        )
        self._issued[authority.ca_id, certificate.serial] = certificate
        resident.add(certificate)
        return certificate

    def _birthdays(self, authority: CertificateAuthority, generation: int, kind: str) -> int:
        """A phone's certificate ends when the card's does, however long that is."""
        return _BIRTHDAYS[authority.generation(generation).algorithm] if kind in CARD else 10

    def _ends(self, resident: Resident, kind: str, birth: Birth, at: datetime, birthdays: int) -> datetime:
        """A phone's certificate ends with the card's; the card's two end together, or the new one on the
        last birthday before (jpki.md section 1.3)."""
        upon = None if kind == CARD_AUTH else resident.last_before(OF_CARD.get(kind, CARD_AUTH), at)
        if upon is not None and kind in OF_CARD:
            return upon.not_after
        ends = valid_until(birth.on, at, birthdays=birthdays)
        while upon is not None and ends > upon.not_after and birthdays > 1:
            birthdays -= 1
            ends = valid_until(birth.on, at, birthdays=birthdays)
        return ends

    def revoke(self, certificate: IssuedCertificate, at: datetime, reason: int) -> None:
        """Lists a certificate, or replaces the reason of one on hold."""
        if certificate.revoked and not certificate.on_hold:
            raise ValueError("expected a certificate that is valid or on hold, got a revoked one")
        self._step(certificate, at, reason)

    def release(self, certificate: IssuedCertificate, at: datetime) -> None:
        """Ends a hold: the entry leaves the list, and the certificate is valid again."""
        if not certificate.on_hold:
            raise ValueError("expected a certificate on hold")
        self._step(certificate, at, REMOVED)

    def _step(self, certificate: IssuedCertificate, at: datetime, reason: int) -> None:
        self.residents.pin(self.residents[certificate.resident])
        certificate.steps.append(Step(at, reason))
        key = ListKey(certificate.ca_id, certificate.generation, certificate.municipality_code)
        self.lists.note(at, key, certificate.serial, reason)


def _said(resident: Resident, version: int, at: datetime) -> FourInformation:
    return resident.versions[version].four_information(at)
