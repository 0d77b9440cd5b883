"""One cycle: fetch, verify, decode, accept, publish. Run it again at any time, after anything.

A list that fails stops only itself: its partition is carried over from the published set (and gets stale
by its own nextUpdate), the report names scope and code, the others publish. Nothing here changes what is
served before ``SnapshotStore.publish`` commits; killed anywhere, the next cycle does the same again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from revocation.authorities import Authorities, ListScope
from revocation.changes import changes_between
from revocation.clock import Clock
from revocation.crl.accept import Acceptance, HighWater, accept_list
from revocation.crl.archive import ListArchive, StoredList
from revocation.crl.decode import CertificateList, decode_certificate_list
from revocation.crl.fetch import Failed, Fetched, FetchResult, ListSource, NotModified
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused, OutsideFailed, OwnFault, RevocationError
from revocation.index.layout import ListPresence
from revocation.reasons import reason_name
from revocation.snapshot.current import Snapshot
from revocation.snapshot.plan import AcceptedList
from revocation.snapshot.store import SnapshotStore


class Outcome(StrEnum):
    """How a cycle ended."""

    #: A new set, every expected list in it accepted or confirmed.
    PUBLISHED = "PUBLISHED"
    #: A new set, in which some lists are carried over or absent.
    PARTIAL = "PARTIAL"
    #: Every list is the one already published.
    NOTHING_NEW = "NOTHING_NEW"
    #: No new set: nothing new came, and at least one list was refused.
    REFUSED = "REFUSED"
    #: No new set: nothing new came, and the rest could not be fetched.
    UPSTREAM_DOWN = "UPSTREAM_DOWN"


class Progress(Protocol):
    """Told how far a stage is; called from the event loop, must return at once."""

    def __call__(self, stage: str, done: int, total: int, /) -> None: ...


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a cycle did, for the night's record."""

    outcome: Outcome
    #: The set that this cycle published.
    set_seq: int | None
    lists_expected: int
    #: Answered by the source, new or unchanged.
    lists_fetched: int
    #: Passed every rule, new or the very one accepted before.
    lists_accepted: int
    #: Of the set now in force: carried over from an earlier one though this cycle did not confirm them.
    lists_carried: int
    lists_absent: int
    #: Listed entries of the set now in force.
    entries: int
    #: (scope, stable code), sorted.
    refusals: tuple[tuple[str, str], ...]
    #: Newly listed certificates by RFC 5280 reason name.
    new_by_reason: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Taken:
    """One list that passed every rule."""

    scope: ListScope
    acceptance: Acceptance
    accepted: AcceptedList
    stored: StoredList


_ARCHIVE_CORRUPT: Final = "ARCHIVE_CORRUPT"

#: Decoding and hashing release the interpreter lock; more threads than cores only cost memory.
_THREADS: Final = max(1, min(8, os.cpu_count() or 1))


async def ingest_cycle(
    authorities: Authorities,
    source: ListSource,
    store: SnapshotStore,
    clock: Clock,
    *,
    archive: ListArchive,
    progress: Progress | None = None,
    high_water: HighWater | None = None,
) -> IngestReport:
    """One cycle. Raises only where nothing can go on: a second cycle (PUBLISH_LOCKED), our disk, our fault.

    ``high_water`` is a second memory of marks beside the store's (the database's); the greater wins.
    """
    started = time.monotonic()
    tell = progress or _silent
    async with _cycle(archive):
        known = await asyncio.to_thread(archive.stored)
        before = await asyncio.to_thread(store.current)
        expected = authorities.expected_lists()
        marks: tuple[HighWater, ...] = (store,) if high_water is None else (store, high_water)
        fetched = await _fetch(expected, source, archive, known, tell)
        taken, failures = await _take(fetched, authorities, marks, clock, tell)
        failures |= {scope: _not_offered() for scope in expected if scope not in fetched}

        new = [item for item in taken if _is_new(item, before)]
        after = before
        if new:
            tell("publish", 0, 1)
            after = await asyncio.to_thread(
                store.publish,
                {item.scope: item.accepted for item in new},
                authorities,
                now=clock.now(),
                confirmed=[item.scope for item in taken if not _is_new(item, before)],
            )
            tell("publish", 1, 1)
        # What follows is convenience: a crash here costs fetching the same lists once more.
        await asyncio.to_thread(_archive, archive, taken, failures, known)
        outcome = _outcome(bool(new), failures.values())
        return await asyncio.to_thread(
            _report, outcome, before, after, expected, fetched, taken, failures, started
        )


