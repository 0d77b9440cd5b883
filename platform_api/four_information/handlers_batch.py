"""POST /v1/four-information:batchFetch and :batchAcknowledge."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import AfterValidator, Field

from platform_api.certificates.wire import FourInformationBody, Items
from platform_api.differences import NOT_COMPUTED
from platform_api.four_information import batch
from platform_api.four_information.acknowledging import acknowledge_answer
from platform_api.four_information.bodies import (
    RegistrationState,
    fetch_response,
    fetcher_of,
    registration_state,
)
from platform_api.four_information.comparing import CompareWith, DifferencesBody, differences_body
from platform_api.four_information.fetch import Fetched
from platform_api.keys import POOL
from platform_api.middlewares import log_failure
from platform_api.operations import RequestModel, ResponseModel, operation, principal_of
from platform_api.registrations.context import watcher_of
from platform_api.registrations.model import Registration

MOST = 100
_MOST_BODY = 2 * 1024 * 1024


class _OfRegistration(RequestModel):
    registration_id: UUID


def _each_once(asked: list[_OfRegistration]) -> list[_OfRegistration]:
    if len({one.registration_id for one in asked}) != len(asked):
        raise ValueError("expected each registration once")
    return asked


class RegistrationToFetch(_OfRegistration):
    """A registration, and perhaps its consent and what you know of the customer."""

    consent_id: UUID | None = None
    compare_with: CompareWith | None = None


class BatchFetchRequest(RequestModel):
    """Registrations of one service, and the items wanted of all of them."""

    service_id: UUID
    items: Items
    registrations: Annotated[
        list[RegistrationToFetch], Field(min_length=1, max_length=MOST), AfterValidator(_each_once)
    ]


class FetchResult(ResponseModel):
    """As the answer of a single fetch; REFUSED where there is no such registration, or the service failed for
    this one (INTERNAL: tell the operator the request id), by ``detail_code``."""

    registration_id: UUID
    query_id: UUID | None
    outcome: str
    detail_code: str | None
    four_information: FourInformationBody | None
    differences: DifferencesBody
    registration: RegistrationState | None


class BatchFetchResponse(ResponseModel):
    """One result for each registration, in the order asked. NOT_ASKED: time was over; ask again for those."""

    results: list[FetchResult]


class AcknowledgementOf(_OfRegistration):
    """``query_id`` of the DATA answer that was stored."""

    query_id: UUID


class BatchAcknowledgeRequest(RequestModel):
    """Answers that have arrived."""

    acknowledgements: Annotated[
        list[AcknowledgementOf], Field(min_length=1, max_length=MOST), AfterValidator(_each_once)
    ]


class AcknowledgeResult(ResponseModel):
    """``code`` says why one is not acknowledged; the others are."""

    registration_id: UUID
    acknowledged: bool
    code: str | None
    registration: RegistrationState | None


class BatchAcknowledgeResponse(ResponseModel):
    """One result for each, in the order asked."""

    results: list[AcknowledgeResult]


@operation(
    "POST",
    "/v1/four-information:batchFetch",
    operation_id="batch_fetch_four_information",
    request=BatchFetchRequest,
    response=BatchFetchResponse,
    scope="four_information:fetch",
    writes=True,
    transient_response=True,
    max_body=_MOST_BODY,
    summary_en="Fetch the latest four items of up to 100 customers of a service",
    summary_ja="1サービスのお客さま最大100名分の最新の基本4情報を取得する",
)
async def batch_fetch(request: web.Request, body: BatchFetchRequest) -> BatchFetchResponse:
    fetcher = fetcher_of(request, batch=True)

    async def fetch(asked: RegistrationToFetch) -> Fetched:
        return await fetcher.fetch(
            asked.registration_id,
            body.items,
            asked.consent_id,
            known=None if asked.compare_with is None else asked.compare_with.person(),
            service_id=body.service_id,
        )

    found = await batch.each(body.registrations, fetch, failed=partial(log_failure, request))
    return BatchFetchResponse(
        results=[
            _fetch_result(asked.registration_id, one)
            for asked, one in zip(body.registrations, found, strict=True)
        ]
    )


@operation(
    "POST",
    "/v1/four-information:batchAcknowledge",
    operation_id="batch_acknowledge_four_information",
    request=BatchAcknowledgeRequest,
    response=BatchAcknowledgeResponse,
    scope="four_information:fetch",
    writes=True,
    summary_en="The items of up to 100 customers have arrived: watch their new certificates from now on",
    summary_ja="最大100名分の受領を確認し、以後は新しい証明書を監視する",
)
async def batch_acknowledge(request: web.Request, body: BatchAcknowledgeRequest) -> BatchAcknowledgeResponse:
    """Each in a transaction of its own."""
    pool, watcher = request.config_dict[POOL], watcher_of(request)
    institution_id = principal_of(request).institution_id

    async def acknowledge(one: AcknowledgementOf) -> Registration:
        async with watcher.transaction(pool, institution_id) as work:
            return await acknowledge_answer(work, one.registration_id, one.query_id)

    found = await batch.each(body.acknowledgements, acknowledge, failed=partial(log_failure, request))
    return BatchAcknowledgeResponse(
        results=[
            _acknowledge_result(asked.registration_id, one)
            for asked, one in zip(body.acknowledgements, found, strict=True)
        ]
    )


def _fetch_result(registration_id: UUID, found: Fetched | batch.Refused) -> FetchResult:
    if isinstance(found, batch.Refused):
        return FetchResult(
            registration_id=registration_id,
            query_id=None,
            outcome="TEMPORARY" if found.passing else "REFUSED",
            detail_code=found.code,
            four_information=None,
            differences=differences_body(NOT_COMPUTED),
            registration=None,
        )
    one = fetch_response(found)
    return FetchResult(
        registration_id=registration_id,
        query_id=one.query_id,
        outcome=one.outcome,
        detail_code=one.detail_code,
        four_information=one.four_information,
        differences=one.differences,
        registration=one.registration,
    )


def _acknowledge_result(registration_id: UUID, found: Registration | batch.Refused) -> AcknowledgeResult:
    refused = isinstance(found, batch.Refused)
    return AcknowledgeResult(
        registration_id=registration_id,
        acknowledged=not refused,
        code=found.code if isinstance(found, batch.Refused) else None,
        registration=None if isinstance(found, batch.Refused) else registration_state(found, pending=False),
    )
