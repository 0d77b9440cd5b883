"""T24: the power fails at any point of a publish; every state that the disk may be in is tried.

Un-synced writes lost or cut, un-synced names there or not, in any combination: each state opens as the old
set or as the new one, and once the publish said that it was done, as the new one.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.revocation.crash_states import RecordingDisk, State
from tests.revocation.disks import publish, small_world
from tests.revocation.sets import check_folder, reader, store


def made(folder: Path, state: State) -> Path:
    """A folder in this state."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in state.items():
        (folder / name).write_bytes(content)
    return folder


def sets_of(folder: Path) -> list[int]:
    """The sets that a restart finds, whole; none where it finds anything else."""
    fresh = reader(folder)
    current = fresh.current()
    if current is None or current.superseded or fresh.refusal is not None:
        return []
    sequences = fresh.sequences()
    check_folder(folder, sequences)
    return sequences


def start(folder: Path, *, leftovers: bool) -> Path:
    publish(folder, 0)
    if leftovers:
        _, authority = small_world()
        for name in (".x.tmp", "00000002.manifest", f"{authority.lineages()[0]}.00000002.index"):
            (folder / name).write_bytes(b"half")
    return folder


def check_states(tmp_path: Path, disk: RecordingDisk, states: list[State]) -> None:
    """Old or new, and the next night needs no repair."""
    found = set()
    for state in states:
        folder = made(tmp_path / "state", state)
        sets = sets_of(folder)
        assert sets in ([1], [1, 2])
        found.add(len(sets))
        assert publish(folder, 2) == len(sets) + 1
        assert sets_of(folder) == list(range(1, len(sets) + 2))
        assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]
    assert found == {1, 2}
    for state in disk.last:
        assert sets_of(made(tmp_path / "state", state)) == [1, 2]


def test_t24_power_loss_in_some_states(tmp_path: Path) -> None:
    """A sample of the slow test below, the same each time, and each state of the end."""
    folder = start(tmp_path / "sets", leftovers=False)
    disk = RecordingDisk(folder)
    publish(folder, 1, disk)
    assert len(disk.states) > 60
    check_states(tmp_path, disk, [*random.Random(24).sample(disk.states, 12), *disk.last])


@pytest.mark.slow
def test_t24_power_loss_in_every_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beginning with what a killed publish left, so that its removal, too, may be lost."""
    folder = start(tmp_path / "sets", leftovers=True)
    disk = RecordingDisk(folder)
    publish(folder, 1, disk)
    with capsys.disabled():
        print(f"\n{len(disk.states)} states after {len(disk.steps)} steps")  # noqa: T201
    check_states(tmp_path, disk, disk.states)


@pytest.mark.parametrize("ignored", ["sync_file", "sync_folder"])
def test_a_disk_that_does_not_sync_is_found_out(tmp_path: Path, ignored: str) -> None:
    """That these states can fail: with one kind of fsync left out, some state is neither old nor new, or
    the new set is lost after the publish said that it was done."""
    folder = start(tmp_path / "sets", leftovers=False)
    disk = RecordingDisk(folder, ignoring=(ignored,))
    publish(folder, 1, disk)
    neither = (sets_of(made(tmp_path / "state", state)) not in ([1], [1, 2]) for state in disk.states[::-1])
    lost = (sets_of(made(tmp_path / "state", state)) != [1, 2] for state in disk.last)
    assert any(lost) or any(neither)


def test_t24_power_loss_in_a_retention(tmp_path: Path) -> None:
    """Any part of the removals done: the published set, and each set that is still in the chain, is whole;
    the next retention removes the rest."""
    folder = tmp_path / "sets"
    for day in range(3):
        publish(folder, day)
    disk = RecordingDisk(folder)
    assert store(folder, disk=disk).retention(keep_from_seq=3) == (1, 2)
    # Two manifests, each there or not; then, these being gone, each of four index files.
    assert len(disk.states) == 4 + 15
    for state in disk.states:
        again = made(tmp_path / "state", state)
        assert sets_of(again)[-1] == 3
        store(again).retention(keep_from_seq=3)
        assert sets_of(again) == [3]
        assert not list(again.glob("*0000000[12].*"))
