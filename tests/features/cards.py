"""My Number cards for tests: JPKI-profile certificates with a holder's key, by cryptography's builder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from tests import pki

SIGN_POLICY = "1.2.392.200149.8.5.1.0.20"
AUTH_POLICY = "1.2.392.200149.8.5.1.3.30"
ARC = "1.2.392.200149.8.5.5."

#: A signing certificate ends on its holder's birthday: here 28 February, of who was born on the 29th.
BIRTHDAY = datetime(2031, 2, 28, 14, 59, 59, tzinfo=UTC)

ITEMS: Mapping[str, str] = {
    "1": "黒桐　幹也",
    "2": "00010",
    "3": "1",
    "4": "319800217",
    "5": "東京都清瀬市観布子南１２－７－２０２",
    "6": "0" * 18,
}


@dataclass(frozen=True)
class Card:
    """A certificate and the key that signs with it."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def serial(self) -> int:
        return self.certificate.serial_number

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), SHA256())
        return self.key.sign(data, ec.ECDSA(SHA384() if self.digest_algorithm == "sha384" else SHA256()))

    @property
    def digest_algorithm(self) -> str:
        large = isinstance(self.key, ec.EllipticCurvePrivateKey) and self.key.curve.key_size == 384
        return "sha384" if large else "sha256"

    @property
    def algorithm(self) -> str:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return "RSASSA-PKCS1-v1_5-SHA256"
        return "ECDSA-SHA384" if self.digest_algorithm == "sha384" else "ECDSA-SHA256"


def digest(data: bytes, algorithm: str = "sha256") -> bytes:
    return hashlib.new(algorithm, data).digest()


def make_card(
    ca: pki.CA,
    *,
    generation: int = -1,
    serial: int | None = None,
    policies: Sequence[str] = (SIGN_POLICY,),
    items: Mapping[str, str] | None = ITEMS,
    other_names: Sequence[x509.OtherName] | None = None,
    key: Any = None,
    partition: int | None = 1,
    not_before: datetime = pki.T0 - timedelta(days=30),
    not_after: datetime = BIRTHDAY,
    key_usage: bool = True,
    is_ca: bool = False,
    extra: x509.ExtensionType | None = None,
    extra_critical: bool = False,
    issuer_key: Any = None,
) -> Card:
    """A card of this CA; each keyword bends one property."""
    key = key or pki.key("p256", 90)
    signer = ca.generations[generation]
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.x509_name(("C", "JP"), ("L", "Tokyo-to"), ("CN", "TESTCARD13221003A")))
        .issuer_name(pki.x509_name(*ca.dn))
        .public_key(key.public_key())
        .serial_number(ca.next_serial() if serial is None else serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.AuthorityKeyIdentifier(signer.ski, None, None), critical=False)
    )
    if policies:
        named = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in policies]
        builder = builder.add_extension(x509.CertificatePolicies(named), critical=True)
    if key_usage:
        builder = builder.add_extension(_usage(), critical=True)
    if is_ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if partition is not None:
        crldp = pki.seq(pki.seq(pki.tlv(0xA0, pki.tlv(0xA0, pki.tlv(0xA4, pki.point(partition))))))
        oid = x509.ObjectIdentifier("2.5.29.31")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, crldp), critical=False)
    if other_names is None and items is not None:
        other_names = [utf8_name(ARC + digit, text) for digit, text in items.items()]
    if other_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(other_names), critical=False)
    if extra is not None:
        builder = builder.add_extension(extra, critical=extra_critical)
    private = issuer_key or signer.private
    large = isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.key_size == 384
    return Card(builder.sign(private, SHA384() if large else SHA256()), key)


def utf8_name(oid: str, text: str | bytes) -> x509.OtherName:
    octets = text.encode() if isinstance(text, str) else text
    return x509.OtherName(x509.ObjectIdentifier(oid), pki.tlv(0x0C, octets))


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
