"""The world of the OCSP tests, and requests built octet by octet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from revocation.authorities import Authorities, Authority
from revocation.clock import FixedClock
from revocation.ocsp.responder import OcspAnswer, Responder, TrustMode
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from revocation.snapshot.current import Snapshot
from tests import pki
from tests.forged_requests import HASH_OIDS, algorithm, nonce, request
from tests.pki import der_int, seq, tlv
from tests.revocation.sets import DAY, accepted, ca, every_list, record, scope, store, world

__all__ = [
    "CEILING",
    "GOOD",
    "HASH_OIDS",
    "HELD",
    "HIGH_BIT",
    "NOW",
    "REVOKED",
    "THIS_UPDATE",
    "World",
    "algorithm",
    "cert_id",
    "make_world",
    "nonce",
    "parsed",
    "point_of",
    "request",
    "responder_certificate",
]

#: A real and recent moment, because OpenSSL compares with the machine's clock.
NOW = datetime.now(UTC).replace(microsecond=0)
THIS_UPDATE = NOW - timedelta(hours=1)
CEILING = 0x00FFFFFF


def responder_certificate(
    key: Any,
    signer: pki.SigningGeneration | None,
    *,
    ocsp_signing: bool = True,
    start: datetime = NOW - DAY,
    life: timedelta = 30 * DAY,
) -> x509.Certificate:
    """Self-signed, or delegated by a generation; with id-kp-OCSPSigning and nocheck, or without."""
    name = pki.x509_name(("C", "JP"), ("O", "JPKI-TEST"), ("CN", "OCSP responder"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if signer is None else signer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(start)
        .not_valid_after(start + life)
        .add_extension(x509.OCSPNoCheck(), critical=False)
    )
    if ocsp_signing:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False
        )
    return builder.sign(key if signer is None else signer.private, hashes.SHA256())


@dataclass(frozen=True)
class World:
    """A published set with every kind of certificate, and a responder in both modes."""

    authorities: Authorities
    authority: Authority
    snapshot: Snapshot
    clock: FixedClock
    responder: Responder
    local: x509.Certificate
    delegated: dict[bytes, x509.Certificate]

    def ask(self, der: bytes, mode: TrustMode = TrustMode.LOCAL) -> OcspAnswer:
        return self.responder.respond(der, self.snapshot, mode)


REVOKED, HELD, GOOD, HIGH_BIT = 5, 6, 9, 0x8F01


def make_world(folder: Path, *, now: datetime = NOW) -> World:
    """Every kind of entry in the first generation's partition 1."""
    authorities, authority = world(serial_ceiling=CEILING)
    listing = (
        record(REVOKED, 3, THIS_UPDATE - DAY)
        + record(HELD, 6)
        + record(HIGH_BIT, 1)
        + record(b"\xfe", 1)  # -2
        + record(20, 0xFF)
        + record(21, 8)
        + record(22, 99)
        + record(23, 4, datetime(1949, 1, 1, tzinfo=UTC))
        + record(24, 0)
    )
    lists = every_list(authority, this_update=THIS_UPDATE)
    lists[scope(authority, 1)] = accepted(listing, this_update=THIS_UPDATE, lives=DAY)
    snapshot = store(folder).publish(lists, authorities, now=NOW)
    key = ec.generate_private_key(ec.SECP256R1())
    local = responder_certificate(key, None)
    delegated = {g.key_id: responder_certificate(key, g) for g in ca().generations}
    clock = FixedClock(now)
    responder = Responder(
        authorities,
        {
            TrustMode.LOCAL: LocallyTrustedSigner(local, key),
            TrustMode.DELEGATED: DelegatedSigners({k: (c, key) for k, c in delegated.items()}),
        },
        clock,
    )
    return World(authorities, authority, snapshot, clock, responder, local, delegated)


def point_of(certificate: x509.Certificate) -> bytes:
    """subjectPublicKey of an EC certificate."""
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def cert_id(
    serial: int | bytes = GOOD,
    *,
    hash_name: str = "sha256",
    generation: int = 0,
    parameters: bytes = b"\x05\x00",
) -> bytes:
    issuer = ca().generations[generation].certificate
    bits = point_of(issuer)
    name_hash = hashlib.new(hash_name, issuer.subject.public_bytes()).digest()
    key_hash = hashlib.new(hash_name, bits).digest()
    return seq(algorithm(hash_name, parameters), tlv(4, name_hash), tlv(4, key_hash), der_int(serial))


def parsed(answer: OcspAnswer) -> ocsp.OCSPResponse:
    return ocsp.load_der_ocsp_response(answer.der)
