"""A worker's side of the bargain with its supervisor, whatever it serves.

It does not outlive its supervisor: the serving word would have nobody to raise it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import uvloop

from platform_api.logs import failure
from platform_api.workers.control import Channel, refusal_record
from platform_api.workers.order import Order
from platform_api.workers.place import Place
from platform_api.workers.shared import Shared
from revocation.errors import OwnFault, RevocationError
from revocation.exits import DONE, OWN_FAULT

_PR_SET_PDEATHSIG: Final = 1


class Post:
    """What a worker has, and what it fills in so that its supervisor can ask it."""

    def __init__(self, order: Order, channel: Channel, listener: socket.socket, stop: asyncio.Event) -> None:
        self.given: Final[Mapping[str, Any]] = order.given
        #: Bound, and not listening yet.
        self.listener: Final = listener
        #: Set by SIGTERM.
        self.stop: Final = stop
        self.place: Final = Place.worker(
            Shared.inherited(order.shared), order.index, tell=lambda: channel.send("prepared")
        )
        self._channel = channel
        #: What the supervisor told (``Crew.tell``), oldest first.
        self.news: Final[asyncio.Queue[Mapping[str, Any]]] = asyncio.Queue()
        #: Called when the serving word has risen: ``CurrentSnapshot.flip``, say.
        self.flip: Callable[[], object] | None = None
        #: Prometheus text of everything.
        self.metrics: Callable[[], str] | None = None
        #: A JSON object with ``reasons`` and ``warnings``: why requests should not be sent here.
        self.readiness: Callable[[], Awaitable[str]] | None = None

    def say_ready(self) -> None:
        """Connections are taken from now on."""
        self._channel.send("ready")

    async def obey(self) -> None:
        """Until the supervisor is gone."""
        answers: set[asyncio.Task[None]] = set()
        while (message := await self._channel.receive()) is not None:
            if message["say"] == "flip":
                if self.flip is not None:
                    self.flip()
            elif message["say"] == "news":
                self.news.put_nowait(message["news"])
            else:  # beside it: the database may take its time, and the next flip not wait for it
                answer = asyncio.create_task(self._tell(message["what"], message["number"]))
                answers.add(answer)
                answer.add_done_callback(answers.discard)
        # The kernel is about to say so with SIGKILL.
        os._exit(OWN_FAULT)

    async def _tell(self, what: str, number: int) -> None:
        if what == "metrics" and self.metrics is not None:
            self._channel.send("told", number=number, body=self.metrics())
        elif what == "readiness" and self.readiness is not None:
            self._channel.send("told", number=number, body=await self.readiness())


def man(work: Callable[[Post], Awaitable[None]]) -> int:
    """The whole of a worker's process around ``work``, which ends when ``stop`` is set; the exit code.

    Why it could not start goes to the supervisor, which says it.
    """
    order = Order.read(sys.stdin.buffer)
    _end_with(order.supervisor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_manned(order, work))


def _end_with(supervisor: int) -> None:
    """Killed by the kernel as soon as the supervisor is gone, however it goes (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:  # it went before we asked
        os._exit(OWN_FAULT)


async def _manned(order: Order, work: Callable[[Post], Awaitable[None]]) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    channel = await Channel.over(socket.socket(fileno=order.control))
    try:
        with socket.socket(fileno=order.listener) as listener:
            post = Post(order, channel, listener, stop)
            obeying = asyncio.create_task(post.obey())
            try:
                await work(post)
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
