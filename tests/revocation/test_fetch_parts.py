"""Parts outlive a cycle that is cut off, stopped or killed, for one more cycle, and never mix."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from revocation.crl import parts
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import Fetched, HttpSource
from revocation.crl.parts import Note, Part, Unfinished
from tests.base.eventually import HANG_S
from tests.revocation.fetching import (
    CUT,
    LIST,
    NAME,
    ONE_TRY,
    OTHER,
    PAIR,
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
from tests.revocation.nights import Night


@pytest.fixture
async def server() -> AsyncIterator[ListServer]:
    async with list_server() as running:
        running.lists["/1.crl"] = LIST
        yield running


@pytest.fixture(autouse=True)
def quiet_retries() -> Iterator[None]:
    with retries():
        yield


async def test_ctrl_c_keeps_what_may_go_on(server: ListServer, tmp_path: Path) -> None:
    """Cancelled in the middle: a part and its note, every connection closed, and nothing warns of a leak."""
    server.break_("/1.crl", "endless_etag", times=1)
    limits = replace(ONE_TRY, max_octets=1 << 40)
    task = asyncio.create_task(fetch_url(server.url("/1.crl"), tmp_path, limits))
    async with asyncio.timeout(HANG_S):
        while await listing(tmp_path) != PAIR:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()  # a leak would be a ResourceWarning, and that an error
    assert await listing(tmp_path) == PAIR
    kept = len(await content(tmp_path / PAIR[0]))
    await arrived(await again(server, tmp_path), tmp_path, LIST)
    assert ranges(server)[1:] == [f"bytes={kept}-"]


async def test_the_deadline_keeps_what_may_go_on(server: ListServer, tmp_path: Path) -> None:
    """Too late for this cycle is not in vain: the next call goes on."""
    server.break_("/1.crl", "endless_etag", times=1)
    limits = replace(ONE_TRY, max_octets=1 << 40, deadline_s=0.3)
    assert code(await fetch_url(server.url("/1.crl"), tmp_path, limits)) == "FETCH_TIMEOUT"
    assert await listing(tmp_path) == PAIR


@pytest.mark.parametrize("ended", ["keep", "drop", "finish"])
def test_a_thread_that_comes_too_late_writes_nothing(tmp_path: Path, ended: str) -> None:
    """Cancelled between two pieces, the second one's thread gets its turn after the end of the try: it must
    not begin a file that starts in the middle, not give it the list's name, nor go on in the next try's."""
    note = Note("http://a.test/", '"a"', 12)
    late = Part(tmp_path / NAME)
    late.write(b"AAAA", note)
    late.drop() if ended == "drop" else getattr(late, ended)(b"")
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert (
        after
        == {
            "keep": {PAIR[0]: b"AAAA", PAIR[1]: after.get(PAIR[1])},
            "drop": {},
            "finish": {NAME: b"AAAA"},
        }[ended]
    )
    following = late.anew()
    unfinished = following.unfinished("http://a.test/")
    assert (None if unfinished is None else unfinished.octets) == (4 if ended == "keep" else None)
    for _ in range(2):
        late.write(b"BBBB", note)
        late.go_on()
        late.finish(b"BBBB")
        late.keep(b"BBBB")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == after
    if ended == "keep":
        following.go_on()
        following.write(b"CCCC", None)
        late.write(b"BBBB", note)
        following.finish(b"DDDD")
        assert (tmp_path / NAME).read_bytes() == b"AAAACCCCDDDD"


@asynccontextmanager
async def cycle(archive: ListArchive) -> AsyncIterator[Path]:
    stack = ExitStack()
    await asyncio.to_thread(stack.enter_context, archive.cycle())
    try:
        yield archive.incoming
    except BaseException:
        await asyncio.to_thread(stack.__exit__, *sys.exc_info())
        raise
    await asyncio.to_thread(stack.close)


async def test_the_next_cycle_goes_on(server: ListServer, tmp_path: Path) -> None:
    """What one cycle leaves unfinished the next one takes up, again and again, until it is whole."""
    archive = ListArchive(tmp_path)
    server.cuts["/1.crl"] = [CUT, 5000]
    for _ in range(2):
        async with cycle(archive) as incoming:
            assert code(await again(server, incoming)) == "FETCH_TRUNCATED"
        assert await listing(incoming) == PAIR
    async with cycle(archive) as incoming:
        assert await listing(incoming) == ["earlier"]
        result = await again(server, incoming)
        assert isinstance(result, Fetched)
        assert await content(result.path) == LIST
    assert ranges(server) == [None, f"bytes={CUT}-", f"bytes={CUT + 5000}-"]
    assert await listing(tmp_path) == ["ingest.lock"]


async def test_a_part_that_a_cycle_does_not_take_up_goes(server: ListServer, tmp_path: Path) -> None:
    """Of no expected list, or of a server that does not answer all cycle long: it has grown old."""
    archive = ListArchive(tmp_path)
    async with cycle(archive) as incoming:
        await cut_off(server, incoming)
    async with cycle(archive):
        pass
    assert await listing(tmp_path) == ["ingest.lock"]


async def test_a_cycle_that_is_stopped_leaves_parts_to_the_next(server: ListServer, tmp_path: Path) -> None:
    """It may not have come to them; of two parts of one list the younger one stays."""
    archive = ListArchive(tmp_path)
    async with cycle(archive) as incoming:
        await cut_off(server, incoming)
    for _ in range(2):
        with pytest.raises(KeyError):
            async with cycle(archive) as incoming:
                raise KeyError
        assert await listing(incoming) == ["earlier"]
    server.lists["/1.crl"] = OTHER
    async with cycle(archive) as incoming:
        await cut_off(server, incoming)
        assert await listing(incoming / "earlier") == [], "begun anew: the older part is gone"
    async with cycle(archive) as incoming:
        result = await again(server, incoming)
        assert isinstance(result, Fetched)
        assert await content(result.path) == OTHER
    assert ranges(server) == [f"bytes={CUT}-"]


_KILLED = """
import asyncio, sys
from pathlib import Path
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FetchLimits
from tests.revocation.fetching import fetch_url

