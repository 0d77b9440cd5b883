"""Blocking work in a thread that nobody waits for when the process is told to stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")


def beside(call: Callable[[], Result]) -> asyncio.Future[Result]:
    """In a thread that nobody waits for when this process is told to stop: a large list takes long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not done.done():
            set_it()

    def work() -> None:
        try:
            result = call()
            ended = partial(settle, partial(done.set_result, result))
        except BaseException as error:
            ended = partial(settle, partial(done.set_exception, error))
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            loop.call_soon_threadsafe(ended)

    threading.Thread(target=work, daemon=True, name="jpki-files").start()
    return done
