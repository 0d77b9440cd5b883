"""An institution's own side of the queue: its key pairs, and what it reads in a delivery."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey, RSAKey

from platform_api.db.transactions import tenant
from platform_api.deliveries import queue
from platform_api.deliveries.model import DEFAULT_KEEP, DeliveryPurpose
from tests.base.postgres import TestInstitution
from tests.features.service import Service

KINDS = ("P-256", "P-384", "X25519", "RSA")
ALGORITHMS = ["ECDH-ES+A256KW", "RSA-OAEP-256", "A256GCM"]

PrivateKey = ECKey | OKPKey | RSAKey


@lru_cache
def pair(kind: str = "P-256", number: int = 0) -> PrivateKey:
    """A key pair of this kind; the same one for the same number."""
    if kind == "RSA":
        return RSAKey.generate_key(2048)
    return OKPKey.generate_key("X25519") if kind == "X25519" else ECKey.generate_key(kind)


def public(key: PrivateKey) -> dict[str, Any]:
    members = key.as_dict(private=False)
    return {name: members[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in members}


async def put_key(
    service: Service, institution: TestInstitution, key: PrivateKey | None = None, kid: str = "key-1"
) -> dict[str, Any]:
    return await service.call(institution, "PUT", f"/v1/delivery-keys/{kid}", public(key or pair()))


def opened(token: str, key: PrivateKey | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and content, as the institution reads them."""
    found = jwe.decrypt_compact(token, key or pair(), algorithms=ALGORITHMS)
    assert found.plaintext is not None
    return dict(found.headers()), json.loads(found.plaintext)


async def queued(
    service: Service,
    institution: TestInstitution,
    registration_id: str,
    payload: dict[str, Any],
    *,
    keep: timedelta = DEFAULT_KEEP,
    query_id: UUID | None = None,
) -> str:
    """Put into the queue as the refresh does."""
    world = service.world
    async with tenant(world.database.app_pool, institution.institution_id) as connection:
        delivery_id = await queue.enqueue(
            connection,
            institution.institution_id,
            purpose=DeliveryPurpose.FOUR_INFORMATION,
            payload=payload,
            now=world.clock.now(),
            keep=keep,
            registration_id=UUID(registration_id),
            query_id=query_id,
        )
    return str(delivery_id)
