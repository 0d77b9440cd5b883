"""T22, before it happens: a fetch leaves room on the disk, and says what it wanted and what there is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from revocation.crl.decode import MAX_LIST_OCTETS
from revocation.crl.fetch import Failed, Fetched, FetchLimits, FolderSource, download, folder_source
from revocation.crl.fetch.room import MARGIN_OCTETS, check_room
from revocation.errors import OutsideFailed
from tests.revocation.fetching import QUICK, code, fetch, fetch_url, listing, scope
from tests.revocation.list_server import ListServer, list_server


@dataclass
class Disk:
    """A file system of so many octets, of which so many are free; what lies in ``below`` takes of them."""

    octets: int
    free: int
    below: Path | None = None
    asked: list[int] = field(default_factory=list)

    f_frsize = 1

    @property
    def f_blocks(self) -> int:
        return self.octets

    @property
    def f_bavail(self) -> int:
        used = 0 if self.below is None else sum(path.stat().st_size for path in self.below.iterdir())
        self.asked.append(used)
        return self.free - used

    def statvfs(self, _: Path) -> Disk:
        return self


@pytest.fixture
async def server() -> AsyncIterator[ListServer]:
    async with list_server() as running:
        yield running


def test_a_list_may_be_as_large_as_the_decoder_takes() -> None:
    """CRL item 74: 50 million entries are 1.8 GB; what the fetch would refuse nobody could ever decode."""
    assert FetchLimits().max_octets == MAX_LIST_OCTETS >= 1 << 34


@pytest.mark.parametrize("to_come", [0, 1, 1 << 31])
@pytest.mark.parametrize(
    ("octets", "margin"), [(1 << 40, MARGIN_OCTETS), (1 << 30, (1 << 30) // 20), (100, 5)]
)
def test_the_margin_stays_free(tmp_path: Path, octets: int, margin: int, to_come: int) -> None:
    """1 GiB, of a small disk a twentieth; an octet less is refused, with both figures."""
    check_room(tmp_path, to_come, Disk(octets, to_come + margin).statvfs)
    with pytest.raises(OutsideFailed, match="FETCH_NO_ROOM") as caught:
        check_room(tmp_path, to_come, Disk(octets, to_come + margin - 1).statvfs)
    assert str(to_come + margin) in caught.value.expected
    assert caught.value.got == f"{to_come + margin - 1} octets"


def test_a_file_system_that_does_not_tell(tmp_path: Path) -> None:
    """Some have no blocks to count (FUSE, 9p): the write itself will say."""
    check_room(tmp_path, 1 << 40, Disk(0, 0).statvfs)


def test_a_disk_that_cannot_be_asked(tmp_path: Path) -> None:
    """As any other fault of our disk; without its path."""
    with pytest.raises(OutsideFailed, match="FETCH_UNWRITABLE") as caught:
        check_room(tmp_path / "missing", 1)
    assert str(tmp_path) not in str(caught.value)


def test_the_real_disk_has_more_than_nothing_and_less_than_everything(tmp_path: Path) -> None:
    """What the kernel tells is understood in octets."""
    with pytest.raises(OutsideFailed, match="FETCH_NO_ROOM") as caught:
        check_room(tmp_path, 1 << 62)
    space = os.statvfs(tmp_path)
    told = int(caught.value.got.split()[0])
    assert 0 < told <= space.f_blocks * space.f_frsize


async def test_an_announced_list_is_refused_before_anything_is_written(
    server: ListServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its first piece is written, and it is asked for once; with room it arrives."""
    body = bytes(50_000)
    server.lists["/1.crl"] = body
    disk = Disk(1 << 20, len(body) + (1 << 20) // 20 - 1, tmp_path)
    monkeypatch.setattr(download, "check_room", partial(check_room, statvfs=disk.statvfs))
    assert code(await fetch_url(server.url("/1.crl"), tmp_path)) == "FETCH_NO_ROOM"
    assert disk.asked == [0]
    assert await listing(tmp_path) == []
    assert len(server.asked) == 1
    disk.free += 1_000  # its note lies beside its part
    assert isinstance(await fetch_url(server.url("/1.crl"), tmp_path), Fetched)


async def test_a_list_of_unknown_size_is_watched_while_it_grows(
    server: ListServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endless body ends at the margin; its part gives the room back."""
    # Much more than one read of the client brings (some 200 kB), so that it is asked on the way.
    disk = Disk(1 << 20, 5_000_000, tmp_path)
    monkeypatch.setattr(download, "check_room", partial(check_room, statvfs=disk.statvfs))
    server.break_("/1.crl", "endless")
    limits = replace(QUICK, max_octets=1 << 30)
    assert code(await fetch_url(server.url("/1.crl"), tmp_path, limits)) == "FETCH_NO_ROOM"
    assert len(disk.asked) > 2
    assert 2_000_000 < max(disk.asked) <= 5_000_000 - (1 << 20) // 20
    assert await listing(tmp_path) == []


async def test_others_fill_the_disk_meanwhile(
    server: ListServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of known size that there was room for at first: refused at the piece that would not fit."""
    server.lists["/1.crl"] = bytes(1_000_000)
    disk = Disk(1 << 30, (1 << 30) // 20 + 2_000_000, tmp_path)

    def shrinking(folder: Path, to_come: int) -> None:
        check_room(folder, to_come, disk.statvfs)
        disk.free -= 1_500_000

    monkeypatch.setattr(download, "check_room", shrinking)
    limits = replace(QUICK, max_octets=1 << 30)
    assert code(await fetch_url(server.url("/1.crl"), tmp_path, limits)) == "FETCH_NO_ROOM"
    assert len(disk.asked) > 1
    assert await listing(tmp_path) == []


async def test_a_copy_is_refused_before_it_begins_and_a_link_needs_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a folder the size is known; the same file, linked, takes nothing."""
    source, target = tmp_path / "list.crl", tmp_path / "incoming"

    def prepare() -> None:
        source.write_bytes(bytes(50_000))
        target.mkdir()

    await asyncio.to_thread(prepare)
    disk = Disk(1 << 20, 50_000, target)
    monkeypatch.setattr(folder_source, "check_room", partial(check_room, statvfs=disk.statvfs))
    result = (await fetch(FolderSource({scope(1): source}, limits=QUICK), target))[scope(1)]
    assert code(result) == "FETCH_NO_ROOM"
    assert isinstance(result, Failed)
    assert disk.asked == [0]
    assert await listing(target) == []
    await asyncio.to_thread(source.chmod, 0o444)
    linked = (await fetch(FolderSource({scope(1): source}, limits=QUICK), target))[scope(1)]
    assert isinstance(linked, Fetched)
