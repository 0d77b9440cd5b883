"""Another responder's answer is verified whole: each bent property refuses it by its own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from revocation.ocsp.upstream_answer import MAX_RESPONSE_OCTETS, UpstreamRules, verified_word
from revocation.ocsp.upstream_word import CertStatus, UpstreamRefused, UpstreamWord
from tests import pki
from tests.pki import extension, tlv
from tests.revocation import forged_answers as forged
from tests.revocation.forged_answers import (
    GOOD,
    HOUR,
    NOW,
    SERIAL,
    T0,
    UNKNOWN,
    asked,
    by_name,
    cert_id,
    delegate,
    response,
    revoked,
    single,
)

QUESTION = asked()
RULES = UpstreamRules()
DELEGATE_KEY = pki.key("p256", 55)
MINUTE = timedelta(minutes=1)


def judged(octets: bytes, rules: UpstreamRules = RULES, question: Any = QUESTION) -> UpstreamWord:
    return verified_word(octets, question, rules, NOW)


def refused(octets: bytes, rules: UpstreamRules = RULES, question: Any = QUESTION) -> str:
    """The code; what it says holds nothing of the question or the answer."""
    with pytest.raises(UpstreamRefused) as found:
        judged(octets, rules, question)
    error = found.value
    text = str(error).lower()
    assert "bfcd" not in text
    assert QUESTION.nonce is not None
    assert QUESTION.nonce.hex() not in text
    assert error.expected
    assert error.got
    assert error.remedy
    return error.code


def plain(status: bytes = GOOD, **bent: Any) -> bytes:
    """An answer to ``QUESTION`` with its nonce; the rest can be bent."""
    timing = {name: bent.pop(name) for name in ("this_update", "next_update") if name in bent}
    single_extensions = bent.pop("single_extensions", ())
    bent.setdefault("nonce", QUESTION.nonce)
    return response(single(cert_id(), status, extensions=single_extensions, **timing), **bent)


def delegated(certificate: x509.Certificate, **bent: Any) -> bytes:
    bent = {"private": DELEGATE_KEY, "certificates": [certificate]} | bent
    return plain(**bent)


# --- what is believed ---


def test_a_good_answer_of_the_ca_key() -> None:
    """All times as they stand; no reason, no date."""
    assert judged(plain()) == UpstreamWord(
        CertStatus.good, None, None, NOW - HOUR, NOW + HOUR, NOW - HOUR, NOW
    )


@pytest.mark.parametrize(
    ("element", "reason"),
    [(0, 0), (1, 1), (6, 6), (7, 7), (8, 8), (99, 99), (None, 0xFF), (b"\x01\x00", 0xFF)],
)
def test_a_revocation_is_never_lost_for_its_reason(element: Any, reason: int) -> None:
    """RFC 5280 section 5.3.1 knows eleven codes; whatever stands there, it is revoked."""
    word = judged(plain(revoked(element, T0 - HOUR)))
    assert (word.status, word.reason, word.revoked_at) == (CertStatus.revoked, reason, T0 - HOUR)
    assert word.held == (reason == 6)


def test_unknown_is_told_as_it_is() -> None:
    """It is no reason to call anything revoked, nor good."""
    word = judged(plain(UNKNOWN))
    assert (word.status, word.reason, word.held) == (CertStatus.unknown, None, False)


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_the_hash_of_the_question(hash_name: str) -> None:
    """SHA-1 and SHA-256 CertIDs; the NULL parameters may be absent."""
    question = asked(hash_name=hash_name)
    for null in (b"\x05\x00", b""):
        octets = response(single(cert_id(hash_name=hash_name, null=null)), nonce=question.nonce)
        assert judged(octets, question=question).status is CertStatus.good


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa", "ed25519"])
@pytest.mark.parametrize("named", [True, False])
def test_a_delegate_of_the_ca_key(kind: str, named: bool) -> None:
    """RFC 6960 section 4.2.2.2 by every kind of key, by name and by key; also behind other certificates."""
    private = pki.key(kind, 55)
    certificate = delegate(private)
    bent: dict[str, Any] = {"private": private, "certificates": [forged.issuer().certificate, certificate]}
    if named:
        bent["responder_id"] = by_name(certificate)
    assert judged(plain(**bent)).status is CertStatus.good


def test_the_ca_by_name() -> None:
    """All generations share the name: the signature says which it was, and only the issuer's own counts."""
    ours, older = forged.issuer(), forged.issuer(0)
    assert judged(plain(responder_id=by_name(ours.certificate))).status is CertStatus.good
    bent = plain(private=older.private, responder_id=by_name(older.certificate))
    assert refused(bent) == "UPSTREAM_SIGNATURE"


