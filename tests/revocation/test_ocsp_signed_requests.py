"""Signed OCSP requests (RFC 6960 section 4.1.2): ignored, verified or required, and never a crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.clock import FixedClock
from revocation.errors import InputRefused
from revocation.ocsp.policy import NotIssued, ResponderPolicy, SignedRequests
from revocation.ocsp.responder import ERRORS, Responder, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from tests import pki
from tests.pki import ALGORITHMS, seq
from tests.revocation.ocsp_world import NOW, World, cert_id, make_world, request
from tests.revocation.sets import DAY
from tests.revocation.signed_requests import Sign, by, signed
from tests.revocation.signer_certificates import certificate, of_an_unknown_curve

RESPONDER = pki.key("p256", 60)
CLIENT, STRANGER = pki.key("p256", 63), pki.key("p256", 64)
RSA_CLIENT = pki.key("rsa", 63)
WEAK_CLIENT = rsa.generate_private_key(65537, 1024)  # noqa: S505 - refused
PINNED = (
    certificate(CLIENT, subject="client"),
    certificate(RSA_CLIENT, subject="rsa client"),
    certificate(WEAK_CLIENT, subject="weak client"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


def responder(
    world: World,
    policy: SignedRequests,
    requestors: tuple[x509.Certificate, ...] = PINNED,
    clock: FixedClock | None = None,
) -> Responder:
    signer = LocallyTrustedSigner(certificate(RESPONDER, life=900 * DAY), RESPONDER)
    settings = ResponderPolicy(signed_requests=policy, requestors=requestors)
    return Responder(world.authorities, {TrustMode.LOCAL: signer}, clock or FixedClock(NOW), policy=settings)


GOOD_SIGNATURES: dict[str, Sign] = {
    "P-256": by(CLIENT, "ecdsa-with-SHA256", hashes.SHA256()),
    "RSA": by(RSA_CLIENT, "sha256WithRSAEncryption", hashes.SHA256()),
}
BAD_SIGNATURES: dict[str, Sign] = {
    "a stranger": by(STRANGER, "ecdsa-with-SHA256", hashes.SHA256()),
    "of other octets": lambda tbs: by(CLIENT, "ecdsa-with-SHA256", hashes.SHA256())(tbs + b"x"),
    "garbage": lambda tbs: (ALGORITHMS["ecdsa-with-SHA256"], b"garbage"),
    "nothing": lambda tbs: (ALGORITHMS["ecdsa-with-SHA256"], b""),
    "by SHA-1": by(RSA_CLIENT, "sha1WithRSAEncryption", hashes.SHA1()),  # noqa: S303 - refused
    "by a short key": by(WEAK_CLIENT, "sha256WithRSAEncryption", hashes.SHA256()),
    "named as another": lambda tbs: (
        ALGORITHMS["sha256WithRSAEncryption"],
        CLIENT.sign(tbs, ec.ECDSA(hashes.SHA256())),
    ),
    "an unknown algorithm": lambda tbs: (seq(pki.der_oid("1.2.3.4")), b"x" * 64),
}


@pytest.mark.parametrize("policy", [SignedRequests.VERIFY, SignedRequests.REQUIRE])
@pytest.mark.parametrize("name", list(GOOD_SIGNATURES))
def test_a_requestors_signature_is_believed(made: World, policy: SignedRequests, name: str) -> None:
    """bad-inputs.md, item 38: by a pinned key, whatever certificates the request itself brings."""
    asked = signed(GOOD_SIGNATURES[name])
    assert responder(made, policy).respond(asked, made.snapshot).response_status == "successful"
    other = certificate(STRANGER).public_bytes(Encoding.DER)
    asked = signed(GOOD_SIGNATURES[name], certificates=(other,))
    assert responder(made, policy).respond(asked, made.snapshot).response_status == "successful"


@pytest.mark.parametrize("policy", [SignedRequests.VERIFY, SignedRequests.REQUIRE])
@pytest.mark.parametrize("name", list(BAD_SIGNATURES))
def test_any_other_signature_is_unauthorized(made: World, policy: SignedRequests, name: str) -> None:
    """bad-inputs.md, item 38: a stranger's, garbage, weak algorithms and keys; and its own certificate."""
    brought = certificate(STRANGER).public_bytes(Encoding.DER)
    for certificates in ((), (brought,), (seq(b"\x05\x00"),)):
        asked = signed(BAD_SIGNATURES[name], certificates=certificates)
        assert responder(made, policy).respond(asked, made.snapshot).response_status == "unauthorized"


