"""Every write step of a publish fails twice, and a publish is killed at every step: old or new, never else.

A step that fails "not persisted" raises and did nothing; "persisted" did its work and raises all the same
(fsync on a dying disk, rename over a network mount). After either, the folder holds exactly the old set
or the new one, a fresh reader opens it whole, and the next publish succeeds without any repair.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from revocation.errors import OutsideFailed, OwnFault
from revocation.index.search import Index
from revocation.snapshot.durable import Disk
from revocation.snapshot.store import SnapshotStore
from tests.revocation.disks import (
    FailingDisk,
    KillingDisk,
    lists_of,
    publish,
    small_world,
    steps_of_a_publish,
)
from tests.revocation.sets import PUBLISHER, T0, check_folder, reader, scope


def test_the_steps_of_a_publish_are_those_of_the_design(tmp_path: Path) -> None:
    """Two index files, the manifest, the folder, then CURRENT: each file synced before it is named, the
    folder before the commit and after it; the commit is one step."""
    steps = [step for step in steps_of_a_publish(tmp_path) if step != "write"]
    file = ["create", "sync_file", "rename"]
    assert steps == [*file * 3, "sync_folder", "create", "sync_file", "commit", "sync_folder"]


STEPS = 18


def test_the_number_of_steps_is_the_one_that_the_tests_below_run_through(tmp_path: Path) -> None:
    """So that no step is left out when the publish changes."""
    assert len(steps_of_a_publish(tmp_path)) == STEPS


@pytest.mark.parametrize("persisted", [False, True], ids=["not-persisted", "persisted"])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_each_step_failing_once(tmp_path: Path, at: int, persisted: bool) -> None:
    """Either the publish says that it failed and the old set is there, or it succeeded and the new one is."""
    publish(tmp_path, 0)
    disk = FailingDisk(at, persisted=persisted)
    committed, error = 1, None
    try:
        committed = publish(tmp_path, 1, disk)
    except OutsideFailed as raised:
        error = raised
    if error is not None:
        assert error.code == "PUBLISH_FAILED"
        assert "EIO" in str(error)
        assert str(tmp_path) not in str(error)
    check_folder(tmp_path, range(1, committed + 1))
    # A rename or a folder sync that only reported failure after the commit is no failure of the publish.
    name = disk.steps[at - 1]
    if committed == 2:
        assert (name, persisted) == ("commit", True) or (name == "sync_folder" and at == STEPS)
    # The next night needs no repair, and leaves no temporary file behind.
    assert publish(tmp_path, 2) == committed + 1
    check_folder(tmp_path, range(1, committed + 2))
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_disk_that_stays_broken(tmp_path: Path, at: int, code: int) -> None:
    """From the n-th step on nothing works, not even cleaning up: old set, one sentence; later it heals."""
    publish(tmp_path, 0)
    with pytest.raises(OutsideFailed, match=errno.errorcode[code]):
        publish(tmp_path, 1, FailingDisk(at, persisted=False, code=code, always=True))
    # Only if the very last sync fails is the new set already visible; then it stays.
    seen = 2 if at == STEPS else 1
    check_folder(tmp_path, range(1, seen + 1))
    assert publish(tmp_path, 2) == seen + 1
    check_folder(tmp_path, range(1, seen + 2))
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_a_file_whose_fsync_failed_is_thrown_away(tmp_path: Path) -> None:
    """Never synced a second time (the pages may be gone and marked clean): removed, then written anew."""
    publish(tmp_path, 0)
    steps = steps_of_a_publish(tmp_path / "counted")
    disk = FailingDisk(steps.index("sync_file") + 1, persisted=True)
    with pytest.raises(OutsideFailed):
        publish(tmp_path, 1, disk)
    assert disk.steps[-2:] == ["sync_file", "remove"]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_what_reached_the_disk_wrong_is_found_before_the_commit(tmp_path: Path) -> None:
    """A disk that stores other octets than it was given: reading back refuses, nothing is published."""

    class LyingDisk(Disk):
        def write(self, descriptor: int, data: bytes | memoryview) -> None:
            octets = bytes(data)
            if len(octets) >= 100:
                octets = octets[:-1] + bytes([octets[-1] ^ 1])
            super().write(descriptor, octets)

    publish(tmp_path, 0)
    with pytest.raises(OwnFault):
        publish(tmp_path, 1, LyingDisk())
    check_folder(tmp_path, [1])
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_a_short_write_goes_on_with_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """write(2) may take less than it was given."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
    publish(tmp_path, 0)
    monkeypatch.undo()
    check_folder(tmp_path, [1])


def test_leftovers_of_a_killed_publish_are_collected(tmp_path: Path) -> None:
    """Temporary files and files above CURRENT go at the next publish; other people's files stay."""
    publish(tmp_path, 0)
    for name in (".CURRENT.00.tmp", ".x.index.11.tmp", "00000002.manifest", "card-sign.ff.00000002.index"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "notes.txt").write_bytes(b"ours")
    assert reader(tmp_path).sequences() == [1]
    assert publish(tmp_path, 1) == 2
    check_folder(tmp_path, [1, 2])
    names = {path.name for path in tmp_path.iterdir()}
    assert "notes.txt" in names
    assert not {name for name in names if name.endswith(".tmp") or ".ff." in name}


