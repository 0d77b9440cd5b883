"""Migrations: numbered SQL files, each in one transaction, in order, as the owner.

The row in ``schema_version`` is inserted first: its primary key makes a second migrator wait for the first
and then find the work done, without any advisory lock. An applied file never changes: its hash is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from platform_api.db.addresses import APP, DETECTOR
from platform_api.db.roles import unforced_tables
from platform_api.faults import DatabaseFailed

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection

SCHEMA_FOLDER: Final = Path(__file__).parent / "schema"

_BOOK: Final = f"""
CREATE TABLE IF NOT EXISTS schema_version (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at timestamptz NOT NULL
);
ALTER TABLE schema_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE schema_version FORCE ROW LEVEL SECURITY;
CREATE POLICY book ON schema_version USING (true);
GRANT SELECT ON schema_version TO {APP}, {DETECTOR};
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    sql: str
    sha256: bytes


def migrations(folder: Path = SCHEMA_FOLDER) -> tuple[Migration, ...]:
    """The files of the schema folder; their numbers are 1, 2, 3 … without a gap."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        text = path.read_bytes()
        found.append(Migration(int(path.name[:4]), path.stem, text.decode(), hashlib.sha256(text).digest()))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise DatabaseFailed(
            "MIGRATIONS_INCOMPLETE",
            expected="migration files numbered from 0001 without a gap",
            got="a gap or a number twice",
            remedy="reinstall the package",
        )
    return tuple(found)


async def migrate(owner: Connection, *, now: datetime, files: tuple[Migration, ...]) -> int:
    """Apply what is missing; gives how many were applied. Run twice, or by two at once, it does the same."""
    await _open_book(owner)
    applied = 0
    for migration in files:
        try:
            async with owner.transaction():
                await owner.execute(
                    "INSERT INTO schema_version (version, name, sha256, applied_at) VALUES ($1, $2, $3, $4)",
                    migration.version,
                    migration.name,
                    migration.sha256,
                    now,
                )
                await owner.execute(migration.sql)
            applied += 1
        except asyncpg.UniqueViolationError as violation:
            if violation.table_name != "schema_version":
                raise
    await check_version(owner, files)
    if bare := await unforced_tables(owner):
        raise DatabaseFailed(
            "ROW_SECURITY_MISSING",
            expected="ENABLE and FORCE ROW LEVEL SECURITY on every table",
            got=f"tables without it: {', '.join(bare)}",
            remedy="correct the migration that made them",
        )
    return applied


async def check_version(connection: Connection, files: tuple[Migration, ...]) -> None:
    """Refuse a database that is older, newer, or made by files other than ours."""
    try:
        rows = await connection.fetch("SELECT version, sha256 FROM schema_version ORDER BY version")
    except asyncpg.UndefinedTableError:
        rows = []
    expected = [(migration.version, migration.sha256) for migration in files]
    if [(row["version"], bytes(row["sha256"])) for row in rows] == expected:
        return
    raise DatabaseFailed(
        "SCHEMA_UNKNOWN",
        expected=f"schema version {len(expected)} made by this release's files",
        got=f"version {rows[-1]['version'] if rows else 0} or other files",
        remedy="set JPKI_OWNER_DSN so that the schema can be migrated, or install the release it belongs to",
    )


async def _open_book(owner: Connection) -> None:
    """Make the table of versions; two at once collide in the catalogue, and the loser finds it made."""
    for _ in range(2):
        if await owner.fetchval("SELECT to_regclass('public.schema_version')") is not None:
            return
        try:
            async with owner.transaction():
                await owner.execute(_BOOK)
        except (asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError, asyncpg.DuplicateTableError):
            continue
