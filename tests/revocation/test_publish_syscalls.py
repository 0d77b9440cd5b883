"""A publish is killed, and made to fail, at its system calls themselves, by strace: nothing of ours between.

``test_publish_failures.py`` cuts at our own durable steps; this cuts wherever the kernel is asked anything.
The folder begins with what a killed publish left, so that its collection is cut as well.
"""

from __future__ import annotations

import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.revocation.children import DONE, REFUSED
from tests.revocation.disks import publish, small_world
from tests.revocation.sets import check_folder, reader
from tests.revocation.traced import calls_of, traced, why_not

#: No publish makes as many; without it a fault of the loop would be an endless one.
MOST_CALLS = 2_000


class Cut(NamedTuple):
    """How one publish ended."""

    code: int
    answer: str
    committed: bool
    #: Names of temporary files, before the next publish.
    temporary: list[str]


class Night:
    """A folder with set 1 and leftovers; set 2 is published into copies of it."""

    def __init__(self, folder: Path) -> None:
        if reason := why_not():
            pytest.skip(reason)
        self.folder = folder
        self.start, whole = folder / "start", folder / "whole"
        publish(self.start, 0)
        self.old = self.published(self.start)
        self.files_of_old = {path.name for path in self.start.iterdir()}
        shutil.copytree(self.start, whole)
        publish(whole, 1)
        self.new = self.published(whole)
        _, authority = small_world()
        self.lineages = authority.lineages()
        self.leftovers = [".CURRENT.00.tmp", "00000002.manifest", f"{self.lineages[0]}.00000002.index"]
        for name in self.leftovers:
            (self.start / name).write_bytes(b"half")

    @staticmethod
    def published(folder: Path) -> tuple[int, str]:
        """What a restart finds: a fresh store, every file of every set verified whole."""
        snapshot = reader(folder).current()
        assert snapshot is not None
        assert not snapshot.superseded
        check_folder(folder, range(1, snapshot.seq + 1))
        return snapshot.seq, snapshot.manifest.sha256

    def calls(self) -> Counter[str]:
        folder = Path(shutil.copytree(self.start, self.folder / "counted"))
        found = calls_of(lambda: publish(folder, 1), self.folder / "log")
        shutil.rmtree(folder)
        return found

    def cut(self, name: str, injection: str, log: Path | None = None) -> Cut:
        """One publish with this injection; then a restart, and the next night, which heals everything."""
        folder = Path(shutil.copytree(self.start, self.folder / "cut"))
        options = ("-y", "-e", f"trace={name}", "-e", f"inject={name}:{injection}")
        code, answer = traced(lambda: publish(folder, 1), *options, log=log)
        assert str(folder) not in answer
        found = self.published(folder)
        assert found in (self.old, self.new)
        committed = found == self.new
        temporary = [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]
        assert publish(folder, 2) == found[0] + 1
        assert self.published(folder)[0] == found[0] + 1
        self.check_names(folder, found[0] + 1)
        shutil.rmtree(folder)
        return Cut(code, answer, committed, temporary)

    def check_names(self, folder: Path, sets: int) -> None:
        """The files of the sets and nothing else."""
        expected = {"CURRENT", "publish.lock"}
        for seq in range(1, sets + 1):
            expected |= {f"{seq:08}.manifest", *(f"{lineage}.{seq:08}.index" for lineage in self.lineages)}
        assert {path.name for path in folder.iterdir()} == expected


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def kills(night: Night, name: str) -> Iterator[Cut]:
    """Kill at the first, second, ... call of this name, until a publish makes no such call any more."""
    for when in range(1, MOST_CALLS):
        cut = night.cut(name, f"signal=KILL:when={when}")
        if cut.code == DONE:
            assert cut.committed
            return
        assert cut.code == -signal.SIGKILL, cut.answer
        yield cut
    raise AssertionError("the publish makes more calls than there can be")


