"""T51, T52: what one institution may see of another is nothing, whatever a handler forgets."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from platform_api.db.roles import refuse_powerful_role, unforced_tables
from platform_api.db.transactions import set_tenant, tenant
from platform_api.faults import DatabaseFailed
from tests.base.postgres import TestDatabase, TestInstitution

pytestmark = pytest.mark.usefixtures("institution", "other_institution")


async def test_every_table_enables_and_forces_row_security(database: TestDatabase) -> None:
    """No table of any migration is without ENABLE and FORCE ROW LEVEL SECURITY, and each has a policy."""
    async with database.owner() as owner:
        assert await unforced_tables(owner) == []
        bare = await owner.fetch(
            "SELECT relname FROM pg_class AS c"
            " WHERE relkind IN ('r','p') AND relnamespace = 'public'::regnamespace"
            " AND NOT EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = c.oid)"
        )
        assert [row["relname"] for row in bare] == []


async def test_a_table_without_row_security_is_named(database: TestDatabase) -> None:
    """The generic check finds a table that a migration forgot."""
    async with database.owner() as owner:
        await owner.execute("CREATE TABLE forgotten (a int); ALTER TABLE forgotten ENABLE ROW LEVEL SECURITY")
        assert await unforced_tables(owner) == ["forgotten"]


async def test_serving_roles_have_no_power(database: TestDatabase) -> None:
    """jpki_app and detector are no superusers, bypass nothing, own nothing."""
    for pool in (database.app_pool, database.detector_pool):
        async with pool.acquire() as connection:
            await refuse_powerful_role(connection)


async def test_the_owner_and_the_superuser_are_refused_for_serving(database: TestDatabase) -> None:
    """Start-up refuses a role that owns the tables or that row-level security does not bind."""
    async with database.owner() as owner:
        with pytest.raises(DatabaseFailed, match="ROLE_TOO_POWERFUL"):
            await refuse_powerful_role(owner)
    async with database.superuser() as superuser:
        with pytest.raises(DatabaseFailed, match="ROLE_TOO_POWERFUL"):
            await refuse_powerful_role(superuser)


async def test_a_handler_that_forgets_the_tenant_sees_nothing(database: TestDatabase) -> None:
    """Without a tenant every table that jpki_app may read shows no row of anybody."""
    async with database.app_pool.acquire() as connection:
        tables = await connection.fetch(
            "SELECT DISTINCT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
            " WHERE c.relkind IN ('r','p') AND c.relnamespace = 'public'::regnamespace"
            " AND a.attname = 'institution_id' AND has_table_privilege(c.oid, 'SELECT')"
        )
        assert len(tables) >= 5
        for row in tables:
            assert await connection.fetchval(f'SELECT count(*) FROM "{row["relname"]}"') == 0


async def test_a_tenant_sees_its_own_rows_only(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Inside a tenant's transaction the other institution's rows do not exist, by id or at large."""
    async with tenant(database.app_pool, institution.institution_id) as connection:
        for table in ("institution", "service", "api_key", "institution_key"):
            rows = await connection.fetch(f"SELECT institution_id FROM {table}")
            assert {row["institution_id"] for row in rows} == {institution.institution_id}
        assert (
            await connection.fetchval(
                "SELECT count(*) FROM service WHERE service_id = $1", other_institution.service_id
            )
            == 0
        )


async def test_an_insert_for_another_institution_is_refused(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """A row for somebody else, or without a tenant, cannot be written."""
    statement = (
        "INSERT INTO idempotency"
        " (idempotency_id, institution_id, key_hash, fingerprint, started_at, expires_at)"
        " VALUES ($1, $2, $3, $3, '2026-01-01Z', '2026-01-02Z')"
    )
    arguments = (uuid4(), other_institution.institution_id, bytes(32))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tenant(database.app_pool, institution.institution_id) as connection:
            await connection.execute(statement, *arguments)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.app_pool.execute(statement, *arguments)


async def test_a_cancelled_request_leaves_no_tenant_behind(
    database: TestDatabase, institution: TestInstitution
) -> None:
    """However often requests are cancelled mid-transaction, the next user of the connection has no tenant."""

    async def request() -> None:
        async with tenant(database.app_pool, institution.institution_id) as connection:
            await connection.execute("SELECT pg_sleep(5)")

    for _ in range(15):
        tasks = [asyncio.create_task(request()) for _ in range(8)]
        await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with database.app_pool.acquire() as connection:
            assert await connection.fetchval("SELECT current_setting('app.institution_id', true)") in (
                None,
                "",
            )
            assert await connection.fetchval("SELECT count(*) FROM service") == 0


async def test_a_tenant_outside_a_transaction_is_refused(
    database: TestDatabase, institution: TestInstitution
) -> None:
    """Choosing a tenant without a transaction is a fault of ours, not a silent no-op."""
    async with database.app_pool.acquire() as connection:
        with pytest.raises(AssertionError):
            await set_tenant(connection, institution.institution_id)
