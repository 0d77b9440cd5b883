"""The consents of a whole service over HTTP: who is to be reminded, what ends when, how many have one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field

from platform_api.consents import listing_store, store
from platform_api.consents.bodies import PageSize, RemindedResponse
from platform_api.consents.forecast import months_from
from platform_api.consents.model import jst_date
from platform_api.db.transactions import tenant
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
from platform_api.problems import not_found
from platform_api.registrations import store as registrations


class RemindersQuery(RequestModel):
    """Where to read on."""

    page_token: PageToken | None = None
    page_size: PageSize = 100


class ReminderBody(ResponseModel):
    """A customer to be reminded of a consent, since ``due_on``."""

    consent_id: UUID
    registration_id: UUID
    registration_ref: str
    customer_ref: str
    due_on: date


class RemindersResponse(ResponseModel):
    """A page, the longest due first."""

    reminders: list[ReminderBody]
    next_page_token: str | None


class ForecastQuery(RequestModel):
    """How far to look."""

    months: Annotated[int, Field(ge=1, le=121)] = 24


class MonthBody(ResponseModel):
    """What ends in a month: consents by the day in Japan, certificates by their own date."""

    month: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]
    consents: int
    certificates: int


class ForecastResponse(ResponseModel):
    """Effective consents by the month of their end, and how many registrations have one."""

    registrations: int
    with_effective_consent: int
    without_effective_consent: int
    #: From this month in Japan on; certificates that ended before it are in ``certificates_ended``.
    months: list[MonthBody]
    certificates_ended: int


@operation(
    "GET",
    "/v1/services/{service_id}/consent-reminders",
    operation_id="list_consent_reminders",
    request=None,
    query=RemindersQuery,
    response=RemindersResponse,
    scope="consents:read",
    summary_en="Customers who are to be reminded of their consent, once a year",
    summary_ja="年1回の同意のお知らせが必要なお客さまの一覧",
)
async def list_consent_reminders(request: web.Request) -> RemindersResponse:
    query = query_of(request, RemindersQuery)
    service_id = path_uuid(request, "service_id")
    given = read_page_token(query.page_token)
    after = None if given is None else (given[0].date(), given[1])
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        if await registrations.service_code(connection, service_id) is None:
            raise not_found()
        found = await listing_store.due_reminders(
            connection, request.config_dict[CLOCK].now(), service_id, after, query.page_size + 1
        )
    shown, token = page_of(
        found, query.page_size, lambda one: (datetime.combine(one.due_on, time(), UTC), one.consent_id)
    )
    return RemindersResponse(
        reminders=[
            ReminderBody(
                consent_id=one.consent_id,
                registration_id=one.registration_id,
                registration_ref=one.registration_ref,
                customer_ref=one.customer_ref,
                due_on=one.due_on,
            )
            for one in shown
        ],
        next_page_token=token,
    )


@operation(
    "POST",
    "/v1/consents/{consent_id}:reminded",
    operation_id="acknowledge_consent_reminder",
    request=None,
    response=RemindedResponse,
    scope="consents:write",
    writes=True,
    summary_en="The customer has been reminded; not due again before the next anniversary",
    summary_ja="お知らせ済みにする(次の応当日まで対象外)",
)
async def acknowledge_consent_reminder(request: web.Request) -> RemindedResponse:
    consent_id = path_uuid(request, "consent_id")
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        if await store.find(connection, consent_id) is None:
            raise not_found()
        count = await listing_store.acknowledge_reminders(
            connection, consent_id, request.config_dict[CLOCK].now()
        )
    return RemindedResponse(consent_id=consent_id, acknowledged=count)


@operation(
    "GET",
    "/v1/services/{service_id}/consent-forecast",
    operation_id="get_consent_forecast",
    request=None,
    query=ForecastQuery,
    response=ForecastResponse,
    scope="consents:read",
    summary_en="Consents and certificates by the month of their end; how many registrations have a consent",
    summary_ja="同意と証明書の満了予測(月別)と、有効な同意がある登録の数",
)
async def get_consent_forecast(request: web.Request) -> ForecastResponse:
    query = query_of(request, ForecastQuery)
    service_id = path_uuid(request, "service_id")
    now = request.config_dict[CLOCK].now()
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        if await registrations.service_code(connection, service_id) is None:
            raise not_found()
        coverage = await listing_store.coverage(connection, now, service_id)
        consents = await listing_store.consents_ending(connection, now, service_id)
        certificates = await listing_store.certificates_ending(connection, service_id)
    months = months_from(jst_date(now), query.months)
    return ForecastResponse(
        registrations=coverage.registrations,
        with_effective_consent=coverage.with_consent,
        without_effective_consent=coverage.registrations - coverage.with_consent,
        months=[
            MonthBody(
                month=f"{month:%Y-%m}",
                consents=consents.get(month, 0),
                certificates=certificates.get(month, 0),
            )
            for month in months
        ],
        certificates_ended=sum(count for month, count in certificates.items() if month < months[0]),
    )
