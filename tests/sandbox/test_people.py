"""The population over HTTP: searched in bounded turns, one person's whole record, days by hand, the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from platform_api.sandbox import population
from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.known import events_by_hand, items_now, kind_of, newest_valid
from platform_api.sandbox.page_texts import EVENTS, TEXTS, WORDS, event
from platform_api.sandbox.population import CONDITIONS, HAS, IS
from platform_api.sandbox.world import World
from tests.sandbox.test_consents import START, give, holders, post
from tests.sandbox.worlds import DAY, NOW, copied_world, open_world

Client = TestClient[Any, Any]


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return copied_world(tmp_path_factory.mktemp("world"), START)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(world))) as opened:
        yield opened


async def get(client: Client, path: str, **query: str) -> dict[str, Any]:
    async with client.get(path, params=query) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


async def everybody(client: Client, **query: str) -> list[dict[str, Any]]:
    """All pages of a search."""
    rows: list[dict[str, Any]] = []
    after: str | None = "r-000000"
    while after is not None:
        page = await get(client, "/sandbox/v1/people", after=after, **query)
        rows += page["people"]
        after = page["next"]
    return rows


async def test_a_search_finds_who_fits_and_nobody_else(client: Client, world: World) -> None:
    """By parts of name and address, municipality, kind and every condition: the same as looking at each."""
    register, _ = world.begun()
    rows = {row["person_id"]: row for row in await everybody(client)}
    assert len(rows) == world.settings.residents
    one = rows["r-000003"]
    for query, fits in (
        ({"name": one["name"][:2]}, lambda row: one["name"][:2] in row["name"]),
        ({"name": one["name"].replace("\u3000", " ")}, lambda row: row["name"] == one["name"]),
        ({"address": one["address"][3:7]}, lambda row: one["address"][3:7] in row["address"]),
        (
            {"municipality_code": one["municipality_code"], "limit": "2"},
            lambda row: row["municipality_code"] == one["municipality_code"],
        ),
        ({"kind": "card-sign"}, lambda row: "card-sign" in row["kinds"]),
        ({"has": "struck"}, lambda row: row["struck"]),
        ({"has": "leap_day"}, lambda row: row["date_of_birth"].endswith("0229")),
    ):
        expected = [person_id for person_id, row in rows.items() if fits(row)]
        assert [row["person_id"] for row in await everybody(client, **query)] == expected, query
        assert expected or query.get("has") == "struck"
    now = world.clock.now()
    some = set()
    for has in CONDITIONS:
        found = {row["person_id"] for row in await everybody(client, has=has)}
        some |= {has} if found else set()
        for resident in (register.residents[number] for number in range(1, world.settings.residents + 1)):
            candidate = population.Candidate(world, resident, now)
            fits = HAS[has](candidate) if has in HAS else IS[has](resident.person)
            assert (resident.resident_id in found) is fits, (has, resident.resident_id)
    assert {"card", "phone", "authentication_only", "no_successor", "substitute_characters"} <= some


async def test_a_search_ends_in_time(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn ends after its slice, a search after its time; the next search goes on from there."""
    monkeypatch.setattr(population, "SLICE_S", -1.0)
    monkeypatch.setattr("platform_api.sandbox.handlers_people.SEARCH_S", -1.0)
    page = await get(client, "/sandbox/v1/people", name="no such name")
    assert page == {"people": [], "next": "r-000064", "looked_at": "r-000064"}
    page = await get(client, "/sandbox/v1/people", name="no such name", after="r-000064")
    assert page == {"people": [], "next": None, "looked_at": f"r-{world.settings.residents:06d}"}


async def test_a_wrong_search_is_refused(client: Client) -> None:
    """Unknown municipality, kind, condition or cursor, too long a text: 400, without what was sent."""
    for query in (
        {"municipality_code": "999999"},
        {"kind": "card"},
        {"has": "money"},
        {"after": "1"},
        {"name": "x" * 101},
        {"limit": "-1"},
    ):
        async with client.get("/sandbox/v1/people", params=query) as answer:
            found = await answer.json()
        assert (answer.status, found["code"]) == (400, "REQUEST_MALFORMED"), query
        assert "money" not in found["message"]
    async with client.get("/sandbox/v1/people/r-999999") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "NO_SUCH_RESIDENT")


async def test_a_record_says_all_that_j_lis_knows(client: Client, world: World) -> None:
    """Items as a new certificate would say them, certificates with their fate, consents, events."""
    number = holders(world)[0]
    resident = world.resident(f"r-{number:06d}")
    first = resident.certificates[-1]
    _, given = await give(client, world, number)
    await asyncio.to_thread(world.act, "move", resident.resident_id, Options("never"))
    found = await get(client, f"/sandbox/v1/people/{resident.resident_id}")
    assert found["items"] == items_now(world, resident).as_json()
    assert found["items"]["address"] != first.items.address
    row = next(one for one in found["certificates"] if one["serial_number"] == f"{first.serial:x}")
    assert (row["status"], row["reason_code"], row["kind"]) == ("REVOKED", 3, kind_of(first))
    assert row["items"]["address"] == first.items.address
    assert newest_valid(resident, "card-sign", world.clock.now()) is None
    assert [one["consent_ref"] for one in found["consents"]] == [given["consent_ref"]]
    assert found["consents"][0]["standing"] == "not_yet_effective"
    assert found["events"][0]["event"] == "move"


