"""Status where municipalities merge and partitions close, and where one list serves several keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from revocation.authorities import Authorities, CrlSigning
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