@pytest.mark.slow
def test_t19_sigkill_at_every_system_call(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    """Every call by name and number: old set or new, whole; nothing left after the next night."""
    names = night.calls()
    cuts = [cut for name in names for cut in kills(night, name)]
    new = sum(cut.committed for cut in cuts)
    with capsys.disabled():
        kinds = ", ".join(f"{count} {name}" for name, count in names.most_common())
        print(f"\nkilled at each of {len(cuts)} system calls ({kinds}):")  # noqa: T201
        print(f"{len(cuts) - new} times the old set, {new} times the new one, no third")  # noqa: T201
    assert len(cuts) == names.total()
    assert 5 <= new < len(cuts) / 2


@pytest.mark.parametrize(
    ("name", "when", "committed"),
    [
        ("openat", 1, False),
        ("unlink", 3, False),  # the leftovers of the night before are half collected
        ("write", 2, False),
        ("fsync", 1, False),
        ("rename", 1, False),  # of the first index file
        ("fsync", 3, False),
        ("rename", 3, False),  # of the manifest
        ("fsync", 4, False),  # of the folder
        ("rename", 4, False),  # of CURRENT: killed at its door, not committed
        ("fsync", 6, True),  # of the folder, after the commit
        ("exit_group", 1, True),
    ],
)
def test_t19_sigkill_at_some_system_calls(night: Night, name: str, when: int, committed: bool) -> None:
    """A sample of the slow test above, with what each must leave: old or new, and nothing after a night."""
    cut = night.cut(name, f"signal=KILL:when={when}")
    assert (cut.code, cut.committed) == (-signal.SIGKILL, committed)


# --- calls that fail ---

#: The calls that reach the disk; ENOSPC where a disk may be full, EIO everywhere.
DISK_CALLS = (
    "openat",
    "read",
    "write",
    "fsync",
    "rename",
    "unlink",
    "getdents64",
    "newfstatat",
    "flock",
    "close",
)


def check_failed_call(cut: Cut, error: str) -> None:
    """It was overcome and the publish went on to its end, or it was told in one sentence with its code."""
    if cut.code == DONE:
        assert cut.committed
    else:
        assert cut.code == REFUSED, cut.answer
        # Python asks about a descriptor twice, and says EINVAL where the first answer was an error.
        assert re.match(rf"(PUBLISH|LOCK)_FAILED: expected .*; got ({error}|EINVAL); .*", cut.answer), (
            cut.answer
        )


@pytest.mark.slow
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EMFILE"])
def test_t22_an_error_of_every_system_call(
    night: Night, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each call that reaches the disk fails once: one sentence or none, old set or new, healed by a night."""
    calls = night.calls()
    outcome: Counter[str] = Counter()
    for name in DISK_CALLS:
        assert calls[name]
        for when in range(1, calls[name] + 1):
            cut = night.cut(name, f"error={error}:when={when}")
            check_failed_call(cut, error)
            # Its own temporary files go at once, unless it is their removal that failed; those of the night
            # before, where it came so far.
            assert name == "unlink" or set(cut.temporary) <= set(night.leftovers)
            outcome[f"{'new' if cut.committed else 'old'} set, {'told' if cut.code else 'overcome'}"] += 1
    with capsys.disabled():
        print(f"\n{error} at {outcome.total()} calls: {dict(outcome)}")  # noqa: T201


@pytest.mark.parametrize("when", range(1, 6))
def test_t21_fsync_eio(night: Night, when: int) -> None:
    """EIO once, and every later fsync would succeed: the run fails all the same, its file is thrown away
    and not synced again, nothing is published."""
    log = night.folder / "log"
    cut = night.cut("fsync", f"error=EIO:when={when}", log)
    assert cut.code == REFUSED
    assert cut.answer.startswith("PUBLISH_FAILED: ")
    assert "got EIO" in cut.answer
    assert not cut.committed
    assert cut.temporary == []
    assert len(re.findall(r"fsync\(", log.read_text())) == when


def test_t21_fsync_eio_after_the_commit(night: Night) -> None:
    """The folder's last fsync: readers see the new set already, so CURRENT is written anew and synced."""
    log = night.folder / "log"
    cut = night.cut("fsync", "error=EIO:when=6", log)
    assert (cut.code, cut.committed, cut.temporary) == (DONE, True, [])
    synced = re.findall(r"fsync\(\d+<([^>]+)>", log.read_text())
    assert [path.endswith(".tmp") for path in synced[-3:]] == [False, True, False]
    # Never twice the same file: what failed once proves nothing by succeeding later.
    files = [path for path in synced if path.endswith(".tmp")]
    assert len(set(files)) == len(files)


def test_t21_fsync_eio_for_good_after_the_commit(night: Night) -> None:
    """It never succeeds again: told, though the new set is what readers see, and what a restart finds."""
    cut = night.cut("fsync", "error=EIO:when=6+")
    assert (cut.code, cut.committed) == (REFUSED, True)
    assert cut.answer.startswith("PUBLISH_FAILED: expected CURRENT ")


@pytest.mark.parametrize(
    ("name", "when", "error"),
    [
        ("openat", 11, "ENOSPC"),
        ("write", 1, "ENOSPC"),
        ("write", 4, "ENOSPC"),
        ("rename", 4, "EIO"),
        ("read", 4, "EIO"),
    ],
)
def test_t22_an_error_of_some_system_calls(night: Night, name: str, when: int, error: str) -> None:
    """A sample of the slow test above: told, not committed, no temporary file stays."""
    cut = night.cut(name, f"error={error}:when={when}")
    check_failed_call(cut, error)
    assert (cut.code, cut.committed, cut.temporary) == (REFUSED, False, [])
