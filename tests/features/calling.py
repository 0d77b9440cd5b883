"""Callers of a test: credentials in a real database, a monotonic clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography import x509

from platform_api.institutions import administration, bindings
from platform_api.institutions.caller import Caller, CallerRules
from platform_api.institutions.callers import Callers
from platform_api.institutions.model import Entitlement
from platform_api.institutions.remembered import Unavailable
from tests.base.postgres import MADE_AT, TestDatabase, TestInstitution
from tests.features.world import World

TTL, GRACE = 5.0, 300.0


class Now:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Asking:
    """Callers of a live or a test server on a world's database."""

    world: World
    now: Now
    callers: Callers

    @property
    def database(self) -> TestDatabase:
        return self.world.database

    async def by_key(self, institution: TestInstitution) -> Caller | Unavailable | None:
        return await self.callers.identify(institution.headers["Authorization"])

    async def caller(self, institution: TestInstitution) -> Caller:
        found = await self.by_key(institution)
        assert isinstance(found, Caller)
        return found

    def known(self, institution: TestInstitution) -> Caller | None:
        return self.callers.known(institution.headers["Authorization"].encode())

    async def settled(self) -> None:
        """Whatever was begun beside the requests has ended."""
        for memory in (self.callers._callers, self.callers._addresses, self.callers._entitled):
            while memory._in_flight:
                for task in list(memory._in_flight.values()):
                    await task

    async def another_key(self, institution: TestInstitution, **given: Any) -> TestInstitution:
        """The institution with one more key."""
        wanted = {"scopes": administration.ALL_SCOPES, "entitlement": Entitlement.ANY} | given
        async with self.database.owner() as owner:
            key_id, key = await administration.create_api_key(
                owner,
                self.database.hasher,
                institution_id=institution.institution_id,
                label="another",
                now=MADE_AT,
                **wanted,
            )
        principal = institution.principal
        return TestInstitution(
            type(principal)(
                principal.institution_id,
                key_id,
                wanted["scopes"],
                principal.purposes,
                principal.kinds,
                wanted["entitlement"].value,
                principal.mode,
            ),
            institution.service_id,
            institution.service_code,
            key.text,
        )

    async def end_key(self, institution: TestInstitution) -> None:
        async with self.database.owner() as owner:
            assert await administration.revoke_api_key(
                owner,
                institution_id=institution.institution_id,
                key_id=institution.principal.key_id,
                now=self.world.clock.now(),
            )

    async def bind_network(self, institution: TestInstitution, network: str) -> UUID:
        async with self.database.owner() as owner:
            made, _ = await bindings.bind_network(
                owner, key_id=institution.principal.key_id, network=network, now=self.world.clock.now()
            )
        return made.binding_id

    async def bind_certificate(self, institution: TestInstitution, certificate: x509.Certificate) -> UUID:
        async with self.database.owner() as owner:
            made, _ = await bindings.bind_certificate(
                owner,
                key_id=institution.principal.key_id,
                certificate=certificate,
                now=self.world.clock.now(),
            )
        return made.binding_id

    async def unbind(self, binding_id: UUID) -> bool:
        async with self.database.owner() as owner:
            return await bindings.unbind(owner, binding_id=binding_id, now=self.world.clock.now())

    @asynccontextmanager
    async def database_away(self) -> AsyncIterator[None]:
        """Nobody gets in, and who is in is thrown out, until the block ends."""
        name = self.database.name
        async with self.database.superuser("postgres") as superuser:
            await superuser.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            try:
                await superuser.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name
                )
                yield
            finally:
                await superuser.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    async def contract_until(self, institution: TestInstitution, in_s: float) -> None:
        async with self.database.superuser() as superuser:
            await superuser.execute(
                "UPDATE institution SET contract_until = $2 WHERE institution_id = $1",
                institution.institution_id,
                self.world.clock.now() + timedelta(seconds=in_s),
            )


@asynccontextmanager
async def asking(world: World, *, mode: str = "live", **rules: Any) -> AsyncIterator[Asking]:
    now = Now()
    callers = Callers(
        world.database.app_pool,
        world.database.hasher,
        world.tagger,
        world.clock,
        CallerRules(mode, **({"ttl_s": TTL, "grace_s": GRACE} | rules)),
        monotonic=now,
    )
    try:
        yield Asking(world, now, callers)
    finally:
        await callers.close()
