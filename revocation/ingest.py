"""One cycle: fetch, verify, decode, accept, publish. Run it again at any time, after anything.

It asks in rounds until every list is decided or the wait is over, publishes once, and then once more for
each late arrival. A list that fails stops only itself: its partition is carried over from the published
set (and gets stale by its own nextUpdate), the report names scope and code, the others publish. Nothing
here changes what is served before ``SnapshotStore.publish`` commits; killed anywhere, the next cycle does
the same again.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from revocation.additions_told import ToldAdditions, changes_told
from revocation.authorities import Authorities, Lineage, ListScope
from revocation.clock import Clock
from revocation.crl.accept import Acceptance, HighWater
from revocation.crl.archive import ListArchive, StoredList
from revocation.crl.fetch import Failed, ListSource
from revocation.errors import OutsideFailed
from revocation.index._harvest import Harvest
from revocation.index.layout import ListPresence
from revocation.ingest_report import (
    CycleSet,
    IngestReport,
    Outcome,
    Progress,
    Refusal,
    carried_and_absent,
    new_by_reason,
    outcome_of,
)
from revocation.rounds import ONE_PASS, MonotonicTimer, Patience, Timer, Window
from revocation.since_before import SinceBefore
from revocation.snapshot.current import Snapshot
from revocation.snapshot.drafts import Drafts
from revocation.snapshot.store import SnapshotStore, before_lost
from revocation.take import ARCHIVE_CORRUPT, Refused, Taken, Taker
from revocation.wanted_later import WantedLater

__all__ = ["IngestReport", "Outcome", "Progress", "Published", "ingest_cycle"]

#: Called before each further round with the lists that are missing: a source may learn new addresses.
Renew = Callable[[Collection[ListScope]], Awaitable[None]]
#: Called after each publish.
Published = Callable[[Snapshot], Awaitable[None]]


async def ingest_cycle(
    authorities: Authorities,
    source: ListSource,
    store: SnapshotStore,
    clock: Clock,
    *,
    archive: ListArchive,
    progress: Progress | None = None,
    high_water: HighWater | None = None,
    patience: Patience = ONE_PASS,
    timer: Timer | None = None,
    renew: Renew | None = None,
    published: Published | None = None,
    at_least: int = 0,
) -> IngestReport:
    """One cycle. Raises only where nothing can go on: a second cycle (PUBLISH_LOCKED), our disk, our fault.

    ``high_water`` is a second memory of marks beside the store's (the database's); the greater wins.
    ``at_least``: sets below this number were published and are lost (``SnapshotStore.publish``).
    """
    timer = timer or MonotonicTimer()
    began = timer.now()
    async with (
        _held(archive),
        _dropped(store.drafts(authorities, at_least=at_least)) as drafts,
        WantedLater[Mapping[str, int]]() as added,
    ):
        tell = progress or _silent
        marks: tuple[HighWater, ...] = (store,) if high_water is None else (store, high_water)
        sinks = _sinks(store)
        since = SinceBefore(store, archive, sinks)
        taker = Taker(
            authorities,
            marks,
            clock,
            tell,
            sink_for=sinks,
            ahead=drafts.begin,
            told_by_changes=since.entries,
        )
        cycle = _Cycle(
            authorities, source, store, clock, archive, taker, tell, at_least, drafts, since, added
        )
        await cycle.begin()
        waiting = Window(timer, patience.wait_s, patience.poll_s)
        await cycle.ask()
        while await cycle.waits(waiting):
            await cycle.ask(renew)
        await cycle.publish(published)
        late = Window(timer, patience.late_s, patience.poll_s)
        while await cycle.waits(late):
            await cycle.ask(renew)
            await cycle.publish(published, late=True)
        report = await cycle.report()
    return replace(report, seconds=timer.now() - began)


@asynccontextmanager
async def _held(archive: ListArchive) -> AsyncIterator[None]:
    """``ListArchive.cycle`` entered and left in threads, however this coroutine ends."""
    stack = ExitStack()
    try:
        await asyncio.to_thread(stack.enter_context, archive.cycle())
        yield
    finally:
        # How it ended decides which unfinished downloads wait for the next cycle.
        await asyncio.to_thread(stack.__exit__, *sys.exc_info())


@asynccontextmanager
async def _dropped(drafts: Drafts) -> AsyncIterator[Drafts]:
    """What was begun and not published goes, however this coroutine ends."""
    try:
        yield drafts
    finally:
        await asyncio.to_thread(drafts.drop)


def _sinks(store: SnapshotStore) -> Callable[[ListScope], Harvest]:
    """Where a list's entries go: in the order of the set that it will be published upon."""
    keys: dict[Lineage, bytes] = {}

    def sink_for(scope: ListScope) -> Harvest:
        """In a worker thread, after the set was opened."""
        key = keys.get(scope.lineage)
        if key is None:
            key = keys[scope.lineage] = store.mixing_key(scope.lineage)
        return Harvest(key)

    return sink_for


