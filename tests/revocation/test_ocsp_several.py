"""Requests for several certificates, and which error a whole request gets."""

from __future__ import annotations

import pytest
from asn1crypto import ocsp as asn1_ocsp

from revocation.clock import FixedClock
from revocation.errors import OwnFault
from revocation.identity import CertificateIdentity
from revocation.ocsp.judging import Judged
from revocation.ocsp.request import decode_request
from revocation.ocsp.responder import ERRORS, OcspAnswer, Responder, ResponderPolicy, TrustMode
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from revocation.status import Status
from tests import pki
from tests.pki import extension, seq, tlv
from tests.revocation.ocsp_world import (
    CEILING,
    GOOD,
    HASH_OIDS,
    HELD,
    NOW,
    REVOKED,
    World,
    cert_id,
    make_world,
    nonce,
    request,
    responder_certificate,
)
from tests.revocation.sets import DAY, ca

KEY = pki.key("p256", 60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


def foreign(serial: int = GOOD) -> bytes:
    """A CertID of an issuer that nobody here serves."""
    return seq(
        pki.seq(pki.der_oid("2.16.840.1.101.3.4.2.1")),
        tlv(4, bytes(32)),
        tlv(4, bytes(32)),
        pki.der_int(serial),
    )


def singles(answer: OcspAnswer) -> list[tuple[bytes, str]]:
    """(CertID octets, status) as asn1crypto reads them."""
    told = asn1_ocsp.OCSPResponse.load(answer.der, strict=True)["response_bytes"]["response"].parsed
    return [
        (each["cert_id"].dump(), each["cert_status"].name) for each in told["tbs_response_data"]["responses"]
    ]


@pytest.mark.parametrize("mode", list(TrustMode))
def test_each_certificate_has_its_answer_in_order(made: World, mode: TrustMode) -> None:
    """bad-inputs.md, item 13: one SingleResponse for each CertID, as the request orders them."""
    asked = {REVOKED: "revoked", GOOD: "good", CEILING + 1: "unknown", HELD: "revoked", 1: "good"}
    answer = made.ask(request(*map(cert_id, asked)), mode)
    assert singles(answer) == [(cert_id(serial), word) for serial, word in asked.items()]
    assert answer.statuses == (
        Status.REVOKED,
        Status.GOOD,
        Status.UNKNOWN,
        Status.ON_HOLD,
        Status.GOOD,
    )
    assert answer.status is Status.REVOKED
    assert answer.cacheable


def test_the_same_certificate_twice_is_answered_twice(made: World) -> None:
    """bad-inputs.md, item 15: one SingleResponse each; by two hashes it is two names of one certificate."""
    asked = [cert_id(REVOKED), cert_id(GOOD), cert_id(REVOKED), cert_id(REVOKED, hash_name="sha1")]
    words = ["revoked", "good", "revoked", "revoked"]
    assert singles(made.ask(request(*asked))) == list(zip(asked, words, strict=True))


def test_more_than_the_policy_allows_is_malformed_as_a_whole(made: World) -> None:
    """bad-inputs.md, item 15, its cap: sixteen, and no partial answer for seventeen; duplicates count."""
    assert len(singles(made.ask(request(*[cert_id(GOOD)] * 16)))) == 16
    assert made.ask(request(*[cert_id(GOOD)] * 17)).response_status == "malformed_request"
    few = Responder(made.authorities, {}, made.clock, policy=ResponderPolicy(most_cert_ids=1))
    assert few.respond(request(cert_id(), cert_id()), made.snapshot).response_status == "malformed_request"


def test_one_that_is_not_served_refuses_the_whole_request(made: World) -> None:
    """bad-inputs.md, item 14: mixed issuers, of which one is nobody's here: unauthorized, nothing signed."""
    for asked in ([cert_id(), foreign()], [foreign(), cert_id()], [cert_id(), cert_id(b"\x01" * 21)]):
        assert made.ask(request(*asked)).response_status == "unauthorized"


def test_two_issuers_are_answered_only_by_somebody_trusted_for_both(made: World) -> None:
    """bad-inputs.md, item 14: the pinned responder speaks for both keys, neither delegate for the other's."""
    both = request(cert_id(REVOKED), cert_id(REVOKED, generation=1))
    assert [word for _, word in singles(made.ask(both, TrustMode.LOCAL))] == ["revoked", "good"]
    assert made.ask(both, TrustMode.DELEGATED).response_status == "unauthorized"


def test_a_delegate_of_one_issuer_alone_never_signs_for_the_other(made: World) -> None:
    """bad-inputs.md, item 14: nor where the second issuer has no delegate at all."""
    first = ca().generations[0]
    signers = DelegatedSigners({first.key_id: (responder_certificate(KEY, first), KEY)})
    responder = Responder(made.authorities, {TrustMode.DELEGATED: signers}, FixedClock(NOW))
    both = request(cert_id(), cert_id(generation=1))
    assert responder.respond(both, made.snapshot, TrustMode.DELEGATED).response_status == "unauthorized"


def test_times_of_several_are_those_that_hold_for_all(made: World) -> None:
    """The oldest thisUpdate and the earliest nextUpdate bound what a cache may keep."""
    judged = [
        made.responder.judge(decode_request(request(cert_id(n))).cert_ids[0], made.snapshot) for n in (1, 2)
    ]
    later = judged[1]._replace(this_update=NOW, next_update=NOW + DAY / 2)
    answer = made.responder.sign([judged[0], later])
    assert (answer.this_update, answer.next_update) == (judged[0].this_update, NOW + DAY / 2)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (("try_later", None), "try_later"),
        ((None, "unauthorized"), "unauthorized"),
        (("try_later", "unauthorized", None), "unauthorized"),
        (("unauthorized", "try_later", "internal_error"), "internal_error"),
        (("internal_error", "unauthorized"), "internal_error"),
    ],
)
def test_the_gravest_error_is_the_requests(made: World, errors: tuple[str | None, ...], said: str) -> None:
    """internalError before unauthorized before tryLater, wherever in the request it stands."""
    fault = OwnFault("INDEX_CORRUPT", expected="an index", got="another", remedy="publish again")
    fine = made.responder.judge(decode_request(request(cert_id())).cert_ids[0], made.snapshot)
    judged = [
        fine if error is None else Judged(error, fault=fault if error == "internal_error" else None)
        for error in errors
    ]
    answer = made.responder.sign(judged, b"\x04\x01n")
    assert (answer.response_status, answer.der) == (said, ERRORS[said])
    assert answer.fault is (fault if said == "internal_error" else None)
    assert (answer.cacheable, answer.status) == (False, None)