@asynccontextmanager
async def _cycle(archive: ListArchive) -> AsyncIterator[None]:
    """``ListArchive.cycle`` entered and left in threads, however this coroutine ends."""
    stack = ExitStack()
    try:
        await asyncio.to_thread(stack.enter_context, archive.cycle())
        yield
    finally:
        await asyncio.to_thread(stack.close)


def _silent(stage: str, done: int, total: int) -> None:
    """Progress for nobody."""


async def _fetch(
    expected: Collection[ListScope],
    source: ListSource,
    archive: ListArchive,
    known: Mapping[str, StoredList],
    tell: Progress,
) -> dict[ListScope, FetchResult]:
    """All expected lists that the source offers; what it offers besides is not ours to read."""
    wanted = [scope for scope in expected if scope in source.offered]
    count = 0

    def done() -> None:
        nonlocal count
        count += 1
        tell("fetch", count, len(wanted))

    tell("fetch", 0, len(wanted))
    return await source.fetch(wanted, archive.incoming, stored=known, done=done)


async def _take(
    fetched: Mapping[ListScope, FetchResult],
    authorities: Authorities,
    marks: tuple[HighWater, ...],
    clock: Clock,
    tell: Progress,
) -> tuple[list[_Taken], dict[ListScope, RevocationError]]:
    """Verify, decode and accept each file in worker threads, a bounded number at a time."""
    taken: list[_Taken] = []
    failures: dict[ListScope, RevocationError] = {}
    queue = iter(sorted(fetched.items(), key=lambda item: item[0]))
    count = 0

    async def worker() -> None:
        nonlocal count
        for scope, result in queue:
            try:
                taken.append(
                    await asyncio.to_thread(_take_one, scope, result, authorities, marks, clock.now())
                )
            except (InputRefused, OutsideFailed, OwnFault) as error:
                failures[scope] = error
            count += 1
            tell("accept", count, len(fetched))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(_THREADS, len(fetched))):
            group.create_task(worker())
    taken.sort(key=lambda item: item.scope)
    return taken, failures


