"""Which sets are removed, and that nothing which anybody needs goes with them."""

from __future__ import annotations

from pathlib import Path

from revocation.snapshot.names import manifest_path
from tests.revocation.sets import (
    T0,
    check_folder,
    every_list,
    store,
    world,
)


def test_retention_keeps_what_is_pinned_and_what_is_published(tmp_path: Path) -> None:
    """Sets below the pin go with their files; the current one never does."""
    authorities, authority = world()
    writer = store(tmp_path)
    for day in range(4):
        writer.publish(every_list(authority, day), authorities, now=T0)
    assert writer.retention(keep_from_seq=3) == (1, 2)
    assert writer.retention(keep_from_seq=3) == ()
    check_folder(tmp_path, [3, 4])
    assert not list(tmp_path.glob("*0000000[12].*"))
    assert writer.retention(keep_from_seq=99) == (3,)
    check_folder(tmp_path, [4])


def test_retention_of_an_empty_folder_does_nothing(tmp_path: Path) -> None:
    """No set, nothing to remove."""
    assert store(tmp_path).retention(keep_from_seq=1) == ()


def test_retention_removes_nothing_beside_a_manifest_that_it_cannot_read(tmp_path: Path) -> None:
    """A damaged manifest may name any file, so everything stays."""
    authorities, authority = world()
    writer = store(tmp_path)
    for day in range(3):
        writer.publish(every_list(authority, day), authorities, now=T0)
    path = manifest_path(tmp_path, 2)
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data.replace(b"1", b"2"))
    assert writer.retention(keep_from_seq=2) == ()
    assert manifest_path(tmp_path, 1).exists()
