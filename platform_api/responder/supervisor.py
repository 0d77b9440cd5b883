"""``jpki responder --workers N``: the process above the workers. It follows the files and answers nothing.

What it takes, its workers are given as copies under a number; the word that all share rises when all have
made a world of them. So none answers from an older list than any has answered from.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from platform_api.listening import Address, sharing
from platform_api.logs import LibraryMessages, failure, make_log, take_over_logging
from platform_api.responder.admin import create_admin
from platform_api.responder.applications import SHUTDOWN_S, set_up
from platform_api.responder.beside import beside
from platform_api.responder.bundle import Bundles, Newest
from platform_api.responder.follow import Follower
from platform_api.responder.serve import LOOK_S, Say, Wanted, ready_record, refused_record
from platform_api.responder.world import World, load
from platform_api.workers.crew import Crew
from platform_api.workers.order import Launch
from platform_api.workers.shared import Shared
from revocation.clock import FixedClock
from revocation.errors import RevocationError

if TYPE_CHECKING:
    from platform_api.logs import Log

#: Seconds that workers wait for one that cannot make a new set.
_FLIP_WAIT_S: Final = 5.0


async def supervise(stop: asyncio.Event, wanted: Wanted, say: Say) -> None:
    """Until told to stop. The port first: a second instance ends before it has read anything."""
    log = make_log()
    take_over_logging(LibraryMessages(log, lambda: None))
    async with AsyncExitStack() as opened:
        port = opened.enter_context(sharing(wanted))
        admin = None
        if wanted.admin_port is not None:
            admin = opened.enter_context(Address.of("127.0.0.1", wanted.admin_port).bind())
        shared = Shared.make(wanted.workers)
        opened.callback(shared.close_descriptor)
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="jpki-responder-"))
        bundles = Bundles(Path(folder))
        facts = wanted.given.facts()

        def first() -> World:
            return load(bundles.take(wanted.given), wanted.clock)

        world = await _unless(stop, beside(first))
        if world is None:
            return

        def told(error: RevocationError) -> None:
            say(refused_record(error))

        worlds = Follower(wanted.given, wanted.clock, world, told, take=bundles.take, facts=facts)
        if admin is not None:
            operators = await opened.enter_async_context(set_up(create_admin(worlds, wanted.clock, shared)))
            await web.SockSite(operators, admin).start()
        newest = Newest(Path(folder))

        def hand_out() -> None:
            """What was taken last: to the workers there are, and to those that are started again."""
            assert bundles.newest is not None  # noqa: S101 - the first world is made of copies
            newest.write(worlds.current.snapshot.seq, bundles.newest)

        hand_out()
        clock = wanted.clock
        at = clock.now().isoformat() if isinstance(clock, FixedClock) else None
        launch = Launch(
            "platform_api.responder.worker",
            {"folder": folder, "anonymous": wanted.anonymous, "at": at, "wait_s": _FLIP_WAIT_S},
            shutdown_s=SHUTDOWN_S,
            flip_wait_s=_FLIP_WAIT_S,
        )
        crew = Crew(launch, shared, port, log)
        await opened.enter_async_context(crew.running())
        admin_port = None if admin is None else admin.getsockname()[1]
        say(ready_record(worlds, wanted, port=port.port, admin_port=admin_port))
        following = asyncio.create_task(_follow(worlds, hand_out, shared, say, log))
        try:
            await stop.wait()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _unless(stop: asyncio.Event, loading: asyncio.Future[World]) -> World | None:
    """None where it was told to stop meanwhile."""
    told = asyncio.ensure_future(stop.wait())
    await asyncio.wait((loading, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not loading.done():
        loading.cancel()
        return None
    return loading.result()


async def _follow(worlds: Follower, hand_out: Callable[[], None], shared: Shared, say: Say, log: Log) -> None:
    waited_for = 0
    while True:
        await asyncio.sleep(LOOK_S)
        if waited_for and shared.serving >= waited_for:
            say({"responder": "reloaded"})
            waited_for = 0
        try:
            if not await beside(worlds.look):
                continue
        except Exception as error:  # a fault of ours in reading a file ends no answers from those in hand
            _log_failure(log, error)
            continue
        hand_out()
        waited_for = worlds.current.snapshot.seq


def _log_failure(log: Log, error: Exception) -> None:
    log.error("component.failed", component="follow", **failure(error))
