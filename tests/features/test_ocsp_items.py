"""bad-inputs.md, items 1 to 12 and 39 to 45: HTTP and the request as a whole, by both routes."""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest

from platform_api.workers.counts import Count
from revocation.ocsp.request import MAX_REQUEST_OCTETS, MOST_CERT_IDS
from tests.features.edge_sockets import Answer, asked, last_words, one_by_one, wire, wires
from tests.features.ocsp_face import FAST, ROUTES
from tests.features.ocsp_routes import ERRORS, Running, both_running, chunked, get, post, text_of
from tests.features.ocsp_told import ask, nonce_in, said, told, words
from tests.features.request_heads import head
from tests.forged_requests import (
    EXPLICIT_V1,
    nonce,
    request,
    some_cert_id,
)
from tests.pki import der_oid, seq, tlv
from tests.revocation.ocsp_world import (
    CEILING,
    GOOD,
    NOW,
    REVOKED,
    algorithm,
    cert_id,
)
from tests.revocation.sets import ca

pytestmark = [pytest.mark.timeout(120), pytest.mark.parametrize("route", ROUTES)]

SHA256_ECDSA = der_oid("1.2.840.10045.4.3.2")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with both_running(tmp_path_factory.mktemp("sets")) as running:
        yield running


def test_item_01_an_empty_body(both: Running, route: str) -> None:
    """bad-inputs.md, item 1: malformedRequest, with a length of 0, without one, and in no chunk."""
    for sent in (post(b""), head(), chunked(b"")):
        assert words(ask(both, route, sent)) == ["malformed_request"]


@pytest.mark.parametrize("text", ["favicon.ico", "%", "%00", "MA%0A", "A", "=", "%ff", "a" * 200])
def test_item_02_a_path_that_is_no_request(both: Running, route: str, text: str) -> None:
    """bad-inputs.md, item 2: malformedRequest; without any text it is no address for GET."""
    assert words(ask(both, route, get(text), method="GET")) == ["malformed_request"]
    for target in ("/ocsp", "/ocsp/"):
        assert ask(both, route, head(start=f"GET {target} HTTP/1.1"), method="GET").status == 405


@pytest.mark.parametrize("size", [MAX_REQUEST_OCTETS + 1, 1_000_000, 10**12])
def test_item_03_a_body_that_is_too_large(both: Running, route: str, size: int) -> None:
    """bad-inputs.md, item 3: 413, the connection ends, and what would come is not waited for."""
    sent = head(f"Content-Length: {size}", start="POST /ocsp HTTP/1.1") + b"\x30" * 100
    assert refused_for_its_size(both, route, sent)


def refused_for_its_size(both: Running, route: str, sent: bytes) -> bool:
    """413, and the end, as soon as the client stops sending (aiohttp reads on for a while, and drops it)."""

    async def tell() -> bool:
        async with wire(both.faces.ports[route]) as one:
            await one.send(sent)
            answer = await one.answer()
            one.end_sending()
            await one.until_closed()
            return answer.status == 413 and answer.field("Connection") == "close"

    before = both.faces.count(Count.TOO_LARGE)
    return both.run(tell()) and both.faces.count(Count.TOO_LARGE) == before + 1


def test_item_03_chunks_that_are_too_many(both: Running, route: str) -> None:
    """bad-inputs.md, item 3: the same where the length is not told before."""
    assert refused_for_its_size(both, route, chunked(b"\x30" * (MAX_REQUEST_OCTETS + 2000), *[4096] * 4))


def test_item_04_however_a_client_sends_it(both: Running, route: str) -> None:
    """bad-inputs.md, item 4: without a type, with another, in chunks, expecting 100: answered alike."""
    body = request(cert_id(REVOKED))
    plain = ask(both, route, post(body))
    assert words(plain) == ["revoked"]
    for sent in (
        post(body, "Content-Type: application/ocsp-request"),
        post(body, "Content-Type: application/x-www-form-urlencoded"),
        chunked(body, 1, 2, 3),
        post(body, "Expect: 100-continue"),
        chunked(body, fields=("Expect: 100-continue",)),
    ):
        assert ask(both, route, sent) == plain


