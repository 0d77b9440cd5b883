"""OCSP: each status by each hash in each mode, when nothing is signed, and who may sign."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from revocation.clock import FixedClock
from revocation.errors import InputRefused, OwnFault
from revocation.ocsp.responder import Responder, TrustMode
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from revocation.status import Status
from tests import pki
from tests.revocation.ocsp_world import (
    CEILING,
    GOOD,
    HASH_OIDS,
    HELD,
    HIGH_BIT,
    NOW,
    REVOKED,
    THIS_UPDATE,
    World,
    cert_id,
    make_world,
    parsed,
    point_of,
    request,
    responder_certificate,
)
from tests.revocation.sets import DAY, ca, world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


# --- statuses ---


@pytest.mark.parametrize("mode", list(TrustMode))
@pytest.mark.parametrize("hash_name", list(HASH_OIDS))
@pytest.mark.parametrize(
    ("serial", "status"),
    [
        (GOOD, "GOOD"),
        (REVOKED, "REVOKED"),
        (HELD, "REVOKED"),
        (HIGH_BIT, "REVOKED"),
        (CEILING + 1, "UNKNOWN"),
    ],
)
def test_each_status_by_each_hash_in_each_mode(
    made: World, mode: TrustMode, hash_name: str, serial: int, status: str
) -> None:
    """The answer echoes the CertID of the request, whichever hash it uses."""
    answer = made.ask(request(cert_id(serial, hash_name=hash_name)), mode)
    response = parsed(answer)
    assert response.certificate_status.name == status
    assert response.serial_number == serial
    assert response.hash_algorithm.name == hash_name
    assert (answer.response_status, answer.cacheable) == ("successful", True)


def test_zero_is_a_serial_that_nobody_issued(made: World) -> None:
    """RFC 5280 section 4.1.2.2: positive. Item 25: signed unknown, as for one above the ceiling."""
    response = parsed(made.ask(request(cert_id(0))))
    assert (response.certificate_status, response.serial_number) == (ocsp.OCSPCertStatus.UNKNOWN, 0)
    assert parsed(made.ask(request(cert_id(1)))).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_times_are_the_lists_and_the_responder_is_named_by_key(made: World) -> None:
    """thisUpdate and nextUpdate as on the list, whole seconds; byKey; the certificate is the client's."""
    answer = made.ask(request(cert_id()))
    response = parsed(answer)
    assert (response.this_update_utc, response.next_update_utc) == (THIS_UPDATE, THIS_UPDATE + DAY)
    assert (answer.this_update, answer.next_update) == (THIS_UPDATE, THIS_UPDATE + DAY)
    assert answer.produced_at == response.produced_at_utc
    assert response.responder_name is None
    # RFC 6960 section 4.2.1: KeyHash is SHA-1, whatever the CertID's hash.
    assert response.responder_key_hash == hashlib.sha1(point_of(made.local)).digest()  # noqa: S324
    assert response.certificates == []


def test_revoked_tells_reason_and_date(made: World) -> None:
    """As the list has them."""
    response = parsed(made.ask(request(cert_id(REVOKED))))
    assert response.revocation_reason is x509.ReasonFlags.affiliation_changed
    assert response.revocation_time_utc == THIS_UPDATE - DAY


@pytest.mark.parametrize(
    ("serial", "reason"),
    [(HELD, x509.ReasonFlags.certificate_hold), (20, None), (21, None), (22, None)],
    ids=["hold", "absent", "removeFromCRL", "unknown-code"],
)
def test_odd_reasons_are_revoked_all_the_same(
    made: World, serial: int, reason: x509.ReasonFlags | None
) -> None:
    """Item 67: hold with its reason; absent, removeFromCRL in a full list and unknown codes without one."""
    response = parsed(made.ask(request(cert_id(serial))))
    assert response.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert response.revocation_reason is reason


def test_a_revocation_before_1950_has_a_well_formed_time(made: World) -> None:
    """Item 68: GeneralizedTime has every year, so the list's own date is told."""
    response = parsed(made.ask(request(cert_id(23))))
    assert response.revocation_time_utc == datetime(1949, 1, 1, tzinfo=UTC)


def test_the_second_generation_is_another_issuer(made: World) -> None:
    """Item 19: same DN, other key: the first key's revoked serial is good under the second."""
    answer = parsed(made.ask(request(cert_id(REVOKED, generation=1))))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_delegated_answers_are_signed_by_the_generation_asked_about(made: World) -> None:
    """Item 14: never by a signer that is not authorised for the issuer."""
    for generation, each in enumerate(ca().generations):
        answer = made.ask(request(cert_id(generation=generation)), TrustMode.DELEGATED)
        assert parsed(answer).certificates == [made.delegated[each.key_id]]


# --- freshness ---


