"""One night: clock, partition list, ingest (to the commit), detection, retention. Safe to run again.

Killed anywhere, the next run goes on: the set is published or it is not, each set is detected in one
transaction with the cursor, and a night that finds nothing new still finishes what an earlier one left.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import stamina.instrumentation

from platform_api.changes.detect import DetectionReport, detect
from platform_api.clock import service_clock
from platform_api.config import Settings
from platform_api.db.database import open_database
from platform_api.faults import AlreadyRunning, SetupRefused
from platform_api.jlis.gateway import Gateway
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.settings import GatewaySettings
from platform_api.key_set import open_keys
from platform_api.provisioning import prepare
from revocation.authorities import Authorities, ListScope
from revocation.clock import Clock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import HttpSource
from revocation.errors import OutsideFailed, RevocationError
from revocation.exits import Exit
from revocation.ingest import IngestReport, Outcome, ingest_cycle
from revocation.snapshot.store import SnapshotStore

#: Sets kept below the newest one that detection has finished: for comparison, and for looking back.
KEEP_SETS: Final = 8

EXIT_CODES: Final[Mapping[str, Exit]] = {
    Outcome.PUBLISHED: Exit.DONE,
    Outcome.PARTIAL: Exit.PARTIAL,
    Outcome.NOTHING_NEW: Exit.NOTHING_NEW,
    Outcome.REFUSED: Exit.REFUSED,
    Outcome.UPSTREAM_DOWN: Exit.UPSTREAM_DOWN,
}

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class NightReport:
    """What the night did. ``outcome`` is the ingest's; a night that could not even ask is UPSTREAM_DOWN."""

    outcome: Outcome
    set_seq: int | None
    ingest: IngestReport | None
    detection: DetectionReport
    removed_sets: tuple[int, ...]
    seconds: float
    problem: str | None = None
    refusals: tuple[tuple[str, str], ...] = field(default=())

    @property
    def exit_code(self) -> Exit:
        return EXIT_CODES[self.outcome]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: figures and codes only."""
        ingest = self.ingest
        return {
            "outcome": self.outcome.value,
            "set_seq": self.set_seq,
            "lists": ingest.lists_fetched if ingest else 0,
            "lists_expected": ingest.lists_expected if ingest else 0,
            "lists_accepted": ingest.lists_accepted if ingest else 0,
            "lists_carried": ingest.lists_carried if ingest else 0,
            "lists_absent": ingest.lists_absent if ingest else 0,
            "entries": ingest.entries if ingest else 0,
            "new_revocations": dict(ingest.new_by_reason) if ingest else {},
            "refusals": [{"list": scope, "code": code} for scope, code in self.refusals],
            "problem": self.problem,
            "detected_sets": [one.set_seq for one in self.detection.sets],
            "changes": self.detection.changes,
            "events": self.detection.events,
            "changed_customers": {str(k): v for k, v in sorted(self.detection.by_institution.items())},
            "removed_sets": list(self.removed_sets),
            "seconds": round(self.seconds, 3),
            "exit_code": int(self.exit_code),
        }


async def run_night(settings: Settings, *, progress: Progress) -> NightReport:
    """The whole night. Raises only what cannot be reported as a night: settings, database, second instance.

    SIGINT and SIGTERM cancel it cleanly between two steps of its own.
    """
    began = time.monotonic()
    # Its default is to print each retry, with arguments, to standard output, where our JSON line goes.
    stamina.instrumentation.set_on_retry_hooks(())
    with _only_one(settings), _cancel_on_signals():
        async with service_clock(settings.sandbox_url) as clock, _gateway(settings) as gateway:
            progress("keys and authorities")
            keys = await asyncio.to_thread(open_keys, settings.keys_dir, now=clock.now())
            await prepare(settings, gateway)
            authorities = await asyncio.to_thread(Authorities.load, settings.authorities_file)
            store = SnapshotStore(settings.snapshots_dir, publisher_key=keys.publisher)
            ingest, problem = await _ingest(settings, authorities, gateway, store, clock, progress)
            progress("the database")
            async with open_database(
                data_dir=settings.data_dir,
                clock=clock,
                dsn=settings.dsn,
                owner_dsn=settings.owner_dsn,
                detector_dsn=settings.detector_dsn,
            ) as database:
                progress("which customers changed")
                detection = await detect(
                    await database.detector_pool(),
                    store=store,
                    authorities=authorities,
                    tagger=keys.tagger,
                    clock=clock,
                )
            removed = await _retain(store)
    current = await asyncio.to_thread(store.current)
    return NightReport(
        outcome=ingest.outcome if ingest else Outcome.UPSTREAM_DOWN,
        set_seq=current.seq if current else None,
        ingest=ingest,
        detection=detection,
        removed_sets=removed,
        seconds=time.monotonic() - began,
        problem=problem.code if problem else None,
        refusals=ingest.refusals if ingest else (),
    )


async def _ingest(
    settings: Settings,
    authorities: Authorities,
    gateway: Gateway,
    store: SnapshotStore,
    clock: Clock,
    progress: Progress,
) -> tuple[IngestReport | None, RevocationError | None]:
    """Ask where today's lists are and take them in. J-LIS down: nothing is published, the night goes on."""
    progress("today's lists of J-LIS")
    try:
        addresses = await list_addresses(authorities, gateway, settings.jlis_url or "")
    except OutsideFailed as error:
        return None, error

    def tell(stage: str, done: int, total: int) -> None:
        progress(f"{stage}: {done} of {total}")

    report = await ingest_cycle(
        authorities,
        HttpSource(addresses),
        store,
        clock,
        archive=ListArchive(settings.archive_dir),
        progress=tell,
    )
    return report, None


