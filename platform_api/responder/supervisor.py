"""``jpki responder --workers N``: the process above the workers. It reads the files, and answers no request.

It numbers each world that the files come to, lays its set where the workers map it, tells them, and raises
the serving word when they have it. So one state of the files is one number for everybody, whoever starts
when; what is refused is refused here, once, and no worker ever hears of it.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web

from platform_api.logs import LibraryMessages, failure, make_log, take_over_logging
from platform_api.responder.admin import create_admin
from platform_api.responder.applications import SHUTDOWN_S, set_up
from platform_api.responder.beside import beside
from platform_api.responder.follow import Follower
from platform_api.responder.handed import handed
from platform_api.responder.process import BACKLOG, LOOK_S
from platform_api.responder.wanted import ready_record, refused_record
from platform_api.workers.crew import Crew
from platform_api.workers.order import Launch
from platform_api.workers.shared import Shared

if TYPE_CHECKING:
    from platform_api.listening import SharedPort
    from platform_api.logs import Log
    from platform_api.responder.room import Room
    from platform_api.responder.wanted import Say, Wanted
    from platform_api.responder.world import World
    from revocation.errors import RevocationError

#: Seconds that the others wait for a worker that cannot open a new set; then it answers tryLater.
_FLIP_WAIT_S: Final = 5.0


async def supervise(
    stop: asyncio.Event,
    wanted: Wanted,
    world: World,
    room: Room,
    port: SharedPort,
    admin: socket.socket | None,
    say: Say,
) -> None:
    """Until told to stop; then readiness goes first, and the workers drain."""
    log = make_log()
    take_over_logging(LibraryMessages(log, lambda: None))

    def told(error: RevocationError) -> None:
        say(refused_record(error))

    worlds = Follower(wanted.given, wanted.clock, world, told, room=room)
    shared = Shared.make(wanted.workers)
    async with AsyncExitStack() as opened:
        opened.callback(shared.close_descriptor)
        crew = Crew(_launch(wanted), shared, port, log)
        crew.tell(handed(world, room))
        if admin is not None:
            operators = await opened.enter_async_context(
                set_up(create_admin(worlds, wanted.clock, shared, crew))
            )
            await web.SockSite(operators, admin, backlog=BACKLOG).start()
        if not await _begun(opened, crew, stop):
            return
        admin_port = None if admin is None else admin.getsockname()[1]
        say(ready_record(worlds, wanted, port=port.port, admin_port=admin_port))
        # The word rises once for each world, whoever was started again meanwhile.
        # Later, so that a reader of ours who is gone disturbs nobody.
        loop = asyncio.get_running_loop()
        crew.on_rise = lambda _: loop.call_soon(say, {"responder": "reloaded"})
        following = asyncio.create_task(_follow(worlds, crew, room, log))
        try:
            await stop.wait()
            shared.say_stopping()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            crew.on_rise = None


def _launch(wanted: Wanted) -> Launch:
    given = {"anonymous": wanted.anonymous, "at": wanted.at}
    return Launch("platform_api.responder.worker", given, shutdown_s=SHUTDOWN_S, flip_wait_s=_FLIP_WAIT_S)


async def _begun(opened: AsyncExitStack, crew: Crew, stop: asyncio.Event) -> bool:
    """All workers ready; False when told to stop before. Raises what kept one from starting."""
    starting = asyncio.ensure_future(opened.enter_async_context(crew.running()))
    told = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        if not starting.done():
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
    if starting.cancelled():
        return False
    starting.result()
    return True


async def _follow(worlds: Follower, crew: Crew, room: Room, log: Log) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            if await beside(worlds.look):
                world = worlds.current
                crew.tell(handed(world, room))
                await asyncio.to_thread(room.tidy, world.snapshot.seq)
        except Exception as error:  # a fault of ours in reading a file ends no answers from those in hand
            _log_failure(log, error)


def _log_failure(log: Log, error: Exception) -> None:
    log.error("component.failed", component="follow", **failure(error))
