"""Coverage by itself: which lists must speak, what they say together, and when they are in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from revocation.authorities import Authorities, Authority
from revocation.coverage import (
    CLOCK_TOLERANCE,
    PARTITION_NOT_APPROVED,
    Coverage,
    Gap,
    cover_by,
    coverage_of,
    coverage_of_entry,
    list_in_force,
    partitions_unknown,
)
from revocation.index.layout import ListPresence, ListState
from revocation.mergers import open_partition
from revocation.status import Status, UnknownReason, certificate_status
from tests.revocation.sets import DAY, T0, accepted, every_list, identity, scope, store, world

SECOND = timedelta(seconds=1)


def state(
    this_update: datetime | None = T0, next_update: datetime | None = T0 + DAY, *, outdated: bool = False
) -> ListState:
    return ListState(
        1,
        "ab" * 32,
        ListPresence.ACCEPTED,
        crl_number=7,
        this_update=this_update,
        next_update=next_update,
        ingested_at=this_update,
        outdated=outdated,
    )


#: Moments around one list of a day, and whether it is in force.
MOMENTS = [
    (T0 - CLOCK_TOLERANCE - SECOND, False),
    (T0 - CLOCK_TOLERANCE, True),
    (T0, True),
    (T0 + DAY - SECOND, True),
    (T0 + DAY, False),
    (T0 + DAY + SECOND, False),
]


@pytest.mark.parametrize(("at", "in_force"), MOMENTS)
def test_one_list(at: datetime, in_force: bool) -> None:
    """From five minutes before thisUpdate until just before nextUpdate; alone and as a coverage of one."""
    alone = cover_by([state()], "list")
    assert list_in_force(state(), at) == alone.in_force(at) == alone.partly_in_force(at) == in_force


@pytest.mark.parametrize(
    "broken",
    [state(outdated=True), state(this_update=None), state(next_update=None)],
    ids=["outdated", "no-thisUpdate", "no-nextUpdate"],
)
def test_a_list_that_is_never_in_force(broken: ListState) -> None:
    """Overtaken, or without one of its times: neither alone nor with others; with others partly."""
    assert not list_in_force(broken, T0)
    assert not cover_by([broken], "list").in_force(T0)
    both = cover_by([broken, state()], "ca")
    assert (both.in_force(T0), both.partly_in_force(T0)) == (False, True)
    assert not cover_by([broken, broken], "ca").partly_in_force(T0)


def test_several_lists_say_the_least_of_all() -> None:
    """The oldest thisUpdate and ingestion, the newest thisUpdate, the earliest nextUpdate; no one number."""
    first, second = state(T0, T0 + 3 * DAY), state(T0 + DAY, T0 + 2 * DAY)
    for states in ([first, second], [second, first]):
        both = cover_by(states, "ca")
        assert (both.oldest_this_update, both.newest_this_update) == (T0, T0 + DAY)
        assert (both.earliest_next_update, both.oldest_ingested_at) == (T0 + 2 * DAY, T0)
        assert (both.crl_number, both.gap, both.outdated) == (None, None, False)
        assert both.states == (first, second)  # the latest end first
    assert cover_by([first], "partition").crl_number == 7
    lacking = cover_by([first, state(this_update=None)], "ca")
    assert (lacking.oldest_this_update, lacking.newest_this_update, lacking.oldest_ingested_at) == (None,) * 3
    assert cover_by([first, state(next_update=None)], "ca").earliest_next_update is None


def test_no_list_at_all() -> None:
    """Nothing is in force by nothing, and nothing is said of times."""
    nothing = cover_by((), "ca")
    assert (nothing.oldest_this_update, nothing.newest_this_update) == (None, None)
    assert (nothing.earliest_next_update, nothing.oldest_ingested_at, nothing.crl_number) == (None,) * 3
    assert (nothing.in_force(T0), nothing.partly_in_force(T0), nothing.outdated) == (False, False, False)
    assert cover_by((), "list").crl_number is None


def test_partly_in_force_looks_past_a_list_of_a_time_to_come() -> None:
    """The list with the latest end is not in force yet; the next one is. And none when all are over."""
    ahead, now, over = state(T0 + DAY, T0 + 9 * DAY), state(), state(T0 - 2 * DAY, T0 - DAY)
    assert cover_by([over, ahead, now], "ca").partly_in_force(T0)
    assert not cover_by([over, ahead], "ca").partly_in_force(T0)
    assert not cover_by([over, now], "ca").partly_in_force(T0 + DAY)


def shape(coverage: Coverage) -> tuple[str, Gap | None, int]:
    return coverage.kind, coverage.gap, len(coverage.states)


@pytest.fixture
def authority() -> Authority:
    return world()[1]


def test_without_a_set(authority: Authority) -> None:
    """NO_CRL for every approved partition and for bare serials; PARTITION_UNDETERMINED for the others."""
    lineage = authority.lineages()[0]
    assert shape(coverage_of(authority, lineage, None, None)) == ("ca", Gap.NO_CRL, 0)
    assert shape(coverage_of(authority, lineage, None, 2)) == ("partition", Gap.NO_CRL, 0)
    for unknown in (PARTITION_NOT_APPROVED, 3):
        expected = ("partition", Gap.PARTITION_UNDETERMINED, 0)
        assert shape(coverage_of(authority, lineage, None, unknown)) == expected


def test_by_a_set_without_one_list(authority: Authority, tmp_path: Path) -> None:
    """What is there is told, with the gap; an approved partition that the set does not know is one too."""
    authorities, _ = world()
    lineage = authority.lineages()[0]
    lists = every_list(authority) | {scope(authority, 1): accepted({5: 3})}
    del lists[scope(authority, 2)]
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    assert shape(coverage_of(authority, lineage, snapshot, None)) == ("ca", Gap.NO_CRL, 1)
    assert shape(coverage_of(authority, lineage, snapshot, 1)) == ("partition", None, 1)
    assert shape(coverage_of(authority, lineage, snapshot, 2)) == ("partition", Gap.NO_CRL, 0)
    assert shape(coverage_of(authority, lineage, snapshot, 3)) == ("partition", Gap.PARTITION_UNDETERMINED, 0)
    entry = snapshot.lookup(lineage, b"\x05")
    assert entry is not None
    assert shape(coverage_of_entry(authority, lineage, snapshot, entry)) == ("list", None, 1)
    other = replace(authority, partitions=authority.partitions[1:])
    assert shape(coverage_of_entry(other, lineage, snapshot, entry)) == ("list", Gap.NO_CRL, 1)
    closed = replace(authority.partitions[0], closed=date(2026, 11, 1))
    nobody = replace(authority, partitions=(closed,))
    assert shape(coverage_of(nobody, lineage, snapshot, None)) == ("ca", Gap.NO_CRL, 0)


@pytest.mark.parametrize("absent", [False, True])
def test_a_list_that_the_authority_does_not_know_leaves_no_bare_serial_good(
    tmp_path: Path, absent: bool
) -> None:
    """An older authorities file put back knows two partitions, the set three: partitions are never removed,
    so nothing is said of a bare serial; a known partition speaks on, and who is listed stays so.
    """
    (authorities, newer), (_, older) = world(partitions=3), world(partitions=2)
    lineage = newer.lineages()[0]
    lists = every_list(newer) | {scope(newer, 1): accepted({5: 3})}
    if absent:
        del lists[scope(newer, 3)]
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    assert partitions_unknown(newer, lineage, snapshot) == 0
    assert partitions_unknown(older, lineage, snapshot) == 1
    assert shape(coverage_of(older, lineage, snapshot, None)) == ("ca", Gap.PARTITION_UNDETERMINED, 2)
    assert shape(coverage_of(older, lineage, snapshot, 1)) == ("partition", None, 1)

    def ask(serial: int, partition: int | None = None) -> tuple[Status, UnknownReason | None]:
        held = Authorities([older])
        found = certificate_status(
            identity(older, serial), authorities=held, snapshot=snapshot, now=T0, partition=partition
        )
        return found.status, found.unknown_reason

    assert ask(9) == (Status.UNKNOWN, UnknownReason.PARTITION_UNDETERMINED)
    assert ask(9, 1) == (Status.GOOD, None)
    assert ask(5) == (Status.REVOKED, None)


def test_a_closed_partition_with_another_point_is_one_that_is_not_known(
    authority: Authority, tmp_path: Path
) -> None:
    """Nobody's list is missing then, and yet the authority is not the one that the set was made with; a
    lineage that the set does not have is only without lists.
    """
    snapshot = store(tmp_path).publish(every_list(authority), Authorities([authority]), now=T0)
    one, two = authority.partitions
    closed = replace(one, closed=date(2026, 1, 1))
    lineage = authority.lineages()[0]
    ended = replace(authority, partitions=(closed, two))
    assert shape(coverage_of(ended, lineage, snapshot, None)) == ("ca", None, 1)
    other = replace(authority, partitions=(replace(closed, distribution_point=b"\x86\x01x"), two))
    assert shape(coverage_of(other, lineage, snapshot, None)) == ("ca", Gap.PARTITION_UNDETERMINED, 1)
    assert partitions_unknown(other, replace(lineage, key_id="ab" * 32), snapshot) == 0


def test_the_open_partition(authority: Authority) -> None:
    """Itself, its successor's successor, or nobody."""
    one, two = authority.partitions
    three = replace(two, number=3, distribution_point=b"\x86\x01x")
    chained = replace(
        authority,
        partitions=(
            replace(one, closed=date(2026, 1, 1), successor=2),
            replace(two, closed=date(2026, 2, 1), successor=3),
            three,
        ),
    )
    assert [open_partition(chained, number) for number in (1, 2, 3)] == [three] * 3
    assert open_partition(chained, 4) is None
    ended = replace(authority, partitions=(replace(one, closed=date(2026, 1, 1)), two))
    assert open_partition(ended, 1) is None
    assert open_partition(ended, 2) is two


