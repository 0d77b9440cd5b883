"""OCSP over HTTP, the ordinary route: POST and GET (RFC 6960 appendix A, RFC 9919 sections 5 and 6).

``/ocsp`` answers with the locally trusted signer, ``/ocsp/delegated`` with the CA's delegates. Whatever is
asked, the HTTP status is 200 and the answer an OCSPResponse, except 405, 413 and 408 of HTTP itself.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from aiohttp import web

from platform_api.bodies import read_body
from platform_api.keys import AUTHORITIES, CALLERS, CLOCK, RESPONDERS, SETTINGS, STORE
from platform_api.ocsp.get_path import request_in_path
from platform_api.ocsp.permission import Permission, permission
from platform_api.peers import certificate_sha256, connected_address
from revocation.errors import InputRefused
from revocation.identity import CertificateIdentity
from revocation.ocsp.request import decode_request
from revocation.ocsp.responder import OcspAnswer, Responder, TrustMode

MEDIA_TYPE: Final = "application/ocsp-response"

#: A request with one CertID, a nonce and a client's signature with certificate stays far below this.
MAX_REQUEST: Final = 16_384

#: OCSPResponse { responseStatus unauthorized(6) }, unsigned (RFC 6960 section 4.2.1).
UNAUTHORIZED: Final = bytes.fromhex("30030a0106")
MALFORMED_REQUEST: Final = bytes.fromhex("30030a0101")
TRY_LATER: Final = bytes.fromhex("30030a0103")

#: A cache may use an answer until shortly before nextUpdate (RFC 9919 section 6.2 wants strictly before).
_MARGIN: Final = timedelta(seconds=1)

_PATHS: Final = (("/ocsp", TrustMode.LOCAL), ("/ocsp/delegated", TrustMode.DELEGATED))


def add_routes(app: web.Application) -> None:
    """The longer prefix first: a base64 text may begin with anything but is never the word delegated."""
    for path, mode in reversed(_PATHS):
        post, get = _handlers(path, mode)
        app.router.add_post(path, post)
        app.router.add_post(path + "/", post)
        app.router.add_get(path + "/{request:.+}", get)


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
    async def post(request: web.Request) -> web.Response:
        octets = await read_body(
            request, limit=MAX_REQUEST, timeout_s=request.config_dict[SETTINGS].body_timeout_s
        )
        # RFC 9111 section 4: answers to POST are not for shared caches without more ado.
        return await _answer(request, mode, octets, etag=False)

    async def get(request: web.Request) -> web.Response:
        octets = request_in_path(request.raw_path[len(path) + 1 :])
        if octets is None:
            return _unsigned(MALFORMED_REQUEST)
        return await _answer(request, mode, octets, etag=True)

    return post, get


async def _answer(request: web.Request, mode: TrustMode, octets: bytes, *, etag: bool) -> web.Response:
    app = request.config_dict
    responder: Responder | None = app[RESPONDERS].get(mode)
    if app[SETTINGS].mode != "sandbox":
        allowed = await _permission(request, responder, octets)
        if allowed is not Permission.ALLOWED:
            return _unsigned(TRY_LATER if allowed is Permission.TRY_LATER else UNAUTHORIZED)
    if responder is None:
        # No delegate of any CA here: not authoritative (RFC 9919 section 4.2.4).
        return _unsigned(UNAUTHORIZED)
    # An RSA signature takes a millisecond of CPU that releases the lock: other requests go on.
    answer = await asyncio.to_thread(responder.respond, octets, app[STORE].current(), mode)
    return _signed(request, answer, app[CLOCK].now(), etag=etag)


async def _permission(request: web.Request, responder: Responder | None, octets: bytes) -> Permission:
    """A live server answers nobody unknown: the revocation data of a CA that is ``purpose_limited`` may not
    be given to just anybody, and no path here tells CAs apart before this.
    """
    app = request.config_dict
    callers = app[CALLERS]
    transport = request.transport
    caller = await callers.identify(
        request.headers.get("Authorization"),
        certificate_sha256(transport, app[CLOCK].now()),
        connected_address(transport),
    )
    identities: tuple[CertificateIdentity | None, ...] = ()
    if caller and responder is not None:
        try:
            identities = tuple(responder.identity_of(each) for each in decode_request(octets).cert_ids)
        except InputRefused:
            identities = ()  # nobody's certificate; the responder says what is wrong with it
    return await permission(callers, caller, identities, app[AUTHORITIES])


def _signed(request: web.Request, answer: OcspAnswer, now: datetime, *, etag: bool) -> web.Response:
    if not answer.cacheable or answer.this_update is None or answer.next_update is None:
        return _unsigned(answer.der)
    tag = f'"{hashlib.sha256(answer.der).hexdigest()}"'
    left = int((answer.next_update - _MARGIN - now).total_seconds())
    identified = request.config_dict[SETTINGS].mode != "sandbox"
    headers = {
        "Last-Modified": _http_date(answer.this_update),
        "Expires": _http_date(answer.next_update),
        "Cache-Control": (
            f"max-age={max(0, left)}, {'private' if identified else 'public'}, no-transform, must-revalidate"
        ),
        "ETag": tag,
    }
    if etag and _matches(request.headers.get("If-None-Match", ""), tag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=answer.der, content_type=MEDIA_TYPE, headers=headers)


def _unsigned(der: bytes) -> web.Response:
    """Errors, and answers with a nonce, are nobody's to keep (RFC 9919 section 6.2)."""
    return web.Response(body=der, content_type=MEDIA_TYPE, headers={"Cache-Control": "no-cache, no-store"})


def _matches(given: str, tag: str) -> bool:
    """RFC 9110 section 13.1.2: weak comparison, a list, or any."""
    tags = {part.strip().removeprefix("W/") for part in given.split(",")}
    return "*" in tags or tag in tags


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)
