"""Fetching against a real server that misbehaves: whole lists get a name, everything else a code."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from revocation.crl.archive import ListArchive, StoredList
from revocation.crl.fetch import (
    Failed,
    Fetched,
    FetchLimits,
    FetchResult,
    FolderSource,
    HttpSource,
    NotModified,
)
from revocation.errors import InputRefused, OutsideFailed
from tests.base.eventually import HANG_S
from tests.pki import T0
from tests.revocation.fetching import QUICK, code, content, fetch, fetch_url, listing, retries, scope
from tests.revocation.list_server import ListServer, list_server


@pytest.fixture
async def server() -> AsyncIterator[ListServer]:
    async with list_server() as running:
        yield running


@pytest.fixture(autouse=True)
def quiet_retries() -> Iterator[None]:
    with retries():
        yield


async def fetch_one(
    server: ListServer, folder: Path, path: str = "/1.crl", limits: FetchLimits = QUICK
) -> FetchResult:
    return await fetch_url(server.url(path), folder, limits)


async def test_whole_lists_arrive_under_their_names(server: ListServer, tmp_path: Path) -> None:
    """Forty lists, four at a time, each once, octet for octet; progress is told for each."""
    server.delay_s = 0.005
    for number in range(40):
        server.lists[f"/{number}.crl"] = bytes([number]) * (number * 1000)
    told = 0

    def done() -> None:
        nonlocal told
        told += 1

    source = HttpSource({scope(n): server.url(f"/{n}.crl") for n in range(40)}, limits=QUICK)
    results = await source.fetch(list(source.offered), tmp_path, stored={}, done=done)
    assert told == 40
    assert 1 < server.most_at_once <= 4
    assert len(server.requests) == 40
    for number in range(40):
        result = results[scope(number)]
        assert isinstance(result, Fetched)
        assert await content(result.path) == server.lists[f"/{number}.crl"]
        assert result.etag is not None
    assert len(await listing(tmp_path)) == 40


async def test_unchanged_lists_are_not_sent_again(server: ListServer, tmp_path: Path) -> None:
    """If-None-Match with the stored ETag; at another address the ETag means nothing."""
    body = b"list"
    server.lists["/1.crl"] = server.lists["/moved.crl"] = body
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    stored = StoredList(tmp_path / "old.crl", hashlib.sha256(body).digest(), server.url("/1.crl"), etag)
    known = {str(scope(1)): stored}
    same = await fetch(HttpSource({scope(1): server.url("/1.crl")}), tmp_path, stored=known)
    assert same[scope(1)] == NotModified(stored)
    moved = await fetch(HttpSource({scope(1): server.url("/moved.crl")}), tmp_path, stored=known)
    assert isinstance(moved[scope(1)], Fetched)
    server.lists["/1.crl"] = b"newer"
    newer = await fetch(HttpSource({scope(1): server.url("/1.crl")}), tmp_path, stored=known)
    assert isinstance(newer[scope(1)], Fetched)
    assert [status for _, status in server.requests] == [304, 200, 200]


async def test_a_304_that_nobody_asked_for(server: ListServer, tmp_path: Path) -> None:
    """Without a stored list there is nothing that could be unmodified."""
    server.break_("/1.crl", "304")
    assert code(await fetch_one(server, tmp_path)) == "FETCH_STATUS"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cut", "FETCH_TRUNCATED"),
        ("cut_chunked", "FETCH_TRUNCATED"),
        ("endless", "FETCH_TOO_LARGE"),
        ("silent", "FETCH_TIMEOUT"),
        ("503", "FETCH_STATUS"),
        ("404", "FETCH_STATUS"),
        ("redirect", "FETCH_STATUS"),
    ],
)
async def test_what_is_not_whole_leaves_nothing(
    server: ListServer, tmp_path: Path, kind: str, expected: str
) -> None:
    """T02, T41, bad input 72: its code, its tries, and no file under any name."""
    server.lists["/1.crl"] = bytes(50_000)
    server.break_("/1.crl", kind)
    assert code(await fetch_one(server, tmp_path)) == expected
    assert await listing(tmp_path) == []


@pytest.mark.parametrize("kind", ["cut", "503", "429"])
async def test_what_passes_by_itself_is_tried_again(server: ListServer, tmp_path: Path, kind: str) -> None:
    """One bad answer, then a good one: the list arrives."""
    server.lists["/1.crl"] = bytes(50_000)
    server.break_("/1.crl", kind, times=1)
    result = await fetch_one(server, tmp_path)
    assert isinstance(result, Fetched)
    assert len(await content(result.path)) == 50_000


@pytest.mark.parametrize("status", ["400", "403", "404", "410", "301"])
async def test_what_does_not_pass_is_not_tried_again(server: ListServer, tmp_path: Path, status: str) -> None:
    """Asking again would only be noise at their end."""
    server.break_("/1.crl", status)
    assert code(await fetch_one(server, tmp_path)) == "FETCH_STATUS"
    assert len(server.requests) == 1


async def test_an_announced_size_over_the_limit_is_not_downloaded(server: ListServer, tmp_path: Path) -> None:
    """Content-Length is believed when it says too much."""
    server.lists["/1.crl"] = bytes(100_001)
    assert code(await fetch_one(server, tmp_path)) == "FETCH_TOO_LARGE"
    server.lists["/1.crl"] = bytes(100_000)
    assert isinstance(await fetch_one(server, tmp_path), Fetched)


async def test_nobody_listens(tmp_path: Path, unused_tcp_port: int) -> None:
    """Connection refused is the outside's failure, with its code."""
    source = HttpSource({scope(1): f"http://127.0.0.1:{unused_tcp_port}/1.crl"}, limits=QUICK)
    assert code((await fetch(source, tmp_path))[scope(1)]) == "FETCH_UNREACHABLE"


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "list.crl", "", "http://", "http:///x.crl", "http://[::1", "http://a.test:port/",
     "//a.test/x.crl", "https:x.crl", "http://a..test/x.crl", "ftp://a.test/"],
)  # fmt: skip
async def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    """Other schemes are never followed; what is no URL fails alone, with its code."""
    result = await fetch_url(address, tmp_path)
    assert code(result) == "FETCH_ADDRESS"
    assert isinstance(result, Failed)
    assert isinstance(result.error, InputRefused)
    assert address not in str(result.error) or not address


