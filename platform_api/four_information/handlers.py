"""POST /v1/registrations/{registration_id}/four-information:fetch and :acknowledge."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from platform_api.four_information.acknowledging import acknowledge_answer
from platform_api.four_information.bodies import (
    FetchRequest,
    FetchResponse,
    RegistrationState,
    fetch_response,
    fetcher_of,
    registration_state,
)
from platform_api.keys import POOL
from platform_api.operations import RequestModel, ResponseModel, operation, path_uuid, principal_of
from platform_api.registrations.context import watcher_of


class AcknowledgeRequest(RequestModel):
    """``query_id`` of the DATA answer that was stored; guards against acknowledging a newer one unseen."""

    query_id: UUID | None = None


class AcknowledgeResponse(ResponseModel):
    """The new certificate is watched in place of the old one."""

    registration: RegistrationState


@operation(
    "POST",
    "/v1/registrations/{registration_id}/four-information:fetch",
    operation_id="fetch_four_information",
    request=FetchRequest,
    response=FetchResponse,
    scope="four_information:fetch",
    writes=True,
    transient_response=True,
    summary_en="Fetch the customer's latest four items from J-LIS, with the customer's consent",
    summary_ja="お客さまの同意に基づき、最新の基本4情報をJ-LISから取得する",
)
async def fetch_four_information(request: web.Request, body: FetchRequest) -> FetchResponse:
    found = await fetcher_of(request).fetch(
        path_uuid(request, "registration_id"),
        body.items,
        body.consent_id,
        known=None if body.compare_with is None else body.compare_with.person(),
    )
    return fetch_response(found)


@operation(
    "POST",
    "/v1/registrations/{registration_id}/four-information:acknowledge",
    operation_id="acknowledge_four_information",
    request=AcknowledgeRequest,
    response=AcknowledgeResponse,
    scope="four_information:fetch",
    writes=True,
    summary_en="The items have arrived: watch the new certificate from now on",
    summary_ja="受領を確認し、以後は新しい証明書を監視する",
)
async def acknowledge(request: web.Request, body: AcknowledgeRequest) -> AcknowledgeResponse:
    """Acknowledging again, with nothing pending, changes nothing."""
    app = request.config_dict
    registration_id = path_uuid(request, "registration_id")
    institution_id = principal_of(request).institution_id
    async with watcher_of(request).transaction(app[POOL], institution_id) as work:
        registration = await acknowledge_answer(work, registration_id, body.query_id)
    return AcknowledgeResponse(registration=registration_state(registration, pending=False))
