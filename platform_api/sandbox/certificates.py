"""End-entity certificates in the four profiles (jpki.md section 1.3), and OCSP responders.

Made when somebody asks, from what the register keeps; deterministic, so a certificate made twice is the same
octets. (A certificate costs about a millisecond, 2,000 residents with their past would cost five seconds.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from platform_api.sandbox.ca import (
    CertificateAuthority,
    Generation,
    distribution_point_name,
    issuer_in_japanese,
    signed,
)
from platform_api.sandbox.der import tlv
from platform_api.sandbox.keys import Keys, PrivateKey
from platform_api.sandbox.kinds import CARD_AUTH, CARD_SIGN, OCSP_URLS, POLICY_OIDS, SIGNING
from platform_api.sandbox.municipalities import BY_CODE, Municipality
from platform_api.sandbox.names import FourInformation
from platform_api.sandbox.register import IssuedCertificate

CPS_URI: Final = "http://www.jpki.go.jp/cps.html"
RESPONDER_LIFE: Final = timedelta(days=366)

_FOUR_INFORMATION: Final = "1.2.392.200149.8.5.5."
#: The reading of the name in certificates since 2026-05-26. Its arc is not published: whoever reads a
#: certificate has to tolerate otherNames that they do not know.
_FURIGANA: Final = _FOUR_INFORMATION + "7"
_UTF8_STRING: Final = 0x0C
_CACHE_LIMIT: Final = 8192


class CertificateMaker:
    """Turns a row of the register into the certificate; keeps the last few thousand."""

    def __init__(self, authorities: Mapping[str, CertificateAuthority], keys: Keys, *, seed: int) -> None:
        self._authorities = authorities
        self._keys = keys
        self._seed = seed
        self._made: dict[tuple[str, int], bytes] = {}

    def key_of(self, issued: IssuedCertificate) -> PrivateKey:
        """What the card or the phone signs with: of the algorithm of the key that issued the certificate."""
        generation = self._authorities[issued.ca_id].generation(issued.generation)
        return self._keys.of_holder(generation.algorithm, issued.serial)

    def der(self, issued: IssuedCertificate) -> bytes:
        named = issued.ca_id, issued.serial
        made = self._made.get(named)
        if made is None:
            made = self._make(issued)
            if len(self._made) >= _CACHE_LIMIT:
                self._made.pop(next(iter(self._made)), None)
            self._made[named] = made
        return made

    def _make(self, issued: IssuedCertificate) -> bytes:
        authority = self._authorities[issued.ca_id]
        generation = authority.generation(issued.generation)
        place = BY_CODE[issued.municipality_code]
        public_key = self.key_of(issued).public_key()
        point = x509.DistributionPoint(
            [x509.DirectoryName(distribution_point_name(authority.profile, place))], None, None, None
        )
        policy = x509.PolicyInformation(x509.ObjectIdentifier(POLICY_OIDS[issued.kind]), [CPS_URI])
        ocsp = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(OCSP_URLS[issued.kind])
        )
        japanese = x509.DirectoryName(issuer_in_japanese(authority.profile))
        builder = (
            x509.CertificateBuilder()
            .subject_name(self._subject(issued, place))
            .issuer_name(authority.issuer)
            .public_key(public_key)
            .serial_number(issued.serial)
            .not_valid_before(issued.not_before)
            .not_valid_after(issued.not_after)
            .add_extension(_key_usage(content_commitment=issued.kind in SIGNING), critical=True)
            .add_extension(x509.CertificatePolicies([policy]), critical=True)
        )
        if issued.items is None:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            builder = builder.add_extension(usage, critical=False)
        else:
            builder = builder.add_extension(_four_information(issued.items), critical=False)
        builder = (
            builder.add_extension(x509.IssuerAlternativeName([japanese]), critical=False)
            .add_extension(x509.CRLDistributionPoints([point]), critical=False)
            .add_extension(x509.AuthorityInformationAccess([ocsp]), critical=False)
            .add_extension(_authority_key_identifier(generation), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )
        return signed(builder, generation.key).public_bytes(Encoding.DER)

    def _subject(self, issued: IssuedCertificate, place: Municipality) -> x509.Name:
        """CN is an issuance number (14 characters, municipality, counter, letter), never a name.

        Only signing certificates say where the holder lives.
        """
        drawn = f"{self._seed}:{issued.ca_id}:{issued.serial}"
        digest = hashlib.sha256(drawn.encode()).hexdigest().upper()
        letter = "A" if issued.kind in (CARD_SIGN, CARD_AUTH) else "M"
        common_name = f"{digest[:14]}{place.code[:5]}{issued.serial % 1000:03d}{letter}"
        localities = []
        if issued.kind in SIGNING:
            localities = [
                x509.NameAttribute(NameOID.LOCALITY_NAME, place.prefecture_romanised),
                x509.NameAttribute(NameOID.LOCALITY_NAME, place.name_romanised),
            ]
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
                *localities,
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )


def make_responder_certificate(
    issuer: x509.Name,
    generation: Generation,
    public_key: CertificatePublicKeyTypes,
    *,
    serial: int,
    at: datetime,
) -> bytes:
    """A delegated OCSP responder (RFC 6960 section 4.2.2.2) below one generation, with nocheck (4.2.2.2.1).

    It begins long before ``at``: the sandbox's clock may still be moved back to its first played day.
    """
    number = x509.NameAttribute(NameOID.COMMON_NAME, f"OCSP responder {serial:x}")
    ends = min(at + RESPONDER_LIFE, generation.certificate.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([*list(issuer)[:3], number]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(max(at - RESPONDER_LIFE, generation.certificate.not_valid_before_utc))
        .not_valid_after(ends)
        .add_extension(_key_usage(content_commitment=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .add_extension(x509.OCSPNoCheck(), critical=False)
        .add_extension(_authority_key_identifier(generation), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    return signed(builder, generation.key).public_bytes(Encoding.DER)


def _four_information(items: FourInformation) -> x509.SubjectAlternativeName:
    """Six otherNames in the order of the known test card: 1, 4, 3, 5, 2, 6 (jpki.md section 1.4); then,
    where there is one, the reading of the name."""
    ordered = [
        (_FOUR_INFORMATION + "1", items.name),
        (_FOUR_INFORMATION + "4", items.date_of_birth),
        (_FOUR_INFORMATION + "3", items.gender),
        (_FOUR_INFORMATION + "5", items.address),
        (_FOUR_INFORMATION + "2", items.name_substitute_characters),
        (_FOUR_INFORMATION + "6", items.address_substitute_characters),
    ]
    if items.name_furigana is not None:
        ordered.append((_FURIGANA, items.name_furigana))
    return x509.SubjectAlternativeName(
        [
            x509.OtherName(x509.ObjectIdentifier(oid), tlv(_UTF8_STRING, value.encode()))
            for oid, value in ordered
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
