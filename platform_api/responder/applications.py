"""An aiohttp application, ready for a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

KEEPALIVE_S: Final = 60.0
SHUTDOWN_S: Final = 5.0


@asynccontextmanager
async def set_up(app: web.Application) -> AsyncIterator[web.AppRunner]:
    """The application, ready for a socket; at the end running requests get some seconds."""
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
    )
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()
