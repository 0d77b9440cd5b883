"""One night per data folder, and its clean end: nothing of it is at work any more when its lock is free.

SIGTERM and SIGINT cancel the night. What runs in a worker thread at that moment (a publish, say) cannot be
cancelled; it is waited for, so that whoever gets the lock next finds nothing that still moves.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from platform_api.faults import AlreadyRunning, SetupRefused
from platform_api.threads import CountedThreads, to_the_end
from revocation.exits import Exit

#: How long the steps at work may take to end; below systemd's 90 s, after which it kills.
PATIENCE_S: Final = 60.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@asynccontextmanager
async def one_night(run_dir: Path, *, patience_s: float = PATIENCE_S) -> AsyncIterator[None]:
    """Hold ``run/nightly.lock`` until the body has ended and the worker threads of its steps too.

    The loop's threads are ours from here on. Raises ``AlreadyRunning`` while another night holds the lock.
    """
    lock = _Lock(run_dir)
    # Signals first: whoever sees the lock held may send one, and it ends the night cleanly.
    with _cancelled_by_signals():
        threads = CountedThreads()
        asyncio.get_running_loop().set_default_executor(threads)
        try:
            await to_the_end(lock.take)
            yield
        finally:
            try:
                if not await threads.settle(patience_s):
                    _end_as_by_sigkill(patience_s)
            finally:
                lock.release()


class _Lock:
    """``nightly.lock``; it goes with the process, however it ends."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._descriptor: int | None = None

    def take(self) -> None:
        try:
            self._run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._run_dir / "nightly.lock"
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SetupRefused(
                "FOLDER_NOT_WRITABLE",
                expected="a data folder that this user may write to",
                got=os.strerror(error.errno or 0),
                remedy="name another folder with --data, or correct its owner",
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                "NIGHT_RUNNING",
                expected="no other night on this data folder",
                got="one that is running",
                remedy="wait for it to end, or stop it",
            ) from None

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


@contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """The first SIGTERM or SIGINT cancels the running task; later ones find it ending and change nothing."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("expected to run in a task")
    told = False

    def end() -> None:
        nonlocal told
        if not told:
            told = True
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in _SIGNALS:
            with suppress(ValueError):
                loop.remove_signal_handler(number)


def _end_as_by_sigkill(waited_s: float) -> None:
    """A step does not end (a disk that hangs): let the process go with it rather than free the lock first.

    Every step survives SIGKILL by design; the kernel stops a database of ours.
    """
    sys.stderr.write(
        f"jpki: interrupted; a step that did not end in {waited_s:g} s was cut off: start it again to go on\n"
    )
    sys.stderr.flush()
    os._exit(Exit.INTERRUPTED)
