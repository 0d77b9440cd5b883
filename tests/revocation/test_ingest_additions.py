"""What the report of a cycle says of newly listed certificates, and whether files were compared for it."""

from __future__ import annotations

from typing import Any

import pytest

import revocation.ingest
from revocation.ingest import Outcome
from revocation.ingest_report import new_by_reason
from revocation.rounds import Patience
from revocation.snapshot.current import Snapshot
from revocation.snapshot.store import SnapshotStore
from tests.pki import T0, entry
from tests.revocation.nights import DAY, KEY, Hours, Night, thread
from tests.revocation.sets import accepted


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sets that were compared whole with the first one."""
    sets: list[int] = []

    def noting(before: Snapshot | None, after: Snapshot | None) -> dict[str, int]:
        assert after is not None
        sets.append(after.seq)
        return new_by_reason(before, after)

    monkeypatch.setattr(revocation.ingest, "new_by_reason", noting)
    return sets


def listed(*serials: int, reason: int = 3) -> list[bytes]:
    return [entry(serial, reason=reason) for serial in serials]


async def test_a_usual_night_compares_no_files(night: Night, compared: list[int]) -> None:
    """The first night does; then additions, a new reason, a move and one that left do not; a return does."""
    one, two = night.scopes[:2]
    await thread(night.serve, 0, {one: listed(1, 2, 3, 4), two: listed(10)})
    assert (await night.run()).new_by_reason == {"affiliationChanged": 5}
    assert compared == [1]
    await thread(night.serve, 1, {one: listed(2, 9) + listed(3, reason=1), two: listed(4, 10, 11 << 90)})
    assert (await night.run()).new_by_reason == {"affiliationChanged": 2}
    await thread(night.serve, 2, {one: listed(2, 9), two: listed(10, 4) + listed(12, reason=5)})
    assert (await night.run()).new_by_reason == {"cessationOfOperation": 1}
    await thread(night.serve, 3, {one: listed(2), two: listed(10, 4)})
    report = await night.run()
    assert (report.set_seq, report.new_by_reason) == (4, {})
    assert compared == [1]
    await thread(night.serve, 4, {one: listed(1, 2), two: listed(10, 4)})
    assert (await night.run()).new_by_reason == {}
    assert compared == [1, 5]


async def test_a_late_set_is_counted_with_the_one_before(night: Night, compared: list[int]) -> None:
    """Both by their changes, against the set that the cycle began with."""
    one, two = night.scopes[:2]
    await thread(night.serve, 0, {one: listed(1), two: listed(10)})
    await night.run()
    await thread(night.serve, 1, {two: listed(10, 11)})
    await thread(night.file(one).unlink)
    late = night.der(one, 1, listed(1, 2) + listed(3, reason=4))
    timer = Hours({2: lambda: night.file(one).write_bytes(late)})
    report = await night.run(patience=Patience(wait_s=30, late_s=60, poll_s=30), timer=timer)
    assert [one.set_seq for one in report.sets] == [2, 3]
    assert report.new_by_reason == {"affiliationChanged": 2, "superseded": 1}
    assert compared == [1]


async def test_lists_read_whole_are_compared(night: Night, compared: list[int]) -> None:
    """Where nobody noted what the set before was made of."""
    one = night.scopes[0]
    await thread(night.serve, 0, {one: listed(1)})
    await night.run()
    await thread((night.archive.folder / "familiar.json").unlink)
    await thread(night.serve, 1, {one: listed(1, 2)})
    assert (await night.run()).new_by_reason == {"affiliationChanged": 1}
    assert compared == [1, 2]


async def test_a_process_that_publishes_in_between(night: Night, compared: list[int]) -> None:
    """After the lists were told and before they are published: its additions are counted as well."""
    one, two = night.scopes[:2]
    await thread(night.serve, 0, {one: listed(1), two: listed(10)})
    await night.run()
    publish = night.store.publish

    def second(*arguments: Any, **settings: Any) -> Snapshot:
        other = SnapshotStore(night.store.folder, publisher_key=KEY)
        theirs = {two: accepted({10: 3, 20: 4}, number=2, this_update=T0 + DAY)}
        other.publish(theirs, night.authorities, now=T0 + DAY)
        return publish(*arguments, **settings)

    night.store.publish = second  # type: ignore[method-assign]
    await thread(night.serve, 2, {one: listed(1, 2), two: listed(10)})
    report = await night.run()
    assert (report.outcome, report.set_seq) == (Outcome.PUBLISHED, 3)
    # Theirs left with today's list, and is gone now: the set that the cycle began with did not know it.
    assert report.new_by_reason == {"affiliationChanged": 1, "superseded": 1}
    assert compared == [1, 3]
