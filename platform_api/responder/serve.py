"""Run the stand-alone responder until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import uvloop
from aiohttp import web

from platform_api.faults import AlreadyRunning, SetupRefused
from platform_api.logs import LibraryMessages, failure, make_log, take_over_logging
from platform_api.responder.admin import Counters, create_admin, readiness
from platform_api.responder.follow import Follower
from platform_api.responder.given import Given
from platform_api.responder.routes import Face, create_app
from platform_api.responder.world import World, load
from revocation.clock import Clock
from revocation.errors import RevocationError
from revocation.exits import DONE, error_record, exit_code_of

if TYPE_CHECKING:
    from platform_api.logs import Log

_BACKLOG: Final = 1024
_KEEPALIVE_S: Final = 60.0
_SHUTDOWN_S: Final = 5.0
#: Seconds between two looks at the files.
LOOK_S: Final = 1.0

#: One object each: ready, reloaded, refused; whoever is told prints it.
Say = Callable[[dict[str, Any]], None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    given: Given
    host: str
    port: int
    admin_port: int | None
    #: Everybody may ask, and every cache may keep the answers.
    anonymous: bool
    clock: Clock


def run(wanted: Wanted, say: Say) -> int:
    """Serve on uvloop; ``DONE`` after SIGTERM or SIGINT. Errors carry the other exit codes."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(wanted, say))
    return DONE


async def _serve(wanted: Wanted, say: Say) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with AsyncExitStack() as opened:
            # The ports first: a second instance ends before it has read anything.
            listener = opened.enter_context(_listening(wanted.host, wanted.port))
            admin = (
                None
                if wanted.admin_port is None
                else opened.enter_context(_listening("127.0.0.1", wanted.admin_port))
            )
            loading = _beside(lambda: load(wanted.given, wanted.clock))
            told = asyncio.ensure_future(stop.wait())
            await asyncio.wait((loading, told), return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if not loading.done():
                loading.cancel()
                return  # told to stop while starting
            await _until(stop, wanted, loading.result(), listener, admin, say)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _until(
    stop: asyncio.Event,
    wanted: Wanted,
    world: World,
    listener: socket.socket,
    admin: socket.socket | None,
    say: Say,
) -> None:
    log, counters = make_log(), Counters()
    take_over_logging(LibraryMessages(log, lambda: counters.answered("malformed_http")))

    def told(what: World | RevocationError) -> None:
        say(refused_record(what) if isinstance(what, RevocationError) else {"responder": "reloaded"})

    worlds = Follower(wanted.given, wanted.clock, world, told)
    counters.follow(worlds, wanted.clock)
    face = Face(worlds, wanted.clock, counters, log, wanted.anonymous)
    async with AsyncExitStack() as opened:
        if admin is not None:
            await opened.enter_async_context(serving(create_admin(worlds, wanted.clock, counters), admin))
        # The one place where the clients' side is opened.
        await opened.enter_async_context(serving(create_app(face), listener))
        say(
            ready_record(
                worlds,
                wanted,
                port=listener.getsockname()[1],
                admin_port=None if admin is None else admin.getsockname()[1],
            )
        )
        following = asyncio.create_task(_follow(worlds, log))
        try:
            await stop.wait()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _follow(worlds: Follower, log: Log) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            await _beside(worlds.look)
        except Exception as error:  # a fault of ours in reading a file ends no answers from those in hand
            _log_failure(log, error)


def _log_failure(log: Log, error: Exception) -> None:
    log.error("component.failed", component="follow", **failure(error))


def _beside(call: Callable[[], Result]) -> asyncio.Future[Result]:
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


@asynccontextmanager
async def serving(app: web.Application, listener: socket.socket) -> AsyncIterator[None]:
    """The application on a bound socket; at the end running requests get some seconds."""
    runner = web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        keepalive_timeout=_KEEPALIVE_S,
        shutdown_timeout=_SHUTDOWN_S,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        yield
    finally:
        await runner.cleanup()


def ready_record(worlds: Follower, wanted: Wanted, *, port: int, admin_port: int | None) -> dict[str, Any]:
    """What the ready line says of each CA."""
    state = readiness(worlds, wanted.clock)
    return {
        "responder": "ready",
        "port": port,
        "admin_port": admin_port,
        "anonymous": wanted.anonymous,
        "cas": [
            {
                "ca": said.ca_id,
                "lists": said.lists,
                "entries": said.entries,
                "signer": str(said.trust),
                "unlisted": "good" if said.whole else "not answered",
                "in_force": said.ca_id not in state["not_in_force"],
                "next_update": _text(said.next_update),
            }
            for said in worlds.current.cas
        ],
    }


def refused_record(error: RevocationError) -> dict[str, Any]:
    """Of changed files that were not taken; the responder goes on with those in hand."""
    return {"responder": "refused", **error_record(error, exit_code_of(error))}


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError:
        raise _address_refused(host, port, "one that is not this machine's") from None
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as failed:
            if failed.errno == errno.EADDRINUSE:
                raise AlreadyRunning(
                    "PORT_IN_USE",
                    expected=f"port {port} of {host} to be free",
                    got="another process on it",
                    remedy="stop that process, or choose another port (0 takes a free one)",
                ) from None
            raise _address_refused(host, port, errno.errorcode.get(failed.errno or 0, "an error")) from None
        yield listener


def _address_refused(host: str, port: int, got: str) -> SetupRefused:
    return SetupRefused(
        "ADDRESS_REFUSED",
        expected=f"an address and port to listen on, not {host}:{port}",
        got=got,
        remedy="correct --host and the ports (those below 1024 need rights)",
    )