@pytest.mark.parametrize("name", [*GOOD_SIGNATURES, *BAD_SIGNATURES])
def test_by_default_signatures_are_not_looked_at(made: World, name: str) -> None:
    """bad-inputs.md, item 38, and RFC 9919 section 3.1.2: who may ask is decided by whoever serves."""
    asked = signed((GOOD_SIGNATURES | BAD_SIGNATURES)[name])
    assert made.ask(asked).response_status == "successful"


def test_unsigned_requests(made: World) -> None:
    """RFC 6960 section 2.3: sigRequired where a signature is wanted; fine where it is only verified."""
    asked = request(cert_id())
    answer = responder(made, SignedRequests.REQUIRE).respond(asked, made.snapshot)
    assert (answer.response_status, answer.der) == ("sig_required", ERRORS["sig_required"])
    assert answer.der == bytes.fromhex("30030a0105")
    assert (
        responder(made, SignedRequests.VERIFY).respond(asked, made.snapshot).response_status == "successful"
    )


def test_a_requestor_out_of_its_dates_is_nobody(made: World) -> None:
    """Its certificate's dates are compared with the clock, both ends inclusive."""
    clock = FixedClock(NOW)
    start, end = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    asked = signed(GOOD_SIGNATURES["P-256"])
    for at, said in (
        (start - timedelta(seconds=1), "unauthorized"),
        (start, "successful"),
        (end, "successful"),
        (end + timedelta(seconds=1), "unauthorized"),
    ):
        clock.set(at)
        pinned = (certificate(CLIENT, start=start, life=end - start),)
        made_so = responder(made, SignedRequests.VERIFY, pinned, clock)
        assert made_so.respond(asked, made.snapshot).response_status == said, at


@settings(max_examples=100, deadline=None)
@given(
    algorithm=st.sampled_from(list(ALGORITHMS.values())) | st.just(seq(pki.der_oid("1.2.3"))),
    signature=st.binary(max_size=300),
    certificates=st.lists(st.binary(max_size=40).map(seq), max_size=2),
    policy=st.sampled_from([SignedRequests.VERIFY, SignedRequests.REQUIRE]),
)
def test_no_garbage_is_believed_or_crashes(
    made: World,
    algorithm: bytes,
    signature: bytes,
    certificates: list[bytes],
    policy: SignedRequests,
) -> None:
    """bad-inputs.md, item 38: never 500, whatever stands in the place of a signature."""
    asked = signed(lambda tbs: (algorithm, signature), certificates=tuple(certificates))
    said = responder(made, policy).respond(asked, made.snapshot).response_status
    assert said in ("unauthorized", "malformed_request")


def test_a_pinned_key_that_cannot_verify_is_nobodys(made: World) -> None:
    """A DSA requestor, and one whose curve is nobody's: no algorithm that we know is its own."""
    from cryptography.hazmat.primitives.asymmetric import dsa

    pinned = (certificate(dsa.generate_private_key(2048)), of_an_unknown_curve(CLIENT))
    asked = signed(GOOD_SIGNATURES["P-256"])
    made_so = responder(made, SignedRequests.VERIFY, pinned)
    assert made_so.respond(asked, made.snapshot).response_status == "unauthorized"


@pytest.mark.parametrize(
    "options",
    [
        {"signed_requests": SignedRequests.VERIFY},
        {"signed_requests": SignedRequests.REQUIRE},
        {"requestors": PINNED},
        {"most_cert_ids": 0},
        {"most_cert_ids": 33},
    ],
)
def test_settings_that_contradict_themselves(options: dict[str, Any]) -> None:
    """Verified by nobody, or requestors whom nobody asks; and numbers that the decoder does not take."""
    with pytest.raises(InputRefused, match="RESPONDER_POLICY_REFUSED"):
        ResponderPolicy(**options)
    assert ResponderPolicy().not_issued is NotIssued.UNKNOWN
