"""The service's clock follows the sandbox, is right before the first answer, and never runs ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from platform_api import clock as module
from platform_api.clock import FollowedClock, service_clock
from revocation.clock import SystemClock
from revocation.errors import OutsideFailed
from tests.base.eventually import eventually

DAY_US = 86_400_000_000


class FakeSandbox:
    """The clock endpoint as the contract says: a long poll that answers when the version has moved."""

    def __init__(self, offset_us: int = 0) -> None:
        self.version = 0
        self.offset_us: object = offset_us
        self.moved = asyncio.Event()
        self.asked: list[dict[str, str]] = []

    def move(self, offset_us: object) -> None:
        self.version += 1
        self.offset_us = offset_us
        self.moved.set()
        self.moved = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        if request.query.get("after") == str(self.version):
            try:
                async with asyncio.timeout(float(request.query["wait"])):
                    await self.moved.wait()
            except TimeoutError:
                pass
        return web.json_response(
            {"version": self.version, "offset_us": self.offset_us, "now": "2026-01-01T00:00:00Z"}
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/sandbox/v1/clock", self.answer)
        async with TestServer(app, shutdown_timeout=0) as server:
            yield str(server.make_url("/"))


def _offset(clock: object) -> timedelta:
    assert isinstance(clock, FollowedClock)
    return clock.offset


def _shows(clock: object, offset: timedelta) -> bool:
    return _offset(clock) == offset


async def test_the_first_answer_is_asked_for_before_the_clock_is_used() -> None:
    """Inside the context the clock already shows sandbox time."""
    sandbox = FakeSandbox(-3 * DAY_US)
    async with sandbox.serving() as url, service_clock(url) as clock:
        assert _offset(clock) == timedelta(days=-3)
        assert abs(clock.now() - (SystemClock().now() - timedelta(days=3))) < timedelta(seconds=5)


async def test_a_moved_sandbox_clock_arrives_at_once() -> None:
    """The long poll brings a new offset without waiting for its end."""
    sandbox = FakeSandbox(-3 * DAY_US)
    async with sandbox.serving() as url, service_clock(url) as clock:
        for expected in (timedelta(days=-2), timedelta(days=-1), timedelta(0)):
            sandbox.move(expected // timedelta(microseconds=1))
            await eventually(partial(_shows, clock, expected))
        assert all("after" in query for query in sandbox.asked[1:])


async def test_a_clock_that_would_run_ahead_is_not_followed() -> None:
    """A positive offset, a fraction or nonsense is refused: the last good offset stays."""
    sandbox = FakeSandbox(-DAY_US)
    async with sandbox.serving() as url, service_clock(url) as clock:
        assert isinstance(clock, FollowedClock)
        for bad in (1, 0.5, "0", None):
            sandbox.move(bad)
            await eventually(lambda: not clock.followed)
            assert _offset(clock) == timedelta(days=-1)
            sandbox.move(-DAY_US)
            await eventually(lambda: clock.followed)


async def test_without_a_sandbox_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable sandbox at the start: one sentence with the remedy, not a wrong time."""
    monkeypatch.setattr(module, "_FIRST_S", 0.3)
    with pytest.raises(OutsideFailed, match=r"SANDBOX_CLOCK_UNREACHABLE.*jpki sandbox"):
        async with service_clock("http://127.0.0.1:1"):
            pass


async def test_without_a_sandbox_url_time_is_real() -> None:
    """No sandbox: the machine's clock."""
    async with service_clock(None) as clock:
        assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
