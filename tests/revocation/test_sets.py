"""What a publish declares of every list, carries over and keeps; what it refuses."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from revocation.authorities import Authorities, Authority, CrlSigning, ListScope, Partition
from revocation.errors import InputRefused, OwnFault
from revocation.index.layout import ListPresence, ListState
from revocation.snapshot.names import LOCK
from tests import pki
from tests.revocation.sets import (
    DAY,
    T0,
    accepted,
    check_folder,
    every_list,
    reader,
    record,
    scope,
    store,
    world,
)


def serial(value: int) -> bytes:
    return bytes([value])


def test_a_first_set_declares_every_expected_list(tmp_path: Path) -> None:
    """Given one list of four, the other three are absent and the set is partial."""
    authorities, authority = world()
    given = scope(authority, 1)
    snapshot = store(tmp_path).publish({given: accepted({5: 3})}, authorities, now=T0)
    assert (snapshot.seq, snapshot.partial, snapshot.entries) == (1, True, 1)
    assert set(snapshot.lists) == set(authority.expected_lists())
    assert {key for key, state in snapshot.lists.items() if state.state is ListPresence.ACCEPTED} == {given}
    assert (snapshot.manifest.accepted, snapshot.manifest.carried, snapshot.manifest.absent) == (1, 0, 3)
    check_folder(tmp_path, [1])


def test_a_complete_set_is_not_partial_and_has_the_earliest_business_date(tmp_path: Path) -> None:
    """business_date is the JST date of the earliest thisUpdate: 23:30 UTC is already tomorrow in Japan."""
    authorities, authority = world()
    lists = every_list(authority, this_update=T0 + timedelta(hours=23, minutes=30))
    snapshot = store(tmp_path).publish(lists, authorities, now=T0 + DAY)
    assert not snapshot.partial
    assert snapshot.business_date == date(2026, 11, 21)


def test_a_list_not_given_is_carried_over_with_its_own_times(tmp_path: Path) -> None:
    """Its entries, number and nextUpdate stay; it says from which set."""
    authorities, authority = world()
    stale = scope(authority, 2)
    writer = store(tmp_path)
    first = every_list(authority) | {stale: accepted({9: 4}, number=77)}
    writer.publish(first, authorities, now=T0)
    second = {key: value for key, value in every_list(authority, 1).items() if key != stale}
    snapshot = writer.publish(second, authorities, now=T0 + DAY)
    state = snapshot.lists[stale]
    assert (state.state, state.carried_from_seq, state.crl_number) == (ListPresence.CARRIED, 1, 77)
    assert (state.this_update, state.next_update) == (T0, T0 + 2 * DAY)
    assert snapshot.partial
    assert snapshot.business_date == date(2026, 11, 20)
    assert snapshot.lookup(stale.lineage, serial(9)) is not None
    third = writer.publish(
        {k: v for k, v in every_list(authority, 2).items() if k != stale}, authorities, now=T0 + 2 * DAY
    )
    assert third.lists[stale].carried_from_seq == 1
    check_folder(tmp_path, [1, 2, 3])


def test_a_late_list_completes_the_set_of_its_day(tmp_path: Path) -> None:
    """Published again with the late one alone: the others are carried within their day, so it is whole."""
    authorities, authority = world()
    late = scope(authority, 1, 1)
    writer = store(tmp_path)
    lists = every_list(authority)
    first = writer.publish({k: v for k, v in lists.items() if k != late}, authorities, now=T0)
    second = writer.publish({late: lists[late]}, authorities, now=T0 + timedelta(hours=2))
    assert (first.partial, second.partial) == (True, False)
    assert (second.manifest.accepted, second.manifest.carried) == (1, 3)


def test_a_list_confirmed_as_the_newest_does_not_make_the_set_partial(tmp_path: Path) -> None:
    """The CA answered 304 for it: it is carried, yet nothing is missing."""
    authorities, authority = world()
    same = scope(authority, 1)
    writer = store(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    second = {k: v for k, v in every_list(authority, 1).items() if k != same}
    snapshot = writer.publish(second, authorities, now=T0 + DAY, confirmed=[same])
    assert not snapshot.partial
    assert snapshot.lists[same].state is ListPresence.CARRIED


def test_entries_that_leave_stay_and_say_so(tmp_path: Path) -> None:
    """Revoked yesterday, not listed today: gone, still there; the count of listed entries falls."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer = store(tmp_path)
    writer.publish(every_list(authority) | {one: accepted({5: 3, 6: 4})}, authorities, now=T0)
    snapshot = writer.publish(
        every_list(authority, 1) | {one: accepted({6: 4}, number=2, this_update=T0 + DAY)},
        authorities,
        now=T0 + DAY,
    )
    entry = snapshot.lookup(one.lineage, serial(5))
    assert entry is not None
    assert (entry.gone, entry.reason, entry.last_listed_seq) == (True, 3, 1)
    assert (snapshot.entries, snapshot.gone) == (1, 1)
    assert entry.list.crl_number == 2


