"""SQL of registrations and their watched certificates, and nothing else. Always inside a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from platform_api.changes.model import Condition, RegistrationState
from platform_api.registrations.model import CURRENT, PENDING, Registration

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection

_OWN = "registration_id, service_id, registration_ref, customer_ref"
_COLUMNS = f"{_OWN}, state, created_at, changed_at, linkage_agreed"


def _registration(row: asyncpg.Record) -> Registration:
    return Registration(**(dict(row) | {"state": RegistrationState(row["state"])}))


async def service_code(connection: Connection, service_id: UUID) -> str | None:
    """The service's code, or None where this institution has no such service."""
    found: str | None = await connection.fetchval(
        "SELECT service_code FROM service WHERE service_id = $1", service_id
    )
    return found


async def upsert(
    connection: Connection, new: Registration, institution_id: UUID, *, linkage_agreed: bool | None = None
) -> tuple[Registration, bool]:
    """The registration of this reference, locked, and whether it is new. customer_ref follows the caller,
    and so does the agreement to linkage where he says anything of it."""
    row = await connection.fetchrow(
        f"INSERT INTO registration (institution_id, {_COLUMNS})"  # noqa: S608 - a constant of ours
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, false))"
        " ON CONFLICT (institution_id, service_id, registration_ref)"
        " DO UPDATE SET customer_ref = excluded.customer_ref,"
        " linkage_agreed = coalesce($9, registration.linkage_agreed)"
        f" RETURNING {_COLUMNS}, registration_id = $2 AS is_new",
        institution_id,
        new.registration_id,
        new.service_id,
        new.registration_ref,
        new.customer_ref,
        new.state.value,
        new.created_at,
        new.changed_at,
        linkage_agreed,
    )
    assert row is not None  # noqa: S101 - DO UPDATE always returns the row
    values = dict(row)
    is_new = bool(values.pop("is_new"))
    return Registration(**(values | {"state": RegistrationState(row["state"])})), is_new


async def find(connection: Connection, registration_id: UUID, *, lock: bool = False) -> Registration | None:
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM registration WHERE registration_id = $1"  # noqa: S608
        + (" FOR UPDATE" if lock else ""),
        registration_id,
    )
    return None if row is None else _registration(row)


async def set_state(
    connection: Connection, registration_id: UUID, state: RegistrationState, now: datetime
) -> None:
    await connection.execute(
        "UPDATE registration SET state = $2, changed_at = $3 WHERE registration_id = $1 AND state <> $2",
        registration_id,
        state.value,
        now,
    )


async def watched_rows(connection: Connection, registration_id: UUID) -> dict[str, asyncpg.Record]:
    """By slot, still sealed."""
    rows = await connection.fetch(
        "SELECT certificate_id, registration_id, holder_id, slot, kind, condition, reason_code, identity,"
        " checked_set_seq, query_id FROM watched_certificate WHERE registration_id = $1",
        registration_id,
    )
    return {row["slot"]: row for row in rows}


async def insert_watched(
    connection: Connection,
    *,
    certificate_id: UUID,
    institution_id: UUID,
    registration_id: UUID,
    holder_id: UUID,
    slot: str,
    kind: str,
    condition: Condition,
    reason_code: int | None,
    identity: bytes,
    identity_epoch: int,
    expiry_month: date,
    checked_set_seq: int,
    query_id: UUID | None,
    tags: Iterable[tuple[int, bytes]],
) -> None:
    await connection.execute(
        "INSERT INTO watched_certificate (certificate_id, institution_id, registration_id, holder_id, slot,"
        " kind, condition, reason_code, identity, identity_epoch, expiry_month, checked_set_seq, query_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        certificate_id,
        institution_id,
        registration_id,
        holder_id,
        slot,
        kind,
        condition.value,
        reason_code,
        identity,
        identity_epoch,
        expiry_month,
        checked_set_seq,
        query_id,
    )
    records: list[tuple[Any, ...]] = [
        (key_id, tag, certificate_id, registration_id, institution_id) for key_id, tag in tags
    ]
    await connection.executemany(
        "INSERT INTO registration_tag (key_id, tag, certificate_id, registration_id, institution_id)"
        " VALUES ($1, $2, $3, $4, $5)",
        records,
    )


async def are_registered(connection: Connection, certificates: Sequence[Sequence[bytes]]) -> list[bool]:
    """For each certificate, given by its tags: does a registration of this tenant watch it?

    Whatever state that is in: an ended one's certificate is revoked, and its institution must hear so. Asked
    of a function, because the application may not read tags (see 0005_ocsp_callers.sql).
    """
    rows = await connection.fetch(
        "SELECT registered_among($1) AS tag", [tag for tags in certificates for tag in tags]
    )
    found = {row["tag"] for row in rows}
    return [not found.isdisjoint(tags) for tags in certificates]


async def delete_watched(connection: Connection, registration_id: UUID, slot: str) -> None:
    """The certificate and, by cascade, its tags."""
    await connection.execute(
        "DELETE FROM watched_certificate WHERE registration_id = $1 AND slot = $2", registration_id, slot
    )


async def set_query(connection: Connection, certificate_id: UUID, query_id: UUID) -> None:
    """The newest DATA answer that brought this successor."""
    await connection.execute(
        "UPDATE watched_certificate SET query_id = $2 WHERE certificate_id = $1", certificate_id, query_id
    )


async def promote_pending(connection: Connection, registration_id: UUID) -> None:
    """The pending successor becomes current; the old certificate and its tags go."""
    await delete_watched(connection, registration_id, CURRENT)
    await connection.execute(
        "UPDATE watched_certificate SET slot = $2 WHERE registration_id = $1 AND slot = $3",
        registration_id,
        CURRENT,
        PENDING,
    )
