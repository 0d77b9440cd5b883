"""SQL of institutions, services and API keys, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.db.transactions import acquired
from platform_api.institutions.model import Entitlement, Institution, Mode, OcspPurpose, Principal, Service

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection, Pool
    from platform_api.peers import Address


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A looked-up API key: the principal it proves, and until when."""

    principal: Principal
    key_hash: bytes
    expires_at: datetime | None
    revoked_at: datetime | None
    contract_from: datetime
    contract_until: datetime | None
    #: The one purpose of its OCSP questions, which name none themselves.
    ocsp_purpose: str
    #: Its own limits; None where the server's settings apply.
    ocsp_rate_per_s: int | None
    ocsp_burst: int | None

    def living(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def in_contract(self, now: datetime) -> bool:
        """Is the institution's contract in force?"""
        return self.contract_from <= now and (self.contract_until is None or now < self.contract_until)

    @property
    def ends_at(self) -> datetime | None:
        """When the key or the contract ends by its own date."""
        return min((end for end in (self.expires_at, self.contract_until) if end is not None), default=None)


#: What ``_record`` reads; k is the key, i its institution.
_RECORD = """
    k.key_id, k.institution_id, k.key_hash, k.scopes, k.entitlement, k.expires_at, k.revoked_at,
    k.ocsp_purpose, k.ocsp_rate_per_s, k.ocsp_burst,
    i.purposes, i.kinds, i.mode, i.contract_from, i.contract_until
"""


async def find_key(pool: Pool, key_hash: bytes) -> KeyRecord | None:
    """The key with this hash. No tenant is known yet: a policy shows the row to whoever names its hash."""
    async with acquired(pool) as connection, connection.transaction(readonly=True):
        await connection.execute("SELECT set_config('app.key_hash', $1, true)", key_hash.hex())
        row = await connection.fetchrow(
            f"SELECT {_RECORD} FROM api_key AS k JOIN institution AS i USING (institution_id)"  # noqa: S608
            " WHERE k.key_hash = $1",
            key_hash,
        )
    return None if row is None else _record(row)


async def find_key_of_certificate(pool: Pool, certificate_sha256: bytes) -> KeyRecord | None:
    """The key that this client certificate is bound to, by the policy that ``find_key`` goes by too."""
    async with acquired(pool) as connection, connection.transaction(readonly=True):
        await connection.execute(
            "SELECT set_config('app.certificate_sha256', $1, true)", certificate_sha256.hex()
        )
        row = await connection.fetchrow(
            f"SELECT {_RECORD} FROM api_key_binding AS b"  # noqa: S608 - a constant of ours
            " JOIN api_key AS k USING (institution_id, key_id) JOIN institution AS i USING (institution_id)"
            " WHERE b.certificate_sha256 = $1 AND b.revoked_at IS NULL",
            certificate_sha256,
        )
    return None if row is None else _record(row)


async def find_key_of_address(pool: Pool, address: Address) -> KeyRecord | None:
    """The key whose listed network this address is in; living networks never overlap."""
    async with acquired(pool) as connection, connection.transaction(readonly=True):
        await connection.execute("SELECT set_config('app.peer', $1, true)", str(address))
        row = await connection.fetchrow(
            f"SELECT {_RECORD} FROM api_key_binding AS b"  # noqa: S608 - a constant of ours
            " JOIN api_key AS k USING (institution_id, key_id) JOIN institution AS i USING (institution_id)"
            " WHERE b.network >>= $1::inet AND b.revoked_at IS NULL",
            address,
        )
    return None if row is None else _record(row)


def _record(row: asyncpg.Record) -> KeyRecord:
    principal = Principal(
        institution_id=row["institution_id"],
        key_id=row["key_id"],
        scopes=frozenset(row["scopes"]),
        purposes=frozenset(row["purposes"]),
        kinds=frozenset(row["kinds"]),
        entitlement=row["entitlement"],
        mode=row["mode"],
    )
    return KeyRecord(
        principal,
        key_hash=bytes(row["key_hash"]),
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        contract_from=row["contract_from"],
        contract_until=row["contract_until"],
        ocsp_purpose=row["ocsp_purpose"],
        ocsp_rate_per_s=row["ocsp_rate_per_s"],
        ocsp_burst=row["ocsp_burst"],
    )


async def insert_institution(
    connection: Connection, institution: Institution, *, contract_from: datetime, now: datetime
) -> None:
    await connection.execute(
        """
        INSERT INTO institution
            (institution_id, name, mode, legal_basis, contract_from, purposes, kinds, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        institution.institution_id,
        institution.name,
        institution.mode.value,
        institution.legal_basis,
        contract_from,
        sorted(institution.purposes),
        sorted(institution.kinds),
        now,
    )


async def insert_service(connection: Connection, service: Service, *, now: datetime) -> None:
    await connection.execute(
        "INSERT INTO service (service_id, institution_id, service_code, name, created_at)"
        " VALUES ($1, $2, $3, $4, $5)",
        service.service_id,
        service.institution_id,
        service.service_code,
        service.name,
        now,
    )


async def insert_key(
    connection: Connection,
    *,
    key_id: UUID,
    institution_id: UUID,
    key_hash: bytes,
    label: str,
    scopes: frozenset[str],
    entitlement: Entitlement,
    expires_at: datetime | None,
    ocsp_purpose: OcspPurpose,
    ocsp_rate_per_s: int | None,
    ocsp_burst: int | None,
    now: datetime,
) -> None:
    await connection.execute(
        """
        INSERT INTO api_key
            (key_id, institution_id, key_hash, label, scopes, entitlement, created_at, expires_at,
             ocsp_purpose, ocsp_rate_per_s, ocsp_burst)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        key_id,
        institution_id,
        key_hash,
        label,
        sorted(scopes),
        entitlement.value,
        now,
        expires_at,
        ocsp_purpose.value,
        ocsp_rate_per_s,
        ocsp_burst,
    )


async def revoke_key(connection: Connection, key_id: UUID, *, now: datetime) -> bool:
    """End a key for good, and with it every other way to present it; False when there is no such living key.

    Needs the tenant's transaction.
    """
    done: str = await connection.execute(
        "UPDATE api_key SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL", key_id, now
    )
    # After the key, whose lock an unfinished binding holds until it can be seen here.
    await connection.execute(
        "UPDATE api_key_binding SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL", key_id, now
    )
    return done == "UPDATE 1"


async def all_institutions(owner: Connection) -> list[Institution]:
    """Every institution, for the operator; only the owner's policy shows them all."""
    rows = await owner.fetch("SELECT * FROM institution ORDER BY created_at, institution_id")
    return [_institution(row) for row in rows]


async def institution_mode(connection: Connection, institution_id: UUID) -> Mode | None:
    mode = await connection.fetchval("SELECT mode FROM institution WHERE institution_id = $1", institution_id)
    return None if mode is None else Mode(mode)


async def services(connection: Connection, institution_id: UUID) -> list[Service]:
    """The services of one institution; needs the tenant's transaction (or the owner)."""
    rows = await connection.fetch(
        "SELECT service_id, institution_id, service_code, name FROM service"
        " WHERE institution_id = $1 ORDER BY created_at, service_id",
        institution_id,
    )
    return [Service(**dict(row)) for row in rows]


def _institution(row: asyncpg.Record) -> Institution:
    return Institution(
        institution_id=row["institution_id"],
        name=row["name"],
        mode=Mode(row["mode"]),
        legal_basis=row["legal_basis"],
        purposes=frozenset(row["purposes"]),
        kinds=frozenset(row["kinds"]),
    )
