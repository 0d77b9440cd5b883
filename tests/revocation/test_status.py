"""Status: each branch by name, and a dictionary that knows better in every small world."""

from __future__ import annotations

import ast
import tempfile
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import revocation
from revocation.authorities import Authorities, Authority, CrlSigning
from revocation.changes import ChangeKind, changes_between
from revocation.coverage import CLOCK_TOLERANCE, PARTITION_NOT_APPROVED
from revocation.identity import CertificateIdentity
from revocation.snapshot.current import Snapshot
from revocation.status import CertificateStatus, Status, UnknownReason, Validity, certificate_status
from tests.revocation.sets import (
    DAY,
    T0,
    Listing,
    accepted,
    every_list,
    identity,
    record,
    scope,
    store,
    world,
)

SECOND = timedelta(seconds=1)
NOW = T0 + timedelta(hours=6)
#: In the first generation's partition 1; serial 9 is in nobody's list.
REVOKED, HELD, GONE, GONE_HELD, OTHER_PARTITION, UNLISTED = 1, 2, 3, 4, 5, 9
WITHIN = Validity(T0 - 30 * DAY, T0 + 1000 * DAY)
OVER = Validity(T0 - 30 * DAY, T0 - DAY)
LATER = Validity(T0 + DAY, T0 + 1000 * DAY)


