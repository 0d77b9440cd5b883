"""What the operator does for institutions: make one, its services, its API keys. Used by the command line.

Runs as the owner of the tables, whom row-level security binds like everybody: each act chooses its tenant.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import asyncpg

from platform_api.db.transactions import set_tenant
from platform_api.faults import SetupRefused
from platform_api.institutions import store
from platform_api.institutions.api_keys import ApiKey, KeyHasher
from platform_api.institutions.model import (
    KINDS,
    Entitlement,
    Institution,
    Mode,
    OcspPurpose,
    Purpose,
    Scope,
    Service,
)

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection
    from platform_api.sealing import Sealer

FIRST_EPOCH: Final = 1
ALL_SCOPES: Final = frozenset(scope.value for scope in Scope)
ALL_PURPOSES: Final = frozenset(purpose.value for purpose in Purpose)
#: Above any rate that a server gives, and far below what the column holds.
MOST_LIMIT: Final = 10_000_000


async def create_institution(
    owner: Connection,
    sealer: Sealer,
    *,
    name: str,
    mode: Mode,
    legal_basis: str,
    purposes: Iterable[str],
    kinds: Iterable[str],
    now: datetime,
    contract_from: datetime | None = None,
) -> Institution:
    """A new tenant with its first data key. Purposes and kinds are denied unless named."""
    institution = Institution(
        institution_id=uuid4(),
        name=name,
        mode=mode,
        legal_basis=legal_basis,
        purposes=_known(purposes, ALL_PURPOSES, "purpose"),
        kinds=_known(kinds, KINDS, "kind"),
    )
    async with owner.transaction():
        await set_tenant(owner, institution.institution_id)
        try:
            await store.insert_institution(owner, institution, contract_from=contract_from or now, now=now)
        except asyncpg.CheckViolationError:
            raise _refused("a name of 1 to 200 and a legal basis of 1 to 500 characters") from None
        await sealer.create_data_key(owner, institution.institution_id, FIRST_EPOCH)
    return institution


async def create_service(
    owner: Connection, *, institution_id: UUID, service_code: str, name: str, now: datetime
) -> Service:
    """A service of an institution; ``service_code`` is the one J-LIS knows it by, unique on the platform."""
    service = Service(uuid4(), institution_id, service_code, name)
    async with owner.transaction():
        await set_tenant(owner, institution_id)
        try:
            await store.insert_service(owner, service, now=now)
        except asyncpg.UniqueViolationError:
            raise _refused("a service code that is not taken") from None
        except asyncpg.CheckViolationError:
            raise _refused("a service code of 1 to 64 of A-Z a-z 0-9 _ - and a name") from None
        except asyncpg.ForeignKeyViolationError:
            raise _refused("the id of an institution") from None
    return service


async def create_api_key(
    owner: Connection,
    hasher: KeyHasher,
    *,
    institution_id: UUID,
    label: str,
    scopes: Iterable[str],
    now: datetime,
    entitlement: Entitlement = Entitlement.REGISTERED,
    expires_at: datetime | None = None,
    ocsp_purpose: OcspPurpose = OcspPurpose.CURRENT_STATUS_CHECK,
    ocsp_rate_per_s: int | None = None,
    ocsp_burst: int | None = None,
) -> tuple[UUID, ApiKey]:
    """A new key: its id, and the key itself, which is kept nowhere and so can be shown only now.

    Its OCSP questions have the one purpose given here. Rate (requests a second) and burst (requests at once)
    are the server's where they are None.
    """
    allowed = _known(scopes, ALL_SCOPES, "scope")
    if not all(limit is None or 1 <= limit <= MOST_LIMIT for limit in (ocsp_rate_per_s, ocsp_burst)):
        raise _refused(f"an OCSP rate and burst of 1 to {MOST_LIMIT}")
    async with owner.transaction():
        await set_tenant(owner, institution_id)
        mode = await store.institution_mode(owner, institution_id)
        if mode is None:
            raise _refused("the id of an institution")
        key = ApiKey.generate(mode)
        key_id = uuid4()
        await store.insert_key(
            owner,
            key_id=key_id,
            institution_id=institution_id,
            key_hash=hasher.api_key(key),
            label=label,
            scopes=allowed,
            entitlement=entitlement,
            expires_at=expires_at,
            ocsp_purpose=ocsp_purpose,
            ocsp_rate_per_s=ocsp_rate_per_s,
            ocsp_burst=ocsp_burst,
            now=now,
        )
    return key_id, key


async def revoke_api_key(owner: Connection, *, institution_id: UUID, key_id: UUID, now: datetime) -> bool:
    """End a key at once; False when there is no such living key."""
    async with owner.transaction():
        await set_tenant(owner, institution_id)
        return await store.revoke_key(owner, key_id, now=now)


def _known(given: Iterable[str], allowed: frozenset[str], what: str) -> frozenset[str]:
    chosen = frozenset(str(item) for item in given)
    if not chosen <= allowed:
        raise _refused(f"each {what} to be one of {', '.join(sorted(allowed))}")
    return chosen


def _refused(expected: str) -> SetupRefused:
    return SetupRefused(
        "INSTITUTION_REFUSED", expected=expected, got="something else", remedy="correct the command"
    )
