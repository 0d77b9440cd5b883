"""OCSP over HTTP: POST and every sensible spelling of GET, headers for caches, and what HTTP refuses."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from platform_api.institutions.administration import ALL_PURPOSES, ALL_SCOPES
from platform_api.institutions.model import Entitlement, Mode
from platform_api.ocsp.get_path import request_in_path
from revocation.ocsp.responder import Responder, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from tests import pki
from tests.base.postgres import make_institution
from tests.features.cards import Card, make_card
from tests.features.service import Service, serving
from tests.features.world import World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


def request_for(card: Card, nonce: bytes | None = None) -> bytes:
    """What a client asks about this card."""
    issuer = sets.ca().generations[1].certificate
    builder = ocsp.OCSPRequestBuilder().add_certificate(card.certificate, issuer, SHA256())
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(pki.Encoding.DER)


def responder_pair() -> tuple[x509.Certificate, Any]:
    """A responder's certificate and key."""
    key = pki.key("p256", 95)
    certificate = pki.ca_certificate(
        key, (("CN", "responder"),), sets.T0 - timedelta(days=1), ca=False, crl_sign=None
    )
    return certificate, key


@pytest.fixture
async def service(world: World) -> AsyncIterator[Service]:
    """A service with the locally trusted responder, and a card on the list."""
    signer = LocallyTrustedSigner(*responder_pair())
    world.responders[TrustMode.LOCAL] = Responder(world.authorities, {TrustMode.LOCAL: signer}, world.clock)
    await world.day({4711: 6})
    async with serving(world) as running:
        yield running


async def test_post_and_get_say_the_same(service: Service) -> None:
    """Good, and on hold as revoked with certificateHold, by both methods, signed, with a nextUpdate."""
    for serial, status in ((None, ocsp.OCSPCertStatus.GOOD), (4711, ocsp.OCSPCertStatus.REVOKED)):
        asked = request_for(make_card(sets.ca(), serial=serial))
        posted = await service.client.post("/ocsp", data=asked)
        got = await service.client.get("/ocsp/" + quote(b64encode(asked).decode(), safe=""))
        for response in (posted, got):
            assert (response.status, response.content_type) == (200, "application/ocsp-response")
            answer = ocsp.load_der_ocsp_response(await response.read())
            assert answer.certificate_status is status
            assert answer.next_update_utc == sets.T0 + timedelta(days=2)


async def test_cache_headers(service: Service) -> None:
    """RFC 9919 section 6.2: until strictly before nextUpdate; ETag gives 304; a nonce is not to be kept."""
    asked = request_for(make_card(sets.ca()))
    path = URL("/ocsp/" + quote(b64encode(asked).decode(), safe=""), encoded=True)
    response = await service.client.get(path)
    left = int((sets.T0 + timedelta(days=2) - service.world.clock.now()).total_seconds())
    expected = f"max-age={left - 1}, public, no-transform, must-revalidate"
    assert response.headers["Cache-Control"] == expected
    assert parsedate_to_datetime(response.headers["Last-Modified"]) == sets.T0
    assert parsedate_to_datetime(response.headers["Expires"]) == sets.T0 + timedelta(days=2)
    tag = response.headers["ETag"]
    for given_tag in ("*", f'"other", W/{tag}'):
        again = await service.client.get(path, headers={"If-None-Match": given_tag})
        # An ECDSA signature differs each time, so the tag does too, until answers are cached.
        assert again.status == (304 if given_tag == "*" else 200)
    nonced = await service.client.post("/ocsp", data=request_for(make_card(sets.ca()), b"n" * 16))
    assert nonced.headers["Cache-Control"] == "no-cache, no-store"
    answer = ocsp.load_der_ocsp_response(await nonced.read())
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16


async def test_head_methods_and_sizes(service: Service) -> None:
    """HEAD has headers only; other methods are 405; an endless body is 413, garbage is malformedRequest."""
    asked = request_for(make_card(sets.ca()))
    path = URL("/ocsp/" + quote(b64encode(asked).decode(), safe=""), encoded=True)
    head = await service.client.head(path)
    assert (head.status, await head.read()) == (200, b"")
    assert "ETag" in head.headers
    for method in ("PUT", "DELETE", "OPTIONS"):
        assert (await service.client.request(method, "/ocsp")).status == 405
    assert (await service.client.post("/ocsp", data=b"\x30" * 20_000)).status == 413
    for garbage in (b"", b"\x30", b"no", asked[:-1], asked + b"\x00"):
        response = await service.client.post("/ocsp", data=garbage)
        answer = ocsp.load_der_ocsp_response(await response.read())
        assert answer.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
        assert response.headers["Cache-Control"] == "no-cache, no-store"
    response = await service.client.get("/ocsp/favicon.ico")
    answer = ocsp.load_der_ocsp_response(await response.read())
    assert answer.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


async def test_missing_delegate_and_stale_lists(service: Service) -> None:
    """Without a delegate: unauthorized. After nextUpdate: tryLater, never good."""
    asked = request_for(make_card(sets.ca()))
    for path in ("/ocsp/delegated", "/ocsp/delegated/"):
        response = await service.client.post(path, data=asked)
        answer = ocsp.load_der_ocsp_response(await response.read())
        assert answer.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    service.world.clock.advance(timedelta(days=3))
    response = await service.client.post("/ocsp", data=asked)
    answer = ocsp.load_der_ocsp_response(await response.read())
    assert answer.response_status is ocsp.OCSPResponseStatus.TRY_LATER


