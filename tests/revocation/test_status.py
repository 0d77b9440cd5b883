"""Status of what is listed, was listed, or is not: good, revoked, on hold, gone; each branch by name."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import revocation
from revocation.changes import ChangeKind, changes_between
from revocation.coverage import PARTITION_NOT_APPROVED
from revocation.status import Status, UnknownReason, Validity, certificate_status
from tests.revocation.sets import (
    DAY,
    T0,
    accepted,
    every_list,
    identity,
    record,
    scope,
    store,
    world,
)
from tests.revocation.status_world import (
    GONE,
    GONE_HELD,
    HELD,
    LATER,
    NOW,
    OTHER_PARTITION,
    OVER,
    REVOKED,
    SECOND,
    UNLISTED,
    WITHIN,
    World,
    said,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("sets"), serial_ceiling=1000)


# --- good ---


def test_an_unlisted_serial_is_good_by_every_list_of_its_ca(made: World) -> None:
    """Serial only: coverage ca, the oldest thisUpdate, the earliest nextUpdate, no single list number."""
    status = made.ask(UNLISTED)
    assert said(status) == (Status.GOOD, None)
    evidence = status.evidence
    assert evidence is not None
    assert (evidence.coverage, evidence.crl_number) == ("ca", None)
    assert (evidence.this_update, evidence.next_update) == (T0, T0 + DAY)
    assert (evidence.set_seq, evidence.snapshot_id) == (2, made.snapshot.snapshot_id)
    assert (evidence.age_s, evidence.method) == (6 * 3600, "crl")
    assert evidence.ingested_at == T0 + timedelta(minutes=3)
    assert not status.validity_checked


def test_a_known_partition_needs_only_its_own_list(made: World) -> None:
    """Coverage partition, with that list's number and times."""
    evidence = made.ask(UNLISTED, partition=1).evidence
    assert evidence is not None
    assert (evidence.coverage, evidence.crl_number, evidence.next_update) == ("partition", 11, T0 + 2 * DAY)


def test_dates_are_looked_at_where_they_are_known(made: World) -> None:
    """GOOD with validity.checked."""
    status = made.ask(UNLISTED, partition=1, validity=WITHIN)
    assert (status.status, status.validity_checked) == (Status.GOOD, True)


def test_both_ends_of_the_validity_are_inside(made: World) -> None:
    """RFC 5280 section 4.1.2.5: notBefore through notAfter, inclusive."""
    validity = Validity(NOW, NOW)
    assert made.ask(UNLISTED, validity=validity).status is Status.GOOD
    assert made.ask(UNLISTED, at=NOW - SECOND, validity=validity).status is Status.NOT_YET_VALID
    assert made.ask(UNLISTED, at=NOW + SECOND, validity=validity).status is Status.EXPIRED


# --- listed ---


@pytest.mark.parametrize("at", [NOW, T0 + 2 * DAY, T0 + 400 * DAY])
@pytest.mark.parametrize("partition", [None, 1, 2, PARTITION_NOT_APPROVED])
def test_revoked_is_said_outright_also_after_next_update(
    made: World, at: datetime, partition: int | None
) -> None:
    """Design 5: only REVOKED outlives its list; whichever partition the caller thought of."""
    status = made.ask(REVOKED, at=at, partition=partition, max_age_s=0)
    assert said(status) == (Status.REVOKED, None)
    assert (status.reason, status.revoked_at, status.previously_revoked) == (3, T0 - 9 * DAY, False)
    assert status.evidence is not None
    assert (status.evidence.coverage, status.evidence.crl_number) == ("list", 11)


def test_listed_in_another_partition_than_the_caller_thinks(made: World) -> None:
    """The list that lists a serial speaks for it."""
    assert made.ask(OTHER_PARTITION, partition=1).status is Status.REVOKED


def test_an_expired_certificate_keeps_its_revocation(made: World) -> None:
    """EXPIRED (previously REVOKED), with reason and date."""
    status = made.ask(REVOKED, validity=OVER)
    assert (status.status, status.previously_revoked, status.reason) == (Status.EXPIRED, True, 3)
    assert status.revoked_at == T0 - 9 * DAY


def test_a_revoked_certificate_that_is_not_yet_valid_is_revoked(made: World) -> None:
    """Revoked before delivery: the listing is the stronger word."""
    assert made.ask(REVOKED, validity=LATER).status is Status.REVOKED


@pytest.mark.parametrize("reason", [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 99, 0xFF])
def test_every_reason_but_hold_is_revoked(tmp_path: Path, reason: int) -> None:
    """Item 67: also 7, removeFromCRL in a complete list, unknown codes and none; the raw code stays."""
    authorities, authority = world(partitions=1)
    lists = every_list(authority) | {scope(authority, 1): accepted(record(1, reason))}
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    status = certificate_status(identity(authority, 1), authorities=authorities, snapshot=snapshot, now=NOW)
    assert (status.status, status.reason) == (Status.REVOKED, reason)


# --- on hold ---


def test_on_hold_while_its_list_is_in_force(made: World) -> None:
    """certificateHold is its own answer."""
    status = made.ask(HELD, at=T0 + 2 * DAY - SECOND)
    assert (*said(status), status.reason, status.last_known) == (Status.ON_HOLD, None, 6, None)


