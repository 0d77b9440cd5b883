"""The ordinary route of the stand-alone responder: POST to any path, GET with the request in the path.

Behind the fast path, which hands over what is not quite ordinary HTTP; both say the same octets.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from aiohttp import web

from platform_api.bodies import read_body
from platform_api.logs import failure
from platform_api.ocsp._epoch import Signed
from platform_api.ocsp.answers import MODES
from platform_api.ocsp.get_path import request_in_path
from platform_api.ocsp.ordinary import Ordinary, body_of
from platform_api.problems import Problem, language_of
from platform_api.responder.live import MODE
from revocation.ocsp.request import MAX_REQUEST_OCTETS

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from platform_api.logs import Log
    from platform_api.workers.part import Part

_OCSP: Final = "/ocsp/"
_BODY_S: Final = 10.0
_TEMPLATE: Final = "/{path}"
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_MODE: Final = MODES.index(MODE)

ORDINARY: web.AppKey[Ordinary] = web.AppKey("ordinary", Ordinary)


def create_app(ordinary: Ordinary, log: Log, part: Part) -> web.Application:
    """The application that the fast path hands connections to. ``part``: where its requests are counted."""

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing of an unexpected exception leaves: the log gets type and place."""
        response: web.StreamResponse
        begun = time.monotonic()
        try:
            response = await handler(request)
        except Problem as problem:
            language = language_of(request.headers.get("Accept-Language", ""))
            response = problem.render(language=language, request_id="")
            if problem.headers.get("Connection") == "close":
                response.force_close()
        except web.HTTPException as refusal:
            allowed = {"Allow": refusal.headers["Allow"]} if "Allow" in refusal.headers else {}
            response = web.Response(status=refusal.status, headers=allowed)
        except Exception as error:
            _log_failure(log, error)
            response = web.Response(status=500)
        response.headers["Server"] = "jpki-status"
        response.headers.setdefault("Cache-Control", "no-store")
        # The template, never the path: a GET has its request there.
        part.request_done(
            route=_TEMPLATE,
            method=request.method if request.method in _METHODS else "OTHER",
            status=response.status,
            seconds=time.monotonic() - begun,
        )
        return response

    app = web.Application(middlewares=[edge], client_max_size=MAX_REQUEST_OCTETS)
    app[ORDINARY] = ordinary
    app.router.add_post("/{path:.*}", _post)
    app.router.add_get("/{path:.*}", _get)
    return app


def _log_failure(log: Log, error: Exception) -> None:
    log.error("request.failed", **failure(error))


async def _post(request: web.Request) -> web.Response:
    return await _answer(request, await read_body(request, limit=MAX_REQUEST_OCTETS, timeout_s=_BODY_S))


async def _get(request: web.Request) -> web.Response:
    path = request.raw_path
    # As the fast path cuts: /ocsp has what stands behind it, every other path all of itself.
    if path == _OCSP[:-1]:
        return await _answer(request, None)
    return await _answer(request, request_in_path(path[len(_OCSP) if path.startswith(_OCSP) else 1 :]))


async def _answer(request: web.Request, octets: bytes | None) -> web.Response:
    """``octets``: None for a path that is no base64."""
    ordinary = request.app[ORDINARY]
    ordinary.answers.on_time()
    said = await ordinary.answer(request.method, octets, _MODE, None)
    headers = ordinary.headers(said)
    if isinstance(said, Signed) and said.storable and request.method != "POST":
        wanted = request.headers.get("If-None-Match", "").encode("utf-8", "surrogateescape")
        if wanted and ordinary.answers.matches(wanted, said.tag):
            for name in ("Content-Type", "Content-Length"):
                del headers[name]
            return web.Response(status=304, headers=headers)
    return web.Response(body=body_of(said), headers=headers)
