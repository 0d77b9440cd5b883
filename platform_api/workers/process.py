"""One worker as the supervisor sees it: started, listened to, asked, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from platform_api.workers.control import Channel, refusal_of
from platform_api.workers.order import Launch, Order

if TYPE_CHECKING:
    from platform_api.listening import SharedPort
    from platform_api.workers.shared import Shared
    from revocation.errors import RevocationError

_STANDARD_ERROR: Final = 2


class WorkerProcess:
    """Made by ``spawn``, from the main thread: the kernel ties the worker's life to the thread."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel, woken: Callable[[], None]) -> None:
        self._process = process
        self._channel = channel
        self._woken = woken
        self._asked: dict[int, asyncio.Future[str]] = {}
        self._questions = 0
        #: It takes connections.
        self.ready = asyncio.Event()
        #: Why it could not start, in its own words.
        self.refusal: RevocationError | None = None

    @classmethod
    async def spawn(
        cls, index: int, launch: Launch, shared: Shared, port: SharedPort, woken: Callable[[], None]
    ) -> WorkerProcess:
        """``woken``: called whenever it has prepared a set or is ready."""
        if shared.descriptor is None:
            raise AssertionError("expected memory that can be inherited")
        ours, theirs = socket.socketpair()
        with theirs, port.bind() as listener:
            inherited = (shared.descriptor, listener.fileno(), theirs.fileno())
            order = Order(launch.given, index, os.getpid(), *inherited)
            process = _begun(launch.module, order, inherited)
        return cls(process, await Channel.over(ours), woken)

    async def ended(self) -> int:
        """Listen to it until it ends; its exit code, or 128 and the number of the signal."""
        while (message := await self._channel.receive()) is not None:
            self._hear(message)
        for asked in self._asked.values():
            asked.cancel()
        await self._gone()
        await self._channel.close()
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def _hear(self, message: dict[str, Any]) -> None:
        match message["say"]:
            case "prepared":
                self._woken()
            case "ready":
                self.ready.set()
                self._woken()
            case "refused":
                self.refusal = refusal_of(message)
            case "told":
                asked = self._asked.get(message["number"])
                if asked is not None and not asked.done():
                    asked.set_result(message["body"])

    async def _gone(self) -> None:
        """Wait for the end of the process without a thread (pidfd_open(2))."""
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        descriptor = os.pidfd_open(self._process.pid)
        try:
            loop.add_reader(descriptor, gone.set)
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    async def ask(self, what: str, timeout_s: float) -> str | None:
        """Its answer to ``metrics`` or ``readiness``; None where it gives none in time."""
        self._questions += 1
        number = self._questions
        asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        try:
            self._channel.send("ask", what=what, number=number)
            async with asyncio.timeout(timeout_s):
                return await asked
        except TimeoutError:
            return None
        except asyncio.CancelledError:
            if asked.cancelled():  # it ended meanwhile; we were not the ones who were cancelled
                return None
            raise
        finally:
            del self._asked[number]

    def flip(self) -> None:
        """Tell it that the serving word has risen."""
        self._channel.send("flip")

    def tell(self, news: Mapping[str, Any]) -> None:
        """``Post.news`` there."""
        self._channel.send("news", news=news)

    def end(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)


def _begun(module: str, order: Order, inherited: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Short: the child is made by vfork(2), and its pipe holds the whole order."""
    process = subprocess.Popen(
        (sys.executable, "-m", module),
        stdin=subprocess.PIPE,
        stdout=_STANDARD_ERROR,
        pass_fds=inherited,
        process_group=0,  # its own: Ctrl-C is for the supervisor, which then stops them in order
    )
    if process.stdin is None:
        raise AssertionError("expected a pipe")
    with suppress(BrokenPipeError), process.stdin as pipe:  # ended already: ``ended`` tells how
        order.write(pipe)
    return process
