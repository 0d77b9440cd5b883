"""What a new set will declare: each expected list accepted, carried over or absent. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, Protocol, cast

from revocation.authorities import Authorities, Authority, Lineage, ListScope, Partition
from revocation.errors import InputRefused
from revocation.index import build
from revocation.index.layout import ListPresence, ListState
from revocation.mergers import speaking
from revocation.snapshot.current import Snapshot

#: A day is a JST day (design 4).
_JST: Final = timezone(timedelta(hours=9))


class ListEntries(Protocol):
    """The entries of a list: a ``Harvest``, what changed in it, or packed records (``index.build``)."""

    @property
    def count(self) -> int: ...


#: As ``draft.py`` calls them.
PackedEntries = ListEntries


class ListFacts(Protocol):
    """What a set needs to know of a decoded list."""

    @property
    def this_update(self) -> datetime: ...
    @property
    def next_update(self) -> datetime | None: ...
    @property
    def crl_number(self) -> int | None: ...
    @property
    def entries(self) -> ListEntries: ...


@dataclass(frozen=True, slots=True)
class AcceptedList:
    """A list that passed every rule of acceptance, with the SHA-256 of its bytes."""

    list: ListFacts
    source_sha256: bytes
    ingested_at: datetime


@dataclass(frozen=True, slots=True)
class LineagePlan:
    """One lineage of the new set."""

    lineage: Lineage
    states: Mapping[int, ListState]
    #: Entries of the lists that were accepted, by partition.
    records: Mapping[int, build.NewEntries]
    #: A hold that no list names any more ended: the CA may end holds, and every list that could name it
    #: speaks in this set. While one is only carried over, or its partition was merged and the successor has
    #: not spoken since, the entry may have moved there.
    release_holds: bool
    #: Partitions whose successor's list speaks for them now: of their own last list no hold stays.
    merged: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SetPlan:
    """The whole new set, before anything is written."""

    seq: int
    lineages: tuple[LineagePlan, ...]
    partial: bool
    business_date: date | None
    accepted: int
    carried: int
    absent: int


def plan_set(
    seq: int,
    lists: Mapping[ListScope, AcceptedList],
    authorities: Authorities,
    base: Snapshot | None,
    *,
    confirmed: Collection[ListScope] = (),
) -> SetPlan:
    """Declare every list. ``confirmed``: not given, yet the CA's newest still (same bytes, or 304)."""
    if not lists:
        raise _refused("NOTHING_TO_PUBLISH", "at least one accepted list", "none", "fetch again later")
    # Asked once: each answer makes 1,900 scopes for each lineage.
    expected: dict[Lineage, list[ListScope]] = defaultdict(list)
    for scope in authorities.expected_lists():
        expected[scope.lineage].append(scope)
    if foreign := set(lists).difference(*expected.values()):
        raise _refused(
            "SCOPE_NOT_EXPECTED",
            "lists of the approved partitions and live keys",
            f"{len(foreign)} others",
            "approve the partition or the generation first",
        )
    spoken = {*lists, *_still_newest(confirmed, base)}
    plans = tuple(
        _plan_lineage(authority, lineage, expected[lineage], seq, lists, spoken, base)
        for authority in authorities
        for lineage in authority.lineages()
    )
    wanted = {
        scope: plan.states[scope.partition_number] for plan in plans for scope in expected[plan.lineage]
    }
    days = [business_day(state.this_update) for state in wanted.values() if state.this_update is not None]
    newest = max(days)
    presences = [state.state for state in wanted.values()]
    return SetPlan(
        seq=seq,
        lineages=plans,
        partial=any(_behind(state, newest) for scope, state in wanted.items() if scope not in confirmed),
        business_date=min(days),
        accepted=presences.count(ListPresence.ACCEPTED),
        carried=presences.count(ListPresence.CARRIED),
        absent=presences.count(ListPresence.ABSENT),
    )


def _plan_lineage(
    authority: Authority,
    lineage: Lineage,
    expected: Collection[ListScope],
    seq: int,
    lists: Mapping[ListScope, AcceptedList],
    spoken: Collection[ListScope],
    base: Snapshot | None,
) -> LineagePlan:
    states = _states(authority, lineage, expected, seq, lists, spoken, base)
    merged, waiting = _mergers(authority, states)
    return LineagePlan(
        lineage,
        states,
        {
            scope.partition_number: cast(build.NewEntries, lists[scope].list.entries)
            for scope in expected
            if scope in lists
        },
        # Where nobody is expected to speak (every partition closed, the key expired), nobody ends a hold.
        release_holds=authority.hold_releasable
        and bool(expected)
        and all(scope in spoken for scope in expected)
        and not waiting,
        merged=merged,
    )


def _mergers(authority: Authority, states: Mapping[int, ListState]) -> tuple[frozenset[int], bool]:
    """The merged partitions for which a successor's list speaks; and must the last list of another still?"""

    def list_of(partition: Partition) -> ListState | None:
        # One of another distribution point, or an absent one, ``_states`` leaves without a thisUpdate.
        return states.get(partition.number)

    merged, waiting = set(), False
    for partition in authority.partitions:
        if partition.closed is not None and (found := speaking(authority, partition.number, list_of)):
            if partition in found:
                waiting = True
            else:
                merged.add(partition.number)
    return frozenset(merged), waiting


