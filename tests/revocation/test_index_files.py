"""Index files written and opened by several threads: the same files, and no fault is lost between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revocation.errors import OutsideFailed, OwnFault
from revocation.index.build import IndexBuild
from revocation.snapshot import index_files, publish, staged
from revocation.snapshot.current import Snapshot
from revocation.snapshot.durable import Disk
from revocation.snapshot.index_files import FileState
from revocation.snapshot.plan import plan_set
from revocation.snapshot.store import SnapshotStore
from tests.revocation.sets import DAY, T0, accepted, check_folder, every_list, reader, scope, store, world

AUTHORITIES, AUTHORITY = world()
ONE = scope(AUTHORITY, 1)


def night(writer: SnapshotStore, day: int, *serials: int) -> Snapshot:
    lists = every_list(AUTHORITY, day)
    lists[ONE] = accepted(dict.fromkeys(serials, 4), number=day + 1, this_update=T0 + day * DAY)
    return writer.publish(lists, AUTHORITIES, now=T0 + day * DAY)


def index_file(folder: Path, seq: int) -> Path:
    return folder / f"{ONE.lineage}.{seq:08}.index"


@pytest.fixture
def side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as a large one."""
    monkeypatch.setattr(index_files, "ALONE_OCTETS", -1)
    monkeypatch.setattr(staged, "_GATHERED_OCTETS", 64)


@pytest.mark.usefixtures("side_by_side")
def test_threads_write_and_open_the_same_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Octet for octet what one thread does; and readers open them."""
    for day in range(3):
        night(store(tmp_path / "many"), day, *range(1, 40 + day))
    check_folder(tmp_path / "many", [1, 2, 3])
    monkeypatch.setattr(index_files, "ALONE_OCTETS", 1 << 30)
    for day in range(3):
        night(store(tmp_path / "one"), day, *range(1, 40 + day))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "many" / path.name).read_bytes()


@pytest.mark.usefixtures("side_by_side")
def test_a_large_file_is_written_out_while_it_is_built(tmp_path: Path) -> None:
    """Every octet of it is given to the kernel before the fsync, each once; the fsync comes all the same."""
    begun: list[tuple[int, int]] = []
    done: dict[str, list[tuple[int, int]]] = {}

    class Watched(Disk):
        def create(self, path: Path) -> int:
            begun.clear()
            return super().create(path)

        def start_writeback(self, descriptor: int, start: int, octets: int) -> None:
            super().start_writeback(descriptor, start, octets)
            begun.append((start, octets))

        def sync_file(self, descriptor: int) -> None:
            asked = list(begun)
            super().sync_file(descriptor)
            assert begun == asked

        def rename(self, old: Path, new: Path) -> None:
            super().rename(old, new)
            done[new.name] = list(begun)

    snapshot = night(store(tmp_path, disk=Watched()), 0, *range(1, 60))
    for file in snapshot.manifest.files:
        ends = [0, *(start + octets for start, octets in done[file.name])]
        assert [start for start, _ in done[file.name]] == ends[:-1]
        assert ends[-1] == file.size


def test_a_file_that_takes_no_advice() -> None:
    """Writing out early is a favour: a pipe refuses it (ESPIPE), and the publish goes on to its fsync."""
    reader, writer = os.pipe()
    try:
        with pytest.raises(OSError, match="Illegal seek"):
            os.posix_fadvise(writer, 0, 1, os.POSIX_FADV_DONTNEED)
        Disk().start_writeback(writer, 0, 1)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.usefixtures("side_by_side")
def test_t21_an_fsync_that_fails_beside_the_reading(tmp_path: Path) -> None:
    """What was read back was right, and the file is thrown away all the same."""
    night(store(tmp_path), 0, 5)

    class Failing(Disk):
        def sync_file(self, descriptor: int) -> None:
            raise OSError(5, "Input/output error")

    with pytest.raises(OutsideFailed, match=r"PUBLISH_FAILED.*EIO"):
        night(store(tmp_path, disk=Failing()), 1, 6)
    check_folder(tmp_path, [1])
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.usefixtures("side_by_side")
def test_a_file_that_reads_back_wrong_beside_its_fsync(tmp_path: Path) -> None:
    """The fsync succeeded: refused, thrown away."""
    night(store(tmp_path), 0, 5)

    class Lying(Disk):
        def write(self, descriptor: int, data: bytes | memoryview) -> None:
            octets = bytearray(data)
            octets[-1] ^= 1
            super().write(descriptor, bytes(octets))

    with pytest.raises(OwnFault, match="INDEX_"):
        night(store(tmp_path, disk=Lying()), 1, 6)
    check_folder(tmp_path, [1])
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.usefixtures("side_by_side")
def test_a_full_disk_ends_the_threads_that_follow_the_writer(tmp_path: Path) -> None:
    """ENOSPC in the middle of a file that is being hashed: told, nothing stays, no thread waits for more."""
    night(store(tmp_path), 0, 5)

    class Full(Disk):
        left = 3

        def write(self, descriptor: int, data: bytes | memoryview) -> None:
            if self.left == 0:
                raise OSError(28, "No space left on device")
            self.left -= 1
            super().write(descriptor, data)

    with pytest.raises(OutsideFailed, match="ENOSPC"):
        night(store(tmp_path, disk=Full()), 1, *range(1, 60))
    check_folder(tmp_path, [1])
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.unlink()
    if how == "flipped":
        path.write_bytes(data[:-200] + bytes([data[-200] ^ 1]) + data[-199:])
    elif how == "replaced":
        path.write_bytes(index_file(path.parent, 1).read_bytes())


@pytest.mark.usefixtures("side_by_side")
@pytest.mark.parametrize("how", ["flipped", "replaced", "missing"])
def test_t23_a_damaged_set_is_refused_by_threads_as_well(tmp_path: Path, how: str) -> None:
    """The set below serves."""
    night(store(tmp_path), 0, 5)
    night(store(tmp_path), 1, 6)
    damage(index_file(tmp_path, 2), how)
    starting = reader(tmp_path)
    snapshot = starting.current()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.superseded) == (1, True)
    assert isinstance(starting.refusal, OwnFault)


def test_a_file_put_in_its_place_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file between the opening of what is hashed and of what answers: refused."""
    night(store(tmp_path), 0, 5)
    path = index_file(tmp_path, 1)
    real = FileState.of

    def of(file: Path | int) -> FileState:
        found = real(file)
        if isinstance(file, int):
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data)
        return found

    monkeypatch.setattr(FileState, "of", of)
    starting = reader(tmp_path)
    assert starting.current() is None
    assert starting.refusal is not None
    assert starting.refusal.code == "INDEX_MISMATCH"


