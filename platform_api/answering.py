"""The application while it answers: opened, taking connections, then not ready, drained and closed.

The same for a process that is alone and for a worker of several.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web

from platform_api.keys import FACE, LOG, PLACE, SETTINGS, STORE
from platform_api.ocsp.server import serving_ocsp
from platform_api.tls import TlsFiles, following_tls
from platform_api.workers.layout import State

if TYPE_CHECKING:
    import socket

_KEEPALIVE_S: Final = 60.0
#: How long the rest of a refused body is read away before its connection is closed.
_LINGERING_S: Final = 2.0


@asynccontextmanager
async def answering(
    app: web.Application, listener: socket.socket, stop: asyncio.Event
) -> AsyncIterator[bool]:
    """The application with its resources open and connections taken; False when it was told to stop before.

    On leaving, running requests get ``shutdown_s`` seconds to end, then everything is closed.
    """
    settings, part = app[SETTINGS], app[PLACE].part
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        keepalive_timeout=_KEEPALIVE_S,
        shutdown_timeout=settings.shutdown_s,
        lingering_time=_LINGERING_S,
    )
    setup = asyncio.ensure_future(runner.setup())
    told = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((setup, told), return_when=asyncio.FIRST_COMPLETED)
        if not setup.done():
            setup.cancel()
            with suppress(asyncio.CancelledError):
                await setup
            yield False
            return
        setup.result()
        # Others may have moved on while we opened the set: what is behind them had better not begin.
        await app[STORE].wait_newer(app[PLACE].shared.serving - 1, settings.snapshot_flip_wait_s)
        part.enter(State.SERVING)
        async with taking_connections(app, runner, listener):
            yield True
            part.enter(State.DRAINING)
    finally:
        told.cancel()
        await runner.cleanup()


@asynccontextmanager
async def taking_connections(
    app: web.Application, runner: web.AppRunner, listener: socket.socket
) -> AsyncIterator[None]:
    """THE place where the listener is given to whoever serves it, for every kind of process.

    ``runner`` is set up. On leaving, what runs gets ``shutdown_s`` seconds to end: OCSP's connections here,
    aiohttp's by ``runner.cleanup()``.
    """
    settings = app[SETTINGS]
    async with (
        following_tls(TlsFiles.of(settings), app[LOG], settings.tls_check_s) as tls,
        serving_ocsp(app[FACE], runner, listener, tls=tls) as server,
    ):
        yield
        await server.drain(settings.shutdown_s)


async def until_stopped(app: web.Application, stop: asyncio.Event) -> None:
    """Answer until told to stop; readiness goes first, connections ``unready_s`` seconds later."""
    await stop.wait()
    if not app[PLACE].supervised:
        app[PLACE].shared.say_stopping()
        await asyncio.sleep(app[SETTINGS].unready_s)
