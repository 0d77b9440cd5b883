"""Status where municipalities merge and partitions close, and where one list serves several keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from revocation.authorities import Authorities, CrlSigning
from revocation.coverage import coverage_of
from revocation.status import CertificateStatus, Status, UnknownReason, certificate_status
from tests.revocation.sets import (
    DAY,
    T0,
    accepted,
    every_list,
    identity,
    scope,
    store,
    world,
)
from tests.revocation.status_world import (
    GONE,
    HELD,
    NOW,
    OTHER_PARTITION,
    REVOKED,
    UNLISTED,
    World,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("sets"), serial_ceiling=1000)


# --- mergers, modes ---


def test_a_merged_municipality_is_covered_by_its_successor(made: World) -> None:
    """Partition 2 closed into 1: its certificates are covered by list 1, and 2 is needed no longer."""
    merged = replace(
        made.authority,
        partitions=(
            made.authority.partitions[0],
            replace(made.authority.partitions[1], closed=date(2026, 11, 20), successor=1),
        ),
    )
    at = T0 + DAY  # list 2 is past its nextUpdate
    status = made.ask(UNLISTED, at=at, partition=2, authorities=Authorities([merged]))
    assert status.status is Status.GOOD
    assert status.evidence is not None
    assert status.evidence.crl_number == 11
    assert made.ask(UNLISTED, at=at, authorities=Authorities([merged])).status is Status.GOOD
    assert made.ask(OTHER_PARTITION, at=at, authorities=Authorities([merged])).status is Status.REVOKED


@pytest.mark.parametrize("early", [timedelta(hours=9, seconds=1), timedelta(hours=9), timedelta(0)])
def test_a_list_from_before_a_merger_does_not_speak_for_the_merged(tmp_path: Path, early: timedelta) -> None:
    """2 goes into 1 on the JST day of T0, and its last list is over. Only a list of 1 from that day, which
    begins nine hours before midnight UTC, makes an unlisted certificate of 2, or of the CA, GOOD.
    """
    _, authority = world()
    merged = replace(authority.partitions[1], closed=date(2026, 11, 20), successor=1)
    authorities = Authorities([replace(authority, partitions=(authority.partitions[0], merged))])
    day = datetime(2026, 11, 20, tzinfo=UTC)
    one = accepted({}, this_update=day - early, lives=4 * DAY)
    two = accepted({}, this_update=day - 2 * DAY, lives=DAY)
    before = Authorities([authority])
    snapshot = store(tmp_path).publish(
        every_list(authority) | {scope(authority, 1): one, scope(authority, 2): two}, before, now=day
    )
    told = early <= timedelta(hours=9)
    for partition in (2, None):
        found = certificate_status(
            identity(authority, UNLISTED),
            authorities=authorities,
            snapshot=snapshot,
            now=day,
            partition=partition,
        )
        assert (found.status is Status.GOOD) is told, partition
        assert told or found.unknown_reason is UnknownReason.PARTITION_STALE


def test_a_chain_of_mergers_needs_every_list_until_the_last_has_spoken(tmp_path: Path) -> None:
    """1 into 2, then 2 into 3. A certificate of 1 needs the list of 3 alone once it is of the last day, those
    of 2 and 3 where only 2 has spoken since the first merger, and all three where none has.
    """
    _, plain = world(partitions=3)
    ends = {1: (date(2026, 11, 20), 2), 2: (date(2026, 11, 21), 3)}
    chained = replace(
        plain,
        partitions=tuple(
            replace(one, closed=ends[one.number][0], successor=ends[one.number][1])
            if one.number in ends
            else one
            for one in plain.partitions
        ),
    )
    lineage = chained.lineages()[0]
    first = datetime(2026, 11, 18, tzinfo=UTC)
    spoken = {}
    for name, days in {"none": (0, 0, 0), "two": (0, 2, 0), "three": (0, 0, 3)}.items():
        lists = {
            scope(plain, number): accepted({}, this_update=first + days[number - 1] * DAY)
            for number in (1, 2, 3)
        }
        snapshot = store(tmp_path / name).publish(lists, Authorities([plain]), now=first)
        covered = coverage_of(chained, lineage, snapshot, 1)
        spoken[name] = sorted(state.partition_number for state in covered.states)
        whole = coverage_of(chained, lineage, snapshot, None)
        assert sorted(state.partition_number for state in whole.states) == spoken[name]
        assert (covered.crl_number is None) is (len(covered.states) > 1)
    assert spoken == {"none": [1, 2, 3], "two": [2, 3], "three": [3]}


def test_a_closed_partition_without_a_successor_is_undetermined(made: World) -> None:
    """Nobody speaks for its certificates. (A successor that does not exist is refused with the authority.)"""
    closed = replace(made.authority.partitions[1], closed=date(2026, 11, 20))
    authorities = Authorities([replace(made.authority, partitions=(made.authority.partitions[0], closed))])
    assert made.ask(UNLISTED, partition=2, authorities=authorities).unknown_reason is (
        UnknownReason.PARTITION_UNDETERMINED
    )


def test_one_list_for_all_generations_covers_each_key(tmp_path: Path) -> None:
    """newest_for_all: a serial listed once is revoked under either key, as there is one lineage."""
    authorities, authority = world(crl_signing=CrlSigning.NEWEST_FOR_ALL)
    lists = every_list(authority) | {scope(authority, 1): accepted({1: 3})}
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    for generation in (0, 1):
        found = [
            certificate_status(
                identity(authority, serial, generation), authorities=authorities, snapshot=snapshot, now=NOW
            ).status
            for serial in (1, UNLISTED)
        ]
        assert found == [Status.REVOKED, Status.GOOD]


def test_a_changed_authority_is_not_answered_from_yesterdays_coverage(made: World) -> None:
    """The lists of a CA are found once for each set and authority, and anew for a new configuration."""
    assert made.ask(UNLISTED).status is Status.GOOD
    grown = replace(
        made.authority,
        partitions=(
            *made.authority.partitions,
            replace(made.authority.partitions[0], number=3, distribution_point=b"\x86\x01x"),
        ),
    )
    assert made.ask(UNLISTED, authorities=Authorities([grown])).unknown_reason is UnknownReason.NO_CRL
    assert made.ask(UNLISTED).status is Status.GOOD


def test_what_is_gone_from_a_merged_municipality_is_answered_by_its_successor(tmp_path: Path) -> None:
    """Partition 2 had it, and closed into 1: revoked by list 1's times, so that OCSP goes on signing it; what
    list 2 itself still lists stands by list 2. Without a successor its own old list is all there is."""
    authorities, authority = world()
    one, two = scope(authority, 1), scope(authority, 2)
    writer = store(tmp_path)
    writer.publish(
        every_list(authority) | {two: accepted({GONE: 3, HELD: 6, REVOKED: 4})}, authorities, now=T0
    )
    lists = every_list(authority, 1, lives=DAY) | {
        two: accepted({REVOKED: 4}, number=22, this_update=T0 + DAY, lives=DAY)
    }
    writer.publish(lists, authorities, now=T0 + DAY)
    later = {one: accepted({}, number=33, this_update=T0 + 2 * DAY)}
    snapshot = writer.publish(later, authorities, now=T0 + 2 * DAY)

    def ask(serial: int, successor: int | None) -> CertificateStatus:
        closed = replace(authority.partitions[1], closed=date(2026, 11, 20), successor=successor)
        merged = replace(authority, partitions=(authority.partitions[0], closed))
        return certificate_status(
            identity(authority, serial),
            authorities=Authorities([merged]),
            snapshot=snapshot,
            now=T0 + 2 * DAY,
        )

    for serial, successor, status, number in (
        (GONE, 1, Status.REVOKED, 33),
        (GONE, None, Status.REVOKED, 22),
        (HELD, 1, Status.ON_HOLD, 33),
        (HELD, None, Status.UNKNOWN, 22),
        (REVOKED, 1, Status.REVOKED, 22),
    ):
        found = ask(serial, successor)
        assert found.evidence is not None
        assert (found.status, found.evidence.crl_number) == (status, number), (serial, successor)
        assert found.evidence.coverage == "list"
