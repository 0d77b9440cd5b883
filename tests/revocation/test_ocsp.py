"""OCSP: what each request gets, byte rules included, and that OpenSSL agrees with every answer."""

from __future__ import annotations

import hashlib
import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.authorities import Authorities, Authority
from revocation.clock import FixedClock
from revocation.errors import InputRefused, OwnFault
from revocation.ocsp.responder import UNKNOWN_ANSWER, OcspAnswer, Responder, TrustMode
from revocation.ocsp.signing import DelegatedSigners, LocallyTrustedSigner
from revocation.snapshot.current import Snapshot
from revocation.status import Status, UnknownReason
from tests import pki
from tests.pki import der_int, der_oid, extension, seq, tlv
from tests.revocation.sets import DAY, accepted, ca, every_list, record, scope, store, world

NONCE = "1.3.6.1.5.5.7.48.1.2"
HASH_OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
#: A real and recent moment, because OpenSSL compares with the machine's clock.
NOW = datetime.now(UTC).replace(microsecond=0)
THIS_UPDATE = NOW - timedelta(hours=1)
CEILING = 0x00FFFFFF


def responder_certificate(
    key: Any, signer: pki.SigningGeneration | None, *, ocsp_signing: bool = True, start: datetime = NOW - DAY
) -> x509.Certificate:
    """Self-signed, or delegated by a generation; with id-kp-OCSPSigning and nocheck, or without."""
    name = pki.x509_name(("C", "JP"), ("O", "JPKI-TEST"), ("CN", "OCSP responder"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if signer is None else signer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(x509.OCSPNoCheck(), critical=False)
    )
    if ocsp_signing:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False
        )
    return builder.sign(key if signer is None else signer.private, hashes.SHA256())


@dataclass(frozen=True)
class World:
    """A published set with every kind of certificate, and a responder in both modes."""

    authorities: Authorities
    authority: Authority
    snapshot: Snapshot
    clock: FixedClock
    responder: Responder
    local: x509.Certificate
    delegated: dict[bytes, x509.Certificate]

    def ask(self, der: bytes, mode: TrustMode = TrustMode.LOCAL) -> OcspAnswer:
        return self.responder.respond(der, self.snapshot, mode)


REVOKED, HELD, GOOD, HIGH_BIT = 5, 6, 9, 0x8F01


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    authorities, authority = world(serial_ceiling=CEILING)
    listing = (
        record(REVOKED, 3, THIS_UPDATE - DAY)
        + record(HELD, 6)
        + record(HIGH_BIT, 1)
        + record(b"\xfe", 1)  # -2
        + record(20, 0xFF)
        + record(21, 8)
        + record(22, 99)
        + record(23, 4, datetime(1949, 1, 1, tzinfo=UTC))
    )
    lists = every_list(authority, this_update=THIS_UPDATE)
    lists[scope(authority, 1)] = accepted(listing, this_update=THIS_UPDATE, lives=DAY)
    snapshot = store(tmp_path_factory.mktemp("sets")).publish(lists, authorities, now=NOW)
    key = ec.generate_private_key(ec.SECP256R1())
    local = responder_certificate(key, None)
    delegated = {g.key_id: responder_certificate(key, g) for g in ca().generations}
    clock = FixedClock(NOW)
    responder = Responder(
        authorities,
        {
            TrustMode.LOCAL: LocallyTrustedSigner(local, key),
            TrustMode.DELEGATED: DelegatedSigners({k: (c, key) for k, c in delegated.items()}),
        },
        clock,
    )
    return World(authorities, authority, snapshot, clock, responder, local, delegated)


def algorithm(name: str = "sha256", parameters: bytes = b"\x05\x00") -> bytes:
    return seq(der_oid(HASH_OIDS[name]), parameters)


