"""What is refused of another responder's answers: each bent property by its own code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from hypothesis import given
from hypothesis import strategies as st

from revocation.ocsp.upstream_answer import MAX_RESPONSE_OCTETS
from revocation.ocsp.upstream_word import CertStatus, UpstreamRefused
from tests import pki
from tests.pki import extension, tlv
from tests.revocation import forged_answers as forged
from tests.revocation.forged_answers import (
    HOUR,
    NOW,
    SERIAL,
    T0,
    cert_id,
    delegate,
    response,
    revoked,
    single,
)
from tests.revocation.judged_answers import DELEGATE_KEY, QUESTION, delegated, judged, plain, refused

MINUTE = timedelta(minutes=1)
_NOT_SIGNING = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
_UNKNOWN_CRITICAL = extension("1.2.3.4", b"\x05\x00", critical=True)
_STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
_BROKEN_USAGE = x509.UnrecognizedExtension(ExtensionOID.EXTENDED_KEY_USAGE, b"\x05\x00")
_RSA = pki.key("rsa", 3)

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "UPSTREAM_TOO_LARGE"),
    "huge": (lambda: b"\x30" * (MAX_RESPONSE_OCTETS + 1), "UPSTREAM_TOO_LARGE"),
    "text": (lambda: b"<html>busy</html>", "UPSTREAM_MALFORMED"),
    "half": (lambda: plain()[:-40], "UPSTREAM_MALFORMED"),
    "something-behind": (lambda: plain(behind=b"\x00"), "UPSTREAM_MALFORMED"),
    "explicit-version": (lambda: plain(version=b"\xa0\x03\x02\x01\x00"), "UPSTREAM_MALFORMED"),
    "not-basic": (lambda: plain(response_type="1.3.6.1.5.5.7.48.1.99"), "UPSTREAM_MALFORMED"),
    "malformed-request": (lambda: forged.error_response(1), "UPSTREAM_MALFORMED_REQUEST"),
    "internal-error": (lambda: forged.error_response(2), "UPSTREAM_INTERNAL_ERROR"),
    "try-later": (lambda: forged.error_response(3), "UPSTREAM_TRY_LATER"),
    "sig-required": (lambda: forged.error_response(5), "UPSTREAM_SIG_REQUIRED"),
    "unauthorized": (lambda: forged.error_response(6), "UPSTREAM_UNAUTHORIZED"),
    "status-4": (lambda: forged.error_response(4), "UPSTREAM_MALFORMED"),
    "successful-and-empty": (lambda: forged.error_response(0), "UPSTREAM_MALFORMED"),
    "other-serial": (lambda: response(single(cert_id(b"\x01"))), "UPSTREAM_OTHER_CERTIFICATE"),
    # 00 BF CD without its sign octet is another, negative number.
    "sign-octet-lost": (lambda: response(single(cert_id(SERIAL[1:]))), "UPSTREAM_OTHER_CERTIFICATE"),
    "other-issuer-key": (lambda: response(single(cert_id(generation=0))), "UPSTREAM_OTHER_CERTIFICATE"),
    "other-hash": (lambda: response(single(cert_id(hash_name="sha256"))), "UPSTREAM_OTHER_CERTIFICATE"),
    "no-single": (lambda: response(), "UPSTREAM_OTHER_CERTIFICATE"),
    "twice": (
        lambda: response(single(cert_id()), single(cert_id(), revoked())),
        "UPSTREAM_OTHER_CERTIFICATE",
    ),
    "broken-signature": (lambda: plain(broken=True), "UPSTREAM_SIGNATURE"),
    "wrong-key": (
        lambda: plain(private=DELEGATE_KEY, responder_id=forged.by_key(forged.issuer().private)),
        "UPSTREAM_SIGNATURE",
    ),
    "unknown-signer": (lambda: plain(private=DELEGATE_KEY), "UPSTREAM_SIGNER"),
    "older-generation": (lambda: plain(private=forged.issuer(0).private), "UPSTREAM_SIGNER"),
    "delegate-of-older-generation": (
        lambda: delegated(delegate(DELEGATE_KEY, forged.issuer(0))),
        "UPSTREAM_SIGNER",
    ),
    "self-signed": (
        lambda: delegated(
            delegate(
                DELEGATE_KEY,
                pki.SigningGeneration(DELEGATE_KEY, forged.issuer().certificate),
            )
        ),
        "UPSTREAM_SIGNER",
    ),
    "delegate-without-purpose": (lambda: delegated(delegate(DELEGATE_KEY, usage=None)), "UPSTREAM_SIGNER"),
    "delegate-for-tls": (
        lambda: delegated(delegate(DELEGATE_KEY, usage=ExtendedKeyUsageOID.SERVER_AUTH)),
        "UPSTREAM_SIGNER",
    ),
    "delegate-for-anything": (
        lambda: delegated(delegate(DELEGATE_KEY, usage=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)),
        "UPSTREAM_SIGNER",
    ),
    "delegate-without-nocheck": (
        lambda: delegated(delegate(DELEGATE_KEY, nocheck=False)),
        "UPSTREAM_SIGNER",
    ),
    "delegate-that-may-not-sign": (
        lambda: delegated(delegate(DELEGATE_KEY, key_usage=_NOT_SIGNING)),
        "UPSTREAM_SIGNER",
    ),
    "delegate-with-unknown-critical": (
        lambda: delegated(delegate(DELEGATE_KEY, strange=_STRANGE)),
        "UPSTREAM_SIGNER",
    ),
    "delegate-with-broken-extensions": (
        lambda: delegated(delegate(DELEGATE_KEY, usage=None, strange=_BROKEN_USAGE)),
        "UPSTREAM_SIGNER",
    ),
    "delegate-signed-with-sha1": (
        lambda: delegated(forged.signed_with_sha1(delegate(DELEGATE_KEY))),
        "UPSTREAM_SIGNER",
    ),
    "expired-delegate": (
        lambda: delegated(delegate(DELEGATE_KEY, start=T0 - 200 * HOUR)),
        "UPSTREAM_SIGNER_DATES",
    ),
    "future-delegate": (
        lambda: delegated(delegate(DELEGATE_KEY, start=NOW + HOUR)),
        "UPSTREAM_SIGNER_DATES",
    ),
    "certificates-without-end": (
        lambda: delegated(delegate(DELEGATE_KEY), certificates=[delegate(DELEGATE_KEY)] * 9),
        "UPSTREAM_SIGNER",
    ),
    "short-rsa-delegate": (
        lambda: plain(
            private=pki.key("rsa1024", 1),
            certificates=[delegate(pki.key("rsa1024", 1))],
        ),
        "UPSTREAM_SIGNER",
    ),
    "sha1-signature": (
        lambda: plain(
            private=_RSA,
            certificates=[delegate(_RSA)],
            algorithm=pki.ALGORITHMS["sha1WithRSAEncryption"],
            digest=SHA1(),  # noqa: S303
        ),
        "UPSTREAM_ALGORITHM_WEAK",
    ),
    "unknown-algorithm": (
        lambda: plain(algorithm=pki.seq(pki.der_oid("1.2.3.4"))),
        "UPSTREAM_ALGORITHM_UNKNOWN",
    ),
    "ecdsa-with-null": (
        lambda: plain(algorithm=pki.seq(pki.der_oid("1.2.840.10045.4.3.2"), b"\x05\x00")),
        "UPSTREAM_MALFORMED",
    ),
    "pss-with-short-salt": (
        lambda: plain(private=_RSA, certificates=[delegate(_RSA)], algorithm=pki.pss_algorithm(salt=16)),
        "UPSTREAM_ALGORITHM_PARAMETERS",
    ),
    "algorithm-of-another-key": (
        lambda: plain(algorithm=pki.ALGORITHMS["sha256WithRSAEncryption"]),
        "UPSTREAM_SIGNATURE",
    ),
    "unknown-critical-extension": (
        lambda: plain(extensions=[_UNKNOWN_CRITICAL]),
        "UPSTREAM_EXTENSION",
    ),
    "critical-single-extension": (
        lambda: plain(single_extensions=[_UNKNOWN_CRITICAL]),
        "UPSTREAM_EXTENSION",
    ),
    "extension-twice": (
        lambda: plain(extensions=[extension(forged.NONCE, tlv(4, QUESTION.nonce or b""))]),
        "UPSTREAM_MALFORMED",
    ),
    "over": (lambda: plain(next_update=NOW), "UPSTREAM_STALE"),
    "replayed": (
        lambda: plain(this_update=NOW - 9 * HOUR, next_update=NOW - 8 * HOUR, nonce=None),
        "UPSTREAM_STALE",
    ),
    "next-before-this": (
        lambda: plain(this_update=NOW + MINUTE, next_update=NOW + MINUTE),
        "UPSTREAM_STALE",
    ),
    "not-yet": (lambda: plain(this_update=NOW + HOUR, next_update=NOW + 2 * HOUR), "UPSTREAM_NOT_YET"),
    "utc-time": (lambda: plain(this_update=pki.der_time(NOW - HOUR)), "UPSTREAM_MALFORMED"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_right_is_refused_by_its_name(name: str) -> None:
    """One property is bent; nothing of the answer is used, whatever it says."""
    make, code = REFUSED[name]
    assert refused(make()) == code


#: Made once: two ECDSA signatures differ.
WHOLE = delegated(delegate(DELEGATE_KEY))


@given(st.data())
def test_no_flipped_bit_is_believed(data: st.DataObject) -> None:
    """Any one bit turned over: refused, or the same word (what is not signed says nothing)."""
    octets = bytearray(WHOLE)
    place = data.draw(st.integers(0, len(octets) * 8 - 1))
    octets[place // 8] ^= 1 << place % 8
    try:
        word = judged(bytes(octets))
    except UpstreamRefused:
        return
    assert word.status is CertStatus.good


@given(st.binary(max_size=200))
def test_any_octets_are_refused(octets: bytes) -> None:
    """Nothing but ``UpstreamRefused`` comes out."""
    with pytest.raises(UpstreamRefused):
        judged(octets)
