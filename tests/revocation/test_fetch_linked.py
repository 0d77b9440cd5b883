"""Lists that nobody may write to are linked and not copied: the same octets, and as safe as a copy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from revocation.crl.archive import ListArchive, StoredList
from revocation.crl.fetch import Fetched, FetchResult, FolderSource, NotModified, folder_source
from revocation.ingest import Outcome
from tests.pki import entry
from tests.revocation.fetching import QUICK, content, fetch, retries, scope
from tests.revocation.nights import Night, thread

OLD, NEW = b"old" * 20_000, b"new" * 20_000


@pytest.fixture(autouse=True)
def quiet_retries() -> Iterator[None]:
    with retries():
        yield


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "list.crl"
    put(file, OLD)
    (tmp_path / "incoming").mkdir()
    return file


def put(file: Path, octets: bytes) -> None:
    """As an operator should: under another name, without the right to write, then renamed; hours ago."""
    staged = file.with_suffix(".new")
    staged.write_bytes(octets)
    staged.chmod(0o444)
    os.utime(staged, (1_600_000_000, 1_600_000_000 + len(list(file.parent.iterdir()))))
    staged.replace(file)


async def take(source: Path, known: StoredList | None = None) -> FetchResult:
    stored = {} if known is None else {str(scope(1)): known}
    return (
        await fetch(FolderSource({scope(1): source}, limits=QUICK), source.parent / "incoming", stored=stored)
    )[scope(1)]


def is_linked(result: FetchResult, source: Path) -> bool:
    assert isinstance(result, Fetched)
    return result.path.samefile(source)


def kept(result: FetchResult, octets: bytes) -> StoredList:
    assert isinstance(result, Fetched)
    target = result.path.parent.parent / "kept.crl"
    result.path.replace(target)
    return StoredList(target, sha256(octets).digest(), result.address, result.etag)


async def test_a_file_that_nobody_may_write_to_is_linked(source: Path) -> None:
    """One inode under two names; removing or replacing the operator's leaves ours as it is."""
    result = await take(source)
    assert await thread(is_linked, result, source)
    assert isinstance(result, Fetched)
    assert result.etag is not None
    await thread(put, source, NEW)
    assert await content(result.path) == OLD
    await thread(source.unlink)
    assert await content(result.path) == OLD


@pytest.mark.parametrize("mode", [0o644, 0o464, 0o446, 0o644 | 0o022])
async def test_a_file_that_anybody_may_write_to_is_copied(source: Path, mode: int) -> None:
    """Its owner, its group or others."""
    await thread(source.chmod, mode)
    result = await take(source)
    assert not await thread(is_linked, result, source)
    assert isinstance(result, Fetched)
    assert (await content(result.path), result.etag) == (OLD, None)


async def test_a_file_of_somebody_else_is_copied(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner may give himself the right to write, and could not write into the archive otherwise."""
    if os.geteuid() == 0:
        await thread(os.chown, source, 4321, 4321)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4321)
    result = await take(source)
    assert not await thread(is_linked, result, source)
    assert isinstance(result, Fetched)
    assert await content(result.path) == OLD


async def test_what_cannot_be_linked_is_copied(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file system; or a kernel that lets nobody link what is not his."""

    def refusing(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refusing)
    result = await take(source)
    assert isinstance(result, Fetched)
    assert await content(result.path) == OLD
    assert not await thread(is_linked, result, source)


async def test_a_symbolic_link_is_followed(source: Path) -> None:
    """What it names is taken, never the link itself: that could name another file tomorrow."""
    link = source.with_name("link.crl")
    await thread(link.symlink_to, source)
    result = await take(link)
    assert isinstance(result, Fetched)
    assert not await thread(result.path.is_symlink)
    await thread(link.unlink)
    assert await content(result.path) == OLD


@pytest.mark.parametrize("change", [put, lambda file, octets: file.write_bytes(octets)])
async def test_a_file_that_changes_just_as_it_is_linked(
    source: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path, bytes], Any]
) -> None:
    """Replaced by a rename, or written to all the same (by root): the old list whole or the new one whole."""
    real, changes = os.link, [change]

    def linking(file: Path, target: Path) -> None:
        while changes:
            source.chmod(0o644)
            changes.pop()(source, NEW)
            source.chmod(0o444)
        real(file, target)

    monkeypatch.setattr(os, "link", linking)
    result = await take(source)
    assert changes == []
    assert isinstance(result, Fetched)
    assert await content(result.path) in {OLD, NEW}


