"""Passes for as long as the process lives: `jpki worker`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from platform_api.refresh.guard import one_refresh
from platform_api.refresh.report import RefreshReport
from platform_api.refresh.run import Progress, Refreshing, refreshing
from revocation.errors import OutsideFailed, RevocationError

if TYPE_CHECKING:
    from uuid import UUID

    from platform_api.config import Settings

#: Told of each pass: what it came to, or why there was none.
Told = Callable[[RefreshReport | RevocationError], None]


async def run_worker(settings: Settings, *, told: Told, progress: Progress, only: UUID | None = None) -> None:
    """A pass every ``refresh_every_s``, until told to stop. What was away (J-LIS, the database) may come
    back: such a pass is told of and the next one tries again; a fault of ours or a wrong setting ends it."""
    async with one_refresh(settings.run_dir) as stop, refreshing(settings, progress=progress) as opened:
        while not stop.is_set():
            began = time.monotonic()
            await _pass(opened, told, progress, only, stop)
            left = settings.refresh_every_s - (time.monotonic() - began)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(left, 0.0))


async def _pass(
    opened: Refreshing, told: Told, progress: Progress, only: UUID | None, stop: asyncio.Event
) -> None:
    try:
        told(await opened.run(progress=progress, only=only, stopped=stop.is_set))
    except OutsideFailed as failed:
        told(failed)
