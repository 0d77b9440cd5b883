"""The population page: search people, see a person, make something happen, play days, switch faults on.

Rendered here, without a script and without anything from elsewhere; a form sent by another site is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from jinja2 import DictLoader, Environment, StrictUndefined

from platform_api.sandbox import page_texts
from platform_api.sandbox.app import SANDBOX, Sandbox
from platform_api.sandbox.dates import JST, parse_instant
from platform_api.sandbox.faults import FaultKind, Target, kinds_as_json
from platform_api.sandbox.handlers_consents import withdraw_by_hand
from platform_api.sandbox.handlers_people import KINDS, search
from platform_api.sandbox.known import events_by_hand
from platform_api.sandbox.municipalities import MUNICIPALITIES
from platform_api.sandbox.nights import next_publication, play_next
from platform_api.sandbox.page_texts import Language
from platform_api.sandbox.person_record import record
from platform_api.sandbox.population import CONDITIONS
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.requests import ActByHand
from platform_api.sandbox.world import World

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_FOLDER: Final = Path(__file__).with_name("templates")
_ASKED: Final = ("name", "address", "municipality_code", "kind", "has")
_TEMPLATES: Final = web.AppKey("templates", Environment)
_STYLE: Final = web.AppKey("style", str)
#: Our last sentence for each code: an address carries a code only, and nobody writes on the page with it.
_SENTENCES: Final = web.AppKey("sentences", dict[str, str])
_REISSUES: Final[Mapping[str, Any]] = {"same_day": "same_day", "never": "never", "3": 3}


def add_routes(app: web.Application) -> None:
    app[_SENTENCES] = {}
    app.on_startup.append(_load)
    app.router.add_get("/", get_people)
    app.router.add_get("/people", get_people)
    app.router.add_get("/people/style.css", get_style)
    app.router.add_post("/people/clock", post_clock)
    app.router.add_post("/people/faults", post_faults)
    app.router.add_get("/people/{person_id}", get_person)
    app.router.add_post("/people/{person_id}/events", post_event)
    app.router.add_post("/people/{person_id}/withdrawals", post_withdrawal)


async def get_style(request: web.Request) -> web.Response:
    return web.Response(
        text=request.app[_STYLE], content_type="text/css", headers={"X-Content-Type-Options": "nosniff"}
    )


async def get_people(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    language = _language(request.query)
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
    return _page(
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
        raise web.HTTPSeeOther(_refused(request, "/people", _language(request.query), refusal)) from None
    person["as_of"] = _jst(person["as_of"])
    return _page(request, "person.html", person=person, events=events_by_hand())


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
    language = _language(form)
    try:
        await act(form)
        location = _back(where, language, told="listed" if listed else "done")
    except RequestRefused as refusal:
        location = _refused(request, where, language, refusal)
    return web.Response(status=303, headers={"Location": location, **_HEADERS})


def _refuse_other_sites(request: web.Request) -> None:
    """A browser says where a form comes from; what says nothing is no browser."""
    origin = request.headers.get("Origin")
    same = origin is None or urlsplit(origin).netloc == request.host
    if not same or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise RequestRefused(
            403, "OTHER_SITE", "expected a form of this very page; open it and send it there"
        )


def _refused(request: web.Request, where: str, language: Language, refusal: RequestRefused) -> str:
    request.app[_SENTENCES][refusal.code] = refusal.message
    return _back(where, language, refused=refusal.code)


def _back(where: str, language: Language, **said: str) -> str:
    return f"{where}?{urlencode({'lang': language, **said})}"


def _language(said: Mapping[str, Any]) -> Language:
    return "en" if said.get("lang") == "en" else "ja"


def _clock(world: World) -> dict[str, Any]:
    now = world.clock.now()
    last = world.publication
    real_now = world.clock.real_now()
    return {
        "now": _time(now),
        "day": world.day,
        "published_at": None if last is None else _time(last.this_update),
        "can_day": next_publication(world, "day") <= real_now,
        "can_night": next_publication(world, "night") <= real_now,
    }


def _faults(sandbox: Sandbox, language: Language) -> list[dict[str, Any]]:
    texts = {row["kind"]: row["text"] for row in _fault_kinds(language)}
    return [{**row, "description": texts[row["kind"]]} for row in (f.as_json() for f in sandbox.faults.all())]


def _fault_kinds(language: Language) -> list[dict[str, Any]]:
    key = "description_ja" if language == "ja" else "description"
    return [{**row, "text": row[key]} for row in kinds_as_json()]


def _time(moment: datetime) -> str:
    return moment.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S JST")


def _jst(instant: str) -> str:
    return _time(parse_instant(instant)).removesuffix(" JST")


def _page(request: web.Request, template: str, **values: Any) -> web.Response:
    language = _language(request.query)
    other: Language = "en" if language == "ja" else "ja"
    told = {"done": "done", "listed": "listed_tomorrow"}.get(request.query.get("told", ""))
    sentence = request.app[_SENTENCES].get(request.query.get("refused", ""), "")
    values["refused"] = values.get("refused") or sentence
    text = (
        request.app[_TEMPLATES]
        .get_template(template)
        .render(
            **values,
            language=language,
            other_language=other,
            other_language_url=f"{request.path}?{urlencode({**request.query, 'lang': other})}",
            told="" if told is None else page_texts.text(told, language),
            t=lambda key: page_texts.text(key, language),
            w=lambda key: page_texts.word(key, language),
            e=lambda key: page_texts.event(key, language),
            r=lambda code: page_texts.reason(code, language),
            jst=_jst,
        )
    )
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=_HEADERS)


def _read() -> tuple[Environment, str]:
    """All templates, compiled, and the style: read once, at the start."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.html"))}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    for name in sources:
        environment.get_template(name)
    return environment, (_FOLDER / "people.css").read_text(encoding="utf-8")


async def _load(app: web.Application) -> None:
    app[_TEMPLATES], app[_STYLE] = await asyncio.to_thread(_read)
