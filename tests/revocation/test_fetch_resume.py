"""A download that was cut off goes on where the server vouches for the list, and else begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from revocation.crl import parts
from revocation.crl.archive import StoredList
from revocation.crl.fetch import Fetched, NotModified
from tests.revocation.fetching import (
    CUT,
    LIST,
    ONE_TRY,
    OTHER,
    PAIR,
    QUICK,
    again,
    arrived,
    code,
    content,
    cut_off,
    fetch_url,
    listing,
    ranges,
    retries,
)
from tests.revocation.list_server import ListServer, list_server


@pytest.fixture
async def server() -> AsyncIterator[ListServer]:
    async with list_server() as running:
        running.lists["/1.crl"] = LIST
        yield running


@pytest.fixture(autouse=True)
def quiet_retries() -> Iterator[None]:
    with retries():
        yield


async def test_a_cut_download_goes_on(server: ListServer, tmp_path: Path) -> None:
    """Only the octets that are missing are asked for, under the entity tag of the first ones."""
    await cut_off(server, tmp_path)
    assert await listing(tmp_path) == PAIR
    assert await content(tmp_path / PAIR[0]) == LIST[:CUT]
    result = await again(server, tmp_path)
    await arrived(result, tmp_path, LIST)
    assert isinstance(result, Fetched)
    assert result.etag == server.validators(LIST)["ETag"]
    assert server.asked == [{"Range": f"bytes={CUT}-", "If-Range": result.etag}]
    assert [status for _, status in server.requests] == [206]


async def test_within_one_call_the_second_try_goes_on(server: ListServer, tmp_path: Path) -> None:
    """A line that breaks again and again still gets the list: no octet is sent twice."""
    server.cuts["/1.crl"] = [5000, 5000, 5000]
    limits = replace(QUICK, attempts=4)
    await arrived(await fetch_url(server.url("/1.crl"), tmp_path, limits), tmp_path, LIST)
    assert ranges(server) == [None, "bytes=5000-", "bytes=10000-", "bytes=15000-"]


async def test_a_settled_date_is_as_good_as_a_tag(server: ListServer, tmp_path: Path) -> None:
    """RFC 9110 section 13.1.5: Last-Modified goes into If-Range where it is long past at the answer."""
    server.validator = "date"
    await cut_off(server, tmp_path)
    await arrived(await again(server, tmp_path), tmp_path, LIST)
    modified = server.validators(LIST)["Last-Modified"]
    assert server.asked == [{"Range": f"bytes={CUT}-", "If-Range": modified}]


@pytest.mark.parametrize("validator", ["weak", "fresh", "none"])
async def test_without_a_strong_validator_no_part_is_kept(
    server: ListServer, tmp_path: Path, validator: str
) -> None:
    """A weak tag, a date of this very second, nothing at all: the next try begins anew."""
    server.validator = validator
    await cut_off(server, tmp_path)
    assert await listing(tmp_path) == []
    await arrived(await again(server, tmp_path), tmp_path, LIST)
    assert ranges(server) == [None]


@pytest.mark.parametrize(
    "lie", [{"Accept-Ranges": "none"}, {"ETag": "unquoted"}, {"ETag": '"a", "b"'}, {"ETag": '""'}]
)
async def test_a_server_that_cannot_vouch(server: ListServer, tmp_path: Path, lie: Mapping[str, str]) -> None:
    """Ranges declined, or a tag that is none: no part is kept."""
    server.lies[200] = lie
    await cut_off(server, tmp_path)
    assert await listing(tmp_path) == []


async def test_a_server_that_ignores_range(server: ListServer, tmp_path: Path) -> None:
    """A 200 begins anew, whatever is there."""
    await cut_off(server, tmp_path)
    server.ranges = False
    await arrived(await again(server, tmp_path), tmp_path, LIST)
    assert [status for _, status in server.requests] == [200]


@pytest.mark.parametrize("validator", ["etag", "date"])
async def test_item_72_resumed_with_a_changed_file_is_never_mixed(
    server: ListServer, tmp_path: Path, validator: str
) -> None:
    """The list was replaced meanwhile, by one of the same length: the new one arrives, whole and alone."""
    server.validator = validator
    await cut_off(server, tmp_path)
    server.lists["/1.crl"] = OTHER
    await arrived(await again(server, tmp_path), tmp_path, OTHER)
    assert ranges(server) == [f"bytes={CUT}-"]


_LIES: dict[str, Mapping[str, str]] = {
    "another start": {"Content-Range": "bytes 9999-19999/20000"},
    "from the start": {"Content-Range": "bytes 0-19999/20000"},
    "another total": {"Content-Range": "bytes 10000-19999/20001"},
    "not to the end": {"Content-Range": "bytes 10000-19998/20000"},
    "beyond the end": {"Content-Range": "bytes 10000-20000/20000"},
    "changed total": {"Content-Range": "bytes 10000-29999/30000"},
    "backwards": {"Content-Range": "bytes 10000-9999/10000"},
    "total unknown": {"Content-Range": "bytes 10000-19999/*"},
    "another unit": {"Content-Range": "rows 10000-19999/20000"},
    "no range": {"Content-Range": ""},
    "several ranges": {"Content-Range": "", "Content-Type": "multipart/byteranges; boundary=x"},
    "another tag": {"ETag": '"other"'},
    "no tag": {"ETag": ""},
    "a weak tag": {"ETag": f'W/"{sha256(LIST).hexdigest()}"'},
}


@pytest.mark.parametrize("lie", _LIES.values(), ids=list(_LIES))
async def test_item_72_a_range_that_does_not_fit_begins_anew(
    server: ListServer, tmp_path: Path, lie: Mapping[str, str]
) -> None:
    """A 206 with another start, end, total or validator: nothing of it is taken, the list is sent whole."""
    await cut_off(server, tmp_path)
    server.lies[206] = lie
    await arrived(await again(server, tmp_path), tmp_path, LIST)
    assert [status for _, status in server.requests] == [206, 200]
    assert ranges(server) == [f"bytes={CUT}-", None]


async def test_a_part_of_more_than_there_is_now(server: ListServer, tmp_path: Path) -> None:
    """416: the list became shorter; it is fetched whole."""
    await cut_off(server, tmp_path)
    server.lists["/1.crl"] = LIST[:5000]
    server.validators = lambda body: {"ETag": f'"{sha256(LIST).hexdigest()}"'}  # type: ignore[method-assign]
    await arrived(await again(server, tmp_path), tmp_path, LIST[:5000])
    assert [status for _, status in server.requests] == [416, 200]


async def test_a_206_that_nobody_asked_for(server: ListServer, tmp_path: Path) -> None:
    """Without a part it is no answer, and it leaves none."""
    server.break_("/1.crl", "206")
    assert code(await again(server, tmp_path)) == "FETCH_STATUS"
    assert await listing(tmp_path) == []


async def test_a_chunked_list_goes_on(server: ListServer, tmp_path: Path) -> None:
    """Its length is learnt from Content-Range; one that ends short of it is no list."""
    server.chunked = True
    await cut_off(server, tmp_path)
    await arrived(await again(server, tmp_path), tmp_path, LIST)


@pytest.mark.parametrize("length", [19_000, 21_000])
async def test_a_chunked_rest_of_another_length(server: ListServer, tmp_path: Path, length: int) -> None:
    """The chunks end before, or after, what Content-Range says: refused, and nothing kept."""
    server.chunked = True
    await cut_off(server, tmp_path)
    server.lists["/1.crl"] = (LIST + OTHER)[:length]
    server.validators = lambda body: {"ETag": f'"{sha256(LIST).hexdigest()}"'}  # type: ignore[method-assign]
    server.lies[206] = {"Content-Range": f"bytes {CUT}-19999/20000"}
    assert code(await again(server, tmp_path)) == "FETCH_TRUNCATED"
    assert await listing(tmp_path) == []


async def test_the_size_limit_counts_the_whole(server: ListServer, tmp_path: Path) -> None:
    """A rest that is small does not make a list small: refused before it is read, the part goes."""
    server.chunked = True  # so that the first answer does not say its length
    await cut_off(server, tmp_path)
    limits = replace(ONE_TRY, max_octets=19_999)
    assert code(await fetch_url(server.url("/1.crl"), tmp_path, limits)) == "FETCH_TOO_LARGE"
    assert server.asked[0]["Range"] == f"bytes={CUT}-"
    assert await listing(tmp_path) == []


async def test_unchanged_wins_over_a_part(server: ListServer, tmp_path: Path) -> None:
    """The server went back to the list that we have stored: 304, and the part goes."""
    await cut_off(server, tmp_path)
    server.lists["/1.crl"] = OTHER
    url, etag = server.url("/1.crl"), server.validators(OTHER)["ETag"]
    stored = StoredList(tmp_path / "stored", sha256(OTHER).digest(), url, etag)
    assert await fetch_url(url, tmp_path, ONE_TRY, known=stored) == NotModified(stored)
    assert set(server.asked[0]) == {"Range", "If-Range", "If-None-Match"}
    assert await listing(tmp_path) == []


async def test_a_small_list_is_not_worth_a_part(server: ListServer, tmp_path: Path) -> None:
    """Cut off within the first piece: nothing was written at all."""
    server.cuts["/1.crl"] = [1023]
    assert code(await again(server, tmp_path)) == "FETCH_TRUNCATED"
    assert await listing(tmp_path) == []


def _note(**changes: Any) -> bytes:
    row = {"address": "", "validator": '"x"', "total": 20_000, "boot": parts.boot_id()}
    return orjson.dumps(row | changes)


@pytest.mark.parametrize(
    "note",
    [
        b"", b"{", b"[]", b'"x"', _note(boot="another boot"), _note(boot=None), _note(address="elsewhere"),
        _note(validator='W/"weak"'), _note(validator='"x"\r\nEvil: y'), _note(validator="x"),
        _note(total="many"), _note(total=CUT), _note(total=CUT - 1),
    ],
)  # fmt: skip
async def test_a_note_that_fits_nothing(server: ListServer, tmp_path: Path, note: bytes) -> None:
    """Damaged, of another boot, of another address, or of no more than the part: fetched whole."""
    url = server.url("/1.crl")

    def leave() -> None:
        (tmp_path / PAIR[0]).write_bytes(OTHER[:CUT])
        (tmp_path / PAIR[1]).write_bytes(note.replace(b'"address":""', b'"address":"%s"' % url.encode()))

    await asyncio.to_thread(leave)
    await arrived(await again(server, tmp_path), tmp_path, LIST)
    assert ranges(server) == [None]


@pytest.mark.parametrize("left", PAIR)
async def test_half_a_pair_is_nothing(server: ListServer, tmp_path: Path, left: str) -> None:
    """Killed between note and part: neither alone is gone on with, and neither stays."""
    await cut_off(server, tmp_path)
    await asyncio.to_thread((tmp_path / next(name for name in PAIR if name != left)).unlink)
    await arrived(await again(server, tmp_path), tmp_path, LIST)
    assert ranges(server) == [None]


async def test_where_the_boot_is_unknown_no_part_is_kept(
    server: ListServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are not synced, so without knowing of a power cut they are worth nothing."""
    monkeypatch.setattr(parts, "boot_id", lambda: None)
    await cut_off(server, tmp_path)
    assert await listing(tmp_path) == []
