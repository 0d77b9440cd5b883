"""The published set and authorities of a process without a follower: looked at before each institution, and
whenever somebody waits for a newer set than is held.

A night may publish and detect in the middle of a pass. What J-LIS answers then is kept by the new set.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from platform_api.follower import FollowedAuthorities
from platform_api.snapshots import CurrentSnapshot
from revocation.authorities import Authorities
from revocation.clock import Clock, jst_day
from revocation.errors import RevocationError

if TYPE_CHECKING:
    from revocation.snapshot.current import Snapshot
    from revocation.snapshot.store import SnapshotStore


class PublishedSets(CurrentSnapshot):
    """``CurrentSnapshot`` that looks for itself, and the authorities that belong to it."""

    def __init__(self, store: SnapshotStore, authorities_file: Path, clock: Clock) -> None:
        super().__init__()
        self.authorities = FollowedAuthorities()
        self._store = store
        self._file = authorities_file
        self._clock = clock
        #: Questions that wait together look once.
        self._turn = asyncio.Lock()

    async def look(self) -> None:
        """Take what is there now; raises where it cannot be trusted, and what was held stays."""
        async with self._turn:
            await self._look()

    async def wait_newer(self, seq: int, timeout_s: float) -> Snapshot | None:
        async with self._turn:
            held = self.current()
            if held is None or held.seq <= seq:
                with suppress(RevocationError):
                    await self._look()
        return await super().wait_newer(seq, timeout_s)

    async def _look(self) -> None:
        snapshot, authorities = await asyncio.to_thread(self._read)
        self.authorities.adopt(authorities)
        self.adopt(snapshot, authorities)

    def _read(self) -> tuple[Snapshot | None, Authorities]:
        """The set first: the authorities are never older than it (``follower.py``)."""
        snapshot = self._store.current()
        return snapshot, Authorities.load(self._file).on(jst_day(self._clock.now()))
