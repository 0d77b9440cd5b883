"""SQL of what the operator sees and does about keys and their bindings, and nothing else.

As the owner, whose policies show the rows of all institutions and change those of the chosen tenant only.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection
    from platform_api.institutions.bindings import Binding, Network

_COLUMNS = "binding_id, key_id, institution_id, certificate_sha256, network, created_at, revoked_at"


async def keys(owner: Connection, institution_id: UUID) -> list[asyncpg.Record]:
    """The keys of an institution, ended ones too, the oldest first; never their hashes."""
    return await owner.fetch(
        "SELECT key_id, label, scopes, entitlement, ocsp_purpose, ocsp_rate_per_s, ocsp_burst, created_at,"
        " expires_at, revoked_at FROM api_key WHERE institution_id = $1 ORDER BY created_at, key_id",
        institution_id,
    )


async def institution_of_key(owner: Connection, key_id: UUID) -> UUID | None:
    found: UUID | None = await owner.fetchval("SELECT institution_id FROM api_key WHERE key_id = $1", key_id)
    return found


async def holds_key(owner: Connection, key_id: UUID) -> bool:
    """Is this key of the tenant not revoked? It stays so until the transaction ends."""
    return bool(
        await owner.fetchval(
            "SELECT true FROM api_key WHERE key_id = $1 AND revoked_at IS NULL FOR SHARE", key_id
        )
    )


async def insert_binding(owner: Connection, binding: Binding) -> None:
    await owner.execute(
        "INSERT INTO api_key_binding"
        " (binding_id, key_id, institution_id, kind, certificate_sha256, network, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        binding.binding_id,
        binding.key_id,
        binding.institution_id,
        binding.kind,
        binding.certificate_sha256,
        binding.network,
        binding.created_at,
    )


async def institution_of_binding(owner: Connection, binding_id: UUID) -> UUID | None:
    found: UUID | None = await owner.fetchval(
        "SELECT institution_id FROM api_key_binding WHERE binding_id = $1", binding_id
    )
    return found


async def revoke_binding(owner: Connection, binding_id: UUID, *, now: datetime) -> bool:
    """End it for good; False when it was ended before. Needs the tenant's transaction."""
    done: str = await owner.execute(
        "UPDATE api_key_binding SET revoked_at = $2 WHERE binding_id = $1 AND revoked_at IS NULL",
        binding_id,
        now,
    )
    return done == "UPDATE 1"


async def living_binding(
    owner: Connection, key_id: UUID, certificate_sha256: bytes | None, network: Network | None
) -> asyncpg.Record | None:
    """The binding of exactly this to this key, where there is one."""
    return await owner.fetchrow(
        f"SELECT {_COLUMNS} FROM api_key_binding WHERE key_id = $1 AND revoked_at IS NULL"  # noqa: S608
        " AND (certificate_sha256 = $2 OR network = $3::cidr)",
        key_id,
        certificate_sha256,
        network,
    )


async def bindings(owner: Connection, institution_id: UUID) -> list[asyncpg.Record]:
    return await owner.fetch(
        f"SELECT {_COLUMNS} FROM api_key_binding"  # noqa: S608 - a constant of ours
        " WHERE institution_id = $1 ORDER BY created_at, binding_id",
        institution_id,
    )