def test_chunks_share_their_memory(tmp_path: Path) -> None:
    """Each is written before the next is asked for, also the small ones that are written together."""
    buffer = bytearray(100_000)

    def chunks() -> Any:
        for length, octet in ((10, 1), (70_000, 2), (20, 3), (100_000, 4), (5, 5)):
            buffer[:length] = bytes([octet]) * length
            yield memoryview(buffer)[:length]

    written = b"".join(bytes(view) for view in staged._gathered(chunks()))
    assert written == b"\1" * 10 + b"\2" * 70_000 + b"\3" * 20 + b"\4" * 100_000 + b"\5" * 5


def test_progress_is_told_of_every_file(tmp_path: Path) -> None:
    """It only grows, ends whole, and counts the entries of all lists."""
    told: list[tuple[int, int]] = []
    lists = every_list(AUTHORITY) | {ONE: accepted(dict.fromkeys(range(1, 30), 4))}
    store(tmp_path).publish(
        lists, AUTHORITIES, now=T0, progress=lambda done, total: told.append((done, total))
    )
    assert {total for _, total in told} == {29 + 2 + 1}
    assert told == sorted(told)
    assert (told[0], told[-1]) == ((0, 32), (32, 32))


def test_what_was_read_back_must_be_what_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with another number of entries than its builder counted is thrown away; the old set stays."""
    writer = store(tmp_path)
    night(writer, 0, 1, 2)
    real = publish.build_of

    def miscounted(*arguments: Any, **settings: Any) -> IndexBuild:
        built = real(*arguments, **settings)
        tables = built.tables

        def counted(states: Any) -> Iterator[memoryview | bytes]:
            yield from tables(states)
            built.entries += 1

        monkeypatch.setattr(built, "tables", counted)
        return built

    with monkeypatch.context() as patched:
        patched.setattr(publish, "build_of", miscounted)
        with pytest.raises(OwnFault, match="INDEX_MISMATCH"):
            night(writer, 1, 1, 2, 3)
    check_folder(tmp_path, [1])
    assert night(writer, 1, 1, 2, 3).seq == 2


def test_a_file_that_is_not_the_one_that_was_read_back(tmp_path: Path) -> None:
    """Under its new name stands another file: nothing is said of it."""
    writer = store(tmp_path)
    night(writer, 0, 1)
    second = night(writer, 1, 1, 2)
    opened = index_files.open_indexes(tmp_path, second.manifest.files, set_seq=2)[ONE.lineage]
    assert opened.named(index_file(tmp_path, 2)) == opened
    with pytest.raises(OwnFault, match="INDEX_MISMATCH"):
        opened.named(index_file(tmp_path, 1))


def test_progress_of_a_file_without_entries(tmp_path: Path) -> None:
    """Nothing of nothing is done: nothing is told, and nothing is divided by it."""
    plan = plan_set(1, every_list(AUTHORITY), AUTHORITIES, None)
    told: list[tuple[int, int]] = []
    entries = publish.Entries(plan, lambda done, total: told.append((done, total)))
    entries.of(plan.lineages[0])(0, 0)
    assert told == [(0, len(plan.lineages) + 1)]