class World:
    """A set in which partition 2's list ends a day before partition 1's."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.authorities, self.authority = world(**settings)
        writer = store(folder)
        one, two = scope(self.authority, 1), scope(self.authority, 2)
        first: Listing = {REVOKED: (3, T0 - 9 * DAY), HELD: 6, GONE: (4, T0 - 20 * DAY), GONE_HELD: 6}
        before = every_list(self.authority, -1, lives=5 * DAY) | {
            one: accepted(first, number=1, this_update=T0 - DAY)
        }
        writer.publish(before, self.authorities, now=T0 - DAY)
        today = every_list(self.authority, 0, lives=3 * DAY) | {
            one: accepted({REVOKED: (3, T0 - 9 * DAY), HELD: 6}, number=11, lives=2 * DAY),
            two: accepted({OTHER_PARTITION: 1}, number=12, lives=DAY),
        }
        self.snapshot = writer.publish(today, self.authorities, now=T0)

    def ask(self, serial: int, *, at: datetime = NOW, **options: Any) -> CertificateStatus:
        snapshot = options.pop("snapshot", self.snapshot)
        return certificate_status(
            identity(self.authority, serial, options.pop("generation", 0)),
            authorities=options.pop("authorities", self.authorities),
            snapshot=snapshot,
            now=at,
            **options,
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("sets"), serial_ceiling=1000)


def said(status: CertificateStatus) -> tuple[Status, UnknownReason | None]:
    return status.status, status.unknown_reason


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


@pytest.mark.parametrize("serial", [1001, 1 << 150, -1])
def test_a_serial_that_was_never_issued(made: World, serial: int) -> None:
    """Above the ceiling or negative: NOT_ISSUED with evidence, never GOOD; the ceiling itself is issued."""
    status = made.ask(serial)
    assert (*said(status), status.last_known) == (Status.UNKNOWN, UnknownReason.NOT_ISSUED, None)
    assert status.evidence is not None
    assert made.ask(1000).status is Status.GOOD


def test_without_a_ceiling_any_serial_may_exist(made: World) -> None:
    """Only the operator knows how far the CA has come."""
    free = Authorities([replace(made.authority, serial_ceiling=None)])
    assert made.ask(1 << 150, authorities=free).status is Status.GOOD
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


# --- the oracle ---

days = st.integers(-2, 4)
lists = st.fixed_dictionaries(
    {
        "present": st.booleans(),
        "this_update": days,
        "lives": st.integers(1, 4),
        "entries": st.dictionaries(st.integers(1, 6), st.sampled_from([0, 3, 4, 6, 0xFF]), max_size=4),
    }
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nights=st.lists(st.tuples(lists, lists), min_size=1, max_size=3),
    now=st.integers(-2 * 24, 9 * 24),
    partition=st.sampled_from([None, 1, 2, 0]),
    validity=st.sampled_from([None, WITHIN, OVER, LATER]),
    max_age=st.sampled_from([None, 0, 86_400, 10**7]),
    releasable=st.booleans(),
)
def test_against_a_dictionary(
    nights: list[tuple[dict[str, Any], dict[str, Any]]],
    now: int,
    partition: int | None,
    validity: Validity | None,
    max_age: int | None,
    releasable: bool,
) -> None:
    """Nights of two lists, some missing, some stale: the status of every serial is the dictionary's.

    The dictionary keeps for each serial whether it is listed, where, and what it was last; it shares no
    code with the product.
    """
    at = T0 + timedelta(hours=now)
    authorities, authority = world(hold_releasable=releasable)
    model: dict[int, dict[str, Any]] = {}  # partition -> its list in force
    gone: dict[int, tuple[int, int]] = {}  # serial -> (reason, partition)
    snapshot: Snapshot | None = None
    with tempfile.TemporaryDirectory() as folder:
        writer = store(Path(folder))
        for night, pair in enumerate(nights):
            given_lists = {}
            for number, facts in zip((1, 2), pair, strict=True):
                start = T0 + facts["this_update"] * DAY
                older = number in model and start < model[number]["start"]
                if facts["present"] and not older:
                    given_lists[number] = facts | {"start": start, "end": start + facts["lives"] * DAY}
            if not given_lists:
                continue
            snapshot = writer.publish(
                {
                    scope(authority, number): accepted(
                        facts["entries"],
                        number=night + 1,
                        this_update=facts["start"],
                        lives=facts["lives"] * DAY,
                    )
                    for number, facts in given_lists.items()
                },
                authorities,
                now=T0,
            )
            before = _winners(model)
            model |= given_lists
            after = _winners(model)
            # A hold ended only if no list can have taken it over: both spoke this night.
            proved = releasable and len(given_lists) == 2
            gone |= {serial: last for serial, last in before.items() if serial not in after}
            gone = {serial: last for serial, last in gone.items() if not (proved and last[0] == 6)}
            for serial in after:
                gone.pop(serial, None)
        for serial in range(1, 8):
            status = certificate_status(
                identity(authority, serial),
                authorities=authorities,
                snapshot=snapshot,
                now=at,
                partition=partition,
                validity=validity,
                max_age_s=max_age,
            )
            expected = _expected(serial, model, gone, at, partition, validity, max_age)
            assert status.status.value == expected, (serial, model, gone, at)
            assert (status.unknown_reason is None) == (status.status is not Status.UNKNOWN)


def _winners(model: dict[int, dict[str, Any]]) -> dict[int, tuple[int, int]]:
    """serial -> (reason, partition) over both lists: most severe, then newest list, then lower number."""
    severity = {6: 0, 0: 1, 0xFF: 1, 4: 2, 3: 2}
    found: dict[int, tuple[int, int]] = {}
    for number in sorted(model):
        for serial, reason in model[number]["entries"].items():
            if serial in found:
                held_reason, held_number = found[serial]
                challenger = (severity[reason], model[number]["start"])
                holder = (severity[held_reason], model[held_number]["start"])
                if challenger <= holder:
                    continue
            found[serial] = (reason, number)
    return found


def _expected(
    serial: int,
    model: dict[int, dict[str, Any]],
    gone: dict[int, tuple[int, int]],
    at: datetime,
    partition: int | None,
    validity: Validity | None,
    max_age: int | None,
) -> str:
    def usable(number: int) -> bool:
        if number not in model:
            return False
        start, end = model[number]["start"], model[number]["end"]
        young = max_age is None or at - start < timedelta(seconds=max_age + 1)
        return bool(start <= at + timedelta(minutes=5) and at < end and young)

    listed = _winners(model).get(serial) or gone.get(serial)
    if listed:
        if validity and at > validity.not_after:
            return "EXPIRED"
        if listed[0] != 6:
            return "REVOKED"
        return "ON_HOLD" if usable(listed[1]) else "UNKNOWN"
    if validity and at > validity.not_after:
        return "EXPIRED"
    if validity and at < validity.not_before:
        return "NOT_YET_VALID"
    needed = (1, 2) if partition is None else (partition,)
    return "GOOD" if all(map(usable, needed)) else "UNKNOWN"


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


def test_the_oracles_world_is_the_products(made: World) -> None:
    """Two partitions, two generations, as the dictionary assumes."""
    authority: Authority = made.authority
    assert [partition.number for partition in authority.partitions] == [1, 2]
    assert len(made.snapshot.lists) == 4
