"""One night: clock, partition list, ingest (to the commit), detection, retention. Safe to run again.

Killed anywhere, the next run goes on: the set is published or it is not, each set is detected in one
transaction with the cursor, and a night that finds nothing new still finishes what an earlier one left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import stamina.instrumentation

from platform_api.changes.detect import DetectionReport, detect
from platform_api.clock import service_clock
from platform_api.config import Settings
from platform_api.db.database import open_database
from platform_api.faults import SetupRefused
from platform_api.jlis.gateway import Gateway
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.settings import GatewaySettings
from platform_api.key_fingerprints import require_known_keys
from platform_api.key_set import open_keys
from platform_api.list_addresses import list_addresses, take_in
from platform_api.night_guard import one_night
from platform_api.night_report import NightReport
from platform_api.provisioning import prepare
from platform_api.tagging import Tagger
from revocation.authorities import Authorities
from revocation.clock import Clock
from revocation.crl.archive import ListArchive
from revocation.errors import RevocationError
from revocation.ingest import IngestReport
from revocation.snapshot.store import SnapshotStore

#: Sets kept below the newest one that detection has finished: for comparison, and for looking back.
KEEP_SETS: Final = 8

Progress = Callable[[str], None]


async def run_night(settings: Settings, *, progress: Progress) -> NightReport:
    """The whole night. Raises only what cannot be reported as a night: settings, database, disk, second
    instance.

    SIGINT and SIGTERM cancel it; it raises ``CancelledError`` when none of its steps is at work any more.
    """
    began = time.monotonic()
    # Its default is to print each retry, with arguments, to standard output, where our JSON line goes.
    stamina.instrumentation.set_on_retry_hooks(())
    address = address_of_j_lis(settings)  # before anything is made for a night that cannot be
    async with (
        one_night(settings.run_dir),
        service_clock(settings.sandbox_url) as clock,
        HttpGateway(GatewaySettings(base_url=address)) as gateway,
    ):
        progress("keys and authorities")
        keys = await asyncio.to_thread(open_keys, settings.keys_dir, now=clock.now())
        await prepare(settings, gateway)
        authorities = await asyncio.to_thread(Authorities.load, settings.authorities_file)
        store = SnapshotStore(settings.snapshots_dir, publisher_key=keys.publisher)
        report: IngestReport | RevocationError
        problem: str | None = None
        try:
            report, problem = await _ingest(settings, address, authorities, gateway, store, clock, progress)
        except RevocationError as error:  # our disk, or a second publisher: what is published is told first
            report = error
        detection = await _detect(settings, authorities, keys.tagger, store, clock, progress)
        if isinstance(report, RevocationError):
            raise report
        removed = await _retain(store)
        current = await asyncio.to_thread(store.current)
        return NightReport(
            set_seq=current.seq if current else None,
            ingest=report,
            detection=detection,
            removed_sets=removed,
            seconds=time.monotonic() - began,
            problem=problem,
        )


async def _ingest(
    settings: Settings,
    address: str,
    authorities: Authorities,
    gateway: Gateway,
    store: SnapshotStore,
    clock: Clock,
    progress: Progress,
) -> tuple[IngestReport, str | None]:
    """Ask where today's lists are and take them in; and why nobody could be asked, if so."""
    progress("today's lists of J-LIS")
    addresses = await list_addresses(authorities, gateway, address)
    report = await take_in(
        authorities,
        addresses,
        store,
        clock,
        archive=ListArchive(settings.archive_dir),
        progress=lambda stage, done, total: progress(f"{stage}: {done} of {total}"),
    )
    nobody = len(addresses.failures) == len(authorities)
    return report, next((error.code for error in addresses.failures.values()), None) if nobody else None


async def _detect(
    settings: Settings,
    authorities: Authorities,
    tagger: Tagger,
    store: SnapshotStore,
    clock: Clock,
    progress: Progress,
) -> DetectionReport:
    """Detect every published set that is not yet told of, whoever published it."""
    progress("the database")
    async with open_database(
        data_dir=settings.data_dir,
        clock=clock,
        dsn=settings.dsn,
        owner_dsn=settings.owner_dsn,
        detector_dsn=settings.detector_dsn,
    ) as database:
        progress("which customers changed")
        await require_known_keys(database, settings.keys_dir)

        async def once() -> DetectionReport:
            pool = await database.detector_pool()
            return await detect(pool, store=store, authorities=authorities, tagger=tagger, clock=clock)

        # The service that ran the database may be stopped meanwhile. What a lost try committed is not
        # found again by the next one; what it did not commit never was.
        return await database.while_served(once)


async def _retain(store: SnapshotStore) -> tuple[int, ...]:
    """Keep the last sets. Detection has just finished all of them, so none that it needs is removed."""
    sequences = await asyncio.to_thread(store.sequences)
    if len(sequences) <= KEEP_SETS:
        return ()
    return await asyncio.to_thread(lambda: store.retention(keep_from_seq=sorted(sequences)[-KEEP_SETS]))


def address_of_j_lis(settings: Settings) -> str:
    """Raises ``SetupRefused`` where none is set."""
    if settings.jlis_url is None:
        raise SetupRefused(
            "JLIS_URL_MISSING",
            expected="the address of J-LIS (or of the sandbox)",
            got="none",
            remedy="set JPKI_JLIS_URL, or jlis_url in jpki.toml",
        )
    return settings.jlis_url
