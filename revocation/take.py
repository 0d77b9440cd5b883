"""From a fetched file to an accepted list, or its refusal: verify, decode, accept. Publishes nothing.

What was refused for its content is remembered for the cycle: the same bytes again are not decoded again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from revocation.authorities import Authorities, Authority, Generation, ListScope
from revocation.clock import Clock
from revocation.crl.accept import Acceptance, HighWater, accept_list
from revocation.crl.archive import StoredList
from revocation.crl.decode import (
    DecodedList,
    Meanwhile,
    OctetProgress,
    Shortcut,
    Unverified,
    decode_certificate_list,
)
from revocation.crl.digest import list_digest
from revocation.crl.entries import EntrySink
from revocation.crl.entry_region import EntryRegion, EntryRules
from revocation.crl.familiar import FileFacts
from revocation.crl.fetch import Failed, Fetched, FetchResult, NotModified
from revocation.crl.list_file import ListFile
from revocation.crl.moments import in_moments
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused, OutsideFailed, OwnFault, RevocationError, out_of_memory
from revocation.ingest_report import Progress
from revocation.snapshot.draft import ListHead
from revocation.snapshot.plan import AcceptedList, ListEntries

ARCHIVE_CORRUPT: Final = "ARCHIVE_CORRUPT"

#: These bytes may be right a minute later: judged anew in each round.
_PASSES_WITH_TIME: Final = frozenset({"THIS_UPDATE_IN_FUTURE", "SIGNER_NOT_YET_VALID"})

#: How far a list is, is told after so many octets: a few times a second, and never for a small one.
_TELL_OCTETS: Final = 64 * 1024 * 1024

_CORES: Final = os.cpu_count() or 1
#: Comparing, decoding and hashing release the interpreter lock. One thread more than cores: of a small list a
#: third is Python, for which one thread waits while another has the lock.
_THREADS: Final = min(8, _CORES + 1)


@dataclass(frozen=True, slots=True)
class Taken:
    """One list that passed every rule."""

    scope: ListScope
    acceptance: Acceptance
    accepted: AcceptedList
    stored: StoredList
    #: The file that was read, as it was then; where its entries stand, and how they were read.
    file: FileFacts
    entries_at: tuple[int, int]
    rules: EntryRules


@dataclass(frozen=True, slots=True)
class Refused:
    """One that did not; ``stored`` are the refused bytes, where there were any."""

    scope: ListScope
    error: RevocationError
    stored: StoredList | None = None
    #: Did its signature hold? If not, these may be the server's bytes or what a bad line made of them.
    signed: bool = False


class ListSink(EntrySink, ListEntries, Protocol):
    """What a list's entries are taken into: filled by the decoder, read when the set is planned."""


#: What may be done with a list's entries while its hash is computed, in the thread that would wait for it.
Ahead = Callable[[ListScope, ListHead, Callable[[], bool]], None]

#: The entries of a list by what changed in them (``since_before.py``), or None; hears how far it is.
ToldByChanges = Callable[
    [ListScope, Authority, ListFile, EntryRegion, Callable[[int], None]], ListEntries | None
]


