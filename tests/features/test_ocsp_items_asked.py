"""bad-inputs.md, items 13 to 38: what a request asks, and what must come out, by both routes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from asn1crypto import ocsp as asn1_ocsp

from tests.der_writer import extension
from tests.features.ocsp_face import ROUTES
from tests.features.ocsp_routes import Running, both_running, post
from tests.features.ocsp_told import ask, nonce_in, said, told, words
from tests.forged_requests import (
    ACCEPTABLE_RESPONSES,
    NONCE,
    PREFERRED_ALGORITHMS,
    SERVICE_LOCATOR,
    bare_nonce,
    nonce,
    request,
    requestor,
    signature_of,
    some_cert_id,
)
from tests.pki import der_oid, seq, tlv
from tests.revocation.ocsp_world import (
    CEILING,
    GOOD,
    HASH_OIDS,
    HELD,
    HIGH_BIT,
    REVOKED,
    cert_id,
    point_of,
)
from tests.revocation.sets import ca

pytestmark = [pytest.mark.timeout(120), pytest.mark.parametrize("route", ROUTES)]

SHA256_ECDSA = der_oid("1.2.840.10045.4.3.2")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with both_running(tmp_path_factory.mktemp("sets")) as running:
        yield running


def test_item_13_several(both: Running, route: str) -> None:
    """bad-inputs.md, item 13: one SingleResponse for each, in the order of the request."""
    some = [cert_id(each) for each in (GOOD, REVOKED, CEILING + 5, HELD)]
    assert said(both, route, request(*some)) == ["good", "revoked", "unknown", "revoked"]
    found = told(ask(both, route, post(request(*some))))["responses"]
    assert [each["cert_id"].dump() for each in found] == some


def test_item_14_mixed_issuers(both: Running, route: str) -> None:
    """bad-inputs.md, item 14: one that is not ours closes the whole request; nobody signs for another's."""
    assert said(both, route, request(cert_id(REVOKED), some_cert_id())) == ["unauthorized"]
    two = request(cert_id(REVOKED), cert_id(REVOKED, generation=1))
    assert said(both, route, two) == ["revoked", "good"]
    assert words(ask(both, route, post(two, path="/ocsp/delegated"))) == ["unauthorized"]


def test_item_15_the_same_twice(both: Running, route: str) -> None:
    """bad-inputs.md, item 15: as often as it is asked for, up to the bound."""
    assert said(both, route, request(*[cert_id(REVOKED)] * 3)) == ["revoked"] * 3


def test_item_16_each_hash(both: Running, route: str) -> None:
    """bad-inputs.md, item 16: the CertID comes back as it was, from memory too: each has its own place."""
    for _ in range(3):
        for name in HASH_OIDS:
            own = cert_id(REVOKED, hash_name=name)
            answer = ask(both, route, post(request(own)))
            assert words(answer) == ["revoked"]
            assert told(answer)["responses"][0]["cert_id"].dump() == own


def test_item_17_parameters(both: Running, route: str) -> None:
    """bad-inputs.md, item 17: NULL and none are taken and echoed, apart from each other; others are not."""
    for _ in range(3):
        for parameters in (b"\x05\x00", b""):
            own = cert_id(REVOKED, parameters=parameters)
            answer = ask(both, route, post(request(own)))
            assert told(answer)["responses"][0]["cert_id"].dump() == own
    for parameters in (b"\x05\x01\x00", b"\x04\x00", b"\x05\x00\x05\x00", seq()):
        assert said(both, route, request(cert_id(parameters=parameters))) == ["malformed_request"]


@pytest.mark.parametrize("oid", ["1.2.840.113549.2.5", "2.16.840.1.101.3.4.2.8", "1.2.3.4"])
def test_item_18_an_unknown_hash(both: Running, route: str, oid: str) -> None:
    """bad-inputs.md, item 18: unauthorized, unsigned; no internalError and no end."""
    assert said(both, route, request(some_cert_id(hash_name=oid))) == ["unauthorized"]


def forged_issuer(*, name: bool, key: bool, serial: int = REVOKED) -> bytes:
    """A CertID with our CA's name hash, or its key hash, or neither."""
    issuer = ca().generations[0].certificate
    name_hash = hashlib.sha256(issuer.subject.public_bytes()).digest() if name else b"\x01" * 32
    key_hash = hashlib.sha256(point_of(issuer)).digest() if key else b"\x02" * 32
    return some_cert_id(serial, name_hash=name_hash, key_hash=key_hash)


