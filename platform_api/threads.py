"""Steps in worker threads that are not left behind: a thread cannot be cancelled, only waited for.

``asyncio.to_thread`` returns to a cancelled caller at once, and the thread goes on: it may finish an
``initdb`` after the lock that protects it is free, or commit after its process said "interrupted".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")

_POLL_S: Final = 0.01


async def to_the_end(function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
    """Like ``asyncio.to_thread``, but a cancellation is passed on only when the thread is done."""
    # A future, not a task: the end of the loop, which cancels all tasks, does not part us from the thread.
    step = asyncio.get_running_loop().run_in_executor(None, partial(function, *args, **kwargs))
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        while not step.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((step,))
        if not step.cancelled():
            step.exception()  # read, so that nobody reports it as forgotten: the cancellation says enough
        raise


class CountedThreads(ThreadPoolExecutor):
    """Worker threads of which one can ask whether any is still at work."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="step")
        self._unfinished: set[Future[Any]] = set()

    def submit(self, fn: Callable[Given, Made], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Made]:
        step = super().submit(fn, *args, **kwargs)
        self._unfinished.add(step)
        step.add_done_callback(self._unfinished.discard)
        return step

    async def settle(self, patience_s: float) -> bool:
        """Wait until no step is at work and none waits to begin; False when the patience is over.

        A cancellation meanwhile is passed on after the wait, not instead of it.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        cancelled = False
        # cancel() is for those that have not begun; it changes nothing for those at work.
        while [step for step in tuple(self._unfinished) if not step.cancel() and not step.done()]:
            if loop.time() > deadline:
                return False
            try:
                await asyncio.sleep(_POLL_S)
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError
        return True