async def test_a_linked_list_is_known_again_without_reading_it(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large it is: the same inode, to which nobody wrote."""
    known = await thread(kept, await take(source), OLD)
    reads: list[int | None] = []

    class Reading(FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            reads.append(size)
            return super().read(-1 if size is None else size)

    monkeypatch.setattr(folder_source, "FileIO", Reading)
    assert await take(source, known) == NotModified(known)
    assert reads == []


@pytest.mark.parametrize(
    "known_as",
    [{"etag": None}, {"etag": "1 2 3"}, {"address": "https://ca.example/list.crl"}],
    ids=["no-tag", "another-tag", "another-address"],
)
async def test_a_linked_list_of_which_nothing_is_noted_is_taken_again(
    source: Path, known_as: dict[str, Any]
) -> None:
    """The inode alone proves nothing: its owner may have written to it."""
    known = await thread(kept, await take(source), OLD)
    fields = {"address": known.address, "etag": known.etag} | known_as
    result = await take(source, StoredList(known.path, known.sha256, fields["address"], fields["etag"]))
    assert await thread(is_linked, result, source)


@pytest.mark.parametrize("mode", [0o444, 0o644])
async def test_a_linked_list_whose_owner_wrote_to_it(source: Path, mode: int) -> None:
    """He gave himself the right, kept it or not: the list is taken as it is now."""
    known = await thread(kept, await take(source), OLD)

    def write() -> None:
        source.chmod(0o644)
        source.write_bytes(NEW)
        source.chmod(mode)

    await thread(write)
    result = await take(source, known)
    assert isinstance(result, Fetched)
    assert await content(result.path) == NEW


async def test_a_list_renamed_over_a_linked_one(source: Path) -> None:
    """New octets: taken. The same octets in a new file: known."""
    known = await thread(kept, await take(source), OLD)
    await thread(put, source, OLD)
    assert await take(source, known) == NotModified(known)
    await thread(put, source, NEW)
    result = await take(source, known)
    assert isinstance(result, Fetched)
    assert await content(result.path) == NEW


@pytest.mark.parametrize("at", [0, 65_535, 65_536, 100_000, 200_000 - 65_536, 199_999])
async def test_one_octet_anywhere_in_a_longer_list(source: Path, at: int) -> None:
    """At both ends, which are compared first, and between them: another list."""
    octets = bytes(200_000)
    limits = QUICK.__class__(piece_octets=4096, attempts=1)

    def prepare() -> StoredList:
        put(source, octets)
        other = bytearray(octets)
        other[at] = 1
        path = source.with_name("kept.crl")
        path.write_bytes(other)
        return StoredList(path, sha256(other).digest(), "folder", None)

    known = await thread(prepare)
    folder = source.parent / "incoming"
    both = FolderSource({scope(1): source}, limits=limits)
    assert isinstance((await fetch(both, folder, stored={str(scope(1)): known}))[scope(1)], Fetched)
    await thread(known.path.write_bytes, octets)
    assert (await fetch(both, folder, stored={str(scope(1)): known}))[scope(1)] == NotModified(known)


# --- the archive ---


def linked(source: Path, archive: ListArchive) -> Path:
    archive.incoming.mkdir(parents=True, exist_ok=True)
    file = archive.incoming / "one.crl"
    file.hardlink_to(source)
    return file


async def test_the_archive_never_writes_to_what_it_keeps(source: Path) -> None:
    """Kept, kept again, kept as refused twice: the operator's file, one inode with it, stays as it is."""
    archive = ListArchive(source.parent / "archive")

    def keep() -> None:
        day = datetime(2026, 11, 20, tzinfo=UTC)
        name = archive.keep(scope(1), linked(source, archive), sha256=bytes(32), this_update=day)
        assert archive.keep(scope(1), linked(source, archive), sha256=bytes(32), this_update=day) == name
        first = Path(name)
        assert first.samefile(source)
        assert archive.keep_refused("CODE", first) is not None
        refused = archive.keep_refused("CODE", linked(source, archive))
        assert refused is not None
        assert refused.samefile(source)
        # The next refused one is another file, and comes by a rename: this inode is not written to.
        other = source.with_name("other.crl")
        other.write_bytes(NEW)
        assert archive.keep_refused("CODE", other) == refused
        assert (refused.read_bytes(), first.read_bytes(), source.read_bytes()) == (NEW, OLD, OLD)
        assert not [path for path in refused.parent.iterdir() if path.suffix == ".new"]

    await thread(keep)


async def test_nights_on_linked_lists(night: Night) -> None:
    """Taken, known, taken anew where replaced; the archive has yesterday's octets under yesterday's name."""

    def settled() -> None:
        for one in night.scopes:
            night.file(one).chmod(0o444)
            os.utime(night.file(one), (1_600_000_000, 1_600_000_000))

    await thread(night.serve, 0, {night.scopes[0]: [entry(7)]})
    await thread(settled)
    octets = await thread(night.file(night.scopes[0]).read_bytes)
    report = await night.run()
    assert report.outcome is Outcome.PUBLISHED
    stored = (await thread(night.archive.stored))[str(night.scopes[0])]
    assert await thread(stored.path.samefile, night.file(night.scopes[0]))
    assert (await night.run()).outcome is Outcome.NOTHING_NEW

    def renew() -> None:
        for one in night.scopes:
            night.file(one).unlink()
        night.serve(1, {})
        settled()

    await asyncio.to_thread(renew)
    assert (await night.run()).outcome is Outcome.PUBLISHED
    assert await content(stored.path) == octets
    newest = (await thread(night.archive.stored))[str(night.scopes[0])]
    assert await thread(newest.path.samefile, night.file(night.scopes[0]))