def _point(certificate: x509.Certificate) -> bytes:
    """subjectPublicKey of an EC certificate."""
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def cert_id(
    serial: int | bytes = GOOD,
    *,
    hash_name: str = "sha256",
    generation: int = 0,
    parameters: bytes = b"\x05\x00",
) -> bytes:
    issuer = ca().generations[generation].certificate
    bits = _point(issuer)
    name_hash = hashlib.new(hash_name, issuer.subject.public_bytes()).digest()
    key_hash = hashlib.new(hash_name, bits).digest()
    return seq(algorithm(hash_name, parameters), tlv(4, name_hash), tlv(4, key_hash), der_int(serial))


def request(
    *cert_ids: bytes,
    version: bytes = b"",
    requestor: bytes = b"",
    extensions: tuple[bytes, ...] = (),
    single: tuple[bytes, ...] = (),
    signature: bytes = b"",
) -> bytes:
    singles = tlv(0xA0, seq(*single)) if single else b""
    outer = tlv(0xA2, seq(*extensions)) if extensions else b""
    return seq(seq(version, requestor, seq(*(seq(each, singles) for each in cert_ids)), outer), signature)


def nonce(value: bytes, **options: bool) -> bytes:
    return extension(NONCE, tlv(4, value), **options)


def parsed(answer: OcspAnswer) -> ocsp.OCSPResponse:
    return ocsp.load_der_ocsp_response(answer.der)


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


def test_times_are_the_lists_and_the_responder_is_named_by_key(made: World) -> None:
    """thisUpdate and nextUpdate as on the list, whole seconds; byKey; the certificate goes along."""
    answer = made.ask(request(cert_id()))
    response = parsed(answer)
    assert (response.this_update_utc, response.next_update_utc) == (THIS_UPDATE, THIS_UPDATE + DAY)
    assert (answer.this_update, answer.next_update) == (THIS_UPDATE, THIS_UPDATE + DAY)
    assert answer.produced_at == response.produced_at_utc
    assert response.responder_name is None
    # RFC 6960 section 4.2.1: KeyHash is SHA-1, whatever the CertID's hash.
    assert response.responder_key_hash == hashlib.sha1(_point(made.local)).digest()  # noqa: S324
    assert response.certificates == [made.local]


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
    """Item 68: the earliest time that can be written stands for it."""
    response = parsed(made.ask(request(cert_id(23))))
    assert response.revocation_time_utc == datetime(1950, 1, 1, tzinfo=UTC)


def test_the_second_generation_is_another_issuer(made: World) -> None:
    """Item 19: same DN, other key: the first key's revoked serial is good under the second."""
    answer = parsed(made.ask(request(cert_id(REVOKED, generation=1))))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_delegated_answers_are_signed_by_the_generation_asked_about(made: World) -> None:
    """Item 14: never by a signer that is not authorised for the issuer."""
    for generation, each in enumerate(ca().generations):
        answer = made.ask(request(cert_id(generation=generation)), TrustMode.DELEGATED)
        assert parsed(answer).certificates == [made.delegated[each.key_id]]


# --- errors, unsigned ---

