"""The feed over HTTP: pages without gaps, thin events, a long poll, and no event before its set answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.service import Service, serving
from tests.features.world import World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def service(world: World) -> AsyncIterator[Service]:
    """A service after its first night."""
    await world.day()
    async with serving(world) as running:
        yield running


async def test_feed_pages_etag_and_thinness(service: Service, institution: TestInstitution) -> None:
    """Pages go on without gaps; an unchanged page is 304; events carry ids and nothing personal."""
    world = service.world
    cards = [make_card(sets.ca(), serial=0x77AA00 + number) for number in range(5)]
    for number, card in enumerate(cards):
        await service.verify(institution, card, f"ref-{number}")
    await world.day({card.serial: 3 for card in cards})
    await world.night()
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        path = f"/v1/events?after={after}&page_size=2"
        page = await service.call(institution, "GET", path)
        if not page["events"]:
            break
        found += page["events"]
        after = page["next_after"]
    assert page["head_seq"] == after == 7
    assert [event["seq"] for event in found] == list(range(1, 8))
    revoked = [event for event in found if event["type"] == "certificate.revoked"]
    assert sorted(event["registration_ref"] for event in revoked) == [f"ref-{n}" for n in range(5)]
    assert found[-1]["day"] == {
        "business_date": "2026-11-21",
        "complete": True,
        "events": 5,
        "first_seq": 2,
        "last_seq": 6,
    }
    assert set(revoked[0]) == {
        "event_id",
        "seq",
        "type",
        "cause",
        "action",
        "transition",
        "registration_id",
        "registration_ref",
        "customer_ref",
        "service_id",
        "consent_id",
        "invitation_id",
        "delivery_id",
        "set_seq",
        "occurred_at",
        "day",
    }
    assert "77aa" not in str(found).lower()
    first = await service.client.get("/v1/events?after=0", headers=institution.headers)
    tag = {"If-None-Match": first.headers["ETag"]}
    again = await service.client.get("/v1/events?after=0", headers=institution.headers | tag)
    assert (again.status, await again.read()) == (304, b"")
    await world.day()
    await world.night()
    changed = await service.client.get("/v1/events?after=0", headers=institution.headers | tag)
    assert changed.status == 200
    for bad in ("after=-1", "wait=21", "page_size=1001", "page_size=0", "unknown=1"):
        answer = await service.client.get(f"/v1/events?{bad}", headers=institution.headers)
        assert answer.status in (400, 422)


async def test_long_poll_answers_when_something_comes(service: Service, institution: TestInstitution) -> None:
    """A waiting reader gets the event soon after its commit, an idle one an empty page in time."""
    world = service.world
    await world.night()
    started = asyncio.get_running_loop().time()
    idle = await service.call(institution, "GET", "/v1/events?after=1&wait=1")
    assert idle == {"events": [], "head_seq": 1, "next_after": 1}
    assert 0.9 <= asyncio.get_running_loop().time() - started < 15
    waiting = asyncio.create_task(service.call(institution, "GET", "/v1/events?after=1&wait=20"))
    await asyncio.sleep(0.1)
    await world.day()
    await world.night()
    page = await asyncio.wait_for(waiting, 15)
    assert [event["type"] for event in page["events"]] == ["day.completed"]


async def test_no_event_before_its_set_answers(service: Service, institution: TestInstitution) -> None:
    """Who reads an event of set 2 and asks for a status next is answered from set 2, not from set 1."""
    world = service.world
    card = make_card(sets.ca())
    made = await service.verify(institution, card)
    newer = await world.day({card.serial: 3}, adopt=False)
    await world.night()
    reading = asyncio.create_task(service.call(institution, "GET", "/v1/events"))
    await asyncio.sleep(0.2)
    assert not reading.done()
    world.snapshots.adopt(newer)
    assert (await reading)["events"][1]["transition"] == "REVOKED"
    form = {"registration_id": made["registration"]["registration_id"]}
    body = {"purpose": "current_status_check"} | form
    answer = await service.call(institution, "POST", "/v1/certificates:check", body)
    assert answer["status"]["status"] == "REVOKED"
