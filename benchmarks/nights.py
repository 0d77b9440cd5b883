"""One publisher that lives through a workload's days: an inbox, an archive, a store; what is old goes."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from benchmarks.issuer import DAY, START, Issuer
from benchmarks.lists import Calendar, write_day
from benchmarks.measuring import not_a_figure
from benchmarks.workload import Workload
from revocation.authorities import Authorities, Lineage
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.index.search import Index
from revocation.ingest import ingest_cycle
from revocation.ingest_report import IngestReport, Outcome
from revocation.snapshot.store import SnapshotStore

#: A file that was just written is waited for by the folder source; here it has settled before the clock runs.
_SETTLED_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Night:
    """All that another process needs to ingest the lists of one day upon the set of the day before."""

    snapshots: Path
    archive: Path
    #: In the order of the authority's partitions.
    files: tuple[Path, ...]
    at: str
    ca_certificate: bytes
    publisher_key: bytes
    points: tuple[bytes, ...]


class Nights:
    """The first day is published on creation; then each ``dawn`` brings lists, ``ingest`` publishes them."""

    def __init__(self, folder: Path, workload: Workload, entries: int, runner: asyncio.Runner) -> None:
        self.calendar: Final = Calendar(workload, entries)
        self.workload: Final = self.calendar.workload
        self.folder: Final = folder
        self.issuer: Final = Issuer(workload.key, self.workload.lists)
        self.day = -1
        #: The day of the set in force.
        self.published = -1
        self.files: list[Path] = []
        #: On the lists of the day.
        self.entries = 0
        self.authorities: Final = Authorities([self.issuer.authority()])
        self._scopes: Final = sorted(self.authorities.expected_lists(), key=lambda one: one.partition_number)
        self._publisher: Final = Ed25519PrivateKey.generate()
        self._store: Final = SnapshotStore(folder / "snapshots", publisher_key=self._publisher)
        self._archive: Final = ListArchive(folder / "archive")
        self._clock: Final = FixedClock(START)
        self._runner: Final = runner
        self._before: Index | None = None
        self.dawn()
        self.ingest()

    @property
    def lineage(self) -> Lineage:
        return self._scopes[0].lineage

    def dawn(self) -> None:
        """The next day's lists lie in the inbox; of the days before only the published set is left."""
        self._forget()
        self.day += 1
        self.files, self.entries = write_day(
            self.issuer, self.calendar, self.day, self.folder / f"inbox-{self.day}"
        )
        self._clock.set(START + self.day * DAY + timedelta(hours=1))
        time.sleep(_SETTLED_S)

    def _forget(self) -> None:
        # Removing a file that is still mapped takes effect when it is let go of: not while a night is timed.
        self._before = None
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder / f"inbox-{self.day}")
        current = self._store.current()
        if current is not None:
            self._store.retention(keep_from_seq=current.seq)
        kept = {stored.path.parents[1] for stored in self._archive.stored().values()}
        for day in (self.folder / "archive").glob("20*"):
            if day not in kept:
                shutil.rmtree(day)

    def ingest(self) -> IngestReport:
        """What the night calls, every check on; refuses to be a figure if it published something else."""
        self._before = self.index() if self.day else None
        source = FolderSource(dict(zip(self._scopes, self.files, strict=True)))
        report = self._runner.run(
            ingest_cycle(self.authorities, source, self._store, self._clock, archive=self._archive)
        )
        if report.outcome is not Outcome.PUBLISHED or report.entries != self.entries:
            raise not_a_figure(
                f"a whole new set of {self.entries} entries", f"{report.outcome}, {report.entries} entries"
            )
        self.published = self.day
        return report

    def ingested(self, outcome: str, entries: int) -> None:
        """What the other process says it did."""
        if outcome != Outcome.PUBLISHED.value or entries != self.entries:
            raise not_a_figure(f"a whole new set of {self.entries} entries", f"{outcome}, {entries} entries")
        self.published = self.day

    def index(self) -> Index:
        """Of the set in force."""
        current = self._store.current()
        index = None if current is None else current.index(self.lineage)
        if index is None:
            raise not_a_figure("a published set with an index", "none")
        return index

    def index_before(self) -> Index:
        """Of the set before, for which a second day is needed."""
        if self._before is None:
            self.dawn()
            self.ingest()
        assert self._before is not None
        return self._before

    def index_octets(self) -> int:
        """Size of the published index file."""
        current = self._store.current()
        if current is None:
            raise not_a_figure("a published set", "none")
        return sum((self.folder / "snapshots" / file.name).stat().st_size for file in current.manifest.files)

    def forget_lists(self) -> None:
        """The next night finds no list familiar: it reads every one whole, as on a first night."""
        (self.folder / "archive" / "familiar.json").unlink(missing_ok=True)

    def night(self) -> Night:
        """The day in the inbox, not ingested yet, for another process, which takes it in here."""
        return Night(
            snapshots=self.folder / "snapshots",
            archive=self.folder / "archive",
            files=tuple(self.files),
            at=self._clock.now().isoformat(),
            ca_certificate=self.issuer.certificate().public_bytes(Encoding.PEM),
            publisher_key=self._publisher.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()),
            points=self.issuer.points,
        )

    def close(self) -> None:
        """The disk is free again; who still holds an index keeps it mapped."""
        shutil.rmtree(self.folder)
