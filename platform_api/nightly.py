"""One night: clock, marks, partition list, ingest (to the commit, again per late list), detection, retention.

Safe to run again. Killed anywhere, the next run goes on: the set is published or it is not, the database
catches up with the folder, each set is detected in one transaction with the cursor, and a night that finds
nothing new still finishes what an earlier one left.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from platform_api.clock import service_clock
from platform_api.config import Settings
from platform_api.jlis.opening import open_gateway
from platform_api.jlis.settings import address_of_j_lis
from platform_api.key_set import open_keys
from platform_api.list_addresses import AskedSource, take_in
from platform_api.night_database import NightDatabase, Progress, night_database
from platform_api.night_guard import one_night
from platform_api.night_report import NightReport
from platform_api.provisioning import prepare
from revocation.authorities import Authorities
from revocation.authority_succession import check_not_older
from revocation.clock import jst_day
from revocation.crl.archive import ListArchive
from revocation.errors import RevocationError
from revocation.snapshot.store import SnapshotStore

if TYPE_CHECKING:
    from revocation.clock import Clock
    from revocation.ingest import IngestReport
    from revocation.rounds import Timer
    from revocation.snapshot.current import Snapshot


async def run_night(
    settings: Settings,
    *,
    progress: Progress,
    rebuild_by: str | None = None,
    timer: Timer | None = None,
) -> NightReport:
    """The whole night. Raises only what cannot be reported as a night: settings, database, disk, second
    instance, sets that are lost (``rebuild_by`` is who accepts that, see ``lost_sets``).

    SIGINT and SIGTERM cancel it; it raises ``CancelledError`` when none of its steps is at work any more.
    """
    began = time.monotonic()
    address = address_of_j_lis(settings)  # before anything is made for a night that cannot be
    async with (
        one_night(settings.run_dir),
        service_clock(settings.sandbox_url) as clock,
        open_gateway(settings, clock) as gateway,
    ):
        progress("keys and authorities")
        keys = await asyncio.to_thread(open_keys, settings.keys_dir, now=clock.now())
        await prepare(settings, gateway)
        accepted = await asyncio.to_thread(Authorities.load, settings.authorities_file)
        # One day for the whole night: a partition that opens at midnight waits for the next one.
        authorities = accepted.on(jst_day(clock.now()))
        store = SnapshotStore(settings.snapshots_dir, publisher_key=keys.publisher)
        check_not_older(accepted, await asyncio.to_thread(store.current))
        async with night_database(settings, store, authorities, keys.tagger, clock, progress) as database:
            await database.begin(rebuild_by=rebuild_by)
            source = AskedSource(
                authorities, gateway, address, patience=settings.patience, timer=timer, tls=gateway.tls
            )
            report: IngestReport | RevocationError
            try:
                report = await _ingest(settings, authorities, source, store, clock, database, progress, timer)
            except RevocationError as error:  # our disk, or a second publisher: what is published is told
                report = error
            await database.learn()
            if isinstance(report, RevocationError):
                raise report
            removed = await database.retain()
            current = await asyncio.to_thread(store.current)
            nobody = len(source.failures) == len(authorities)
            return NightReport(
                set_seq=current.seq if current else None,
                ingest=report,
                detection=database.detection,
                removed_sets=removed,
                seconds=time.monotonic() - began,
                problem=next((e.code for e in source.failures.values()), None) if nobody else None,
                database_away=None if database.away is None else database.away.code,
                rebuilt_from=database.at_least or None,
            )


async def _ingest(
    settings: Settings,
    authorities: Authorities,
    source: AskedSource,
    store: SnapshotStore,
    clock: Clock,
    database: NightDatabase,
    progress: Progress,
    timer: Timer | None,
) -> IngestReport:
    """Ask where today's lists are and take them in; tell of each set as soon as it is published."""

    async def told(_: Snapshot) -> None:
        # What fails here is tried once more at the end of the night, and named then.
        with suppress(RevocationError):
            await database.learn()

    progress("today's lists of J-LIS")
    return await take_in(
        authorities,
        source,
        store,
        clock,
        archive=ListArchive(settings.archive_dir),
        progress=lambda stage, done, total: progress(f"{stage}: {done} of {total}"),
        high_water=database.marks,
        patience=settings.patience,
        timer=timer,
        published=told,
        at_least=database.at_least,
    )