def _silent(stage: str, done: int, total: int) -> None:
    """Progress for nobody."""


class _Cycle:
    """What a running cycle knows. In memory until the publish: the decoded lists of one set, as ever."""

    def __init__(
        self,
        authorities: Authorities,
        source: ListSource,
        store: SnapshotStore,
        clock: Clock,
        archive: ListArchive,
        taker: Taker,
        tell: Progress,
        at_least: int,
        drafts: Drafts,
        since: SinceBefore,
        added: WantedLater[Mapping[str, int]],
    ) -> None:
        self._since: Final = since
        self._added: Final = added
        self._told: Final = ToldAdditions()
        self._authorities: Final = authorities
        self._source: Final = source
        self._store: Final = store
        self._clock: Final = clock
        self._archive: Final = archive
        self._taker: Final = taker
        self._tell: Final = tell
        self._at_least: Final = at_least
        self._drafts: Final = drafts
        self._expected: Final = authorities.expected_lists()
        #: The accepted lists of the cycles before and of this one; what of that the archive has written down.
        self._known: dict[str, StoredList] = {}
        self._remembered: dict[str, StoredList] = {}
        self._first: Snapshot | None = None
        self._now: Snapshot | None = None
        #: Accepted, not yet in a set of this cycle.
        self._waiting: list[Taken] = []
        self._accepted: Final[set[ListScope]] = set()
        self._answered: Final[set[ListScope]] = set()
        self._failures: Final[dict[ListScope, Refused]] = {}
        self._sets: Final[list[CycleSet]] = []
        self._rounds = 0
        self._is_open = False

    @property
    def missing(self) -> list[ListScope]:
        """Neither accepted nor confirmed yet. What was refused is among them: the CA may replace it."""
        return [scope for scope in self._expected if scope not in self._accepted]

    async def begin(self) -> None:
        self._known = await asyncio.to_thread(self._archive.stored)
        self._remembered = dict(self._known)

    async def _open(self) -> None:
        """The set to build upon, which is read whole: beside the first fetch, which does not need it."""
        if self._is_open:
            return
        current = await asyncio.to_thread(self._store.current)
        self._first = self._now = None if current is None else before_lost(current, self._at_least)
        self._is_open = True

    async def waits(self, window: Window) -> bool:
        """Wait for the next round, if a list is missing and the window is open."""
        if not self.missing or not window.is_open:
            return False
        self._tell("waiting for lists", len(self._accepted), len(self._expected))
        await window.sleep()
        return True

    async def ask(self, renew: Renew | None = None) -> None:
        """One round: every missing list that the source has an address for."""
        self._rounds += 1
        missing = self.missing
        if renew is not None:
            await renew(missing)
        # What the source offers besides is not ours to read.
        wanted = [scope for scope in missing if scope in self._source.offered]
        count = 0

        def done() -> None:
            nonlocal count
            count += 1
            self._tell("fetch", count, len(wanted))

        self._tell("fetch", 0, len(wanted))
        known = self._taker.known(self._known)
        opening = asyncio.create_task(self._open())
        try:
            fetched = await self._source.fetch(wanted, self._archive.incoming, stored=known, done=done)
            await opening
        finally:
            # Where the fetch did not end well, nobody waits for the set any more.
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        self._answered.update(scope for scope, one in fetched.items() if not isinstance(one, Failed))
        taken, refused = await self._taker.take(fetched)
        self._failures.update({s: Refused(s, _not_offered()) for s in missing if s not in fetched})
        for one in refused:
            self._failures[one.scope] = one
            if one.error.code == ARCHIVE_CORRUPT:
                self._known.pop(str(one.scope), None)
        for item in taken:
            self._failures.pop(item.scope, None)
            self._accepted.add(item.scope)
        self._waiting += taken

    async def publish(self, published: Published | None, *, late: bool = False) -> None:
        """A set of what came since the last one, if anything new did."""
        new = {item.scope: item.accepted for item in self._waiting if _is_new(item, self._now)}
        taken, self._waiting = self._waiting, []
        count = len(new)
        if new:
            loop = asyncio.get_running_loop()

            def progress(done: int, total: int) -> None:
                loop.call_soon_threadsafe(self._tell, "publish", done, total)

            before = self._now
            self._now = await asyncio.to_thread(
                self._store.publish,
                new,
                self._authorities,
                now=self._clock.now(),
                # In a late set also what this cycle published before: the CA's newest of today.
                confirmed=[scope for scope in self._accepted if scope not in new],
                at_least=self._at_least,
                progress=progress,
                drafts=self._drafts,
            )
            # Of tens of millions of entries nothing stays in memory while others work on the set.
            changes = changes_told(new, self._now)
            new.clear()
            missing = len(self.missing)
            self._sets.append(CycleSet(self._now.seq, count, missing, self._now.partial, late))
            # For the report. Two whole files are compared, unless the night's few changes tell it all; what
            # follows here is Python on small ones.
            whole = partial(new_by_reason, self._first, self._now)
            count_added = partial(self._told.by_reason, self._first, before, self._now, changes)
            self._added.begin(partial(count_added, otherwise=whole))
        # What follows is convenience: a crash here costs fetching the same lists once more.
        self._known = await asyncio.to_thread(_archive, self._archive, taken, self._known)
        if self._known != self._remembered:
            await asyncio.to_thread(self._archive.remember, self._known)
            self._remembered = dict(self._known)
        if count:
            await asyncio.to_thread(self._since.remember, taken, self._known)
        if count and published is not None and self._now is not None:
            await published(self._now)

    async def report(self) -> IngestReport:
        added = await self._added.result(otherwise={})
        return await asyncio.to_thread(self._report, added)

    def _report(self, added: Mapping[str, int]) -> IngestReport:
        carried, absent = carried_and_absent(self._now, self._expected, self._accepted)
        failures = sorted(self._failures.values(), key=lambda one: str(one.scope))
        return IngestReport(
            outcome=outcome_of(published=bool(self._sets), failures=[one.error for one in failures]),
            set_seq=self._sets[-1].set_seq if self._sets else None,
            lists_expected=len(self._expected),
            lists_fetched=len(self._answered),
            lists_accepted=len(self._accepted),
            lists_carried=carried,
            lists_absent=absent,
            entries=0 if self._now is None else self._now.entries,
            refused=tuple(Refusal(one.scope.lineage.ca_id, one.scope, one.error) for one in failures),
            new_by_reason=added,
            seconds=0.0,
            sets=tuple(self._sets),
            rounds=self._rounds,
            kept=_keep_refused(self._archive, failures),
        )


