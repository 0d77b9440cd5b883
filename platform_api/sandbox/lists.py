"""One signed revocation list: v2, reasonCode in every entry, IDP, CRLNumber, AKI (RFC 5280 section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from platform_api.sandbox import der
from platform_api.sandbox.ca import ISSUER, Generation, distribution_point_name
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.register import IssuedCertificate

#: nextUpdate is two days on: one missed night does no harm, two do.
LIFE: Final = timedelta(hours=48)

_SHA256_WITH_RSA: Final = der.sequence(der.object_identifier("1.2.840.113549.1.1.11"), der.NULL)
_ISSUER: Final = ISSUER.public_bytes()
_DISTRIBUTION_POINTS: Final = {
    code: distribution_point_name(place).public_bytes(Encoding.DER) for code, place in BY_CODE.items()
}
_VERSION_2: Final = der.integer(1)
#: CRLReason is an ENUMERATED of one octet here; the whole extension block of an entry, by code.
_ENTRY_EXTENSIONS: Final = {
    reason: der.sequence(der.extension("2.5.29.21", der.integer(reason, der.ENUMERATED)))
    for reason in (1, 2, 3, 4, 5, 6)
}


def distribution_point(municipality_code: str) -> bytes:
    """DER of the Name that stands in the certificates' CRLDP and in the lists' IDP."""
    return _DISTRIBUTION_POINTS[municipality_code]


def sign_list(
    generation: Generation,
    municipality_code: str,
    revoked: Iterable[IssuedCertificate],
    *,
    crl_number: int,
    this_update: datetime,
) -> tuple[bytes, int]:
    """The list of one generation and municipality as of ``this_update``, and its number of entries.

    Deterministic: the same register gives the same octets, so a cRLNumber cannot be signed twice with others.
    """
    entries = []
    for certificate in sorted(revoked, key=lambda found: found.serial):
        step = certificate.step_at(this_update)
        if step is not None:
            entries.append(
                der.sequence(
                    der.integer(certificate.serial), der.time(step.at), _ENTRY_EXTENSIONS[step.reason]
                )
            )
    tbs = der.sequence(
        _VERSION_2,
        _SHA256_WITH_RSA,
        _ISSUER,
        der.time(this_update),
        der.time(this_update + LIFE),
        # RFC 5280 section 5.1.2.6: without revoked certificates the field must be absent.
        der.sequence(*entries) if entries else b"",
        _list_extensions(generation, municipality_code, crl_number),
    )
    return der.sequence(tbs, _SHA256_WITH_RSA, der.bit_string(generation.sign(tbs))), len(entries)


def _list_extensions(generation: Generation, municipality_code: str, crl_number: int) -> bytes:
    authority_key_identifier = der.sequence(der.tlv(0x80, generation.subject_key_identifier))
    # DistributionPointName is a CHOICE, so its [0] is explicit; fullName [0] holds directoryName [4].
    directory_name = der.tlv(0xA4, distribution_point(municipality_code))
    issuing_distribution_point = der.sequence(der.tlv(0xA0, der.tlv(0xA0, directory_name)))
    return der.tlv(
        0xA0,
        der.sequence(
            der.extension("2.5.29.35", authority_key_identifier),
            der.extension("2.5.29.20", der.integer(crl_number)),
            der.extension("2.5.29.28", issuing_distribution_point, critical=True),
        ),
    )