def test_a_hold_is_unknown_after_next_update(made: World) -> None:
    """It may have been released: UNKNOWN/STALE with last_known, never GOOD, never ON_HOLD."""
    status = made.ask(HELD, at=T0 + 2 * DAY)
    assert (*said(status), status.last_known) == (Status.UNKNOWN, UnknownReason.STALE, Status.ON_HOLD)
    assert (status.reason, status.previously_revoked) == (6, False)


def test_a_hold_older_than_the_caller_allows_is_unknown(made: World) -> None:
    """max_age_s holds for everything but a revocation."""
    assert made.ask(HELD, max_age_s=6 * 3600).status is Status.ON_HOLD
    status = made.ask(HELD, max_age_s=6 * 3600 - 1)
    assert (*said(status), status.last_known) == (Status.UNKNOWN, UnknownReason.STALE, Status.ON_HOLD)


@pytest.mark.parametrize("at", [NOW, T0 + 9 * DAY], ids=["in-force", "stale"])
def test_an_expired_hold_was_never_revoked(made: World, at: datetime) -> None:
    """EXPIRED, last known on hold; the certificate's own end needs no list."""
    status = made.ask(HELD, at=at, validity=OVER)
    assert (*said(status), status.previously_revoked, status.last_known) == (
        Status.EXPIRED,
        None,
        False,
        Status.ON_HOLD,
    )


# --- gone ---


def test_gone_from_the_list_is_still_revoked(made: World) -> None:
    """Never 2: nothing is lost on leaving a list; for ever, and with its last reason."""
    for at in (NOW, T0 + 400 * DAY):
        status = made.ask(GONE, at=at)
        assert (status.status, status.reason, status.revoked_at) == (Status.REVOKED, 4, T0 - 20 * DAY)


def test_gone_and_expired_is_expired_previously_revoked(made: World) -> None:
    """The usual cause of leaving a list."""
    status = made.ask(GONE, validity=OVER)
    assert (status.status, status.previously_revoked) == (Status.EXPIRED, True)


def test_a_hold_that_left_where_holds_do_not_end_stays_on_hold(made: World) -> None:
    """An anomaly: on hold while the list is in force, unknown after it, good never."""
    assert made.ask(GONE_HELD).status is Status.ON_HOLD
    assert made.ask(GONE_HELD, at=T0 + 2 * DAY).status is Status.UNKNOWN


def test_a_hold_that_left_where_holds_end_is_good_again(tmp_path: Path) -> None:
    """Phones: released."""
    released = World(tmp_path, hold_releasable=True)
    assert released.ask(GONE_HELD).status is Status.GOOD
    assert released.ask(GONE).status is Status.REVOKED


@pytest.mark.parametrize("how", ["carried", "absent"])
def test_a_hold_that_may_have_moved_is_not_good(tmp_path: Path, how: str) -> None:
    """It left list 1 while list 2 is only carried over or absent: it may be there now. On hold, until every
    open list has spoken."""
    authorities, authority = world(hold_releasable=True)
    one, two = scope(authority, 1), scope(authority, 2)
    writer = store(tmp_path)
    first = every_list(authority, lives=9 * DAY) | {one: accepted({HELD: 6}, lives=9 * DAY)}
    if how == "absent":
        del first[two]
    writer.publish(first, authorities, now=T0)
    lists = {one: accepted({}, number=2, this_update=T0 + DAY, lives=9 * DAY)}
    snapshots = [writer.publish(lists, authorities, now=T0 + DAY)]
    # The other list alone does not prove it either: list 1 is only carried over then.
    lists = {two: accepted({}, number=3, this_update=T0 + 2 * DAY, lives=9 * DAY)}
    snapshots.append(writer.publish(lists, authorities, now=T0 + 2 * DAY))
    lists = {two: accepted({}, number=4, this_update=T0 + 3 * DAY, lives=9 * DAY)}
    snapshots.append(writer.publish(lists, authorities, now=T0 + 3 * DAY, confirmed=[one]))
    found = [
        certificate_status(
            identity(authority, HELD),
            authorities=authorities,
            snapshot=snapshot,
            now=T0 + 3 * DAY,
            partition=1,
        ).status
        for snapshot in snapshots
    ]
    assert found == [Status.ON_HOLD, Status.ON_HOLD, Status.GOOD]
    (change,) = changes_between(snapshots[1], snapshots[2])
    assert (change.kind, change.reason_before, change.reason_after) == (ChangeKind.RELEASED, 6, None)


def test_good_is_said_in_one_function() -> None:
    """Every mention of Status.GOOD that makes an answer lies in certificate_status."""
    folder = Path(revocation.__file__).parent
    makers = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            for call in [node for node in ast.walk(function) if isinstance(node, ast.Call)]:
                name = call.func.id if isinstance(call.func, ast.Name) else ""
                if name == "CertificateStatus" and any("GOOD" in ast.dump(arg) for arg in call.args):
                    makers.add((path.name, function.name))
    assert makers == {("status.py", "certificate_status")}