def test_a_closed_partition_keeps_what_it_listed(tmp_path: Path) -> None:
    """A merged municipality's list is expected no longer; its revoked stay revoked, nothing is partial."""
    authorities, authority = world()
    closing = scope(authority, 2)
    writer = store(tmp_path)
    writer.publish(every_list(authority) | {closing: accepted({9: 4})}, authorities, now=T0)
    merged = replace(
        authority,
        partitions=(
            authority.partitions[0],
            replace(authority.partitions[1], closed=date(2026, 11, 20), successor=1),
        ),
    )
    snapshot = writer.publish(every_list(merged, 1), Authorities([merged]), now=T0 + DAY)
    entry = snapshot.lookup(closing.lineage, serial(9))
    assert entry is not None
    assert not snapshot.partial
    assert snapshot.lists[closing].state is ListPresence.CARRIED


def test_a_new_partition_starts_absent(tmp_path: Path) -> None:
    """Opened in the configuration before its first list was accepted: absent, and the set is partial."""
    authorities, authority = world()
    writer = store(tmp_path)
    writer.publish(every_list(authority), authorities, now=T0)
    grown = replace(authority, partitions=(*authority.partitions, Partition(3, pki.point(3), "City-3")))
    lists = {k: v for k, v in every_list(grown, 1).items() if k.partition_number != 3}
    snapshot = writer.publish(lists, Authorities([grown]), now=T0)
    assert snapshot.partial
    assert snapshot.manifest.absent == 2
    assert snapshot.lists[scope(grown, 3)].state is ListPresence.ABSENT
    # Its first list makes it accepted like any other.
    third = writer.publish({scope(grown, 3): accepted(record(7, 1))}, Authorities([grown]), now=T0)
    assert third.lists[scope(grown, 3)].state is ListPresence.ACCEPTED


def test_a_retired_generation_keeps_its_file(tmp_path: Path) -> None:
    """A lineage that is configured no longer is carried whole, under the name that it had."""
    authorities, authority = world()
    old = scope(authority, 1, 0)
    writer = store(tmp_path)
    writer.publish(every_list(authority) | {old: accepted({9: 4})}, authorities, now=T0)
    newer = pki.CA(pki.SIGN_DN, (pki.make_ca(kind="p256").generations[1],)).authority()
    snapshot = writer.publish(every_list(newer, 1), Authorities([newer]), now=T0 + DAY)
    assert snapshot.lookup(old.lineage, serial(9)) is not None
    assert any(file.name.endswith("00000001.index") for file in snapshot.manifest.files)
    assert writer.retention(keep_from_seq=2) == (1,)
    check_folder(tmp_path, [2])


def test_one_lineage_for_all_generations(tmp_path: Path) -> None:
    """newest_for_all: one file, whose lists the newest key signs."""
    authorities, authority = world(crl_signing=CrlSigning.NEWEST_FOR_ALL)
    snapshot = store(tmp_path).publish(every_list(authority), authorities, now=T0)
    assert [lineage.key_id for lineage in snapshot.lineages()] == ["all"]
    assert len(snapshot.lists) == 2


def test_the_same_input_gives_the_same_index_files(tmp_path: Path) -> None:
    """Two folders, the same publishes: octet-identical files, also of the manifests."""
    contents = []
    for name in ("a", "b"):
        authorities, authority = world()
        writer = store(tmp_path / name)
        one = scope(authority, 1)
        writer.publish(every_list(authority) | {one: accepted({5: 3, 6: 6})}, authorities, now=T0)
        writer.publish(every_list(authority, 1), authorities, now=T0 + DAY)
        contents.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir() if p.name != LOCK})
    assert contents[0] == contents[1]


def test_marks_come_from_the_chain(tmp_path: Path) -> None:
    """The mark of a list is its newest accepted, also when it is carried; absent ones have none."""
    authorities, authority = world()
    writer = store(tmp_path)
    one, two = scope(authority, 1), scope(authority, 2)
    assert writer.mark(one) is None
    first = accepted({}, number=41)
    writer.publish({one: first}, authorities, now=T0)
    mark = reader(tmp_path).mark(one)
    assert mark is not None
    assert (mark.crl_number, mark.this_update, mark.sha256) == (41, T0, first.source_sha256)
    assert writer.mark(two) is None
    writer.publish({two: accepted({}, number=3)}, authorities, now=T0)
    assert writer.mark(one) == mark


