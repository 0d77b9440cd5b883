"""``jpki serve``: run the service until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

import orjson
import uvloop
from aiohttp import web

from platform_api.app import create_app
from platform_api.db.cluster_folder import ClusterFolder
from platform_api.faults import AlreadyRunning, SetupRefused
from platform_api.keys import LOG, METRICS
from platform_api.logs import LibraryMessages, take_over_logging
from platform_api.tls import TlsFiles, following_tls
from revocation.exits import DONE

if TYPE_CHECKING:
    from platform_api.config import Settings

_KEEPALIVE_S: Final = 60.0
_BACKLOG: Final = 1024
#: How long the rest of a refused body is read away before its connection is closed.
_LINGERING_S: Final = 2.0


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
        with _folder(settings), _listening(settings) as listener:
            await _until(stop, settings, listener)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _until(stop: asyncio.Event, settings: Settings, listener: socket.socket) -> None:
    app = create_app(settings)
    log = app[LOG]
    take_over_logging(LibraryMessages(log, app[METRICS].request_malformed))
    async with _running(app, settings, listener, stop) as ready:
        if not ready:
            return  # told to stop while starting
        port = listener.getsockname()[1]
        log.info("serve.started", port=port, version=_version())
        sys.stdout.write(orjson.dumps({"serve": "ready", "port": port}).decode() + "\n")
        sys.stdout.flush()
        await stop.wait()
        log.info("serve.stopping")
    log.info("serve.stopped")


@asynccontextmanager
async def _running(
    app: web.Application, settings: Settings, listener: socket.socket, stop: asyncio.Event
) -> AsyncIterator[bool]:
    """The application with its resources open; False when it was told to stop before they were."""
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
        async with following_tls(TlsFiles.of(settings), app[LOG], settings.tls_check_s) as tls:
            await web.SockSite(runner, listener, backlog=_BACKLOG, ssl_context=tls).start()
            yield True
    finally:
        told.cancel()
        await runner.cleanup()


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


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The bound socket; connections are taken only when everything is open."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError:
        raise _address_refused(settings, "one that is not this machine's") from None
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as failure:
            if failure.errno == errno.EADDRINUSE:
                raise AlreadyRunning(
                    "PORT_IN_USE",
                    expected=f"port {settings.port} of {settings.host} to be free",
                    got="another process on it",
                    remedy="stop that process, or choose another port with --port (0 takes a free one)",
                ) from None
            raise _address_refused(settings, errno.errorcode.get(failure.errno or 0, "an error")) from None
        yield listener


def _address_refused(settings: Settings, got: str) -> SetupRefused:
    return SetupRefused(
        "ADDRESS_REFUSED",
        expected=f"an address and port to listen on, not {settings.host}:{settings.port}",
        got=got,
        remedy="correct --host and --port (ports below 1024 need rights)",
    )


def _version() -> str:
    try:
        return version("jpki-status")
    except PackageNotFoundError:
        return "0"
