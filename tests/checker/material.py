"""Certificates, lists and their points for the checker's step functions, octet by octet, with P-256 keys.

Everything is right unless a keyword forges it, so that a test breaks one rule alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revocation.checker import Case, Verdict, check
from revocation.checker.certificates import Certificate, read_certificate
from revocation.checker.lists import HeldList
from revocation.crl.distribution_points import IssuingDistributionPoint
from revocation.errors import InputRefused
from tests.der_writer import T0, der_int, der_oid, der_time, extension, name, seq, tlv
from tests.forged_lists import ALGORITHMS, build_crl, sign
from tests.signing_keys import key

#: An hour after the lists were signed.
NOW = T0 + timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
#: Entries of a list, by reason code.
HOLD, REMOVE, KEY_COMPROMISE, SUPERSEDED = 6, 8, 1, 4
#: Bits of a keyUsage (RFC 5280 section 4.2.1.3).
KEY_CERT_SIGN, CRL_SIGN = 5, 6


def named(text: str) -> bytes:
    """A DER Name."""
    return name(("C", "JP"), ("CN", text))


def rdn(text: str) -> bytes:
    """One RDN, a SET."""
    return tlv(0x31, seq(der_oid("2.5.4.3"), tlv(0x0C, text.encode())))


def uri(text: str) -> bytes:
    return tlv(0x86, text.encode())


@dataclass(frozen=True)
class Entity:
    """A name with a key; another number is another key under the same name."""

    text: str
    number: int = 0

    @property
    def subject(self) -> bytes:
        return named(self.text)

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        private: ec.EllipticCurvePrivateKey = key("p256", self.number)
        return private

    @property
    def key_info(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def ski(self) -> bytes:
        return hashlib.sha256(self.key_info).digest()[:20]


def bits(*positions: int, tag: int = 0x03) -> bytes:
    """A named bit list in DER: no trailing zero bits (X.690 section 11.2)."""
    if not positions:
        return tlv(tag, b"\x00")
    width = max(positions) + 1
    octets = (width + 7) // 8
    value = sum(1 << (8 * octets - 1 - position) for position in positions)
    return tlv(tag, bytes([8 * octets - width]) + value.to_bytes(octets, "big"))


def certificate(
    subject: Entity,
    issuer: Entity | None = None,
    *,
    serial: int | bytes = 1,
    start: datetime | bytes = T0 - 365 * DAY,
    end: datetime | bytes = T0 + 365 * DAY,
    ca: bool | None = None,
    path_length: int | None = None,
    usage: Sequence[int] | None = None,
    points: bytes | None = None,
    identified: bool = True,
    extra: Sequence[bytes] = (),
    extensions: Sequence[bytes] | None = None,
    version: int | None = 2,
    inner_algorithm: bytes = ALGORITHMS["ecdsa-with-SHA256"],
    outer_algorithm: bytes | None = None,
    key_info: bytes | None = None,
    unique_ids: bytes = b"",
    subject_name: bytes | None = None,
    issuer_name: bytes | None = None,
    corrupt_signature: bool = False,
) -> bytes:
    """A certificate's DER; without an issuer it is signed by itself."""
    issuer = issuer or subject
    if extensions is None:
        found = []
        if identified:
            found.append(extension("2.5.29.14", tlv(0x04, subject.ski)))
            found.append(extension("2.5.29.35", seq(tlv(0x80, issuer.ski))))
        if ca is not None:
            length = b"" if path_length is None else der_int(path_length)
            found.append(extension("2.5.29.19", seq(b"\x01\x01\xff" if ca else b"", length), critical=True))
        if usage is not None:
            found.append(extension("2.5.29.15", bits(*usage), critical=True))
        if points is not None:
            found.append(extension("2.5.29.31", points))
        extensions = [*found, *extra]
    tbs = seq(
        b"" if version is None else tlv(0xA0, der_int(version)),
        der_int(serial),
        inner_algorithm,
        issuer.subject if issuer_name is None else issuer_name,
        seq(der_time(start), der_time(end)),
        subject.subject if subject_name is None else subject_name,
        subject.key_info if key_info is None else key_info,
        unique_ids,
        tlv(0xA3, seq(*extensions)) if extensions else b"",
    )
    signature = sign(issuer.private, tbs)
    if corrupt_signature:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    outer = inner_algorithm if outer_algorithm is None else outer_algorithm
    return seq(tbs, outer, tlv(0x03, b"\x00" + signature))


def ca_certificate(subject: Entity, issuer: Entity | None = None, **forged: Any) -> bytes:
    """Of a CA that signs certificates and lists."""
    forged = {"ca": True, "usage": (KEY_CERT_SIGN, CRL_SIGN), **forged}
    return certificate(subject, issuer, **forged)


def read(der: bytes) -> Certificate:
    return read_certificate(der)


def crl(issuer: Entity, *entries: bytes, **forged: Any) -> bytes:
    """A complete list of this issuer; keywords as ``build_crl``'s."""
    forged.setdefault("dn", issuer.subject)
    return build_crl(issuer, entries=entries, **forged)  # type: ignore[arg-type]


def held(issuer: Entity, *entries: bytes, **forged: Any) -> HeldList:
    return HeldList(crl(issuer, *entries, **forged))


def full(*names: bytes) -> bytes:
    """distributionPoint [0] with a fullName; a directory name is given as its Name."""
    return tlv(0xA0, tlv(0xA0, b"".join(general(one) for one in names)))


def relative(text: str) -> bytes:
    """distributionPoint [0] with a nameRelativeToCRLIssuer."""
    return tlv(0xA0, tlv(0xA1, rdn(text)[2:]))


def general(one: bytes) -> bytes:
    """A GeneralName: a Name becomes a directoryName [4], whatever else stands as it is."""
    return tlv(0xA4, one) if one[:1] == b"\x30" else one


def reasons(*positions: int, tag: int = 0x81) -> bytes:
    """ReasonFlags of a certificate's point; in a list's the tag is 0x83."""
    return bits(*positions, tag=tag)


def crl_issuer(*names: bytes) -> bytes:
    return tlv(0xA2, b"".join(general(one) for one in names))


#: Fields of an issuingDistributionPoint (RFC 5280 section 5.2.5).
USER, CA, INDIRECT, ATTRIBUTE = (tlv(tag, b"\xff") for tag in (0x81, 0x82, 0x84, 0x85))


def some_reasons(*positions: int) -> bytes:
    """onlySomeReasons of a list's point."""
    return bits(*positions, tag=0x83)


def about(*names: bytes) -> bytes:
    """An entry extension: certificateIssuer (RFC 5280 section 5.3.3)."""
    return extension("2.5.29.29", seq(*(general(one) for one in names)), critical=True)


def verdict(
    asked: bytes,
    *,
    trust: Sequence[bytes],
    lists: Sequence[bytes | HeldList] = (),
    intermediates: Sequence[bytes] = (),
    at: datetime = NOW,
    tolerances: frozenset[str] = frozenset(),
) -> Verdict:
    return check(Case(trust, intermediates, lists, asked, at, tolerances))


def refusal(call: Callable[..., object], *arguments: Any, **keywords: Any) -> InputRefused:
    """What this call refuses with."""
    with pytest.raises(InputRefused) as caught:
        call(*arguments, **keywords)
    return caught.value


def issuing(**said: Any) -> IssuingDistributionPoint:
    """A list's point that says only this."""
    nothing: dict[str, Any] = {
        "critical": True,
        "full_names": (),
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return IssuingDistributionPoint(**{**nothing, **said})
