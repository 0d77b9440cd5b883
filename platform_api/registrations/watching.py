"""Begin to watch a certificate: check it on a set, seal it, tag it, and miss no change in between.

The rule (design section 8): a certificate is checked on a set, and detection tells of every later set.
``Watcher.transaction`` takes the shared lock of the detection cursor first, so that no set is detected
between the check and the commit, and refuses to check on a set that detection has already passed.

Lock order everywhere: cursor, registration, feed. The detector takes them in this order too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from platform_api.changes import store as feed
from platform_api.changes.model import Condition
from platform_api.db.transactions import tenant
from platform_api.problems import Problem
from platform_api.registrations import store
from platform_api.registrations.model import FirstLook, Watched, WatchedIdentity, first_look
from platform_api.status.catch_up import caught_up
from revocation.status import CertificateStatus, certificate_status

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool
    from platform_api.sealing import Sealer
    from platform_api.snapshots import CurrentSnapshot
    from platform_api.tagging import Tagger
    from revocation.authorities import Authorities
    from revocation.clock import Clock
    from revocation.snapshot.current import Snapshot

#: Which column a sealed identity belongs to; part of its AAD.
SEALED_COLUMN: Final = "watched_certificate.identity"


@dataclass(frozen=True, slots=True)
class Watcher:
    """What watching needs, taken once from the application."""

    authorities: Authorities
    snapshots: CurrentSnapshot
    sealer: Sealer
    tagger: Tagger
    clock: Clock

    @asynccontextmanager
    async def transaction(self, pool: Pool, institution_id: UUID) -> AsyncIterator[WatchTransaction]:
        """A tenant's transaction in which certificates may begin to be watched."""
        async with tenant(pool, institution_id) as connection:
            detected = await feed.cursor(connection)
        await caught_up(self.snapshots, detected)
        async with tenant(pool, institution_id) as connection:
            detected = await feed.shared_cursor(connection)
            snapshot = self.snapshots.current()
            if (0 if snapshot is None else snapshot.seq) < detected:
                raise _behind()
            yield WatchTransaction(self, connection, institution_id, snapshot, self.clock.now())

    async def open_slots(
        self, connection: Connection, institution_id: UUID, registration_id: UUID
    ) -> dict[str, Watched]:
        """The registration's certificates by slot, unsealed in memory."""
        found: dict[str, Watched] = {}
        for slot, row in (await store.watched_rows(connection, registration_id)).items():
            plaintext = await self.sealer.unseal(
                connection, institution_id, SEALED_COLUMN, row["certificate_id"], row["identity"]
            )
            found[slot] = Watched(
                certificate_id=row["certificate_id"],
                registration_id=registration_id,
                holder_id=row["holder_id"],
                slot=slot,
                kind=row["kind"],
                condition=Condition(row["condition"]),
                reason_code=row["reason_code"],
                identity=WatchedIdentity.from_sealed_form(plaintext),
                checked_set_seq=row["checked_set_seq"],
                query_id=row["query_id"],
            )
        return found


@dataclass(frozen=True, slots=True)
class WatchTransaction:
    """One open transaction, with the set and the moment that all its checks are made on."""

    watcher: Watcher
    connection: Connection
    institution_id: UUID
    snapshot: Snapshot | None
    now: datetime

    @property
    def set_seq(self) -> int:
        return 0 if self.snapshot is None else self.snapshot.seq

    def status(self, identity: WatchedIdentity) -> CertificateStatus:
        return certificate_status(
            identity.identity,
            authorities=self.watcher.authorities,
            snapshot=self.snapshot,
            now=self.now,
            partition=identity.partition,
            validity=identity.validity,
        )

    async def slots(self, registration_id: UUID) -> dict[str, Watched]:
        return await self.watcher.open_slots(self.connection, self.institution_id, registration_id)

    async def begin(
        self,
        registration_id: UUID,
        slot: str,
        kind: str,
        identity: WatchedIdentity,
        *,
        successor_of: Watched | None = None,
        query_id: UUID | None = None,
    ) -> FirstLook:
        """Watch this certificate in an empty slot; an already revoked one yields its event at once.

        ``successor_of`` only where it is proven that both belong to one person: consents then go on.
        """
        look = first_look(self.status(identity), kind)
        certificate_id = uuid4()
        sealed = await self.watcher.sealer.seal(
            self.connection, self.institution_id, SEALED_COLUMN, certificate_id, identity.sealed_form()
        )
        await store.insert_watched(
            self.connection,
            certificate_id=certificate_id,
            institution_id=self.institution_id,
            registration_id=registration_id,
            holder_id=certificate_id if successor_of is None else successor_of.holder_id,
            slot=slot,
            kind=kind,
            condition=look.condition,
            reason_code=look.reason_code,
            identity=sealed.data,
            identity_epoch=sealed.epoch,
            expiry_month=identity.expiry_month,
            checked_set_seq=self.set_seq,
            query_id=query_id,
            tags=[(tag.key_id, tag.value) for tag in self.watcher.tagger.tags(identity.identity)],
        )
        if look.decision is not None:
            event = feed.NewEvent(registration_id, certificate_id, self.set_seq, look.decision)
            seq = await feed.take_numbers(self.connection, self.institution_id, 1)
            await feed.insert_events(self.connection, self.institution_id, seq, [event], self.now)
        return look


def _behind() -> Problem:
    """The night published and detected a set that this process has not opened yet: seconds apart."""
    return Problem(
        503,
        "SNAPSHOT_BEHIND",
        en="Today's revocation lists are being taken in; send the same request again in a second.",
        ja="本日の失効情報を取り込み中です。1秒後に同じリクエストを送ってください。",
        headers={"Retry-After": "1"},
    )
