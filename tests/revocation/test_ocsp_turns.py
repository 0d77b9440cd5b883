"""Responder certificates that follow one another, and the alarm before the last one ends (faults.md, T09)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from revocation.clock import FixedClock
from revocation.errors import InputRefused
from revocation.ocsp.policy import TrustMode
from revocation.ocsp.responder import Responder
from revocation.ocsp.signer_expiry import ExpiryLevel
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from tests import pki
from tests.revocation.ocsp_world import NOW, World, cert_id, make_world, parsed, request
from tests.revocation.sets import DAY, ca, world
from tests.revocation.signer_certificates import certificate

KEY, OTHER = pki.key("p256", 60), pki.key("p256", 61)
FIRST = ca().generations[0]
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


def delegated(*certificates: x509.Certificate) -> DelegatedSigners:
    return DelegatedSigners({FIRST.key_id: [(each, KEY) for each in certificates]})


def local(*certificates: x509.Certificate) -> LocallyTrustedSigner:
    first, *others = [(each, KEY) for each in certificates]
    return LocallyTrustedSigner(*first, *others)


# --- one after the other ---

OLD = {"start": NOW - 20 * DAY, "life": 21 * DAY, "subject": "old"}
NEW = {"start": NOW - DAY / 2, "life": 21 * DAY, "subject": "new"}


def signs(signer: LocallyTrustedSigner | DelegatedSigners, at: datetime) -> str | None:
    found = signer.identity_for(world()[1].generations[0], at)
    assert found is not None
    name = found.certificate.subject.rfc4514_string().removeprefix("CN=")
    return name if found.valid_at(at) else None


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("mode", ["local", "delegated"])
def test_a_new_certificate_takes_over_without_a_gap(mode: str, order: int) -> None:
    """T09: the old signs until the new has been valid for the tolerance between clocks; then the new."""
    issuer = None if mode == "local" else FIRST
    both = [certificate(KEY, issuer, **OLD), certificate(KEY, issuer, **NEW)][::order]
    signer = local(*both) if mode == "local" else delegated(*both)
    begins, ends = NOW - DAY / 2, NOW + DAY
    assert signs(signer, begins - MINUTE) == "old"
    assert signs(signer, begins + 4 * MINUTE) == "old"
    assert signs(signer, begins + 5 * MINUTE) == "new"
    assert signs(signer, ends + MINUTE) == "new"
    assert signs(signer, begins + 21 * DAY - MINUTE) == "new"
    assert signs(signer, begins + 21 * DAY) is None
    assert signs(signer, NOW - 21 * DAY) is None


def test_where_nobody_is_settled_whoever_is_valid_signs() -> None:
    """The old ends as the new begins: no second without a signer."""
    old = certificate(KEY, start=NOW - 10 * DAY, life=10 * DAY, subject="old")
    new = certificate(KEY, start=NOW, subject="new")
    signer = local(old, new)
    assert [signs(signer, NOW + timedelta(seconds=at)) for at in (-2, -1, 0, 1)] == [
        "old",
        "old",
        "new",
        "new",
    ]


def test_a_signature_is_by_the_certificate_that_signs_now(made: World) -> None:
    """Two keys: what goes along and what the signature verifies by change together."""
    generation = made.authority.generations[0]
    new = certificate(OTHER, FIRST, start=NOW - DAY / 48)
    pairs = [(certificate(KEY, FIRST, **OLD), KEY), (new, OTHER)]
    signer = DelegatedSigners({generation.key_id: pairs})
    clock = FixedClock(NOW)
    responder = Responder(made.authorities, {TrustMode.DELEGATED: signer}, clock)
    for at, key in ((NOW - DAY / 36, KEY), (NOW, OTHER)):
        clock.set(at)
        response = parsed(responder.respond(request(cert_id()), made.snapshot, TrustMode.DELEGATED))
        assert response.certificates[0].public_key() == key.public_key()
        key.public_key().verify(response.signature, response.tbs_response_bytes, ec.ECDSA(SHA256()))


def test_an_answer_ends_with_its_signers_certificate(made: World) -> None:
    """Nobody can believe it longer: nextUpdate is the certificate's end where that comes first."""
    ends = NOW + timedelta(hours=2)
    signer = local(certificate(KEY, start=NOW - DAY, life=DAY + timedelta(hours=2)))
    clock = FixedClock(NOW)
    responder = Responder(made.authorities, {TrustMode.LOCAL: signer}, clock)
    answer = responder.respond(request(cert_id()), made.snapshot)
    assert answer.next_update == parsed(answer).next_update_utc == ends
    clock.set(ends)
    assert responder.respond(request(cert_id()), made.snapshot).response_status == "try_later"


def test_a_generation_that_is_over_does_not_stop_the_start() -> None:
    """Nobody renews the delegate of a CA key whose own certificate has ended; a live key's is wanted."""
    authorities, authority = world()
    generation = authority.generations[0]
    signer = delegated(certificate(KEY, FIRST, start=NOW - 9 * DAY, life=DAY))
    after = generation.certificate.not_valid_after_utc
    Responder(authorities, {TrustMode.DELEGATED: signer}, FixedClock(after + DAY))
    with pytest.raises(InputRefused, match="valid now"):
        Responder(authorities, {TrustMode.DELEGATED: signer}, FixedClock(NOW))


# --- alarms ---


@pytest.mark.parametrize(
    ("left", "level"),
    [
        (31 * DAY, ExpiryLevel.FINE),
        (30 * DAY + MINUTE, ExpiryLevel.FINE),
        (30 * DAY, ExpiryLevel.NOTICE),
        (14 * DAY, ExpiryLevel.WARNING),
        (3 * DAY, ExpiryLevel.CRITICAL),
        (MINUTE, ExpiryLevel.CRITICAL),
        (timedelta(0), ExpiryLevel.ENDED),
        (-DAY, ExpiryLevel.ENDED),
    ],
)
def test_the_alarm_before_a_signer_ends(left: timedelta, level: ExpiryLevel) -> None:
    """T09: 30, 14 and 3 days before the last certificate of a signer ends; the first to end alarms nobody."""
    ends = NOW + 40 * DAY
    soon = certificate(KEY, start=NOW - DAY, life=2 * DAY)
    signer = local(soon, certificate(KEY, start=NOW, life=40 * DAY))
    (told,) = signer.expiries(ends - left)
    assert (told.mode, told.generation, told.key_id) == ("local", None, None)
    assert (told.not_after, told.seconds_left, told.level) == (ends, left.total_seconds(), level)


def test_the_alarm_of_delegates_names_their_generation(made: World) -> None:
    """By the CA's key, and by its name once the responder knows the CA."""
    generation = made.authority.generations[0]
    signer = delegated(certificate(KEY, FIRST))
    assert [each.generation for each in signer.expiries(NOW)] == [None]
    responder = Responder(
        made.authorities, {TrustMode.DELEGATED: signer, TrustMode.LOCAL: local(certificate(KEY))}, made.clock
    )
    told = {each.mode: each for each in responder.expiries()}
    assert set(told) == {"local", "delegated"}
    assert (told["delegated"].generation, told["delegated"].key_id) == (generation.name, generation.key_id)
