"""From an ``Operation`` to an aiohttp handler: who asks, may they, what do they say, was it said before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from platform_api.bodies import parse_body, parse_query, read_body, require_json
from platform_api.failures_told import problem_of
from platform_api.idempotency import IdempotentWrites, Outcome, ids_in
from platform_api.institutions.authentication import authenticate
from platform_api.keys import CALLERS, CLOCK, KEY_HASHER, POOL, PRINCIPAL, QUERY, SEALER, SETTINGS
from platform_api.middlewares import log_failure
from platform_api.operations import Answer, Operation, Written, principal_of
from platform_api.problems import Problem, forbidden


def mount(app: web.Application, operations: tuple[Operation, ...]) -> None:
    """Add the routes of these operations."""
    for operation in operations:
        if operation.method == "GET":
            app.router.add_get(operation.path, handler_of(operation))  # HEAD comes with it (RFC 9110 9.3.2)
        else:
            app.router.add_route(operation.method, operation.path, handler_of(operation))


def handler_of(operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler that aiohttp calls for this operation."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if operation.scope is not None:
            await _identify(request, operation.scope, remembers=operation.remembers_caller)
        query = parse_query(operation.query, request)
        if query is not None:
            request[QUERY] = query
        octets = b""
        arguments: list[Any] = [request]
        if operation.request is not None:
            require_json(request)
            octets = await read_body(
                request, limit=operation.max_body, timeout_s=request.app[SETTINGS].body_timeout_s
            )
            arguments.append(
                parse_body(operation.request, octets) if operation.reads is None else operation.reads(octets)
            )
        key = request.headers.get("Idempotency-Key") if operation.writes else None
        if key is None:
            return _response(*await _answer(operation, arguments))
        return await _once(request, operation, arguments, key, octets)

    return handle


async def _identify(request: web.Request, scope: str, *, remembers: bool) -> None:
    app = request.app
    authorization = request.headers.get("Authorization")
    caller = None
    if remembers and authorization is not None:
        caller = app[CALLERS].known(authorization.encode("utf-8", "surrogateescape"))
    if caller is not None:
        principal = caller.principal
    else:
        principal = await authenticate(
            authorization,
            pool=app[POOL],
            hasher=app[KEY_HASHER],
            clock=app[CLOCK],
            server_mode=app[SETTINGS].mode,
        )
        if remembers:
            await app[CALLERS].identify(authorization)  # for the next one
    request[PRINCIPAL] = principal
    if scope not in principal.scopes:
        raise forbidden(scope)


async def _answer(operation: Operation, arguments: list[Any]) -> tuple[Outcome, dict[str, str]]:
    answer = await operation.handler(*arguments)
    if isinstance(answer, Written):
        return Outcome(operation.status, answer.octets, {}), {}
    if not isinstance(answer, Answer):
        answer = Answer(answer)
    body = answer.body
    if not isinstance(body, operation.response):
        raise TypeError(f"expected {operation.operation_id} to give {operation.response.__name__}")
    status = answer.status or operation.status
    ids = ids_in(body) if operation.transient_response else {}  # a body that is kept says them itself
    return Outcome(status, body.model_dump_json().encode(), ids), dict(answer.headers)


async def _once(
    request: web.Request, operation: Operation, arguments: list[Any], key: str, octets: bytes
) -> web.Response:
    """The operation under an Idempotency-Key. A refusal is an answer too and is replayed like one."""
    headers: dict[str, str] = {}

    async def write() -> Outcome:
        try:
            outcome, own_headers = await _answer(operation, arguments)
        except Problem as problem:
            return Outcome(problem.status, b"", {}, problem=problem)
        headers.update(own_headers)
        return outcome

    app = request.app

    def not_kept(failure: Exception) -> None:
        log_failure(request, failure, problem_of(failure))

    writes = IdempotentWrites(app[POOL], app[SEALER], app[KEY_HASHER], app[CLOCK], not_kept)
    outcome = await writes.run(
        principal_of(request).institution_id,
        key,
        (request.method.encode(), request.path_qs.encode(), octets),
        keep_body=not operation.transient_response,
        write=write,
    )
    if outcome.replayed:
        headers["Idempotency-Replayed"] = "true"
    if outcome.problem is not None:
        outcome.problem.headers.update(headers)
        raise outcome.problem
    return _response(outcome, headers)


def _response(outcome: Outcome, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=outcome.status, body=outcome.body, headers=headers, content_type="application/json"
    )
