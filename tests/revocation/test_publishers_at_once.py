"""Several processes at one snapshot folder: one publishes at a time, readers never see half of anything."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from revocation.errors import OutsideFailed
from revocation.snapshot.durable import folder_lock
from revocation.snapshot.names import CURRENT, LOCK
from tests.revocation.children import DONE, REFUSED, Child, together
from tests.revocation.disks import CountingDisk, publish, small_world
from tests.revocation.sets import T0, accepted, check_folder, reader, scope, store


class WaitingDisk(CountingDisk):
    """Says when the commit is reached, and waits there for the word."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self._reaches = os.pipe()
        self._released, self.release = os.pipe()

    def before(self, name: str) -> None:
        super().before(name)
        if name == "commit":
            os.write(self._reaches, b"!")
            os.read(self._released, 1)


def at_the_commit(folder: Path) -> tuple[Child, WaitingDisk]:
    """A process in the middle of its publish."""
    disk = WaitingDisk()
    child = Child(lambda: publish(folder, 1, disk))
    child.go()
    os.read(disk.reached, 1)
    return child, disk


def test_item_75_two_imports_at_once(tmp_path: Path) -> None:
    """The second process is refused by its code and changes nothing; the first one ends as if alone."""
    publish(tmp_path, 0)
    first, disk = at_the_commit(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    code, answer = Child(lambda: publish(tmp_path, 1)).finish()
    assert (code, answer.split(":")[0]) == (REFUSED, "PUBLISH_LOCKED")
    assert {path.name for path in tmp_path.iterdir()} == before
    check_folder(tmp_path, [1])
    os.write(disk.release, b"!")
    assert first.wait() == (DONE, "2")
    check_folder(tmp_path, [1, 2])
    assert Child(lambda: publish(tmp_path, 2)).finish() == (DONE, "3")


def test_item_75_the_lock_of_a_killed_process_does_not_stay(tmp_path: Path) -> None:
    """Killed in the middle of its publish: the kernel lets go of the lock, the next one needs no repair."""
    publish(tmp_path, 0)
    first, _ = at_the_commit(tmp_path)
    with pytest.raises(OutsideFailed, match="PUBLISH_LOCKED"):
        publish(tmp_path, 1)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait()[0] == -signal.SIGKILL
    assert publish(tmp_path, 1) == 2
    check_folder(tmp_path, [1, 2])


def test_retention_and_a_publish_do_not_meet(tmp_path: Path) -> None:
    """One lock for both: nothing is removed under a publish, nothing published under a removal."""
    publish(tmp_path, 0)
    with folder_lock(tmp_path / LOCK):
        with pytest.raises(OutsideFailed, match="PUBLISH_LOCKED"):
            publish(tmp_path, 1)
        with pytest.raises(OutsideFailed, match="PUBLISH_LOCKED"):
            store(tmp_path).retention(keep_from_seq=1)
    check_folder(tmp_path, [1])


def test_publishers_that_compete(tmp_path: Path) -> None:
    """Three processes, each publishing as fast as it can: each set that was told published is one of the
    chain, with a number of its own; whoever came in between was told so and nothing else."""
    publish(tmp_path, 0)

    def compete() -> str:
        seqs = []
        while len(seqs) < 4:
            try:
                seqs.append(publish(tmp_path, 0))
            except OutsideFailed as error:
                if error.code != "PUBLISH_LOCKED":
                    raise
        return " ".join(map(str, seqs))

    ended = together([compete] * 3)
    assert [code for code, _ in ended] == [DONE] * 3, ended
    seqs = sorted(int(seq) for _, answer in ended for seq in answer.split())
    assert seqs == list(range(2, 14))
    check_folder(tmp_path, range(1, 14))


# --- readers in processes of their own ---


def publish_nth(folder: Path, n: int) -> None:
    """Set n lists exactly the serials 1 to n."""
    authorities, authority = small_world()
    listing = dict.fromkeys(range(1, n + 1), 1)
    store(folder).publish({scope(authority, 1): accepted(listing, number=n)}, authorities, now=T0)


def watching(folder: Path, last: int) -> Callable[[], str]:
    """Look until the last set is seen; every look is of one set, never of an earlier one than before."""

    def watch() -> str:
        _, authority = small_world()
        lineage = scope(authority, 1).lineage
        store, seen, sets = reader(folder), 0, 0
        while seen < last:
            snapshot = store.current()
            assert snapshot is not None
            assert snapshot.seq >= seen
            sets += snapshot.seq > seen
            seen = snapshot.seq
            assert snapshot.entries == seen
            assert snapshot.lookup(lineage, bytes([seen])) is not None
            assert snapshot.lookup(lineage, bytes([seen + 1])) is None
            time.sleep(0.001)
        return str(sets)

    return watch


def check_readers(folder: Path, *, readers: int, sets: int) -> None:
    publish_nth(folder, 1)
    children = [Child(watching(folder, sets)) for _ in range(readers)]
    for child in children:
        child.go()
    for n in range(2, sets + 1):
        publish_nth(folder, n)
        store(folder).retention(keep_from_seq=n - 1)
    ended = [child.wait() for child in children]
    assert [code for code, _ in ended] == [DONE] * readers, ended
    # They did look while it went on, not only at its end.
    assert all(int(seen) > sets // 10 for _, seen in ended), ended


def test_readers_during_some_publishes(tmp_path: Path) -> None:
    """A sample of the slow test below."""
    check_readers(tmp_path, readers=2, sets=20)


@pytest.mark.slow
def test_readers_during_a_hundred_publishes(tmp_path: Path) -> None:
    """Four readers, a hundred sets, old ones removed at once: the number never falls, no set is a mix."""
    check_readers(tmp_path, readers=4, sets=100)


# --- a file is damaged under a reader ---


@pytest.mark.parametrize("keep", [0, 64, -1, -34, -47])
def test_t23_a_mapped_file_is_truncated(tmp_path: Path, keep: int) -> None:
    """Somebody cuts a published file under its readers, by whole pages or within the last (which then reads
    as zeros). A reader dies by SIGBUS at worst, or refuses; it never says that a revoked one is not listed.
    A new process comes up on the old set and says why."""
    publish(tmp_path, 0)
    publish(tmp_path, 1)
    _, authority = small_world()
    lineage = scope(authority, 1).lineage
    opened, opens = os.pipe()
    cut, cuts = os.pipe()

    def read() -> str:
        snapshot = reader(tmp_path).current()
        assert snapshot is not None
        os.write(opens, b"!")
        os.read(cut, 1)
        return f"{snapshot.lookup(lineage, bytes([2]))!r}"

    child = Child(read)
    child.go()
    os.read(opened, 1)
    file = tmp_path / f"{lineage}.00000002.index"
    file.chmod(0o644)
    # The last entry, of serial 2, ends the file; its 68 octets with serial 1's are padded by four.
    os.truncate(file, keep if keep >= 0 else file.stat().st_size - 4 + keep)
    os.write(cuts, b"!")
    code, answer = child.wait()
    assert code in (-signal.SIGBUS, REFUSED) or answer == "Entry(reason=4, gone=False)", (code, answer)
    if code == REFUSED:
        assert answer.startswith("INDEX_CORRUPT: ")

    def start() -> str:
        store = reader(tmp_path)
        snapshot = store.current()
        assert snapshot is not None
        assert store.refusal is not None
        return f"{snapshot.seq} {snapshot.superseded} {store.refusal.code}"

    assert Child(start).finish() == (DONE, "1 True INDEX_CORRUPT")
    assert publish(tmp_path, 2) == 3
    assert (tmp_path / CURRENT).read_text().startswith("3 ")
