"""Signatures that take long (RSA, P-384, a token), made beside the event loop in a bounded number.

OpenSSL gives the lock away while it signs, so a thread costs the loop little. What is done is handed back in
one wake-up for as many as are done, not in one each.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

U = TypeVar("U")

_Job = tuple["asyncio.Future[Any]", Callable[..., Any], Callable[[Any], Any]]
_Done = tuple["asyncio.Future[Any]", Any, BaseException | None, Callable[[Any], Any]]


def usual_threads() -> int:
    """As many as this process may use cores, two at most: more processes are the way to more."""
    return min(2, len(os.sched_getaffinity(0)))


#: So many signatures are handed back in one wake-up while more wait.
_GATHERED: Final = 4


class SigningThreads:
    """``threads`` of them, started when the first is needed; ``most_waiting`` signatures wait at most."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, threads: int, most_waiting: int) -> None:
        self._loop: Final = loop
        self._count: Final = threads
        self._most_waiting: Final = most_waiting
        self._jobs: Final[queue.SimpleQueue[_Job | None]] = queue.SimpleQueue()
        self._done: Final[deque[_Done]] = deque()
        self._told = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._closed = False

    def submit(self, sign: Callable[[], T], then: Callable[[T], U]) -> asyncio.Future[U] | None:
        """What ``then`` makes, on the loop, of what ``sign`` gave in a thread; None where too many wait
        already. Called on the loop."""
        if self._closed or self._waiting >= self._most_waiting:
            return None
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._work, name=f"signing-{number}", daemon=True)
                for number in range(self._count)
            ]
            for thread in self._threads:
                thread.start()
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting += 1
        self._jobs.put((future, sign, then))
        return cast("asyncio.Future[U]", future)

    def close(self) -> None:
        """No more is taken; threads end after what they have. Blocks for the time of one signature each."""
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, sign, then = job
            try:
                done: _Done = (future, sign(), None, then)
            except BaseException as error:
                done = (future, None, error, then)
            self._done.append(done)
            # Waking the loop for each costs a tenth of a signature: while there is more to sign, some are
            # gathered, and whoever signs the last of all tells the loop.
            if len(self._done) >= _GATHERED or self._jobs.empty():
                self._tell()
        self._tell()

    def _tell(self) -> None:
        """Where the loop has been told of earlier ones already, it will see the later ones as well."""
        if self._told.acquire(blocking=False):
            # A closed loop: nobody waits any more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._hand_back)

    def _hand_back(self) -> None:
        self._told.release()
        while self._done:
            future, result, error, then = self._done.popleft()
            self._waiting -= 1
            if future.cancelled():
                continue
            if error is not None:
                future.set_exception(error)
                continue
            try:
                future.set_result(then(result))
            except Exception as failed:
                future.set_exception(failed)
