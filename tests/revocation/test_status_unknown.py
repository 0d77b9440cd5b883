"""Status where nothing may be said, each reason by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from revocation.authorities import Authorities
from revocation.coverage import CLOCK_TOLERANCE, PARTITION_NOT_APPROVED
from revocation.identity import CertificateIdentity
from revocation.status import Status, UnknownReason, certificate_status
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
    LATER,
    NOW,
    OTHER_PARTITION,
    OVER,
    REVOKED,
    SECOND,
    UNLISTED,
    World,
    said,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("sets"), serial_ceiling=1000)


# --- unknown ---


def test_unknown_issuers(made: World) -> None:
    """No such CA, or a key that is not this CA's: ISSUER_UNKNOWN whatever else is known."""
    known = identity(made.authority, REVOKED)
    for foreign in (
        CertificateIdentity("other-ca", known.issuer_key, known.serial),
        CertificateIdentity(known.ca_id, bytes(32), known.serial),
    ):
        status = certificate_status(
            foreign, authorities=made.authorities, snapshot=made.snapshot, now=NOW, validity=OVER
        )
        assert said(status) == (Status.UNKNOWN, UnknownReason.ISSUER_UNKNOWN)
        assert (status.evidence, status.last_known) == (None, None)


@pytest.mark.parametrize("partition", [None, 1])
def test_without_a_set_nothing_is_known(made: World, partition: int | None) -> None:
    """NO_CRL, and no evidence."""
    status = made.ask(UNLISTED, snapshot=None, partition=partition)
    assert (*said(status), status.evidence) == (Status.UNKNOWN, UnknownReason.NO_CRL, None)


@pytest.mark.parametrize("partition", [None, 1])
def test_one_absent_list_leaves_a_serial_without_a_list(tmp_path: Path, partition: int | None) -> None:
    """Absent partition 2: bare serials and its own certificates unknown; partition 1 unaffected."""
    authorities, authority = world()
    lists = every_list(authority)
    del lists[scope(authority, 2)]
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    asked = {
        partition: certificate_status(
            identity(authority, UNLISTED),
            authorities=authorities,
            snapshot=snapshot,
            now=NOW,
            partition=partition,
        )
        for partition in (None, 1, 2)
    }
    assert said(asked[None]) == (Status.UNKNOWN, UnknownReason.NO_CRL)
    assert asked[None].last_known is None
    assert said(asked[2]) == (Status.UNKNOWN, UnknownReason.NO_CRL)
    assert said(asked[1]) == (Status.GOOD, None)


def test_one_expired_partition(made: World) -> None:
    """No serial-only GOOD for the CA, the other partition unaffected, its own certificates stale."""
    at = T0 + DAY
    bare = made.ask(UNLISTED, at=at)
    assert (*said(bare), bare.last_known) == (Status.UNKNOWN, UnknownReason.PARTITION_STALE, Status.GOOD)
    own = made.ask(UNLISTED, at=at, partition=2)
    assert (*said(own), own.last_known) == (Status.UNKNOWN, UnknownReason.STALE, Status.GOOD)
    assert made.ask(UNLISTED, at=at, partition=1).status is Status.GOOD
    assert made.ask(UNLISTED, at=at, generation=1).status is Status.GOOD
    assert made.ask(OTHER_PARTITION, at=at).status is Status.REVOKED


def test_next_update_is_the_first_moment_that_is_too_late(made: World) -> None:
    """T05: good one second before, unknown at it."""
    assert made.ask(UNLISTED, at=T0 + DAY - SECOND).status is Status.GOOD
    assert made.ask(UNLISTED, at=T0 + DAY).status is Status.UNKNOWN


def test_all_lists_expired_is_stale(made: World) -> None:
    """STALE with what was last known; of a serial that cannot exist nothing is."""
    status = made.ask(UNLISTED, at=T0 + 9 * DAY)
    assert (*said(status), status.last_known) == (Status.UNKNOWN, UnknownReason.STALE, Status.GOOD)
    assert status.evidence is not None
    assert status.evidence.next_update == T0 + DAY
    assert made.ask(1001, at=T0 + 9 * DAY).last_known is None


def test_a_list_without_next_update_never_says_good(tmp_path: Path) -> None:
    """Acceptance refuses such a list; if one came in, it could not be believed for any length of time."""
    authorities, authority = world(partitions=1)
    snapshot = store(tmp_path).publish(every_list(authority, lives=None), authorities, now=T0)
    status = certificate_status(
        identity(authority, UNLISTED), authorities=authorities, snapshot=snapshot, now=NOW
    )
    assert said(status) == (Status.UNKNOWN, UnknownReason.STALE)
    assert status.evidence is not None
    assert status.evidence.next_update is None


