"""Which sets are removed, and that nothing which anybody needs goes with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from revocation.errors import OutsideFailed, OwnFault
from revocation.snapshot.names import manifest_path
from tests.revocation.disks import CountingDisk, DyingDisk, FailingDisk, Killed, publish
from tests.revocation.sets import T0, check_folder, every_list, reader, store, world


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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sets, made once."""
    folder = tmp_path_factory.mktemp("sets")
    for day in range(3):
        publish(folder, day)
    return folder


@pytest.fixture
def three(whole: Path, tmp_path: Path) -> Path:
    """Three sets, to be removed from."""
    return Path(shutil.copytree(whole, tmp_path / "sets"))


def check_healed(folder: Path) -> None:
    """What is left is whole, and the next retention leaves the published set alone."""
    fresh = reader(folder)
    check_folder(folder, fresh.sequences())
    assert fresh.sequences()[-1] == 3
    store(folder).retention(keep_from_seq=3)
    check_folder(folder, [3])
    assert not list(folder.glob("*0000000[12].*"))


#: Two manifests, the folder, then four index files.
STEPS = ["remove", "remove", "sync_folder", "remove", "remove", "remove", "remove"]


def test_the_steps_of_a_retention(three: Path) -> None:
    """Manifests first, durably; only then the files that none of them names any more."""
    disk = CountingDisk()
    store(three, disk=disk).retention(keep_from_seq=3)
    assert disk.steps == STEPS


@pytest.mark.parametrize("at", range(1, len(STEPS) + 1))
def test_a_retention_is_killed_at_each_step(three: Path, at: int) -> None:
    """Nothing that CURRENT reaches is touched; what is half removed goes with the next retention."""
    with pytest.raises(Killed):
        store(three, disk=DyingDisk(at)).retention(keep_from_seq=3)
    check_healed(three)


@pytest.mark.parametrize("persisted", [False, True], ids=["not-persisted", "persisted"])
@pytest.mark.parametrize("at", range(1, len(STEPS) + 1))
def test_a_retention_fails_at_each_step(three: Path, at: int, persisted: bool) -> None:
    """Told with its code and the disk's word, no path; and nothing that is needed is gone."""
    with pytest.raises(OutsideFailed) as refused:
        store(three, disk=FailingDisk(at, persisted=persisted)).retention(keep_from_seq=3)
    assert refused.value.code == "RETENTION_FAILED"
    assert refused.value.expected == "old sets to be read and written"
    assert refused.value.got == "EIO"
    assert str(three) not in str(refused.value)
    check_healed(three)


def test_retention_without_a_readable_current_is_told_or_does_nothing(three: Path) -> None:
    """CURRENT lost: nobody knows what is published, nothing goes. Unreadable: told with its code."""
    (three / "CURRENT").rename(three / "aside")
    before = {path.name for path in three.iterdir()}
    assert store(three).retention(keep_from_seq=3) == ()
    (three / "CURRENT").mkdir()
    with pytest.raises(OutsideFailed, match="RETENTION_FAILED"):
        store(three).retention(keep_from_seq=3)
    (three / "CURRENT").rmdir()
    (three / "CURRENT").write_bytes(b"3 zz\n")
    with pytest.raises(OwnFault, match="CURRENT_CORRUPT"):
        store(three).retention(keep_from_seq=3)
    (three / "CURRENT").unlink()
    assert {path.name for path in three.iterdir()} == before


def test_retention_keeps_the_set_at_its_pin(three: Path) -> None:
    """The pin is the first that is kept; 0 and 1 remove nothing."""
    for pin in (0, 1):
        assert store(three).retention(keep_from_seq=pin) == ()
    assert store(three).retention(keep_from_seq=2) == (1,)
    check_folder(three, [2, 3])
    # A reader that went on with the set that is gone now opens what is published.
    assert reader(three).open(2).seq == 2
    with pytest.raises(OwnFault, match="MANIFEST_MISSING"):
        reader(three).open(1)


def test_a_file_numbered_as_the_pin_stays(three: Path) -> None:
    """Also one that no manifest names: only what lies below the pin is looked at."""
    for seq in (1, 2, 3):
        (three / f"other.ff.{seq:08}.index").touch()
    store(three).retention(keep_from_seq=2)
    assert sorted(path.name[9:17] for path in three.glob("other.ff.*")) == ["00000002", "00000003"]
