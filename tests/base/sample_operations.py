"""Operations for tests of the edge: one that answers, some that write, one that fails in every known way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal
from uuid import UUID, uuid4

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from platform_api.db.transactions import tenant
from platform_api.keys import POOL
from platform_api.operations import (
    Answer,
    RequestModel,
    ResponseModel,
    operation,
    path_reference,
    path_uuid,
    principal_of,
    query_of,
)
from platform_api.problems import Problem
from revocation.errors import InputRefused, OutsideFailed, OwnFault

COUNTER: web.AppKey[list[str]] = web.AppKey("test_counter", list)
GATE: web.AppKey[asyncio.Event] = web.AppKey("test_gate", asyncio.Event)


class Inner(RequestModel):
    day: Annotated[str, Field(pattern=r"^[0-9]{8}$")]


class EchoRequest(RequestModel):
    name: Annotated[str, Field(min_length=1, max_length=40)]
    purpose: Literal["current_status_check", "signature_verification"] = "current_status_check"
    number: int = 0
    id: UUID | None = None
    inner: Inner | None = None


class EchoResponse(ResponseModel):
    length: int


class WriteRequest(RequestModel):
    text: str
    fail: Literal["no", "refused", "down", "broken", "cancelled"] = "no"


class WriteResponse(ResponseModel):
    registration_id: UUID
    text: str


class PageQuery(RequestModel):
    after: Annotated[int, Field(ge=0)] = 0
    wait: Annotated[int, Field(ge=0, le=60)] = 0


class PageResponse(ResponseModel):
    after: int
    wait: int


class RaiseRequest(RequestModel):
    how: str
    canary: str


class _Named(BaseModel):
    model_config = ConfigDict(strict=True)

    name: int


@operation(
    "POST",
    "/test/echo",
    operation_id="testEcho",
    request=EchoRequest,
    response=EchoResponse,
    scope=None,
    summary_en="echo",
    summary_ja="エコー",
    max_body=1000,
)
async def echo(_request: web.Request, body: EchoRequest) -> EchoResponse:
    return EchoResponse(length=len(body.name))


@operation(
    "GET",
    "/test/pages",
    operation_id="testPages",
    request=None,
    response=PageResponse,
    scope="events:read",
    summary_en="page",
    summary_ja="ページ",
    query=PageQuery,
)
async def pages(request: web.Request) -> PageResponse:
    query = query_of(request, PageQuery)
    return PageResponse(after=query.after, wait=query.wait)


@operation(
    "GET",
    "/test/things/{thing_id}/{thing_ref}",
    operation_id="testThing",
    request=None,
    response=PageResponse,
    scope=None,
    summary_en="thing",
    summary_ja="物",
)
async def thing(request: web.Request) -> PageResponse:
    path_uuid(request, "thing_id")
    path_reference(request, "thing_ref")
    return PageResponse(after=0, wait=0)


async def _write(request: web.Request, body: WriteRequest) -> Answer:
    request.app[COUNTER].append(body.text)
    await request.app[GATE].wait()
    if body.fail == "refused":
        raise Problem(422, "TEST_REFUSED", en="no", ja="不可")
    if body.fail == "down":
        raise OutsideFailed("TEST_DOWN", expected="up", got="down", remedy="wait")
    if body.fail == "broken":
        raise RuntimeError(body.text)
    return Answer(WriteResponse(registration_id=uuid4(), text=body.text), status=201)


@operation(
    "POST",
    "/test/writes",
    operation_id="testWrite",
    request=WriteRequest,
    response=WriteResponse,
    scope="registrations:write",
    writes=True,
    status=201,
    summary_en="write",
    summary_ja="書込",
)
async def write(request: web.Request, body: WriteRequest) -> Answer:
    return await _write(request, body)


@operation(
    "POST",
    "/test/transient",
    operation_id="testTransient",
    request=WriteRequest,
    response=WriteResponse,
    scope="registrations:write",
    writes=True,
    transient_response=True,
    status=201,
    summary_en="transient",
    summary_ja="一時",
)
async def transient(request: web.Request, body: WriteRequest) -> Answer:
    return await _write(request, body)


@operation(
    "POST",
    "/test/raise",
    operation_id="testRaise",
    request=RaiseRequest,
    response=EchoResponse,
    scope="events:read",
    summary_en="raise",
    summary_ja="例外",
)
async def fail(request: web.Request, body: RaiseRequest) -> EchoResponse:
    """Fail as asked, each time with the canary in the exception."""
    canary = body.canary
    async with tenant(request.app[POOL], principal_of(request).institution_id) as connection:
        match body.how:
            case "unique" | "check" | "not_null" | "type" | "syntax" | "division":
                await connection.execute(*_STATEMENTS[body.how](canary))
            case "statement_timeout":
                await connection.execute("SET LOCAL statement_timeout = 20")
                await connection.execute("SELECT pg_sleep(5), $1::text", canary)
            case "data_error":
                await connection.execute("SELECT $1::int", canary)
            case "validation":
                _Named.model_validate({"name": canary})
            case "value":
                raise ValueError(canary)
            case "chained":
                try:
                    int(canary)
                except ValueError as cause:
                    raise RuntimeError(f"about {canary}") from cause
            case "timeout":
                raise TimeoutError(canary)
            case "input":
                raise InputRefused("TEST_INPUT", expected="other", got=canary, remedy="none")
            case "own":
                raise OwnFault("TEST_OWN", expected="other", got=canary, remedy="none")
            case "http":
                raise web.HTTPBadRequest(text=canary, reason="no")
            case "validation_own":
                try:
                    EchoRequest.model_validate({"name": canary * 50})
                except ValidationError as refused:
                    raise RuntimeError(str(refused.errors())) from refused
    return EchoResponse(length=0)


_STATEMENTS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "unique": lambda canary: (
        "WITH t AS (SELECT $1::text AS a) INSERT INTO idempotency (idempotency_id, institution_id, key_hash,"
        " fingerprint, started_at, expires_at, body) SELECT gen_random_uuid(),"
        " current_setting('app.institution_id')::uuid, decode(repeat('00', 32), 'hex'),"
        " decode(repeat('00', 32), 'hex'), '2026-01-01Z', '2027-01-01Z', convert_to(a, 'UTF8')"
        " FROM t, generate_series(1, 2)",
        canary,
    ),
    "check": lambda canary: (
        "INSERT INTO idempotency"
        " (idempotency_id, institution_id, key_hash, fingerprint, started_at, expires_at)"
        " SELECT gen_random_uuid(), current_setting('app.institution_id')::uuid, convert_to($1, 'UTF8'),"
        " convert_to($1, 'UTF8'), '2026-01-01Z', '2027-01-01Z'",
        canary,
    ),
    "not_null": lambda canary: (
        "INSERT INTO idempotency (idempotency_id, institution_id, body) VALUES (gen_random_uuid(),"
        " current_setting('app.institution_id')::uuid, convert_to($1, 'UTF8'))",
        canary,
    ),
    "type": lambda canary: ("SELECT ($1::text)::uuid", canary),
    "syntax": lambda canary: (f"SELEC '{canary}'",),
    "division": lambda canary: ("SELECT 1 / length(substr($1::text, 1, 0))", canary),
}
