"""/v1/test/…: search the sandbox's fictional people, drive their lives, let their cards sign, play days.

Mounted on sandbox servers only (``routes.py``), and test keys work there only.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from platform_api.institutions.model import Mode
from platform_api.operations import operation, path_reference, principal_of, query_of
from platform_api.problems import Problem, forbidden, not_found
from platform_api.test_people.context import PEOPLE
from platform_api.test_people.model import (
    CardSignRequest,
    CardSignResponse,
    ClockRequest,
    ClockResponse,
    DaysRequest,
    EventRequest,
    EventResponse,
    PeopleQuery,
    PeopleResponse,
    PeopleSearch,
    PersonResponse,
)
from platform_api.test_people.sandbox import LONG_S, SandboxPeople, missing

SCOPE: Final = "test:people"
_PERSON: Final = re.compile(r"r-[0-9]{6,7}\Z")
_EVENT: Final = re.compile(r"[a-z_]{1,40}\Z")
_WITHDRAW: Final = "withdraw_consent"
_DAY: Final = timedelta(days=1)
_MOST_DAYS: Final = 31


@operation(
    "GET",
    "/v1/test/people",
    operation_id="list_test_people",
    request=None,
    query=PeopleQuery,
    response=PeopleResponse,
    scope=SCOPE,
    summary_en="Sandbox only: fictional people, by municipality, kind of certificate or condition",
    summary_ja="サンドボックス専用: 架空の人物を市区町村・証明書の種類・条件でさがす",
)
async def list_people(request: web.Request) -> PeopleResponse:
    return await _search(request, query_of(request, PeopleQuery).model_dump(exclude_none=True))


@operation(
    "POST",
    "/v1/test/people:search",
    operation_id="search_test_people",
    request=PeopleSearch,
    response=PeopleResponse,
    scope=SCOPE,
    summary_en="Sandbox only: fictional people, also by parts of name and address",
    summary_ja="サンドボックス専用: 架空の人物を氏名・住所の一部でもさがす",
)
async def search_people(request: web.Request, body: PeopleSearch) -> PeopleResponse:
    return await _search(request, body.model_dump(exclude_none=True))


async def _search(request: web.Request, wanted: dict[str, Any]) -> PeopleResponse:
    query = {name: str(value) for name, value in wanted.items()}
    return PeopleResponse.model_validate(await _people(request).get("people", query=query))


@operation(
    "GET",
    "/v1/test/people/{person}",
    operation_id="get_test_person",
    request=None,
    response=PersonResponse,
    scope=SCOPE,
    summary_en="Sandbox only: all that the simulated J-LIS knows of a fictional person",
    summary_ja="サンドボックス専用: 架空の人物について模擬J-LISが持つ情報",
)
async def get_person(request: web.Request) -> PersonResponse:
    return PersonResponse.model_validate(await _people(request).get("people", _person(request)))


@operation(
    "POST",
    "/v1/test/people/{person}:{event}",
    operation_id="drive_test_person",
    request=EventRequest,
    response=EventResponse,
    scope=SCOPE,
    writes=True,
    summary_en="Sandbox only: something befalls a fictional person: move, rename, renew, lose, hold ...",
    summary_ja="サンドボックス専用: 架空の人物にできごとを起こす(move, rename, renew, lose, hold など)",
)
async def drive(request: web.Request, body: EventRequest) -> EventResponse:
    people, person = _people(request), _person(request)
    event = request.match_info["event"]
    if _EVENT.match(event) is None:
        raise not_found()
    said = body.model_dump(exclude_none=True)
    if (event == _WITHDRAW) != ("service_code" in said):
        raise _service_code_misplaced()
    if event == _WITHDRAW:
        await people.post("residents", person, "consents:withdraw", body=said)
        return EventResponse(person_id=person, event=event)
    told = await people.post("residents", f"{person}:{event}", body=said)
    issued = told.get("issued_all") or ([told["issued"]] if told.get("issued") else [])
    return EventResponse.model_validate({**told, "person_id": person, "issued": issued})


@operation(
    "POST",
    "/v1/test/people/{person}/card:sign",
    operation_id="sign_with_test_card",
    request=CardSignRequest,
    response=CardSignResponse,
    scope=SCOPE,
    max_body=256 * 1024,
    summary_en="Sandbox only: a fictional person's card or phone signs",
    summary_ja="サンドボックス専用: 架空の人物のカードまたはスマホで署名する",
)
async def card_sign(request: web.Request, body: CardSignRequest) -> CardSignResponse:
    said = {"data": b64encode(body.data).decode(), "kind": body.kind}
    told = await _people(request).post("residents", _person(request), "card:sign", body=said)
    return CardSignResponse.model_validate(told)


@operation(
    "GET",
    "/v1/test/clock",
    operation_id="get_test_clock",
    request=None,
    response=ClockResponse,
    scope=SCOPE,
    summary_en="Sandbox only: where the simulated clock stands",
    summary_ja="サンドボックス専用: 模擬時計の現在時刻",
)
async def get_clock(request: web.Request) -> ClockResponse:
    return await _clock(_people(request))


@operation(
    "POST",
    "/v1/test/clock",
    operation_id="set_test_clock",
    request=ClockRequest,
    response=ClockResponse,
    scope=SCOPE,
    writes=True,
    summary_en="Sandbox only: play all days until then; the clock never goes back nor ahead of real time",
    summary_ja="サンドボックス専用: 指定時刻まで日を進める(戻ること、実時間を追い越すことはできない)",
)
async def set_clock(request: web.Request, body: ClockRequest) -> ClockResponse:
    people, to = _people(request), body.to.astimezone(UTC)
    last = (await _clock(people)).published_at
    if last is not None and to - last > _MOST_DAYS * _DAY:
        raise _too_far()
    days = [] if last is None else [last + day * _DAY for day in range(1, _MOST_DAYS + 1)]
    await _play(people, [*(day for day in days if day < to), to])
    return await _clock(people)


@operation(
    "POST",
    "/v1/test/days:play",
    operation_id="play_test_days",
    request=DaysRequest,
    response=ClockResponse,
    scope=SCOPE,
    writes=True,
    summary_en="Sandbox only: live and publish so many days; the operator's jpki nightly takes the lists in",
    summary_ja="サンドボックス専用: 指定日数を進めて失効リストを公開する(取込みは運営者のjpki nightly)",
)
async def play_days(request: web.Request, body: DaysRequest) -> ClockResponse:
    people = _people(request)
    last = (await _clock(people)).published_at
    if last is None:
        raise Problem(
            409,
            "SANDBOX_NOT_BEGUN",
            en="No day was played yet; POST /v1/test/clock with the first one.",
            ja="まだ始まっていません。POST /v1/test/clock で最初の日を指定してください。",
        )
    await _play(people, [last + day * _DAY for day in range(1, body.days + 1)])
    return await _clock(people)


async def _play(people: SandboxPeople, moments: list[datetime]) -> None:
    """One after the other; what was played stays played where a later one is refused."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + LONG_S
    for moment in moments:
        body = {"this_update": moment.isoformat().replace("+00:00", "Z")}
        await people.post("days:play", body=body, within_s=max(0.0, ends - loop.time()))


async def _clock(people: SandboxPeople) -> ClockResponse:
    told = await people.get("health")
    return ClockResponse.model_validate({name: told.get(name) for name in ("now", "day", "published_at")})


def _people(request: web.Request) -> SandboxPeople:
    if principal_of(request).mode != Mode.TEST.value:
        raise forbidden(SCOPE)
    found = request.config_dict.get(PEOPLE)
    if found is None:
        raise missing()
    return found


def _person(request: web.Request) -> str:
    person = path_reference(request, "person")
    if _PERSON.match(person) is None:
        raise not_found()
    return person


def _service_code_misplaced() -> Problem:
    return Problem(
        422,
        "VALIDATION_FAILED",
        en="Send service_code with the event withdraw_consent, and with no other.",
        ja="service_codeはwithdraw_consentのときだけ、必ず指定してください。",
        errors=[{"pointer": "/service_code", "code": "misplaced"}],
    )


def _too_far() -> Problem:
    return Problem(
        422,
        "VALIDATION_FAILED",
        en=f"Play at most {_MOST_DAYS} days in one request.",
        ja=f"一度に進められるのは{_MOST_DAYS}日までです。",
        errors=[{"pointer": "/to", "code": "too_far"}],
    )