@lru_cache(maxsize=1024)
def business_day(at: datetime) -> date:
    return at.astimezone(_JST).date()


def _behind(state: ListState, newest: date) -> bool:
    """Is this list missing from the newest day of the set? A list carried within its own day is not."""
    return (
        state.this_update is None
        or state.outdated
        or (state.state is ListPresence.CARRIED and business_day(state.this_update) < newest)
    )


def _still_newest(confirmed: Collection[ListScope], base: Snapshot | None) -> set[ListScope]:
    """Of the confirmed scopes those whose list the base really has, under this number."""
    found = {} if base is None else base.lists
    return {scope for scope in confirmed if scope in found and found[scope].state is not ListPresence.ABSENT}


def _states(
    authority: Authority,
    lineage: Lineage,
    expected: Collection[ListScope],
    seq: int,
    lists: Mapping[ListScope, AcceptedList],
    spoken: Collection[ListScope],
    base: Snapshot | None,
) -> dict[int, ListState]:
    index = None if base is None else base.index(lineage)
    given = {scope.partition_number for scope in lists if scope.lineage == lineage}
    states: dict[int, ListState] = {}
    if base is not None and index is not None:
        # A partition that is no longer expected (closed, merged) keeps its list: its revoked stay revoked.
        for number, old in index.lists.items():
            if number in given:
                continue  # declared below
            partition = authority.partition(number)
            scope = ListScope(lineage, old.signing_key, number, old.point_sha256)
            if partition is not None and partition.point_sha256 != old.point_sha256:
                # The number means another partition now: that one's list was never accepted.
                states[number] = _absent(number, old.signing_key, partition.point_sha256)
            elif old.state is ListPresence.ABSENT:
                states[number] = old
            else:
                outdated = (old.outdated or base.superseded) and scope not in spoken
                states[number] = replace(old, state=ListPresence.CARRIED, outdated=outdated)
    for scope in expected:
        number = scope.partition_number
        before = states.get(number)
        if scope in lists:
            if base is not None:
                _check_not_older(lists[scope], scope, base)
            states[number] = _accepted_state(scope, lists[scope], seq)
        elif before is None or before.state is ListPresence.ABSENT:
            states[number] = _absent(number, scope.signing_key, scope.point_sha256)
    return states


def _absent(number: int, signing_key: str, point_sha256: bytes) -> ListState:
    return ListState(number, signing_key, ListPresence.ABSENT, point_sha256=point_sha256)


def _accepted_state(scope: ListScope, accepted: AcceptedList, seq: int) -> ListState:
    facts = accepted.list
    return ListState(
        partition_number=scope.partition_number,
        signing_key=scope.signing_key,
        state=ListPresence.ACCEPTED,
        crl_number=facts.crl_number,
        this_update=facts.this_update,
        next_update=facts.next_update,
        ingested_at=accepted.ingested_at,
        sha256=accepted.source_sha256,
        accepted_seq=seq,
        entries=facts.entries.count,
        point_sha256=scope.point_sha256,
    )


def _check_not_older(accepted: AcceptedList, scope: ListScope, base: Snapshot) -> None:
    """RFC 5280 section 5.2.3, once more at the last moment, though acceptance asked: never go backwards."""
    facts, before, in_force = accepted.list, base.newest_list(scope), base.newest_by_any_key(scope)
    newest = None if in_force is None else in_force.this_update
    if newest is not None and facts.this_update <= newest and _is_below(before, newest):
        raise _refused(
            "THIS_UPDATE_ROLLBACK",
            "a thisUpdate after that of the list in force, which another key signed",
            "an earlier one",
            "find out why the CA serves an older list",
        )
    if before is None or before.sha256 == accepted.source_sha256:
        return
    if before.this_update is not None and facts.this_update < before.this_update:
        raise _refused(
            "THIS_UPDATE_ROLLBACK",
            "a thisUpdate that is not before the published list's",
            "an earlier one",
            "find out why the CA serves an older list",
        )
    # Numbers compare only under one key.
    if facts.crl_number is None or before.crl_number is None or facts.crl_number > before.crl_number:
        return
    if facts.crl_number == before.crl_number:
        raise _refused(
            "CRL_NUMBER_REUSED",
            "a new cRLNumber for other content",
            "the published list's number",
            "ask the CA: one number stands for one list",
        )
    raise _refused(
        "CRL_NUMBER_ROLLBACK",
        "a cRLNumber above the published list's",
        "a lower one",
        "find out why the CA serves an older list",
    )


def _is_below(state: ListState | None, newest: datetime) -> bool:
    return state is None or state.this_update is None or state.this_update < newest


def _refused(code: str, expected: str, got: str, remedy: str) -> InputRefused:
    return InputRefused(code, expected=expected, got=got, remedy=remedy)
