"""Fixtures: one embedded cluster for the session, a fresh migrated database for each test."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from platform_api.db.addresses import APP, DETECTOR, OWNER, Address
from platform_api.db.database import Database
from platform_api.db.embedded import EmbeddedPostgres
from platform_api.db.migrate import migrate, migrations
from platform_api.db.programs import SUPERUSER
from platform_api.db.roles import ensure_database, ensure_roles
from platform_api.db.transactions import Connection, Pool
from platform_api.institutions.administration import (
    ALL_PURPOSES,
    ALL_SCOPES,
    create_api_key,
    create_institution,
    create_service,
)
from platform_api.institutions.api_keys import KeyHasher
from platform_api.institutions.model import KINDS, Entitlement, Mode, Principal
from platform_api.sealing import FileKeyProvider, Sealer
from tests.base.memory_folder import memory_folder

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
_TEMPLATE = "jpki_template"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class TestDatabase:
    """A migrated database of one test."""

    __test__ = False

    database: Database
    app_pool: Pool
    detector_pool: Pool
    owner_address: Address
    app_address: Address
    superuser_address: Address
    sealer: Sealer
    hasher: KeyHasher
    name: str

    @property
    def app_dsn(self) -> str:
        return _dsn(self.app_address)

    @property
    def owner_dsn(self) -> str:
        return _dsn(self.owner_address)

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[Connection]:
        """A connection as jpki_owner; row-level security binds it."""
        async with self.database.owner() as connection:
            yield connection

    @asynccontextmanager
    async def superuser(self, name: str | None = None) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A connection that sees everything, for checks that look behind the policies."""
        address = self.superuser_address.with_database(name or self.name)
        connection = await asyncpg.connect(**address.arguments())
        try:
            yield connection
        finally:
            await connection.close()


@dataclass(frozen=True)
class TestInstitution:
    """An institution made as the command line makes it."""

    __test__ = False

    principal: Principal
    service_id: UUID
    service_code: str
    api_key: str

    @property
    def institution_id(self) -> UUID:
        return self.principal.institution_id

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}


def _dsn(address: Address) -> str:
    return f"postgresql://{address.user}:{address.password}@/{address.database}?host={address.host}"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running cluster with roles and a migrated template database; durability is not tested here."""
    with memory_folder() as memory:
        yield from _running(tmp_path_factory.mktemp("pg") if memory is None else memory)


def _running(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(
        folder,
        extra_settings=(
            "fsync=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            "autovacuum=off",
        ),
    )
    try:
        asyncio.run(_prepare(server))
        yield server
    finally:
        asyncio.run(server.stop())


async def _prepare(server: EmbeddedPostgres) -> None:
    await server.ensure()
    passwords = server.folder.passwords()
    address = await server.address(SUPERUSER, "postgres")
    superuser = await asyncpg.connect(**address.arguments())
    try:
        await ensure_roles(superuser, passwords)
        await ensure_database(superuser, _TEMPLATE)
    finally:
        await superuser.close()
    owner = await asyncpg.connect(**(await server.address(OWNER, _TEMPLATE)).arguments())
    try:
        await migrate(owner, now=MADE_AT, files=migrations())
    finally:
        await owner.close()


@pytest.fixture
async def database(cluster: EmbeddedPostgres) -> AsyncIterator[TestDatabase]:
    """A fresh copy of the migrated template; dropped after the test."""
    name = f"test_{next(_numbers)}"
    superuser_address = await cluster.address(SUPERUSER, "postgres")
    superuser = await asyncpg.connect(**superuser_address.arguments())
    try:
        # Files are copied, not logged: half the time, for a database that nobody will recover.
        await superuser.execute(
            f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE {_TEMPLATE} STRATEGY file_copy'
        )
        await ensure_database(superuser, name)
        addresses = {role: await cluster.address(role, name) for role in (OWNER, APP, DETECTOR)}
        opened = Database(addresses, None)
        try:
            yield TestDatabase(
                database=opened,
                app_pool=await opened.app_pool(8),
                detector_pool=await opened.detector_pool(2),
                owner_address=addresses[OWNER],
                app_address=addresses[APP],
                superuser_address=superuser_address.with_database(name),
                sealer=Sealer(FileKeyProvider({"kek-1": bytes(range(32))}, "kek-1")),
                hasher=KeyHasher(bytes(range(32, 64))),
                name=name,
            )
        finally:
            await opened.close()
            await superuser.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await superuser.close()


async def make_institution(
    database: TestDatabase,
    *,
    name: str = "Test Bank",
    service_code: str | None = None,
    mode: Mode = Mode.TEST,
    scopes: frozenset[str] = ALL_SCOPES,
    purposes: frozenset[str] = ALL_PURPOSES,
    kinds: frozenset[str] = KINDS,
    entitlement: Entitlement = Entitlement.ANY,
) -> TestInstitution:
    """An institution with one service and one API key, by the very functions of the command line."""
    code = service_code or f"svc-{next(_numbers)}"
    async with database.owner() as owner:
        institution = await create_institution(
            owner,
            database.sealer,
            name=name,
            mode=mode,
            legal_basis="test",
            purposes=purposes,
            kinds=kinds,
            now=MADE_AT,
        )
        service = await create_service(
            owner, institution_id=institution.institution_id, service_code=code, name=name, now=MADE_AT
        )
        key_id, key = await create_api_key(
            owner,
            database.hasher,
            institution_id=institution.institution_id,
            label="test",
            scopes=scopes,
            entitlement=entitlement,
            now=MADE_AT,
        )
    principal = Principal(
        institution.institution_id, key_id, scopes, purposes, kinds, entitlement.value, mode.value
    )
    return TestInstitution(principal, service.service_id, code, key.text)


@pytest.fixture
async def institution(database: TestDatabase) -> TestInstitution:
    """The first institution."""
    return await make_institution(database, name="First Bank")


@pytest.fixture
async def other_institution(database: TestDatabase) -> TestInstitution:
    """A second institution, which must never see the first one's rows."""
    return await make_institution(database, name="Second Bank")
