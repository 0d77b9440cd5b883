"""The sandbox as an aiohttp application: one world, one thread for it, two groups of routes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from aiohttp import web

from platform_api.sandbox.clock import ClockSteps
from platform_api.sandbox.faults import Faults
from platform_api.sandbox.ocsp import OcspResponder
from platform_api.sandbox.refusals import FolderDamaged, RequestRefused
from platform_api.sandbox.requests import json_response
from platform_api.sandbox.world import World

Answer = TypeVar("Answer")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LARGEST_BODY: Final = 1024 * 1024


class Sandbox:
    """What every handler needs. The world is touched only through ``ask``."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = Faults()
        self.ocsp = OcspResponder(world)
        self.steps = ClockSteps(world.clock)
        #: Woken when publishing by itself is switched on.
        self.auto_changed = asyncio.Event()
        #: One thread: questions and changes follow one another, and the world needs no lock.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="world")

    async def ask(self, question: Callable[..., Answer], *arguments: Any) -> Answer:
        """Runs one question or change in the world's thread: signing a night must not stop the event loop.

        A client that hangs up changes nothing about a change that has begun: it runs to its end.
        """
        loop = asyncio.get_running_loop()

        def run() -> Answer:
            version = self.world.clock.version
            try:
                return question(*arguments)
            finally:
                if self.world.clock.version != version:
                    loop.call_soon_threadsafe(self.steps.notify)

        return await loop.run_in_executor(self._worker, run)

    async def open(self) -> None:
        """Starts the thread before the first request waits for it."""
        await self.ask(lambda: None)

    async def close(self) -> None:
        """Waits for a change that is under way, so that the folder is let go of in good order."""
        await asyncio.to_thread(self._worker.shutdown)


SANDBOX: Final = web.AppKey("sandbox", Sandbox)


@web.middleware
async def refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The only place that turns a refusal into an answer; an unforeseen error keeps its text to itself."""
    try:
        return await handler(request)
    except RequestRefused as refusal:
        return json_response({"code": refusal.code, "message": refusal.message}, refusal.status)
    except web.HTTPException as error:
        return json_response({"code": f"HTTP_{error.status}", "message": error.reason}, error.status)
    except (FolderDamaged, OSError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return json_response({"code": "OWN_FAULT", "message": "the folder failed; restart the sandbox"}, 500)


def make_app(world: World) -> web.Application:
    from platform_api.sandbox import (
        handlers_consents,
        handlers_faults,
        handlers_jlis,
        handlers_ocsp,
        handlers_people,
        handlers_queries,
        handlers_sandbox,
        handlers_world,
        holder_app,
        holder_page,
        people_page,
    )

    app = web.Application(middlewares=[refusals_as_json], client_max_size=_LARGEST_BODY)
    app[SANDBOX] = Sandbox(world)
    for handlers in (
        handlers_jlis,
        handlers_consents,
        handlers_queries,
        handlers_ocsp,
        handlers_faults,
        handlers_sandbox,
        handlers_world,
        handlers_people,
        people_page,
        holder_app,
        holder_page,
    ):
        handlers.add_routes(app)
    app.on_startup.append(_open)
    app.on_shutdown.append(_wake_waiters)
    app.on_cleanup.append(_close)
    return app


async def _open(app: web.Application) -> None:
    await app[SANDBOX].open()


async def _wake_waiters(app: web.Application) -> None:
    app[SANDBOX].steps.close()


async def _close(app: web.Application) -> None:
    await app[SANDBOX].close()
