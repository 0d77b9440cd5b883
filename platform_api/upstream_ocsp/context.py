"""The client of other OCSP responders as a cleanup context of the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from platform_api.keys import AUTHORITIES, CLOCK, JLIS, LOG, METRICS, SETTINGS, UPSTREAM
from platform_api.upstream_ocsp.asking import Upstream
from platform_api.upstream_ocsp.settings import upstream_settings
from platform_api.upstream_ocsp.through_gateway import ThroughGateway
from platform_api.upstream_ocsp.transport import OcspTransport


async def upstream(app: web.Application) -> AsyncIterator[None]:
    """Open where an address of a responder is set; else there is none, and checks say so."""
    settings = await asyncio.to_thread(upstream_settings, app[SETTINGS])
    if settings is None:
        yield
        return
    async with OcspTransport(
        concurrency=settings.concurrency, timeout_s=settings.timeout_s, prefer_get=settings.prefer_get
    ) as by_http:
        # The settings want an address of J-LIS for it, so that there is a gateway.
        transport = ThroughGateway(by_http, app[JLIS]) if settings.asks_j_lis else by_http
        opened = Upstream(
            settings, transport, app[AUTHORITIES], app[CLOCK], log=app[LOG], metrics=app[METRICS]
        )
        app[UPSTREAM] = opened
        try:
            yield
        finally:
            await opened.close()