def test_item_19_another_key(both: Running, route: str) -> None:
    """bad-inputs.md, item 19: one name with another key is another CA; of two of ours each has its own."""
    assert said(both, route, request(cert_id(REVOKED))) == ["revoked"]
    assert said(both, route, request(cert_id(REVOKED, generation=1))) == ["good"]
    assert said(both, route, request(forged_issuer(name=True, key=False))) == ["unauthorized"]


def test_item_20_another_name(both: Running, route: str) -> None:
    """bad-inputs.md, item 20: neither does the key alone decide."""
    assert said(both, route, request(cert_id(REVOKED))) == ["revoked"]
    assert said(both, route, request(forged_issuer(name=False, key=True))) == ["unauthorized"]


@pytest.mark.parametrize("size", [0, 19, 20, 31, 33, 64])
def test_item_21_a_hash_of_another_length(both: Running, route: str, size: int) -> None:
    """bad-inputs.md, item 21: malformedRequest, whichever of the two is wrong."""
    for one in (some_cert_id(name_hash=bytes(size)), some_cert_id(key_hash=bytes(size))):
        assert said(both, route, request(one)) == ["malformed_request"]


def test_item_22_the_high_bit(both: Running, route: str) -> None:
    """bad-inputs.md, item 22: 00 8F 01 is what is listed; 8F 01 is a negative number and is not."""
    assert said(both, route, request(cert_id(HIGH_BIT))) == ["revoked"]
    assert told(ask(both, route, post(request(cert_id(HIGH_BIT)))))["responses"][0]["cert_id"].dump() == (
        cert_id(HIGH_BIT)
    )
    assert "revoked" not in said(both, route, request(cert_id(b"\x8f\x01")))


@pytest.mark.parametrize("serial", [b"\x00\x05", b"\x00\x00\x05", b"\xff\xfe", b""])
def test_item_23_a_serial_that_is_not_minimal(both: Running, route: str, serial: bytes) -> None:
    """bad-inputs.md, item 23: malformedRequest; never the status of the number that it would be."""
    assert said(both, route, request(cert_id(REVOKED))) == ["revoked"]
    assert said(both, route, request(cert_id(serial))) == ["malformed_request"]


def test_item_24_negative(both: Running, route: str) -> None:
    """bad-inputs.md, item 24: -2 is listed, -3 is not and was never issued; 254 is somebody else."""
    assert said(both, route, request(cert_id(b"\xfe"))) == ["revoked"]
    assert said(both, route, request(cert_id(b"\xfd"))) == ["unknown"]
    assert said(both, route, request(cert_id(0xFE))) == ["good"]


@pytest.mark.parametrize(
    ("serial", "word"),
    [(0, "unknown"), *[(b"\x7f" * n, "unknown" if n == 20 else "unauthorized") for n in (20, 21, 10_000)]],
    ids=["zero", "20 octets", "21 octets", "10,000 octets"],
)  # fmt: skip
def test_item_25_serials_of_every_size(both: Running, route: str, serial: int | bytes, word: str) -> None:
    """bad-inputs.md, item 25: zero and too large ones, by policy, at once."""
    assert said(both, route, request(cert_id(serial))) == [word]


@pytest.mark.parametrize("size", [16, 32])
def test_item_26_a_nonce_comes_back(both: Running, route: str, size: int) -> None:
    """bad-inputs.md, item 26: echoed each time anew, and nobody's to keep, here neither."""
    for serial in (REVOKED, GOOD, 8_888):
        for number in range(3):
            own = bytes([number]) * size
            answer = ask(both, route, post(request(cert_id(serial), extensions=(nonce(own),))))
            assert nonce_in(answer) == tlv(4, own)
            assert answer.field("Cache-Control") == "no-cache, no-store"
            assert answer.field("ETag") is None
        assert nonce_in(ask(both, route, post(request(cert_id(serial))))) is None


@pytest.mark.parametrize("size", [0, 129, 5000])
def test_item_27_a_nonce_of_no_or_too_many_octets(both: Running, route: str, size: int) -> None:
    """bad-inputs.md, item 27 (RFC 9654 section 2.1)."""
    for serial in (REVOKED, GOOD):
        assert said(both, route, request(cert_id(serial), extensions=(nonce(b"n" * size),))) == (
            ["malformed_request"]
        )


