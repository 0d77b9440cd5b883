"""SQL of delivery keys and of the queue, and nothing else. Always inside a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.deliveries.model import DeliveryKey, DeliveryPurpose, Waiting

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection

_KEY = "kid, jwk, algorithm, created_at, retired_at"
_WAITING = (
    "d.delivery_id, d.purpose, d.registration_id, r.registration_ref, d.invitation_id, d.query_id, d.kid,"
    " d.created_at, d.expires_at"
)
_FROM = "FROM delivery AS d LEFT JOIN registration AS r ON r.registration_id = d.registration_id"


async def insert_key(connection: Connection, institution_id: UUID, key: DeliveryKey) -> DeliveryKey:
    """The key of this kid: the new one, or the one that was there before."""
    await connection.execute(
        f"INSERT INTO delivery_key (institution_id, {_KEY}) VALUES ($1, $2, $3, $4, $5, NULL)"  # noqa: S608
        " ON CONFLICT (institution_id, kid) DO NOTHING",
        institution_id,
        key.kid,
        key.jwk,
        key.algorithm,
        key.created_at,
    )
    found = await find_key(connection, key.kid)
    assert found is not None  # noqa: S101 - inserted, or it was there; keys are never deleted
    return found


async def find_key(connection: Connection, kid: str) -> DeliveryKey | None:
    row = await connection.fetchrow(f"SELECT {_KEY} FROM delivery_key WHERE kid = $1", kid)  # noqa: S608
    return None if row is None else DeliveryKey(**row)


async def newest_key(connection: Connection) -> DeliveryKey | None:
    """The one that is encrypted to: the newest that is not retired."""
    row = await connection.fetchrow(
        f"SELECT {_KEY} FROM delivery_key WHERE retired_at IS NULL"  # noqa: S608 - a constant of ours
        " ORDER BY created_at DESC, kid DESC LIMIT 1"
    )
    return None if row is None else DeliveryKey(**row)


async def list_keys(connection: Connection, limit: int) -> list[DeliveryKey]:
    """Those in use first, then the retired ones, each the newest first."""
    rows = await connection.fetch(
        f"SELECT {_KEY} FROM delivery_key"  # noqa: S608 - a constant of ours
        " ORDER BY (retired_at IS NULL) DESC, created_at DESC, kid DESC LIMIT $1",
        limit,
    )
    return [DeliveryKey(**row) for row in rows]


async def count_keys(connection: Connection) -> int:
    """How many are in use."""
    return int(await connection.fetchval("SELECT count(*) FROM delivery_key WHERE retired_at IS NULL"))


async def retire_key(connection: Connection, kid: str, at: datetime) -> DeliveryKey | None:
    await connection.execute(
        "UPDATE delivery_key SET retired_at = $2 WHERE kid = $1 AND retired_at IS NULL", kid, at
    )
    return await find_key(connection, kid)


async def delete_expired(connection: Connection, now: datetime) -> list[Waiting]:
    """The rows go; what they were is returned."""
    rows = await connection.fetch(
        "DELETE FROM delivery AS d WHERE d.expires_at <= $1"  # noqa: S608 - a constant of ours
        f" RETURNING {_WAITING.replace('r.registration_ref', 'NULL AS registration_ref')}",
        now,
    )
    return [_waiting(row) for row in rows]


async def delete_replaced(
    connection: Connection, purpose: DeliveryPurpose, registration_id: UUID | None, invitation_id: UUID | None
) -> None:
    """What waits for the same registration, or the same invitation, with the same purpose."""
    await connection.execute(
        "DELETE FROM delivery WHERE purpose = $1 AND (registration_id = $2 OR invitation_id = $3)",
        purpose.value,
        registration_id if purpose is DeliveryPurpose.FOUR_INFORMATION else None,
        invitation_id if purpose is DeliveryPurpose.CONSENT_SIGNER else None,
    )


async def insert(connection: Connection, institution_id: UUID, new: Waiting, jwe: bytes) -> None:
    await connection.execute(
        "INSERT INTO delivery (delivery_id, institution_id, purpose, registration_id, invitation_id,"
        " query_id, kid, jwe, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new.delivery_id,
        institution_id,
        new.purpose.value,
        new.registration_id,
        new.invitation_id,
        new.query_id,
        new.kid,
        jwe,
        new.created_at,
        new.expires_at,
    )


async def list_waiting(
    connection: Connection, now: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> list[Waiting]:
    """In order of arrival, from after this place."""
    rows = await connection.fetch(
        f"SELECT {_WAITING} {_FROM} WHERE d.expires_at > $1"
        " AND ($2::timestamptz IS NULL OR (d.created_at, d.delivery_id) > ($2, $3))"
        " ORDER BY d.created_at, d.delivery_id LIMIT $4",
        now,
        None if after is None else after[0],
        None if after is None else after[1],
        limit,
    )
    return [_waiting(row) for row in rows]


async def find(connection: Connection, delivery_id: UUID, now: datetime) -> tuple[Waiting, bytes] | None:
    """A delivery and its ciphertext, while it waits."""
    row = await connection.fetchrow(
        f"SELECT {_WAITING}, d.jwe {_FROM} WHERE d.delivery_id = $1 AND d.expires_at > $2",
        delivery_id,
        now,
    )
    return None if row is None else (_waiting(row), bytes(row["jwe"]))


async def of_registration(connection: Connection, registration_id: UUID, now: datetime) -> Waiting | None:
    """The items that wait for this registration."""
    row = await connection.fetchrow(
        f"SELECT {_WAITING} {_FROM} WHERE d.registration_id = $1 AND d.expires_at > $2"
        " AND d.purpose = 'four_information'",
        registration_id,
        now,
    )
    return None if row is None else _waiting(row)


async def delete(connection: Connection, delivery_id: UUID, now: datetime) -> bool:
    """Whether it was there, and not past its time."""
    gone = await connection.fetchval(
        "DELETE FROM delivery WHERE delivery_id = $1 AND expires_at > $2 RETURNING 1", delivery_id, now
    )
    return gone is not None


def _waiting(row: asyncpg.Record) -> Waiting:
    return Waiting(
        delivery_id=row["delivery_id"],
        purpose=DeliveryPurpose(row["purpose"]),
        registration_id=row["registration_id"],
        registration_ref=row["registration_ref"],
        invitation_id=row["invitation_id"],
        query_id=row["query_id"],
        kid=row["kid"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
