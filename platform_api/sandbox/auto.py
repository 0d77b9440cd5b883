"""Publishing by itself: a list set every 24 hours of the sandbox's clock, missed days first.

Lists live 48 hours and a day is played when it is due, so nothing that is served ever expires.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from platform_api.sandbox.app import Sandbox
from platform_api.sandbox.refusals import FolderDamaged, RequestRefused
from platform_api.sandbox.world import World

#: How often the clock is looked at: a suspended laptop wakes up with a clock that has jumped.
_LOOK_EVERY_S: Final = 15.0
_AFTER_A_FAILURE_S: Final = 60.0


def play_missed_day(world: World) -> bool:
    """Plays the first day that is owed; False where none is."""
    due = world.missed_day()
    if due is None:
        return False
    world.play(due)
    return True


def play_missed_days(world: World) -> int:
    """Plays every day that is owed, in order; how many there were."""
    played = 0
    while play_missed_day(world):
        played += 1
    return played


async def publish_by_itself(sandbox: Sandbox) -> None:
    """Runs until it is cancelled. A failure is said once a minute and tried again."""
    while True:
        wait = _LOOK_EVERY_S
        try:
            # Looked for and played in one question: in between a day played by hand could come.
            while await sandbox.ask(play_missed_day, sandbox.world):
                pass
        except (FolderDamaged, RequestRefused, OSError) as error:
            sys.stderr.write(f"sandbox: today's lists could not be published: {error}\n")
            wait = _AFTER_A_FAILURE_S
        sandbox.auto_changed.clear()
        try:
            async with asyncio.timeout(wait):
                await sandbox.auto_changed.wait()
        except TimeoutError:
            continue
