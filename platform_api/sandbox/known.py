"""Which certificate is meant, and which others its holder has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from platform_api.sandbox.acts import ACTS
from platform_api.sandbox.ca import CA_ID, KIND
from platform_api.sandbox.dates import wire
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.register import IssuedCertificate, Resident

if TYPE_CHECKING:
    from platform_api.sandbox.ca import Generation
    from platform_api.sandbox.world import World

#: The kinds whose certificates carry the four items; the others authenticate only.
SIGNING: Final = ("card-sign", "mobile-sign")


def certificate_named(
    world: World, ca_id: str, issuer_key: str, serial_number: str
) -> IssuedCertificate | None:
    """The certificate of that CA, key and number; None for one that was never issued."""
    register, _ = world.begun()
    found = register.by_serial.get(int(serial_number, 16))
    generation = world.authority.by_key_id(issuer_key)
    if ca_id != CA_ID or generation is None or found is None or found.generation != generation.number:
        return None
    return found


def generations_of(world: World, ca_id: str) -> Sequence[Generation]:
    """The keys of that CA; none of one that does not exist."""
    return world.authority.generations if ca_id == CA_ID else ()


def kind_of(certificate: IssuedCertificate) -> str:  # noqa: ARG001 - one kind until the register has more
    return KIND


def holder_of(world: World, certificate: IssuedCertificate) -> Resident:
    register, _ = world.begun()
    return register.residents[certificate.resident]


def newest_valid(resident: Resident, kind: str, now: datetime) -> IssuedCertificate | None:
    """The newest certificate of that kind, where it is in force."""
    newest = next((one for one in reversed(resident.certificates) if kind_of(one) == kind), None)
    return newest if newest is not None and newest.valid(now) else None


def as_answered(world: World, certificate: IssuedCertificate) -> dict[str, Any]:
    """A certificate as J-LIS names it in an answer."""
    return {
        **world.life_log.identity(certificate),
        "not_before": wire(certificate.not_before),
        "not_after": wire(certificate.not_after),
        "kind": kind_of(certificate),
    }


def certificates_of(resident: Resident) -> list[IssuedCertificate]:
    """All that a person ever had, kind by kind, the oldest first."""
    return list(resident.certificates)


def items_now(world: World, resident: Resident) -> FourInformation:  # noqa: ARG001
    """What a signing certificate of this person would say if it were issued now."""
    return resident.person.four_information()


def municipality_now(world: World, resident: Resident) -> str:  # noqa: ARG001
    """The code of the municipality that keeps this person's record."""
    return resident.person.municipality_code


def events_by_hand() -> tuple[str, ...]:
    """Everything that may befall a resident by hand."""
    return tuple(event for event in ACTS if event != "reissue")
