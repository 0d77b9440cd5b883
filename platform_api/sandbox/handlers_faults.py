"""Faults over HTTP: which kinds there are, which are on, one more, none."""

from __future__ import annotations

from aiohttp import web

from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.fault_kinds import kinds_as_json
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.requests import AddFault, body_of, json_response


def add_routes(app: web.Application) -> None:
    app.router.add_get("/sandbox/v1/faults", get_faults)
    app.router.add_get("/sandbox/v1/faults/kinds", get_kinds)
    app.router.add_post("/sandbox/v1/faults", post_fault)
    app.router.add_delete("/sandbox/v1/faults", delete_faults)


async def get_kinds(_: web.Request) -> web.Response:
    """Each kind with a sentence and the targets that it makes sense for."""
    return json_response({"kinds": kinds_as_json()})


async def get_faults(request: web.Request) -> web.Response:
    return json_response({"faults": [fault.as_json() for fault in request.app[SANDBOX].faults.all()]})


async def post_fault(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, AddFault)
    if body.municipality_code is not None and body.municipality_code not in BY_CODE:
        raise RequestRefused(
            422, "NO_SUCH_MUNICIPALITY", "expected a municipality_code of GET /jlis/v1/crls/card-sign"
        )
    if body.generation is not None and not any(
        authority.by_key_id(body.generation) for authority in sandbox.world.authorities.values()
    ):
        raise RequestRefused(422, "NO_SUCH_GENERATION", "expected a generation of GET /sandbox/v1/health")
    fault = sandbox.faults.add(
        body.kind,
        body.target,
        municipality_code=body.municipality_code,
        generation=None if body.generation is None else body.generation.lower(),
        status=body.status,
        delay_s=body.delay_s,
        times=body.times,
    )
    return json_response(fault.as_json(), 201)


async def delete_faults(request: web.Request) -> web.Response:
    request.app[SANDBOX].faults.clear()
    return json_response({"faults": []})
