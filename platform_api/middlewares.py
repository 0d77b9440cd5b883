"""The edge: request id, one shape for every refusal, one log line and one count for every request.

Nothing of an unexpected exception leaves: the caller gets a code and a request id, the log type and place.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from aiohttp import web

from platform_api.failures_told import problem_of
from platform_api.institutions.api_keys import LEAKED_KEY
from platform_api.institutions.authentication import refuse_key_in_address
from platform_api.keys import (
    CLOCK,
    KEY_HASHER,
    LOG,
    METRICS,
    OCSP_ANSWER,
    PAGE_OF_PROBLEM,
    POOL,
    PRINCIPAL,
    REQUEST_ID,
)
from platform_api.logs import failure
from platform_api.problems import Problem, language_of

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE: Final = "/{unknown}"

_OF_STATUS: Final[dict[int, tuple[str, str, str]]] = {
    404: ("NOT_FOUND", "There is nothing at this address.", "このアドレスには何もありません。"),
    405: (
        "METHOD_NOT_ALLOWED",
        "This address takes other methods; see the Allow header.",
        "このアドレスでは別のメソッドを使います(Allow参照)。",
    ),
    413: ("BODY_TOO_LARGE", "The body is too large; send less.", "本文が大きすぎます。"),
    415: ("MEDIA_TYPE_REFUSED", "This media type is not taken here.", "この形式は受け付けません。"),
}


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost. A cancelled request passes through: its client is gone, nobody reads an answer."""
    started = time.perf_counter()
    request[REQUEST_ID] = uuid4().hex
    code: str | None = None
    response: web.StreamResponse
    try:
        if LEAKED_KEY.search(request.raw_path):
            await _burn_key(request)
        response = await handler(request)
    except web.HTTPException as refusal:
        if refusal.status < 400:
            response = refusal
        else:
            response, code = _rendered(request, _of_status(refusal))
    except Exception as error:  # the edge: whatever it is, the caller gets a problem and the log its type
        problem = problem_of(error)
        response, code = _rendered(request, problem)
        if problem.status >= 500:
            log_failure(request, error, problem)
    _finish(request, response, code, time.perf_counter() - started)
    return response


def _of_status(refusal: web.HTTPException) -> Problem:
    code, en, ja = _OF_STATUS.get(
        refusal.status,
        (f"HTTP_{refusal.status}", "The request cannot be served.", "リクエストを処理できません。"),
    )
    kept = {name: refusal.headers[name] for name in ("Allow", "WWW-Authenticate") if name in refusal.headers}
    if refusal.status == 413:
        kept["Connection"] = "close"
    return Problem(refusal.status, code, en=en, ja=ja, headers=kept)


def _rendered(request: web.Request, problem: Problem) -> tuple[web.Response, str]:
    page = request.get(PAGE_OF_PROBLEM)
    language = language_of(request.headers.get("Accept-Language", ""))
    if page is not None:
        response = page(problem)
    else:
        response = problem.render(language=language, request_id=request[REQUEST_ID])
    if problem.headers.get("Connection") == "close":
        response.force_close()  # the rest of the body is not read
    return response, problem.code


def _finish(request: web.Request, response: web.StreamResponse, code: str | None, seconds: float) -> None:
    if not response.prepared and not (request.get(OCSP_ANSWER) and code is None):
        response.headers["X-Request-Id"] = request[REQUEST_ID]
        response.headers["Server"] = "jpki-status"  # not which Python and which library in which version
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
    fields = _about(request)
    request.app[METRICS].request_done(
        route=fields["route"], method=fields["method"], status=response.status, seconds=seconds
    )
    request.app[LOG].info(
        "request.done", **fields, status=response.status, ms=round(seconds * 1000, 2), code=code
    )


def log_failure(request: web.Request, error: Exception, problem: Problem) -> None:
    """Of a request, or of one of the many that a request asks about."""
    request.app[LOG].error("request.failed", **_about(request), **(failure(error) | {"code": problem.code}))


def _about(request: web.Request) -> dict[str, Any]:
    """The route's template, never the path: OCSP requests and references are in paths, and not for logs."""
    resource = request.match_info.route.resource
    fields: dict[str, Any] = {
        "request_id": request[REQUEST_ID],
        "method": request.method if request.method in _METHODS else "OTHER",
        "route": resource.canonical if resource is not None else _NO_ROUTE,
    }
    principal = request.get(PRINCIPAL)
    if principal is not None:
        fields |= {"institution_id": principal.institution_id, "key_id": principal.key_id}
    return fields


async def _burn_key(request: web.Request) -> None:
    app = request.app
    await refuse_key_in_address(request.raw_path, pool=app[POOL], hasher=app[KEY_HASHER], clock=app[CLOCK])
