"""SQL of signing attempts: a browser's way to an app that signs and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.db.transactions import acquired

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool

#: Attempts under way of one invitation; the oldest ones make room.
_MOST: Final = 10


@dataclass(frozen=True, slots=True, repr=False)
class Attempt:
    """One attempt, by the hashes of what only the browser has."""

    institution_id: UUID
    invitation_id: UUID
    browser_hash: bytes
    holder_app: str
    ticket: bytes | None
    expires_at: datetime
    used_at: datetime | None


async def insert(
    connection: Connection,
    *,
    state_hash: bytes,
    institution_id: UUID,
    invitation_id: UUID,
    browser_hash: bytes,
    holder_app: str,
    ticket: bytes | None,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    await connection.execute("DELETE FROM invitation_signing WHERE expires_at <= $1", created_at)
    await connection.execute(
        "DELETE FROM invitation_signing WHERE state_hash IN (SELECT state_hash FROM invitation_signing"
        " WHERE invitation_id = $1 ORDER BY created_at DESC OFFSET $2)",
        invitation_id,
        _MOST - 1,
    )
    await connection.execute(
        "INSERT INTO invitation_signing (state_hash, institution_id, invitation_id, browser_hash, holder_app,"
        " ticket, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        state_hash,
        institution_id,
        invitation_id,
        browser_hash,
        holder_app,
        ticket,
        created_at,
        expires_at,
    )


async def find(pool: Pool, state_hash: bytes) -> Attempt | None:
    """As with a token: whoever names the hash of a state parameter sees that attempt."""
    async with acquired(pool) as connection, connection.transaction(readonly=True):
        await connection.execute("SELECT set_config('app.letter_hash', $1, true)", state_hash.hex())
        row = await connection.fetchrow(
            "SELECT institution_id, invitation_id, browser_hash, holder_app, ticket, expires_at, used_at"
            " FROM invitation_signing WHERE state_hash = $1",
            state_hash,
        )
    return None if row is None else Attempt(**dict(row))


async def use(connection: Connection, state_hash: bytes, at: datetime) -> bool:
    """True for the one who uses it first."""
    used = await connection.fetchval(
        "UPDATE invitation_signing SET used_at = $2, ticket = NULL"
        " WHERE state_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING 1",
        state_hash,
        at,
    )
    return used is not None
