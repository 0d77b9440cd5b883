"""Brings what is new: a set that was published, authorities that changed, found beside the event loop.

A look is a stat of two files in a worker thread. The snapshot is read before the authorities, and both are
adopted in one step of the loop: the authorities are never older than the set, and a partition that only the
newer file knows is "no list yet", never "good".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from platform_api.logs import failure
from revocation.authorities import Authorities, Authority, Generation, ListScope
from revocation.clock import Clock, jst_day
from revocation.errors import InputRefused, OutsideFailed, RevocationError

if TYPE_CHECKING:
    from platform_api.logs import Log
    from platform_api.snapshots import Answering, CurrentSnapshot
    from revocation.recorded_acts import RecordedAct
    from revocation.snapshot.current import Snapshot
    from revocation.snapshot.store import SnapshotStore


class FollowedAuthorities(Authorities):
    """``Authorities`` that change when ``authorities.json`` or the day does; whoever holds them need not
    know.
    """

    __slots__ = ("_now",)

    def __init__(self) -> None:
        super().__init__(())
        self._now = Authorities(())

    def adopt(self, authorities: Authorities) -> None:
        self._now = authorities

    @property
    def held(self) -> Authorities:
        """As they stand now: another object as soon as anything about them is another."""
        return self._now

    @property
    def version(self) -> int:
        return self._now.version

    @property
    def acts(self) -> tuple[RecordedAct, ...]:
        return self._now.acts

    def __iter__(self) -> Iterator[Authority]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    def by_id(self, ca_id: str) -> Authority | None:
        return self._now.by_id(ca_id)

    def by_issuer_key(self, key_id: bytes) -> tuple[Authority, Generation] | None:
        return self._now.by_issuer_key(key_id)

    def by_ocsp_issuer(
        self, hash_name: str, name_hash: bytes, key_hash: bytes
    ) -> tuple[Authority, Generation] | None:
        return self._now.by_ocsp_issuer(hash_name, name_hash, key_hash)

    def ocsp_issuers(self) -> list[tuple[str, bytes, bytes, Authority, Generation]]:
        return self._now.ocsp_issuers()

    def expected_lists(self) -> tuple[ListScope, ...]:
        return self._now.expected_lists()

    def dump(self, path: Path) -> None:
        self._now.dump(path)


class Follower:
    """Looks for news in a worker thread and adopts them in the loop."""

    def __init__(
        self,
        store: SnapshotStore,
        authorities_file: Path,
        snapshots: CurrentSnapshot,
        authorities: FollowedAuthorities,
        log: Log,
        clock: Clock,
        *,
        rule: Callable[[Authority], None] | None = None,
    ) -> None:
        """``rule``: what the deployment asks of every CA; a file with one that breaks it is refused."""
        self._rule = rule
        self._store = store
        self._file = authorities_file
        self._snapshots = snapshots
        self._authorities = authorities
        self._log = log
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._refused: InputRefused | None = None
        #: The newest that this process has seen: the version only rises.
        self._loaded: Authorities | None = None
        self._day: date | None = None
        self._last_refusal: str | None = None
        self._last_broken: str | None = None
        snapshots.flipped = self._flipped

    async def look(self) -> None:
        """One look; what cannot be trusted is refused and the last good state goes on."""
        snapshot, refusal, authorities, broken = await asyncio.to_thread(self._read)
        if broken is not None and broken.code != self._last_broken:
            self._log.error("authorities.refused", **failure(broken))
        self._last_broken = None if broken is None else broken.code
        try:
            await self._snapshots.prepare(snapshot, authorities)
        except Exception as error:  # answers made beforehand are a help: without them the set is as good
            self._log.error("component.failed", component="prepared_answers", **failure(error))
            self._snapshots.adopt(snapshot, authorities)
        self._snapshots.refusal = refusal
        code = None if refusal is None else refusal.code
        if refusal is not None and code != self._last_refusal:
            self._log.error("snapshot.refused", **failure(refusal))
        self._last_refusal = code

    def _flipped(self, before: Answering | None, now: Answering) -> None:
        """What we answer from is another one: the authorities with it, in the same step."""
        if now.authorities is not None and (before is None or now.authorities is not before.authorities):
            self._authorities.adopt(now.authorities)
            self._log.info("authorities.adopted", n=len(now.authorities))
        if now.snapshot is not None and now.seq > (0 if before is None else before.seq):
            self._log.info("snapshot.adopted", set_seq=now.seq, n=now.snapshot.entries)

    def _read(
        self,
    ) -> tuple[Snapshot | None, RevocationError | None, Authorities | None, RevocationError | None]:
        try:
            snapshot, refusal = self._store.current(), self._store.refusal
        except RevocationError as error:
            snapshot, refusal = None, error
        return snapshot, refusal, *self._changed_authorities()

    def _changed_authorities(self) -> tuple[Authorities | None, RevocationError | None]:
        """The authorities as they stand today, when the file or the JST day is another than at the last look
        (a partition opens, or closes into its successor, at midnight without anybody's doing); and why the
        file was not taken. The day applies to what is loaded, also while the file cannot be read.
        """
        day = jst_day(self._clock.now())
        changed, broken = self._reload()
        if self._loaded is None or (not changed and day == self._day):
            return None, broken
        self._day = day
        return self._loaded.on(day), broken

    def _reload(self) -> tuple[bool, RevocationError | None]:
        """Load the file where it is another one. Only a definite answer makes it seen: after a passing fault
        the same file is tried again at the next look.
        """
        try:
            status = self._file.stat()
        except FileNotFoundError:
            # Before the first night there are none.
            return False, None if self._loaded is None else _unreadable("no file where there was one")
        except OSError as error:
            return False, _unreadable(error.strerror or "an I/O error")
        token = (status.st_ino, status.st_mtime_ns, status.st_size)
        if token == self._seen:
            return False, self._refused
        try:
            loaded = Authorities.load(self._file)
            self._check(loaded)
        except InputRefused as refusal:
            self._seen, self._refused = token, refusal
            return False, refusal
        except RevocationError as error:
            return False, error
        self._seen, self._refused, self._loaded = token, None, loaded
        return True, None

    def _check(self, loaded: Authorities) -> None:
        if self._loaded is not None and loaded.version < self._loaded.version:
            raise InputRefused(
                "AUTHORITIES_OLDER",
                expected=f"version {self._loaded.version} of authorities.json or a newer one",
                got=f"version {loaded.version}",
                remedy="an older file was put back: restore the newest backup; what was loaded goes on",
            )
        if self._rule is not None:
            for authority in loaded:
                self._rule(authority)

    @asynccontextmanager
    async def following(self, every_s: float) -> AsyncIterator[None]:
        """One look before the first answer, then one every ``every_s`` seconds."""
        await self.look()
        task = asyncio.create_task(self._forever(every_s))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _forever(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.look()
            except OSError as error:  # out of descriptors, say: the last good state goes on
                self._log.error("component.failed", component="follower", **failure(error))


def _unreadable(got: str) -> OutsideFailed:
    return OutsideFailed(
        "AUTHORITIES_UNREADABLE",
        expected="a readable authorities file",
        got=got,
        remedy="check the data folder and its permissions, or restore the newest backup of the file",
    )
