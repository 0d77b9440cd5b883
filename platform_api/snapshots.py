"""What this process answers from: the newest snapshot that the serving word allows, and its authorities.

Handlers take what is there, without waiting, without I/O; ``follower.py`` brings what is new. Of several
workers none answers from a new set before all have prepared it (``workers/serving.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from platform_api.workers.place import Place

if TYPE_CHECKING:
    from platform_api.workers.serving import Serving
    from revocation.authorities import Authorities
    from revocation.errors import RevocationError
    from revocation.snapshot.current import Snapshot


@dataclass(frozen=True, slots=True)
class Answering:
    """What is answered from together; the authorities are never older than the set."""

    snapshot: Snapshot | None
    authorities: Authorities | None

    @property
    def seq(self) -> int:
        return 0 if self.snapshot is None else self.snapshot.seq


class CurrentSnapshot:
    """The newest snapshot that this process may answer from.

    A new one is taken in two steps: it is prepared, and it answers as soon as the serving word, which all
    workers share, has its number (at once where this process is alone). So no worker answers from an older
    set than one that any worker has answered from. Of the event loop; ``current`` costs one comparison.
    """

    def __init__(self, serving: Serving | None = None) -> None:
        self._serving: Final = serving or Place.alone().serving
        self._held: Answering | None = None
        self._prepared: Answering | None = None
        self._seen_behind: Snapshot | None = None
        self._newer = asyncio.Event()
        #: Why the published set is not the one that answers; None when all is well.
        self.refusal: RevocationError | None = None
        #: Awaited before this process says that it has prepared a set and its authorities.
        self.on_prepare: Callable[[Snapshot, Authorities], Awaitable[None]] | None = None
        #: Called in the very step in which what is answered from becomes another; also for authorities alone.
        self.on_flip: Callable[[], None] | None = None
        #: The same for the follower, before ``on_flip``: what was answered from, and what is.
        self.flipped: Callable[[Answering | None, Answering], None] | None = None

    def current(self) -> Snapshot | None:
        """What to answer from now; while this process is ``behind``, superseded: nothing is good by it."""
        self.flip()
        snapshot = None if self._held is None else self._held.snapshot
        if snapshot is None or snapshot.seq >= self._serving.word:
            return snapshot
        behind = self._seen_behind
        if behind is None or behind.seq != snapshot.seq:
            self._seen_behind = behind = snapshot.seen_as(superseded=True)
        return behind

    @property
    def behind(self) -> bool:
        """Another worker may have answered from a newer set than we have: OCSP says tryLater."""
        self.flip()
        return (0 if self._held is None else self._held.seq) < self._serving.word

    def flip(self) -> bool:
        """Answer from what is prepared, if the word allows it by now; True when it does."""
        prepared = self._prepared
        if prepared is None or prepared.seq > self._serving.word:
            return False
        before, self._held, self._prepared = self._held, prepared, None
        if self.flipped is not None:
            self.flipped(before, prepared)
        if self.on_flip is not None:
            self.on_flip()
        if prepared.seq > (0 if before is None else before.seq):
            self._newer.set()
            self._newer = asyncio.Event()
        return True

    async def prepare(self, snapshot: Snapshot | None, authorities: Authorities | None = None) -> None:
        """``adopt``, after ``on_prepare`` of what is new; where that raises, nothing is adopted."""
        news = self._news(snapshot, authorities)
        if news is None:
            return
        if self.on_prepare is not None and news.snapshot is not None and news.authorities is not None:
            await self.on_prepare(news.snapshot, news.authorities)
        self.adopt(snapshot, authorities)

    def adopt(self, snapshot: Snapshot | None, authorities: Authorities | None = None) -> bool:
        """Say that these are prepared, and answer from them as soon as the word allows it; None: as before.

        True for a newer set; an older one never replaces a newer one. The same set is taken again where a
        damaged one was published above it, or that has been repaired: what may be said by a set depends on
        it (``Snapshot.superseded``).
        """
        newest = self._prepared or self._held
        news = self._news(snapshot, authorities)
        if news is None:
            return False
        self._prepared = news
        if news.snapshot is not None:
            self._serving.prepared(news.seq)
        self.flip()
        return news.seq > (0 if newest is None else newest.seq)

    def _news(self, snapshot: Snapshot | None, authorities: Authorities | None) -> Answering | None:
        """What would be answered from; None where it is what we have or have prepared."""
        newest = self._prepared or self._held or Answering(None, None)
        before = newest.snapshot
        if snapshot is None or (
            before is not None
            and (
                snapshot.seq < before.seq
                or (snapshot.seq == before.seq and snapshot.superseded is before.superseded)
            )
        ):
            snapshot = before
        if authorities is None:
            authorities = newest.authorities
        if snapshot is before and authorities is newest.authorities:
            return None
        return Answering(snapshot, authorities)

    async def wait_newer(self, seq: int, timeout_s: float) -> Snapshot | None:
        """The current snapshot as soon as its number is above ``seq``, or as it is when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                self.flip()
                while (0 if self._held is None else self._held.seq) <= seq:
                    await self._newer.wait()
        except TimeoutError:
            pass
        return self.current()