class Taker:
    """Takes the files of one cycle, round by round, in worker threads, a bounded number at a time.

    ``sink_for`` makes the sink for the entries of one list, in one of those threads; without it they are
    packed records. ``ahead`` gets them before they may be believed, to begin what needs no signature.
    ``told_by_changes`` may know a list's entries by what changed since the set before.
    """

    def __init__(
        self,
        authorities: Authorities,
        marks: tuple[HighWater, ...],
        clock: Clock,
        tell: Progress,
        sink_for: Callable[[ListScope], ListSink] | None = None,
        ahead: Ahead | None = None,
        told_by_changes: ToldByChanges | None = None,
    ) -> None:
        self._authorities: Final = authorities
        self._marks: Final = marks
        self._clock: Final = clock
        self._tell: Final = tell
        self._sink_for: Final = sink_for
        self._ahead: Final = ahead
        self._told_by_changes: Final = told_by_changes
        self._refused: Final[dict[ListScope, Refused]] = {}
        #: Are there lists enough for every core?
        self._are_many = False

    def known(self, stored: Mapping[str, StoredList]) -> dict[str, StoredList]:
        """What the source may answer "not modified" for: the accepted lists, and those refused just now.

        Of a refused one whose signature did not hold the entity tag proves nothing: if it was damaged on the
        way, the server has the right bytes under that very tag. So it is fetched whole in each round.
        """
        refused = {
            str(scope): one.stored if one.signed else replace(one.stored, etag=None)
            for scope, one in self._refused.items()
            if one.stored is not None
        }
        return {**stored, **refused}

    async def take(self, fetched: Mapping[ListScope, FetchResult]) -> tuple[list[Taken], list[Refused]]:
        """Each file judged, sorted by scope."""
        results: dict[ListScope, Taken | Refused] = {}
        loop = asyncio.get_running_loop()

        def decoded(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._tell, "decode", done, total)

        order = sorted(fetched)
        self._are_many = len(order) > _CORES

        def judge(scope: ListScope) -> Taken | Refused:
            return self._judge(scope, fetched[scope], self._clock.now(), decoded)

        def heard(scope: ListScope, one: Taken | Refused) -> None:
            results[scope] = one
            self._tell("accept", len(results), len(fetched))

        await in_moments(order, judge, heard, _THREADS)
        judged = [results[scope] for scope in order]
        refused = [one for one in judged if isinstance(one, Refused)]
        for one in refused:
            if one.stored is not None:
                self._refused[one.scope] = one
        return [one for one in judged if isinstance(one, Taken)], refused

    def _judge(
        self, scope: ListScope, result: FetchResult, now: datetime, progress: OctetProgress
    ) -> Taken | Refused:
        """In a thread."""
        if isinstance(result, Failed):
            return Refused(scope, result.error)
        try:
            return self._judge_file(scope, result, now, _seldom(progress))
        except (OutsideFailed, OwnFault) as error:
            return Refused(scope, _without_frames(error))
        except MemoryError:
            # This list waits for another night; the others are smaller, perhaps.
            return Refused(scope, out_of_memory())

    def _judge_file(
        self, scope: ListScope, result: Fetched | NotModified, now: datetime, progress: OctetProgress
    ) -> Taken | Refused:
        with ListFile(result.stored.name if isinstance(result, NotModified) else result.path) as file:
            judged = self._judge_octets(scope, result, file, now, progress)
            # Also of a refusal: it may be for what was half written.
            file.check_rested()
        return judged

    def _judge_octets(
        self,
        scope: ListScope,
        result: Fetched | NotModified,
        file: ListFile,
        now: datetime,
        progress: OctetProgress,
    ) -> Taken | Refused:
        data = file.octets
        before = self._refused.get(scope) if self._refused else None
        if before is not None and before.stored is not None:
            stored = _described(result, data)
            if stored.sha256 == before.stored.sha256 and before.error.code not in _PASSES_WITH_TIME:
                return replace(before, stored=stored)
        signed = False
        try:
            authority, decoded, generation = self._verified(scope, result, file, progress)
            signed = True
            return self._accept(scope, result, file.facts, authority, decoded, generation, now)
        except InputRefused as error:
            stored = _described(result, data)
            # Of a file that was fetched just now this is the very digest that describes it.
            if isinstance(result, NotModified) and list_digest(data) != stored.sha256:
                raise _corrupt() from error
            return Refused(scope, _without_frames(error), stored, signed)

    def _verified(
        self,
        scope: ListScope,
        result: Fetched | NotModified,
        file: ListFile,
        progress: OctetProgress,
    ) -> tuple[Authority, DecodedList[ListEntries], Generation]:
        """The list as its CA signed it, or the error of the first rule that is broken."""
        authority = self._authorities.by_id(scope.lineage.ca_id)
        if authority is None:
            raise OwnFault(
                "AUTHORITY_MISSING",
                expected="the authority of an expected list",
                got="none",
                remedy="report this as a bug",
            )
        sink = None if self._sink_for is None else self._sink_for(scope)
        # A list that the server says we have is published already, or will be refused.
        is_new = not isinstance(result, NotModified)
        decoded: DecodedList[ListEntries] = decode_certificate_list(
            file.octets,
            tolerances=authority.tolerances,
            sink=sink,
            progress=progress,
            meanwhile=self._meanwhile(scope) if is_new and sink is not None else None,
            shortcut=self._shortcut(scope, authority, file) if is_new else None,
            of_many=self._are_many,
        )
        if isinstance(result, NotModified) and decoded.sha256 != result.stored.sha256:
            raise _corrupt()
        return authority, decoded, verify_list(decoded, authority)

    def _meanwhile(self, scope: ListScope) -> Meanwhile | None:
        ahead = self._ahead
        if ahead is None:
            return None

        def meanwhile(found: Unverified, stop: Callable[[], bool]) -> None:
            head = ListHead(found.this_update, found.next_update, found.crl_number, found.entries)
            ahead(scope, head, stop)

        return meanwhile

    def _shortcut(self, scope: ListScope, authority: Authority, file: ListFile) -> Shortcut | None:
        told = self._told_by_changes
        if told is None:
            return None
        return lambda region, between: told(scope, authority, file, region, between)

    def _accept(
        self,
        scope: ListScope,
        result: Fetched | NotModified,
        file: FileFacts,
        authority: Authority,
        decoded: DecodedList[ListEntries],
        generation: Generation,
        now: datetime,
    ) -> Taken:
        """The rules of acceptance."""
        # Every memory of marks must let it pass, so the greater mark wins; whether the list is new is for
        # the first one, the store, to say.
        found = [
            accept_list(decoded, authority, scope, generation, now=now, high_water=marks)
            for marks in self._marks
        ]
        stored = (
            result.stored
            if isinstance(result, NotModified)
            else StoredList(result.path, decoded.sha256, result.address, result.etag)
        )
        # Without the file's octets, which would stay in memory until the publish.
        head = ListHead(decoded.this_update, decoded.next_update, decoded.crl_number, decoded.entries)
        accepted = AcceptedList(head, decoded.sha256, now)
        return Taken(scope, found[0], accepted, stored, file, decoded.entries_at, decoded.rules)


def _described(result: Fetched | NotModified, data: bytes | memoryview) -> StoredList:
    """The bytes by their digest; of those that the server says we have, as remembered."""
    if isinstance(result, NotModified):
        return result.stored
    return StoredList(result.path, list_digest(data), result.address, result.etag)


def _seldom(progress: OctetProgress) -> OctetProgress:
    """Told on after every so many octets, and at the end of a list of at least as many."""
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if done - told >= _TELL_OCTETS or (done == total >= _TELL_OCTETS and done > told):
            told = done
            progress(done, total)

    return tell


def _without_frames(error: RevocationError) -> RevocationError:
    """The error without what was being done: that would keep the file mapped for as long as it is kept."""
    found: BaseException | None = error
    while found is not None:
        found.__traceback__ = None
        found = found.__cause__ or found.__context__
    return error


def _corrupt() -> OwnFault:
    return OwnFault(
        ARCHIVE_CORRUPT,
        expected="the stored list as it was accepted",
        got="other bytes",
        remedy="check the disk; the next round fetches this list whole",
    )
