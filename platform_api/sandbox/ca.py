"""The CAs: for each one DN (O=JPKI-TEST) and its live generations, each a trust anchor and list signer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from platform_api.sandbox.keys import Algorithm, Keys, PrivateKey, algorithm_of, sign
from platform_api.sandbox.kinds import CARD, POLICY_OIDS, CaProfile
from platform_api.sandbox.municipalities import BY_CODE, Municipality

#: Nothing above this number is ever issued here: four octets, 268 million certificates of each CA.
SERIAL_CEILING: Final = 0x0FFF_FFFF

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
#: How long before the founding each generation began. The card's CAs rolled about two years back; the
#: phone's are younger and have one key yet.
_AGES_OF_CARD: Final = (timedelta(days=2400), timedelta(days=1125))
_AGES_OF_PHONE: Final = (timedelta(days=1700),)


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def issuer_name(profile: CaProfile) -> x509.Name:
    """C is a PrintableString, all others UTF8String, as in the certificates of J-LIS."""
    return _name(
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, "JPKI-TEST"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, profile.unit),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Japan Agency for Local Authority Information Systems"),
    )


def issuer_in_japanese(profile: CaProfile) -> x509.Name:
    return _name(
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, "公的個人認証サービス"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, profile.unit_in_japanese),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "地方公共団体情報システム機構"),
    )


def distribution_point_name(profile: CaProfile, place: Municipality) -> x509.Name:
    """The CRLDP of every certificate of this municipality and the IDP of its lists: a directory name."""
    return _name(
        (NameOID.COUNTRY_NAME, "JP"),
        (NameOID.ORGANIZATION_NAME, "JPKI-TEST"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, profile.unit),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "CRL Distribution Points"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, place.prefecture_romanised),
        (NameOID.COMMON_NAME, f"{place.name_romanised} CRLDP"),
    )


@dataclass(frozen=True)
class Generation:
    """One key of a CA and its self-signed certificate; ``number`` counts from 1, the oldest."""

    number: int
    key: PrivateKey
    certificate: x509.Certificate

    @cached_property
    def algorithm(self) -> Algorithm:
        return algorithm_of(self.key)

    @cached_property
    def hash(self) -> SHA256 | SHA384:
        return SHA256() if self.algorithm is Algorithm.RSA else SHA384()

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
        """Deterministic for both algorithms: a number cannot be signed twice with other octets."""
        return sign(self.key, tbs)


def _subject_public_key(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass
class CertificateAuthority:
    """One CA with all its generations, the oldest first; a key roll appends one."""

    profile: CaProfile
    generations: list[Generation]
    issuer: x509.Name = field(init=False)
    #: DER of the distribution points, by municipality code.
    points: Mapping[str, bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = issuer_name(self.profile)
        self.points = {
            code: distribution_point_name(self.profile, place).public_bytes(Encoding.DER)
            for code, place in BY_CODE.items()
        }

    @property
    def ca_id(self) -> str:
        return self.profile.ca_id

    @property
    def kinds(self) -> dict[str, str]:
        """Policy OID to kind."""
        return {POLICY_OIDS[kind]: kind for kind in self.profile.kinds}

    @property
    def newest(self) -> Generation:
        return self.generations[-1]

    def generation(self, number: int) -> Generation:
        return self.generations[number - 1]

    def by_key_id(self, key_id: str) -> Generation | None:
        return next((found for found in self.generations if found.key_id == key_id.lower()), None)

    def roll(self, key: PrivateKey, *, at: datetime, serial: int) -> Generation:
        """The next generation, from ``at`` on; the older ones go on signing their own lists."""
        generation = Generation(
            len(self.generations) + 1, key, _self_signed(self.profile, key, begins=at, serial=serial)
        )
        self.generations.append(generation)
        return generation


def algorithms(profile: CaProfile, newest_of_card: Algorithm) -> tuple[Algorithm, ...]:
    """Of the generations that a new sandbox begins with: RSA, then what was chosen; phones P-384."""
    if profile.ca_id in CARD:
        return Algorithm.RSA, newest_of_card
    return (Algorithm.P384,)


def found_authority(
    profile: CaProfile, keys: Keys, *, founded_at: datetime, serials: Sequence[int]
) -> CertificateAuthority:
    """Issues the CA certificates; deterministic, so they are made anew at every start."""
    ages = _AGES_OF_CARD if profile.ca_id in CARD else _AGES_OF_PHONE
    found = zip(keys.authority[profile.ca_id], ages, serials, strict=True)
    return CertificateAuthority(
        profile,
        [
            Generation(number, key, _self_signed(profile, key, begins=founded_at - age, serial=serial))
            for number, (key, age, serial) in enumerate(found, 1)
        ],
    )


def _self_signed(profile: CaProfile, key: PrivateKey, *, begins: datetime, serial: int) -> x509.Certificate:
    """Profile of jpki.md section 1.1: no AKI, no AIA, its own DN as CRLDP, the Japanese DN as SAN."""
    issuer = issuer_name(profile)
    own_point = x509.DistributionPoint([x509.DirectoryName(issuer)], None, None, None)
    japanese = x509.DirectoryName(issuer_in_japanese(profile))
    builder = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(begins + _LIFE)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([japanese]), critical=False)
        .add_extension(x509.CRLDistributionPoints([own_point]), critical=False)
    )
    return signed(builder, key)


def signed(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    if isinstance(key, rsa.RSAPrivateKey):
        return builder.sign(key, SHA256())
    return builder.sign(key, SHA384(), ecdsa_deterministic=True)


def all_generations(
    authorities: Mapping[str, CertificateAuthority],
) -> Iterator[tuple[CertificateAuthority, Generation]]:
    for authority in authorities.values():
        for generation in authority.generations:
            yield authority, generation
