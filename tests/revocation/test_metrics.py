"""Freshness figures: FRESH, STALE_SOON at 75 %, EXPIRED, ABSENT, and the worst list speaks for its CA."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from revocation.authorities import Authorities
from revocation.index.layout import ListPresence, ListState
from revocation.metrics import Freshness, list_freshness, lists_of, set_freshness
from tests.revocation.sets import DAY, T0, accepted, every_list, scope, store, world

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("at", "freshness"),
    [
        (T0 - timedelta(minutes=5) - SECOND, "EXPIRED"),
        (T0 - timedelta(minutes=5), "FRESH"),
        (T0 + timedelta(hours=36) - SECOND, "FRESH"),
        (T0 + timedelta(hours=36), "STALE_SOON"),
        (T0 + 2 * DAY - SECOND, "STALE_SOON"),
        (T0 + 2 * DAY, "EXPIRED"),
    ],
)
def test_a_lists_life(at: datetime, freshness: str) -> None:
    """A list of 48 hours: overdue from hour 36, expired at its nextUpdate, unusable before its time."""
    _, authority = world()
    state = ListState(
        1, "ab" * 32, ListPresence.ACCEPTED, this_update=T0, next_update=T0 + 2 * DAY, sha256=bytes(32)
    )
    found = list_freshness(scope(authority, 1), state, at)
    assert found.freshness == freshness
    assert found.age_s == max(0, (at - T0).total_seconds())
    assert found.seconds_to_next_update == (T0 + 2 * DAY - at).total_seconds()


def test_a_list_without_next_update_is_expired() -> None:
    """Nothing says how long it may be believed."""
    _, authority = world()
    state = ListState(1, "ab" * 32, ListPresence.ACCEPTED, this_update=T0)
    found = list_freshness(scope(authority, 1), state, T0)
    assert (found.freshness, found.seconds_to_next_update, found.age_s) == (Freshness.EXPIRED, None, 0)


def test_the_worst_list_speaks_for_its_ca(tmp_path: Path) -> None:
    """One partition expired: the CA is, and readiness is lost; counts and extremes are given."""
    authorities, authority = world()
    one = scope(authority, 1)
    lists = every_list(authority) | {one: accepted({1: 1, 2: 3}, lives=DAY)}
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    (fresh,) = set_freshness(snapshot, authorities, T0 + timedelta(hours=1)).authorities
    assert (fresh.ca_id, fresh.freshness, fresh.entries, fresh.gone) == ("card-sign", "FRESH", 2, 0)
    later = set_freshness(snapshot, authorities, T0 + DAY)
    (worst,) = later.authorities
    assert (worst.freshness, later.ready, later.set_seq) == (Freshness.EXPIRED, False, 1)
    assert worst.lists == {"FRESH": 3, "STALE_SOON": 0, "EXPIRED": 1, "ABSENT": 0}
    assert (worst.age_s, worst.seconds_to_next_update) == (86_400, 0)
    assert later.published_age_s == 86_400
    assert set_freshness(snapshot, authorities, T0).published_age_s == 0
    assert (later.superseded, later.partial) == (False, False)
    below = set_freshness(snapshot.seen_as(superseded=True), authorities, T0)
    assert (below.superseded, below.ready, below.authorities[0].freshness) == (True, False, Freshness.FRESH)
    soon = set_freshness(snapshot, authorities, T0 + timedelta(hours=20))
    assert (soon.authorities[0].freshness, soon.ready) == (Freshness.STALE_SOON, True)


def test_an_absent_list_and_no_set_at_all(tmp_path: Path) -> None:
    """Absent is worst; without a set everything is."""
    authorities, authority = world()
    lists = every_list(authority)
    del lists[scope(authority, 2)]
    snapshot = store(tmp_path).publish(lists, authorities, now=T0)
    (fresh,) = set_freshness(snapshot, authorities, T0).authorities
    assert (fresh.freshness, fresh.lists[Freshness.ABSENT]) == (Freshness.ABSENT, 1)
    nothing = set_freshness(None, authorities, T0)
    assert (nothing.set_seq, nothing.partial, nothing.ready, nothing.published_age_s) == (
        0,
        True,
        False,
        None,
    )
    assert nothing.authorities[0].lists[Freshness.ABSENT] == 4
    assert [each.age_s for each in lists_of(authority, None, T0)] == [None] * 4


def test_an_absent_list_is_absent_whatever_else_it_says() -> None:
    """Declared absent, though with times; accepted, though without a thisUpdate: neither can be believed."""
    _, authority = world()
    for state in (
        ListState(1, "ab" * 32, ListPresence.ABSENT, this_update=T0, next_update=T0 + DAY),
        ListState(1, "ab" * 32, ListPresence.ACCEPTED, next_update=T0 + DAY),
        None,
    ):
        found = list_freshness(scope(authority, 1), state, T0)
        assert (found.scope, found.freshness) == (scope(authority, 1), Freshness.ABSENT)
        assert (found.age_s, found.seconds_to_next_update) == (None, None)


def test_a_ca_of_which_no_list_is_expected(tmp_path: Path) -> None:
    """Every partition closed: nothing speaks for it any more, so it is absent, and the set is not ready."""
    authorities, authority = world()
    snapshot = store(tmp_path).publish(every_list(authority), authorities, now=T0)
    closed = tuple(replace(partition, closed=date(2026, 11, 1)) for partition in authority.partitions)
    nobody = Authorities([replace(authority, partitions=closed)])
    whole = set_freshness(snapshot, nobody, T0)
    assert (whole.authorities[0].freshness, whole.ready) == (Freshness.ABSENT, False)
    assert (whole.authorities[0].age_s, whole.authorities[0].seconds_to_next_update) == (None, None)
    assert not any(whole.authorities[0].lists.values())
