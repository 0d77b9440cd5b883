"""A demo that was stopped for hours or days: what a start makes of the time that passed.

The sandbox is a real one, whose machine's clock the test moves; the service is only what a start sees of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc.jwk import ECKey

from platform_api.demo.processes import ChildFailed
from platform_api.demo.scenario import Scenario
from platform_api.demo.world import Addresses
from platform_api.sandbox.app import SANDBOX, make_app
from platform_api.sandbox.auto import publish_by_itself
from platform_api.sandbox.world import World
from revocation.clock import FixedClock
from tests.sandbox.worlds import DAY, NOW, open_world

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Told:
    """Everything that the audience is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def progress(self, text: str) -> None: ...

    def said(self, text: str) -> None:
        self.lines.append(text)

    def night(self, number: int, figures: dict[str, Any]) -> None: ...


class Plan:
    """The state of a play of two days that began now; in memory: the loop must not wait for a disk."""

    def __init__(self, *, finished: bool) -> None:
        self.start = NOW
        self.finished = finished
        asks: dict[str, Any] = {name: name for name in ("api_key", "name", "institution_id", "service_id")}
        asks["delivery_key"] = ECKey.generate_key("P-256", private=True).as_dict(private=True)
        self.data: dict[str, Any] = {"days": 2, "sets": [{"day": 0}], "nights": [], "institutions": [asks]}


class Service:
    """Ready while the lists that its last night took are in force; a night needs the running service."""

    def __init__(self, sandbox: World) -> None:
        self._sandbox = sandbox
        self.addresses = Addresses(0, 0)
        self.service = self
        self.taken: datetime | None = None
        self.nights = 0
        self.started = False
        self.failing = False

    async def start(self) -> None:
        self.started = True

    async def night(self) -> dict[str, Any]:
        assert self.started
        self.nights += 1
        if self.failing:
            raise ChildFailed("nightly", 3, "J-LIS could not be reached")
        _, publication = self._sandbox.begun()
        self.taken = publication.this_update
        return {"outcome": "DONE", "set_seq": 7}

    async def ready(self, _: web.Request) -> web.Response:
        fresh = self.taken is not None and self._sandbox.clock.now() < self.taken + 2 * DAY
        return web.json_response({}, status=200 if fresh else 503)

    async def key(self, _: web.Request) -> web.Response:
        return web.json_response({})


class Start:
    """One start of a demo on a sandbox that runs again."""

    def __init__(self, base: FixedClock, world: World, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.world = world
        self.service = Service(world)
        self.told = Told()
        self._session = session

    def scenario(self, *, finished: bool) -> Scenario:
        plan: Any = Plan(finished=finished)
        service: Any = self.service
        return Scenario(plan, service, self._session, self.told, began=0.0)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    base = FixedClock(NOW)
    world = await asyncio.to_thread(open_world, tmp_path, clock=base)
    app = make_app(world)
    async with TestServer(app) as sandbox, aiohttp.ClientSession() as session:
        found = Start(base, world, session)
        front = web.Application()
        front.router.add_get("/readyz", found.service.ready)
        front.router.add_put("/v1/delivery-keys/{kid}", found.service.key)
        async with TestServer(front) as served:
            found.service.addresses = Addresses(served.port or 0, sandbox.port or 0)
            publishing = asyncio.create_task(publish_by_itself(app[SANDBOX]))
            yield found
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)


async def play(start: Start, scenario: Scenario, day: int) -> None:
    await asyncio.to_thread(start.world.play, scenario.this_update(day))


async def test_what_can_be_gone_on_with_is_gone_on_with(start: Start) -> None:
    """Stopped for minutes or hours, before the first day or in the middle of a night: the play goes on."""
    scenario = start.scenario(finished=False)
    assert not await scenario.overslept(), "no day was played yet"
    await play(start, scenario, 0)
    assert not await scenario.overslept()
    start.base.advance(22 * HOUR)
    assert not await scenario.overslept()
    await play(start, scenario, 1)
    assert not await scenario.overslept(), "the lists of the day are there, its night was interrupted"


async def test_what_would_miss_its_lists_is_not_gone_on_with(start: Start) -> None:
    """The clock is nearly at the next day's lists, or past them: what befalls people would come later."""
    scenario = start.scenario(finished=False)
    for day in (0, 1, 2):
        await play(start, scenario, day)
        start.base.advance(23 * HOUR + 30 * MINUTE)
        assert await scenario.overslept()
        assert not await start.scenario(finished=True).overslept(), "nothing is left to be played"
        start.base.set(NOW)
        assert not await scenario.overslept()


async def test_a_finished_play_goes_on_after_a_weekend(start: Start) -> None:
    """The lists of the days that passed are signed and a night is run before the service is waited for."""
    scenario = start.scenario(finished=True)
    await play(start, scenario, 2)
    start.service.taken = scenario.this_update(2)
    start.base.advance(3 * DAY)
    await asyncio.wait_for(scenario.open_service(), 20)
    assert start.world.day == 3
    assert start.service.taken == scenario.this_update(2) + 3 * DAY
    assert not scenario.behind
    assert start.told.lines == ["night: DONE, set 7"]


async def test_a_night_that_fails_at_a_start_is_still_due(start: Start) -> None:
    """Lists are still in force: it is said, the service serves, and the night is tried again."""
    scenario = start.scenario(finished=True)
    await play(start, scenario, 2)
    start.service.taken = scenario.this_update(2)
    start.service.failing = True
    await asyncio.wait_for(scenario.open_service(), 20)
    assert scenario.behind
    assert start.told.lines == ["a night failed: J-LIS could not be reached"]
