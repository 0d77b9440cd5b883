"""A partition number that means another distribution point than when its list was accepted: no such list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from revocation.authorities import Authorities, Authority
from revocation.errors import InputRefused
from revocation.index.layout import ListPresence
from revocation.metrics import Freshness, set_freshness
from revocation.snapshot.current import Snapshot
from revocation.status import CertificateStatus, Status, UnknownReason, certificate_status
from tests.revocation.sets import DAY, T0, accepted, every_list, identity, scope, store, world

NOW = T0 + timedelta(hours=6)
REVOKED, HELD, UNLISTED = 1, 2, 9


def swapped(authority: Authority) -> Authority:
    """Partitions 1 and 2 with each other's distribution point."""
    one, two = authority.partitions
    return replace(
        authority,
        partitions=(
            replace(one, distribution_point=two.distribution_point),
            replace(two, distribution_point=one.distribution_point),
        ),
    )


class World:
    def __init__(self, folder: Path) -> None:
        self.authorities, self.authority = world()
        self.store = store(folder)
        self.one, self.two = scope(self.authority, 1), scope(self.authority, 2)
        lists = every_list(self.authority) | {
            self.one: accepted({REVOKED: 3, HELD: 6}, number=5),
            self.two: accepted({}, number=7),
        }
        self.snapshot = self.store.publish(lists, self.authorities, now=T0)
        self.renumbered = swapped(self.authority)


def ask(
    authority: Authority,
    snapshot: Snapshot,
    serial: int,
    partition: int | None = None,
    at: timedelta = NOW - T0,
) -> CertificateStatus:
    return certificate_status(
        identity(authority, serial),
        authorities=Authorities([authority]),
        snapshot=snapshot,
        now=T0 + at,
        partition=partition,
    )


@pytest.fixture
def made(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("partition", [None, 1, 2])
def test_another_municipalitys_list_covers_nobody(made: World, partition: int | None) -> None:
    """Before the next fetch the lists of swapped numbers count as absent: NO_CRL, by status and figures."""
    assert ask(made.authority, made.snapshot, UNLISTED, partition).status is Status.GOOD
    status = ask(made.renumbered, made.snapshot, UNLISTED, partition)
    assert (status.status, status.unknown_reason) == (Status.UNKNOWN, UnknownReason.NO_CRL)
    (fresh,) = set_freshness(made.snapshot, Authorities([made.renumbered]), NOW).authorities
    assert fresh.lists[Freshness.ABSENT] == 4
    assert not set_freshness(made.snapshot, Authorities([made.renumbered]), NOW).ready
    assert made.snapshot.lists.get(scope(made.renumbered, 1)) is None


def test_whom_such_a_list_names_stays_revoked(made: World) -> None:
    """REVOKED with its evidence; a hold is not determined."""
    assert ask(made.renumbered, made.snapshot, REVOKED).status is Status.REVOKED
    held = ask(made.renumbered, made.snapshot, HELD)
    assert (held.status, held.last_known) == (Status.UNKNOWN, Status.ON_HOLD)
    assert ask(made.authority, made.snapshot, HELD).status is Status.ON_HOLD


def test_such_a_list_is_not_carried_over(made: World) -> None:
    """Only number 1's new list comes: number 2 is absent, and what either list had is gone, not lost."""
    lists = {scope(made.renumbered, 1): accepted({}, number=8, this_update=T0 + DAY)}
    snapshot = made.store.publish(lists, Authorities([made.renumbered]), now=T0 + DAY)
    assert snapshot.lists[scope(made.renumbered, 2)].state is ListPresence.ABSENT
    at = timedelta(hours=25)
    assert ask(made.renumbered, snapshot, UNLISTED, 1, at).status is Status.GOOD
    assert ask(made.renumbered, snapshot, UNLISTED, 2, at).unknown_reason is UnknownReason.NO_CRL
    assert ask(made.renumbered, snapshot, UNLISTED, None, at).unknown_reason is UnknownReason.NO_CRL
    assert ask(made.renumbered, snapshot, REVOKED, None, at).status is Status.REVOKED
    entry = snapshot.lookup(made.one.lineage, b"\x01")
    assert entry is not None
    assert entry.gone


def test_the_high_water_mark_follows_the_distribution_point(made: World) -> None:
    """Under its new number, too, a list never goes back; the other point's greater number hinders nobody."""
    one, two = scope(made.renumbered, 1), scope(made.renumbered, 2)
    marks = {found: made.store.mark(found) for found in (one, two)}
    assert [mark and mark.crl_number for mark in marks.values()] == [7, 5]
    authorities = Authorities([made.renumbered])
    with pytest.raises(InputRefused, match="CRL_NUMBER_ROLLBACK"):
        made.store.publish({one: accepted({}, number=6, this_update=T0 + DAY)}, authorities, now=T0 + DAY)
    taken = made.store.publish({two: accepted({}, number=6, this_update=T0 + DAY)}, authorities, now=T0 + DAY)
    assert taken.lists[two].crl_number == 6


def test_confirming_such_a_list_does_not_carry_it(made: World) -> None:
    """Only what stands under its own number can be confirmed."""
    one, two = scope(made.renumbered, 1), scope(made.renumbered, 2)
    lists = {one: accepted({}, number=8, this_update=T0 + DAY)}
    authorities = Authorities([made.renumbered])
    snapshot = made.store.publish(lists, authorities, now=T0 + DAY, confirmed=[two])
    assert (snapshot.lists[two].state, snapshot.partial) == (ListPresence.ABSENT, True)


def test_a_partition_taken_off_the_list_speaks_for_nobody(made: World) -> None:
    """Its revoked stay revoked; its holds are not determined."""
    without = replace(made.authority, partitions=made.authority.partitions[1:])
    assert ask(without, made.snapshot, REVOKED).status is Status.REVOKED
    assert ask(without, made.snapshot, HELD).status is Status.UNKNOWN
