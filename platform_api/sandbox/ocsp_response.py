"""One signed OCSP response (RFC 6960 section 4.2.1), written in DER.

``cryptography``'s builder puts the machine's time into producedAt; the sandbox's clock may lie in the past.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from platform_api.sandbox import der

_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_HASHES: Final = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1"}
_ECDSA_WITH_SHA256: Final = der.sequence(der.object_identifier("1.2.840.10045.4.3.2"))
_GOOD: Final = b"\x80\x00"
_UNKNOWN: Final = b"\x82\x00"
_SUCCESSFUL: Final = der.integer(0, der.ENUMERATED)


class Word(NamedTuple):
    """What is said of one certificate: known or not, and since when and why it is revoked."""

    known: bool
    revoked_at: datetime | None = None
    reason: int | None = None


class Times(NamedTuple):
    """When the response was made, and for how long its word holds."""

    produced_at: datetime
    this_update: datetime
    next_update: datetime


def signed_response(
    request: ocsp.OCSPRequest,
    word: Word,
    times: Times,
    *,
    nonce: bytes | None,
    delegate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    spoiled: bool = False,
) -> bytes:
    """The answer to a request of one CertID; ``spoiled``: under a signature that is not its own."""
    key_hash = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
    to_be_signed = der.sequence(
        der.tlv(0xA2, der.tlv(der.OCTET_STRING, key_hash)),
        _time(times.produced_at),
        der.sequence(_single(request, word, times)),
        b"" if nonce is None else der.tlv(0xA1, der.sequence(_nonce(nonce))),
    )
    signature = key.sign(to_be_signed + b"x" * spoiled, ec.ECDSA(SHA256()))
    basic = der.sequence(
        to_be_signed,
        _ECDSA_WITH_SHA256,
        der.bit_string(signature),
        der.tlv(0xA0, der.sequence(delegate.public_bytes(Encoding.DER))),
    )
    octets = der.sequence(der.object_identifier(_BASIC), der.tlv(der.OCTET_STRING, basic))
    return der.sequence(_SUCCESSFUL, der.tlv(0xA0, octets))


def _single(request: ocsp.OCSPRequest, word: Word, times: Times) -> bytes:
    cert_id = der.sequence(
        der.sequence(der.object_identifier(_HASHES[request.hash_algorithm.name]), der.NULL),
        der.tlv(der.OCTET_STRING, request.issuer_name_hash),
        der.tlv(der.OCTET_STRING, request.issuer_key_hash),
        der.integer(request.serial_number),
    )
    return der.sequence(
        cert_id,
        _status(word),
        _time(times.this_update),
        der.tlv(0xA0, _time(times.next_update)),
    )


def _status(word: Word) -> bytes:
    if not word.known:
        return _UNKNOWN
    if word.revoked_at is None:
        return _GOOD
    reason = b"" if word.reason is None else der.tlv(0xA0, der.integer(word.reason, der.ENUMERATED))
    return der.tlv(0xA1, _time(word.revoked_at) + reason)


def _nonce(nonce: bytes) -> bytes:
    return der.extension(_NONCE, der.tlv(der.OCTET_STRING, nonce))


def _time(moment: datetime) -> bytes:
    """GeneralizedTime in any year, to the second (RFC 6960 section 4.2.2.1)."""
    text = moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    return der.tlv(der.GENERALIZED_TIME, text.encode("ascii"))
