"""The population page: search people, see a person, make something happen, play days, switch faults on.

Rendered here, without a script and without anything from elsewhere; a form sent by another site is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from platform_api.sandbox.app import SANDBOX, Sandbox
from platform_api.sandbox.fault_kinds import FaultKind, Target, kinds_as_json
from platform_api.sandbox.handlers_consents import withdraw_by_hand
from platform_api.sandbox.handlers_people import KINDS, search
from platform_api.sandbox.known import events_by_hand
from platform_api.sandbox.municipalities import MUNICIPALITIES
from platform_api.sandbox.nights import next_publication, play_next
from platform_api.sandbox.page_rendering import (
    HEADERS,
    address_of,
    get_style,
    language_of,
    page,
    prepare,
    refused_at,
    shown,
    shown_instant,
)
from platform_api.sandbox.page_texts import Language
from platform_api.sandbox.person_record import record
from platform_api.sandbox.population import CONDITIONS
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.requests import ActByHand
from platform_api.sandbox.world import World

_ASKED: Final = ("name", "address", "municipality_code", "kind", "has")
_REISSUES: Final[Mapping[str, Any]] = {"same_day": "same_day", "never": "never", "3": 3}


def add_routes(app: web.Application) -> None:
    prepare(app)
    app.router.add_get("/", get_people)
    app.router.add_get("/people", get_people)
    app.router.add_get("/people/style.css", get_style)
    app.router.add_post("/people/clock", post_clock)
    app.router.add_post("/people/faults", post_faults)
    app.router.add_get("/people/{person_id}", get_person)
    app.router.add_post("/people/{person_id}/events", post_event)
    app.router.add_post("/people/{person_id}/withdrawals", post_withdrawal)


async def get_people(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    language = language_of(request.query)
    refused = ""
    found: dict[str, Any] = {"people": [], "next": None, "looked_at": ""}
    clock = await sandbox.ask(_clock, sandbox.world)
    if clock["day"] is not None:
        try:
            found = await search(sandbox, request)
        except RequestRefused as refusal:
            refused = refusal.message
    asked = {
        name: request.query.get(name, "") for name in ("name", "address", "municipality_code", "kind", "has")
    }
    further = None
    if found["next"] is not None:
        further = "/people?" + urlencode({"lang": language, **asked, "after": found["next"]})
    return page(
        request,
        "people.html",
        refused=refused,
        clock=clock,
        people=found["people"],
        looked_at=found["looked_at"],
        further=further,
        asked=asked,
        municipalities=MUNICIPALITIES,
        kinds=KINDS,
        has=CONDITIONS,
        faults=_faults(sandbox, language),
        fault_kinds=_fault_kinds(language),
    )


async def get_person(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    try:
        person = await sandbox.ask(record, sandbox.world, request.match_info["person_id"])
    except RequestRefused as refusal:
        raise web.HTTPSeeOther(refused_at(request, "/people", language_of(request.query), refusal)) from None
    person["as_of"] = shown_instant(person["as_of"])
    return page(request, "person.html", person=person, events=events_by_hand())


async def post_event(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    person_id = request.match_info["person_id"]

    async def act(form: Mapping[str, Any]) -> None:
        event = str(form.get("event"))
        if event not in events_by_hand():
            raise RequestRefused(400, "REQUEST_MALFORMED", "expected one of the page's events")
        options = ActByHand(reissue=_REISSUES.get(str(form.get("reissue")))).options()
        await sandbox.ask(sandbox.world.act, event, person_id, options)

    return await _done(request, f"/people/{person_id}", act, listed=True)


async def post_withdrawal(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    person_id = request.match_info["person_id"]

    async def withdraw(form: Mapping[str, Any]) -> None:
        await sandbox.ask(withdraw_by_hand, sandbox.world, person_id, str(form.get("service_code")))

    return await _done(request, f"/people/{person_id}", withdraw)


async def post_clock(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]

    async def play(form: Mapping[str, Any]) -> None:
        await sandbox.ask(play_next, sandbox.world, "night" if form.get("step") == "night" else "day")

    return await _done(request, "/people", play)


async def post_faults(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]

    async def change(form: Mapping[str, Any]) -> None:
        if form.get("clear"):
            sandbox.faults.clear()
            return
        kind, _, target = str(form.get("fault")).partition(":")
        times = {"1": 1, "5": 5}.get(str(form.get("times")))
        try:
            sandbox.faults.add(FaultKind(kind), Target(target), times=times)
        except ValueError:
            raise RequestRefused(400, "REQUEST_MALFORMED", "expected one of the page's faults") from None

    return await _done(request, "/people", change)


async def _done(
    request: web.Request,
    where: str,
    act: Callable[[Mapping[str, Any]], Awaitable[None]],
    *,
    listed: bool = False,
) -> web.Response:
    """Does what the form says, then shows the page again: what is loaded anew happens only once."""
    _refuse_other_sites(request)
    form = await request.post()
    language = language_of(form)
    try:
        await act(form)
        location = address_of(where, language, told="listed" if listed else "done")
    except RequestRefused as refusal:
        location = refused_at(request, where, language, refusal)
    return web.Response(status=303, headers={"Location": location, **HEADERS})


def _refuse_other_sites(request: web.Request) -> None:
    """A browser says where a form comes from; what says nothing is no browser."""
    origin = request.headers.get("Origin")
    same = origin is None or urlsplit(origin).netloc == request.host
    if not same or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise RequestRefused(
            403, "OTHER_SITE", "expected a form of this very page; open it and send it there"
        )


def _clock(world: World) -> dict[str, Any]:
    now = world.clock.now()
    last = world.publication
    real_now = world.clock.real_now()
    return {
        "now": shown(now),
        "day": world.day,
        "published_at": None if last is None else shown(last.this_update),
        "can_day": next_publication(world, "day") <= real_now,
        "can_night": next_publication(world, "night") <= real_now,
    }


def _faults(sandbox: Sandbox, language: Language) -> list[dict[str, Any]]:
    texts = {row["kind"]: row["text"] for row in _fault_kinds(language)}
    return [{**row, "description": texts[row["kind"]]} for row in (f.as_json() for f in sandbox.faults.all())]


def _fault_kinds(language: Language) -> list[dict[str, Any]]:
    key = "description_ja" if language == "ja" else "description"
    return [{**row, "text": row[key]} for row in kinds_as_json()]
