"""Publishing by itself: a list set every 24 hours of the sandbox's clock, missed days first.

Lists live 48 hours and a day is played when it is due, so nothing that is served ever expires.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from platform_api.sandbox.app import Sandbox
from platform_api.sandbox.refusals import FolderDamaged
from platform_api.sandbox.world import World

#: How often the clock is looked at: a suspended laptop wakes up with a clock that has jumped.
_LOOK_EVERY_S: Final = 15.0
_AFTER_A_FAILURE_S: Final = 60.0


def play_missed_days(world: World) -> int:
    """Plays every day that is owed, in order; how many there were."""
    played = 0
    while (due := world.missed_day()) is not None:
        world.play(due)
        played += 1
    return played


async def publish_by_itself(sandbox: Sandbox) -> None:
    """Runs until it is cancelled. A failure is said once a minute and tried again."""
    while True:
        wait = _LOOK_EVERY_S
        try:
            while (due := sandbox.world.missed_day()) is not None:
                await sandbox.ask(sandbox.world.play, due)
        except (FolderDamaged, OSError) as error:
            sys.stderr.write(f"sandbox: today's lists could not be published: {error}\n")
            wait = _AFTER_A_FAILURE_S
        sandbox.auto_changed.clear()
        try:
            async with asyncio.timeout(wait):
                await sandbox.auto_changed.wait()
        except TimeoutError:
            continue
