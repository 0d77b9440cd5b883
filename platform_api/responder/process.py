"""What every process of the stand-alone responder does alike: threads for files, an application for HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from aiohttp import web

from platform_api.logs import Dropped, LibraryMessages, make_log, take_over_logging
from platform_api.workers.counts import Count

if TYPE_CHECKING:
    from platform_api.logs import Log
    from platform_api.workers.part import Part

_KEEPALIVE_S: Final = 60.0
BACKLOG: Final = 1024
#: Seconds between two looks at the files.
LOOK_S: Final = 1.0
#: Seconds that running requests get at the end.
SHUTDOWN_S: Final = 5.0

Result = TypeVar("Result")


def beside(call: Callable[[], Result]) -> asyncio.Future[Result]:
    """In a thread that nobody waits for when this process is told to stop: a large list takes long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not done.done():
            set_it()

    def work() -> None:
        try:
            result = call()
            ended = partial(settle, partial(done.set_result, result))
        except BaseException as error:
            ended = partial(settle, partial(done.set_exception, error))
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            loop.call_soon_threadsafe(ended)

    threading.Thread(target=work, daemon=True, name="jpki-files").start()
    return done


def begin_log(worker: int | None = None) -> tuple[Log, Dropped]:
    """Of this process, and what it keeps out; ``take_messages`` says where that is counted."""
    dropped = Dropped()
    return make_log(dropped=dropped, worker=worker), dropped


def take_messages(log: Log, dropped: Dropped, part: Part) -> None:
    """What libraries log goes to ours; what is no HTTP, and what may not be logged, is counted."""
    dropped.count_in(part.counts[Count.LOG_DROPPED : Count.LOG_DROPPED + 1])
    take_over_logging(LibraryMessages(log, lambda: part.add(Count.HTTP_MALFORMED)))


@asynccontextmanager
async def set_up(app: web.Application) -> AsyncIterator[web.AppRunner]:
    """The application, ready for a socket; at the end running requests get some seconds."""
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        keepalive_timeout=_KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
    )
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()
