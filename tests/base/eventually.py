"""Waiting for what happens in another task or process, with a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

#: Ends what hangs, and is no claim: a busy host may stall for many seconds. Below the 300 s of pytest.
HANG_S: Final = 180.0


async def eventually(condition: Callable[[], object], *, seconds: float = 50.0) -> None:
    """Return when the condition holds; fail when it does not hold in time.

    That is less than the 60 s after which a server lets an idle connection go by itself.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what we wait for sets no event of ours
            await asyncio.sleep(0.01)