Forge = Callable[[], bytes]
MALFORMED: dict[str, Forge] = {
    "01 empty": lambda: b"",
    "02 garbage": lambda: b"/favicon.ico",
    "03 larger than any request": lambda: request(cert_id(), requestor=tlv(0xA1, tlv(0x82, b"a" * 20_000))),
    "05 truncated": lambda: request(cert_id())[:-5],
    "06 trailing octets": lambda: request(cert_id()) + b"\0",
    "07 indefinite length": lambda: b"\x30\x80" + request(cert_id())[2:] + b"\0\0",
    "08 length not minimal": lambda: (
        b"\x30\x82\x00" + bytes([len(request(cert_id())) - 2]) + request(cert_id())[2:]
    ),
    "08 length beyond the request": lambda: b"\x30\x84\x7f\xff\xff\xff" + request(cert_id())[2:],
    "08 length negative as int32": lambda: b"\x30\x84\xff\xff\xff\xff" + request(cert_id())[2:],
    "09 no CertID": lambda: request(),
    "10 version v2": lambda: request(cert_id(), version=tlv(0xA0, der_int(1))),
    "12 several CertIDs": lambda: request(cert_id(), cert_id(REVOKED)),
    "17 odd parameters": lambda: request(cert_id(parameters=der_int(5))),
    "21 hash of another length": lambda: request(
        seq(algorithm(), tlv(4, bytes(20)), tlv(4, bytes(20)), der_int(5))
    ),
    "21 hashes of two lengths": lambda: request(
        seq(algorithm(), tlv(4, bytes(32)), tlv(4, bytes(20)), der_int(5))
    ),
    "23 serial not minimal": lambda: request(cert_id(b"\x00\x00\x05")),
    "23 serial empty": lambda: request(cert_id(b"")),
    "27 nonce of 0 octets": lambda: request(cert_id(), extensions=(nonce(b""),)),
    "27 nonce of 129 octets": lambda: request(cert_id(), extensions=(nonce(b"n" * 129),)),
    "31 two nonces": lambda: request(cert_id(), extensions=(nonce(b"a" * 16), nonce(b"b" * 16))),
    "33 unknown critical extension": lambda: request(
        cert_id(), extensions=(extension("1.2.3", b"\x05\x00", critical=True),)
    ),
    "33 unknown critical extension of the single request": lambda: request(
        cert_id(), single=(extension("1.2.3", b"\x05\x00", critical=True),)
    ),
    "33 the same behind a requestorName": lambda: request(
        cert_id(),
        requestor=tlv(0xA1, tlv(0x82, b"a.example")),
        single=(extension("1.2.4", b"\x05\x00"), extension("1.2.3", b"\x05\x00", critical=True)),
    ),
    "35 no basic response acceptable": lambda: request(
        cert_id(), extensions=(extension("1.3.6.1.5.5.7.48.1.4", seq(der_oid("1.2.3"))),)
    ),
}


@pytest.mark.parametrize("name", list(MALFORMED))
def test_malformed_requests(made: World, name: str) -> None:
    """RFC 6960 section 2.3: malformedRequest, unsigned, and nothing else happens."""
    answer = made.ask(MALFORMED[name]())
    assert answer.response_status == "malformed_request"
    assert parsed(answer).response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    assert (answer.cacheable, answer.status) == (False, None)


UNAUTHORIZED: dict[str, Forge] = {
    "18 unknown hash": lambda: request(
        seq(seq(der_oid("1.2.840.113549.2.5"), b"\x05\x00"), tlv(4, bytes(16)), tlv(4, bytes(16)), der_int(5))
    ),
    "19 foreign key hash": lambda: request(cert_id()).replace(
        bytes.fromhex(ca().generations[0].key_id.hex()), bytes(32)
    ),
    "20 foreign name hash": lambda: request(cert_id()).replace(
        hashlib.sha256(ca().generations[0].certificate.subject.public_bytes()).digest(), bytes(32)
    ),
    "24 a negative serial that is listed": lambda: request(cert_id(b"\xfe")),
    "25 serial of 21 octets": lambda: request(cert_id(b"\x01" * 21)),
    "25 serial of 10 kB": lambda: request(cert_id(b"\x01" * 10_000)),
}


@pytest.mark.parametrize("name", list(UNAUTHORIZED))
def test_requests_that_we_cannot_speak_for(made: World, name: str) -> None:
    """Unsigned unauthorized: not our issuer, or a serial that no answer of ours can carry; never good."""
    assert made.ask(UNAUTHORIZED[name]()).response_status == "unauthorized"


def test_a_negative_serial_that_is_not_listed_is_never_good(made: World) -> None:
    """Item 24: -1 is not 255, and no conforming CA issues it."""
    answer = made.ask(request(cert_id(b"\xff")))
    assert answer.response_status == "unauthorized"


