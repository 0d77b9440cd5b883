"""The Taker's files are mapped, never read whole, and let go before anything is published."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from revocation.authorities import ListScope
from revocation.crl._walk import PackedRecords
from revocation.crl.archive import StoredList
from revocation.crl.digest import list_digest
from revocation.crl.entries import EntryWalk
from revocation.crl.fetch import Fetched, FetchResult, NotModified
from revocation.take import ARCHIVE_CORRUPT, Taker
from tests import pki
from tests.pki import T0, entry
from tests.revocation.nights import Night, thread


class Kept:
    """A sink of packed records that knows whose they are.

    Contract: the records are those of the default sink.
    """

    def __init__(self, scope: ListScope) -> None:
        self.scope = scope
        self._taken = PackedRecords()
        self._records: bytes | None = None

    @property
    def count(self) -> int:
        return self._taken.count if self._records is None else len(self._records) // 32

    @property
    def records(self) -> bytes:
        if self._records is None:
            self._records = self._taken.take()
        return self._records

    def fill(self, walk: EntryWalk, limit: int) -> bool:
        return self._taken.fill(walk, limit)


def silent(stage: str, done: int, total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Four lists, quick to sign."""
    return Night(tmp_path, pki.make_ca(kind="p256"))


def fetched(night: Night) -> dict[ListScope, FetchResult]:
    return {scope: Fetched(night.file(scope), "folder", None) for scope in night.scopes}


def taker(night: Night, tell: Any = silent, **settings: Any) -> Taker:
    return Taker(night.authorities, (night.store,), night.clock, tell, **settings)


def held(folder: Path) -> list[str]:
    """Files of a folder that this process has mapped or open."""
    maps = Path("/proc/self/maps").read_text(encoding="ascii").splitlines()
    found = [line for line in maps if str(folder) in line]
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += [target] if (target := str(descriptor.readlink())).startswith(str(folder)) else []
    return found


async def test_nothing_taken_or_refused_holds_its_file(night: Night) -> None:
    """Accepted, refused by every room, refused again from memory, corrupt in the archive: no map is left,
    though results and errors are kept, for 1,900 maps and descriptors would be too many."""
    await thread(night.serve, 0)
    good, wrong, forged, empty = night.scopes
    await thread(night.file(wrong).write_bytes, night.der(wrong, 0, [entry(1, b"\x17\x0d261120000060Z")]))
    await thread(night.file(forged).write_bytes, night.der(forged, 0, corrupt_signature=True))
    await thread(night.file(empty).write_bytes, b"")
    judge = taker(night)
    taken, refused = await judge.take(fetched(night))
    again = await judge.take(fetched(night))
    assert [one.scope for one in taken] == [good]
    codes = {one.scope: one.error.code for one in refused}
    assert codes == {wrong: "DER_TIME", forged: "SIGNATURE_INVALID", empty: "LIST_IS_EMPTY"}
    assert {one.scope: one.error.code for one in again[1]} == codes
    other = StoredList(night.file(good), bytes(32), "folder", None)
    rotten = await taker(night).take({good: NotModified(other), wrong: NotModified(other)})
    assert [one.error.code for one in rotten[1]] == [ARCHIVE_CORRUPT] * 2
    assert await thread(held, night.inbox) == []
    assert refused[0].stored is not None
    for one in refused:
        assert one.stored is not None
        assert one.stored.sha256 == list_digest(await thread(night.file(one.scope).read_bytes))


async def test_an_unreadable_file_is_the_archives_fault(night: Night) -> None:
    """Gone, or a folder in its place: named, and the others are taken."""
    await thread(night.serve, 0)
    gone, folder = night.scopes[:2]
    await thread(night.file(gone).unlink)
    await thread(night.file(folder).unlink)
    await thread(night.file(folder).mkdir)
    taken, refused = await taker(night).take(fetched(night))
    assert len(taken) == 2
    assert [one.error.code for one in refused] == ["ARCHIVE_UNREADABLE"] * 2


async def test_each_list_has_a_sink_of_its_own(night: Night) -> None:
    """Made for its scope in the thread that decodes it; what it took is what packed records would have."""
    await thread(night.serve, 0, {night.scopes[1]: [entry(7, T0, 3), entry(8)]})
    plain, _ = await taker(night).take(fetched(night))
    taken, refused = await taker(night, sink_for=Kept).take(fetched(night))
    assert refused == []
    for one, other in zip(taken, plain, strict=True):
        sink = one.accepted.list.entries
        assert isinstance(sink, Kept)
        assert sink.scope == one.scope
        assert (sink.count, sink.records) == (
            other.accepted.list.entries.count,
            other.accepted.list.entries.records,
        )
    counts = {one.scope: one.accepted.list.entries.count for one in taken}
    assert counts == {scope: 2 if scope == night.scopes[1] else 0 for scope in night.scopes}


async def test_how_far_a_large_list_is(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told from the event loop after every so many octets, and at the end; of a small list never."""
    monkeypatch.setattr("revocation.take._TELL_OCTETS", 1_000_000)
    monkeypatch.setattr("revocation.crl.beside._LARGE_OF_MANY", 1_000_000)
    tile = b"".join(entry(0x1000000 + n, T0, 3) for n in range(3000))
    await thread(night.serve, 0)
    large = night.scopes[2]
    der = await thread(lambda: night.der(large, 0, [tile] * 100))
    await thread(night.file(large).write_bytes, der)
    size = (await thread(night.file(large).stat)).st_size
    loop, told = asyncio.get_running_loop(), []

    def tell(stage: str, done: int, total: int) -> None:
        assert asyncio.get_running_loop() is loop
        if stage == "decode":
            told.append((done, total))

    await taker(night, tell).take(fetched(night))
    assert told == sorted(told)
    assert {total for _, total in told} == {size}
    assert told[-1] == (size, size)
    assert 2 <= len(told) <= size // 1_000_000 + 1
