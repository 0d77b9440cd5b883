"""Waiting for what happens in another task or process, with a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Return when the condition holds; fail when it does not hold in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what we wait for sets no event of ours
            await asyncio.sleep(0.01)
