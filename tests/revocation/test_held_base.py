"""A publisher that goes on from the set in its hand reads it no second time, and notices damage all the same.

What it looks at: CURRENT, the manifest, which files the names are and when somebody last touched them; and
the builder checks what it reads of the base by its checksums.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revocation.authorities import Authorities
from revocation.errors import OwnFault
from revocation.index.ahead import Ahead
from revocation.index.search import Index
from revocation.snapshot import current, index_files
from revocation.snapshot import store as store_module
from revocation.snapshot.current import Snapshot
from revocation.snapshot.durable import Disk
from revocation.snapshot.names import manifest_path
from revocation.snapshot.store import SnapshotStore
from tests import pki
from tests.revocation.sets import (
    DAY,
    T0,
    accepted,
    check_folder,
    every_list,
    reader,
    scope,
    store,
    world,
)

AUTHORITIES, AUTHORITY = world()
ONE = scope(AUTHORITY, 1)


def night(writer: SnapshotStore, day: int, *serials: int) -> Snapshot:
    lists = every_list(AUTHORITY, day)
    lists[ONE] = accepted(dict.fromkeys(serials, 4), number=day + 1, this_update=T0 + day * DAY)
    return writer.publish(lists, AUTHORITIES, now=T0 + day * DAY)


def index_file(folder: Path, seq: int) -> Path:
    return folder / f"{ONE.lineage}.{seq:08}.index"


@pytest.fixture
def whole_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The looks at a folder for a set to build upon, each of which reads that set whole."""
    seen: list[str] = []
    real = current.newest_good

    def newest_good(*arguments: Any) -> Any:
        seen.append("newest_good")
        return real(*arguments)

    monkeypatch.setattr(store_module, "newest_good", newest_good)
    return seen


def test_an_untouched_base_is_not_read_again(tmp_path: Path, whole_reads: list[str]) -> None:
    """The first publish looks for a set; those after it build upon what the store has, as if they had."""
    writer = store(tmp_path / "held")
    for day, serials in enumerate([(5, 6), (6,), (7,)]):
        held = night(writer, day, *serials)
        assert writer.current() is held
        again = night(store(tmp_path / "anew"), day, *serials)
        assert held.manifest == again.manifest
    assert whole_reads == ["newest_good"] * 4
    check_folder(tmp_path / "held", [1, 2, 3])
    for name in ("held", "anew"):
        entry = reader(tmp_path / name).current().lookup(ONE.lineage, b"\x05")  # type: ignore[union-attr]
        assert entry is not None
        assert (entry.gone, entry.last_listed_seq) == (True, 1)


def test_what_is_published_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new file is checked whole exactly once, and the set that the publish returns answers from it."""
    checked: list[int] = []
    real = Index.verify

    def verify(self: Index, ahead: Ahead | None = None) -> None:
        checked.append(self.set_seq)
        real(self, ahead)

    monkeypatch.setattr(Index, "verify", verify)
    writer = store(tmp_path)
    night(writer, 0, 5)
    snapshot = night(writer, 1, 5, 6)
    assert checked == [1, 1, 2, 2]
    assert writer.current() is snapshot
    assert snapshot.lookup(ONE.lineage, b"\x06") is not None
    assert [file.sha256_tree for file in snapshot.manifest.files] == [
        file.sha256_tree
        for file in reader(tmp_path).current().manifest.files  # type: ignore[union-attr]
    ]


def flip(path: Path) -> None:
    """In place, in the middle: whoever mapped the file sees it."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        octet = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([octet[0] ^ 0x10]))


def flip_and_hide(path: Path) -> None:
    """With the old modification time and rights again: the change time tells."""
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    path.chmod(0o444)


