"""``python -m platform_api.responder.worker``: one of several that answer as one; never started by hand.

It makes its worlds of the supervisor's copies of the files, under the supervisor's numbers, and answers from
one when the word that all share has its number.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from platform_api.logs import LibraryMessages, failure, make_log, take_over_logging
from platform_api.ocsp.server import serving_ocsp
from platform_api.responder.applications import SHUTDOWN_S, set_up
from platform_api.responder.beside import beside
from platform_api.responder.bundle import Newest
from platform_api.responder.live import Live, living
from platform_api.responder.routes import create_app
from platform_api.responder.world import World, load
from platform_api.workers.counts import Count
from platform_api.workers.layout import State
from platform_api.workers.post import Post, man
from revocation.clock import Clock, FixedClock, SystemClock, moment_of

if TYPE_CHECKING:
    from platform_api.logs import Log

#: Seconds between two looks for what the supervisor has taken.
_LOOK_S = 0.2


async def work(post: Post) -> None:
    """Take connections until told to stop."""
    log = make_log()
    at = post.given["at"]
    clock: Clock = SystemClock() if at is None else FixedClock(moment_of(at))
    part = post.place.part
    take_over_logging(LibraryMessages(log, lambda: part.add(Count.HTTP_MALFORMED)))
    newest = Newest(Path(post.given["folder"]))
    world = await beside(lambda: _made(newest, clock))
    async with living(world, clock, log, anonymous=post.given["anonymous"], place=post.place) as live:
        post.flip = live.snapshots.flip
        following = asyncio.create_task(_follow(newest, live, clock, log))
        try:
            # What is behind the others had better not begin.
            await live.snapshots.wait_newer(post.place.shared.serving - 1, post.given["wait_s"])
            part.enter(State.SERVING)
            async with (
                set_up(create_app(live.ordinary, log)) as clients,
                serving_ocsp(live.face, clients, post.listener) as server,
            ):
                post.say_ready()
                await post.stop.wait()
                part.enter(State.DRAINING)
                await server.drain(SHUTDOWN_S)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def _made(newest: Newest, clock: Clock) -> World:
    number, given = newest.read()
    return load(given, clock, number=number)


async def _follow(newest: Newest, live: Live, clock: Clock, log: Log) -> None:
    """A worker that cannot make a world is behind the others then, and answers tryLater."""
    while True:
        await asyncio.sleep(_LOOK_S)
        if newest.is_unread():
            try:
                await live.adopt(await beside(lambda: _made(newest, clock)))
            except Exception as error:
                _log_failure(log, error)


def _log_failure(log: Log, error: Exception) -> None:
    log.error("component.failed", component="follow", **failure(error))


if __name__ == "__main__":
    sys.exit(man(work))