@pytest.mark.parametrize("size", [1, 15, 33, 128])
def test_item_28_an_unusual_nonce(both: Running, route: str, size: int) -> None:
    """bad-inputs.md, item 28: we echo what we may ignore."""
    answer = ask(both, route, post(request(cert_id(), extensions=(nonce(b"n" * size),))))
    assert nonce_in(answer) == tlv(4, b"n" * size)


def test_item_29_a_bare_nonce(both: Running, route: str) -> None:
    """bad-inputs.md, item 29: as RFC 2560's clients wrote it, and so it comes back."""
    for own in (b"\x01" * 16, b"\x04\x20", b"\x00"):
        answer = ask(both, route, post(request(cert_id(), extensions=(bare_nonce(own),))))
        assert extension(NONCE, own) in told(answer)["response_extensions"].dump()


def test_item_30_a_critical_nonce(both: Running, route: str) -> None:
    """bad-inputs.md, item 30: it is known; ours is not critical."""
    answer = ask(both, route, post(request(cert_id(), extensions=(nonce(b"n" * 16, critical=True),))))
    assert nonce_in(answer) == tlv(4, b"n" * 16)


def test_item_31_two_nonces(both: Running, route: str) -> None:
    """bad-inputs.md, item 31: even the same twice."""
    for other in (b"n" * 16, b"m" * 16):
        body = request(cert_id(), extensions=(nonce(b"n" * 16), nonce(other)))
        assert said(both, route, body) == ["malformed_request"]


def test_item_32_an_unknown_extension(both: Running, route: str) -> None:
    """bad-inputs.md, item 32: ignored, in the request and in one of its CertIDs."""
    unknown = extension("1.2.3.4", b"\x05\x00")
    assert said(both, route, request(cert_id(REVOKED), extensions=(unknown,))) == ["revoked"]
    assert said(both, route, request(cert_id(REVOKED), single=(unknown,))) == ["revoked"]


def test_item_33_an_unknown_critical_extension(both: Running, route: str) -> None:
    """bad-inputs.md, item 33: nothing is signed, though the answer lies in memory."""
    unknown = extension("1.2.3.4", b"\x05\x00", critical=True)
    assert said(both, route, request(cert_id(REVOKED))) == ["revoked"]
    assert said(both, route, request(cert_id(REVOKED), extensions=(unknown,))) == ["malformed_request"]
    assert said(both, route, request(cert_id(REVOKED), single=(unknown,))) == ["malformed_request"]


def test_item_34_a_service_locator(both: Running, route: str) -> None:
    """bad-inputs.md, item 34: nobody is asked on the client's behalf."""
    locator = extension(SERVICE_LOCATOR, seq(seq()))
    assert said(both, route, request(cert_id(REVOKED), single=(locator,))) == ["revoked"]


def test_item_35_acceptable_responses(both: Running, route: str) -> None:
    """bad-inputs.md, item 35: who does not take a basic response, is told none."""
    for oid, word in (("1.3.6.1.5.5.7.48.1.1", "revoked"), ("1.2.3", "malformed_request")):
        acceptable = extension(ACCEPTABLE_RESPONSES, seq(der_oid(oid)))
        assert said(both, route, request(cert_id(REVOKED), extensions=(acceptable,))) == [word]


def test_item_36_preferred_algorithms(both: Running, route: str) -> None:
    """bad-inputs.md, item 36: MD5 and SHA-1 may be preferred; we sign as ever."""
    weak = [seq(seq(der_oid(oid), b"\x05\x00")) for oid in ("1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5")]
    preferred = extension(PREFERRED_ALGORITHMS, seq(*weak))
    answer = ask(both, route, post(request(cert_id(REVOKED), extensions=(preferred,))))
    found = asn1_ocsp.OCSPResponse.load(answer.body)["response_bytes"]["response"].parsed
    assert found["signature_algorithm"]["algorithm"].dotted == "1.3.101.112"  # Ed25519, RFC 8410


@pytest.mark.parametrize("name", [b"\xa4\x02\x30\x00", b"\x82\x01a", b"\x86\x06http:a"])
def test_item_37_a_requestor(both: Running, route: str, name: bytes) -> None:
    """bad-inputs.md, item 37: a name without a signature is no name."""
    assert said(both, route, request(cert_id(REVOKED), requestor=requestor(name))) == ["revoked"]


def test_item_38_signatures(both: Running, route: str) -> None:
    """bad-inputs.md, item 38: by default not looked at, whatever they are."""
    for signature in (signature_of(), signature_of(b"\0"), signature_of(certificates=(b"\x30\x00",))):
        assert said(both, route, request(cert_id(REVOKED), signature=signature)) == ["revoked"]