def _take_one(
    scope: ListScope,
    result: FetchResult,
    authorities: Authorities,
    marks: tuple[HighWater, ...],
    now: datetime,
) -> _Taken:
    """From a whole file to an accepted list, or the refusal; in a thread."""
    if isinstance(result, Failed):
        raise result.error
    stored = result.stored if isinstance(result, NotModified) else None
    path = result.path if isinstance(result, Fetched) else result.stored.path
    authority = authorities.by_id(scope.lineage.ca_id)
    if authority is None:
        raise OwnFault(
            "AUTHORITY_MISSING",
            expected="the authority of an expected list",
            got="none",
            remedy="report this as a bug",
        )
    certificate_list = decode_certificate_list(_read(path), tolerances=authority.tolerances)
    if stored is not None and certificate_list.sha256 != stored.sha256:
        raise OwnFault(
            _ARCHIVE_CORRUPT,
            expected="the stored list as it was accepted",
            got="other bytes",
            remedy="check the disk; the next cycle fetches this list whole",
        )
    generation = verify_list(certificate_list, authority)
    acceptance = Acceptance.NEW
    for high_water in marks:
        # Every mark must let it pass, so the greater one wins; whether it is new is for the store to say.
        found = accept_list(certificate_list, authority, scope, generation, now=now, high_water=high_water)
        if high_water is marks[0]:
            acceptance = found
    if isinstance(result, Fetched):
        stored = StoredList(path, certificate_list.sha256, result.address, result.etag)
    assert stored is not None  # noqa: S101 - NotModified carries it
    return _Taken(
        scope,
        acceptance,
        AcceptedList(_without_octets(certificate_list), certificate_list.sha256, now),
        stored,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutsideFailed(
            "ARCHIVE_UNREADABLE",
            expected="a fetched list that can be read back",
            got=error.strerror or "an I/O error",
            remedy="check the disk, then run again",
        ) from error


def _without_octets(certificate_list: CertificateList) -> CertificateList:
    """The same facts without the file's octets, which would stay in memory until the publish."""
    return replace(certificate_list, tbs=memoryview(b""))


def _is_new(item: _Taken, before: Snapshot | None) -> bool:
    """Must a new set take this list? Also one that is known, where the set before does not speak by it:
    it is superseded or overtaken, or had the list under another partition number.
    """
    if item.acceptance is Acceptance.NEW or before is None or before.superseded:
        return True
    state = before.lists.get(item.scope)
    return state is None or state.state is ListPresence.ABSENT or state.outdated


def _archive(
    archive: ListArchive,
    taken: Iterable[_Taken],
    failures: Mapping[ListScope, RevocationError],
    known: Mapping[str, StoredList],
) -> None:
    """Move the new files to their day and remember what the server called them; forget what rotted."""
    rotten = {str(scope) for scope, error in failures.items() if error.code == _ARCHIVE_CORRUPT}
    stored = {key: value for key, value in known.items() if key not in rotten}
    for item in taken:
        path = item.stored.path
        if path.parent == archive.incoming:
            path = archive.keep(
                item.scope, path, sha256=item.stored.sha256, this_update=item.accepted.list.this_update
            )
        stored[str(item.scope)] = replace(item.stored, path=path)
    if stored != known:
        archive.remember(stored)


def _not_offered() -> OutsideFailed:
    return OutsideFailed(
        "LIST_NOT_OFFERED",
        expected="an address for every approved partition and live key",
        got="none",
        remedy="ask the CA whether the partition was closed or merged; closing it is an act of two people",
    )


def _outcome(published: bool, failures: Iterable[RevocationError]) -> Outcome:
    found = list(failures)
    if published:
        return Outcome.PARTIAL if found else Outcome.PUBLISHED
    if not found:
        return Outcome.NOTHING_NEW
    if any(not isinstance(error, OutsideFailed) for error in found):
        return Outcome.REFUSED
    return Outcome.UPSTREAM_DOWN


def _report(
    outcome: Outcome,
    before: Snapshot | None,
    after: Snapshot | None,
    expected: Collection[ListScope],
    fetched: Mapping[ListScope, FetchResult],
    taken: Collection[_Taken],
    failures: Mapping[ListScope, RevocationError],
    started: float,
) -> IngestReport:
    new_by_reason: dict[str, int] = {}
    if after is not None and after is not before:
        for change in changes_between(before, after):
            if change.kind == "added":
                name = reason_name(0xFF if change.reason_after is None else change.reason_after)
                new_by_reason[name] = new_by_reason.get(name, 0) + 1
    states = {} if after is None else after.lists
    confirmed = {item.scope for item in taken}
    carried = absent = 0
    for scope in expected:
        state = states.get(scope)
        if state is None or state.state is ListPresence.ABSENT:
            absent += 1
        elif scope not in confirmed:
            carried += 1
    return IngestReport(
        outcome=outcome,
        set_seq=None if after is None or after is before else after.seq,
        lists_expected=len(expected),
        lists_fetched=sum(not isinstance(result, Failed) for result in fetched.values()),
        lists_accepted=len(taken),
        lists_carried=carried,
        lists_absent=absent,
        entries=0 if after is None else after.entries,
        refusals=tuple(sorted((str(scope), error.code) for scope, error in failures.items())),
        new_by_reason=new_by_reason,
        seconds=time.monotonic() - started,
    )
