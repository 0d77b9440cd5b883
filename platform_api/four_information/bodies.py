"""What is asked and answered about the four items over HTTP."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from platform_api.certificates.wire import FourInformationBody, Items, four_information_body
from platform_api.four_information.comparing import CompareWith, DifferencesBody, differences_body
from platform_api.four_information.fetch import Fetched, Fetcher
from platform_api.four_information.rules import FetchRules
from platform_api.jlis.presence import batch_gateway_of, gateway_of
from platform_api.keys import POOL, SETTINGS
from platform_api.operations import RequestModel, ResponseModel, principal_of
from platform_api.registrations.context import watcher_of
from platform_api.registrations.model import Registration
from platform_api.status.permissions import require_purpose


class FetchRequest(RequestModel):
    """The items wanted, and by which consent; without one the newest effective consent counts."""

    items: Items
    consent_id: UUID | None = None
    compare_with: CompareWith | None = None


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
    #: Which rule or failure led to another outcome than DATA; PERSON_MISMATCH: another person's items.
    detail_code: str | None
    four_information: FourInformationBody | None
    #: With DATA, against ``compare_with``.
    differences: DifferencesBody
    registration: RegistrationState


def fetcher_of(request: web.Request, *, batch: bool = False) -> Fetcher:
    """Of the institution that asks, which must be permitted this purpose; a batch leaves lines to others."""
    principal = principal_of(request)
    require_purpose(principal, "four_information")
    app = request.config_dict
    return Fetcher(
        app[POOL],
        watcher_of(request),
        batch_gateway_of(request) if batch else gateway_of(request),
        principal.institution_id,
        rules=FetchRules.of(app[SETTINGS]),
    )


def fetch_response(found: Fetched) -> FetchResponse:
    pending = found.items is not None or found.registration.state.value == "CHANGED_DATA_AVAILABLE"
    return FetchResponse(
        query_id=found.query_id,
        outcome=found.outcome.value,
        detail_code=found.detail_code,
        four_information=None if found.items is None else four_information_body(found.items),
        differences=differences_body(found.differences),
        registration=registration_state(found.registration, pending=pending),
    )


def registration_state(registration: Registration, *, pending: bool) -> RegistrationState:
    return RegistrationState(
        registration_id=registration.registration_id,
        registration_ref=registration.registration_ref,
        state=registration.state.value,
        pending_successor=pending,
    )
