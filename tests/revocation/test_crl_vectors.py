"""Every list among the cryptography project's vectors: equal entry for entry, or refused for a stated reason.

They are NIST's PKITS lists and that project's own odd ones. Nothing is skipped: what is not in the tables
below is read, and read equally by all three.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cryptography_vectors
import pytest

from revocation.authorities import Tolerance
from revocation.crl.decode import decode_certificate_list
from revocation.crl.digest import list_digest
from revocation.errors import InputRefused
from tests.revocation.decoding import refusal
from tests.revocation.test_decode_oracle import by_asn1crypto, by_cryptography, rows_of

_ROOT = Path(cryptography_vectors.__file__).parent
_PEM = re.compile(rb"-----BEGIN X509 CRL-----(.*?)-----END X509 CRL-----", re.DOTALL)
_TOLERANT = frozenset(str(one) for one in Tolerance)


class Reason(NamedTuple):
    """Why ours refuses a vector; ``said`` stands in what was got."""

    code: str
    said: str


_GENERALIZED = Reason("DER_TIME", "GeneralizedTime")

#: Refused as they stand.
_REFUSED = {
    # One unused bit: not whole octets (section 5.1.1.3).
    "BadCRLSignatureCACRL.crl": Reason("DER_SIGNATURE", "another BIT STRING"),
    # RFC 5280 section 5.3: an unknown critical extension of an entry.
    "UnknownCRLEntryExtensionCACRL.crl": Reason("UNKNOWN_CRITICAL_EXTENSION", "2.16.840.1.101.2.1.12.2"),
    # An indirect list (section 5.3.3): we take none.
    "indirectCRLCA5CRL.crl": Reason("INDIRECT_NOT_SUPPORTED", "certificateIssuer"),
    # Section 5.1.2.1: v3 is none.
    "crl_bad_version.pem": Reason("DER_VERSION", "v3"),
    # Section 4.1.2.5.1: no seconds.
    "crl_invalid_time.der": Reason("DER_TIME", "another form"),
    # A signature of no octets at all.
    "crl_inval_date_fractional_seconds.der": Reason("DER_SIGNATURE", "another BIT STRING"),
    # GeneralizedTime for a year that UTCTime has (section 5.1.2.4).
    "crl_all_reasons.pem": _GENERALIZED,
    "crl_dup_entry_ext.pem": _GENERALIZED,
    "crl_inval_cert_issuer_entry_ext.pem": _GENERALIZED,
    "crl_md2_unknown_crit_entry_ext.pem": _GENERALIZED,
    "crl_unsupported_reason.pem": _GENERALIZED,
}

#: And of those with that time, the ones that the tolerance for it does not let pass.
_REFUSED_STILL = {
    "crl_all_reasons.pem": Reason("INDIRECT_NOT_SUPPORTED", "certificateIssuer"),
    "crl_dup_entry_ext.pem": Reason("DER_DUPLICATE_EXTENSION", "2.5.29.21 twice"),
    "crl_inval_cert_issuer_entry_ext.pem": Reason("INDIRECT_NOT_SUPPORTED", "certificateIssuer"),
    "crl_md2_unknown_crit_entry_ext.pem": Reason("UNKNOWN_CRITICAL_EXTENSION", "1.2.3.4"),
}

#: What cryptography refuses of what ours reads, and why; asn1crypto is the oracle then.
_CRYPTOGRAPHY_REFUSES = {
    # Two AlgorithmIdentifiers: ours says it when the signature is verified (ALGORITHM_MISMATCH).
    "crl_inner_outer_mismatch.der": "Inner and outer signature algorithms do not match",
    # A PrintableString with other characters: for us the issuer is octets until it is compared.
    "crl_issuer_invalid_printable_string.der": "error parsing asn1 value",
    # A reason code that no RFC knows still means revoked.
    "crl_unsupported_reason.pem": "Unsupported reason code: 12",
}


@cache
def vectors() -> dict[str, bytes]:
    """Every file with a PEM list in it, every .crl, every DER file named after a list: by file name."""
    found = {}
    for path in sorted(_ROOT.rglob("*")):
        if not path.is_file():
            continue
        octets = path.read_bytes()
        blocks = [base64.b64decode(block) for block in _PEM.findall(octets)]
        if path.suffix == ".crl" or (path.suffix == ".der" and path.name.startswith("crl")):
            blocks = blocks or [octets]
        assert len(blocks) < 2
        if blocks:
            assert path.name not in found
            found[path.name] = blocks[0]
    return found


def test_the_vectors_are_all_there() -> None:
    """PKITS' 173 lists and those of the project; each name in the tables is one of them."""
    assert sum(name.endswith(".crl") for name in vectors()) == 173
    assert len(vectors()) >= 200
    assert {*_REFUSED, *_REFUSED_STILL, *_CRYPTOGRAPHY_REFUSES} <= set(vectors())
    assert all(_REFUSED[name] == _GENERALIZED for name in _REFUSED_STILL)


def check_refused(der: bytes, reason: Reason, tolerances: frozenset[str] = frozenset()) -> None:
    error = refusal(der, tolerances)
    assert (error.code, reason.said in error.got) == (reason.code, True)


def check_equal(name: str, der: bytes, tolerances: frozenset[str] = frozenset()) -> None:
    found = decode_certificate_list(der, tolerances=tolerances)
    assert found.sha256 == list_digest(der)
    rows = rows_of(found)
    assert rows == by_asn1crypto(der)
    if name in _CRYPTOGRAPHY_REFUSES:
        with pytest.raises(ValueError, match=_CRYPTOGRAPHY_REFUSES[name]):
            by_cryptography(der)
    else:
        assert rows == by_cryptography(der)


@pytest.mark.parametrize("name", sorted(vectors()))
def test_each_vector_is_equal_or_refused_for_its_reason(name: str) -> None:
    """Serial, date, reason, invalidityDate of every entry in order; or the tables' reason, and no other."""
    der = vectors()[name]
    reason = _REFUSED.get(name)
    if reason is None:
        check_equal(name, der)
        return
    check_refused(der, reason)
    if reason == _GENERALIZED:
        still = _REFUSED_STILL.get(name)
        if still is None:
            check_equal(name, der, _TOLERANT)
        else:
            check_refused(der, still, _TOLERANT)


def test_every_octet_of_an_entry_of_each_shape_cut_short() -> None:
    """T02: no vector cut anywhere in its last 80 octets or its first 80 is a list."""
    for name in ("crl_all_reasons.pem", "GoodCACRL.crl", "deltaCRLCA1CRL.crl", "LongSerialNumberCACRL.crl"):
        der = vectors()[name]
        for size in (*range(80), *range(len(der) - 80, len(der))):
            with pytest.raises(InputRefused):
                decode_certificate_list(der[:size], tolerances=_TOLERANT)