def test_item_04_a_client_that_waits_to_be_asked(both: Running, route: str) -> None:
    """bad-inputs.md, item 4: who sends a head with Expect and waits, is asked for the body, once."""
    body = request(cert_id(REVOKED))
    whole = post(body, "Expect: 100-continue")

    async def wait_to_be_asked() -> tuple[Answer, int]:
        async with wire(both.faces.ports[route]) as one:
            await one.send(whole[: -len(body)])
            assert await one._until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await one.send(*one_by_one(body))
            return await one.answer(), one.interim

    answer, again = both.run(wait_to_be_asked())
    assert (words(answer), again) == (["revoked"], 0)


def test_item_05_truncated(both: Running, route: str) -> None:
    """bad-inputs.md, item 5: malformedRequest wherever it is cut, and at once."""
    body = request(cert_id())
    for size in range(0, len(body), 5):
        assert words(ask(both, route, post(body[:size]))) == ["malformed_request"]


def test_item_06_octets_behind_it(both: Running, route: str) -> None:
    """bad-inputs.md, item 6: DER ends where it ends."""
    assert said(both, route, request(cert_id()) + b"\x00") == ["malformed_request"]
    assert said(both, route, request(cert_id()) * 2) == ["malformed_request"]


def test_item_07_indefinite_lengths(both: Running, route: str) -> None:
    """bad-inputs.md, item 7: BER is no DER, outside and inside."""
    whole = request(cert_id())
    assert said(both, route, b"\x30\x80" + whole[2:] + b"\x00\x00") == ["malformed_request"]
    inner = whole[2:]
    assert said(both, route, seq(b"\x30\x80" + inner[2:] + b"\x00\x00")) == ["malformed_request"]


@pytest.mark.parametrize("length", ["81", "8200", "8400000000", "84ffffffff", "847fffffff", "88" + "ff" * 8])
def test_item_08_lengths_that_are_none(both: Running, route: str, length: str) -> None:
    """bad-inputs.md, item 8: longer than they need be, larger than the body, negative to an int32."""
    content = request(cert_id())[2:]
    octets = bytes.fromhex(length)
    if length in {"81", "8200"}:
        octets += bytes([len(content)])
    assert said(both, route, b"\x30" + octets + content) == ["malformed_request"]


def test_item_09_no_cert_id(both: Running, route: str) -> None:
    """bad-inputs.md, item 9: an empty requestList."""
    assert said(both, route, request()) == ["malformed_request"]


@pytest.mark.parametrize("version", [1, 2, 255])
def test_item_10_another_version(both: Running, route: str, version: int) -> None:
    """bad-inputs.md, item 10: only v1 is known."""
    other = tlv(0xA0, tlv(2, version.to_bytes(1 + (version > 127), "big")))
    assert said(both, route, request(cert_id(), version=other)) == ["malformed_request"]


def test_item_11_version_one_said_aloud(both: Running, route: str) -> None:
    """bad-inputs.md, item 11: a DEFAULT that is written is no DER, and is taken."""
    assert said(both, route, request(cert_id(), version=EXPLICIT_V1)) == ["good"]


def test_item_12_more_than_are_taken(both: Running, route: str) -> None:
    """bad-inputs.md, item 12: none of them is answered."""
    most = both.world.responder.policy.most_cert_ids
    many = [cert_id(number + 1) for number in range(MOST_CERT_IDS + 1)]
    for too_many in (most + 1, MOST_CERT_IDS, MOST_CERT_IDS + 1):
        assert said(both, route, request(*many[:too_many])) == ["malformed_request"]
    assert len(said(both, route, request(*many[:most]))) == most