def test_the_lists_of_a_ca_are_found_once_for_each_set(authority: Authority, tmp_path: Path) -> None:
    """With 1,900 partitions it is dear: kept with the set, by lineage, until the configuration is another."""
    authorities, _ = world()
    snapshot = store(tmp_path).publish(every_list(authority), authorities, now=T0)
    first, second = authority.lineages()
    found = coverage_of(authority, first, snapshot, None)
    assert coverage_of(authority, first, snapshot, None) is found
    assert coverage_of(authority, second, snapshot, None) is not found
    assert coverage_of(authority, first, snapshot, None) is found
    assert coverage_of(replace(authority), first, snapshot, None) is not found


@pytest.mark.parametrize(
    "broken",
    [
        state(this_update=None),
        replace(state(), ingested_at=None),
        replace(state(this_update=None), ingested_at=T0),
    ],
    ids=["neither", "no-ingestion", "no-thisUpdate"],
)
def test_a_list_without_its_times_is_no_evidence(
    authority: Authority, tmp_path: Path, broken: ListState
) -> None:
    """No set of ours has one; if one had, nothing could be said by it."""
    authorities = Authorities([authority])
    snapshot = store(tmp_path).publish(every_list(authority), authorities, now=T0)
    snapshot.coverages[authority.lineages()[0]] = (authority, cover_by([state(), broken], "ca"))
    found = certificate_status(identity(authority, 9), authorities=authorities, snapshot=snapshot, now=T0)
    assert (found.status, found.unknown_reason) == (Status.UNKNOWN, UnknownReason.NO_CRL)
    assert (found.evidence, found.last_known) == (None, None)
