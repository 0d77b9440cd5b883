"""SQL of the marks, the greatest published set and the acts about lost sets, and nothing else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from platform_api.changes.detect_store import institutions
from platform_api.db.transactions import set_tenant

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection

#: We take complete lists only; the column is there for the day on which a CA serves deltas.
FULL: Final = "full"


@dataclass(frozen=True, slots=True)
class MarkRow:
    """One mark with its key: CA, signer, distribution point."""

    ca_id: str
    signing_key: str
    point_sha256: bytes
    crl_number: int | None
    this_update: datetime
    sha256: bytes
    set_seq: int


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """The newest set ever published, by number and manifest."""

    set_seq: int
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class LostSets:
    """The recorded act: sets are lost, build anew from ``at_least`` on."""

    act_id: UUID
    known_seq: int
    found_seq: int
    at_least: int
    recorded_by: str
    recorded_at: datetime


async def marks(connection: Connection) -> list[MarkRow]:
    rows = await connection.fetch(
        "SELECT ca_id, signing_key, point_sha256, crl_number, this_update, sha256, set_seq"
        " FROM high_water WHERE kind = $1",
        FULL,
    )
    return [
        MarkRow(**(dict(row) | {"crl_number": None if row["crl_number"] is None else int(row["crl_number"])}))
        for row in rows
    ]


async def raise_marks(connection: Connection, rows: Collection[MarkRow]) -> None:
    """Each mark to the greater of what is there and what is given; one row for each key."""
    await connection.execute(
        """
        INSERT INTO high_water AS m (ca_id, signing_key, point_sha256, kind,
                                     crl_number, this_update, sha256, set_seq)
        SELECT u.ca_id, u.signing_key, u.point_sha256, $8, u.crl_number, u.this_update, u.sha256, u.set_seq
        FROM unnest($1::text[], $2::text[], $3::bytea[], $4::numeric[], $5::timestamptz[], $6::bytea[],
                    $7::bigint[])
            AS u (ca_id, signing_key, point_sha256, crl_number, this_update, sha256, set_seq)
        ORDER BY 1, 2, 3
        ON CONFLICT (ca_id, signing_key, point_sha256, kind) DO UPDATE
        SET crl_number = GREATEST(m.crl_number, excluded.crl_number),
            this_update = GREATEST(m.this_update, excluded.this_update),
            sha256 = CASE WHEN excluded.this_update > m.this_update THEN excluded.sha256 ELSE m.sha256 END,
            set_seq = GREATEST(m.set_seq, excluded.set_seq)
        WHERE excluded.this_update > m.this_update OR excluded.crl_number > m.crl_number
            OR (m.crl_number IS NULL AND excluded.crl_number IS NOT NULL)
        """,
        [row.ca_id for row in rows],
        [row.signing_key for row in rows],
        [row.point_sha256 for row in rows],
        [None if row.crl_number is None else Decimal(row.crl_number) for row in rows],
        [row.this_update for row in rows],
        [row.sha256 for row in rows],
        [row.set_seq for row in rows],
        FULL,
    )


async def published(connection: Connection) -> PublishedRow | None:
    row = await connection.fetchrow("SELECT set_seq, manifest_sha256 FROM published_set")
    return None if row is None else PublishedRow(**dict(row))


async def raise_published(connection: Connection, row: PublishedRow) -> None:
    await connection.execute(
        "INSERT INTO published_set AS p (set_seq, manifest_sha256) VALUES ($1, $2)"
        " ON CONFLICT (singleton) DO UPDATE"
        " SET set_seq = excluded.set_seq, manifest_sha256 = excluded.manifest_sha256"
        " WHERE excluded.set_seq > p.set_seq",
        row.set_seq,
        row.manifest_sha256,
    )


async def greatest_used(connection: Connection) -> int:
    """The greatest set by which a certificate is watched, or that detection passed. A server adopts a set at
    once, so it may be one that no night lived to tell the database of."""
    return int(
        await connection.fetchval(
            "SELECT GREATEST((SELECT set_seq FROM detection_cursor),"
            " (SELECT max(checked_set_seq) FROM watched_certificate))"
        )
    )


async def greatest_told(connection: Connection) -> int:
    """The greatest set of any event, also of registrations that are erased since. Reads every feed."""
    greatest = 0
    for institution_id in await institutions(connection):
        await set_tenant(connection, institution_id)
        found = await connection.fetchval("SELECT max(set_seq) FROM event")
        greatest = max(greatest, found or 0)
    return greatest


async def open_act(connection: Connection) -> LostSets | None:
    """The newest act whose sets detection has not compared whole yet."""
    row = await connection.fetchrow(
        "SELECT act_id, known_seq, found_seq, at_least, recorded_by, recorded_at FROM lost_sets"
        " WHERE compared_seq IS NULL ORDER BY at_least DESC LIMIT 1"
    )
    return None if row is None else LostSets(**dict(row))


async def record_act(
    connection: Connection, *, known_seq: int, found_seq: int, at_least: int, by: str, now: datetime
) -> LostSets:
    act = LostSets(uuid4(), known_seq, found_seq, at_least, by, now)
    await connection.execute(
        "INSERT INTO lost_sets (act_id, known_seq, found_seq, at_least, recorded_by, recorded_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        act.act_id,
        act.known_seq,
        act.found_seq,
        act.at_least,
        act.recorded_by,
        act.recorded_at,
    )
    return act


async def close_acts(connection: Connection, compared_seq: int) -> None:
    """From here on sets are compared in pairs again."""
    await connection.execute(
        "UPDATE lost_sets SET compared_seq = $1 WHERE compared_seq IS NULL", compared_seq
    )