async def list_addresses(authorities: Authorities, gateway: Gateway, base_url: str) -> dict[ListScope, str]:
    """Where each expected list lies today. A list that nobody expects is not fetched, and not believed.

    Partitions are matched by their distribution point, never by position: an approved partition that
    J-LIS does not offer is missing in the result, and the ingest says so.
    """
    found: dict[ListScope, str] = {}
    for authority in authorities:
        expected = {(s.signing_key, s.partition_number): s for s in authority.expected_lists()}
        for offer in await gateway.partitions(authority.ca_id):
            partition = authority.partition_for(offer.distribution_point)
            if partition is None:
                continue
            for one in offer.lists:
                scope = expected.get((one.generation, partition.number))
                if scope is not None:
                    found[scope] = one.url if "://" in one.url else base_url.rstrip("/") + one.url
    return found


async def _retain(store: SnapshotStore) -> tuple[int, ...]:
    """Keep the last sets. Detection has just finished all of them, so none that it needs is removed."""
    sequences = await asyncio.to_thread(store.sequences)
    if len(sequences) <= KEEP_SETS:
        return ()
    return await asyncio.to_thread(lambda: store.retention(keep_from_seq=sorted(sequences)[-KEEP_SETS]))


@asynccontextmanager
async def _gateway(settings: Settings) -> AsyncIterator[Gateway]:
    if settings.jlis_url is None:
        raise SetupRefused(
            "JLIS_URL_MISSING",
            expected="the address of J-LIS (or of the sandbox)",
            got="none",
            remedy="set JPKI_JLIS_URL, or jlis_url in jpki.toml",
        )
    async with HttpGateway(GatewaySettings(base_url=settings.jlis_url)) as gateway:
        yield gateway


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """One night per data folder; the lock goes with the process, however it ends."""
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(Path(settings.run_dir) / "nightly.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SetupRefused(
            "FOLDER_NOT_WRITABLE",
            expected="a data folder that this user may write to",
            got=os.strerror(error.errno or 0),
            remedy="name another folder with --data, or correct its owner",
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                "NIGHT_RUNNING",
                expected="no other night on this data folder",
                got="one that is running",
                remedy="wait for it to end, or stop it",
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _cancel_on_signals() -> Iterator[None]:
    """SIGTERM ends a night as Ctrl-C does: the running step is cancelled, locks and children are released."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    if task is None:
        yield
        return
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        with suppress(ValueError):
            loop.remove_signal_handler(signal.SIGTERM)