@pytest.mark.parametrize(
    ("number", "day", "code"),
    [
        (6, 1, "CRL_NUMBER_ROLLBACK"),
        (7, 1, "CRL_NUMBER_REUSED"),
        (8, -1, "THIS_UPDATE_ROLLBACK"),
    ],
)
def test_an_older_list_is_refused_once_more_at_publication(
    tmp_path: Path, number: int, day: int, code: str
) -> None:
    """Whatever acceptance said: a lower number, the same number with other content, an earlier thisUpdate."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer = store(tmp_path)
    writer.publish({one: accepted({}, number=7)}, authorities, now=T0)
    with pytest.raises(InputRefused, match=code):
        writer.publish(
            {one: accepted({5: 1}, number=number, this_update=T0 + day * DAY)}, authorities, now=T0
        )
    check_folder(tmp_path, [1])


def test_the_same_list_again_is_no_rollback(tmp_path: Path) -> None:
    """Equal number with equal bytes may be published again."""
    authorities, authority = world()
    one = scope(authority, 1)
    writer = store(tmp_path)
    for _ in range(2):
        writer.publish({one: accepted({5: 1}, number=7)}, authorities, now=T0)
    check_folder(tmp_path, [1, 2])


def test_nothing_and_foreign_lists_are_refused(tmp_path: Path) -> None:
    """No list at all, or a list nobody approved: no new set."""
    authorities, authority = world()
    foreign = replace(scope(authority, 1), partition_number=9)
    with pytest.raises(InputRefused, match="NOTHING_TO_PUBLISH"):
        store(tmp_path).publish({}, authorities, now=T0)
    with pytest.raises(InputRefused, match="SCOPE_NOT_EXPECTED"):
        store(tmp_path).publish({foreign: accepted({})}, authorities, now=T0)
    assert reader(tmp_path).current() is None


def test_a_reader_cannot_publish(tmp_path: Path) -> None:
    """Without the private key there is nothing to sign with."""
    authorities, authority = world()
    with pytest.raises(OwnFault, match="PUBLISHER_KEY_MISSING"):
        reader(tmp_path).publish(every_list(authority), authorities, now=T0)


def closed(authority: Authority, number: int, point: bytes | None = None) -> Authority:
    """The authority with this partition closed, perhaps under another distribution point."""
    return replace(
        authority,
        partitions=tuple(
            replace(one, closed=date(2026, 11, 20), distribution_point=point or one.distribution_point)
            if one.number == number
            else one
            for one in authority.partitions
        ),
    )


def test_a_closed_partition_without_a_list_stays_absent(tmp_path: Path) -> None:
    """It never had a list: it is absent as before, and the set lacks nothing."""
    authorities, authority = world()
    closing = scope(authority, 2)
    first = {key: value for key, value in every_list(authority).items() if key != closing}
    before = store(tmp_path).publish(first, authorities, now=T0).lists[closing]
    assert before.state is ListPresence.ABSENT
    merged = closed(authority, 2)
    snapshot = store(tmp_path).publish(every_list(merged, 1), Authorities([merged]), now=T0 + DAY)
    assert snapshot.lists[closing] == before
    assert not snapshot.partial


def test_a_closed_partition_that_means_another_point_is_absent(tmp_path: Path) -> None:
    """Its number has another distribution point by now: that one's list was never accepted; what the old
    one listed is gone, not lost."""
    authorities, authority = world()
    closing = scope(authority, 2)
    writer = store(tmp_path)
    writer.publish(every_list(authority) | {closing: accepted({9: 4})}, authorities, now=T0)
    merged = closed(authority, 2, pki.point(7))
    snapshot = writer.publish(every_list(merged, 1), Authorities([merged]), now=T0 + DAY)
    there = ListScope(closing.lineage, closing.signing_key, 2, hashlib.sha256(pki.point(7)).digest())
    assert closing not in snapshot.lists
    assert snapshot.lists[there] == ListState(
        2, closing.signing_key, ListPresence.ABSENT, point_sha256=there.point_sha256
    )
    entry = snapshot.lookup(closing.lineage, serial(9))
    assert entry is not None
    assert entry.gone


@pytest.mark.parametrize("releasable", [False, True])
def test_a_hold_that_every_list_dropped(tmp_path: Path, releasable: bool) -> None:
    """Where its CA may end holds it leaves no trace; elsewhere it is gone, and marked."""
    authorities, authority = world(hold_releasable=releasable)
    one = scope(authority, 1)
    store(tmp_path).publish(every_list(authority) | {one: accepted({5: 6})}, authorities, now=T0)
    snapshot = store(tmp_path).publish(every_list(authority, 1), authorities, now=T0 + DAY)
    entry = snapshot.lookup(one.lineage, serial(5))
    assert (entry is None) is releasable
    assert entry is None or entry.left_on_hold
