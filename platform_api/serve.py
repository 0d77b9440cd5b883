"""``jpki serve``: run the service until it is told to stop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvloop

from platform_api.answering import answering, until_stopped
from platform_api.app import create_app
from platform_api.db.cluster_folder import ClusterFolder
from platform_api.faults import AlreadyRunning
from platform_api.keys import LOG, METRICS
from platform_api.listening import listening, sharing
from platform_api.logs import LibraryMessages, take_over_logging
from platform_api.ready_line import say_ready
from platform_api.workers.supervisor import supervise
from revocation.exits import DONE

if TYPE_CHECKING:
    import socket

    from platform_api.config import Settings


def run(settings: Settings) -> int:
    """Serve on uvloop; the exit code is ``DONE`` after SIGTERM or SIGINT. Errors carry the others."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
    return DONE


async def serve(settings: Settings) -> None:
    """Open everything, say on standard output that it listens, close everything when told to stop.

    Folder and port are taken before anything else, so that a second instance leaves no trace.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        with _folder(settings):
            if settings.workers == 1:
                with listening(settings) as listener:
                    await _alone(stop, settings, listener)
            else:
                with sharing(settings) as port:
                    await supervise(stop, settings, port)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _alone(stop: asyncio.Event, settings: Settings, listener: socket.socket) -> None:
    app = create_app(settings)
    log = app[LOG]
    take_over_logging(LibraryMessages(log, app[METRICS].request_malformed))
    async with answering(app, listener, stop) as ready:
        if not ready:
            return  # told to stop while starting
        say_ready(log, port=listener.getsockname()[1])
        await until_stopped(app, stop)
        log.info("serve.stopping")
    log.info("serve.stopped")


@contextmanager
def _folder(settings: Settings) -> Iterator[None]:
    """One ``serve`` for a data folder; the lock goes with the process, however it ends."""
    ClusterFolder(settings.data_dir).make()
    descriptor = os.open(settings.run_dir / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                "SERVE_RUNNING",
                expected="no other jpki serve on this data folder",
                got=f"one that holds {settings.run_dir / 'serve.lock'}",
                remedy="stop it first, or give this one another folder with --data",
            ) from None
        yield
    finally:
        os.close(descriptor)