# --- SIGKILL ---

_CHILD = """
import sys
from pathlib import Path
from tests.revocation.disks import KillingDisk, publish
publish(Path(sys.argv[1]), int(sys.argv[2]), KillingDisk(int(sys.argv[3]), after=sys.argv[4] == "after"))
"""


def killed(folder: Path, day: int, at: int, when: str) -> int:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder), str(day), str(at), when],
        cwd=root,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode


def fork_killed(folder: Path, day: int, at: int, when: str) -> int:
    """As ``killed`` in a fork: the same SIGKILL at the same system call, without a second of imports."""
    child = os.fork()
    if child == 0:
        try:
            publish(folder, day, KillingDisk(at, after=when == "after"))
        finally:
            os._exit(0)  # not reached when killed
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("when", ["before", "after"])
def test_sigkill_at_every_step(tmp_path: Path, when: str) -> None:
    """T19: after each kill a fresh reader finds exactly the old or the new set, and the next night heals."""
    commit = steps_of_a_publish(tmp_path / "counted").index("commit") + 1
    for at in range(1, STEPS + 1):
        folder = tmp_path / f"{at}"
        publish(folder, 0)
        assert fork_killed(folder, 1, at, when) == -signal.SIGKILL
        committed = at > commit or (at == commit and when == "after")
        seqs = [1, 2] if committed else [1]
        check_folder(folder, seqs)
        current = reader(folder).current()
        assert current is not None
        assert current.entries == len(seqs)
        assert publish(folder, 2) == len(seqs) + 1
        check_folder(folder, [*seqs, len(seqs) + 1])
        assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


@pytest.mark.parametrize("at", [1, STEPS // 2, STEPS - 1])
def test_sigkill_of_the_very_first_publish(tmp_path: Path, at: int) -> None:
    """Nothing was published: a reader finds nothing, or set 1; the next publish is the first or second."""
    assert fork_killed(tmp_path, 0, at, "after") == -signal.SIGKILL
    current = reader(tmp_path).current()
    committed = 0 if current is None else current.seq
    assert committed == (1 if at == STEPS - 1 else 0)
    assert publish(tmp_path, 1) == committed + 1


def test_sigkill_of_a_process_of_its_own(tmp_path: Path) -> None:
    """The same with a real second process: the kernel releases its lock, nobody has to."""
    publish(tmp_path, 0)
    assert killed(tmp_path, 1, STEPS - 2, "before") == -signal.SIGKILL
    check_folder(tmp_path, [1])
    assert publish(tmp_path, 1) == 2


def test_a_snapshot_held_while_a_publish_is_killed_goes_on(tmp_path: Path) -> None:
    """A reader is no part of any of this."""
    publish(tmp_path, 0)
    running = reader(tmp_path)
    held = running.current()
    assert held is not None
    fork_killed(tmp_path, 1, STEPS // 2, "after")
    assert running.current() is held
    _, authority = small_world()
    index = held.index(scope(authority, 1).lineage)
    assert isinstance(index, Index)
    index.verify()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """One sentence with what to do, no traceback of the operating system's."""
    (tmp_path / "file").touch()
    authorities, authority = small_world()
    blocked = SnapshotStore(tmp_path / "file" / "sets", publisher_key=PUBLISHER)
    with pytest.raises(OutsideFailed, match="PUBLISH_FAILED"):
        blocked.publish(lists_of(authority, 0), authorities, now=T0)


def test_item_75_killed_and_run_again_is_as_if_undisturbed(tmp_path: Path) -> None:
    """Killed at a step of each kind and started again with the same lists: the octets of every file are
    those of a publish that nothing disturbed."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    steps = steps_of_a_publish(whole)
    publish(cut, 0)
    for name in ("create", "write", "sync_file", "rename", "sync_folder", "commit"):
        assert fork_killed(cut, 1, steps.index(name) + 1, "before") == -signal.SIGKILL
        check_folder(cut, [1])
    assert publish(cut, 1) == 2
    assert {path.name: path.read_bytes() for path in cut.iterdir()} == {
        path.name: path.read_bytes() for path in whole.iterdir()
    }


def test_item_75_a_full_disk_leaves_the_old_data_and_the_same_command_heals(tmp_path: Path) -> None:
    """ENOSPC at the first octet, in the middle and at the last: old set, told; run again, it is as if
    nothing had been."""
    whole, full = tmp_path / "whole", tmp_path / "full"
    steps = steps_of_a_publish(whole)
    writes = [at for at, name in enumerate(steps, 1) if name == "write"]
    publish(full, 0)
    for at in (writes[0], writes[len(writes) // 2], writes[-1]):
        with pytest.raises(OutsideFailed, match="ENOSPC"):
            publish(full, 1, FailingDisk(at, persisted=False, code=errno.ENOSPC))
        check_folder(full, [1])
    assert publish(full, 1) == 2
    assert {path.name: path.read_bytes() for path in full.iterdir()} == {
        path.name: path.read_bytes() for path in whole.iterdir()
    }
