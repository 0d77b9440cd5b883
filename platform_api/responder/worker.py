"""``python -m platform_api.responder.worker``: one worker, started by ``supervisor`` and never by hand.

It answers as a process that is alone does, from worlds that it is told of; it reads no file of the user's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from platform_api.logs import failure
from platform_api.ocsp.server import serving_ocsp
from platform_api.responder.applications import SHUTDOWN_S, set_up
from platform_api.responder.beside import beside
from platform_api.responder.handed import opened
from platform_api.responder.live import Live, living
from platform_api.responder.process import begin_log, take_messages
from platform_api.responder.routes import create_app
from platform_api.workers.layout import State
from platform_api.workers.post import Post, man
from revocation.clock import FixedClock, SystemClock, moment_of

if TYPE_CHECKING:
    from platform_api.logs import Log

#: Seconds after which a set that could not be opened is tried again, where no newer one has come.
_AGAIN_S: Final = 5.0
#: Seconds between two looks whether we may begin.
_BEGIN_S: Final = 1.0


async def work(post: Post) -> None:
    """Open the world that we are told of, take connections, follow, stop when told to."""
    place, at = post.place, post.given["at"]
    log, dropped = begin_log(place.part.index)
    take_messages(log, dropped, place.part)
    clock = SystemClock() if at is None else FixedClock(moment_of(at))
    world = await beside(partial(opened, await _newest(post)))
    async with AsyncExitStack() as held:
        live = await held.enter_async_context(
            living(world, clock, log, anonymous=post.given["anonymous"], place=place)
        )
        post.flip = live.snapshots.flip
        post.readiness = partial(_readiness, live)
        clients = await held.enter_async_context(set_up(create_app(live.ordinary, log, place.part)))
        following = asyncio.create_task(_follow(post, live, log))
        try:
            if not await _may_begin(post, live):
                return
            place.part.enter(State.SERVING)
            server = await held.enter_async_context(serving_ocsp(live.face, clients, post.listener))
            post.say_ready()
            await post.stop.wait()
            place.part.enter(State.DRAINING)
            await server.drain(SHUTDOWN_S)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _newest(post: Post) -> Mapping[str, Any]:
    """What was told last; waits where nothing new was."""
    news = await post.news.get()
    while not post.news.empty():
        news = post.news.get_nowait()
    return news


async def _may_begin(post: Post, live: Live) -> bool:
    """Answering from what the others answer from; False when told to stop before."""
    while not post.stop.is_set():
        found = await live.snapshots.wait_newer(max(0, post.place.shared.serving - 1), _BEGIN_S)
        if found is not None and not live.snapshots.behind:
            return True
    return False


async def _follow(post: Post, live: Live, log: Log) -> None:
    """Each world that we are told of. One that cannot be opened is tried again, until a newer one comes; the
    others wait some seconds for us, then we answer tryLater."""
    told: str | None = None
    again: Mapping[str, Any] | None = None
    while True:
        try:
            async with asyncio.timeout(None if again is None else _AGAIN_S):
                news = await _newest(post)
        except TimeoutError:
            if again is None:
                continue
            news = again
        try:
            world = await beside(partial(opened, news))
        except Exception as error:
            again, fault = news, str(error)
            if fault != told:
                _log_failure(log, error)
            told = fault
            continue
        again = told = None
        try:
            await live.adopt(world)
        except Exception as error:  # answers made beforehand are a help: without them the set is as good
            _log_failure(log, error)


def _log_failure(log: Log, error: Exception) -> None:
    log.error("component.failed", component="follow", **failure(error))


async def _readiness(live: Live) -> str:
    return orjson.dumps({"behind": live.snapshots.behind}).decode()


if __name__ == "__main__":
    sys.exit(man(work))
