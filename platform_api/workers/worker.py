"""``python -m platform_api.workers.worker``: one worker, started by the supervisor and never by hand.

It is the whole service as a single process would be, on a socket of its own, with its counters and its
serving word in the memory that it inherits. It does not outlive its supervisor: the serving word would have
nobody to raise it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvloop

from platform_api.answering import answering
from platform_api.app import create_app
from platform_api.health import readiness
from platform_api.keys import LOG, METRICS, STORE
from platform_api.logs import LibraryMessages, failure, take_over_logging
from platform_api.workers.control import Channel, refusal_record
from platform_api.workers.order import Order
from platform_api.workers.place import Place
from platform_api.workers.shared import Shared
from platform_api.workers.tied import end_with
from revocation.errors import OwnFault, RevocationError
from revocation.exits import DONE, OWN_FAULT

if TYPE_CHECKING:
    from aiohttp import web


def main() -> int:
    """The exit code; why it could not start goes to the supervisor, which says it."""
    order = Order.read(sys.stdin.buffer)
    end_with(order.supervisor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work(order))


async def work(order: Order) -> int:
    """Open everything, take connections, stop when told to by SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    channel = await Channel.over(socket.socket(fileno=order.control))
    try:
        with socket.socket(fileno=order.listener) as listener:
            place = Place.worker(
                Shared.inherited(order.shared), order.index, tell=lambda: channel.send("prepared")
            )
            app = create_app(order.settings, place=place)
            take_over_logging(LibraryMessages(app[LOG], app[METRICS].request_malformed))
            obeying = asyncio.create_task(_obey(channel, app))
            try:
                async with answering(app, listener, stop) as ready:
                    if ready:
                        channel.send("ready")
                        await stop.wait()
            finally:
                obeying.cancel()
    except Exception as error:
        if os.environ.get("JPKI_TRACEBACK") == "1":
            raise
        record = refusal_record(_foreseen(error))
        channel.send("refused", **record)
        return int(record["exit_code"])
    finally:
        await channel.close()
    return DONE


async def _obey(channel: Channel, app: web.Application) -> None:
    answers: set[asyncio.Task[None]] = set()
    while (message := await channel.receive()) is not None:
        if message["say"] == "flip":
            if STORE in app:
                app[STORE].flip()
        else:  # beside it: the database may take its time, and the next flip not wait for it
            answer = asyncio.create_task(_tell(channel, app, message["what"], message["number"]))
            answers.add(answer)
            answer.add_done_callback(answers.discard)
    # The supervisor is gone; the kernel is about to say so with SIGKILL.
    os._exit(OWN_FAULT)


async def _tell(channel: Channel, app: web.Application, what: str, number: int) -> None:
    body = app[METRICS].render().decode() if what == "metrics" else (await readiness(app)).model_dump_json()
    channel.send("told", number=number, body=body)


def _foreseen(error: Exception) -> RevocationError:
    if isinstance(error, RevocationError):
        return error
    said = failure(error)
    return OwnFault(
        "UNFORESEEN",
        expected="an error that somebody foresaw",
        got=f"{said['error_type']} at {said.get('raised_at', 'a place outside of this project')}",
        remedy="run it again with JPKI_TRACEBACK=1 and report what it shows (it may hold personal data)",
    )


if __name__ == "__main__":
    sys.exit(main())