ACCEPTED: dict[str, Forge] = {
    "11 explicit version v1": lambda: request(cert_id(), version=tlv(0xA0, der_int(0))),
    "11 explicit version v1 with a signature": lambda: request(
        cert_id(),
        version=tlv(0xA0, der_int(0)),
        signature=tlv(0xA0, seq(pki.ALGORITHMS["sha256WithRSAEncryption"], tlv(3, b"\0" + b"x" * 256))),
    ),
    "17 parameters absent": lambda: request(cert_id(parameters=b"")),
    "30 nonce marked critical": lambda: request(cert_id(), extensions=(nonce(b"n" * 16, critical=True),)),
    "32 unknown extension": lambda: request(cert_id(), extensions=(extension("1.2.3", b"\x05\x00"),)),
    "34 serviceLocator": lambda: request(
        cert_id(), single=(extension("1.3.6.1.5.5.7.48.1.7", seq(pki.name(*pki.SIGN_DN))),)
    ),
    "35 basic response acceptable": lambda: request(
        cert_id(), extensions=(extension("1.3.6.1.5.5.7.48.1.4", seq(der_oid("1.3.6.1.5.5.7.48.1.1"))),)
    ),
    "36 prefers SHA-1 signatures": lambda: request(
        cert_id(),
        extensions=(extension("1.3.6.1.5.5.7.48.1.8", seq(seq(pki.ALGORITHMS["sha1WithRSAEncryption"]))),),
    ),
    "37 requestorName": lambda: request(cert_id(), requestor=tlv(0xA1, tlv(0x82, b"a.example"))),
    "38 garbage signature": lambda: request(
        cert_id(), signature=tlv(0xA0, seq(seq(der_oid("1.2.3")), tlv(3, b"\0abc")))
    ),
}


@pytest.mark.parametrize("name", list(ACCEPTED))
def test_unusual_requests_that_are_answered(made: World, name: str) -> None:
    """Ignored or tolerated as documented: the answer is the ordinary one, signed with our own algorithm."""
    answer = made.ask(ACCEPTED[name]())
    response = parsed(answer)
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert isinstance(response.signature_hash_algorithm, hashes.SHA256)


@pytest.mark.parametrize("length", [1, 15, 16, 32, 33, 128])
def test_a_nonce_of_legal_length_comes_back(made: World, length: int) -> None:
    """RFC 9654: echoed, not critical, and then nobody may cache the answer."""
    value = bytes(range(length))
    answer = made.ask(request(cert_id(), extensions=(nonce(value, critical=True),)))
    echoed = parsed(answer).extensions.get_extension_for_class(x509.OCSPNonce)
    assert (echoed.value.nonce, echoed.critical, answer.cacheable) == (value, False, False)


def test_without_a_nonce_there_are_no_response_extensions(made: World) -> None:
    """RFC 9919 prefers none; asn1crypto reads the response independently."""
    response = asn1_ocsp.OCSPResponse.load(made.ask(request(cert_id())).der, strict=True)
    data = response.basic_ocsp_response["tbs_response_data"]
    assert data["response_extensions"].native is None
    single = data["responses"][0]
    assert single["single_extensions"].native is None
    assert single["next_update"].native == THIS_UPDATE + DAY


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
    """T09: clients would refuse it; say tryLater instead."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = LocallyTrustedSigner(responder_certificate(key, None, start=start), key)
    responder = Responder(made.authorities, {TrustMode.LOCAL: signer}, FixedClock(NOW))
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


def test_every_unknown_reason_has_its_answer() -> None:
    """The table is total, and only a serial that was never issued gets a signed unknown."""
    assert set(UNKNOWN_ANSWER) == set(UnknownReason)
    assert [reason for reason, status in UNKNOWN_ANSWER.items() if status is None] == [
        UnknownReason.NOT_ISSUED
    ]


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


# --- robustness ---


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_octets_get_an_answer(made: World, data: st.DataObject) -> None:
    """Random and mutated requests: always a DER response, never an exception, GOOD only for what is good."""
    base = request(cert_id(), extensions=(nonce(b"n" * 16),))
    if data.draw(st.booleans()):
        mutated = bytearray(base)
        for _ in range(data.draw(st.integers(1, 4))):
            mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
        der = bytes(mutated)
    else:
        der = data.draw(st.binary(max_size=300))
    answer = made.ask(der)
    response = parsed(answer)
    if response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
        expected = response.serial_number in {REVOKED, HELD, HIGH_BIT, 20, 21, 22, 23}
        revoked = response.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert revoked == expected or response.issuer_key_hash != ca().generations[0].key_id


# --- OpenSSL ---


@pytest.fixture(scope="module")
def urls(made: World) -> Iterator[dict[TrustMode, str]]:
    """Both modes over HTTP, by the standard library's server; OpenSSL checks only its own nonce."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            der = made.ask(asked, TrustMode(self.path[1:])).der
            self.send_response(200)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(der)))
            self.end_headers()
            self.wfile.write(der)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield {mode: f"http://127.0.0.1:{server.server_port}/{mode}" for mode in TrustMode}
        server.shutdown()
        thread.join(10)


