"""The database of one night: what it remembers before the lists are taken in, what it learns after.

Without it a set may still be published, by the marks of the manifest chain alone, where that chain ends in a
set that can be read: status must not wait for a database. Where there is none, nothing says which lists are
too old, and nothing is published.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from platform_api.changes import store as feed
from platform_api.changes.detect import DetectionReport, detect
from platform_api.db.database import open_database
from platform_api.db.failures import DATABASE_ANSWERS_NOT
from platform_api.db.transactions import detector
from platform_api.faults import DatabaseFailed
from platform_api.high_water import Marks, catch_up, recall
from platform_api.key_fingerprints import require_known_keys
from platform_api.lost_sets import settle
from revocation.errors import OutsideFailed, RevocationError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from platform_api.config import Settings
    from platform_api.db.database import Database
    from platform_api.db.transactions import Pool
    from platform_api.tagging import Tagger
    from revocation.authorities import Authorities
    from revocation.clock import Clock
    from revocation.snapshot.store import SnapshotStore

#: Sets kept at least, for comparison and for looking back; those that detection still needs come on top.
KEEP_SETS: Final = 8

Made = TypeVar("Made")
Progress = Callable[[str], None]


@asynccontextmanager
async def night_database(
    settings: Settings,
    store: SnapshotStore,
    authorities: Authorities,
    tagger: Tagger,
    clock: Clock,
    progress: Progress,
) -> AsyncIterator[NightDatabase]:
    """Opens nothing yet; closes what was opened."""
    async with AsyncExitStack() as stack:
        yield NightDatabase(settings, store, authorities, tagger, clock, progress, stack)


class NightDatabase:
    """Opened when it can be, asked again when it could not."""

    def __init__(
        self,
        settings: Settings,
        store: SnapshotStore,
        authorities: Authorities,
        tagger: Tagger,
        clock: Clock,
        progress: Progress,
        stack: AsyncExitStack,
    ) -> None:
        self._settings: Final = settings
        self._store: Final = store
        self._authorities: Final = authorities
        self._tagger: Final = tagger
        self._clock: Final = clock
        self._progress: Final = progress
        self._stack: Final = stack
        self._database: Database | None = None
        #: The marks of the database; none of its own where it could not be asked.
        self.marks = Marks()
        #: Sets below this number are lost, by a recorded act; 0: none are.
        self.at_least = 0
        #: Why the database could not be asked before the lists were taken in.
        self.away: RevocationError | None = None
        self.detection = DetectionReport()

    async def begin(self, *, rebuild_by: str | None) -> None:
        """Marks and lost sets, before the lists are taken in. Raises where nothing may be published."""
        try:
            await self._open(rebuild_by)
        except DatabaseFailed as failure:
            current = await asyncio.to_thread(self._store.current)
            if current is None or current.superseded or rebuild_by is not None:
                raise OutsideFailed(
                    "MARKS_UNKNOWN",
                    expected="the marks in the database, or a published set that can be read",
                    got=f"{failure.code}, and no such set" if rebuild_by is None else failure.code,
                    remedy="start the database, then run the night again",
                ) from failure
            self.away = failure

    async def learn(self) -> None:
        """Catch up with the folder, then detect every set that is not told yet, whoever published it.

        Raises where the database cannot be had, or where the folder is not the one it knows.
        """
        database = await self._open(None) if self._database is None else self._database
        if self.at_least > (await asyncio.to_thread(self._store.reached)).seq:
            return  # sets are lost, and no new one could be published: nothing is learnt from older ones
        self._progress("which customers changed")
        await require_known_keys(database, self._settings.keys_dir)
        # The service that ran the database may be stopped meanwhile. What a lost try committed is not
        # found again by the next one; what it did not commit never was.
        await self._do(database, lambda pool: catch_up(pool, self._store))
        found = await self._do(database, self._detect)
        self.detection = DetectionReport((*self.detection.sets, *found.sets))

    async def retain(self) -> tuple[int, ...]:
        """Remove old sets, but none that detection has not finished, whoever detects and however far."""
        if self._database is None:
            return ()
        at = await self._do(self._database, _cursor)
        sequences = sorted(await asyncio.to_thread(self._store.sequences))
        if len(sequences) <= KEEP_SETS:
            return ()
        # The newest finished set stays too: the next one is compared with it.
        pinned = max((seq for seq in sequences if seq <= at), default=sequences[0])
        keep_from = min(sequences[-KEEP_SETS], pinned)
        return await asyncio.to_thread(lambda: self._store.retention(keep_from_seq=keep_from))

    async def _open(self, rebuild_by: str | None) -> Database:
        self._progress("the database")
        settings = self._settings
        try:
            database = await self._stack.enter_async_context(
                open_database(
                    data_dir=settings.data_dir,
                    clock=self._clock,
                    dsn=settings.dsn,
                    owner_dsn=settings.owner_dsn,
                    detector_dsn=settings.detector_dsn,
                )
            )
        except DATABASE_ANSWERS_NOT as failure:
            raise _unreadable(failure) from failure
        remembered = await self._do(database, recall)
        if remembered.published is not None or rebuild_by is not None:
            self._progress("is what was published still here?")

        async def settled(pool: Pool) -> int:
            return await settle(pool, self._store, remembered, self._clock, rebuild_by=rebuild_by)

        self.at_least = await self._do(database, settled)
        if not self.at_least:  # a night that was cut off after its commit left the rest to us
            await self._do(database, lambda pool: catch_up(pool, self._store))
        self.marks = remembered.marks
        self._database = database
        return database

    async def _detect(self, pool: Pool) -> DetectionReport:
        return await detect(
            pool, store=self._store, authorities=self._authorities, tagger=self._tagger, clock=self._clock
        )

    async def _do(self, database: Database, act: Callable[[Pool], Awaitable[Made]]) -> Made:
        async def once() -> Made:
            return await act(await database.detector_pool())

        try:
            return await database.while_served(once)
        except DATABASE_ANSWERS_NOT as failure:
            raise _unreadable(failure) from failure


async def _cursor(pool: Pool) -> int:
    async with detector(pool) as connection:
        return await feed.cursor(connection)


def _unreadable(failure: BaseException) -> DatabaseFailed:
    return DatabaseFailed(
        "DATABASE_UNREADABLE",
        expected="the database to answer as role detector",
        got=type(failure).__name__,
        remedy="check that it runs and that nothing holds its locks, then run the night again",
    )
