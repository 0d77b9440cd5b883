"""OCSP requests, byte rules included: malformed, unauthorized, unusual but answered; any octets at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pki
from tests.pki import der_int, der_oid, extension, seq, tlv
from tests.revocation.ocsp_world import (
    HELD,
    HIGH_BIT,
    REVOKED,
    THIS_UPDATE,
    World,
    algorithm,
    cert_id,
    make_world,
    nonce,
    parsed,
    request,
)
from tests.revocation.sets import DAY, ca


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


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
    "12 more CertIDs than we answer": lambda: request(*(cert_id(serial) for serial in range(1, 18))),
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
    "25 serial of 21 octets": lambda: request(cert_id(b"\x01" * 21)),
    "25 serial of 10 kB": lambda: request(cert_id(b"\x01" * 10_000)),
}


@pytest.mark.parametrize("name", list(UNAUTHORIZED))
def test_requests_that_we_cannot_speak_for(made: World, name: str) -> None:
    """Unsigned unauthorized: not our issuer, or a serial that no answer of ours can carry; never good."""
    assert made.ask(UNAUTHORIZED[name]()).response_status == "unauthorized"


def test_a_negative_serial_that_is_not_listed_is_never_good(made: World) -> None:
    """Item 24: -1 is not 255, and no conforming CA issues it; -2 is listed, and is revoked."""
    said = [parsed(made.ask(request(cert_id(serial)))) for serial in (b"\xff", b"\xfe")]
    assert [each.certificate_status.name for each in said] == ["UNKNOWN", "REVOKED"]


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
