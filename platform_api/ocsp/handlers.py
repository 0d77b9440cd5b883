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
from platform_api.institutions.authentication import authenticate
from platform_api.institutions.model import Entitlement, Principal
from platform_api.keys import AUTHORITIES, CLOCK, KEY_HASHER, POOL, RESPONDERS, SETTINGS, STORE
from platform_api.ocsp.get_path import request_in_path
from platform_api.problems import Problem
from platform_api.status.permissions import require_every_kind, require_purpose
from revocation.authorities import Authorities, Authority
from revocation.errors import InputRefused
from revocation.ocsp.request import decode_request
from revocation.ocsp.responder import OcspAnswer, Responder, TrustMode
from revocation.snapshot.current import Snapshot

MEDIA_TYPE: Final = "application/ocsp-response"

#: A request with one CertID, a nonce and a client's signature with certificate stays far below this.
MAX_REQUEST: Final = 16_384

#: OCSPResponse { responseStatus unauthorized(6) }, unsigned (RFC 6960 section 4.2.1).
UNAUTHORIZED: Final = bytes.fromhex("30030a0106")
MALFORMED_REQUEST: Final = bytes.fromhex("30030a0101")

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
    principal = None
    if app[SETTINGS].mode != "sandbox":
        principal = await _principal(request)
        if principal is None:
            return _unsigned(UNAUTHORIZED)
    responder: Responder | None = app[RESPONDERS].get(mode)
    if responder is None:
        # No delegate of any CA here: not authoritative (RFC 9919 section 4.2.4).
        return _unsigned(UNAUTHORIZED)
    # An RSA signature takes a millisecond of CPU that releases the lock: other requests go on.
    answer = await asyncio.to_thread(
        _respond, responder, octets, app[STORE].current(), mode, app[AUTHORITIES], principal
    )
    return (
        _unsigned(UNAUTHORIZED) if answer is None else _signed(request, answer, app[CLOCK].now(), etag=etag)
    )


def _respond(
    responder: Responder,
    octets: bytes,
    snapshot: Snapshot | None,
    mode: TrustMode,
    authorities: Authorities,
    principal: Principal | None,
) -> OcspAnswer | None:
    """None where this principal may not ask about this CA; without one (the sandbox) everybody may."""
    if principal is not None and not _may_ask(principal, _authority(responder, octets, authorities)):
        return None
    return responder.respond(octets, snapshot, mode)


def _may_ask(principal: Principal, authority: Authority | None) -> bool:
    """The rules of certificates:check by serial number: a CertID is nothing else, also about its kind.

    With the entitlements ``registered`` and ``presented`` the answer is unauthorized: a CertID presents no
    certificate, and which certificates are registered is readable by the night's detection alone.
    """
    try:
        if "status:check" not in principal.scopes or principal.entitlement != Entitlement.ANY:
            return False
        require_purpose(principal, "current_status_check")
        if authority is not None:
            require_every_kind(principal, authority)
    except Problem:
        return False
    return True


def _authority(responder: Responder, octets: bytes, authorities: Authorities) -> Authority | None:
    """The CA asked about; None for octets that get no signed answer from anybody."""
    try:
        request = decode_request(octets)
    except InputRefused:
        return None
    identity = responder.identity_of(request.cert_ids[0])
    return None if identity is None else authorities.by_id(identity.ca_id)


async def _principal(request: web.Request) -> Principal | None:
    """Who asks a live server. It answers nobody unknown: the revocation data of a CA that is
    ``purpose_limited`` may not be given to just anybody, and no path here tells CAs apart before this.
    """
    app = request.config_dict
    try:
        return await authenticate(
            request.headers.get("Authorization"),
            pool=app[POOL],
            hasher=app[KEY_HASHER],
            clock=app[CLOCK],
            server_mode=app[SETTINGS].mode,
        )
    except Problem:
        return None


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