def _is_new(item: Taken, before: Snapshot | None) -> bool:
    """Must a new set take this list? Also one that is known, where the set before does not speak by it:
    it is superseded or overtaken, or had the list under another partition number.
    """
    if item.acceptance is Acceptance.NEW or before is None or before.superseded:
        return True
    state = before.lists.get(item.scope)
    return state is None or state.state is ListPresence.ABSENT or state.outdated


def _archive(
    archive: ListArchive,
    taken: Iterable[Taken],
    known: Mapping[str, StoredList],
) -> dict[str, StoredList]:
    """Move the new files to their day; what the server called them, without what rotted."""
    stored = dict(known)
    for item in taken:
        scope, file = item.scope, item.stored
        if archive.is_incoming(file.name):
            this_update = item.accepted.list.this_update
            name = archive.keep(scope, file.name, sha256=file.sha256, this_update=this_update)
            file = StoredList(name, file.sha256, file.address, file.etag)
        stored[str(scope)] = file
    return stored


def _keep_refused(archive: ListArchive, refused: Iterable[Refused]) -> dict[str, Path]:
    """One file of each code, for ``python -m revocation decode``: the others are refused for the same."""
    kept: dict[str, Path] = {}
    for one in refused:
        if one.stored is not None and one.error.code not in kept:
            path = archive.keep_refused(one.error.code, one.stored.path)
            if path is not None:
                kept[one.error.code] = path
    return kept


def _not_offered() -> OutsideFailed:
    return OutsideFailed(
        "LIST_NOT_OFFERED",
        expected="an address for every approved partition and live key",
        got="none",
        remedy="ask the CA whether the partition was closed or merged; closing it is an act of two people",
    )
