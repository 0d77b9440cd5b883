"""GET /v1/deliveries, GET /v1/deliveries/{delivery_id} and :acknowledge."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field

from platform_api.db.transactions import tenant
from platform_api.deliveries import queue, store
from platform_api.deliveries.model import DeliveryPurpose, Waiting
from platform_api.four_information.acknowledging import acknowledge_answer
from platform_api.invitations.signer_store import mark_taken
from platform_api.keys import CLOCK, POOL
from platform_api.operations import (
    RequestModel,
    ResponseModel,
    operation,
    path_uuid,
    principal_of,
    query_of,
)
from platform_api.page_tokens import PageToken, page_of, read_page_token
from platform_api.problems import Problem
from platform_api.registrations.context import watcher_of

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


class DeliveriesQuery(RequestModel):
    """How many at once, and where the last page ended."""

    page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    page_token: PageToken | None = None


class DeliveryBody(ResponseModel):
    """A delivery that waits; take it by its id."""

    delivery_id: UUID
    purpose: str
    registration_id: UUID | None
    registration_ref: str | None
    invitation_id: UUID | None
    query_id: UUID | None
    kid: str
    created_at: datetime
    expires_at: datetime


class DeliveriesResponse(ResponseModel):
    """A page, the oldest first; there is another one while ``next_page_token`` is given."""

    deliveries: list[DeliveryBody]
    next_page_token: str | None


class TakenDelivery(ResponseModel):
    """The delivery, encrypted to your key ``kid`` (JWE compact, RFC 7516)."""

    delivery: DeliveryBody
    jwe: str


class AcknowledgedDelivery(ResponseModel):
    """It is gone; ``state`` is that of the registration, which watches the new certificate from now on."""

    delivery_id: UUID
    registration_id: UUID | None
    state: str | None


@operation(
    "GET",
    "/v1/deliveries",
    operation_id="list_deliveries",
    request=None,
    query=DeliveriesQuery,
    response=DeliveriesResponse,
    scope="deliveries:take",
    summary_en="Deliveries that wait for you",
    summary_ja="受け取り待ちの配信を一覧する",
)
async def list_deliveries(request: web.Request) -> DeliveriesResponse:
    query = query_of(request, DeliveriesQuery)
    after = read_page_token(query.page_token)
    now = request.config_dict[CLOCK].now()
    institution_id = principal_of(request).institution_id
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        await queue.purge(connection, institution_id, now)
        found = await store.list_waiting(connection, now, after, query.page_size + 1)
    page, token = page_of(found, query.page_size, lambda one: (one.created_at, one.delivery_id))
    return DeliveriesResponse(
        deliveries=[_body(waiting) for waiting in page],
        next_page_token=token,
    )


@operation(
    "GET",
    "/v1/deliveries/{delivery_id}",
    operation_id="take_delivery",
    request=None,
    response=TakenDelivery,
    scope="deliveries:take",
    summary_en="Take a delivery; it stays until you acknowledge it, or until it expires",
    summary_ja="配信を受け取る(受領確認または期限まで残る)",
)
async def take_delivery(request: web.Request) -> TakenDelivery:
    delivery_id = path_uuid(request, "delivery_id")
    now = request.config_dict[CLOCK].now()
    institution_id = principal_of(request).institution_id
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        await queue.purge(connection, institution_id, now)
        found = await store.find(connection, delivery_id, now)
    if found is None:
        raise _gone()
    if found[0].invitation_id is not None:
        # Of its own: the first one holds rows of the queue.
        async with tenant(request.config_dict[POOL], institution_id) as connection:
            if not await _signer_taken(connection, found[0], now):
                raise _gone()
    return TakenDelivery(delivery=_body(found[0]), jwe=found[1].decode("ascii"))


@operation(
    "POST",
    "/v1/deliveries/{delivery_id}:acknowledge",
    operation_id="acknowledge_delivery",
    request=None,
    response=AcknowledgedDelivery,
    scope="deliveries:take",
    writes=True,
    summary_en="You have decrypted and stored it: it goes, and the new certificate is watched",
    summary_ja="受領を確認する(配信は削除され、以後は新しい証明書を監視する)",
)
async def acknowledge_delivery(request: web.Request) -> AcknowledgedDelivery:
    """Row and pending successor in one transaction: an acknowledgement is whole or was not."""
    app = request.config_dict
    delivery_id = path_uuid(request, "delivery_id")
    institution_id = principal_of(request).institution_id
    async with watcher_of(request).transaction(app[POOL], institution_id) as work:
        found = await store.find(work.connection, delivery_id, work.now)
        if found is None:
            raise _gone()
        waiting, _ = found
        state = None
        if waiting.purpose is DeliveryPurpose.FOUR_INFORMATION and waiting.registration_id is not None:
            # Locks the registration, as everybody does before its delivery.
            registration = await acknowledge_answer(work, waiting.registration_id, waiting.query_id)
            state = registration.state.value
        await _signer_taken(work.connection, waiting, work.now)
        if not await store.delete(work.connection, delivery_id, work.now):
            raise _gone()
    return AcknowledgedDelivery(delivery_id=delivery_id, registration_id=waiting.registration_id, state=state)


async def _signer_taken(connection: Connection, waiting: Waiting, now: datetime) -> bool:
    """Before the answer: once who signed may be with the institution, its letter never opens again by itself.
    False where the letter has meanwhile ended, or opened again.

    Locks the letter, and so comes before any row of the queue is (as in ``invitations/expiring.py``).
    """
    if waiting.invitation_id is None or waiting.purpose is not DeliveryPurpose.CONSENT_SIGNER:
        return True
    return await mark_taken(connection, waiting.invitation_id, waiting.delivery_id, now)


def _body(waiting: Waiting) -> DeliveryBody:
    return DeliveryBody(
        delivery_id=waiting.delivery_id,
        purpose=waiting.purpose.value,
        registration_id=waiting.registration_id,
        registration_ref=waiting.registration_ref,
        invitation_id=waiting.invitation_id,
        query_id=waiting.query_id,
        kid=waiting.kid,
        created_at=waiting.created_at,
        expires_at=waiting.expires_at,
    )


def _gone() -> Problem:
    """One answer for acknowledged, expired, replaced by a newer one, and never there."""
    return Problem(
        410,
        "DELIVERY_GONE",
        en="This delivery does not wait here: it was acknowledged, replaced by a newer one, or its time is "
        "over. Look at GET /v1/deliveries, or fetch again. Who signed a letter cannot be fetched again: see "
        "the state of the invitation.",
        ja="この配信はありません(受領確認済み、新しい配信に置換、または期限切れ)。一覧を確認するか、再度取得してください。"
        "ご案内の署名者の情報は再取得できません。招待の状態を確認してください。",
    )