async def test_days_are_played_until_real_time(client: Client, world: World) -> None:
    """A day after the last lists, or the next 03:00 JST; then refused, for no clock runs ahead."""
    _, played = await post(client, "/sandbox/v1/days:next", {})
    assert played["this_update"] == "2026-11-19T12:00:00Z"
    _, played = await post(client, "/sandbox/v1/days:next", {"step": "night"})
    assert played["this_update"] == "2026-11-19T18:00:00Z"
    _, played = await post(client, "/sandbox/v1/days:next", {"step": "night"})
    assert played["this_update"] == "2026-11-20T18:00:00Z"
    await asyncio.to_thread(world.play, NOW - DAY / 2)
    status, found = await post(client, "/sandbox/v1/days:next", {"step": "day"})
    assert (status, found["code"]) == (409, "REAL_TIME_REACHED")


async def test_a_world_begins_with_a_month_to_play(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody gave a first day: it lies thirty days back."""
    world = await asyncio.to_thread(open_world, tmp_path_factory.mktemp("new"))
    async with TestClient(TestServer(make_app(world))) as client:
        async with client.get("/people") as answer:
            assert "thirty days" in await (await client.get("/people?lang=en")).text()
            assert answer.status == 200
        _, played = await post(client, "/sandbox/v1/days:next", {})
    assert played["this_update"] == "2026-10-23T12:00:00Z"


class _Page(HTMLParser):
    """What a page loads, where its forms go, and which buttons it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.actions: list[str] = []
        self.buttons: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        assert not any(name.startswith("on") or name == "style" for name in found), (tag, found)
        if tag in ("link", "img", "script", "iframe"):
            self.loaded.append(found.get("href") or found.get("src") or "")
        if tag == "form":
            self.actions.append(found.get("action") or "")
        if tag == "button" and found.get("name") == "event":
            self.buttons.append(found.get("value") or "")


async def page(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        text: str = await answer.text()
        assert answer.status == status, text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        return text


async def test_the_page_needs_nothing_from_elsewhere(client: Client, world: World) -> None:
    """No script, nothing of another site, a banner on each page, every event a button, both languages."""
    person = f"/people/r-{holders(world)[0]:06d}"
    for path in ("/", "/people", person, f"{person}?lang=en", "/people?lang=en&name=%E7%94%B0"):
        text = await page(client, path)
        seen = _Page(text)
        assert seen.loaded == ["/people/style.css"]
        assert "script" not in seen.tags
        assert all(action.startswith("/people") for action in seen.actions)
        assert ("架空の人物です" if "lang=en" not in path else "Fictional people") in text
    assert _Page(await page(client, person)).buttons == list(events_by_hand())
    assert event("sails_away", "en") == "sails away"
    async with client.get("/people/style.css") as answer:
        assert (answer.status, answer.content_type) == (200, "text/css")
        assert "url(" not in await answer.text()
    for japanese, english in (*TEXTS.values(), *WORDS.values(), *EVENTS.values()):
        assert japanese
        assert english


async def test_buttons_do_what_they_say(client: Client, world: World) -> None:
    """A move, a day, a fault, a withdrawal by form; each ends in the page; a refusal says its sentence."""
    number = holders(world)[0]
    person = f"/people/r-{number:06d}"
    resident = world.resident(f"r-{number:06d}")
    first = resident.certificates[-1]
    await give(client, world, number)
    async with client.post(f"{person}/events", data={"event": "move", "reissue": "same_day"}) as answer:
        assert answer.status == 200
        assert "次の失効リスト" in await answer.text()
    assert resident.certificates[-1] is not first
    async with client.post(f"{person}/withdrawals", data={"service_code": "bank-accounts"}) as answer:
        assert "取消済み" in await answer.text()
    async with client.post(f"{person}/withdrawals", data={"service_code": "bank-accounts"}) as answer:
        assert 'role="alert"' in await answer.text()
    async with client.post("/people/clock", data={"step": "night", "lang": "en"}) as answer:
        assert "Done." in await answer.text()
    assert world.day == 1
    async with client.post("/people/faults", data={"fault": "garbage:ocsp", "times": "5"}) as answer:
        assert "garbage" in await answer.text()
    async with client.post("/people/faults", data={"fault": "garbage:nothing"}) as answer:
        assert 'role="alert"' in await answer.text()
    async with client.post("/people/faults", data={"clear": "1"}) as answer:
        assert "障害はありません" in await answer.text()
    async with client.post(f"{person}/events", data={"event": "die"}) as answer:
        assert 'role="alert"' in await answer.text()


async def test_other_sites_send_no_forms(client: Client, world: World) -> None:
    """A form that another page sends does nothing; what stands in the address cannot write on the page."""
    person = f"/people/r-{holders(world)[0]:06d}"
    before = len(world.life_log)
    for headers in ({"Origin": "http://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        async with client.post(f"{person}/events", data={"event": "move"}, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "OTHER_SITE")
    assert len(world.life_log) == before
    text = await page(client, f"{person}?refused=call%20this%20number&told=call%20this%20number")
    assert "call this" not in text
    text = await page(client, "/people?name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script" not in text
