"""The sandbox as an aiohttp application: one world, one lock, two groups of routes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiohttp import web

from platform_api.sandbox.clock import ClockSteps
from platform_api.sandbox.faults import Faults
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
        self.steps = ClockSteps(world.clock)
        #: Woken when publishing by itself is switched on.
        self.auto_changed = asyncio.Event()
        self._lock = asyncio.Lock()

    async def ask(self, question: Callable[..., Answer], *arguments: Any) -> Answer:
        """Runs one question or change in a thread, one at a time: signing a night must not stop the loop.

        Shielded, so that a client that hangs up cannot leave a change half-made under a free lock.
        """
        return await asyncio.shield(asyncio.ensure_future(self._locked(question, *arguments)))

    async def _locked(self, question: Callable[..., Answer], *arguments: Any) -> Answer:
        async with self._lock:
            version = self.world.clock.version
            try:
                return await asyncio.to_thread(question, *arguments)
            finally:
                if self.world.clock.version != version:
                    self.steps.notify()


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
    from platform_api.sandbox import handlers_jlis, handlers_sandbox

    app = web.Application(middlewares=[refusals_as_json], client_max_size=_LARGEST_BODY)
    app[SANDBOX] = Sandbox(world)
    handlers_jlis.add_routes(app)
    handlers_sandbox.add_routes(app)
    app.on_shutdown.append(_wake_waiters)
    return app


async def _wake_waiters(app: web.Application) -> None:
    app[SANDBOX].steps.close()
