"""A CA whose newest key signs all lists changes its key: the new one's first list is younger, or none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from revocation.authorities import Authorities, Authority, CrlSigning, ListScope
from revocation.errors import InputRefused
from revocation.snapshot.store import Mark, SnapshotStore, mark_beside
from revocation.status import Status, certificate_status
from tests.revocation.sets import DAY, T0, accepted, identity, store, world

HELD = 5
SECOND = timedelta(seconds=1)
IN_FORCE = accepted({HELD: 6}, number=100, this_update=T0 + DAY)


class World:
    """Generation 1 signed list 100 of day 1, with a hold; from now on generation 2 signs."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.before = replace(authority, generations=authority.generations[:1])
        self.authority = authority
        self.old, self.new = self.before.expected_lists()[0], authority.expected_lists()[0]
        self.store: SnapshotStore = store(folder)
        self.publish(self.before, self.old, {HELD: 6}, number=100, at=T0 + DAY)

    def publish(
        self, view: Authority, one: ListScope, listing: dict[int, int], *, number: int, at: object
    ) -> None:
        found = accepted(listing, number=number, this_update=at)  # type: ignore[arg-type]
        self.store.publish({one: found}, Authorities([view]), now=T0 + DAY + timedelta(hours=1))

    def status(self) -> Status:
        return certificate_status(
            identity(self.authority, HELD),
            authorities=Authorities([self.authority]),
            snapshot=self.store.current(),
            now=T0 + DAY + timedelta(hours=2),
        ).status


@pytest.fixture
def made(tmp_path: Path) -> World:
    _, authority = world(partitions=1, crl_signing=CrlSigning.NEWEST_FOR_ALL, hold_releasable=True)
    return World(tmp_path, authority)


@pytest.mark.parametrize("earlier", [DAY, SECOND, timedelta(0)])
def test_a_new_key_brings_no_older_list(made: World, earlier: timedelta) -> None:
    """Of before, or of the very second of the list in force: refused, and who is on hold stays on hold."""
    assert made.status() is Status.ON_HOLD
    with pytest.raises(InputRefused) as found:
        made.publish(made.authority, made.new, {}, number=101, at=T0 + DAY - earlier)
    assert (found.value.code, found.value.expected, found.value.got, found.value.remedy) == (
        "THIS_UPDATE_ROLLBACK",
        "a thisUpdate after that of the list in force, which another key signed",
        "an earlier one",
        "find out why the CA serves an older list",
    )
    assert made.status() is Status.ON_HOLD
    current = made.store.current()
    assert current is not None
    assert current.seq == 1


def test_numbers_begin_anew_under_a_new_key(made: World) -> None:
    """One second younger, with number 1: taken; from then on its own numbers count, and its times."""
    made.publish(made.authority, made.new, {}, number=1, at=T0 + DAY + SECOND)
    assert made.status() is Status.GOOD
    assert made.store.mark(made.new) == Mark(
        1, T0 + DAY + SECOND, accepted({}, number=1, this_update=T0 + DAY + SECOND).source_sha256
    )
    with pytest.raises(InputRefused, match="CRL_NUMBER_REUSED"):
        made.publish(made.authority, made.new, {HELD: 6}, number=1, at=T0 + DAY + 2 * SECOND)


def test_the_mark_of_a_new_key_is_the_time_of_the_list_in_force(made: World) -> None:
    """No number: that was another key's. The old key's mark is as it was, until the new one's list came."""
    digest = IN_FORCE.source_sha256
    assert made.store.mark(made.old) == Mark(100, T0 + DAY, digest)
    assert made.store.mark(made.new) == Mark(None, T0 + DAY, digest)
    made.publish(made.authority, made.new, {}, number=1, at=T0 + 2 * DAY)
    back = made.store.mark(made.old)
    assert back is not None
    assert (back.crl_number, back.this_update) == (None, T0 + 2 * DAY)


def test_the_newest_list_counts_also_under_another_number(made: World) -> None:
    """The partition's number changed with the key, so a set has a list of each: none goes below the newer."""
    (one,) = made.authority.partitions
    moved = replace(made.authority, partitions=(replace(one, number=2),))
    new = moved.expected_lists()[0]
    made.publish(moved, new, {HELD: 6}, number=1, at=T0 + 2 * DAY)
    current = made.store.current()
    assert current is not None
    assert {scope.partition_number: state.crl_number for scope, state in current.lists.items()} == {
        1: 100,
        2: 1,
    }
    mark, back = made.store.mark(new), made.store.mark(made.old)
    assert mark is not None
    assert back is not None
    assert (mark.crl_number, mark.this_update) == (1, T0 + 2 * DAY)
    assert (back.crl_number, back.this_update) == (100, T0 + 2 * DAY)
    with pytest.raises(InputRefused, match="THIS_UPDATE_ROLLBACK"):
        made.publish(made.before, made.old, {}, number=101, at=T0 + 2 * DAY)
    made.publish(made.before, made.old, {}, number=101, at=T0 + 2 * DAY + SECOND)


def test_where_each_key_signs_its_own_marks_are_its_own(tmp_path: Path) -> None:
    """Another generation's younger list of the same distribution point is no mark of this one."""
    authorities, authority = world(partitions=1)
    first, second = authority.expected_lists()
    found = store(tmp_path)
    found.publish({first: accepted({}, number=7, this_update=T0 + DAY)}, authorities, now=T0 + DAY)
    assert found.mark(second) is None
    found.publish({second: accepted({}, number=3, this_update=T0)}, authorities, now=T0 + DAY)
    mark = found.mark(second)
    assert mark is not None
    assert (mark.crl_number, mark.this_update) == (3, T0)


def test_the_later_of_two_keys_lists_counts() -> None:
    """Its time and hash with the key's own number; at the same time the key's own; of none, none."""
    own, other = Mark(7, T0, b"own"), Mark(2, T0 + SECOND, b"other")
    assert mark_beside(own, other) == Mark(7, T0 + SECOND, b"other")
    assert mark_beside(None, other) == Mark(None, T0 + SECOND, b"other")
    assert mark_beside(other, own) is other
    assert mark_beside(own, replace(other, this_update=T0)) is own
    assert mark_beside(own, None) is own
    assert mark_beside(None, None) is None
