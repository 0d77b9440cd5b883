"""The file that a running server follows: passing faults, refusals, versions that only rise, the mode."""

from __future__ import annotations

import asyncio
import errno
import io
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from platform_api.authority_rules import require_real
from platform_api.follower import FollowedAuthorities, Follower
from platform_api.logs import make_log
from platform_api.snapshots import CurrentSnapshot
from revocation.authorities import Authorities, Authority, Partition
from revocation.authority_acts import AddAuthority
from revocation.authority_proposals import AuthorityActs
from revocation.authority_rows import row_of
from revocation.clock import FixedClock, jst_day
from revocation.snapshot.store import SnapshotStore
from tests import pki
from tests.base.test_snapshots import FakeSnapshot, FakeStore
from tests.revocation.acting import NOW, REAL_DN, TOLERATE, file_in, partition, two_people

REAL = pki.make_ca(REAL_DN, 2, kind="p256", first_key=20)
TOMORROW = jst_day(NOW) + timedelta(days=1)


def real(*partitions: Partition) -> Authority:
    return REAL.authority(partitions=partitions, kinds={"1.2.392.200149.8.5.1.1.20": "card-sign"})


@dataclass
class Followed:
    """A folder with partitions 1 and 2, where 3 opens tomorrow, and who follows it."""

    folder: Path
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    store: FakeStore = field(default_factory=FakeStore)
    snapshots: CurrentSnapshot = field(default_factory=CurrentSnapshot)
    authorities: FollowedAuthorities = field(default_factory=FollowedAuthorities)
    lines: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.follower = Follower(
            cast(SnapshotStore, self.store),
            self.file,
            self.snapshots,
            self.authorities,
            make_log(self.lines),
            self.clock,
            rule=require_real,
        )

    @property
    def file(self) -> Path:
        return file_in(self.folder)

    def write(self, *more: int) -> None:
        rows = (partition(1), partition(2), partition(3, opened=TOMORROW), *map(partition, more))
        Authorities([real(*rows)]).dump(self.file)

    def look(self) -> set[int]:
        asyncio.run(self.follower.look())
        return {scope.partition_number for scope in self.authorities.expected_lists()}

    @property
    def refused(self) -> list[str]:
        told = [orjson.loads(line) for line in self.lines.getvalue().splitlines()]
        return [one["code"] for one in told if one["event"] == "authorities.refused"]


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    made = Followed(tmp_path)
    made.write()
    return made


class Failing:
    """``Path.stat`` or ``Path.open`` of one file says no for as long as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, method: str, number: int) -> None:
        self.on = False
        real = getattr(Path, method)

        def asked(given: Path, *args: Any, **options: Any) -> Any:
            if self.on and given == path:
                raise OSError(number, "no")
            return real(given, *args, **options)

        monkeypatch.setattr(Path, method, asked)


@pytest.mark.parametrize(("method", "number"), [("open", errno.EMFILE), ("stat", errno.EACCES)])
def test_a_passing_fault_is_tried_again(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, method: str, number: int
) -> None:
    """Told once; the snapshot of that look is adopted, the day applies all the same, and the file is taken
    as soon as it can be read, though it looks as it did before.
    """
    assert followed.look() == {1, 2}
    followed.write(4)
    failing = Failing(monkeypatch, followed.file, method, number)
    failing.on = True
    followed.store.snapshot = FakeSnapshot(7)
    assert followed.look() == {1, 2}
    held = followed.snapshots.current()
    assert held is not None
    assert held.seq == 7
    followed.clock.advance(timedelta(days=1))
    assert followed.look() == {1, 2, 3}
    assert followed.refused == ["AUTHORITIES_UNREADABLE"]
    failing.on = False
    assert followed.look() == {1, 2, 3, 4}


def test_where_the_file_is_gone_the_day_still_applies(followed: Followed) -> None:
    """What is loaded stays, and moves on at midnight; told once. Before there was a file nothing is told."""
    before = Followed(followed.folder / "new")
    assert (before.look(), before.refused) == (set(), [])
    assert followed.look() == {1, 2}
    followed.file.unlink()
    assert followed.look() == {1, 2}
    followed.clock.advance(timedelta(days=1))
    assert followed.look() == {1, 2, 3}
    assert followed.refused == ["AUTHORITIES_UNREADABLE"]


def test_after_a_refusal_the_corrected_file_is_taken(followed: Followed) -> None:
    """A broken file is read once; a fault that comes again after a good one is told again."""
    assert followed.look() == {1, 2}
    for number in (4, 5):
        followed.file.write_text("{broken")
        followed.look()
        followed.look()
        followed.write(number)
        assert followed.look() == {1, 2, number}
    assert followed.refused == ["AUTHORITY_MALFORMED"] * 2


def test_an_older_version_is_refused(tmp_path: Path) -> None:
    """A backup put back: what was loaded goes on, also past midnight; the newest file is taken again."""
    acts = AuthorityActs(file_in(tmp_path))
    rows = row_of(real(partition(1)))
    two_people(acts, AddAuthority(authority=rows))
    older = file_in(tmp_path).read_bytes()
    two_people(acts, TOLERATE)
    newer = file_in(tmp_path).read_bytes()
    followed = Followed(tmp_path)
    followed.look()
    assert followed.authorities.version == 2
    file_in(tmp_path).write_bytes(older)
    for _ in range(2):
        followed.look()
        followed.clock.advance(timedelta(days=1))
    assert (followed.authorities.version, followed.refused) == (2, ["AUTHORITIES_OLDER"])
    assert "restore" not in followed.lines.getvalue()  # texts stay with people, codes go into logs
    file_in(tmp_path).write_bytes(newer + b"\n")
    followed.look()
    assert followed.authorities.version == 2
    assert followed.refused == ["AUTHORITIES_OLDER"]


def test_a_test_ca_is_not_adopted_by_a_live_service(followed: Followed) -> None:
    """The rule of the mode is asked of each CA of each file that comes while it runs."""
    assert followed.look() == {1, 2}
    test = pki.make_ca((("C", "JP"), ("O", "JPKI-TEST")), 1, kind="p256", first_key=25)
    found = [real(partition(1)), test.authority("test-ca")]
    Authorities(found).dump(followed.file)
    assert followed.look() == {1, 2}
    assert followed.refused == ["AUTHORITY_IS_TEST"]
