"""``python -m platform_api.responder.worker``: one of several that answer as one; never started by hand.

It makes its worlds of the supervisor's copies of the files, under the supervisor's numbers, and answers from
one when the word that all share has its number.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

import orjson
import uvloop

from platform_api.logs import LibraryMessages, failure, make_log, take_over_logging
from platform_api.ocsp.server import serving_ocsp
from platform_api.responder.applications import SHUTDOWN_S, set_up
from platform_api.responder.beside import beside
from platform_api.responder.bundle import given_of
from platform_api.responder.live import Live, living
from platform_api.responder.routes import create_app
from platform_api.responder.world import World, load
from platform_api.workers.control import Channel, refusal_record
from platform_api.workers.counts import Count
from platform_api.workers.layout import State
from platform_api.workers.place import Place
from platform_api.workers.shared import Shared
from platform_api.workers.tied import end_with
from revocation.clock import Clock, FixedClock, SystemClock, moment_of
from revocation.errors import RevocationError
from revocation.exits import DONE, OWN_FAULT

if TYPE_CHECKING:
    from platform_api.logs import Log


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker reads from its standard input."""

    index: int
    anonymous: bool
    #: Of ``--at``; None for the machine's clock.
    at: str | None
    #: Seconds to wait for others' newer set before it begins.
    wait_s: float
    number: int
    given: dict[str, Any]
    supervisor: int
    shared: int
    listener: int
    control: int

    def write(self, pipe: IO[bytes]) -> None:
        pipe.write(orjson.dumps(asdict(self)))

    @classmethod
    def read(cls, pipe: IO[bytes]) -> Order:
        return cls(**orjson.loads(pipe.read()))


def main() -> int:
    order = Order.read(sys.stdin.buffer)
    end_with(order.supervisor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(order))


async def _work(order: Order) -> int:
    """Take connections until told to stop by SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    channel = await Channel.over(socket.socket(fileno=order.control))
    log = make_log()
    clock: Clock = SystemClock() if order.at is None else FixedClock(moment_of(order.at))
    place = Place.worker(Shared.inherited(order.shared), order.index, tell=lambda: channel.send("prepared"))
    take_over_logging(LibraryMessages(log, lambda: place.part.add(Count.HTTP_MALFORMED)))
    try:
        world = await _made(order.number, order.given, clock)
        with socket.socket(fileno=order.listener) as listener:
            async with living(world, clock, log, anonymous=order.anonymous, place=place) as live:
                obeying = asyncio.create_task(_obey(channel, live, clock, log))
                try:
                    # What is behind the others had better not begin.
                    await live.snapshots.wait_newer(place.shared.serving - 1, order.wait_s)
                    place.part.enter(State.SERVING)
                    async with (
                        set_up(create_app(live.ordinary, log)) as clients,
                        serving_ocsp(live.face, clients, listener) as server,
                    ):
                        channel.send("ready")
                        await stop.wait()
                        place.part.enter(State.DRAINING)
                        await server.drain(SHUTDOWN_S)
                finally:
                    obeying.cancel()
    except RevocationError as error:
        record = refusal_record(error)
        channel.send("refused", **record)
        return int(record["exit_code"])
    finally:
        await channel.close()
    return DONE


async def _made(number: int, record: dict[str, Any], clock: Clock) -> World:
    return await beside(lambda: load(given_of(record), clock, number=number))


async def _obey(channel: Channel, live: Live, clock: Clock, log: Log) -> None:
    making: set[asyncio.Task[None]] = set()
    while (message := await channel.receive()) is not None:
        if message["say"] == "flip":
            live.snapshots.flip()
        elif message["say"] == "world":  # beside it: a large list takes long, and a flip does not wait for it
            made = asyncio.create_task(_next(live, message["number"], message["given"], clock, log))
            making.add(made)
            made.add_done_callback(making.discard)
    # The supervisor is gone; the kernel is about to say so with SIGKILL.
    os._exit(OWN_FAULT)


async def _next(live: Live, number: int, record: dict[str, Any], clock: Clock, log: Log) -> None:
    """A worker that cannot make a world is behind the others then, and answers tryLater."""
    try:
        await live.adopt(await _made(number, record, clock))
    except Exception as error:
        _log_failure(log, error)


def _log_failure(log: Log, error: Exception) -> None:
    log.error("component.failed", component="follow", **failure(error))


if __name__ == "__main__":
    sys.exit(main())