def test_others_may_stand_beside_ours() -> None:
    """RFC 9919 section 3.2.1: a responder may say more than was asked; only our certificate's word counts."""
    others = (single(cert_id(b"\x05"), revoked()), single(cert_id(generation=0), revoked()))
    strange = pki.seq(pki.seq(pki.der_oid("1.2.3")), tlv(4, b"n"), tlv(4, b"k"), pki.der_int(SERIAL))
    octets = response(
        others[0], single(strange, revoked()), single(cert_id()), others[1], nonce=QUESTION.nonce
    )
    assert judged(octets).status is CertStatus.good
    turned = response(single(cert_id(b"\x05")), single(cert_id(), revoked(4)), nonce=QUESTION.nonce)
    assert judged(turned).reason == 4


def test_a_pinned_certificate_signs_and_nobody_else() -> None:
    """Locally trusted: no EKU and no CA needed; then not even the CA key is believed."""
    pinned = delegate(DELEGATE_KEY, usage=None, nocheck=False)
    rules = replace(RULES, pinned=pinned)
    assert judged(plain(private=DELEGATE_KEY), rules).status is CertStatus.good
    assert refused(plain(), rules) == "UPSTREAM_SIGNER"
    assert refused(plain(private=DELEGATE_KEY, broken=True), rules) == "UPSTREAM_SIGNATURE"
    over = replace(RULES, pinned=delegate(DELEGATE_KEY, start=T0 - 200 * HOUR))
    assert refused(plain(private=DELEGATE_KEY), over) == "UPSTREAM_SIGNER_DATES"


def test_nonce_rules() -> None:
    """Sent and absent: by the setting. Sent and another: never. Not sent: none is looked for."""
    assert judged(plain(nonce=None)).status is CertStatus.good
    assert refused(plain(nonce=None), replace(RULES, require_nonce=True)) == "UPSTREAM_NONCE"
    assert refused(plain(nonce=b"\x00" * 32)) == "UPSTREAM_NONCE"
    assert refused(plain(nonce=(QUESTION.nonce or b"")[:-1])) == "UPSTREAM_NONCE"
    quiet = asked(with_nonce=False)
    assert judged(plain(), question=quiet).status is CertStatus.good


def test_without_next_update_the_age_is_bounded() -> None:
    """RFC 6960 section 4.2.2.1: newer information is always there; so an hour, by the setting."""
    assert judged(plain(next_update=None, this_update=NOW - HOUR)).next_update is None
    assert refused(plain(next_update=None, this_update=NOW - HOUR - MINUTE)) == "UPSTREAM_STALE"
    patient = replace(RULES, max_age=3 * HOUR)
    assert judged(plain(next_update=None, this_update=NOW - 3 * HOUR), patient).status is CertStatus.good


def test_clocks_may_differ_by_five_minutes_towards_the_future() -> None:
    """thisUpdate and producedAt; a nextUpdate that is over is over."""
    five = timedelta(minutes=5)
    assert judged(plain(this_update=NOW + five, produced_at=NOW + five)).status is CertStatus.good
    assert refused(plain(this_update=NOW + five + timedelta(seconds=1))) == "UPSTREAM_NOT_YET"
    assert refused(plain(produced_at=NOW + five + timedelta(seconds=1))) == "UPSTREAM_NOT_YET"
    assert judged(plain(next_update=NOW + timedelta(seconds=1))).status is CertStatus.good


# --- what is refused ---

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
_RSA = pki.key("rsa", 3)

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "UPSTREAM_TOO_LARGE"),
    "huge": (lambda: b"\x30" * (MAX_RESPONSE_OCTETS + 1), "UPSTREAM_TOO_LARGE"),
    "text": (lambda: b"<html>busy</html>", "UPSTREAM_MALFORMED"),
    "half": (lambda: plain()[:-40], "UPSTREAM_MALFORMED"),
    "something-behind": (lambda: plain(behind=b"\x00"), "UPSTREAM_MALFORMED"),
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
        lambda: delegated(delegate(DELEGATE_KEY, unknown_critical=True)),
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


def test_nocheck_is_a_setting() -> None:
    """RFC 6960 section 4.2.2.2.1 leaves it to the client; only a plain yes of the operator changes it."""
    rules = replace(RULES, accept_without_nocheck=True)
    octets = delegated(delegate(DELEGATE_KEY, nocheck=False))
    assert judged(octets, rules).status is CertStatus.good


def test_a_good_delegate_beside_a_bad_one() -> None:
    """Two certificates of one key and name, the first over: the one that is valid decides."""
    chain = [delegate(DELEGATE_KEY, start=T0 - 200 * HOUR), delegate(DELEGATE_KEY)]
    assert judged(delegated(chain[1], certificates=chain)).status is CertStatus.good


def test_a_shown_word_hides_its_certificate() -> None:
    """repr ends in logs."""
    assert repr(judged(plain(revoked()))) == "UpstreamWord(revoked, certificate=hidden)"


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
