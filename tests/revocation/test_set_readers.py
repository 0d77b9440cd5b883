"""Readers of a snapshot folder: what they see while sets are published, restored, removed."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.errors import OutsideFailed, OwnFault, RevocationError
from revocation.snapshot.current import Snapshot
from revocation.snapshot.durable import Disk
from revocation.snapshot.names import LOCK, manifest_path
from revocation.snapshot.store import SnapshotStore
from tests.revocation.sets import (
    DAY,
    PUBLISHER,
    T0,
    accepted,
    every_list,
    reader,
    scope,
    store,
    world,
)


def serial(value: int) -> bytes:
    return bytes([value])


def test_a_reader_sees_a_publish_and_an_old_holder_goes_on(tmp_path: Path) -> None:
    """current() moves on; a snapshot in hand answers from its own set, even after retention."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer, watcher = store(tmp_path), reader(tmp_path)
    assert watcher.current() is None
    writer.publish(every_list(authority), authorities, now=T0)
    old = watcher.current()
    assert old is not None
    assert watcher.current() is old
    writer.publish({one: accepted({5: 3}, number=9, this_update=T0 + DAY)}, authorities, now=T0)
    new = watcher.current()
    assert new is not None
    assert (old.seq, new.seq) == (1, 2)
    writer.retention(keep_from_seq=2)
    assert old.lookup(one.lineage, serial(5)) is None
    assert new.lookup(one.lineage, serial(5)) is not None
    assert writer.sequences() == [2]


def test_files_are_read_only(tmp_path: Path) -> None:
    """0444: published files are replaced by rename, never written to."""
    authorities, authority = world()
    store(tmp_path).publish(every_list(authority), authorities, now=T0)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir() if path.name != LOCK}
    assert set(modes.values()) == {0o444}


