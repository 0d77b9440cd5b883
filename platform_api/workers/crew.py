"""All workers of one supervisor: kept alive, moved to a new set together, stopped together."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from platform_api.logs import failure
from platform_api.workers.layout import Slot, State
from platform_api.workers.process import WorkerProcess
from platform_api.workers.serving import FlipRule
from revocation.errors import OwnFault, RevocationError

if TYPE_CHECKING:
    from platform_api.listening import SharedPort
    from platform_api.logs import Log
    from platform_api.workers.order import Launch
    from platform_api.workers.shared import Shared

#: What a worker may need beside ``shutdown_s`` to close its database connections and everything else.
_CLOSING_S: Final = 12.0
_FIRST_DELAY_S: Final = 0.1
_MOST_DELAY_S: Final = 30.0
#: A worker that lived this long had started well: the next delay is the first one again.
_STEADY_S: Final = 60.0
#: How often the rule is asked again while somebody waits for a laggard, of its patience.
_PATIENCE_PARTS: Final = 20


class Crew:
    """The workers by index; ``running`` starts and stops them."""

    def __init__(self, launch: Launch, shared: Shared, port: SharedPort, log: Log) -> None:
        self._launch = launch
        self._shared = shared
        self._port = port
        self._log = log
        self._rule = FlipRule(launch.flip_wait_s)
        self._again: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._all = asyncio.Event()
        #: Each was ready once: from now on one that ends is started again instead of ending everything.
        self._begun = False
        self._living: dict[int, WorkerProcess] = {}
        self._news: Mapping[str, Any] | None = None
        #: Told of each new value of the serving word.
        self.on_rise: Callable[[int], object] | None = None

    @property
    def ready(self) -> tuple[WorkerProcess, ...]:
        """Those who take connections."""
        return tuple(worker for worker in self._living.values() if worker.ready.is_set())

    def tell(self, news: Mapping[str, Any]) -> None:
        """JSON values to every worker, and to each that starts from now on: the newest ones alone."""
        self._news = news
        for worker in self._living.values():
            worker.tell(news)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All of them ready; a worker that cannot start ends it with its own error."""
        keeping = [asyncio.create_task(self._keep(index)) for index in range(self._shared.workers)]
        try:
            await self._all_ready(keeping)
            yield
        finally:
            await self._stop(keeping)

    async def _all_ready(self, keeping: list[asyncio.Task[None]]) -> None:
        all_ready = asyncio.create_task(self._all.wait())
        try:
            await asyncio.wait({all_ready, *keeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            all_ready.cancel()
        for task in keeping:
            if task.done():
                task.result()  # raises what kept it from starting
        self._begun = True

    async def _keep(self, index: int) -> None:
        """Start worker ``index``, again whenever it ends, until we stop."""
        loop = asyncio.get_running_loop()
        delay_s = _FIRST_DELAY_S
        while not self._stopping.is_set():
            begun = loop.time()
            try:
                status, code = await self._one_life(index)
            except (OSError, RevocationError) as error:  # no process to be had, say: tried again
                if not self._begun:
                    raise
                self._log.error("component.failed", component="worker", **failure(error))
            else:
                if self._stopping.is_set():
                    return
                self._log.error("worker.ended", worker=index, status=status, code=code)
            delay_s = _FIRST_DELAY_S if loop.time() - begun > _STEADY_S else delay_s
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
            delay_s = min(delay_s * 2, _MOST_DELAY_S)

    async def _one_life(self, index: int) -> tuple[int, str | None]:
        """Exit status and the code of what kept it from starting. Before all have begun that is raised."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        worker = await WorkerProcess.spawn(index, self._launch, self._shared, self._port, self._advance)
        self._living[index] = worker
        if self._news is not None:
            worker.tell(self._news)
        if self._stopping.is_set():
            worker.end(signal.SIGTERM)
        started = asyncio.create_task(self._say_started(index, worker, begun))
        try:
            status = await worker.ended()
        finally:
            started.cancel()
            del self._living[index]
        # Its process is gone: nobody else writes there now. What it counted stays.
        self._shared.slot(index)[Slot.STATE] = State.NONE
        self._advance()
        if not self._begun and not self._stopping.is_set():
            raise worker.refusal or OwnFault(
                "WORKER_ENDED",
                expected=f"worker {index} to start",
                got=f"its end with status {status}",
                remedy="read what it wrote to standard error",
            )
        return status, None if worker.refusal is None else worker.refusal.code

    async def _say_started(self, index: int, worker: WorkerProcess, begun: float) -> None:
        await worker.ready.wait()
        ms = round((asyncio.get_running_loop().time() - begun) * 1000)
        self._log.info("worker.started", worker=index, ms=ms)
        if len(self.ready) == self._shared.workers:
            self._all.set()

    def _advance(self) -> None:
        """Raise the serving word as far as the rule allows; the only place that does."""
        loop = asyncio.get_running_loop()
        slots = [self._shared.slot(index) for index in self._living]
        answering = [slot[Slot.PREPARED_SEQ] for slot in slots if slot[Slot.STATE] > State.STARTING]
        starting = [slot[Slot.PREPARED_SEQ] for slot in slots if slot[Slot.STATE] == State.STARTING]
        risen = self._rule.decide(self._shared.serving, answering, starting, loop.time())
        if self._shared.advance(risen):
            for worker in self._living.values():
                worker.flip()
            if self.on_rise is not None:
                self.on_rise(risen)
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._rule.waits and not self._stopping.is_set():
            part_s = self._launch.flip_wait_s / _PATIENCE_PARTS
            self._again = loop.call_later(part_s, self._advance)

    async def _stop(self, keeping: list[asyncio.Task[None]]) -> None:
        """SIGTERM to all, their time to drain and to close, then SIGKILL to those who are left."""
        self._stopping.set()
        for worker in tuple(self._living.values()):
            worker.end(signal.SIGTERM)
        # ``shutdown_s`` for OCSP's connections, then as much for aiohttp's (``answering``).
        _, late = await asyncio.wait(keeping, timeout=2 * self._launch.shutdown_s + _CLOSING_S)
        if late:
            for worker in tuple(self._living.values()):
                worker.end(signal.SIGKILL)
            await asyncio.wait(keeping)
        if self._again is not None:
            self._again.cancel()
        for task in keeping:  # read, so that nobody reports it as forgotten
            if not task.cancelled():
                task.exception()
