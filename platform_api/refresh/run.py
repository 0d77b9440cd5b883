"""A whole pass over all institutions: open what is needed, one at a time on a data folder, and report.

Safe to run again at any time, and beside a pass on another host: tasks are claimed for a lease, and what one
pass has written the other finds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.changes import detect_store
from platform_api.clock import service_clock
from platform_api.db.database import open_database
from platform_api.db.failures import CONNECTION_LOST
from platform_api.db.transactions import detector
from platform_api.faults import DatabaseFailed, SetupRefused
from platform_api.four_information.rules import FetchRules
from platform_api.jlis.fields import provider_code_of
from platform_api.jlis.opening import for_batches, open_gateway
from platform_api.key_fingerprints import require_known_keys
from platform_api.key_set import open_keys
from platform_api.provisioning import prepare
from platform_api.refresh.model import DATABASE_BUSY
from platform_api.refresh.passing import Passing, purge_deliveries
from platform_api.refresh.published import PublishedSets
from platform_api.refresh.question import BUSY
from platform_api.refresh.report import InstitutionReport, RefreshReport
from platform_api.registrations.watching import Watcher
from platform_api.sealing import Sealer
from revocation.errors import OutsideFailed
from revocation.snapshot.store import SnapshotStore

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.db.database import Database
    from platform_api.db.transactions import Pool
    from platform_api.jlis.gateway import Gateway
    from platform_api.key_set import KeySet
    from revocation.clock import Clock

Progress = Callable[[str], None]
#: Connections of the application: the questions on their way, and the steps between them.
_POOL: Final = 10


@dataclass(slots=True)
class Refreshing:
    """What passes need, opened once; each institution begins with the set and authorities of the moment."""

    settings: Settings
    keys: KeySet
    database: Database
    gateway: Gateway
    clock: Clock
    published: PublishedSets

    async def run(
        self, *, progress: Progress, only: UUID | None = None, stopped: Callable[[], bool] = lambda: False
    ) -> RefreshReport:
        """One pass; it ends early, between two registrations, once ``stopped`` says so."""
        with outside_failures():
            return await self._run(progress, only, stopped)

    async def _run(self, progress: Progress, only: UUID | None, stopped: Callable[[], bool]) -> RefreshReport:
        began = time.monotonic()
        report = RefreshReport()
        institutions = await self._institutions(only)
        pool = await self.database.app_pool(_POOL)
        parts = [InstitutionReport(institution_id) for institution_id in institutions]
        # Of all, before the first one asks: that may take hours.
        for part in parts:
            if stopped():
                break
            with _costs_its_turn(part):
                await purge_deliveries(pool, part, self.clock)
        passing: Passing | None = None
        for number, part in enumerate(parts, 1):
            if stopped():
                break
            progress(f"institution {number} of {len(parts)}")
            watcher = await self._watcher()
            passing = passing or self._passing(pool, watcher, stopped)
            passing.watcher = watcher
            with _costs_its_turn(part):
                await passing.institution(part.institution_id, part)
        report.institutions = parts
        report.away = None if passing is None else passing.reach.unreached
        report.interrupted = stopped()
        report.seconds = time.monotonic() - began
        return report

    def _passing(self, pool: Pool, watcher: Watcher, stopped: Callable[[], bool]) -> Passing:
        return Passing(
            pool,
            watcher,
            self.gateway,
            stopped=stopped,
            rules=FetchRules.of(self.settings),
            provider_code=partial(provider_code_of, self.settings),
        )

    async def _institutions(self, only: UUID | None) -> Sequence[UUID]:
        async def listed() -> list[UUID]:
            async with detector(await self.database.detector_pool()) as connection:
                return await detect_store.institutions(connection)

        found = await self.database.while_served(listed)
        if only is None:
            return found
        if only not in found:
            raise SetupRefused(
                "INSTITUTION_UNKNOWN",
                expected="the id of an institution",
                got="an id that no institution has",
                remedy="look it up with: jpki institution list",
            )
        return [only]

    async def _watcher(self) -> Watcher:
        """With the set published last: a night may have run since the last institution."""
        await self.published.look()
        sealer = Sealer(self.keys.key_provider)
        return Watcher(self.published.authorities, self.published, sealer, self.keys.tagger, self.clock)


@contextmanager
def _costs_its_turn(part: InstitutionReport) -> Iterator[None]:
    """A night that holds its locks costs this institution the rest of its turn, and no other."""
    try:
        yield
    except* BUSY:
        part.problem(DATABASE_BUSY)


@contextmanager
def outside_failures() -> Iterator[None]:
    """A database that goes away under a pass is the outside's failure, alone or in a group of questions."""
    try:
        yield
    except (*CONNECTION_LOST, *BUSY, ExceptionGroup) as failure:
        found = list(_each(failure))
        if not all(isinstance(one, (OutsideFailed, *CONNECTION_LOST, *BUSY)) for one in found):
            raise
        ours = (one for one in found if isinstance(one, OutsideFailed))
        raise next(ours, _database_lost(found[0])) from None


def _each(failure: BaseException) -> Iterator[BaseException]:
    if isinstance(failure, BaseExceptionGroup):
        for one in failure.exceptions:
            yield from _each(one)
    else:
        yield failure


def _database_lost(failure: BaseException) -> DatabaseFailed:
    return DatabaseFailed(
        "DATABASE_LOST",
        expected="PostgreSQL to stay until the pass is done",
        got=type(failure).__name__,
        remedy="check that it runs, then run this again: it goes on where it stopped",
    )


@asynccontextmanager
async def refreshing(settings: Settings, *, progress: Progress) -> AsyncIterator[Refreshing]:
    """Open everything that a pass needs, for one pass or for many."""
    async with service_clock(settings.sandbox_url) as clock, open_gateway(settings, clock) as gateway:
        progress("keys, authorities and the database")
        keys = await asyncio.to_thread(open_keys, settings.keys_dir, now=clock.now())
        await prepare(settings, gateway)
        store = SnapshotStore(settings.snapshots_dir, trusted_publishers=(keys.publisher.public_key(),))
        async with open_database(
            data_dir=settings.data_dir,
            clock=clock,
            dsn=settings.dsn,
            owner_dsn=settings.owner_dsn,
            detector_dsn=settings.detector_dsn,
        ) as database:
            await require_known_keys(database, settings.keys_dir)
            batches = for_batches(gateway)
            published = PublishedSets(store, settings.authorities_file, clock)
            yield Refreshing(settings, keys, database, batches, clock, published)


async def run_refresh(
    settings: Settings,
    *,
    progress: Progress,
    only: UUID | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> RefreshReport:
    """One pass. The caller holds the lock of the data folder (``one_refresh``)."""
    async with refreshing(settings, progress=progress) as opened:
        return await opened.run(progress=progress, only=only, stopped=stopped)