def run_openssl(
    folder: Path, made: World, serial: int, mode: TrustMode, *, generation: int = 0, url: str | None
) -> tuple[str, int]:
    """``openssl ocsp`` asks and verifies: over HTTP with a nonce, or by file without; its output."""
    issuer = folder / f"issuer-{generation}.pem"
    issuer.write_bytes(ca().generations[generation].certificate.public_bytes(Encoding.PEM))
    responder = folder / "responder.pem"
    responder.write_bytes(made.local.public_bytes(Encoding.PEM))
    subject = ["openssl", "ocsp", "-sha256", "-issuer", issuer, "-serial", str(serial)]
    trust = ["-VAfile", responder] if mode is TrustMode.LOCAL else ["-CAfile", issuer]
    if url is not None:
        done = run([*subject, *trust, "-url", url])
    else:
        asked, answered = folder / "request.der", folder / "response.der"
        run([*subject, "-no_nonce", "-reqout", asked])
        answered.write_bytes(made.ask(asked.read_bytes(), mode).der)
        done = run([*subject, *trust, "-no_nonce", "-respin", answered])
    return done.stdout + done.stderr, done.returncode


def run(command: list[Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("over_http", [True, False], ids=["nonce-over-http", "file"])
@pytest.mark.parametrize("mode", list(TrustMode))
@pytest.mark.parametrize(
    ("serial", "generation", "word"),
    [
        (GOOD, 0, "good"),
        (GOOD, 1, "good"),
        (REVOKED, 0, "revoked"),
        (HIGH_BIT, 0, "revoked"),
        (HELD, 0, "revoked"),
        (CEILING + 1, 0, "unknown"),
        (CEILING + 1, 1, "unknown"),
    ],
)
def test_openssl_agrees(
    tmp_path: Path,
    made: World,
    urls: dict[TrustMode, str],
    serial: int,
    generation: int,
    word: str,
    mode: TrustMode,
    over_http: bool,
) -> None:
    """Exit code 0, "Response verify OK", the status, and neither WARNING nor ERROR on its output."""
    url = urls[mode] if over_http else None
    output, code = run_openssl(tmp_path, made, serial, mode, generation=generation, url=url)
    assert code == 0, output
    assert "Response verify OK" in output
    assert not any(bad in output.upper() for bad in ("WARNING", "ERROR")), output
    assert f"{serial}: {word}" in output, output
    if serial == HELD:
        assert "certificateHold" in output


def test_openssl_refuses_an_answer_by_the_wrong_mode(tmp_path: Path, made: World) -> None:
    """The comparison above can fail: a locally trusted answer is not believed through -CAfile."""
    issuer = tmp_path / "ca.pem"
    issuer.write_bytes(ca().generations[0].certificate.public_bytes(Encoding.PEM))
    asked, answered = tmp_path / "request.der", tmp_path / "response.der"
    run(["openssl", "ocsp", "-issuer", issuer, "-serial", "9", "-reqout", asked])
    answered.write_bytes(made.ask(asked.read_bytes(), TrustMode.LOCAL).der)
    done = run(
        ["openssl", "ocsp", "-issuer", issuer, "-reqin", asked, "-respin", answered, "-CAfile", issuer]
    )
    assert "Response Verify Failure" in done.stdout + done.stderr
