"""The ordinary route of the stand-alone responder: POST to any path, GET with the request in the path.

RFC 6960 appendix A.1, RFC 9919 sections 5 and 6. Anonymous: whatever is signed without a nonce may be kept by
any cache until nextUpdate; else only by the client that asked.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from aiohttp import web

from platform_api.bodies import read_body
from platform_api.logs import failure
from platform_api.ocsp.get_path import request_in_path
from platform_api.problems import Problem, language_of
from revocation.ocsp.responder import OcspAnswer, TrustMode

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from platform_api.logs import Log
    from platform_api.responder.admin import Counters
    from platform_api.responder.follow import Follower
    from revocation.clock import Clock

MEDIA_TYPE: Final = "application/ocsp-response"
MAX_REQUEST: Final = 16_384
#: OCSPResponse { responseStatus malformedRequest(1) }, unsigned (RFC 6960 section 4.2.1).
MALFORMED_REQUEST: Final = bytes.fromhex("30030a0101")
#: Paths before the base64 of a GET; the empty one last.
_PREFIXES: Final = ("/ocsp/", "/")
#: RFC 9919 section 6.2: a cache uses an answer until strictly before nextUpdate.
_MARGIN: Final = timedelta(seconds=1)
_BODY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Face:
    """What the routes answer from."""

    worlds: Follower
    clock: Clock
    counters: Counters
    log: Log
    anonymous: bool


FACE: web.AppKey[Face] = web.AppKey("face", Face)


def create_app(face: Face) -> web.Application:
    app = web.Application(middlewares=[_edge], client_max_size=MAX_REQUEST)
    app[FACE] = face
    app.router.add_post("/{path:.*}", _post)
    app.router.add_get("/{path:.*}", _get)
    return app


@web.middleware
async def _edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nothing of an unexpected exception leaves: the log gets type and place."""
    face = request.app[FACE]
    response: web.StreamResponse
    try:
        response = await handler(request)
    except Problem as problem:
        response = problem.render(
            language=language_of(request.headers.get("Accept-Language", "")), request_id=""
        )
        if problem.headers.get("Connection") == "close":
            response.force_close()
    except web.HTTPException as refusal:
        response = web.Response(status=refusal.status, headers={"Allow": refusal.headers.get("Allow", "")})
    except Exception as error:
        _log_failure(face, error)
        response = web.Response(status=500)
    response.headers["Server"] = "jpki-status"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _log_failure(face: Face, error: Exception) -> None:
    face.log.error("request.failed", **failure(error))


async def _post(request: web.Request) -> web.Response:
    octets = await read_body(request, limit=MAX_REQUEST, timeout_s=_BODY_S)
    # RFC 9111 section 4: answers to POST are not for shared caches without more ado, so no 304 either.
    return await _answer(request, octets, conditional=False)


async def _get(request: web.Request) -> web.Response:
    octets = request_of_path(request.raw_path)
    if octets is None:
        request.app[FACE].counters.answered("malformed_request")
        return _unkept(MALFORMED_REQUEST)
    return await _answer(request, octets, conditional=True)


def request_of_path(raw_path: str) -> bytes | None:
    """The request behind one of the prefixes; a DER request begins with a SEQUENCE, so no prefix is one."""
    for prefix in _PREFIXES:
        if raw_path.startswith(prefix):
            octets = request_in_path(raw_path[len(prefix) :])
            if octets is not None and octets[:1] == b"\x30":
                return octets
    return None


async def _answer(request: web.Request, octets: bytes, *, conditional: bool) -> web.Response:
    face = request.app[FACE]
    # Responder and set of one world: another one may take its place meanwhile.
    world = face.worlds.current
    # An RSA signature takes a millisecond of CPU that releases the lock: other requests go on.
    answer = await asyncio.to_thread(world.responder.respond, octets, world.snapshot, TrustMode.LOCAL)
    face.counters.answered(answer.response_status)
    if answer.fault is not None:
        _log_failure(face, answer.fault)
    return _response(request, face, answer, conditional=conditional)


def _response(request: web.Request, face: Face, answer: OcspAnswer, *, conditional: bool) -> web.Response:
    if not answer.cacheable or answer.this_update is None or answer.next_update is None:
        return _unkept(answer.der)
    tag = f'"{hashlib.sha256(answer.der).hexdigest()}"'
    left = int((answer.next_update - _MARGIN - face.clock.now()).total_seconds())
    whose = "public" if face.anonymous else "private"
    headers = {
        "Last-Modified": _http_date(answer.this_update),
        "Expires": _http_date(answer.next_update),
        "Cache-Control": f"max-age={max(0, left)}, {whose}, no-transform, must-revalidate",
        "ETag": tag,
    }
    if conditional and _matches(request.headers.get("If-None-Match", ""), tag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=answer.der, content_type=MEDIA_TYPE, headers=headers)


def _unkept(der: bytes) -> web.Response:
    """Errors, and answers with a nonce, are nobody's to keep (RFC 9919 section 6.2)."""
    return web.Response(body=der, content_type=MEDIA_TYPE, headers={"Cache-Control": "no-cache, no-store"})


def _matches(given: str, tag: str) -> bool:
    """RFC 9110 section 13.1.2: weak comparison, a list, or any."""
    tags = {part.strip().removeprefix("W/") for part in given.split(",")}
    return "*" in tags or tag in tags


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)
