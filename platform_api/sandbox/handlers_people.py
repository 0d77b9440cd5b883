"""The synthetic population over HTTP: search, one person's record, and the next day for all of them."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web

from platform_api.sandbox.app import SANDBOX, Sandbox
from platform_api.sandbox.known import events_by_hand
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.nights import play_next
from platform_api.sandbox.person_record import record
from platform_api.sandbox.population import CONDITIONS, LARGEST_PAGE, SEARCH_S, Wanted, look
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.requests import body_of, json_response, whole_number
from platform_api.sandbox.requests_jlis import PlayNext
from platform_api.sandbox.world import RESIDENT_ID

KINDS: Final = ("card-sign", "card-auth", "mobile-sign", "mobile-auth")
_LONGEST_TEXT: Final = 100
_PAGE: Final = 20


def add_routes(app: web.Application) -> None:
    app.router.add_get("/sandbox/v1/people", get_people)
    app.router.add_get("/sandbox/v1/people/events", get_events)
    app.router.add_get("/sandbox/v1/people/{person_id}", get_person)
    app.router.add_post("/sandbox/v1/days:next", post_next)


async def get_people(request: web.Request) -> web.Response:
    return json_response(await search(request.app[SANDBOX], request))


async def get_events(_: web.Request) -> web.Response:
    """What may befall a resident by hand: POST /sandbox/v1/residents/{id}:{event}."""
    return json_response({"events": list(events_by_hand()), "has": list(CONDITIONS), "kinds": list(KINDS)})


async def get_person(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    return json_response(await sandbox.ask(record, sandbox.world, request.match_info["person_id"]))


async def post_next(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    body = await body_of(request, PlayNext)
    return json_response(await sandbox.ask(play_next, sandbox.world, body.step))


async def search(sandbox: Sandbox, request: web.Request) -> dict[str, Any]:
    """Turn after turn until the page is full, everybody was looked at, or the search's time is over.

    ``next``: look on from there; None: that was everybody. ``looked_at``: how far this search came.
    """
    wanted, after, limit = _wanted(request)
    loop = asyncio.get_running_loop()
    ends = loop.time() + SEARCH_S
    found: list[dict[str, Any]] = []
    while True:
        part = await sandbox.ask(look, sandbox.world, wanted, after, limit - len(found))
        found += part.found
        after = part.looked_at
        if part.whole or len(found) >= limit or loop.time() > ends:
            break
    name = f"r-{after:06d}"
    return {"people": found, "next": None if part.whole else name, "looked_at": name}


def _wanted(request: web.Request) -> tuple[Wanted, int, int]:
    query = request.query
    texts = {name: (query.get(name) or "").strip() for name in ("name", "address")}
    if any(len(text) > _LONGEST_TEXT for text in texts.values()):
        raise _refused(f"name, address: expected at most {_LONGEST_TEXT} characters")
    code, kind, has = (query.get(name) or "" for name in ("municipality_code", "kind", "has"))
    if code and code not in BY_CODE:
        raise _refused("municipality_code: expected one of GET /jlis/v1/crls/card-sign")
    if kind and kind not in KINDS:
        raise _refused(f"kind: expected one of {', '.join(KINDS)}")
    if has and has not in CONDITIONS:
        raise _refused(f"has: expected one of {', '.join(CONDITIONS)}")
    after = query.get("after") or "r-000000"
    if RESIDENT_ID.match(after) is None:
        raise _refused("after: expected the next of an earlier page")
    limit = max(1, whole_number(request, "limit", _PAGE, most=LARGEST_PAGE))
    name = texts["name"].replace("\u3000", "").replace(" ", "")
    return Wanted(name, texts["address"], code, kind, has), int(after[2:]), limit


def _refused(sentence: str) -> RequestRefused:
    return RequestRefused(400, "REQUEST_MALFORMED", sentence)
