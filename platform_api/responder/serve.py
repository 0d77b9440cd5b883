"""Run the stand-alone responder until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import uvloop
from aiohttp import web

from platform_api.listening import Address
from platform_api.logs import LibraryMessages, failure, make_log, take_over_logging
from platform_api.ocsp.server import serving_ocsp
from platform_api.responder.admin import create_admin, readiness
from platform_api.responder.applications import SHUTDOWN_S, set_up
from platform_api.responder.beside import beside
from platform_api.responder.follow import Follower
from platform_api.responder.given import Given
from platform_api.responder.live import Live, living
from platform_api.responder.routes import create_app
from platform_api.responder.world import World, load
from platform_api.workers.counts import Count
from revocation.clock import Clock
from revocation.errors import RevocationError
from revocation.exits import DONE, error_record, exit_code_of

if TYPE_CHECKING:
    from platform_api.logs import Log

_BACKLOG: Final = 1024
#: Seconds between two looks at the files.
LOOK_S: Final = 1.0

#: One object each: ready, reloaded, refused; whoever is told prints it.
Say = Callable[[dict[str, Any]], None]


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
    #: Processes that answer as one.
    workers: int = 1


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
        if wanted.workers > 1:
            from platform_api.responder.supervisor import supervise

            await supervise(stop, wanted, say)
            return
        async with AsyncExitStack() as opened:
            # The ports first: a second instance ends before it has read anything.
            listener = opened.enter_context(Address.of(wanted.host, wanted.port).bind())
            admin = None
            if wanted.admin_port is not None:
                admin = opened.enter_context(Address.of("127.0.0.1", wanted.admin_port).bind())
            loading = beside(lambda: load(wanted.given, wanted.clock))
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
    log = make_log()

    def told(error: RevocationError) -> None:
        say(refused_record(error))

    worlds = Follower(wanted.given, wanted.clock, world, told)
    async with AsyncExitStack() as opened:
        live = await opened.enter_async_context(living(world, wanted.clock, log, anonymous=wanted.anonymous))
        part = live.place.part
        take_over_logging(LibraryMessages(log, lambda: part.add(Count.HTTP_MALFORMED)))
        if admin is not None:
            operators = await opened.enter_async_context(
                set_up(create_admin(worlds, wanted.clock, live.place.shared))
            )
            await web.SockSite(operators, admin, backlog=_BACKLOG).start()
        clients = await opened.enter_async_context(set_up(create_app(live.ordinary, log)))
        server = await opened.enter_async_context(serving_ocsp(live.face, clients, listener))
        say(
            ready_record(
                worlds,
                wanted,
                port=listener.getsockname()[1],
                admin_port=None if admin is None else admin.getsockname()[1],
            )
        )
        following = asyncio.create_task(_follow(worlds, live, log, say))
        try:
            await stop.wait()
            await server.drain(SHUTDOWN_S)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _follow(worlds: Follower, live: Live, log: Log, say: Say) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            if await beside(worlds.look):
                await live.adopt(worlds.current)
                say({"responder": "reloaded"})
        except Exception as error:  # a fault of ours in reading a file ends no answers from those in hand
            _log_failure(log, error)


def _log_failure(log: Log, error: Exception) -> None:
    log.error("component.failed", component="follow", **failure(error))


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
