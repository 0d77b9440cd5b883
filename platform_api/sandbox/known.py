"""Which certificate is meant, and which others its holder has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from platform_api.sandbox.events import ACTS
from platform_api.sandbox.kinds import ALL, SIGNING
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.register import IssuedCertificate, Resident

if TYPE_CHECKING:
    from platform_api.sandbox.ca import Generation
    from platform_api.sandbox.world import World

__all__ = [
    "SIGNING",
    "as_answered",
    "certificate_named",
    "certificates_of",
    "events_by_hand",
    "generations_of",
    "holder_of",
    "items_now",
    "kind_of",
    "municipality_now",
    "newest_valid",
]


def certificate_named(
    world: World, ca_id: str, issuer_key: str, serial_number: str
) -> IssuedCertificate | None:
    """The certificate of that CA, key and number; None for one that was never issued."""
    register, _ = world.begun()
    return register.find(ca_id, issuer_key, int(serial_number, 16))


def generations_of(world: World, ca_id: str) -> Sequence[Generation]:
    """The keys of that CA; none of one that does not exist."""
    authority = world.authorities.get(ca_id)
    return () if authority is None else authority.generations


def kind_of(certificate: IssuedCertificate) -> str:
    return certificate.kind


def holder_of(world: World, certificate: IssuedCertificate) -> Resident:
    register, _ = world.begun()
    return register.residents[certificate.resident]


def newest_valid(resident: Resident, kind: str, now: datetime) -> IssuedCertificate | None:
    """The newest certificate of that kind, where it is in force."""
    return resident.valid(kind, now)


def as_answered(world: World, certificate: IssuedCertificate) -> dict[str, Any]:
    """A certificate as J-LIS names it in an answer."""
    return world.life_log.dated(certificate)


def certificates_of(resident: Resident) -> list[IssuedCertificate]:
    """All that a person ever had, kind by kind, the oldest first."""
    return [certificate for kind in ALL for certificate in resident.of_kind(kind)]


def items_now(world: World, resident: Resident) -> FourInformation:
    """What a signing certificate of this person would say if it were issued now."""
    return world.items_of(resident)


def municipality_now(world: World, resident: Resident) -> str:
    """The code of the municipality that keeps this person's record."""
    register, _ = world.begun()
    return register.present(resident.person).municipality_code


def events_by_hand() -> tuple[str, ...]:
    """Everything that may befall a resident by hand."""
    return tuple(event for event in ACTS if event != "reissue")
