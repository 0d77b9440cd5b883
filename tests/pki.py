"""One door to the test CAs and to the list builder in which every field can be forged."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding

from revocation.authorities import CrlSigning
from tests.der_writer import SIGN_DN, T0, der_int, der_oid, der_time, extension, name, point, seq, tlv
from tests.forged_lists import (
    ALGORITHMS,
    build_crl,
    crl_for,
    default_algorithm,
    entry,
    issuing_distribution_point,
    pss_algorithm,
    sign,
)
from tests.signing_keys import CA, SigningGeneration, ca_certificate, issue, key, key_hash, make_ca, x509_name

__all__ = [
    "ALGORITHMS",
    "CA",
    "SIGN_DN",
    "T0",
    "CrlSigning",
    "Encoding",
    "SigningGeneration",
    "build_crl",
    "ca_certificate",
    "crl_for",
    "default_algorithm",
    "der_int",
    "der_oid",
    "der_time",
    "entry",
    "extension",
    "issue",
    "issuing_distribution_point",
    "key",
    "key_hash",
    "make_ca",
    "name",
    "point",
    "pss_algorithm",
    "seq",
    "sign",
    "tlv",
    "x509_name",
]
