"""Freshness of a set as plain numbers, for whoever exports them; computed when asked, nothing is counted.

Per CA and per list. Labels that leave the process stop at the CA: a partition is a municipality, and a
municipality in a time series would tell where people moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from revocation.authorities import Authorities, Authority, ListScope
from revocation.coverage import list_in_force
from revocation.index.layout import ListPresence, ListState
from revocation.snapshot.current import Snapshot

#: Share of a list's life after which its successor is overdue: an alarm while answers are still good.
STALE_SOON_SHARE: Final = 0.75


class Freshness(StrEnum):
    """Of one list, or of the worst list of a CA."""

    FRESH = "FRESH"
    STALE_SOON = "STALE_SOON"
    EXPIRED = "EXPIRED"
    ABSENT = "ABSENT"


_SEVERITY: Final = list(Freshness)


@dataclass(frozen=True, slots=True)
class ListFreshness:
    """One expected list."""

    scope: ListScope
    freshness: Freshness
    #: now - thisUpdate, never below 0; None for an absent list.
    age_s: float | None
    #: nextUpdate - now, negative once it is past; None for an absent list or one without.
    seconds_to_next_update: float | None


@dataclass(frozen=True, slots=True)
class AuthorityFreshness:
    """All expected lists of a CA; the figures are those of the worst one."""

    ca_id: str
    freshness: Freshness
    lists: dict[Freshness, int]
    age_s: float | None
    seconds_to_next_update: float | None
    entries: int
    gone: int


@dataclass(frozen=True, slots=True)
class SetFreshness:
    """A set as a whole. Without a set every expected list is absent and ``set_seq`` is 0."""

    set_seq: int
    partial: bool
    #: A published set above it cannot be read: nothing is good until the next one.
    superseded: bool
    #: Since the set was published.
    published_age_s: float | None
    authorities: tuple[AuthorityFreshness, ...]

    @property
    def ready(self) -> bool:
        """Can something be said of every certificate? No list expired or absent, no set above."""
        return (
            not self.superseded
            and all(each.freshness in {Freshness.FRESH, Freshness.STALE_SOON} for each in self.authorities)
            and bool(self.authorities)
        )


def list_freshness(scope: ListScope, state: ListState | None, now: datetime) -> ListFreshness:
    """Where a list stands in its life."""
    if state is None or state.state is ListPresence.ABSENT or state.this_update is None:
        return ListFreshness(scope, Freshness.ABSENT, None, None)
    # A clock that stepped back makes no list younger than new.
    age = max(0.0, (now - state.this_update).total_seconds())
    if state.next_update is None:
        return ListFreshness(scope, Freshness.EXPIRED, age, None)
    left = (state.next_update - now).total_seconds()
    life = (state.next_update - state.this_update).total_seconds()
    if not list_in_force(state, now):
        freshness = Freshness.EXPIRED  # past its end, of a time to come, or overtaken
    else:
        freshness = Freshness.STALE_SOON if age >= STALE_SOON_SHARE * life else Freshness.FRESH
    return ListFreshness(scope, freshness, age, left)


def lists_of(authority: Authority, snapshot: Snapshot | None, now: datetime) -> Iterator[ListFreshness]:
    """Every expected list of a CA."""
    for scope in authority.expected_lists():
        partition = authority.partition(scope.partition_number)
        state = None if snapshot is None else snapshot.list_state(scope.lineage, partition)
        yield list_freshness(scope, state, now)


def worst_first(authorities: Authorities, snapshot: Snapshot | None, now: datetime) -> list[ListFreshness]:
    """Every expected list: the absent ones, then those with the least time left. For operators alone."""
    found = [each for authority in authorities for each in lists_of(authority, snapshot, now)]
    return sorted(found, key=_haste)


def _haste(each: ListFreshness) -> tuple[int, float, ListScope]:
    left = each.seconds_to_next_update
    return -_SEVERITY.index(each.freshness), 0.0 if left is None else left, each.scope


def set_freshness(snapshot: Snapshot | None, authorities: Authorities, now: datetime) -> SetFreshness:
    """Everything at once."""
    return SetFreshness(
        set_seq=0 if snapshot is None else snapshot.seq,
        partial=snapshot is None or snapshot.partial,
        superseded=snapshot is not None and snapshot.superseded,
        published_age_s=None
        if snapshot is None
        else max(0.0, (now - snapshot.manifest.created_at).total_seconds()),
        authorities=tuple(_authority_freshness(authority, snapshot, now) for authority in authorities),
    )


def _authority_freshness(
    authority: Authority, snapshot: Snapshot | None, now: datetime
) -> AuthorityFreshness:
    lists = list(lists_of(authority, snapshot, now))
    counts = Counter(each.freshness for each in lists)
    ages = [each.age_s for each in lists if each.age_s is not None]
    ends = [each.seconds_to_next_update for each in lists if each.seconds_to_next_update is not None]
    found = [] if snapshot is None else [snapshot.index(lineage) for lineage in authority.lineages()]
    indexes = [index for index in found if index is not None]
    return AuthorityFreshness(
        ca_id=authority.ca_id,
        freshness=max((each.freshness for each in lists), key=_SEVERITY.index, default=Freshness.ABSENT),
        lists={freshness: counts.get(freshness, 0) for freshness in Freshness},
        age_s=max(ages, default=None),
        seconds_to_next_update=min(ends, default=None),
        entries=sum(index.entry_count for index in indexes),
        gone=sum(index.gone_count for index in indexes),
    )
