"""Who speaks for the certificates of a partition, asked directly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from revocation.authorities import Authority, Partition
from revocation.index.layout import ListPresence, ListState
from revocation.mergers import open_partition, speaking
from tests.revocation.sets import world

#: Midnight of 2026-11-20 in Japan.
MERGER = datetime(2026, 11, 19, 15, tzinfo=UTC)


def _authority(*, successor: int | None = 2) -> Authority:
    _, plain = world()
    one = replace(plain.partitions[0], closed=date(2026, 11, 20), successor=successor)
    return replace(plain, partitions=(one, plain.partitions[1]))


def _numbers(found: list[Partition]) -> list[int]:
    return [partition.number for partition in found]


def _list(this_update: datetime | None) -> ListState:
    presence = ListPresence.ABSENT if this_update is None else ListPresence.ACCEPTED
    return ListState(2, "00" * 32, presence, this_update=this_update, point_sha256=bytes(32))


def test_an_absent_list_of_the_successor_speaks_for_nobody_yet() -> None:
    """Not accepted ever, or a row without a list: both lists are needed, so that nothing is good by one."""
    authority = _authority()
    assert _numbers(speaking(authority, 1, lambda partition: None)) == [2, 1]
    assert _numbers(speaking(authority, 1, lambda partition: _list(None))) == [2, 1]


def test_the_successor_speaks_from_its_first_list_of_the_day_on() -> None:
    """At midnight in Japan, not a second before; only the successor's list is asked for that."""
    authority = _authority()
    asked: list[int] = []

    def of(this_update: datetime) -> list[int]:
        def list_of(partition: Partition) -> ListState:
            asked.append(partition.number)
            return _list(this_update)

        return _numbers(speaking(authority, 1, list_of))

    assert of(MERGER) == [2]
    assert of(MERGER - timedelta(seconds=1)) == [2, 1]
    assert set(asked) == {2}


def test_nobody_speaks_where_the_way_ends() -> None:
    """A number that is not approved, and a partition that closed without a successor."""
    assert speaking(_authority(), 99, lambda partition: None) == []
    ended = _authority(successor=None)
    assert speaking(ended, 1, lambda partition: _list(MERGER)) == []
    assert open_partition(ended, 1) is None
    assert _numbers(speaking(ended, 2, lambda partition: None)) == [2]
