"""CAs and municipalities by hand: ``authorities/{ca_id}:roll`` and ``municipalities/{code}:merge``."""

from __future__ import annotations

from aiohttp import web

from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.requests import MergeMunicipality, RollKey, body_of, json_response
from platform_api.sandbox.world_acts import merge, roll


def add_routes(app: web.Application) -> None:
    app.router.add_post("/sandbox/v1/authorities/{ca_id:[^/:]+}:roll", post_roll)
    app.router.add_post("/sandbox/v1/municipalities/{code:[^/:]+}:merge", post_merge)


async def post_roll(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, RollKey)
    algorithm = None if body.algorithm is None else Algorithm(body.algorithm)
    return json_response(await sandbox.ask(roll, sandbox.world, request.match_info["ca_id"], algorithm))


async def post_merge(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, MergeMunicipality)
    code = request.match_info["code"]
    return json_response(await sandbox.ask(merge, sandbox.world, code, body.into, body.entries))