def test_the_sequence_never_goes_back_within_a_reader(tmp_path: Path) -> None:
    """An older CURRENT with everything in order, restored by somebody: refused, the newer set goes on."""
    authorities, authority = world()
    writer, running = store(tmp_path), reader(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    older = (tmp_path / "CURRENT").read_bytes()
    writer.publish(every_list(authority, 1), authorities, now=T0)
    held = running.current()
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").write_bytes(older)
    assert running.current() is held
    assert running.refusal is not None
    assert running.refusal.code == "SEQUENCE_ROLLBACK"


def test_another_set_under_the_same_number_is_refused(tmp_path: Path) -> None:
    """A folder restored and published into again: the running reader notices."""
    authorities, authority = world()
    store(tmp_path / "a").publish(every_list(authority), authorities, now=T0)
    store(tmp_path / "b").publish(every_list(authority), authorities, now=T0 + DAY)
    running = reader(tmp_path / "a")
    held = running.current()
    for path in (tmp_path / "a").iterdir():
        path.unlink()
    for path in (tmp_path / "b").iterdir():
        path.rename(tmp_path / "a" / path.name)
    kept = running.current()
    assert held is not None
    assert kept is not None
    assert (kept.snapshot_id, kept.superseded) == (held.snapshot_id, True)
    assert running.refusal is not None
    assert running.refusal.code == "SEQUENCE_REUSED"


def test_an_uncommitted_set_cannot_be_opened(tmp_path: Path) -> None:
    """Only what CURRENT reached is published."""
    authorities, authority = world()
    store(tmp_path).publish(every_list(authority), authorities, now=T0)
    for seq in (2, 99):
        with pytest.raises(OwnFault, match="SET_NOT_PUBLISHED"):
            reader(tmp_path).open(seq)
    with pytest.raises(OwnFault, match="MANIFEST_MISSING"):
        reader(tmp_path).open(0)


def test_only_pinned_publishers_are_believed(tmp_path: Path) -> None:
    """A set signed by another key is refused; with both keys pinned (rotation) it is read."""
    authorities, authority = world()
    other = Ed25519PrivateKey.generate()
    SnapshotStore(tmp_path, publisher_key=other).publish(every_list(authority), authorities, now=T0)
    stranger = reader(tmp_path)
    assert stranger.current() is None
    assert stranger.refusal is not None
    assert stranger.refusal.code == "PUBLISHER_NOT_TRUSTED"
    both = SnapshotStore(tmp_path, trusted_publishers=(PUBLISHER.public_key(), other.public_key()))
    assert both.current() is not None


def test_a_reader_that_is_out_of_descriptors_keeps_its_set(tmp_path: Path) -> None:
    """A passing fault of the machine is no fault of the set: the next call tries again. Until then the set
    published above is not known, and the one held is superseded."""
    authorities, authority = world()
    writer, running = store(tmp_path), reader(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    held = running.current()
    writer.publish(every_list(authority, 1), authorities, now=T0)
    manifest = manifest_path(tmp_path, 2)
    aside = manifest.rename(tmp_path / "aside")
    manifest.mkdir()  # read_bytes raises IsADirectoryError, an OSError
    kept = running.current()
    assert held is not None
    assert kept is not None
    assert (kept.snapshot_id, kept.superseded) == (held.snapshot_id, True)
    assert isinstance(running.refusal, OutsideFailed)
    manifest.rmdir()
    aside.rename(manifest)
    moved = running.current()
    assert moved is not None
    assert moved.seq == 2
    refusal: object = running.refusal
    assert refusal is None


def test_readers_and_a_publisher_at_once(tmp_path: Path) -> None:
    """Publishes beside threads that share one store: numbers never go back, each set is whole, no error."""
    authorities, authority = world(partitions=1)
    one = scope(authority, 1)
    writer = store(tmp_path)
    writer.publish({one: accepted({1: 1}, number=1)}, authorities, now=T0)
    watcher = reader(tmp_path)
    faults: list[object] = []
    done = threading.Event()

    def watch() -> None:
        seen = 0
        while not done.is_set():
            snapshot = watcher.current()
            if snapshot is None or snapshot.seq < seen:
                faults.append(snapshot)
                return
            seen = snapshot.seq
            # Set n lists exactly the serials 1 to n.
            if snapshot.lookup(one.lineage, serial(seen)) is None or snapshot.entries != seen:
                faults.append(seen)

    threads = [threading.Thread(target=watch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(2, 12):
        listing = dict.fromkeys(range(1, n + 1), 1)
        writer.publish({one: accepted(listing, number=n)}, authorities, now=T0)
        writer.retention(keep_from_seq=n - 2)
    done.set()
    for thread in threads:
        thread.join(10)
    assert faults == []
    final = watcher.current()
    assert final is not None
    assert final.seq == 11


# --- what happens while a reader looks ---


class Meanwhile(SnapshotStore):
    """A reader after each of whose looks something happens, as if another process had been quicker."""

    happens: list[Callable[[], object]]

    def _look(self) -> tuple[Snapshot | None, RevocationError | None]:
        found = super()._look()
        if self.happens:
            self.happens.pop(0)()
        return found


def meanwhile(folder: Path, *happens: Callable[[], object]) -> Meanwhile:
    watcher = Meanwhile(folder, trusted_publishers=(PUBLISHER.public_key(),))
    watcher.happens = list(happens)
    return watcher


def test_what_was_removed_while_it_was_opened_is_no_damage(tmp_path: Path) -> None:
    """The set that CURRENT named is gone, and CURRENT names another by now: the reader looks again."""
    authorities, authority = world()
    writer = store(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    manifest_path(tmp_path, 1).rename(tmp_path / "aside")
    watcher = meanwhile(
        tmp_path,
        lambda: (tmp_path / "aside").rename(manifest_path(tmp_path, 1)),
        lambda: None,
    )
    assert watcher.current() is None
    assert watcher.refusal is not None
    assert watcher.refusal.code == "MANIFEST_MISSING"

    manifest_path(tmp_path, 1).unlink()
    watcher = meanwhile(tmp_path, lambda: writer.publish(every_list(authority, 1), authorities, now=T0))
    current = watcher.current()
    assert current is not None
    assert (current.seq, watcher.refusal) == (2, None)


def test_a_reader_that_is_always_too_late_says_so(tmp_path: Path) -> None:
    """Published and damaged again at each look: it gives up with the reason, and the next call goes on."""
    authorities, authority = world()
    writer = store(tmp_path)

    def night() -> None:
        seq = writer.publish(every_list(authority), authorities, now=T0).seq
        manifest_path(tmp_path, seq).unlink()

    night()
    watcher = meanwhile(tmp_path, *[night] * 4)
    assert watcher.current() is None
    assert watcher.happens == []
    assert watcher.refusal is not None
    assert watcher.refusal.code == "MANIFEST_MISSING"
    writer.publish(every_list(authority), authorities, now=T0)
    assert watcher.current() is not None
    assert watcher.refusal is None


def test_a_current_that_cannot_be_read_makes_nobody_good(tmp_path: Path) -> None:
    """An error of the disk at CURRENT itself: who holds a set goes on with it, superseded, since another
    may be published; who starts has none. When the disk is well, all is."""
    authorities, authority = world()
    store(tmp_path).publish(every_list(authority), authorities, now=T0)
    running, starting = reader(tmp_path), reader(tmp_path)
    held = running.current()
    (tmp_path / "CURRENT").rename(tmp_path / "aside")
    (tmp_path / "CURRENT").mkdir()  # read_bytes raises IsADirectoryError, an OSError
    kept = running.current()
    assert held is not None
    assert kept is not None
    assert (kept.snapshot_id, kept.superseded) == (held.snapshot_id, True)
    assert starting.current() is None
    for each in (running, starting):
        assert isinstance(each.refusal, OutsideFailed)
        assert each.refusal.code == "SNAPSHOT_UNREADABLE"
    (tmp_path / "CURRENT").rmdir()
    (tmp_path / "aside").rename(tmp_path / "CURRENT")
    for each in (running, starting):
        current = each.current()
        assert current is not None
        assert (current.snapshot_id, current.superseded) == (held.snapshot_id, False)


@pytest.mark.parametrize("method", ["stat", "iterdir"])
def test_a_folder_that_fails_makes_nobody_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """EIO of stat(2) or of the listing, beside a garbled CURRENT: the set held goes on, superseded."""
    authorities, authority = world()
    store(tmp_path).publish(every_list(authority), authorities, now=T0)
    running = reader(tmp_path)
    held = running.current()
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").write_bytes(b"1 zz\n")

    def fails(path: Path, **_: object) -> None:
        raise OSError(errno.EIO, "EIO")

    with monkeypatch.context() as patched:
        patched.setattr(Path, method, fails)
        kept = running.current()
    assert held is not None
    assert kept is not None
    assert kept.snapshot_id == held.snapshot_id
    assert kept.superseded


def test_a_publisher_that_reads_meanwhile_keeps_what_it_opened(tmp_path: Path) -> None:
    """The same store read the new set between commit and end of the publish: that one object goes on."""
    authorities, authority = world()
    seen: list[Snapshot | None] = []

    class Reading(Disk):
        def sync_folder(self, folder: Path) -> None:
            super().sync_folder(folder)
            seen.append(writer.current())

    writer = store(tmp_path, disk=Reading())
    published = writer.publish(every_list(authority), authorities, now=T0)
    assert seen[0] is None
    assert seen[1] is not None
    assert seen[1].snapshot_id == published.snapshot_id
    assert writer.current() is seen[1]


def test_a_snapshot_shows_no_serial(tmp_path: Path) -> None:
    """Its representation ends in logs: number and id, nothing of what it lists."""
    authorities, authority = world()
    lists = every_list(authority) | {scope(authority, 1): accepted({123456789: 3})}
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    assert repr(snapshot) == f"Snapshot(seq=1, snapshot_id={snapshot.snapshot_id})"
