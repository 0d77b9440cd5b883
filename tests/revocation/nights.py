"""A CA of two generations and two partitions, its lists in a folder, cycles on them, and their timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.authorities import Authorities, ListScope
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.ingest import IngestReport, ingest_cycle
from revocation.snapshot.store import SnapshotStore
from tests import pki
from tests.pki import T0

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Night:
    """A CA of two generations and two partitions, a folder of its lists, and everything a cycle needs."""

    def __init__(self, folder: Path, ca: pki.CA) -> None:
        self.ca = ca
        self.folder = folder
        self.authority = ca.authority()
        self.authorities = Authorities([self.authority])
        self.scopes = self.authority.expected_lists()
        self.store = SnapshotStore(folder / "snapshots", publisher_key=KEY)
        self.archive = ListArchive(folder / "archive")
        self.clock = FixedClock(T0 + timedelta(hours=1))
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)

    def file(self, scope: ListScope) -> Path:
        return self.inbox / f"{scope.signing_key[:8]}-{scope.partition_number}.crl"

    def der(self, scope: ListScope, day: int, entries: Iterable[bytes] = (), **forged: Any) -> bytes:
        this_update = T0 + day * DAY
        forged.setdefault("this_update", this_update)
        forged.setdefault("next_update", this_update + 2 * DAY)
        forged.setdefault("number", day + 1)
        return pki.crl_for(self.ca, scope, entries, **forged)

    def serve(self, day: int, entries: dict[ListScope, list[bytes]] | None = None) -> None:
        """The CA's lists of a day; the clock follows."""
        for scope in self.scopes:
            self.file(scope).write_bytes(self.der(scope, day, (entries or {}).get(scope, [])))
        self.clock.set(T0 + day * DAY + timedelta(hours=1))

    async def run(self, **settings: Any) -> IngestReport:
        settings.setdefault("archive", self.archive)
        source = settings.pop("source", None) or FolderSource({s: self.file(s) for s in self.scopes})
        return await ingest_cycle(self.authorities, source, self.store, self.clock, **settings)


async def thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Test code does its own file I/O outside the loop too."""
    return await asyncio.to_thread(function, *arguments)


class Hours:
    """A monotonic timer whose time passes only in its sleeps; before the nth of them ends, an act may happen.

    Contract: never sleeps a negative time, never goes back.
    """

    def __init__(self, acts: dict[int, Callable[[], Any]] | None = None) -> None:
        self.at = 1000.0
        self.slept: list[float] = []
        self.acts = acts or {}

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.at += seconds
        self.slept.append(seconds)
        act = self.acts.get(len(self.slept))
        if act is not None:
            await asyncio.to_thread(act)
