"""From published sets to events: each set in order, each in one transaction with the cursor.

A crash anywhere costs nothing: until the commit the cursor stands where it stood and no event exists;
after it, running again finds nothing to do. The cost follows the day's changes, not the population; but
where a set in between was lost or rotted (``changes.next_set``) it is once that of the whole set.

While a set is being detected, registrations wait at the cursor's row (``registrations.watching``).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api import high_water_store as rows
from platform_api.changes import detect_store as joined
from platform_api.changes import store as feed
from platform_api.changes.model import RELEASED, Condition, Decision, condition_after, decide
from platform_api.changes.next_set import SetFault, Sets, next_set
from platform_api.changes.whole import WholeSet
from platform_api.db.transactions import detector, set_tenant
from revocation.authorities import ALL_GENERATIONS, Authorities
from revocation.changes import RevocationChange, changes_between
from revocation.identity import CertificateIdentity

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool
    from platform_api.tagging import Tagger
    from revocation.clock import Clock
    from revocation.snapshot.current import Snapshot

#: Changes in memory at once; a usual day of a whole CA is 10^4 to 10^5.
BATCH: Final = 20_000


@dataclass(frozen=True, slots=True)
class DetectedSet:
    """What one set brought."""

    set_seq: int
    changes: int
    events: int
    #: Registrations touched, for every institution, also with 0.
    by_institution: Mapping[UUID, int]
    #: Compared with what was told, not with the set before: see ``changes.next_set``.
    whole: bool = False
    #: Certificates that were told as revoked or on hold and that this whole set does not know. Not undone.
    unexplained: int = 0
    #: Sets that could not be opened: passed over, or not compared with.
    faults: tuple[SetFault, ...] = ()


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """Everything that one run detected; empty when there was no new set."""

    sets: tuple[DetectedSet, ...] = ()

    @property
    def set_seq(self) -> int | None:
        return self.sets[-1].set_seq if self.sets else None

    @property
    def changes(self) -> int:
        return sum(one.changes for one in self.sets)

    @property
    def events(self) -> int:
        return sum(one.events for one in self.sets)

    @property
    def by_institution(self) -> dict[UUID, int]:
        total: dict[UUID, int] = defaultdict(int)
        for one in self.sets:
            for institution_id, count in one.by_institution.items():
                total[institution_id] += count
        return dict(total)


@dataclass(slots=True)
class _Findings:
    """What one institution is to be told of one set."""

    events: list[feed.NewEvent] = field(default_factory=list)
    conditions: list[tuple[UUID, Condition, int | None]] = field(default_factory=list)
    states: list[tuple[UUID, str]] = field(default_factory=list)
    told: set[tuple[UUID, bytes, str]] = field(default_factory=set)

    def add(self, match: joined.Match, reason_after: int | None, decision: Decision, set_seq: int) -> None:
        condition = condition_after(decision.transition)
        reason = None if condition is Condition.NOT_LISTED else reason_after
        # A registration is told once of one certificate, in however many slots it stood (0002 allows one).
        once = (match.registration_id, match.tag, decision.transition.value)
        if once not in self.told:
            self.told.add(once)
            self.events.append(feed.NewEvent(match.registration_id, match.certificate_id, set_seq, decision))
        self.conditions.append((match.certificate_id, condition, reason))
        if match.slot == "current":
            self.states.append((match.registration_id, decision.state.value))


async def detect(
    pool: Pool,
    *,
    store: Sets,
    authorities: Authorities,
    tagger: Tagger,
    clock: Clock,
    batch: int = BATCH,
) -> DetectionReport:
    """Detect every set between the cursor and the newest one; ``pool`` belongs to the role detector."""
    done: list[DetectedSet] = []
    while (found := await _next_set(pool, store, authorities, tagger, clock, batch)) is not None:
        done.append(found)
    return DetectionReport(tuple(done))


async def _next_set(
    pool: Pool, store: Sets, authorities: Authorities, tagger: Tagger, clock: Clock, batch: int
) -> DetectedSet | None:
    async with detector(pool) as connection:
        at = await joined.locked_cursor(connection)
        act = await rows.open_act(connection)
        found = await asyncio.to_thread(next_set, store, at, authorities, lost=act is not None)
        if found is None:
            return None
        new, set_seq = found.new, found.new.seq
        findings: dict[UUID, _Findings] = defaultdict(_Findings)
        whole = await WholeSet.begin(connection, new, authorities) if found.whole else None
        changes = 0
        # Nobody registered before this set: nobody can be touched, and the first set of a CA, which
        # is all "added", costs nothing.
        if await joined.anything_older(connection, set_seq):
            pending = changes_between(found.old, new)
            while taken := await asyncio.to_thread(_tagged, pending, authorities, tagger, batch):
                changes += len(taken.changes)
                for match in await _match(connection, taken, set_seq, findings):
                    if whole is not None:
                        whole.found(match)
        if whole is not None:
            for match in whole.released():
                findings[match.institution_id].add(match, None, RELEASED, set_seq)
            # Sets of an older folder lie below the lost ones: they say nothing of what those told.
            if act is not None and whole.complete and set_seq >= act.at_least:
                await rows.close_acts(connection, set_seq)
        by_institution = await _tell(connection, new, findings, clock)
        await joined.advance_cursor(connection, set_seq)
        # The commit. Before it: no event, cursor at the set before, everything is done again. After it:
        # all events of this set are readable with their numbers, and this set is never looked at again.
    events = sum(len(one.events) for one in findings.values())
    return DetectedSet(
        set_seq,
        changes,
        events,
        by_institution,
        whole=whole is not None,
        unexplained=0 if whole is None else whole.unexplained,
        faults=found.faults,
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """One batch: changes, and the tags of all the certificates each may mean, by position."""

    changes: list[RevocationChange]
    tags: list[tuple[int, int, bytes]]

    def __bool__(self) -> bool:
        return bool(self.changes)


def _tagged(
    pending: Iterator[RevocationChange], authorities: Authorities, tagger: Tagger, batch: int
) -> _Taken:
    """The next batch; in a thread, because comparing and hashing are CPU work."""
    changes = list(islice(pending, batch))
    tags = [
        (position, tag.key_id, tag.value)
        for position, change in enumerate(changes)
        for identity in _identities(change, authorities)
        for tag in tagger.tags(identity)
    ]
    return _Taken(changes, tags)


def _identities(change: RevocationChange, authorities: Authorities) -> list[CertificateIdentity]:
    """Whose certificate it is. A list that one key signs for all generations does not say which issued it."""
    lineage = change.lineage
    if lineage.key_id != ALL_GENERATIONS:
        return [CertificateIdentity(lineage.ca_id, bytes.fromhex(lineage.key_id), change.serial)]
    authority = authorities.by_id(lineage.ca_id)
    generations = () if authority is None else authority.generations
    return [CertificateIdentity(lineage.ca_id, one.key_id, change.serial) for one in generations]


async def _match(
    connection: Connection, taken: _Taken, set_seq: int, findings: dict[UUID, _Findings]
) -> list[joined.Match]:
    found = await joined.matches(connection, taken.tags, set_seq)
    for match in found:
        change = taken.changes[match.position]
        decision = decide(match.condition, change.kind, change.reason_after, match.kind)
        if decision is not None:
            findings[match.institution_id].add(match, change.reason_after, decision, set_seq)
    return found


async def _tell(
    connection: Connection, new: Snapshot, findings: Mapping[UUID, _Findings], clock: Clock
) -> dict[UUID, int]:
    """Write every institution's events and the end of its day, also where nothing happened."""
    now = clock.now()
    touched: dict[UUID, int] = {}
    for institution_id in await joined.institutions(connection):
        await set_tenant(connection, institution_id)
        found = findings.get(institution_id, _Findings())
        await joined.set_condition(connection, found.conditions)
        await joined.set_state(connection, found.states, now)
        # A cursor from an older backup than the events: what stands in the feed is not told again.
        events = await joined.without_told(connection, found.events)
        day_is_told = await joined.day_is_told(connection, institution_id, new.seq)
        count = len(events)
        if not day_is_told or count:
            first = await feed.take_numbers(connection, institution_id, count + (not day_is_told))
            await feed.insert_events(connection, institution_id, first, events, now)
            if not day_is_told:
                await joined.insert_day(
                    connection,
                    institution_id,
                    first + count,
                    set_seq=new.seq,
                    business_date=new.business_date,
                    complete=not new.partial,
                    events=count,
                    now=now,
                )
        touched[institution_id] = len({event.registration_id for event in events})
    return touched