def test_after_next_update_nothing_is_signed(made: World) -> None:
    """Design 5: tryLater for every serial of the scope, revoked ones too; one second before, an answer."""
    clock = FixedClock(THIS_UPDATE + DAY - timedelta(seconds=1))
    key = ec.generate_private_key(ec.SECP256R1())
    signer = LocallyTrustedSigner(responder_certificate(key, None), key)
    responder = Responder(made.authorities, {TrustMode.LOCAL: signer}, clock)
    asked = [request(cert_id(serial)) for serial in (GOOD, REVOKED, HELD)]
    before = [responder.respond(each, made.snapshot).status for each in asked]
    assert before == [Status.GOOD, Status.REVOKED, Status.ON_HOLD]
    clock.advance(timedelta(seconds=1))
    assert [responder.respond(each, made.snapshot).response_status for each in asked] == ["try_later"] * 3
    assert responder.respond(request(cert_id(CEILING + 1)), made.snapshot).response_status == "try_later"


def test_before_this_update_nothing_is_signed(made: World) -> None:
    """A clock that stepped back: no list of tomorrow speaks today."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = LocallyTrustedSigner(responder_certificate(key, None), key)
    responder = Responder(made.authorities, {TrustMode.LOCAL: signer}, FixedClock(THIS_UPDATE - DAY / 2))
    for serial in (GOOD, REVOKED):
        assert responder.respond(request(cert_id(serial)), made.snapshot).response_status == "try_later"


def test_without_a_set_try_later(made: World) -> None:
    """Nothing was ever published: operational, but cannot answer."""
    assert made.responder.respond(request(cert_id()), None).response_status == "try_later"


@pytest.mark.parametrize("start", [NOW - 60 * DAY, NOW + DAY], ids=["expired", "not-yet-valid"])
def test_a_responder_certificate_out_of_its_dates_signs_nothing(made: World, start: datetime) -> None:
    """T09: it is refused at start; where its time comes or ends later, clients are told tryLater."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = LocallyTrustedSigner(responder_certificate(key, None, start=start), key)
    clock = FixedClock(NOW)
    with pytest.raises(InputRefused, match="valid now"):
        Responder(made.authorities, {TrustMode.LOCAL: signer}, clock)
    clock.set(start + DAY)
    responder = Responder(made.authorities, {TrustMode.LOCAL: signer}, clock)
    clock.set(NOW)
    assert responder.respond(request(cert_id()), made.snapshot).response_status == "try_later"


def test_a_mode_without_signer_is_unauthorized(made: World) -> None:
    """And a delegated responder without a certificate for a generation signs nothing for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    first = ca().generations[0]
    signers = DelegatedSigners({first.key_id: (responder_certificate(key, first), key)})
    responder = Responder(made.authorities, {TrustMode.DELEGATED: signers}, FixedClock(NOW))
    asked = request(cert_id())
    assert responder.respond(asked, made.snapshot, TrustMode.LOCAL).response_status == "unauthorized"
    assert responder.respond(asked, made.snapshot, TrustMode.DELEGATED).response_status == "successful"
    second = request(cert_id(generation=1))
    assert responder.respond(second, made.snapshot, TrustMode.DELEGATED).response_status == "unauthorized"


def test_a_damaged_set_is_an_internal_error_that_says_so_to_us_only(made: World) -> None:
    """OwnFault in the look-up: the client gets internalError, the server the fault to log."""

    class Damaged:
        def lookup(self, *_: object) -> None:
            raise OwnFault("INDEX_CORRUPT", expected="an index", got="another", remedy="publish again")

    answer = made.responder.respond(request(cert_id()), Damaged())  # type: ignore[arg-type]
    assert answer.response_status == "internal_error"
    assert answer.fault is not None
    assert answer.fault.code == "INDEX_CORRUPT"


# --- signers ---


def test_signers_that_would_not_be_believed_are_refused() -> None:
    """Wrong key; delegated without id-kp-OCSPSigning; delegated by another generation."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    first, second = ca().generations
    authorities, _ = world()
    with pytest.raises(InputRefused, match="RESPONDER_CERTIFICATE_REFUSED"):
        LocallyTrustedSigner(responder_certificate(key, None), other)
    with pytest.raises(InputRefused, match="id-kp-OCSPSigning"):
        DelegatedSigners({first.key_id: (responder_certificate(key, first, ocsp_signing=False), key)})
    wrong = DelegatedSigners({first.key_id: (responder_certificate(key, second), key)})
    with pytest.raises(InputRefused, match="issued by the generation itself"):
        Responder(authorities, {TrustMode.DELEGATED: wrong}, FixedClock(NOW))


@pytest.mark.parametrize(("kind", "digest"), [("rsa", "sha256"), ("p384", "sha384"), ("ed25519", None)])
def test_each_kind_of_responder_key_signs(made: World, kind: str, digest: str | None) -> None:
    """RSA and P-256 with SHA-256, P-384 with SHA-384, Ed25519 as it is; the signature verifies."""
    key = pki.key(kind, 50)
    name = pki.x509_name(("CN", "responder"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, None if kind == "ed25519" else hashes.SHA256())
    )
    responder = Responder(
        made.authorities, {TrustMode.LOCAL: LocallyTrustedSigner(certificate, key)}, FixedClock(NOW)
    )
    response = parsed(responder.respond(request(cert_id()), made.snapshot))
    used = response.signature_hash_algorithm
    assert (None if used is None else used.name) == digest
