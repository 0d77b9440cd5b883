"""Run the stand-alone responder until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

import uvloop
from aiohttp import web

from platform_api.listening import Address, sharing
from platform_api.logs import failure
from platform_api.ocsp.server import serving_ocsp
from platform_api.responder.admin import create_admin
from platform_api.responder.applications import SHUTDOWN_S, set_up
from platform_api.responder.beside import beside
from platform_api.responder.follow import Follower
from platform_api.responder.live import Live, living
from platform_api.responder.process import BACKLOG, LOOK_S, begin_log, take_messages
from platform_api.responder.room import own_room
from platform_api.responder.routes import create_app
from platform_api.responder.supervisor import supervise
from platform_api.responder.wanted import Say, Wanted, ready_record, refused_record
from platform_api.responder.world import World, load
from platform_api.workers.layout import State
from revocation.errors import RevocationError
from revocation.exits import DONE

if TYPE_CHECKING:
    from platform_api.logs import Log
    from platform_api.responder.room import Room


def run(wanted: Wanted, say: Say) -> int:
    """Serve on uvloop; ``DONE`` after SIGTERM or SIGINT. Errors carry the other exit codes."""
    with ExitStack() as held:
        room = None if wanted.workers == 1 else held.enter_context(own_room())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(wanted, room, say))
    return DONE


async def _serve(wanted: Wanted, room: Room | None, say: Say) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with AsyncExitStack() as opened:
            # The ports first: a second instance ends before it has read anything.
            if room is None:
                listener = opened.enter_context(Address.of(wanted.host, wanted.port).bind())
                admin = _admin(opened, wanted)
                world = await _loaded(stop, wanted)
                if world is not None:
                    await _until(stop, wanted, world, listener, admin, say)
            else:
                port = opened.enter_context(sharing(wanted))
                admin = _admin(opened, wanted)
                world = await _loaded(stop, wanted, room)
                if world is not None:
                    await supervise(stop, wanted, world, room, port, admin, say)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _admin(opened: AsyncExitStack, wanted: Wanted) -> socket.socket | None:
    if wanted.admin_port is None:
        return None
    return opened.enter_context(Address.of("127.0.0.1", wanted.admin_port).bind())


async def _loaded(stop: asyncio.Event, wanted: Wanted, room: Room | None = None) -> World | None:
    """The first world; None when told to stop while starting."""
    loading = beside(lambda: load(wanted.given, wanted.clock, room=room))
    told = asyncio.ensure_future(stop.wait())
    await asyncio.wait((loading, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not loading.done():
        loading.cancel()
        return None
    return loading.result()


async def _until(
    stop: asyncio.Event,
    wanted: Wanted,
    world: World,
    listener: socket.socket,
    admin: socket.socket | None,
    say: Say,
) -> None:
    log, dropped = begin_log()

    def told(error: RevocationError) -> None:
        say(refused_record(error))

    worlds = Follower(wanted.given, wanted.clock, world, told)
    async with AsyncExitStack() as opened:
        live = await opened.enter_async_context(living(world, wanted.clock, log, anonymous=wanted.anonymous))
        part = live.place.part
        take_messages(log, dropped, part)
        if admin is not None:
            operators = await opened.enter_async_context(
                set_up(create_admin(worlds, wanted.clock, live.place.shared))
            )
            await web.SockSite(operators, admin, backlog=BACKLOG).start()
        clients = await opened.enter_async_context(set_up(create_app(live.ordinary, log, part)))
        part.enter(State.SERVING)
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
            part.enter(State.DRAINING)
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
