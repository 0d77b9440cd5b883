"""A small world for the features: one CA, published sets, watched cards, and the night's detection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from platform_api.certificates.chain import KnownCertificate, issued_by
from platform_api.certificates.profile import read_certificate
from platform_api.changes import store as feed
from platform_api.changes.detect import DetectionReport, detect
from platform_api.changes.store import FeedEvent
from platform_api.db.transactions import tenant
from platform_api.registrations.register import Registered, register
from platform_api.registrations.watching import Watcher
from platform_api.snapshots import CurrentSnapshot
from platform_api.tagging import Tagger
from platform_api.workers.place import Place
from revocation.authorities import Authorities, Authority
from revocation.clock import FixedClock
from revocation.snapshot.current import Snapshot
from revocation.snapshot.store import SnapshotStore
from tests.base.postgres import TestDatabase, TestInstitution
from tests.features.cards import AUTH_POLICY, SIGN_POLICY, Card
from tests.revocation import sets

TAG_KEYS = {1: bytes(range(64, 96))}


@dataclass
class World:
    """Days are published by ``day``; nothing is detected before ``night``."""

    database: TestDatabase
    store: SnapshotStore
    authorities: Authorities
    authority: Authority
    place: Place = field(default_factory=Place.alone)
    snapshots: CurrentSnapshot = field(init=False)
    clock: FixedClock = field(default_factory=lambda: FixedClock(sets.T0 + timedelta(hours=1)))
    tagger: Tagger = field(default_factory=lambda: Tagger(TAG_KEYS, 1))
    days: int = 0
    #: OCSP responders by mode, where a test needs them.
    responders: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.snapshots = CurrentSnapshot(self.place.serving)

    @property
    def watcher(self) -> Watcher:
        return Watcher(self.authorities, self.snapshots, self.database.sealer, self.tagger, self.clock)

    async def day(
        self,
        listing: sets.Listing | None = None,
        *,
        partition: int = 1,
        adopt: bool = True,
        only: Mapping[Any, Any] | None = None,
    ) -> Snapshot:
        """Publish the next day; ``listing`` is what partition 1 of the newest generation lists."""
        lists = sets.every_list(self.authority, self.days)
        scope = sets.scope(self.authority, partition, len(self.authority.generations) - 1)
        this_update = sets.T0 + self.days * sets.DAY
        lists[scope] = sets.accepted(listing or {}, number=self.days + 1, this_update=this_update)
        self.days += 1
        self.clock.set(this_update + timedelta(hours=1))
        snapshot = await asyncio.to_thread(
            self.store.publish, lists if only is None else only, self.authorities, now=self.clock.now()
        )
        if adopt:
            self.snapshots.adopt(snapshot)
        return snapshot

    def known(self, card: Card) -> KnownCertificate:
        found = issued_by(read_certificate(card.der), self.authorities)
        assert found is not None
        return found

    async def register(
        self, institution: TestInstitution, card: Card, ref: str = "account-1", customer: str = "customer-1"
    ) -> Registered:
        known = self.known(card)
        async with self.watcher.transaction(self.database.app_pool, institution.institution_id) as work:
            return await register(
                work,
                service_id=institution.service_id,
                registration_ref=ref,
                customer_ref=customer,
                certificate=known,
                kind=known.kind or "",
            )

    async def night(self, pool: Any = None) -> DetectionReport:
        return await detect(
            self.database.detector_pool if pool is None else pool,
            store=self.store,
            authorities=self.authorities,
            tagger=self.tagger,
            clock=self.clock,
        )

    async def events(self, institution: TestInstitution, after: int = 0) -> list[FeedEvent]:
        async with tenant(self.database.app_pool, institution.institution_id) as connection:
            return await feed.read_events(connection, institution.institution_id, after, 1000)

    async def told(self, institution: TestInstitution) -> list[tuple[str | None, str | None, int]]:
        """(transition, cause, set) of the events of registrations, in order."""
        found = await self.events(institution)
        return [(e.transition, e.cause, e.set_seq) for e in found if e.registration_id is not None]

    async def state(self, registration_id: UUID) -> tuple[str, dict[str, str]]:
        """State of the registration, condition by slot; behind the policies."""
        async with self.database.superuser() as connection:
            state = await connection.fetchval(
                "SELECT state FROM registration WHERE registration_id = $1", registration_id
            )
            rows = await connection.fetch(
                "SELECT slot, condition FROM watched_certificate WHERE registration_id = $1", registration_id
            )
        return state, {row["slot"]: row["condition"] for row in rows}


def make_world(database: TestDatabase, folder: Path, **settings: Any) -> World:
    settings.setdefault("kinds", {SIGN_POLICY: "card-sign", AUTH_POLICY: "card-auth"})
    authorities, authority = sets.world(**settings)
    return World(database, sets.store(folder), authorities, authority)


def new_id() -> UUID:
    return uuid4()


async def everything(database: TestDatabase) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, read by a superuser."""
    async with database.superuser() as connection:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        return {
            row["table_name"]: [dict(r) for r in await connection.fetch(f'TABLE "{row["table_name"]}"')]
            for row in tables
        }


def days_after(count: int) -> datetime:
    return sets.T0 + count * sets.DAY
