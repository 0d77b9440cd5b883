"""Worlds without a process around them: files in a folder, what is said of a serial number, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from platform_api.responder.given import Given
from platform_api.responder.handed import Answerable
from platform_api.responder.world import World, load
from revocation.authorities import Authority
from revocation.clock import FixedClock
from revocation.identity import CertificateIdentity, serial_from_int
from revocation.status import CertificateStatus, certificate_status
from tests import pki
from tests.responder.running import NOW, key_pem, pem

DAY = timedelta(days=1)


def given(
    folder: Path,
    cas: Iterable[pki.CA],
    lists: Mapping[str, bytes],
    *,
    all_lists: bool = False,
    newest_signs_all: bool = False,
    tolerances: Iterable[str] = (),
) -> Given:
    """These CAs and lists in files, and a locally trusted signer."""
    certificates = []
    for number, ca in enumerate(cas):
        path = folder / f"ca-{number}.pem"
        path.write_bytes(b"".join(map(pem, ca.certificates)))
        certificates.append(path)
    for name, octets in lists.items():
        (folder / name).write_bytes(octets)
    private = pki.key("p256", 399)
    # Valid on any day that a test asks about.
    began = datetime(2020, 1, 1, tzinfo=UTC)
    signer = pki.ca_certificate(private, (("CN", "OCSP"),), began, ca=None, crl_sign=None)
    (folder / "ocsp.pem").write_bytes(pem(signer))
    (folder / "ocsp.key").write_bytes(key_pem(private))
    return Given(
        tuple(certificates),
        tuple(folder / name for name in lists),
        ((folder / "ocsp.pem", folder / "ocsp.key"),),
        frozenset(tolerances),
        all_lists=all_lists,
        newest_signs_all=newest_signs_all,
    )


def made(wanted: Given, at: datetime = NOW, before: World | None = None) -> World:
    return load(wanted, FixedClock(at), before)


def of_key(world: Answerable, ca: pki.CA, generation: int = -1) -> Authority:
    found = world.authorities.by_issuer_key(ca.generations[generation].key_id)
    assert found is not None
    return found[0]


def status(
    world: Answerable, ca: pki.CA, serial: int, *, generation: int = -1, at: datetime = NOW
) -> CertificateStatus:
    """What the one place that says GOOD says."""
    key_id = ca.generations[generation].key_id
    authority = of_key(world, ca, generation)
    return certificate_status(
        CertificateIdentity(authority.ca_id, key_id, serial_from_int(serial)),
        authorities=world.authorities,
        snapshot=world.snapshot,
        now=at,
    )


def word(world: World, ca: pki.CA, serial: int, *, generation: int = -1, at: datetime = NOW) -> str:
    """GOOD, REVOKED, ON_HOLD, or the reason of an UNKNOWN."""
    found = status(world, ca, serial, generation=generation, at=at)
    return str(found.unknown_reason or found.status)


def without_list(wanted: Given, name: str) -> Given:
    return replace(wanted, lists=tuple(path for path in wanted.lists if path.name != name))
