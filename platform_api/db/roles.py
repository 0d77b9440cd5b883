"""The three roles, and the refusal to serve as a role that row-level security does not bind.

* ``jpki_owner`` owns the tables and runs migrations; nobody serves as it.
* ``jpki_app`` serves requests. * ``detector`` alone may read matching tags, at night.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from platform_api.db.addresses import APP, DATABASE, DETECTOR, OWNER, ROLES
from platform_api.faults import DatabaseFailed

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection

_ITERATIONS: Final = 4096
#: Major version; older ones do not know what our migrations use.
OLDEST_SERVER: Final = 15


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a password (RFC 5803): no statement, and so no server log, ever holds it."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


async def ensure_roles(superuser: Connection, passwords: Mapping[str, str]) -> None:
    """Make roles and database of an embedded cluster where they are missing; run again it changes nothing."""
    present = {row["rolname"] for row in await superuser.fetch("SELECT rolname FROM pg_roles")}
    for role in ROLES:
        if role not in present:
            await superuser.execute(
                f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION "
                f"PASSWORD '{scram_verifier(passwords[role])}'"
            )
    await ensure_database(superuser, DATABASE)


async def ensure_database(superuser: Connection, name: str, *, template: str = "template1") -> None:
    """A database of the owner, which only our roles may enter."""
    if await superuser.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name) is None:
        await superuser.execute(f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{template}"')
    await superuser.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await superuser.execute(f'GRANT CONNECT ON DATABASE "{name}" TO {APP}, {DETECTOR}')


async def refuse_powerful_role(connection: Connection) -> None:
    """Refuse to serve as superuser, BYPASSRLS, owner of a table, or member of such a role."""
    if connection.get_server_version().major < OLDEST_SERVER:
        raise DatabaseFailed(
            "DATABASE_TOO_OLD",
            expected="PostgreSQL 15 or newer",
            got=f"version {connection.get_server_version().major}",
            remedy="upgrade the server or unset JPKI_DSN",
        )
    powerful = await connection.fetchval(
        """
        SELECT bool_or(r.rolsuper OR r.rolbypassrls OR r.rolcreaterole)
            OR EXISTS (SELECT 1 FROM pg_class AS c WHERE c.relkind IN ('r', 'p')
                       AND c.relnamespace = 'public'::regnamespace
                       AND pg_has_role(current_user, c.relowner, 'MEMBER'))
        FROM pg_roles AS r WHERE pg_has_role(current_user, r.oid, 'MEMBER')
        """
    )
    if powerful is not False:
        raise DatabaseFailed(
            "ROLE_TOO_POWERFUL",
            expected="a role without SUPERUSER, BYPASSRLS, CREATEROLE and without tables of its own",
            got="a role that row-level security would not bind",
            remedy=f"connect as {APP} (JPKI_DSN) and {DETECTOR} (JPKI_DETECTOR_DSN)",
        )


async def unforced_tables(connection: Connection) -> list[str]:
    """Tables without ENABLE and FORCE ROW LEVEL SECURITY: must be none."""
    rows = await connection.fetch(
        """
        SELECT c.relname FROM pg_class AS c
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
        ORDER BY 1
        """
    )
    return [row["relname"] for row in rows]
