"""OCSP over HTTP, the ordinary route: POST and GET (RFC 6960 appendix A, RFC 9919 sections 5 and 6).

``/ocsp`` answers with the locally trusted signer, ``/ocsp/delegated`` with the CA's delegates. Whatever is
asked, the HTTP status is 200 and the answer an OCSPResponse, except 405, 413 and 408 of HTTP itself.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from platform_api.bodies import read_body
from platform_api.keys import OCSP, OCSP_ANSWER, SETTINGS
from platform_api.ocsp._epoch import Signed
from platform_api.ocsp.answers import MODES
from platform_api.ocsp.get_path import request_in_path
from platform_api.ocsp.ordinary import MEDIA_TYPE, body_of
from platform_api.problems import Problem
from revocation.ocsp.policy import TrustMode
from revocation.ocsp.request import MAX_REQUEST_OCTETS

_PATHS: Final = (("/ocsp", TrustMode.LOCAL), ("/ocsp/delegated", TrustMode.DELEGATED))


def add_routes(app: web.Application) -> None:
    """The longer prefix first: a base64 text may begin with anything but is never the word delegated."""
    for path, mode in reversed(_PATHS):
        post, get = _handlers(path, mode)
        app.router.add_post(path, post)
        app.router.add_post(path + "/", post)
        app.router.add_get(path + "/{request:(?s:.+)}", get)


def openapi_paths() -> dict[str, Any]:
    """For the OpenAPI document: these routes carry DER, not JSON."""
    answer = {
        "200": {
            "description": "OCSPResponse (RFC 6960)",
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        "413": {"description": "The request is too large"},
    }
    body = {
        "required": True,
        "content": {"application/ocsp-request": {"schema": {"type": "string", "format": "binary"}}},
    }
    paths: dict[str, Any] = {}
    for path, mode in _PATHS:
        said = {"summary": f"OCSP, answered by the {mode} signer", "security": [], "responses": answer}
        paths[path] = {"post": {"operationId": f"ocsp_{mode}", "requestBody": body, **said}}
        paths[path + "/{request}"] = {
            "get": {
                "operationId": f"ocsp_{mode}_get",
                "parameters": [
                    {
                        "name": "request",
                        "in": "path",
                        "required": True,
                        "description": "Base64 of the OCSPRequest, percent-encoded (RFC 6960 appendix A.1)",
                        "schema": {"type": "string"},
                    }
                ],
                **said,
            }
        }
    return paths


def _handlers(path: str, mode: TrustMode) -> tuple[Any, Any]:
    number = MODES.index(mode)

    async def post(request: web.Request) -> web.Response:
        timeout_s = request.config_dict[SETTINGS].body_timeout_s
        try:
            octets = await read_body(request, limit=MAX_REQUEST_OCTETS, timeout_s=timeout_s)
        except Problem as refused:
            if refused.status == 413:
                request.config_dict[OCSP].too_large()
            raise
        return await _answer(request, number, octets)

    async def get(request: web.Request) -> web.Response:
        return await _answer(request, number, request_in_path(_behind(request.raw_path, path)))

    return post, get


def _behind(raw_path: str, path: str) -> str:
    """What stands behind the path's slash, as it stood in the request line.

    The target may be in absolute-form (RFC 9112 section 3.2.2), and letters of the path percent-encoded.
    """
    if not raw_path.startswith("/"):
        raw_path = "/" + raw_path.partition("://")[2].partition("/")[2]
    return raw_path.split("/", path.count("/") + 1)[-1]


async def _answer(request: web.Request, mode: int, octets: bytes | None) -> web.Response:
    """``octets``: None for a path that is no base64."""
    ordinary = request.config_dict[OCSP]
    ordinary.answers.tick()
    request[OCSP_ANSWER] = True
    view = None
    asking = ordinary.answers.identification
    if asking is not None:
        shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        view = await asking.identified(shown, *ordinary.answers.presented_by(request.transport))
    try:
        said = await ordinary.answer(request.method, octets, mode, view)
    except Exception as error:  # what nobody foresaw is internalError here as on the fast path
        ordinary.answers.broke(error)
        said = ordinary.answers.internal_error()
    headers = ordinary.headers(said)
    if isinstance(said, Signed) and said.storable and request.method != "POST":
        wanted = request.headers.get("If-None-Match", "").encode("utf-8", "surrogateescape")
        if wanted and ordinary.answers.matches(wanted, said.tag):
            for name in ("Content-Type", "Content-Length"):
                del headers[name]
            return web.Response(status=304, headers=headers)
    return web.Response(body=body_of(said), headers=headers)