async def test_a_stored_tag_that_is_none_is_not_sent(server: ListServer, tmp_path: Path) -> None:
    """A damaged archive index smuggles nothing into a request: the list is fetched whole."""
    server.lists["/1.crl"] = b"list"
    for tag in ('"x"\r\nEvil: y', "x", '"x', ""):
        stored = StoredList(tmp_path / "old.crl", b"", server.url("/1.crl"), tag)
        assert isinstance(await fetch_url(server.url("/1.crl"), tmp_path, known=stored), Fetched)
    assert server.asked == [{}] * 4


async def test_the_deadline_ends_everything(server: ListServer, tmp_path: Path) -> None:
    """What has arrived counts; the rest has failed with FETCH_TIMEOUT; nothing half is left."""
    server.lists["/1.crl"] = b"quick"
    server.lists["/2.crl"] = bytes(10)
    server.break_("/2.crl", "silent")
    limits = FetchLimits(attempts=1, idle_s=10, deadline_s=0.4)
    addresses = {scope(n): server.url(f"/{n}.crl") for n in (1, 2)}
    results = await fetch(HttpSource(addresses, limits=limits), tmp_path)
    assert isinstance(results[scope(1)], Fetched)
    assert code(results[scope(2)]) == "FETCH_TIMEOUT"
    assert len(await listing(tmp_path)) == 1


async def test_cancelled_in_the_middle(server: ListServer, tmp_path: Path) -> None:
    """Ctrl-C while a list streams: no file under a final name, no part left."""
    server.break_("/1.crl", "endless")
    limits = FetchLimits(max_octets=1 << 40)
    task = asyncio.create_task(fetch_one(server, tmp_path, limits=limits))
    async with asyncio.timeout(HANG_S):
        while not await listing(tmp_path):  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await listing(tmp_path) == []


async def test_a_disk_that_is_full(server: ListServer, tmp_path: Path) -> None:
    """Our disk is not their server: another code, and no retry storm."""
    server.lists["/1.crl"] = b"list"
    result = await fetch_one(server, tmp_path / "missing")
    assert code(result) == "FETCH_UNWRITABLE"
    assert len(server.requests) <= 1


async def test_nothing_to_fetch(tmp_path: Path) -> None:
    """An empty source answers at once."""
    assert await fetch(HttpSource({}), tmp_path) == {}
    assert await fetch(FolderSource({}), tmp_path) == {}


def test_the_archive_keeps_and_remembers(tmp_path: Path) -> None:
    """Accepted files by JST day; the index survives; a removed file is forgotten."""
    archive = ListArchive(tmp_path / "archive")
    with archive.cycle():
        file = archive.incoming / "x.crl"
        file.write_bytes(b"list")
        digest = hashlib.sha256(b"list").digest()
        kept = Path(archive.keep(scope(1), file, sha256=digest, this_update=T0.replace(hour=20)))
        stored = StoredList(kept, digest, "http://example.test/", '"e"')
        archive.remember({str(scope(1)): stored})
    assert kept.parent.parent.name == "2026-11-21"
    # What else lies there, a link in a circle say, is no reason to fetch this one again.
    (kept.parent / "circle.crl").symlink_to(kept.parent / "circle.crl")
    assert ListArchive(tmp_path / "archive").stored() == {str(scope(1)): stored}
    assert not archive.incoming.exists()
    (kept.parent / "other.crl").write_bytes(b"list")
    kept.unlink()
    assert archive.stored() == {}


@pytest.mark.parametrize(
    "index",
    ["{", "[]", '{"x": 1}', '{"x": {"path": "/etc/passwd", "sha256": "", "address": "", "etag": null}}',
     '{"x": {"path": "../../x", "sha256": "", "address": "", "etag": null}}',
     '{"x": {"path": "fetched.json", "sha256": "zz", "address": "", "etag": null}}',
     '{"x": {"path": "folder/inner", "sha256": "", "address": "", "etag": null}}',
     '{"x": {"path": "folder/", "sha256": "", "address": "", "etag": null}}',
     '{"x": {"path": "folder/../fetched.json", "sha256": "", "address": "", "etag": null}}',
     '{"x": {"path": "\\u0000/1.crl", "sha256": "", "address": "", "etag": null}}'],
)  # fmt: skip
def test_a_damaged_archive_index_means_fetch_all(tmp_path: Path, index: str) -> None:
    """It is a convenience: never an error, never a path outside the folder."""
    (tmp_path / "fetched.json").write_text(index)
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    assert ListArchive(tmp_path).stored() == {}


def test_one_cycle_at_a_time(tmp_path: Path) -> None:
    """T27: a second cycle in the same folder is refused; leftovers of a killed one are wiped."""
    archive = ListArchive(tmp_path)
    with archive.cycle():
        with pytest.raises(OutsideFailed) as caught, ListArchive(tmp_path).cycle():
            pass
        assert caught.value.code == "PUBLISH_LOCKED"
        (archive.incoming / "left.crl").write_bytes(b"x")
    archive.incoming.mkdir()
    (archive.incoming / "killed.crl").write_bytes(b"x")
    with archive.cycle():
        assert list(archive.incoming.iterdir()) == []
