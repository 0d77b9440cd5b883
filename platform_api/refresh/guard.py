"""One refresh per data folder, and its end: told to stop, it ends between two registrations.

A second signal cancels it where it stands. Nothing is half-made by that either: a question on its way is
asked again when its lease is over.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from platform_api.faults import AlreadyRunning, SetupRefused
from platform_api.threads import to_the_end

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@asynccontextmanager
async def one_refresh(run_dir: Path) -> AsyncIterator[asyncio.Event]:
    """Hold ``run/refresh.lock``; the event is set when somebody says stop. ``AlreadyRunning`` while another
    refresh or worker holds it."""
    stop = asyncio.Event()
    # Signals first: whoever sees the lock held may send one.
    with _told(stop):
        descriptor = await to_the_end(_taken, run_dir)
        try:
            yield stop
        finally:
            os.close(descriptor)


def _taken(run_dir: Path) -> int:
    try:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(run_dir / "refresh.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupRefused(
            "FOLDER_NOT_WRITABLE",
            expected="a data folder that this user may write to",
            got=os.strerror(error.errno or 0),
            remedy="name another folder with --data, or correct its owner",
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning(
            "REFRESH_RUNNING",
            expected="no other jpki refresh or jpki worker on this data folder",
            got="one that is running",
            remedy="wait for it to end, or stop it",
        ) from None
    return descriptor


@contextmanager
def _told(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("expected to run in a task")

    def end() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in _SIGNALS:
            with suppress(ValueError):
                loop.remove_signal_handler(number)
