"""Put into the queue, encrypted; the plaintext is in memory only, and only until it is encrypted.

Whoever calls holds the registration (or the invitation) locked, and announces the event himself, last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from platform_api.deliveries import store
from platform_api.deliveries.jwe import encrypt
from platform_api.deliveries.model import DEFAULT_KEEP, MOST_KEEP, DeliveryPurpose, Waiting
from platform_api.problems import Problem

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection

#: As in 0006.
_MOST_OCTETS: Final = 65_536


async def has_key(connection: Connection, institution_id: UUID) -> bool:  # noqa: ARG001 - the tenant's
    """Could something be queued for this institution? To be asked before J-LIS is."""
    return await store.newest_key(connection) is not None


async def enqueue(
    connection: Connection,
    institution_id: UUID,
    *,
    purpose: DeliveryPurpose,
    payload: dict[str, Any],
    now: datetime,
    keep: timedelta = DEFAULT_KEEP,
    registration_id: UUID | None = None,
    invitation_id: UUID | None = None,
    query_id: UUID | None = None,
) -> UUID:
    """Encrypt to the institution's newest key; an older delivery of the same registration or invitation goes.

    Inside stand the ids of the row as well: a ciphertext that was moved to another row is noticed by who
    opens it. 409 DELIVERY_KEY_MISSING where the institution has no key.
    """
    if not timedelta(0) < keep <= MOST_KEEP:
        raise ValueError("expected a keep of more than nothing and at most 72 hours")
    if (invitation_id if purpose is DeliveryPurpose.CONSENT_SIGNER else registration_id) is None:
        raise ValueError("expected the registration or invitation that the delivery belongs to")
    await purge(connection, institution_id, now)
    key = await store.newest_key(connection)
    if key is None:
        raise key_missing()
    new = Waiting(
        delivery_id=uuid4(),
        purpose=purpose,
        registration_id=registration_id,
        registration_ref=None,
        invitation_id=invitation_id,
        query_id=query_id,
        kid=key.kid,
        created_at=now,
        expires_at=now + keep,
    )
    octets = encrypt(key, _content(institution_id, new, payload))
    if len(octets) > _MOST_OCTETS:
        raise _too_large()
    await store.delete_replaced(connection, purpose, registration_id, invitation_id)
    await store.insert(connection, institution_id, new, octets)
    return new.delivery_id


async def purge(connection: Connection, institution_id: UUID, now: datetime) -> list[Waiting]:  # noqa: ARG001
    """What nobody took in time goes; which it was is for who wants to ask J-LIS again."""
    return await store.delete_expired(connection, now)


def _content(institution_id: UUID, new: Waiting, payload: dict[str, Any]) -> dict[str, Any]:
    ids = {
        "delivery_id": new.delivery_id,
        "institution_id": institution_id,
        "registration_id": new.registration_id,
        "invitation_id": new.invitation_id,
        "query_id": new.query_id,
    }
    return {
        **{name: None if value is None else str(value) for name, value in ids.items()},
        "purpose": new.purpose.value,
        "created_at": new.created_at.isoformat().replace("+00:00", "Z"),
        "payload": payload,
    }


def key_missing() -> Problem:
    return Problem(
        409,
        "DELIVERY_KEY_MISSING",
        en="Your institution has no public key to encrypt to; put one with PUT /v1/delivery-keys/{kid}.",
        ja="暗号化に使う公開鍵が登録されていません。PUT /v1/delivery-keys/{kid} で登録してください。",
    )


def _too_large() -> Problem:
    return Problem(
        422,
        "DELIVERY_TOO_LARGE",
        en="What is to be delivered is larger than a delivery may be; fetch it in a response instead.",
        ja="配信内容が上限を超えています。応答による受け取りを利用してください。",
    )
