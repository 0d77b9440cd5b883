"""J-LIS's OCSP over HTTP: POST and GET (RFC 6960 appendix A)."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.disturbing import disturbed
from platform_api.sandbox.fault_kinds import Target
from platform_api.sandbox.faults import Fault
from platform_api.sandbox.known import generations_of
from platform_api.sandbox.refusals import RequestRefused

_REQUEST_TYPE = "application/ocsp-request"


def add_routes(app: web.Application) -> None:
    app.router.add_post("/jlis/v1/ocsp/{ca_id}", post_ocsp)
    app.router.add_get("/jlis/v1/ocsp/{ca_id}/{encoded:.+}", get_ocsp)


async def post_ocsp(request: web.Request) -> web.StreamResponse:
    if request.content_type != _REQUEST_TYPE:
        raise RequestRefused(415, "MEDIA_TYPE", f"expected Content-Type {_REQUEST_TYPE}; send that")
    return await _answer(request, await request.read())


async def get_ocsp(request: web.Request) -> web.StreamResponse:
    """The request in base64, URL-encoded, behind the address; what cannot be read is a malformed request."""
    try:
        der = base64.b64decode(request.match_info["encoded"].encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        der = b""
    return await _answer(request, der)


async def _answer(request: web.Request, der: bytes) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    ca_id = request.match_info["ca_id"]
    if not generations_of(sandbox.world, ca_id):
        raise RequestRefused(404, "NO_SUCH_CA", "expected a ca_id of GET /jlis/v1/authorities")

    async def produce(fault: Fault | None) -> web.Response:
        kind = None if fault is None else fault.kind
        octets = await sandbox.ask(sandbox.ocsp.answer, ca_id, der, kind)
        return web.Response(body=octets, content_type="application/ocsp-response")

    return await disturbed(request, sandbox.faults.take(Target.OCSP), produce)
