"""The database of one process, from "nothing runs" to pools of the right roles, and back.

``open_database`` is used by the service and by the night alike. Whoever finds the embedded server not running
starts it; a watch restarts or takes it over when it ends, whoever ran it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg
from pydantic import SecretStr

from platform_api.db.addresses import APP, DATABASE, DETECTOR, OWNER, Address, from_dsn
from platform_api.db.embedded import EmbeddedPostgres
from platform_api.db.failures import DATABASE_ANSWERS_NOT, SERVER_ENDED
from platform_api.db.migrate import check_version, migrate, migrations
from platform_api.db.programs import SUPERUSER
from platform_api.db.roles import ensure_roles, refuse_powerful_role
from platform_api.db.served import watch, while_served
from platform_api.faults import DatabaseFailed

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool
    from revocation.clock import Clock

_CONNECT_TIMEOUT_S: Final = 10.0
_COMMAND_TIMEOUT_S: Final = 30.0
Made = TypeVar("Made")
#: Any number; nothing else takes advisory locks in an embedded cluster.
_BOOTSTRAP_LOCK: Final = 0x4A504B49

#: Said to every session: a waiting lock or a forgotten transaction ends by itself.
_SESSION: Final = {
    "application_name": "jpki",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}


class Database:
    """Where the database is, and connections to it as one of the three roles."""

    def __init__(self, addresses: dict[str, Address], embedded: EmbeddedPostgres | None) -> None:
        self._addresses = addresses
        self._embedded = embedded
        self._pools = contextlib.AsyncExitStack()
        self._opened: dict[str, Pool] = {}

    async def address(self, role: str) -> Address:
        """Where to connect now (an embedded server that was started again listens elsewhere)."""
        known = self._addresses.get(role)
        if self._embedded is None:
            if known is None:
                raise DatabaseFailed(
                    "DSN_MISSING",
                    expected=f"an address of the database as role {role}",
                    got="none",
                    remedy="set JPKI_OWNER_DSN and JPKI_DETECTOR_DSN beside JPKI_DSN",
                )
            return known
        return await self._embedded.address(role, known.database if known else DATABASE)

    async def connect(self, role: str) -> asyncpg.Connection[asyncpg.Record]:
        """One connection as ``role``; ``DatabaseFailed`` with a remedy when it cannot be had."""
        try:
            if self._embedded is None:
                return await self._connect(role)
            return await while_served(self._embedded, lambda: self._connect(role))
        except DATABASE_ANSWERS_NOT as failure:
            raise DatabaseFailed(
                "DATABASE_UNREACHABLE",
                expected=f"PostgreSQL to let role {role} in",
                got=type(failure).__name__,
                remedy="check that it runs, and the address and password in JPKI_DSN",
            ) from None

    async def _connect(self, role: str) -> asyncpg.Connection[asyncpg.Record]:
        address = await self.address(role)
        return await asyncpg.connect(
            **address.arguments(),
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=_COMMAND_TIMEOUT_S,
            server_settings=_SESSION,
        )

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[Connection]:
        """A connection as the owner, for migrations and administration."""
        connection = await self.connect(OWNER)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    async def pool(self, role: str, size: int) -> Pool:
        """The pool of a role, opened once. Each new connection asks anew where the server is."""
        if role not in self._opened:

            async def connect(*_: Any, **arguments: Any) -> asyncpg.Connection[asyncpg.Record]:
                address = await self.address(role)
                return await asyncpg.connect(**(arguments | address.arguments()))

            pool = asyncpg.create_pool(
                connect=connect,
                min_size=1,
                max_size=size,
                command_timeout=_COMMAND_TIMEOUT_S,
                timeout=_CONNECT_TIMEOUT_S,
                server_settings=_SESSION,
                max_inactive_connection_lifetime=60,
            )
            self._opened[role] = await self._pools.enter_async_context(pool)
        return self._opened[role]

    async def app_pool(self, size: int = 10) -> Pool:
        """Connections of ``jpki_app``: what serves requests."""
        return await self.pool(APP, size)

    async def detector_pool(self, size: int = 2) -> Pool:
        """Connections of ``detector``: the nightly detection."""
        return await self.pool(DETECTOR, size)

    async def while_served(self, act: Callable[[], Awaitable[Made]]) -> Made:
        """Do an act that may be repeated, again when the server ends under it (see ``db.served``).

        A server that is not ours to start again is its operator's: then the act is done once.
        """
        try:
            return await (act() if self._embedded is None else while_served(self._embedded, act))
        except SERVER_ENDED as failure:
            raise DatabaseFailed(
                "DATABASE_LOST",
                expected="PostgreSQL to stay until the work is done",
                got=type(failure).__name__,
                remedy="check that it runs, then run this again: it goes on where it stopped",
            ) from None

    async def close(self) -> None:
        """Close the pools; connections still at work are ended after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await self._pools.aclose()
                return
        for pool in self._opened.values():
            pool.terminate()


@asynccontextmanager
async def open_database(
    *,
    data_dir: Path,
    clock: Clock,
    dsn: SecretStr | None = None,
    owner_dsn: SecretStr | None = None,
    detector_dsn: SecretStr | None = None,
    embedded: EmbeddedPostgres | None = None,
) -> AsyncIterator[Database]:
    """Run or find the server, make roles, migrate, refuse too powerful roles; then a ``Database``."""
    if dsn is not None:
        given = {APP: dsn, OWNER: owner_dsn, DETECTOR: detector_dsn}
        addresses = {role: from_dsn(value.get_secret_value()) for role, value in given.items() if value}
        database = Database(addresses, None)
        try:
            await _set_up(database, clock, migrating=owner_dsn is not None)
            yield database
        finally:
            await database.close()
        return
    server = embedded or EmbeddedPostgres(data_dir)
    await server.ensure()
    database = Database({}, server)
    watching: asyncio.Task[None] | None = None
    try:
        await while_served(server, lambda: _bootstrap(server))
        await while_served(server, lambda: _set_up(database, clock, migrating=True))
        watching = asyncio.create_task(watch(server))
        yield database
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await database.close()
        await server.stop()


async def _bootstrap(server: EmbeddedPostgres) -> None:
    """Roles and database, one process after the other: GRANTs side by side fail on each other's rows.

    The lock is the embedded cluster's alone and ends with the connection, however that ends.
    """
    address = await server.address(SUPERUSER, "postgres")
    superuser = await asyncpg.connect(**address.arguments(), timeout=_CONNECT_TIMEOUT_S)
    try:
        await superuser.execute("SELECT pg_advisory_lock($1)", _BOOTSTRAP_LOCK)
        await ensure_roles(superuser, await asyncio.to_thread(server.folder.passwords))
    finally:
        await superuser.close(timeout=5)


async def _set_up(database: Database, clock: Clock, *, migrating: bool) -> None:
    files = await asyncio.to_thread(migrations)
    if migrating:
        async with database.owner() as owner:
            await migrate(owner, now=clock.now(), files=files)
    connection = await database.connect(APP)
    try:
        await check_version(connection, files)
        await refuse_powerful_role(connection)
    finally:
        await connection.close(timeout=5)