def test_what_waited_too_long_is_not_signed(made: World) -> None:
    """Between judging and signing the list, or the certificate, may end: tryLater, never a stale answer."""
    clock = FixedClock(NOW)
    signer = LocallyTrustedSigner(responder_certificate(KEY, None), KEY)
    responder = Responder(made.authorities, {TrustMode.LOCAL: signer}, clock)
    judged = responder.judge(decode_request(request(cert_id())).cert_ids[0], made.snapshot)
    assert judged.next_update is not None
    clock.set(judged.next_update)
    assert responder.sign([judged]).response_status == "try_later"
    clock.set(NOW - 2 * DAY)
    assert responder.sign([judged]).response_status == "try_later"
    clock.set(NOW)
    assert responder.sign([judged]).response_status == "successful"


def test_a_nonce_and_several_certificates(made: World) -> None:
    """One nonce for the one signature over all."""
    answer = made.ask(request(cert_id(1), cert_id(2), extensions=(nonce(b"n" * 32),)))
    told = asn1_ocsp.OCSPResponse.load(answer.der)["response_bytes"]["response"].parsed["tbs_response_data"]
    assert [each["extn_value"].contents for each in told["response_extensions"]] == [tlv(4, b"n" * 32)]
    assert not answer.cacheable


def test_whose_certificate_a_cert_id_names(made: World) -> None:
    """By any hash the same identity; None for a stranger's, an unknown hash and more than 20 octets."""
    generation = made.authority.generations[1]
    for hash_name in HASH_OIDS:
        asked = cert_id(b"\x00\xff", hash_name=hash_name, generation=1)
        found = made.responder.identity_of(decode_request(request(asked)).cert_ids[0])
        assert found == CertificateIdentity(made.authority.ca_id, generation.key_id, b"\x00\xff")
    md5 = seq(seq(pki.der_oid("1.2.840.113549.2.5")), tlv(4, bytes(16)), tlv(4, bytes(16)), pki.der_int(1))
    for asked in (foreign(), md5, cert_id(b"\x01" * 21)):
        assert made.responder.identity_of(decode_request(request(asked)).cert_ids[0]) is None


def test_representations_hide_serials(made: World) -> None:
    """They end in logs."""
    judged = made.responder.judge(decode_request(request(cert_id(0x5EC2E7))).cert_ids[0], made.snapshot)
    assert repr(judged) == "Judged(error=None, single=hidden)"


def test_an_extension_of_one_request_changes_nothing(made: World) -> None:
    """RFC 6960 section 4.1.1: what is not critical and says nothing to us."""
    single = (extension("1.2.3", b"\x05\x00"),)
    assert singles(made.ask(request(cert_id(1), cert_id(2), single=single))) == [
        (cert_id(1), "good"),
        (cert_id(2), "good"),
    ]
