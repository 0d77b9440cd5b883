"""The sandbox's own side over HTTP: clock, days, residents and their cards, the life log."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import SANDBOX
from platform_api.sandbox.dates import parse_instant, wire
from platform_api.sandbox.events import ACTS
from platform_api.sandbox.kinds import CARD_SIGN
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import Resident
from platform_api.sandbox.requests import (
    ActByHand,
    AutoDays,
    PlayDay,
    ResponderKey,
    SignWithCard,
    body_of,
    decoded,
    json_response,
    whole_number,
)
from platform_api.sandbox.world import RESIDENT_ID, World

#: The acts by hand, by the last part of their URL.
BY_HAND: Final = tuple(event for event in ACTS if event != "reissue")
_LONGEST_WAIT: Final = 60
_LARGEST_PAGE: Final = 1000


def add_routes(app: web.Application) -> None:
    app.router.add_get("/sandbox/v1/health", get_health)
    app.router.add_get("/sandbox/v1/clock", get_clock)
    app.router.add_post("/sandbox/v1/days:play", post_play)
    app.router.add_post("/sandbox/v1/days:auto", post_auto)
    app.router.add_get("/sandbox/v1/residents", get_residents)
    app.router.add_post("/sandbox/v1/residents/{resident_id}/card:sign", post_sign)
    app.router.add_post(
        rf"/sandbox/v1/residents/{{resident_id:[^/:]+}}:{{event:{'|'.join(BY_HAND)}}}", post_act
    )
    app.router.add_get("/sandbox/v1/life-log", get_life_log)
    app.router.add_post("/sandbox/v1/ocsp-responders", post_responder)


async def get_health(request: web.Request) -> web.Response:
    return json_response(request.app[SANDBOX].world.facts())


async def get_clock(request: web.Request) -> web.Response:
    """The clock; with ``after`` equal to its version, at its next step or after ``wait`` seconds."""
    sandbox = request.app[SANDBOX]
    after = whole_number(request, "after", -1, most=2**53)
    wait = whole_number(request, "wait", 0, most=_LONGEST_WAIT)
    clock = sandbox.world.clock
    if after == clock.version and wait:
        await sandbox.steps.wait_for_other_than(after, wait)
    return json_response({"version": clock.version, "offset_us": clock.offset_us, "now": wire(clock.now())})


async def post_play(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, PlayDay)
    try:
        this_update = parse_instant(body.this_update)
    except ValueError:
        raise RequestRefused(
            400,
            "REQUEST_MALFORMED",
            "this_update: expected RFC 3339 with an offset, such as 2026-11-22T03:00:00Z",
        ) from None
    return json_response(await sandbox.ask(sandbox.world.play, this_update))


async def post_auto(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, AutoDays)
    await sandbox.ask(sandbox.world.set_auto, body.enabled)
    sandbox.auto_changed.set()
    return json_response({"enabled": body.enabled})


async def get_residents(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    after = request.query.get("after") or "r-000000"
    if RESIDENT_ID.match(after) is None:
        raise RequestRefused(400, "REQUEST_MALFORMED", "after: expected the id of a resident")
    limit = whole_number(request, "limit", 100, most=_LARGEST_PAGE)
    return json_response(await sandbox.ask(_page_of_residents, sandbox.world, int(after[2:]), max(limit, 1)))


def _page_of_residents(world: World, after: int, limit: int) -> dict[str, Any]:
    register, _ = world.begun()
    last = min(after + limit, world.settings.residents)
    rows = [_row(world, register.residents[number]) for number in range(after + 1, last + 1)]
    following = rows[-1]["resident_id"] if rows and last < world.settings.residents else None
    return {"residents": rows, "next": following}


def _row(world: World, resident: Resident) -> dict[str, Any]:
    """``certificate`` and ``generation`` are those of the card's signing kind, as ``certificates`` has it."""
    register, _ = world.begun()
    now = world.clock.now()
    valid = {kind: found for kind in register.kinds if (found := resident.valid(kind, now)) is not None}
    signing = valid.get(CARD_SIGN)
    certificates = {kind: _text(world.maker.der(found)) for kind, found in valid.items()}
    return {
        "resident_id": resident.resident_id,
        "municipality_code": register.present(resident.person).municipality_code,
        "struck": resident.struck,
        "certificate": certificates.get(CARD_SIGN),
        "generation": None if signing is None else world.identity(signing)["issuer_key"],
        "certificates": certificates,
    }


async def post_sign(request: web.Request) -> web.Response:
    """The card, or the phone, and its PIN, simulated."""
    sandbox = request.app[SANDBOX]
    body = await body_of(request, SignWithCard)
    data = decoded("data", body.data)
    resident_id = request.match_info["resident_id"]
    return json_response(await sandbox.ask(sign_with, sandbox.world, resident_id, body.kind, data))


def sign_with(world: World, resident_id: str, kind: str, data: bytes) -> dict[str, str]:
    """The holder of a certificate of this kind signs these octets."""
    valid = world.resident(resident_id).valid(kind, world.clock.now())
    if valid is None:
        raise RequestRefused(
            409, "NO_VALID_CARD", f"{resident_id} has no valid card; renew it first or choose another"
        )
    signature, algorithm = world.sign(valid, data)
    return {
        "certificate": _text(world.maker.der(valid)),
        "signature": _text(signature),
        "signature_algorithm": algorithm,
    }


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


async def post_act(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    options: Options = (await body_of(request, ActByHand)).options()
    found: Mapping[str, str] = request.match_info
    entry = await sandbox.ask(sandbox.world.act, found["event"], found["resident_id"], options)
    return json_response(entry)


async def get_life_log(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    after = whole_number(request, "after", 0, most=2**53)
    limit = whole_number(request, "limit", _LARGEST_PAGE, most=_LARGEST_PAGE)
    return json_response(await sandbox.ask(_page_of_life, sandbox.world, after, max(limit, 1)))


def _page_of_life(world: World, after: int, limit: int) -> dict[str, Any]:
    return world.life_log.page(after, limit, next_day=0 if world.day is None else world.day + 1)


async def post_responder(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, ResponderKey)
    certificates = await sandbox.ask(sandbox.world.responder_certificates, body.public_key)
    return json_response({"certificates": certificates})
