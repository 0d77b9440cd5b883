"""``jpki serve --workers N``: the process above the workers. It answers no request and opens no set.

It holds the folder and the port, runs the embedded database, makes the keys at the first start, raises the
serving word, and starts a worker again that ends. Killed, it takes the workers with it (``worker.py``).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from platform_api.clock import service_clock
from platform_api.db.database import open_database
from platform_api.key_set import open_keys
from platform_api.logs import LibraryMessages, make_log, take_over_logging
from platform_api.ready_line import say_ready
from platform_api.workers.admin import administered
from platform_api.workers.crew import Crew
from platform_api.workers.order import Launch
from platform_api.workers.shared import Shared

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.listening import SharedPort
    from platform_api.logs import Log


async def supervise(stop: asyncio.Event, settings: Settings, port: SharedPort) -> None:
    """Until told to stop: readiness goes first, then the workers drain, then the database stops."""
    log = make_log()
    take_over_logging(LibraryMessages(log, lambda: None))
    shared = Shared.make(settings.workers)
    async with AsyncExitStack() as held:
        held.callback(shared.close_descriptor)
        starting = asyncio.ensure_future(_start(held, settings, shared, port, log))
        told = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
        if not starting.done():
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
            return
        say_ready(log, port=port.port, admin_port=starting.result())
        await stop.wait()
        log.info("serve.stopping")
        shared.say_stopping()
        await asyncio.sleep(settings.unready_s)
    log.info("serve.stopped")


async def _start(
    held: AsyncExitStack, settings: Settings, shared: Shared, port: SharedPort, log: Log
) -> int | None:
    """Everything into ``held``, in this order; the port of metrics and health, where there is one."""
    url = settings.sandbox_url if settings.mode == "sandbox" else None
    clock = await held.enter_async_context(service_clock(url, log=log))
    # Made here, at the first start, and read by each worker for itself.
    await asyncio.to_thread(open_keys, settings.keys_dir, now=clock.now())
    await held.enter_async_context(
        open_database(
            data_dir=settings.data_dir,
            clock=clock,
            dsn=settings.dsn,
            owner_dsn=settings.owner_dsn,
            detector_dsn=settings.detector_dsn,
        )
    )
    launch = Launch(
        "platform_api.workers.worker",
        settings.model_dump(),
        shutdown_s=settings.shutdown_s,
        flip_wait_s=settings.snapshot_flip_wait_s,
    )
    crew = Crew(launch, shared, port, log)
    admin_port = await held.enter_async_context(
        administered(settings.admin_host, settings.admin_port, crew, shared)
    )
    await held.enter_async_context(crew.running())
    return admin_port
