"""Metrics and health of all workers, on a port of their own that is the supervisor's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from platform_api.listening import Address
from platform_api.metrics import CONTENT_TYPE
from platform_api.workers.collector import SharedCollector

if TYPE_CHECKING:
    from platform_api.workers.crew import Crew
    from platform_api.workers.shared import Shared

#: Above the two seconds that a worker gives its database.
_READINESS_S: Final = 3.0
_METRICS_S: Final = 2.0


class Admin:
    """Three addresses, each answered from what the workers say and what they have counted."""

    def __init__(self, crew: Crew, shared: Shared) -> None:
        self._crew = crew
        self._shared = shared

    async def metrics(self, _: web.Request) -> web.Response:
        """As any worker tells them: its counters are everybody's sums, its set is everybody's set.

        Where none answers in time, the sums alone.
        """
        for worker in self._crew.ready:
            told = await worker.ask("metrics", _METRICS_S)
            if told is not None:
                break
        else:
            registry = CollectorRegistry()
            registry.register(SharedCollector(self._shared))
            told = generate_latest(registry).decode()
        return web.Response(body=told.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def live(self, _: web.Request) -> web.Response:
        """The supervisor lives, and looks after its workers."""
        return _json({"status": "alive"}, 200)

    async def ready(self, _: web.Request) -> web.Response:
        """Ready when every worker is and nobody was told to stop; reasons and warnings of all of them."""
        workers = self._crew.ready
        told = await asyncio.gather(*(worker.ask("readiness", _READINESS_S) for worker in workers))
        said = [orjson.loads(one) for one in told if one is not None]
        reasons = {reason for one in said for reason in one["reasons"]}
        if len(said) < self._shared.workers:
            reasons.add("WORKER_MISSING")
        if self._shared.stopping:
            reasons.add("STOPPING")
        body = {
            "status": "not_ready" if reasons else "ready",
            "reasons": sorted(reasons),
            "warnings": sorted({warning for one in said for warning in one["warnings"]} - reasons),
            "set_seq": self._shared.serving or None,
            "workers": self._shared.workers,
            "workers_ready": sum(not one["reasons"] for one in said),
        }
        return _json(body, 503 if reasons else 200)


def _json(body: dict[str, Any], status: int) -> web.Response:
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


@asynccontextmanager
async def administered(host: str, port: int | None, crew: Crew, shared: Shared) -> AsyncIterator[int | None]:
    """The port, from before the first worker until after the last; None where none is wanted."""
    if port is None:
        yield None
        return
    told = Admin(crew, shared)
    app = web.Application()
    app.router.add_get("/metrics", told.metrics)
    app.router.add_get("/health/live", told.live)
    app.router.add_get("/health/ready", told.ready)
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    with Address.of(host, port).bind() as listener:
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            yield int(listener.getsockname()[1])
        finally:
            await runner.cleanup()
