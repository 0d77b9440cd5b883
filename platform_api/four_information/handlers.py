"""POST /v1/registrations/{registration_id}/four-information:fetch and :acknowledge."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from platform_api.certificates.wire import FourInformationBody, Items, four_information_body
from platform_api.four_information.acknowledging import acknowledge_answer
from platform_api.four_information.fetch import Fetcher
from platform_api.four_information.rules import FetchRules
from platform_api.jlis.presence import gateway_of
from platform_api.keys import POOL, SETTINGS
from platform_api.operations import RequestModel, ResponseModel, operation, path_uuid, principal_of
from platform_api.registrations.context import watcher_of
from platform_api.registrations.model import Registration
from platform_api.status.permissions import require_purpose


class FetchRequest(RequestModel):
    """The items wanted, and by which consent; without one the newest effective consent counts."""

    items: Items
    consent_id: UUID | None = None


class RegistrationState(ResponseModel):
    """The registration after the call."""

    registration_id: UUID
    registration_ref: str
    state: str
    pending_successor: bool


class FetchResponse(ResponseModel):
    """With DATA the items, here and nowhere else; fetch again if the response was lost."""

    query_id: UUID
    outcome: str
    four_information: FourInformationBody | None
    registration: RegistrationState


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
    principal = principal_of(request)
    require_purpose(principal, "four_information")
    app = request.config_dict
    rules = FetchRules.of(app[SETTINGS])
    fetcher = Fetcher(
        app[POOL], watcher_of(request), gateway_of(request), principal.institution_id, rules=rules
    )
    found = await fetcher.fetch(path_uuid(request, "registration_id"), body.items, body.consent_id)
    pending = found.items is not None or found.registration.state.value == "CHANGED_DATA_AVAILABLE"
    return FetchResponse(
        query_id=found.query_id,
        outcome=found.outcome.value,
        four_information=None if found.items is None else four_information_body(found.items),
        registration=_state(found.registration, pending=pending),
    )


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
    return AcknowledgeResponse(registration=_state(registration, pending=False))


def _state(registration: Registration, *, pending: bool) -> RegistrationState:
    return RegistrationState(
        registration_id=registration.registration_id,
        registration_ref=registration.registration_ref,
        state=registration.state.value,
        pending_successor=pending,
    )
