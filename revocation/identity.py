"""What identifies a certificate: the CA, the key that issued it, and its serial number's octets.

The serial is kept as the content octets of its DER INTEGER, exactly as they stand in the certificate or
the list: ``00 FF`` is 255 and ``FF`` is -1, and mixing the two up would answer "good" for a revoked one.
The JSON API speaks of the integer's *value* in hexadecimal; these functions are the only bridge.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revocation.errors import InputRefused

#: RFC 5280 section 4.1.2.2: conforming CAs never use more than 20 octets.
MAX_SERIAL_OCTETS: Final = 20

ISSUER_KEY_OCTETS: Final = 32

_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,64}\Z")


@dataclass(frozen=True, slots=True, repr=False)
class CertificateIdentity:
    """(ca_id, issuer key, serial octets); the representation hides the serial, because it ends in logs."""

    ca_id: str
    #: SHA-256 of the issuer's subjectPublicKey BIT STRING content: what OCSP calls issuerKeyHash.
    issuer_key: bytes
    #: Content octets of the DER INTEGER, as they stand.
    serial: bytes

    def __post_init__(self) -> None:
        if len(self.issuer_key) != ISSUER_KEY_OCTETS:
            raise InputRefused(
                "ISSUER_KEY_MALFORMED",
                expected=f"an issuer key hash of {ISSUER_KEY_OCTETS} octets (SHA-256)",
                got=f"{len(self.issuer_key)} octets",
                remedy="hash the content of the issuer's subjectPublicKey with SHA-256",
            )
        if not 1 <= len(self.serial) <= MAX_SERIAL_OCTETS:
            raise _serial_refused(f"{len(self.serial)} octets")

    def __repr__(self) -> str:
        key = self.issuer_key.hex()[:16]
        return f"CertificateIdentity(ca_id={self.ca_id!r}, issuer_key={key}..., serial=hidden)"


def _serial_refused(got: str) -> InputRefused:
    return InputRefused(
        "SERIAL_MALFORMED",
        expected=f"a serial number of 1 to {MAX_SERIAL_OCTETS} octets (RFC 5280 section 4.1.2.2)",
        got=got,
        remedy="send the hexadecimal value as OpenSSL prints it, without 0x, colons or spaces",
    )


def serial_from_int(value: int) -> bytes:
    """The minimal content octets of a DER INTEGER (X.690 section 8.3.2) with this value."""
    octets = value.to_bytes(_minimal_length(value), "big", signed=True)
    if len(octets) > MAX_SERIAL_OCTETS:
        raise _serial_refused(f"a value of {len(octets)} octets")
    return octets


def _minimal_length(value: int) -> int:
    """Octets of the shortest two's complement form: one bit more than the magnitude, for the sign."""
    magnitude = value if value >= 0 else ~value
    return magnitude.bit_length() // 8 + 1


def serial_from_hex(text: str) -> bytes:
    """A JSON ``serial_number`` as DER octets: either case, leading zeros allowed, the value counts.

    ``00bfcd``, ``bfcd`` and ``BFCD`` are one number, whose octets are ``00 BF CD``. Negative numbers
    cannot be written this way; the text is never echoed.
    """
    if not _HEX.match(text):
        raise _serial_refused("a text that is not 1 to 64 hexadecimal digits")
    return serial_from_int(int(text, 16))


def serial_to_hex(octets: bytes) -> str:
    """Lower-case hexadecimal of the value, without leading zeros; the inverse for non-negative serials."""
    return format(int.from_bytes(octets, "big", signed=True), "x")


def subject_public_key_bits(public_key: CertificatePublicKeyTypes) -> bytes:
    """Content of the subjectPublicKey BIT STRING, without the unused-bits octet (RFC 6960 section 4.1.1)."""
    info = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # SubjectPublicKeyInfo ::= SEQUENCE { AlgorithmIdentifier, BIT STRING }; written just now, so well formed.
    outer, _ = _content(info, 0)
    _, algorithm_end = _content(info, outer)
    bits, end = _content(info, algorithm_end)
    return info[bits + 1 : end]


def _content(der: bytes, at: int) -> tuple[int, int]:
    """(start, end) of the content of the element at ``at``."""
    length = der[at + 1]
    start = at + 2
    if length & 0x80:
        octets = length & 0x7F
        length = int.from_bytes(der[start : start + octets], "big")
        start += octets
    return start, start + length


def issuer_key_of(public_key: CertificatePublicKeyTypes) -> bytes:
    """SHA-256 of the subjectPublicKey BIT STRING content: the name of an issuer's key inside this product."""
    return hashlib.sha256(subject_public_key_bits(public_key)).digest()
