"""Publishing by itself: each day once, whatever is done by hand beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from platform_api.sandbox.app import SANDBOX, Sandbox, make_app
from platform_api.sandbox.auto import publish_by_itself
from platform_api.sandbox.main import _bound, _serve
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.world import World
from revocation.clock import FixedClock
from tests.base.eventually import HANG_S
from tests.sandbox.worlds import DAY, NOW, open_world


@asynccontextmanager
async def publishing(sandbox: Sandbox) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(publish_by_itself(sandbox))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def day_is(world: World, day: int) -> None:
    async with asyncio.timeout(HANG_S):
        while world.day != day:  # noqa: ASYNC110 - the day comes from another thread
            await asyncio.sleep(0.02)


async def test_days_come_by_themselves(tmp_path: Path) -> None:
    """Switched on, the sandbox publishes at once and then each 24 hours of its clock; off, it stops."""
    base = FixedClock(NOW)
    world = await asyncio.to_thread(open_world, tmp_path, clock=base)
    app = make_app(world)
    async with TestClient(TestServer(app)) as client, publishing(app[SANDBOX]):
        assert world.facts()["day"] is None
        await client.post("/sandbox/v1/days:auto", json={"enabled": True})
        await day_is(world, 0)
        _, publication = world.begun()
        assert publication.this_update == NOW - timedelta(minutes=5)
        # Nearly a day later nothing is due; then it is, and three missed days follow one after the other.
        for hours, day in ((23, 0), (24, 1), (24 * 4, 4)):
            base.set(NOW + timedelta(hours=hours))
            app[SANDBOX].auto_changed.set()
            await day_is(world, day)
            _, publication = world.begun()
            assert world.clock.now() < publication.next_update
        await client.post("/sandbox/v1/days:auto", json={"enabled": False})
        base.advance(3 * DAY)
        app[SANDBOX].auto_changed.set()
        await asyncio.sleep(0.1)
        assert world.day == 4


async def test_a_day_played_by_hand_meanwhile_is_not_played_again(tmp_path: Path) -> None:
    """A day is due and a later one is being played by hand: nothing is refused, and the next one comes."""
    base = FixedClock(NOW)
    world = await asyncio.to_thread(open_world, tmp_path, clock=base)
    await asyncio.to_thread(world.set_auto, True)
    app = make_app(world)
    async with TestClient(TestServer(app)):
        await asyncio.to_thread(world.play, NOW)
        base.set(NOW + DAY + timedelta(hours=1))
        begun, go_on = threading.Event(), threading.Event()

        def by_hand() -> None:
            begun.set()
            go_on.wait(HANG_S)
            world.play(base.now())

        hand = asyncio.create_task(app[SANDBOX].ask(by_hand))
        await asyncio.to_thread(begun.wait, HANG_S)
        async with publishing(app[SANDBOX]) as task:
            await asyncio.sleep(0.05)  # it has looked whether a day is due
            go_on.set()
            await hand
            await day_is(world, 1)
            base.advance(DAY)
            app[SANDBOX].auto_changed.set()
            await day_is(world, 2)
            assert not task.done()


async def test_a_day_that_is_refused_is_said_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be played now is no end of playing: one sentence, and the next look plays it."""
    base = FixedClock(NOW)
    world = await asyncio.to_thread(open_world, tmp_path, clock=base)
    await asyncio.to_thread(world.set_auto, True)
    play, refused = world.play, threading.Event()

    def once(this_update: datetime) -> dict[str, object]:
        if refused.is_set():
            return play(this_update)
        refused.set()
        raise RequestRefused(409, "NOT_NOW", "expected another time, got this one; wait")

    world.play = once  # type: ignore[method-assign]
    app = make_app(world)
    async with TestClient(TestServer(app)), publishing(app[SANDBOX]):
        async with asyncio.timeout(HANG_S):
            while "NOT_NOW" not in capsys.readouterr().err:  # noqa: ASYNC110 - a stream is only read
                await asyncio.sleep(0.02)
        app[SANDBOX].auto_changed.set()
        await day_is(world, 0)


async def test_an_error_that_nobody_foresaw_ends_the_sandbox(tmp_path: Path) -> None:
    """It does not go on serving lists that will expire: the process ends with the error."""
    world = await asyncio.to_thread(open_world, tmp_path)
    await asyncio.to_thread(world.set_auto, True)

    def broken(this_update: datetime) -> dict[str, object]:
        raise ArithmeticError("unforeseen")

    world.play = broken  # type: ignore[method-assign]
    listener = await asyncio.to_thread(_bound, "127.0.0.1", 0)
    with pytest.raises(ArithmeticError, match="unforeseen"):
        async with asyncio.timeout(HANG_S):
            await _serve(world, listener, lambda _: None)
