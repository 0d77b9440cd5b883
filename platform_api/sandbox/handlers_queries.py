"""J-LIS's answers about people over HTTP: the latest four items, and which certificates belong together."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.disturbing import disturbed
from platform_api.sandbox.false_answers import false_answer
from platform_api.sandbox.fault_kinds import Target
from platform_api.sandbox.faults import Fault
from platform_api.sandbox.four_information import Found, answer, find
from platform_api.sandbox.known import certificate_named
from platform_api.sandbox.linkage import link
from platform_api.sandbox.requests import body_of, json_response
from platform_api.sandbox.requests_jlis import QueryFourInformation, QueryLinkage
from platform_api.sandbox.world import World


def add_routes(app: web.Application) -> None:
    app.router.add_post("/jlis/v1/four-information:query", post_query)
    app.router.add_post("/jlis/v1/linkage:query", post_linkage)


async def post_query(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, QueryFourInformation)

    async def produce(_: Fault | None) -> web.Response:
        now, found = await sandbox.ask(_find, sandbox.world, body)
        kind = sandbox.faults.take_for_items(data=found.certificate is not None)
        if kind is None:
            return json_response(await sandbox.ask(answer, sandbox.world, found, now))
        return json_response(await sandbox.ask(false_answer, sandbox.world, found, kind, now))

    return await disturbed(request, sandbox.faults.take(Target.FOUR_INFORMATION), produce)


def _find(world: World, body: QueryFourInformation) -> tuple[datetime, Found]:
    asked = certificate_named(world, body.ca_id, body.issuer_key, body.serial_number)
    now = world.clock.now()
    items = list(dict.fromkeys(body.items))
    return now, find(world, asked, service_code=body.service_code, items=items, now=now)


async def post_linkage(request: web.Request) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, QueryLinkage)

    async def produce(_: Fault | None) -> web.Response:
        return json_response(await sandbox.ask(_link, sandbox.world, body))

    return await disturbed(request, sandbox.faults.take(Target.LINKAGE), produce)


def _link(world: World, body: QueryLinkage) -> dict[str, Any]:
    asked = certificate_named(world, body.ca_id, body.issuer_key, body.serial_number)
    return link(world, asked, body.relation, agreed=body.customer_agreed, now=world.clock.now())
