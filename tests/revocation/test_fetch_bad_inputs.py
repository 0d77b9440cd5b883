"""What servers and lines do to a list on its way: refused, or left to the decoder whole."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from revocation.crl.decode import decode_certificate_list
from revocation.crl.fetch import Failed, Fetched, FetchResult, HttpSource
from revocation.errors import InputRefused
from revocation.ingest import Outcome
from tests import pki
from tests.pki import entry
from tests.revocation.fetching import (
    ONE_TRY,
    QUICK,
    code,
    content,
    fetch,
    fetch_url,
    listing,
    retries,
    scope,
)
from tests.revocation.list_server import ListServer, list_server
from tests.revocation.nights import Night, thread
from tests.revocation.raw_server import chunked, head, raw_server


@pytest.fixture
async def server() -> AsyncIterator[ListServer]:
    async with list_server() as running:
        yield running


@pytest.fixture(autouse=True)
def seen() -> Iterator[list[Any]]:
    with retries() as seen:
        yield seen


@pytest.fixture(scope="module")
def signed(ca: pki.CA) -> bytes:
    """A good list of some 60 KiB."""
    authority = ca.authority()
    listed = [entry(100_000 + number, reason=3) for number in range(1500)]
    made = pki.crl_for(ca, authority.expected_lists()[0], listed)
    assert decode_certificate_list(made).entries.count == 1500
    return made


async def assert_never_a_list(result: FetchResult) -> None:
    """A code of the fetch, or a whole message whose octets the decoder refuses."""
    if isinstance(result, Failed):
        assert code(result) in {"FETCH_TRUNCATED", "FETCH_UNREACHABLE"}
    else:
        assert isinstance(result, Fetched)
        octets = await content(result.path)
        with pytest.raises(InputRefused):
            decode_certificate_list(octets)


# --- item 71: not a list at all ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["text/html", "application/octet-stream", "", "no type/at all;;", "image/png"]
)
async def test_item_71_a_wrong_content_type_is_no_reason_to_refuse(tmp_path: Path, kind: str) -> None:
    """Servers say all sorts of things about .crl files; the octets decide."""
    async with raw_server(lambda _: head(f"Content-Type: {kind}", "Content-Length: 4") + b"list") as base:
        result = await fetch_url(f"{base}/1.crl", tmp_path)
    assert isinstance(result, Fetched)
    assert await content(result.path) == b"list"


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "x-unknown", ""])
async def test_item_71_an_encoding_that_nobody_asked_for(
    tmp_path: Path, seen: list[Any], encoding: str
) -> None:
    """Accept-Encoding said identity: refused by a code of its own, at once, and never unpacked."""
    body = gzip.compress(b"list")
    answer = head(f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}") + body
    async with raw_server(lambda _: answer) as base:
        result = await fetch_url(f"{base}/1.crl", tmp_path)
    assert code(result) == "FETCH_ENCODING"
    assert isinstance(result, Failed)
    assert isinstance(result.error, InputRefused)
    assert await listing(tmp_path) == []
    assert seen == []


async def test_item_71_identity_said_aloud_is_no_encoding(tmp_path: Path) -> None:
    """Content-Encoding: identity changes nothing."""
    answer = head("Content-Encoding: Identity", "Content-Length: 4") + b"list"
    async with raw_server(lambda _: answer) as base:
        assert isinstance(await fetch_url(f"{base}/1.crl", tmp_path), Fetched)


async def test_item_71_an_error_page_with_status_200(tmp_path: Path) -> None:
    """It arrives whole, since fetching reads nothing; the decoder refuses it."""
    page = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"
    answer = head("Content-Type: text/html", f"Content-Length: {len(page)}") + page
    async with raw_server(lambda _: answer) as base:
        result = await fetch_url(f"{base}/1.crl", tmp_path)
    assert isinstance(result, Fetched)
    assert await content(result.path) == page
    await assert_never_a_list(result)


@pytest.mark.parametrize("scheme", ["ldap", "ldaps", "LDAP"])
async def test_item_71_an_ldap_address(tmp_path: Path, scheme: str) -> None:
    """Not followed; the refusal says what to do instead, and does not repeat the address."""
    address = f"{scheme}://dir.example.test/cn=13101,o=JPKI?certificateRevocationList;binary"
    result = await fetch_url(address, tmp_path)
    assert code(result) == "FETCH_ADDRESS"
    assert isinstance(result, Failed)
    assert isinstance(result.error, InputRefused)
    assert "LDAP" in result.error.remedy
    assert "13101" not in str(result.error)


# --- item 72, T02: less than a list ------------------------------------------------------------------------


def truncated(path: str, body: bytes) -> bytes:
    """``/kind/cut.crl``: the list cut after so many octets, in one of the ways in which that happens."""
    _, kind, name = path.split("/")
    cut = int(name.removesuffix(".crl"))
    if kind == "announced":
        return head(f"Content-Length: {len(body)}") + body[:cut]
    if kind == "announced-too-little":
        return head(f"Content-Length: {cut}") + body
    if kind == "announced-too-much":
        return head(f"Content-Length: {len(body) + cut + 1}") + body
    if kind == "chunked":
        return head("Transfer-Encoding: chunked") + chunked(body)[:cut]
    if kind == "shorter-chunks":
        return head("Transfer-Encoding: chunked") + chunked(body[:cut])
    return head("Connection: close") + body[:cut]


_KINDS = (
    "announced", "announced-too-little", "announced-too-much", "chunked", "shorter-chunks", "unannounced",
)  # fmt: skip


@pytest.mark.parametrize("step", [16, pytest.param(1, marks=pytest.mark.slow)])
async def test_t02_truncated_at_every_kibibyte(tmp_path: Path, signed: bytes, step: int) -> None:
    """Cut anywhere, under right and wrong announcements, in chunks or not: never taken for a list."""
    cuts = [*range(0, len(signed), step * 1024), len(signed) - 1]
    urls = [f"/{kind}/{cut}.crl" for kind in _KINDS for cut in cuts]
    async with raw_server(lambda path: truncated(path, signed)) as base:
        addresses = {scope(number): base + url for number, url in enumerate(urls)}
        results = await fetch(HttpSource(addresses, limits=replace(ONE_TRY, deadline_s=60)), tmp_path)
    assert len(results) == len(urls)
    for result in results.values():
        await assert_never_a_list(result)
    found: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for number, url in enumerate(urls):
        result = results[scope(number)]
        found[url.split("/")[1]].add(code(result) if isinstance(result, Failed) else "arrived")
    for kind in ("announced", "announced-too-much", "chunked"):
        assert found[kind] == {"FETCH_TRUNCATED"}, kind
    for kind in ("shorter-chunks", "unannounced"):
        assert found[kind] == {"arrived"}, f"{kind}: HTTP has no way to know; the decoder has"
    # Octets behind the end of a message are no HTTP, where they are seen before the message is done with.
    assert found["announced-too-little"] <= {"arrived", "FETCH_UNREACHABLE"}


async def test_t02_item_72_cut_in_the_night_keeps_the_old_list(night: Night, server: ListServer) -> None:
    """Cut at every try: the old list stays in force, the others publish; the next cycle gets the new one."""

    def serve(day: int, entries: list[bytes]) -> None:
        night.serve(day, {night.scopes[0]: entries})
        for number, one in enumerate(night.scopes):
            server.lists[f"/{number}"] = night.file(one).read_bytes()

    addresses = {one: server.url(f"/{number}") for number, one in enumerate(night.scopes)}
    source = HttpSource(addresses, limits=replace(QUICK, piece_octets=64))
    await thread(serve, 0, [entry(7, reason=3)])
    assert (await night.run(source=source)).outcome is Outcome.PUBLISHED
    await thread(serve, 1, [entry(7, reason=3), entry(8)])
    server.cuts["/0"] = [100, 100]
    report = await night.run(source=source)
    assert (report.outcome, report.lists_carried) == (Outcome.PARTIAL, 1)
    assert report.refusals == ((str(night.scopes[0]), "FETCH_TRUNCATED"),)
    snapshot = await thread(night.store.current)
    assert snapshot.lookup(night.scopes[0].lineage, b"\x07") is not None
    assert snapshot.lookup(night.scopes[0].lineage, b"\x08") is None
    server.asked.clear()
    report = await night.run(source=source)
    assert (report.outcome, report.refusals) == (Outcome.PUBLISHED, ())
    assert [asked["Range"] for asked in server.asked if "Range" in asked] == ["bytes=200-"]
    assert (await thread(night.store.current)).lookup(night.scopes[0].lineage, b"\x08") is not None


async def test_item_72_a_mixed_list_is_refused_and_fetched_anew(night: Night, server: ListServer) -> None:
    """A server that lies about everything can make us join old and new: the signature does not fit, the old
    list stays, and the next cycle fetches from the start.
    """
    lied = {"ETag": '"same"'}

    def serve(day: int, entries: list[bytes]) -> None:
        night.serve(day, {night.scopes[0]: entries})
        for number, one in enumerate(night.scopes):
            server.lists[f"/{number}"] = night.file(one).read_bytes()

    addresses = {one: server.url(f"/{number}") for number, one in enumerate(night.scopes)}
    source = HttpSource(addresses, limits=replace(ONE_TRY, piece_octets=64))
    await thread(serve, 0, [])
    assert (await night.run(source=source)).outcome is Outcome.PUBLISHED
    server.lies = {200: lied, 206: lied}
    server.validators = lambda body: lied  # type: ignore[method-assign]
    await thread(serve, 1, [entry(7)])
    server.cuts["/0"] = [300]
    assert (await night.run(source=source)).refusals == ((str(night.scopes[0]), "FETCH_TRUNCATED"),)
    await thread(serve, 1, [entry(8)])
    report = await night.run(source=source)
    assert report.refusals == ((str(night.scopes[0]), "SIGNATURE_INVALID"),)
    report = await night.run(source=source)
    assert (report.outcome, report.refusals) == (Outcome.PUBLISHED, ())


@pytest.mark.parametrize(
    "answer",
    [head("Content-Length: 0"), head("Transfer-Encoding: chunked") + b"0\r\n\r\n", head("Connection: close")],
)
async def test_item_72_no_octet_at_all(tmp_path: Path, answer: bytes) -> None:
    """An empty message is whole; the decoder refuses it, whatever way it came."""
    async with raw_server(lambda _: answer) as base:
        result = await fetch_url(f"{base}/1.crl", tmp_path)
    assert isinstance(result, Fetched)
    assert await content(result.path) == b""
    await assert_never_a_list(result)


@pytest.mark.parametrize(
    "answer",
    [b"", b"\r\n", b"HTTP/1.1 200", b"SSH-2.0-x\r\n", head("Content-Length: -1"), head("Content-Length: 4x"),
     head("Content-Length: 4", "Content-Length: 5") + b"list", head(*(f"X-{n}: y" for n in range(1000))),
     head("X: " + "y" * 100_000), head(status="999999 No"), head("Transfer-Encoding: chunked") + b"zz\r\n"],
)  # fmt: skip
async def test_item_72_what_is_no_http(tmp_path: Path, answer: bytes) -> None:
    """Garbage in place of an answer fails that list alone, by a code, and leaves nothing."""
    async with raw_server(lambda _: answer) as base:
        result = await fetch_url(f"{base}/1.crl", tmp_path)
    assert code(result) in {"FETCH_UNREACHABLE", "FETCH_TRUNCATED", "FETCH_STATUS"}
    assert await listing(tmp_path) == []
