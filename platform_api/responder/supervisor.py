"""``jpki responder --workers N``: the process above the workers. It follows the files and answers nothing.

What it takes, its workers are given as copies under a number; the word that all share rises when all have
made a world of them. So none answers from an older list than any has answered from.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from platform_api.listening import Address, sharing
from platform_api.logs import LibraryMessages, failure, make_log, take_over_logging
from platform_api.responder.admin import create_admin
from platform_api.responder.applications import set_up
from platform_api.responder.beside import beside
from platform_api.responder.bundle import Bundles, record_of
from platform_api.responder.follow import Follower
from platform_api.responder.serve import LOOK_S, Say, Wanted, ready_record, refused_record
from platform_api.responder.worker import Order
from platform_api.responder.world import World, load
from platform_api.workers.crew import Crew
from platform_api.workers.process import WorkerProcess
from platform_api.workers.shared import Shared
from revocation.clock import FixedClock
from revocation.errors import RevocationError

if TYPE_CHECKING:
    from platform_api.logs import Log

_COMMAND: Final = (sys.executable, "-m", "platform_api.responder.worker")


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
        handed = _Handed(wanted, bundles, world)

        async def spawn(index: int, woken: Callable[[], None]) -> WorkerProcess:
            number = handed.number
            worker = await WorkerProcess.spawn(
                _COMMAND, lambda *place: handed.order(index, *place), shared, port, woken
            )
            if handed.number != number:
                handed.tell(worker)  # taken while it was being started
            return worker

        crew = Crew(wanted, shared, spawn, log)
        await opened.enter_async_context(crew.running())
        admin_port = None if admin is None else admin.getsockname()[1]
        say(ready_record(worlds, wanted, port=port.port, admin_port=admin_port))
        following = asyncio.create_task(_follow(worlds, handed, crew, shared, say, log))
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


class _Handed:
    """What a worker that starts now is told."""

    def __init__(self, wanted: Wanted, bundles: Bundles, world: World) -> None:
        self._wanted: Final = wanted
        self._bundles: Final = bundles
        self.adopt(world)

    def adopt(self, world: World) -> None:
        """This world was made of the newest copies."""
        newest = self._bundles.newest
        assert newest is not None  # noqa: S101 - the first world is made of copies
        self.number = world.snapshot.seq
        self.given = record_of(newest)

    def tell(self, worker: WorkerProcess) -> None:
        worker.tell("world", number=self.number, given=self.given)

    def order(self, index: int, supervisor: int, shared: int, listener: int, control: int) -> Order:
        clock = self._wanted.clock
        return Order(
            index=index,
            anonymous=self._wanted.anonymous,
            at=clock.now().isoformat() if isinstance(clock, FixedClock) else None,
            wait_s=self._wanted.snapshot_flip_wait_s,
            number=self.number,
            given=self.given,
            supervisor=supervisor,
            shared=shared,
            listener=listener,
            control=control,
        )


async def _follow(worlds: Follower, handed: _Handed, crew: Crew, shared: Shared, say: Say, log: Log) -> None:
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
        handed.adopt(worlds.current)
        waited_for = handed.number
        for worker in crew.living:
            handed.tell(worker)


def _log_failure(log: Log, error: Exception) -> None:
    log.error("component.failed", component="follow", **failure(error))
