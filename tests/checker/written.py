"""Certificates and lists of every form RFC 5280 allows, as DER, signed with keys that are always the same.

Everything here is a plain function of its arguments, so that a drawn world has the same octets in each run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.checker.names import directory
from tests.der_writer import T0, der_int, der_oid, der_time, extension, seq, tlv

ECDSA_WITH_SHA256 = seq(der_oid("1.2.840.10045.4.3.2"))

#: ReasonFlags by bit number and their CRLReason values (RFC 5280 sections 4.2.1.13 and 5.3.1).
REASON_BITS = {
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 7,
    "aACompromise": 8,
}
CRL_REASONS = {**{n: b for n, b in REASON_BITS.items() if b < 7}, "removeFromCRL": 8}
CRL_REASONS |= {"privilegeWithdrawn": 9, "aACompromise": 10}

CERT_SIGN, CRL_SIGN, DIGITAL_SIGNATURE = 5, 6, 0


@dataclass(frozen=True)
class Key:
    """One P-256 key."""

    number: int
    private: ec.EllipticCurvePrivateKey
    public: bytes  # SubjectPublicKeyInfo
    key_id: bytes  # RFC 5280 section 4.2.1.2, method 1

    def signed(self, to_be_signed: bytes, *, spoilt: bool = False) -> bytes:
        """The SIGNED structure; the same octets in every run (RFC 6979)."""
        how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        signature = self.private.sign(to_be_signed + (b"\x00" if spoilt else b""), how)
        return seq(to_be_signed, ECDSA_WITH_SHA256, tlv(0x03, b"\x00" + signature))


@lru_cache(maxsize=256)
def signing_key(number: int) -> Key:
    """The nth key, the same in every process."""
    private = ec.derive_private_key(0x4A504B49 * 1000 + number, ec.SECP256R1())
    public = private.public_key()
    bits = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    whole = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Key(number, private, whole, hashlib.sha1(bits, usedforsecurity=False).digest())


def named_bits(bits: Iterable[int], tag: int) -> bytes:
    """A BIT STRING with named bits: DER leaves trailing zero bits out (X.690 section 11.2.2)."""
    chosen = sorted(bits)
    if not chosen:
        return tlv(tag, b"\x00")
    size = chosen[-1] + 1
    octets = bytearray((size + 7) // 8)
    for bit in chosen:
        octets[bit // 8] |= 0x80 >> (bit % 8)
    return tlv(tag, bytes([len(octets) * 8 - size]) + bytes(octets))


def reason_flags(reasons: Iterable[str], tag: int) -> bytes:
    return named_bits([REASON_BITS[reason] for reason in reasons], tag)


def distribution_point(
    point_name: bytes | None, *, reasons: Iterable[str] | None = None, list_issuer: bytes | None = None
) -> bytes:
    """RFC 5280 section 4.2.1.13."""
    return seq(
        b"" if point_name is None else tlv(0xA0, point_name),
        b"" if reasons is None else reason_flags(reasons, 0x81),
        b"" if list_issuer is None else tlv(0xA2, directory(list_issuer)),
    )


def issuing_point(
    point_name: bytes | None,
    *,
    scope: str = "",
    reasons: Iterable[str] | None = None,
    indirect: bool = False,
) -> bytes:
    """RFC 5280 section 5.2.5; ``scope`` is "user", "ca", "attribute" or nothing."""
    return seq(
        b"" if point_name is None else tlv(0xA0, point_name),
        b"\x81\x01\xff" if scope == "user" else b"",
        b"\x82\x01\xff" if scope == "ca" else b"",
        b"" if reasons is None else reason_flags(reasons, 0x83),
        b"\x84\x01\xff" if indirect else b"",
        b"\x85\x01\xff" if scope == "attribute" else b"",
    )


def certificate(
    *,
    serial: int,
    issuer: bytes,
    signed_by: Key,
    subject: bytes,
    key: Key,
    ca: bool,
    usage: Sequence[int],
    points: Sequence[bytes] = (),
    freshest: Sequence[bytes] = (),
    not_before: datetime = T0 - timedelta(days=400),
    not_after: datetime = T0 + timedelta(days=400),
    spoilt: bool = False,
) -> bytes:
    """A version 3 certificate."""
    found = [
        extension("2.5.29.14", tlv(0x04, key.key_id)),
        extension("2.5.29.35", seq(tlv(0x80, signed_by.key_id))),
    ]
    if ca:
        found.append(extension("2.5.29.19", seq(b"\x01\x01\xff"), critical=True))
    found.append(extension("2.5.29.15", named_bits(usage, 0x03), critical=True))
    if points:
        found.append(extension("2.5.29.31", seq(*points)))
    if freshest:
        found.append(extension("2.5.29.46", seq(*freshest)))
    to_be_signed = seq(
        tlv(0xA0, der_int(2)),
        der_int(serial),
        ECDSA_WITH_SHA256,
        issuer,
        seq(der_time(not_before), der_time(not_after)),
        subject,
        key.public,
        tlv(0xA3, seq(*found)),
    )
    return signed_by.signed(to_be_signed, spoilt=spoilt)


@dataclass(frozen=True)
class Entry:
    """One revoked certificate; ``issuer`` writes a certificateIssuer (RFC 5280 section 5.3.3)."""

    serial: int
    reason: str = ""
    issuer: bytes | None = None
    unknown_critical: bool = False

    def der(self) -> bytes:
        parts = []
        if self.reason:
            parts.append(extension("2.5.29.21", der_int(CRL_REASONS[self.reason], tag=0x0A)))
        if self.issuer is not None:
            parts.append(extension("2.5.29.29", seq(directory(self.issuer)), critical=True))
        if self.unknown_critical:
            parts.append(extension("1.2.392.200149.99.1", b"\x05\x00", critical=True))
        when = der_time(T0 - timedelta(days=30))
        return seq(der_int(self.serial), when, seq(*parts) if parts else b"")


def certificate_list(
    *,
    issuer: bytes,
    signed_by: Key,
    number: int | None,
    this_update: datetime,
    next_update: datetime | None,
    entries: Sequence[Entry] = (),
    idp: bytes | None = None,
    base: int | None = None,
    freshest: Sequence[bytes] = (),
    aki: bool = True,
    unknown_critical: bool = False,
    spoilt: bool = False,
) -> bytes:
    """A complete list, or with ``base`` a delta; ``number=None`` writes a list without any extension."""
    found = []
    if number is not None:
        if aki:
            found.append(extension("2.5.29.35", seq(tlv(0x80, signed_by.key_id))))
        found.append(extension("2.5.29.20", der_int(number)))
        if base is not None:
            found.append(extension("2.5.29.27", der_int(base), critical=True))
        if idp is not None:
            found.append(extension("2.5.29.28", idp, critical=True))
        if freshest:
            found.append(extension("2.5.29.46", seq(*freshest)))
        if unknown_critical:
            found.append(extension("1.2.392.200149.99.2", b"\x05\x00", critical=True))
    has_extensions = bool(found) or any(e.reason or e.issuer or e.unknown_critical for e in entries)
    to_be_signed = seq(
        der_int(1) if has_extensions else b"",
        ECDSA_WITH_SHA256,
        issuer,
        der_time(this_update),
        b"" if next_update is None else der_time(next_update),
        seq(*(entry.der() for entry in entries)) if entries else b"",
        tlv(0xA0, seq(*found)) if found else b"",
    )
    return signed_by.signed(to_be_signed, spoilt=spoilt)
