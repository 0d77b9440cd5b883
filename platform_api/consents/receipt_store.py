"""SQL of receipts and of the public keys that signed them, and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

if TYPE_CHECKING:
    from platform_api.consents.receipts import ReceiptSigner
    from platform_api.db.transactions import Connection


async def insert(
    connection: Connection,
    institution_id: UUID,
    consent_id: UUID,
    receipt: str,
    signer: ReceiptSigner,
    now: datetime,
) -> None:
    """The receipt and, in the same transaction, the key that verifies it: none stands without its key."""
    await publish(connection, signer, now)
    await connection.execute(
        "INSERT INTO consent_receipt (consent_id, institution_id, kid, receipt) VALUES ($1, $2, $3, $4)",
        consent_id,
        institution_id,
        signer.kid,
        receipt,
    )


async def publish(connection: Connection, signer: ReceiptSigner, now: datetime) -> None:
    await connection.execute(
        "INSERT INTO receipt_key (kid, jwk, first_used_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        signer.kid,
        orjson.dumps(signer.public_jwk).decode(),
        now,
    )


async def find(connection: Connection, consent_id: UUID) -> str | None:
    """None of a consent that an older release received."""
    found: str | None = await connection.fetchval(
        "SELECT receipt FROM consent_receipt WHERE consent_id = $1", consent_id
    )
    return found


async def keys(connection: Connection) -> list[dict[str, str]]:
    """Every public key that ever signed here, the oldest first."""
    rows = await connection.fetch("SELECT jwk FROM receipt_key ORDER BY first_used_at, kid")
    return [orjson.loads(row["jwk"]) for row in rows]