archive = ListArchive(Path(sys.argv[2]))
limits = FetchLimits(piece_octets=1024, max_octets=1 << 40)
with archive.cycle():
    asyncio.run(fetch_url(sys.argv[1], archive.incoming, limits))
"""


async def test_a_killed_process_leaves_a_part_to_the_next(server: ListServer, tmp_path: Path) -> None:
    """SIGKILL in the middle of a download: the next cycle goes on behind exactly what was written."""
    server.break_("/1.crl", "endless_etag", times=1)
    arguments = [sys.executable, "-c", _KILLED, server.url("/1.crl"), str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*arguments)
    incoming = tmp_path / "incoming"
    note = incoming / PAIR[1]
    async with asyncio.timeout(20):
        # With its octets: killed between the two, a note says nothing, and the list is fetched whole.
        while not (note.exists() and note.stat().st_size):  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    kept = (incoming / PAIR[0]).stat().st_size
    async with cycle(ListArchive(tmp_path)):
        await again(server, incoming)
    assert ranges(server)[1] == f"bytes={kept}-"


@pytest.mark.parametrize(
    ("step", "found"), [(0, "old"), (1, None), (2, None), (3, None), (4, None), (5, None), (6, "new")]
)
def test_killed_at_any_step_of_starting_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, found: str | None
) -> None:
    """An old note never stands beside new octets, wherever the process ends between the two."""
    notes = {name: Note("http://a.test/", f'"{name}"', 9000) for name in ("old", "new")}
    first = Part(tmp_path / NAME)
    first.write(b"old" * 1000, notes["old"])
    first.keep(b"")
    left = step

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return function(*arguments, **named)

        return call

    second = Part(tmp_path / NAME, noted=True)
    with monkeypatch.context() as killing, suppress(KeyboardInterrupt):
        for name in ("unlink", "write_bytes"):
            killing.setattr(Path, name, counted(getattr(Path, name)))
        killing.setattr(parts, "FileIO", counted(parts.FileIO))
        second.write(b"new" * 1000, notes["new"])
    if second._file is not None:
        second._file.close()  # as the kernel would
    unfinished = Part(tmp_path / NAME).unfinished("http://a.test/")
    assert unfinished == (None if found is None else Unfinished(notes[found], 3000))
    if found is not None:
        assert (tmp_path / PAIR[0]).read_bytes() == found.encode() * 1000


def test_what_cannot_be_kept_is_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up at the last octets of a download that was cut off: no part, and no error besides."""
    part = Part(tmp_path / NAME)
    part.write(b"x" * 1000, Note("http://a.test/", '"a"', 9000))

    class Full(parts.FileIO):
        def write(self, octets: Any, /) -> int:
            raise OSError

    assert part._file is not None
    part._file.close()
    part._file = Full(tmp_path / PAIR[0], "ab")
    part.keep(b"rest")
    assert list(tmp_path.iterdir()) == []
    assert not part.noted


def test_a_stranger_in_the_folder_of_a_cycle_goes(tmp_path: Path) -> None:
    """Files, folders and links that are no parts are removed when a cycle begins, and only there."""
    archive = ListArchive(tmp_path / "archive")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    for name in ("folder", "other"):
        (archive.incoming / name / "deep").mkdir(parents=True)
    (archive.incoming / "link").symlink_to(outside)
    (archive.incoming / "a.part").touch()
    (archive.incoming / "b.part.json").touch()
    with archive.cycle():
        assert list(archive.incoming.iterdir()) == []
    assert [path.name for path in outside.iterdir()] == ["file"]


@pytest.mark.parametrize("text", [None, b"", b"\n", b"\xff"])
def test_a_kernel_that_does_not_tell_its_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes | None
) -> None:
    """No file, an empty one, or no text: there is no boot to speak of."""
    file = tmp_path / "boot_id"
    if text is not None:
        file.write_bytes(text)
    monkeypatch.setattr(parts, "_BOOT", file)
    parts.boot_id.cache_clear()
    try:
        assert parts.boot_id() is None
    finally:
        parts.boot_id.cache_clear()


async def test_a_stopped_night_leaves_its_parts(night: Night, server: ListServer) -> None:
    """Ctrl-C in a whole cycle: the part of a list that it did not come to waits for the next one."""
    addresses = {one: server.url("/1.crl") for one in night.scopes}
    server.cuts["/1.crl"] = [CUT] * 4
    await night.run(source=HttpSource(addresses, limits=ONE_TRY))

    class Stopped(HttpSource):
        async def fetch(self, *arguments: Any, **named: Any) -> Any:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await night.run(source=Stopped(addresses))
    server.asked.clear()
    await night.run(source=HttpSource(addresses, limits=ONE_TRY))
    assert ranges(server) == [f"bytes={CUT}-"] * 4