def test_a_clock_that_stepped_back_finds_no_list_in_force(made: World) -> None:
    """T28: within five minutes of thisUpdate tolerated, with an age of zero; before that unknown."""
    status = made.ask(UNLISTED, at=T0 - CLOCK_TOLERANCE)
    assert status.status is Status.GOOD
    assert status.evidence is not None
    assert status.evidence.age_s == 0
    assert said(made.ask(UNLISTED, at=T0 - CLOCK_TOLERANCE - SECOND)) == (
        Status.UNKNOWN,
        UnknownReason.STALE,
    )


def test_one_list_from_the_future_keeps_a_bare_serial_from_good(tmp_path: Path) -> None:
    """Every list must be in force: one whose thisUpdate lies ahead is as good as missing."""
    authorities, authority = world()
    ahead = accepted({}, this_update=NOW + CLOCK_TOLERANCE + SECOND)
    lists = every_list(authority) | {scope(authority, 2): ahead}
    snapshot = store(tmp_path).publish(lists, authorities, now=NOW)

    def ask(partition: int | None) -> tuple[Status, UnknownReason | None]:
        asked = identity(authority, UNLISTED)
        return said(
            certificate_status(
                asked, authorities=authorities, snapshot=snapshot, now=NOW, partition=partition
            )
        )

    assert ask(None) == (Status.UNKNOWN, UnknownReason.PARTITION_STALE)
    assert ask(2) == (Status.UNKNOWN, UnknownReason.STALE)
    assert ask(1) == (Status.GOOD, None)


def test_the_callers_max_age_is_honoured(made: World) -> None:
    """To the second; older is UNKNOWN/STALE with its age beside it."""
    assert made.ask(UNLISTED, max_age_s=6 * 3600).status is Status.GOOD
    status = made.ask(UNLISTED, max_age_s=6 * 3600 - 1)
    assert (*said(status), status.last_known) == (Status.UNKNOWN, UnknownReason.STALE, Status.GOOD)
    assert status.evidence is not None
    assert status.evidence.age_s == 6 * 3600


@pytest.mark.parametrize("partition", [PARTITION_NOT_APPROVED, 3, 65535])
def test_a_partition_that_nobody_approved_is_undetermined(made: World, partition: int) -> None:
    """A certificate with a foreign distribution point is not covered by the lists that we do have."""
    assert said(made.ask(UNLISTED, partition=partition)) == (
        Status.UNKNOWN,
        UnknownReason.PARTITION_UNDETERMINED,
    )


@pytest.mark.parametrize("serial", [1001, 1 << 150, 0, -1, -128, -(1 << 159)])
def test_a_serial_that_was_never_issued(made: World, serial: int) -> None:
    """Above the ceiling, zero or negative: NOT_ISSUED with evidence, never GOOD; the ceiling is issued."""
    status = made.ask(serial)
    assert (*said(status), status.last_known) == (Status.UNKNOWN, UnknownReason.NOT_ISSUED, None)
    assert status.evidence is not None
    assert made.ask(1000).status is Status.GOOD


def test_without_a_ceiling_any_serial_may_exist(made: World) -> None:
    """Only the operator knows how far the CA has come."""
    free = Authorities([replace(made.authority, serial_ceiling=None)])
    assert made.ask(1 << 150, authorities=free).status is Status.GOOD
    assert made.ask(1, authorities=free, generation=1).status is Status.GOOD
    assert made.ask(0, authorities=free).status is Status.UNKNOWN
    assert made.ask(-1, authorities=free).status is Status.UNKNOWN


@pytest.mark.parametrize("snapshot", [True, False])
def test_its_own_dates_hold_without_any_list(made: World, snapshot: bool) -> None:
    """EXPIRED and NOT_YET_VALID come from the certificate; evidence is what there is."""
    options: dict[str, Any] = {} if snapshot else {"snapshot": None}
    assert made.ask(UNLISTED, at=T0 + 9 * DAY, validity=OVER, **options).status is Status.EXPIRED
    status = made.ask(UNLISTED, validity=LATER, **options)
    assert (status.status, status.previously_revoked, status.validity_checked) == (
        Status.NOT_YET_VALID,
        False,
        True,
    )
    assert (status.evidence is not None) == snapshot