def replace(path: Path) -> None:
    """By another whole file: of the set before."""
    other = index_file(path.parent, 1).read_bytes()
    path.unlink()
    path.write_bytes(other)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped": lambda folder: flip(index_file(folder, 2)),
    "hidden": lambda folder: flip_and_hide(index_file(folder, 2)),
    "replaced": lambda folder: replace(index_file(folder, 2)),
    "missing": lambda folder: index_file(folder, 2).unlink(),
    "manifest-flipped": lambda folder: flip(manifest_path(folder, 2)),
    "manifest-missing": lambda folder: manifest_path(folder, 2).unlink(),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_t23_a_base_damaged_between_two_publishes(tmp_path: Path, how: str) -> None:
    """The store had it whole in its hand: built around all the same, upon the set below."""
    writer = store(tmp_path)
    night(writer, 0, 5)
    night(writer, 1, 5, 6)
    DAMAGES[how](tmp_path)
    healed = night(writer, 2, 7)
    assert (healed.seq, healed.manifest.previous) == (3, (1, healed.manifest.previous[1]))  # type: ignore[index]
    assert reader(tmp_path).sequences() == [1, 3]
    entry = healed.lookup(ONE.lineage, b"\x05")
    assert entry is not None
    assert entry.gone


def test_t23_a_base_that_rots_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk gives other octets and no time tells: found by the checksums as the base is read, and built
    around; nothing of it gets into the new set, and no file stays behind."""
    writer = store(tmp_path)
    night(writer, 0, 5)
    night(writer, 1, 5, 6)
    flip(index_file(tmp_path, 2))
    monkeypatch.setattr(index_files.OpenedIndex, "is_untouched", lambda *_: True)
    healed = night(writer, 2, 7)
    assert healed.seq == 3
    check_folder(tmp_path, [1, 3])
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_a_retired_lineage_that_rots_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No builder reads its file: it is read whole before a new set names it again."""
    writer = store(tmp_path)
    night(writer, 0, 5)
    newer = pki.CA(pki.SIGN_DN, (pki.make_ca(kind="p256").generations[1],)).authority()
    assert writer.publish(every_list(newer, 1), Authorities([newer]), now=T0 + DAY).seq == 2
    flip(index_file(tmp_path, 1))
    monkeypatch.setattr(index_files.OpenedIndex, "is_untouched", lambda *_: True)
    healed = writer.publish(every_list(newer, 2), Authorities([newer]), now=T0 + 2 * DAY)
    # No set of this folder is whole any more: the new one stands alone, and every reader can use it.
    assert healed.manifest.previous is None
    check_folder(tmp_path, [3])


def test_a_new_file_that_is_wrong_is_not_blamed_on_the_base(tmp_path: Path) -> None:
    """The disk stores something else than it was given: refused, nothing published, the base is kept."""

    class Lying(Disk):
        lies = False

        def write(self, descriptor: int, data: bytes | memoryview) -> None:
            octets = bytearray(data)
            if self.lies:
                octets[len(octets) // 2] ^= 1
            super().write(descriptor, bytes(octets))

    disk = Lying()
    writer = store(tmp_path, disk=disk)
    night(writer, 0, 5)
    disk.lies = True
    with pytest.raises(OwnFault, match="INDEX_"):
        night(writer, 1, 6)
    check_folder(tmp_path, [1])
    disk.lies = False
    assert night(writer, 1, 6).manifest.previous is not None
    check_folder(tmp_path, [1, 2])


def test_another_process_published_meanwhile(tmp_path: Path) -> None:
    """The set in hand is no longer the published one: built upon that, nothing of it is lost."""
    writer = store(tmp_path)
    night(writer, 0, 5)
    night(store(tmp_path), 1, 6)
    third = night(writer, 2, 7)
    assert third.seq == 3
    check_folder(tmp_path, [1, 2, 3])
    assert third.lookup(ONE.lineage, b"\x06") is not None


def test_a_current_that_changes_at_the_commit_is_noticed(tmp_path: Path) -> None:
    """Somebody puts an older CURRENT in place just then: told, and not called published."""

    class Meddled(Disk):
        meddle = False

        def sync_folder(self, folder: Path) -> None:
            super().sync_folder(folder)
            if self.meddle and (folder / "CURRENT").read_bytes().startswith(b"2 "):
                (folder / "CURRENT").unlink()
                (folder / "CURRENT").write_bytes(before)

    disk = Meddled()
    writer = store(tmp_path, disk=disk)
    night(writer, 0, 5)
    before = (tmp_path / "CURRENT").read_bytes()
    disk.meddle = True
    with pytest.raises(OwnFault, match="MANIFEST_MISMATCH"):
        night(writer, 1, 6)
    check_folder(tmp_path, [1])
