"""What a publish refuses or cannot do, word for word: code, expected, got, remedy end before an operator."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from revocation.errors import InputRefused, OutsideFailed, RevocationError
from revocation.snapshot.durable import folder_lock
from revocation.snapshot.names import LOCK
from revocation.snapshot.store import SnapshotStore
from tests.revocation.disks import FailingDisk, publish, steps_of_a_publish
from tests.revocation.sets import DAY, T0, accepted, scope, store, world

HEAL = "free space or repair the disk, then run the same command again"


def words(refused: RevocationError) -> tuple[str, str, str, str]:
    return refused.code, refused.expected, refused.got, refused.remedy


def published(folder: Path) -> SnapshotStore:
    authorities, authority = world()
    writer = store(folder)
    writer.publish({scope(authority, 1): accepted({}, number=7)}, authorities, now=T0)
    return writer


@pytest.mark.parametrize(
    ("number", "seconds", "said"),
    [
        (
            8,
            -1,
            (
                "THIS_UPDATE_ROLLBACK",
                "a thisUpdate that is not before the published list's",
                "an earlier one",
                "find out why the CA serves an older list",
            ),
        ),
        (
            7,
            0,
            (
                "CRL_NUMBER_REUSED",
                "a new cRLNumber for other content",
                "the published list's number",
                "ask the CA: one number stands for one list",
            ),
        ),
        (
            6,
            1,
            (
                "CRL_NUMBER_ROLLBACK",
                "a cRLNumber above the published list's",
                "a lower one",
                "find out why the CA serves an older list",
            ),
        ),
    ],
)
def test_an_older_list(tmp_path: Path, number: int, seconds: int, said: tuple[str, str, str, str]) -> None:
    """By thisUpdate, by an equal number, by a lower number: each says which, and nothing of the list."""
    writer = published(tmp_path)
    authorities, authority = world()
    later = T0 + DAY * seconds / 86_400
    lists = {scope(authority, 1): accepted({5: 1}, number=number, this_update=later)}
    with pytest.raises(InputRefused) as refused:
        writer.publish(lists, authorities, now=T0)
    assert words(refused.value) == said


@pytest.mark.parametrize(("number", "seconds"), [(8, 0), (None, 0), (None, 1)])
def test_a_list_that_is_not_older(tmp_path: Path, number: int | None, seconds: int) -> None:
    """The same thisUpdate is not an earlier one; without a number only thisUpdate can tell (tolerated)."""
    writer = published(tmp_path)
    authorities, authority = world()
    later = T0 + DAY * seconds / 86_400
    lists = {scope(authority, 1): accepted({5: 1}, number=number, this_update=later)}
    assert writer.publish(lists, authorities, now=T0).seq == 2


def test_nothing_to_publish(tmp_path: Path) -> None:
    """No list at all."""
    authorities, _ = world()
    with pytest.raises(InputRefused) as refused:
        store(tmp_path).publish({}, authorities, now=T0)
    assert words(refused.value) == (
        "NOTHING_TO_PUBLISH",
        "at least one accepted list",
        "none",
        "fetch again later",
    )


def test_lists_that_nobody_approved(tmp_path: Path) -> None:
    """How many, and no more: a partition is a municipality."""
    authorities, authority = world()
    lists = {replace(scope(authority, 1), partition_number=number): accepted({}) for number in (8, 9)}
    lists[scope(authority, 1)] = accepted({})
    with pytest.raises(InputRefused) as refused:
        store(tmp_path).publish(lists, authorities, now=T0)
    assert words(refused.value) == (
        "SCOPE_NOT_EXPECTED",
        "lists of the approved partitions and live keys",
        "2 others",
        "approve the partition or the generation first",
    )


def first(name: str) -> Callable[[list[str]], int]:
    return lambda steps: steps.index(name) + 1


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (first("create"), "the new set"),
        (first("sync_folder"), "the new set"),
        (first("commit"), "CURRENT"),
    ],
)
def test_a_disk_that_fails(tmp_path: Path, step: Callable[[list[str]], int], what: str) -> None:
    """What could not be written, the system's own word, what to do; no path."""
    at = step(steps_of_a_publish(tmp_path / "counted"))
    publish(tmp_path, 0)
    with pytest.raises(OutsideFailed) as failed:
        publish(tmp_path, 1, FailingDisk(at, persisted=False, code=errno.ENOSPC))
    assert words(failed.value) == ("PUBLISH_FAILED", f"{what} to be read and written", "ENOSPC", HEAL)


def test_a_disk_that_fails_to_forget(tmp_path: Path) -> None:
    """A leftover that cannot be removed stops the publish before anything is written."""
    publish(tmp_path, 0)
    (tmp_path / ".x.tmp").touch()
    disk = FailingDisk(1, persisted=False)
    with pytest.raises(OutsideFailed) as failed:
        publish(tmp_path, 1, disk)
    assert words(failed.value) == (
        "PUBLISH_FAILED",
        "the snapshot folder to be read and written",
        "EIO",
        HEAL,
    )
    assert disk.steps == ["remove"]


def test_a_second_publisher(tmp_path: Path) -> None:
    """It says what to do: wait."""
    publish(tmp_path, 0)
    with folder_lock(tmp_path / LOCK), pytest.raises(OutsideFailed) as locked:
        publish(tmp_path, 1)
    assert words(locked.value) == (
        "PUBLISH_LOCKED",
        "one publisher for each snapshot folder",
        "another process that is publishing",
        "wait for the other night to end, then run again",
    )


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    """A folder stands in its place."""
    publish(tmp_path, 0)
    (tmp_path / LOCK).unlink()
    (tmp_path / LOCK).mkdir()
    with pytest.raises(OutsideFailed) as failed:
        publish(tmp_path, 1)
    assert words(failed.value) == ("LOCK_FAILED", "the folder's lock to be read and written", "EISDIR", HEAL)
