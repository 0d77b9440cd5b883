"""Lists from a folder into which somebody else writes: whole old, whole new, or a code; never a mix."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from io import FileIO
from pathlib import Path

import pytest

from revocation.crl.archive import StoredList
from revocation.crl.fetch import Fetched, FetchLimits, FetchResult, FolderSource, NotModified, folder_source
from tests.revocation.fetching import QUICK, code, content, fetch, listing, retries, scope

OLD, NEW = b"old" * 20_000, b"new" * 20_000
SMALL_PIECES = FetchLimits(piece_octets=4096, attempts=3, wait_s=0.01)


@pytest.fixture(autouse=True)
def quiet_retries() -> Iterator[None]:
    with retries():
        yield


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "list.crl"
    file.write_bytes(OLD)
    os.utime(file, (1_600_000_000, 1_600_000_000))
    (tmp_path / "incoming").mkdir()
    return file


async def copy(
    source: Path, *, known: StoredList | None = None, limits: FetchLimits = SMALL_PIECES
) -> FetchResult:
    stored = {} if known is None else {str(scope(1)): known}
    incoming = source.parent / "incoming"
    return (await fetch(FolderSource({scope(1): source}, limits=limits), incoming, stored=stored))[scope(1)]


class Reading(FileIO):
    """A file to which something happens in the middle: ``meanwhile`` is called before the read ``at``."""

    at = 3
    meanwhile: Callable[[], None]
    times = 1
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        cls = type(self)
        cls.reads += 1
        if cls.reads >= cls.at and cls.times:
            cls.times -= 1
            cls.reads = 0
            cls.meanwhile()
        return super().read(-1 if size is None else size)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> type[Reading]:
    """Every read of a source goes through this class."""
    one = type("One", (Reading,), {})
    monkeypatch.setattr(folder_source, "FileIO", one)
    return one


async def test_item_75_a_list_replaced_by_rename_while_it_is_read(
    source: Path, reading: type[Reading]
) -> None:
    """The whole old list or the whole new one."""

    def meanwhile() -> None:
        other = source.with_suffix(".new")
        other.write_bytes(NEW)
        other.replace(source)

    reading.meanwhile = staticmethod(meanwhile)
    result = await copy(source)
    assert isinstance(result, Fetched)
    assert await content(result.path) in {OLD, NEW}
    assert reading.times == 0


@pytest.mark.parametrize("change", [lambda f: f.write_bytes(NEW), lambda f: f.write_bytes(NEW[:50_000])])
async def test_item_75_a_list_rewritten_in_place_while_it_is_read(
    source: Path, reading: type[Reading], change: Callable[[Path], None]
) -> None:
    """Half old and half new is noticed, also where the length is the same: read again, whole and new."""
    reading.meanwhile = staticmethod(lambda: change(source))
    result = await copy(source)
    assert isinstance(result, Fetched)
    assert await content(result.path) == await content(source)


async def test_item_75_a_list_that_grows_while_it_is_read(source: Path, reading: type[Reading]) -> None:
    """Read again until it rests."""

    def meanwhile() -> None:
        with source.open("ab") as file:
            file.write(NEW)

    reading.meanwhile = staticmethod(meanwhile)
    reading.times = 2
    result = await copy(source)
    assert isinstance(result, Fetched)
    assert await content(result.path) == OLD + NEW + NEW


async def test_item_75_a_list_that_never_rests(source: Path, reading: type[Reading]) -> None:
    """After the last try: FETCH_CHANGING, and no file under any name."""
    reading.meanwhile = staticmethod(lambda: os.utime(source))
    reading.times = -1
    assert code(await copy(source)) == "FETCH_CHANGING"
    assert await listing(source.parent / "incoming") == []


async def test_item_75_the_clock_set_back_after_a_rewrite(source: Path, reading: type[Reading]) -> None:
    """rsync and cp -p set the old modification time again: the change time tells."""
    before = source.stat()

    def meanwhile() -> None:
        source.write_bytes(NEW)
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))

    reading.meanwhile = staticmethod(meanwhile)
    result = await copy(source)
    assert isinstance(result, Fetched)
    assert await content(result.path) == NEW


async def test_the_deadline_keeps_what_was_seen(source: Path, reading: type[Reading]) -> None:
    """The time is over while a list that changed waits for another try: it says so, not that it was late."""
    reading.meanwhile = staticmethod(lambda: os.utime(source))
    reading.times = -1
    assert (
        code(await copy(source, limits=replace(SMALL_PIECES, wait_s=5.0, deadline_s=0.4))) == "FETCH_CHANGING"
    )


async def test_item_75_a_list_rewritten_all_the_time(source: Path) -> None:
    """A writer that never stops, for real: each copy is one whole list or a code."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            source.write_bytes(bytes([number % 256]) * 60_000)
            stop.wait(0.003 * (number % 20))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            result = await copy(source, limits=replace(SMALL_PIECES, attempts=1))
            if isinstance(result, Fetched):
                # An empty one is whole too: the writer had truncated it, and rested.
                assert len(set(await content(result.path))) <= 1
            else:
                assert code(result) == "FETCH_CHANGING"
    finally:
        stop.set()
        await asyncio.to_thread(writer.join)


