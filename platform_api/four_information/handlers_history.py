"""GET /v1/registrations/{registration_id}/four-information-queries: what was asked, never the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field

from platform_api.db.transactions import tenant
from platform_api.four_information import store
from platform_api.keys import POOL
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


class QueriesQuery(RequestModel):
    """How many at once, and where the last page ended."""

    page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    page_token: PageToken | None = None


class QueryBody(ResponseModel):
    """A query or a refusal: by which consent, which items, when, and how it ended."""

    query_id: UUID
    consent_id: UUID | None
    items: list[str]
    asked_at: datetime
    outcome: str
    detail_code: str | None
    acknowledged_at: datetime | None


class QueriesResponse(ResponseModel):
    """A page, the newest first; there is another one while ``next_page_token`` is given."""

    queries: list[QueryBody]
    next_page_token: str | None


@operation(
    "GET",
    "/v1/registrations/{registration_id}/four-information-queries",
    operation_id="list_four_information_queries",
    request=None,
    query=QueriesQuery,
    response=QueriesResponse,
    scope="registrations:read",
    summary_en="Queries for the four items of a registration and how each ended",
    summary_ja="基本4情報の照会履歴(項目の値は含まない)",
)
async def list_queries(request: web.Request) -> QueriesResponse:
    query = query_of(request, QueriesQuery)
    before = read_page_token(query.page_token)
    registration_id = path_uuid(request, "registration_id")
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        if await registrations.find(connection, registration_id) is None:
            raise not_found()
        found = await store.list_queries(connection, registration_id, before, query.page_size + 1)
    page, token = page_of(found, query.page_size, lambda one: (one.asked_at, one.query_id))
    return QueriesResponse(
        queries=[
            QueryBody(
                query_id=one.query_id,
                consent_id=one.consent_id,
                items=list(one.items),
                asked_at=one.asked_at,
                outcome=one.outcome,
                detail_code=one.detail_code,
                acknowledged_at=one.acknowledged_at,
            )
            for one in page
        ],
        next_page_token=token,
    )
