"""When a hold that no list names ends: only by the words of everybody who could still name it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from revocation.authorities import Authorities, ListScope
from revocation.clock import jst_day
from revocation.snapshot.current import Snapshot
from revocation.status import Status, certificate_status
from tests.revocation.sets import DAY, T0, accepted, every_list, identity, store, world

HELD, REVOKED = 5, 6
HOUR = timedelta(hours=1)


class World:
    """A CA with partitions 1 to 3; HELD is on hold and REVOKED revoked in partition 1."""

    def __init__(self, folder: Path, *, releasable: bool = True) -> None:
        self.store = store(folder)
        _, self.authority = world(partitions=3, hold_releasable=releasable)
        self.publish(0, {HELD: 6, REVOKED: 1})

    def publish(self, day: int, first: dict[int, int], *, without: tuple[int, ...] = ()) -> Snapshot:
        """The lists of a day, but for those of generation 1 ``without``; ``first`` is partition 1's."""
        at = T0 + day * DAY
        lists = every_list(self.authority, day)
        if self.scope(1) in lists:
            lists[self.scope(1)] = accepted(first, number=day + 1, this_update=at)
        for number in without:
            lists.pop(self.scope(number))
        self.held = self.store.publish(lists, Authorities([self.authority]), now=at)
        return self.held

    def scope(self, number: int) -> ListScope:
        lineage, partition = self.authority.lineages()[0], self.authority.partition(number)
        assert partition is not None
        return ListScope(lineage, lineage.key_id, number, partition.point_sha256)

    def close(self, number: int, day: date, successor: int | None) -> None:
        self.authority = replace(
            self.authority,
            partitions=tuple(
                replace(one, closed=day, successor=successor) if one.number == number else one
                for one in self.authority.partitions
            ),
        )

    def status(self, day: int, serial: int = HELD, partition: int | None = 1) -> Status:
        return certificate_status(
            identity(self.authority, serial),
            authorities=Authorities([self.authority]),
            snapshot=self.held,
            now=T0 + day * DAY + HOUR,
            partition=partition,
        ).status


@pytest.fixture
def made(tmp_path: Path) -> World:
    return World(tmp_path)


def test_where_nobody_is_asked_nobody_ends_a_hold(made: World) -> None:
    """A hold left list 1 while list 2 was away; then the key expires, so none of its lists is expected."""
    made.publish(1, {}, without=(2,))
    assert made.status(1) is Status.ON_HOLD
    key = made.authority.generations[0].key_id
    made.authority = replace(made.authority, expired_keys=frozenset({key}))
    for day, status in (2, Status.ON_HOLD), (3, Status.UNKNOWN):
        made.publish(day, {})
        assert made.status(day) is status
        entry = made.held.lookup(made.scope(1).lineage, identity(made.authority, HELD).serial)
        assert entry is not None
        assert entry.gone


def lookup(made: World, serial: int = HELD) -> tuple[bool, int, bool] | None:
    """Gone, of which partition, marked as left on hold; None: no trace."""
    entry = made.held.lookup(made.scope(1).lineage, identity(made.authority, serial).serial)
    return None if entry is None else (entry.gone, entry.partition_number, entry.left_on_hold)


def test_a_hold_of_a_merged_partition_ends_by_its_successors_list(made: World) -> None:
    """The successor's list of the very day of the merger does not name it; what was final stays revoked."""
    made.close(1, jst_day(T0 + DAY), 2)
    made.publish(1, {})
    assert lookup(made) is None
    for partition in (None, 1, 2):
        assert made.status(1, HELD, partition) is Status.GOOD
        assert made.status(9, REVOKED, partition) is Status.REVOKED
    assert lookup(made, REVOKED) == (False, 1, False)
    made.publish(2, {})
    assert lookup(made, REVOKED) == (False, 1, False)


def test_a_successors_list_from_before_the_merger_ends_no_hold(made: World) -> None:
    """It knows nothing of whom it takes over: listed or gone, the hold stays until it has spoken since."""
    made.close(1, jst_day(T0 + 2 * DAY), 2)
    made.publish(1, {})
    assert lookup(made) == (False, 1, False)
    assert made.status(1) is Status.ON_HOLD
    made.publish(2, {})
    assert lookup(made) is None
    assert made.status(2) is Status.GOOD


def test_what_left_before_a_merger_is_not_released_by_older_lists(made: World) -> None:
    """The hold left list 1 while list 2 was away. All open lists speak then, but 2's not yet for 1's."""
    made.publish(1, {}, without=(2,))
    made.close(1, jst_day(T0 + 3 * DAY), 2)
    made.publish(2, {})
    assert lookup(made) == (True, 1, True)
    made.publish(3, {})
    assert lookup(made) is None


def test_a_hold_that_left_by_a_merger_is_gone_while_a_list_is_away(made: World) -> None:
    """List 3 is carried over: the hold may have moved there. The successor's list says how fresh that is."""
    made.close(1, jst_day(T0 + DAY), 2)
    made.publish(1, {}, without=(3,))
    assert lookup(made) == (True, 1, True)
    assert [made.status(day) for day in (1, 2, 3)] == [Status.ON_HOLD, Status.ON_HOLD, Status.UNKNOWN]
    made.publish(2, {}, without=(2,))
    assert lookup(made) == (True, 1, True)
    made.publish(3, {})
    assert lookup(made) is None


def test_a_hold_of_a_ca_that_ends_none_goes_with_the_merger(tmp_path: Path) -> None:
    """Gone and marked, and on hold for as long as the successor's list is in force."""
    made = World(tmp_path, releasable=False)
    made.close(1, jst_day(T0 + DAY), 2)
    for day in (1, 2, 3):
        made.publish(day, {})
        assert lookup(made) == (True, 1, True)
        assert made.status(day) is Status.ON_HOLD


def test_a_partition_that_closed_for_nobody_keeps_its_holds(made: World) -> None:
    """Without a successor no list speaks for it, so nobody says that the hold ended."""
    made.close(1, jst_day(T0 + DAY), None)
    made.publish(1, {})
    assert lookup(made) == (False, 1, False)
    assert made.status(1) is Status.ON_HOLD
    assert made.status(3) is Status.UNKNOWN


def test_a_hold_moves_on_along_a_chain_of_mergers(made: World) -> None:
    """1 went into 2, and 2 into 3: the list of 2 ends no hold before it spoke, that of 3 ends both's."""
    made.close(1, jst_day(T0 + DAY), 2)
    made.close(2, jst_day(T0 + 2 * DAY), 3)
    made.publish(1, {})
    assert lookup(made) == (False, 1, False)
    made.publish(2, {})
    assert lookup(made) is None
