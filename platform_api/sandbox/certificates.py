"""End-entity certificates in the signing profile (jpki.md section 1.3), and OCSP responders.

Made when somebody asks, from what the register keeps; deterministic, so a certificate made twice is the same
octets. (A certificate costs about a millisecond, 2,000 residents with their past would cost five seconds.)
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from platform_api.sandbox.ca import (
    ISSUER,
    ISSUER_IN_JAPANESE,
    POLICY_OID,
    CertificateAuthority,
    Generation,
    distribution_point_name,
)
from platform_api.sandbox.der import tlv
from platform_api.sandbox.keys import Keys
from platform_api.sandbox.municipalities import BY_CODE, Municipality
from platform_api.sandbox.register import IssuedCertificate

CPS_URI: Final = "http://www.jpki.go.jp/cps.html"
#: A host of the reserved .test domain: the sandbox never sends anybody to the real responder.
OCSP_URL: Final = "http://ocspsignnorm.jpki.test"
RESPONDER_LIFE: Final = timedelta(days=366)

_FOUR_INFORMATION: Final = "1.2.392.200149.8.5.5."
_UTF8_STRING: Final = 0x0C
_CACHE_LIMIT: Final = 8192


class CertificateMaker:
    """Turns a row of the register into the certificate; keeps the last few thousand."""

    def __init__(self, authority: CertificateAuthority, keys: Keys, *, seed: int) -> None:
        self._authority = authority
        self._keys = keys
        self._seed = seed
        self._points = {code: distribution_point_name(place) for code, place in BY_CODE.items()}
        self._made: dict[int, bytes] = {}

    def der(self, issued: IssuedCertificate) -> bytes:
        made = self._made.get(issued.serial)
        if made is None:
            made = self._make(issued)
            if len(self._made) >= _CACHE_LIMIT:
                self._made.pop(next(iter(self._made)), None)
            self._made[issued.serial] = made
        return made

    def _make(self, issued: IssuedCertificate) -> bytes:
        generation = self._authority.generation(issued.generation)
        place = BY_CODE[issued.municipality_code]
        point = x509.DistributionPoint(
            [x509.DirectoryName(self._points[issued.municipality_code])], None, None, None
        )
        policy = x509.PolicyInformation(x509.ObjectIdentifier(POLICY_OID), [CPS_URI])
        ocsp = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(OCSP_URL)
        )
        built = (
            x509.CertificateBuilder()
            .subject_name(self._subject(issued, place))
            .issuer_name(ISSUER)
            .public_key(self._keys.of_card(issued.serial).public_key())
            .serial_number(issued.serial)
            .not_valid_before(issued.not_before)
            .not_valid_after(issued.not_after)
            .add_extension(_key_usage(content_commitment=True), critical=True)
            .add_extension(x509.CertificatePolicies([policy]), critical=True)
            .add_extension(_four_information(issued), critical=False)
            .add_extension(
                x509.IssuerAlternativeName([x509.DirectoryName(ISSUER_IN_JAPANESE)]), critical=False
            )
            .add_extension(x509.CRLDistributionPoints([point]), critical=False)
            .add_extension(x509.AuthorityInformationAccess([ocsp]), critical=False)
            .add_extension(_authority_key_identifier(generation), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._keys.of_card(issued.serial).public_key()),
                critical=False,
            )
            .sign(generation.key, SHA256())
        )
        return built.public_bytes(Encoding.DER)

    def _subject(self, issued: IssuedCertificate, place: Municipality) -> x509.Name:
        """CN is an issuance number (14 characters, municipality, counter, letter), never a name."""
        digest = hashlib.sha256(f"{self._seed}:{issued.serial}".encode()).hexdigest().upper()
        common_name = f"{digest[:14]}{place.code[:5]}{issued.serial % 1000:03d}A"
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
                x509.NameAttribute(NameOID.LOCALITY_NAME, place.prefecture_romanised),
                x509.NameAttribute(NameOID.LOCALITY_NAME, place.name_romanised),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )


def make_responder_certificate(
    generation: Generation, public_key: CertificatePublicKeyTypes, *, serial: int, at: datetime
) -> bytes:
    """A delegated OCSP responder (RFC 6960 section 4.2.2.2) below one generation, with nocheck (4.2.2.2.1).

    It begins long before ``at``: the sandbox's clock may still be moved back to its first played day.
    """
    number = x509.NameAttribute(NameOID.COMMON_NAME, f"OCSP responder {serial:x}")
    ends = min(at + RESPONDER_LIFE, generation.certificate.not_valid_after_utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([*list(ISSUER)[:3], number]))
        .issuer_name(ISSUER)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(max(at - RESPONDER_LIFE, generation.certificate.not_valid_before_utc))
        .not_valid_after(ends)
        .add_extension(_key_usage(content_commitment=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .add_extension(x509.OCSPNoCheck(), critical=False)
        .add_extension(_authority_key_identifier(generation), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(generation.key, SHA256())
    )
    return built.public_bytes(Encoding.DER)


def _four_information(issued: IssuedCertificate) -> x509.SubjectAlternativeName:
    """Six otherNames in the order of the known test card: 1, 4, 3, 5, 2, 6 (jpki.md section 1.4)."""
    items = issued.items
    ordered = (
        ("1", items.name),
        ("4", items.date_of_birth),
        ("3", items.gender),
        ("5", items.address),
        ("2", items.name_substitute_characters),
        ("6", items.address_substitute_characters),
    )
    return x509.SubjectAlternativeName(
        [
            x509.OtherName(
                x509.ObjectIdentifier(_FOUR_INFORMATION + last_arc), tlv(_UTF8_STRING, value.encode())
            )
            for last_arc, value in ordered
        ]
    )


def _authority_key_identifier(generation: Generation) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(generation.subject_key_identifier, None, None)


def _key_usage(*, content_commitment: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
