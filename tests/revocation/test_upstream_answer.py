"""What is believed of another responder's answer, and by which settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from revocation.ocsp.upstream_word import CertStatus, UpstreamWord
from tests import pki
from tests.pki import extension, tlv
from tests.revocation import forged_answers as forged
from tests.revocation.forged_answers import (
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
from tests.revocation.judged_answers import DELEGATE_KEY, QUESTION, RULES, delegated, judged, plain, refused

MINUTE = timedelta(minutes=1)


def test_a_good_answer_of_the_ca_key() -> None:
    """All times as they stand; no reason, no date."""
    assert judged(plain()) == UpstreamWord(
        CertStatus.good, None, None, NOW - HOUR, NOW + HOUR, NOW - HOUR, NOW
    )


def test_what_is_not_critical_is_passed_over() -> None:
    """An unknown extension of the answer, or of the SingleResponse, that may be ignored."""
    mild = extension("1.2.3.4", b"\x05\x00")
    assert judged(plain(extensions=[mild], single_extensions=[mild])).status is CertStatus.good


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
