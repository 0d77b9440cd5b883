"""The CA ``card-sign``: one DN (O=JPKI-TEST), two live generations, each a trust anchor and list signer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from platform_api.sandbox.keys import Keys
from platform_api.sandbox.municipalities import Municipality

CA_ID: Final = "card-sign"
KIND: Final = "card-sign"
#: The signing policy of the test hierarchy (production has …5.1.1.20).
POLICY_OID: Final = "1.2.392.200149.8.5.1.0.20"
OLDEST: Final = 1
NEWEST: Final = 2
#: Nothing above this number is ever issued here: three octets last for five million people and more.
SERIAL_CEILING: Final = 0xFF_FFFF

_KEY_USAGE: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_LIFE: Final = timedelta(days=3652)
#: How long before the founding of the sandbox each generation began (the roll is about two years back).
_AGE: Final = {OLDEST: timedelta(days=2400), NEWEST: timedelta(days=1125)}


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


#: C is a PrintableString, all others UTF8String, as in the certificates of J-LIS.
ISSUER: Final = _name(
    (NameOID.COUNTRY_NAME, "JP"),
    (NameOID.ORGANIZATION_NAME, "JPKI-TEST"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "JPKI for digital signature"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Japan Agency for Local Authority Information Systems"),
)
ISSUER_IN_JAPANESE: Final = _name(
    (NameOID.COUNTRY_NAME, "JP"),
    (NameOID.ORGANIZATION_NAME, "公的個人認証サービス"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "公的個人認証サービス署名用"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "地方公共団体情報システム機構"),
)


def distribution_point_name(place: Municipality) -> x509.Name:
    """The CRLDP of every certificate of this municipality and the IDP of its lists: a directory name."""
    return _name(
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, "JPKI-TEST"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "JPKI for digital signature"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "CRL Distribution Points"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, place.prefecture_romanised),
        (NameOID.COMMON_NAME, f"{place.name_romanised} CRLDP"),
    )


@dataclass(frozen=True)
class Generation:
    """One key of the CA and its self-signed certificate."""

    number: int
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @cached_property
    def subject_key_identifier(self) -> bytes:
        return self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest

    @cached_property
    def key_id(self) -> str:
        """SHA-256 of the subjectPublicKey BIT STRING's content, in hex: ``issuer_key`` on the wire."""
        return hashlib.sha256(_subject_public_key(self.key.public_key())).hexdigest()

    @cached_property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")

    def sign(self, tbs: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256: the same octets give the same signature, always."""
        return self.key.sign(tbs, PKCS1v15(), SHA256())


def _subject_public_key(key: rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)


@dataclass(frozen=True)
class CertificateAuthority:
    """Both generations, the older first."""

    generations: Sequence[Generation]

    def generation(self, number: int) -> Generation:
        return self.generations[number - 1]

    def by_key_id(self, key_id: str) -> Generation | None:
        return next((found for found in self.generations if found.key_id == key_id.lower()), None)


def found_authority(keys: Keys, *, founded_at: datetime, serials: Sequence[int]) -> CertificateAuthority:
    """Issues both CA certificates; deterministic, so they are made anew at every start."""
    return CertificateAuthority(
        [
            Generation(number, key, _self_signed(number, key, founded_at, serial))
            for number, key, serial in zip((OLDEST, NEWEST), keys.authority, serials, strict=True)
        ]
    )


def _self_signed(number: int, key: rsa.RSAPrivateKey, founded_at: datetime, serial: int) -> x509.Certificate:
    """Profile of jpki.md section 1.1: no AKI, no AIA, its own DN as CRLDP, the Japanese DN as SAN."""
    begins = founded_at - _AGE[number]
    own_point = x509.DistributionPoint([x509.DirectoryName(ISSUER)], None, None, None)
    return (
        x509.CertificateBuilder()
        .subject_name(ISSUER)
        .issuer_name(ISSUER)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(begins + _LIFE)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DirectoryName(ISSUER_IN_JAPANESE)]), critical=False)
        .add_extension(x509.CRLDistributionPoints([own_point]), critical=False)
        .sign(key, SHA256())
    )
