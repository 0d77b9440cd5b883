"""The disk is full for real: by a limit of the process, and by a small disk of its own."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from revocation.errors import OutsideFailed
from tests.revocation.children import REFUSED, Child
from tests.revocation.disks import publish, small_world
from tests.revocation.sets import T0, accepted, check_folder, reader, record, scope, store

#: A list whose index needs some 160 kB.
ENTRIES = 13_000


def publish_large(folder: Path) -> int:
    authorities, authority = small_world()
    records = b"".join(record(serial, 4) for serial in range(1, ENTRIES + 1))
    lists = {scope(authority, 1): accepted(records, number=9)}
    return store(folder).publish(lists, authorities, now=T0).seq


def names_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def fill(path: Path) -> None:
    """Take all that the disk has left."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


@pytest.mark.parametrize("octets", [0, 1, 223, 4096, 100_000])
def test_t22_no_file_may_grow_beyond(tmp_path: Path, octets: int) -> None:
    """RLIMIT_FSIZE, wherever it falls: one sentence with its code, the last good set serves, nothing of the
    attempt stays, and without the limit the same publish succeeds."""
    publish(tmp_path, 0)
    before = names_of(tmp_path)

    def limited() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets))
        return publish_large(tmp_path)

    code, answer = Child(limited).finish()
    assert code == REFUSED, answer
    assert answer.startswith("PUBLISH_FAILED: expected the new set ")
    assert "got EFBIG" in answer
    assert names_of(tmp_path) == before
    check_folder(tmp_path, [1])
    assert publish_large(tmp_path) == 2
    check_folder(tmp_path, [1, 2])


def test_t22_a_process_out_of_descriptors(tmp_path: Path) -> None:
    """RLIMIT_NOFILE leaves none: told by its code, nothing changed."""
    publish(tmp_path, 0)
    before = names_of(tmp_path)

    def limited() -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        return publish(tmp_path, 1)

    code, answer = Child(limited).finish()
    assert (code, answer.split(":")[0]) == (REFUSED, "LOCK_FAILED")
    assert "got EMFILE" in answer
    assert names_of(tmp_path) == before


@pytest.mark.slow
def test_t22_a_disk_of_one_megabyte(tmp_path: Path) -> None:
    """A tmpfs of its own, filled to the last octet and emptied page by page: each publish is told ENOSPC
    and leaves the old set, until there is room, and then it succeeds."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk; the limits of a process are tried all the same")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is refused here; the limits of a process are tried all the same")
    try:
        folder = disk / "sets"
        publish(folder, 0)
        filler = disk / "filler"
        fill(filler)
        refused = 0
        for size in range(filler.stat().st_size, 0, -4096):
            os.truncate(filler, size)
            try:
                assert publish_large(folder) == 2
                break
            except OutsideFailed as error:
                assert "PUBLISH_FAILED" in str(error)  # noqa: PT017 - refused until there is room
                assert "ENOSPC" in str(error)  # noqa: PT017
            refused += 1
            assert not [name for name in names_of(folder) if name.endswith(".tmp")]
            current = reader(folder).current()
            assert current is not None
            assert (current.seq, current.superseded) == (1, False)
        assert refused > 20
        check_folder(folder, [1, 2])
    finally:
        # Lazily: what was mapped from it goes with the garbage, not with this function.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_limit_reached_by_signal_is_no_other_case() -> None:
    """Python ignores SIGXFSZ, so that the limit is an error of write(2) and not a death."""
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
