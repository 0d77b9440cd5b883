"""More than a list, and a disk that takes no more: capped, told by a code, and nothing left behind."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any, ClassVar

import pytest

from revocation.crl import parts
from revocation.crl.fetch import Fetched, FolderSource, HttpSource
from tests.revocation.fetching import ONE_TRY, QUICK, code, fetch, fetch_url, listing, retries, scope
from tests.revocation.list_server import ListServer, list_server
from tests.revocation.raw_server import head, raw_server


@pytest.fixture
async def server() -> AsyncIterator[ListServer]:
    async with list_server() as running:
        yield running


@pytest.fixture(autouse=True)
def seen() -> Iterator[list[Any]]:
    with retries() as seen:
        yield seen


# --- items 73 and 74: more than a list ---------------------------------------------------------------------


class CountingDisk(FileIO):
    """Counts what is written to it."""

    written: ClassVar[int] = 0

    def write(self, data: Any, /) -> int:
        done = super().write(data)
        assert done is not None
        type(self).written += done
        return done


@pytest.mark.parametrize("kind", ["endless", "endless_etag"])
async def test_item_73_an_endless_body_is_cut_at_the_limit(
    server: ListServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Never more on the disk than the limit, and nothing afterwards: also where it could be gone on with."""
    disk = type("Disk", (CountingDisk,), {"written": 0})
    monkeypatch.setattr(parts, "FileIO", disk)
    server.break_("/1.crl", kind)
    limits = replace(QUICK, max_octets=1_000_000)
    assert code(await fetch_url(server.url("/1.crl"), tmp_path, limits)) == "FETCH_TOO_LARGE"
    assert 0 < disk.written <= 1_000_000
    assert await listing(tmp_path) == []
    assert len(server.asked) == 1


@pytest.mark.parametrize("length", [100_001, 1 << 32, (1 << 63) + 1])
async def test_item_74_an_announced_size_beyond_the_limit(tmp_path: Path, length: int) -> None:
    """2 GiB, 4 GiB, more: refused by what it announces, without reading a body."""
    async with raw_server(lambda _: head(f"Content-Length: {length}") + b"30") as base:
        result = await fetch_url(f"{base}/1.crl", tmp_path)
    assert code(result) in {"FETCH_TOO_LARGE", "FETCH_UNREACHABLE"}
    assert await listing(tmp_path) == []


async def test_item_74_a_huge_file_in_the_folder(tmp_path: Path) -> None:
    """A sparse file of 32 GiB: refused by its size."""
    source, target = tmp_path / "list.crl", tmp_path / "incoming"

    def prepare() -> None:
        target.mkdir()
        with source.open("wb") as file:
            file.truncate(1 << 35)

    await asyncio.to_thread(prepare)
    result = (await fetch(FolderSource({scope(1): source}), target))[scope(1)]
    assert code(result) == "FETCH_TOO_LARGE"
    assert await listing(target) == []


# --- T22: our disk is full ---------------------------------------------------------------------------------


class FullDisk(FileIO):
    """Takes ``room`` octets in all, the last of them by a short write, and then says ENOSPC."""

    room: ClassVar[int] = 0

    def write(self, data: Any, /) -> int:
        left = type(self).room
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = super().write(bytes(data)[:left])
        assert done is not None
        type(self).room -= done
        return done


@asynccontextmanager
async def both_sources(folder: Path, body: bytes) -> AsyncIterator[list[Any]]:
    """The same list from a server and from a folder."""
    file = folder / "list.crl"
    await asyncio.to_thread(file.write_bytes, body)
    async with list_server() as server:
        server.lists["/1.crl"] = body
        http = HttpSource({scope(1): server.url("/1.crl")}, limits=QUICK)
        yield [http, FolderSource({scope(1): file}, limits=QUICK)]


async def test_t22_the_disk_is_full_at_every_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[Any]
) -> None:
    """Wherever it fills up: FETCH_UNWRITABLE, no file under any name, no other try and so no line in the log;
    with room again, the list is fetched.
    """
    body, target = bytes(range(256)) * 20, tmp_path / "incoming"
    await asyncio.to_thread(target.mkdir)
    disk = type("Disk", (FullDisk,), {})
    monkeypatch.setattr(parts, "FileIO", disk)
    async with both_sources(tmp_path, body) as sources:
        for source in sources:
            for room in [*range(0, len(body), 512), len(body) - 1]:
                disk.room = room
                assert code((await fetch(source, target))[scope(1)]) == "FETCH_UNWRITABLE"
                assert await listing(target) == []
            disk.room = len(body)
            assert isinstance((await fetch(source, target))[scope(1)], Fetched)
            await asyncio.to_thread((target / (await listing(target))[0]).unlink)
    assert seen == []


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
async def test_t22_the_disk_is_full_at_the_note_and_at_the_rename(
    server: ListServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[Any], step: str
) -> None:
    """The two other steps that need room: the same code, and nothing left."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, step, full)
    server.lists["/1.crl"] = bytes(5000)
    assert code(await fetch_url(server.url("/1.crl"), tmp_path)) == "FETCH_UNWRITABLE"
    assert await listing(tmp_path) == []
    assert seen == []


_LIMITED = """
import asyncio, json, resource, sys
from pathlib import Path
from revocation.crl.fetch import FetchLimits, HttpSource
from tests.revocation.fetching import ONE_TRY, fetch, scope

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
folder = Path(sys.argv[2])
addresses = {scope(number): f"{sys.argv[1]}/{number}.crl" for number in range(3)}
results = asyncio.run(fetch(HttpSource(addresses, limits=ONE_TRY), folder))
print(json.dumps([getattr(getattr(results[s], "error", None), "code", "") for s in sorted(results)]))
"""


async def test_t22_a_real_limit_of_the_kernel(server: ListServer, tmp_path: Path) -> None:
    """RLIMIT_FSIZE: the lists that fit arrive, the one that does not fails alone, the log stays empty."""
    server.lists |= {"/0.crl": bytes(10_000), "/1.crl": bytes(50_000), "/2.crl": bytes(9_999)}
    arguments = [sys.executable, "-c", _LIMITED, server.base, str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert err == b""
    assert json.loads(out) == ["", "FETCH_UNWRITABLE", ""]
    names = await listing(tmp_path)
    assert [name.split(".")[2:] for name in names] == [["00000", "crl"], ["00002", "crl"]]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root; the kernel's limit is tested above")
async def test_t22_a_full_tmpfs(server: ListServer, tmp_path: Path) -> None:
    """A file system of 1 MiB: what fits arrives; room is given back by what does not."""
    mounted = await asyncio.to_thread(
        subprocess.run, ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=False
    )
    if mounted.returncode:
        pytest.skip("this kernel lets nobody mount")
    try:
        server.lists |= {"/0.crl": bytes(1 << 21), "/1.crl": bytes(1 << 19), "/2.crl": bytes(1 << 21)}
        addresses = {scope(number): server.url(f"/{number}.crl") for number in range(3)}
        limits = replace(ONE_TRY, parallel=1, piece_octets=65_536)
        results = await fetch(HttpSource(addresses, limits=limits), tmp_path)
        # Each announces more than there is room for.
        assert code(results[scope(0)]) == code(results[scope(2)]) == "FETCH_NO_ROOM"
        assert isinstance(results[scope(1)], Fetched)
        assert len(await listing(tmp_path)) == 1
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(tmp_path)], check=True)
