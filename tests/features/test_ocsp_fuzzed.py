"""Requests with octets changed, in any pieces: both routes say the same, and end a connection alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, assume, given, note, settings
from hypothesis import strategies as st

from platform_api.workers.counts import Count
from tests.features.edge_sockets import pieces
from tests.features.ocsp_callers import FakeCallers, caller, identified
from tests.features.ocsp_face import FAST, ORDINARY
from tests.features.ocsp_routes import Running, agree, both_running, chunked, get, post, said_by_both
from tests.features.request_heads import UNTIMED, confusing, head
from tests.forged_requests import nonce, request
from tests.revocation.ocsp_world import HELD, REVOKED, cert_id

pytestmark = pytest.mark.timeout(300)

KEY = "Authorization: Bearer any"
WHOLE = [
    post(request(cert_id()), KEY),
    post(request(cert_id(REVOKED)), KEY, path="/ocsp/delegated"),
    post(request(cert_id(), extensions=(nonce(b"n" * 16),)), KEY),
    get(request(cert_id(HELD)), KEY),
    get(request(cert_id(REVOKED)), "If-None-Match: *", KEY),
    chunked(request(cert_id(REVOKED)), 5, 9, fields=(KEY,)),
    post(request(cert_id(), cert_id(HELD)), KEY),
    post(b"", KEY),
    head("Content-Length: 2", KEY, start="PUT /ocsp HTTP/1.1") + b"ab",
]
LAST = post(request(cert_id()), "Connection: close", KEY)
SPECIAL = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b":", b"\x00", b"0", b"/", b"%", b"\xff", b"?", b"H"]


@pytest.fixture(scope="module", params=["anonymous", "identified"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    asking = None if request.param == "anonymous" else identified(FakeCallers({"Bearer any": caller(1)}))
    with both_running(tmp_path_factory.mktemp("sets"), identification=asking) as running:
        yield running


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """Some requests, in which some octets are others, or are not there, or twice."""
    octets = bytearray(b"".join(draw(st.lists(st.sampled_from(WHOLE), min_size=1, max_size=4))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(octets)))
        gone = draw(st.integers(0, 3))
        octets[at : at + gone] = draw(st.sampled_from(SPECIAL) | st.binary(max_size=2))
    return bytes(octets)


def ends_before(octets: bytes) -> bool:
    """May a request say that it is the last, and octets follow? aiohttp refuses both for that; RFC 9112
    section 9.6 has the request answered and the rest left alone, as the fast path does."""
    return b"close" in octets.lower() or b"HTTP/1.0" in octets


@given(octets=changed() | changed() | confusing(), data=st.data())
@settings(UNTIMED, max_examples=60, derandomize=True, phases=(Phase.explicit, Phase.generate))
def test_whatever_octets_come(both: Running, octets: bytes, data: st.DataObject) -> None:
    """Answers, refusals, and whether the connection is kept; in one piece and in several."""
    cuts = data.draw(st.lists(st.integers(1, max(1, len(octets) - 1)), max_size=4))
    assume(not ends_before(octets))
    octets += data.draw(st.sampled_from([b"", LAST, post(b"", KEY, minor=0)]))
    said = both.run(said_by_both(both.faces, pieces(octets, cuts)))
    note(repr((octets, cuts)))
    for route, (responses, ended) in said.items():
        note(f"{route} {ended} {[each[:15] + each[-5:] for each in responses]}")
    assert agree(said[FAST], said[ORDINARY])


def test_most_of_what_is_not_changed_is_the_fast_paths(both: Running) -> None:
    """The comparison above is one between two routes: ordinary requests are not handed over."""
    before, answered = both.faces.count(Count.HANDED_OVER), both.faces.count(Count.POST)
    for octets in WHOLE[:3]:
        said = both.run(said_by_both(both.faces, [octets]))
        assert said[FAST] == said[ORDINARY]
    assert both.faces.count(Count.HANDED_OVER) == before
    assert both.faces.count(Count.POST) == answered + 2 * 3