async def test_live_servers_answer_nobody_unknown(service: Service) -> None:
    """In live mode an anonymous request, and one with a test key, is answered unauthorized, unsigned."""
    institution = await make_institution(service.world.database)
    asked = request_for(make_card(sets.ca()))
    async with serving(service.world, mode="live") as live:
        for headers in ({}, institution.headers, {"Authorization": "Basic x"}):
            response = await live.client.post("/ocsp", data=asked, headers=headers)
            assert await response.read() == bytes.fromhex("30030a0106")
            assert response.headers["Cache-Control"] == "no-cache, no-store"


@pytest.fixture
def live(service: Service) -> Service:
    """The same world on a live server; both trust modes have a responder."""
    world = service.world
    signer = LocallyTrustedSigner(*responder_pair())
    world.responders[TrustMode.DELEGATED] = Responder(
        world.authorities, {TrustMode.DELEGATED: signer}, world.clock
    )
    return service


LIVE_KEYS: list[tuple[dict[str, Any], str]] = [
    ({}, "good"),
    ({"purposes": ALL_PURPOSES - {"current_status_check"}}, "unauthorized"),
    ({"kinds": frozenset({"card-sign"})}, "unauthorized"),
    ({"scopes": ALL_SCOPES - {"status:check"}}, "unauthorized"),
    ({"entitlement": Entitlement.PRESENTED}, "unauthorized"),
    ({"entitlement": Entitlement.REGISTERED}, "unauthorized"),
]


@pytest.mark.parametrize(
    ("bent", "answer"), LIVE_KEYS, ids=["whole", "purposes", "kinds", "scopes", "presented", "registered"]
)
async def test_live_ocsp_asks_what_the_json_serial_form_asks(
    live: Service, bent: dict[str, Any], answer: str
) -> None:
    """Scope, purpose, entitlement and every kind of the CA: each closes OCSP as it closes the check by
    serial number, at every address and by both methods; anonymous requests never get in."""
    card = make_card(sets.ca())
    asked = request_for(card)
    assert live.world.authority.purpose_limited
    institution = await make_institution(live.world.database, mode=Mode.LIVE, **bent)
    registered_only = institution.principal.entitlement == Entitlement.REGISTERED
    serial = {"ca_id": "card-sign", "issuer_key": sets.ca().generations[1].key_id.hex()}
    serial["serial_number"] = f"{card.serial:x}"
    async with serving(live.world, mode="live") as running:
        await running.call(
            institution,
            "POST",
            "/v1/certificates:check",
            {"purpose": "current_status_check", "serial": serial},
            # Permitted, and nothing is registered: as if there were no such certificate.
            expect=200 if answer == "good" else 404 if registered_only else 403,
        )
        for path in ("/ocsp", "/ocsp/", "/ocsp/delegated", "/ocsp/delegated/"):
            got_path = URL(path.rstrip("/") + "/" + quote(b64encode(asked).decode(), safe=""), encoded=True)
            for headers, expected in ((institution.headers, answer), ({}, "unauthorized")):
                posted = await running.client.post(path, data=asked, headers=headers)
                got = await running.client.get(got_path, headers=headers)
                for response in (posted, got):
                    octets = await response.read()
                    if expected == "unauthorized":
                        assert octets == bytes.fromhex("30030a0106")
                        continue
                    found = ocsp.load_der_ocsp_response(octets)
                    assert found.certificate_status is ocsp.OCSPCertStatus.GOOD
                    assert "private" in response.headers["Cache-Control"]


DER = bytes.fromhex("30fb") + bytes(range(249, 256)) * 6 + b"\x3e\x3f"


@pytest.mark.parametrize(
    "spelling",
    [
        quote(b64encode(DER).decode(), safe=""),
        quote(b64encode(DER).decode(), safe="/+="),
        quote(b64encode(DER).decode(), safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
        b64encode(DER).decode(),
        b64encode(DER).decode().replace("+", " "),
        b64encode(DER).decode().replace("+", "%20"),
        b64encode(DER).decode().rstrip("="),
        urlsafe_b64encode(DER).decode(),
        urlsafe_b64encode(DER).decode().rstrip("="),
        quote(quote(b64encode(DER).decode(), safe=""), safe=""),
        quote(b64encode(DER).decode(), safe="") + "?x=1",
    ],
)
def test_every_spelling_means_the_same_octets(spelling: str) -> None:
    """bad-inputs.md, item 39."""
    assert "+" in b64encode(DER).decode()
    assert "/" in b64encode(DER).decode()
    assert request_in_path(spelling) == DER


@pytest.mark.parametrize("text", ["", "?", "favicon.ico", "A", "%", "%zz", "é", "M" * 9000, "=", "MA==MA=="])
def test_other_texts_mean_nothing(text: str) -> None:
    """What is no base64 in any of these spellings is not repaired."""
    assert request_in_path(text) is None


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: quote(b64encode(b).decode())))
def test_paths_never_fail(text: str) -> None:
    """Any text is octets or nothing, never an exception."""
    found = request_in_path(text)
    assert found is None or isinstance(found, bytes)