def test_item_39_every_spelling(both: Running, route: str) -> None:
    """bad-inputs.md, item 39; faults.md, T11: whatever can be decoded is the POST answer, octet by octet."""
    body = request(cert_id(0xFFFF))
    text = b64encode(body).decode()
    assert {"+", "/", "="} <= set(text)
    assert "//" in text
    ask(both, route, post(body))
    posted = ask(both, route, post(body))
    assert words(posted) == ["good"]
    for spelling in (
        quote(text, safe=""),
        text,
        quote(text, safe="/"),
        quote(text, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
        text.rstrip("="),
        text.replace("+", "%20"),
        urlsafe_b64encode(body).decode(),
        urlsafe_b64encode(body).decode().rstrip("="),
        quote(quote(text, safe=""), safe=""),
        quote(text, safe="") + "?x=1",
    ):
        assert ask(both, route, get(spelling), method="GET") == posted, spelling
    assert words(ask(both, route, get(text.replace("+", "*")), method="GET")) == ["malformed_request"]


def test_item_39_around_255_octets_of_address(both: Running, route: str) -> None:
    """bad-inputs.md, item 39: RFC 9919 wants GET up to 255 octets; more are taken as well."""
    for size in (60, 70, 80, 90, 128):
        body = request(cert_id(REVOKED), extensions=(nonce(b"n" * size),))
        assert nonce_in(ask(both, route, get(body), method="GET")) == tlv(4, b"n" * size)
        assert len("/ocsp/" + text_of(body)) > 200


def test_item_40_methods(both: Running, route: str) -> None:
    """bad-inputs.md, item 40: HEAD has the headers of GET and no body; others are not allowed."""
    body = request(cert_id(REVOKED))
    got = ask(both, route, get(body), method="GET")
    looked = ask(both, route, get(body, method="HEAD"), method="HEAD")
    assert (looked.status, looked.fields, looked.body) == (200, got.fields, b"")
    for method in ("OPTIONS", "PUT", "DELETE", "PATCH"):
        found = ask(both, route, head(start=f"{method} /ocsp HTTP/1.1"), method=method)
        assert found.status == 405
        assert found.field("Allow") is not None


def test_item_41_if_none_match(both: Running, route: str) -> None:
    """bad-inputs.md, item 41: 304 with what a cache needs; RFC 9110 section 15.4.5: and no more."""
    body = request(cert_id(REVOKED))
    got = ask(both, route, get(body), method="GET")
    tag = got.field("ETag")
    assert tag == f'"{hashlib.sha256(got.body).hexdigest()}"'
    for value in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        found = ask(both, route, get(body, f"If-None-Match: {value}"), method="GET")
        assert (found.status, found.body) == (304, b"")
        for name in ("Cache-Control", "ETag", "Expires", "Last-Modified", "Date"):
            assert found.field(name) == got.field(name)
        assert found.field("Content-Length") is None
    assert ask(both, route, get(body, 'If-None-Match: "x"'), method="GET") == got
    assert words(ask(both, route, get(b"no", "If-None-Match: *"), method="GET")) == ["malformed_request"]


def test_item_42_http_1_0(both: Running, route: str) -> None:
    """bad-inputs.md, item 42: ended behind the body, unless it is asked to stay."""
    body = request(cert_id(REVOKED))
    said_last = both.run(last_words(both.faces.ports[route], post(body, minor=0)))
    assert said_last.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"Connection:" not in said_last
    twice = post(body, "Connection: keep-alive", minor=0) * 2
    answers = both.run(asked(both.faces.ports[route], twice, methods=("POST", "POST")))
    assert [each.field("Connection") for each in answers] == ["keep-alive", "keep-alive"]


def test_item_43_slow_ones_hold_nobody_up(both: Running, route: str) -> None:
    """bad-inputs.md, item 43: who sends nothing, or half of something, does not keep others waiting.

    How they are ended: ``test_t45_...``.
    """
    whole = post(request(cert_id(REVOKED)))

    async def beside() -> list[str]:
        async with wires(both.faces.ports[route], 100) as slow:
            for number, each in enumerate(slow):
                await each.send(whole[: number % len(whole)])
            (answer,) = await asked(both.faces.ports[route], whole)
            return words(answer)

    assert both.run(beside()) == ["revoked"]


def test_item_44_our_own_certificates(both: Running, route: str) -> None:
    """bad-inputs.md, item 44: the responder's and the CA's serial are serials as any other; no recursion."""
    own = both.world.local.serial_number
    for serial in (ca().generations[0].certificate.serial_number, 77, min(own, CEILING)):
        assert said(both, route, request(cert_id(serial))) == ["good"]
    assert said(both, route, request(cert_id(own))) == ["good" if own <= CEILING else "unknown"]


def test_item_45_random_serials(both: Running, route: str) -> None:
    """bad-inputs.md, item 45: what was asked once is not kept; of nobody's CA nothing is signed at all."""
    faces = both.faces
    signed, octets = faces.count(Count.SIGNATURES), faces.cache.octets
    base = 100_000 if route == FAST else 200_000
    many = b"".join(post(request(cert_id(base + number))) for number in range(300))
    answers = both.run(asked(faces.ports[route], many, methods=("POST",) * 300))
    assert {words(each)[0] for each in answers} == {"good"}
    assert faces.count(Count.SIGNATURES) == signed + 300
    # Two bits of a table tell what was asked before: few of 300 are taken for such.
    assert faces.cache.octets <= octets + 30 * 512
    strange = b"".join(post(request(some_cert_id(base + number))) for number in range(300))
    answers = both.run(asked(faces.ports[route], strange, methods=("POST",) * 300))
    assert {words(each)[0] for each in answers} == {"unauthorized"}
    assert faces.count(Count.SIGNATURES) == signed + 300


def test_t48_an_answer_ends_when_it_says_so(both: Running, route: str) -> None:
    """faults.md, T48: a recorded "good" is good for its own time only: it says until when, and so do the
    headers; asked again, nothing older than the set that answers is given."""
    answer = ask(both, route, get(request(cert_id(GOOD))), method="GET")
    single = told(answer)["responses"][0]
    ends = single["next_update"].native
    assert ends <= NOW + timedelta(days=2)
    left = int((ends - NOW).total_seconds())
    assert answer.field("Cache-Control") == (f"max-age={left - 1}, public, no-transform, must-revalidate")


def test_t46_what_is_too_much(both: Running, route: str) -> None:
    """faults.md, T46: a megabyte, a nonce of 5,000 octets, several CertIDs: 413, malformedRequest, answers;
    never 500."""
    assert refused_for_its_size(both, route, post(b"\x30" * 1_000_000)[:200_000])
    assert words(ask(both, route, post(request(cert_id(), extensions=(nonce(b"n" * 5000),))))) == (
        ["malformed_request"]
    )
    assert words(ask(both, route, post(request(cert_id(), cert_id(REVOKED))))) == ["good", "revoked"]


def test_t11_paths_as_they_stand(both: Running, route: str) -> None:
    """faults.md, T11: //, +, %2F, %2B, no padding, lower case: byte-equal to the POST answer."""
    body = request(cert_id(0xFFFF))
    text = b64encode(body).decode()
    before = both.faces.count(Count.POST)
    posted = [ask(both, route, post(body)) for _ in range(2)][-1]
    assert both.faces.count(Count.POST) - before == 2
    assert "//" in text
    for spelling in (text, text_of(body), text.rstrip("=")):
        assert ask(both, route, get(spelling), method="GET") == posted
    escapes = text_of(body).replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d")
    assert ask(both, route, get(escapes), method="GET") == posted


def test_errors_are_what_rfc_6960_says(both: Running, route: str) -> None:
    """RFC 6960 section 4.2.1: OCSPResponse with a status alone."""
    assert ask(both, route, post(b"")).body == ERRORS["malformed"]
    assert ask(both, route, post(request(some_cert_id()))).body == ERRORS["unauthorized"]
    assert algorithm("sha256") in request(cert_id())
