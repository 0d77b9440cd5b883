"""One signed revocation list: v2, reasonCode in every entry, IDP, CRLNumber, AKI (RFC 5280 section 5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from platform_api.sandbox import der
from platform_api.sandbox.ca import CertificateAuthority, Generation
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.revoked import Entries

#: nextUpdate is two days on: one missed night does no harm, two do.
LIFE: Final = timedelta(hours=48)

#: RSA has NULL parameters (RFC 4055 section 5), ECDSA has none at all (RFC 5758 section 3.2).
_SIGNATURES: Final = {
    Algorithm.RSA: der.sequence(der.object_identifier("1.2.840.113549.1.1.11"), der.NULL),
    Algorithm.P384: der.sequence(der.object_identifier("1.2.840.10045.4.3.3")),
}
_VERSION_2: Final = der.integer(1)


def sign_list(
    authority: CertificateAuthority,
    generation: Generation,
    municipality_code: str,
    entries: Entries,
    *,
    crl_number: int,
    this_update: datetime,
) -> bytes:
    """The list of one generation and municipality with these entries.

    Deterministic: the same entries give the same octets, so a cRLNumber cannot be signed twice with others.
    """
    signature = _SIGNATURES[generation.algorithm]
    tbs = der.sequence(
        _VERSION_2,
        signature,
        authority.issuer.public_bytes(),
        der.time(this_update),
        der.time(this_update + LIFE),
        # RFC 5280 section 5.1.2.6: without revoked certificates the field must be absent.
        der.sequence(bytes(entries.body)) if len(entries) else b"",
        _list_extensions(generation, authority.points[municipality_code], crl_number),
    )
    return der.sequence(tbs, signature, der.bit_string(generation.sign(tbs)))


def _list_extensions(generation: Generation, distribution_point: bytes, crl_number: int) -> bytes:
    authority_key_identifier = der.sequence(der.tlv(0x80, generation.subject_key_identifier))
    # DistributionPointName is a CHOICE, so its [0] is explicit; fullName [0] holds directoryName [4].
    directory_name = der.tlv(0xA4, distribution_point)
    issuing_distribution_point = der.sequence(der.tlv(0xA0, der.tlv(0xA0, directory_name)))
    return der.tlv(
        0xA0,
        der.sequence(
            der.extension("2.5.29.35", authority_key_identifier),
            der.extension("2.5.29.20", der.integer(crl_number)),
            der.extension("2.5.29.28", issuing_distribution_point, critical=True),
        ),
    )