def _stored(source: Path, octets: bytes) -> StoredList:
    file = source.parent / "stored.crl"
    file.write_bytes(octets)
    return StoredList(file, sha256(octets).digest(), "folder", None)


async def test_the_same_octets_are_not_copied_again(source: Path) -> None:
    """Equal to the archive's copy, octet for octet: NotModified, and nothing is written."""
    known = await asyncio.to_thread(_stored, source, OLD)
    assert await copy(source, known=known) == NotModified(known)
    assert await listing(source.parent / "incoming") == []


@pytest.mark.parametrize("octets", [OLD[:-1] + b"x", OLD + b"x", OLD[:-1], b"", b"x" + OLD[1:]])
async def test_only_the_same_octets_are_the_same(source: Path, octets: bytes) -> None:
    """One octet at the end, one more, one less: copied. Size and times decide nothing."""

    def prepare() -> StoredList:
        known = _stored(source, octets)
        os.utime(known.path, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
        return known

    known = await asyncio.to_thread(prepare)
    result = await copy(source, known=known)
    assert isinstance(result, Fetched)
    assert await content(result.path) == OLD


async def test_a_stored_copy_that_is_gone(source: Path) -> None:
    """The archive's file was removed: copied."""
    known = await asyncio.to_thread(_stored, source, OLD)
    await asyncio.to_thread(known.path.unlink)
    assert isinstance(await copy(source, known=known), Fetched)


async def test_a_list_that_changes_while_it_is_compared(source: Path, reading: type[Reading]) -> None:
    """Equal at first, then another: never called the same."""
    known = await asyncio.to_thread(_stored, source, OLD)
    reading.meanwhile = staticmethod(lambda: source.write_bytes(NEW))
    reading.at = 16  # 15 pieces, all equal to the archive's; then the end
    result = await copy(source, known=known)
    assert isinstance(result, Fetched)
    assert await content(result.path) == NEW


async def test_from_a_folder(tmp_path: Path) -> None:
    """Copied whole; a missing, odd or too large one fails alone, and is not asked for again."""
    target = tmp_path / "incoming"

    def prepare() -> None:
        target.mkdir()
        (tmp_path / "one.crl").write_bytes(b"one")
        (tmp_path / "big.crl").write_bytes(bytes(100_001))
        (tmp_path / "folder.crl").mkdir()
        os.mkfifo(tmp_path / "pipe.crl")
        (tmp_path / "loop.crl").symlink_to("loop.crl")

    await asyncio.to_thread(prepare)
    names = ["one", "none", "big", "folder", "pipe", "loop"]
    files = {scope(number): tmp_path / f"{name}.crl" for number, name in enumerate(names)}
    with retries() as seen:
        results = await fetch(FolderSource(files, limits=QUICK), target)
    first = results[scope(0)]
    assert isinstance(first, Fetched)
    assert await content(first.path) == b"one"
    codes = [code(results[scope(number)]) for number in range(1, 6)]
    unreachable = "FETCH_UNREACHABLE"
    assert codes == [unreachable, "FETCH_TOO_LARGE", unreachable, unreachable, unreachable]
    assert len(await listing(target)) == 1
    assert seen == []


async def test_a_folder_that_cannot_be_written(source: Path) -> None:
    """Ours, not theirs: FETCH_UNWRITABLE, once."""
    await asyncio.to_thread((source.parent / "incoming").rmdir)
    assert code(await copy(source)) == "FETCH_UNWRITABLE"


async def test_a_file_that_was_just_written_is_waited_for(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within one tick of the kernel's clock a second write would not show: so that tick is let pass."""
    waited: list[float] = []
    monkeypatch.setattr(folder_source.time, "sleep", waited.append)
    await asyncio.sleep(0.05)
    await copy(source)
    assert waited == [], "it has rested"
    await asyncio.to_thread(os.utime, source)
    await copy(source)
    assert waited == [0.02]
