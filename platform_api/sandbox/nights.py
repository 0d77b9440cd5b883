"""The next publication by hand: a day after the last one, or the coming night's; never ahead of real time."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from platform_api.sandbox.dates import JST, wire
from platform_api.sandbox.refusals import RequestRefused

if TYPE_CHECKING:
    from platform_api.sandbox.world import World

Step = Literal["day", "night"]
#: Where a world begins that nobody gave a first day: there is a month to play until real time is reached.
FIRST_DAY_BACK: Final = timedelta(days=30)
_DAY: Final = timedelta(days=1)
_NIGHT: Final = time(3, 0, tzinfo=JST)


def next_publication(world: World, step: Step) -> datetime:
    """Its thisUpdate; ``night``: the next 03:00 JST after the last one."""
    last = world.publication
    if last is None:
        first = world.clock.real_now() - FIRST_DAY_BACK
        return first.replace(microsecond=0)
    if step == "day":
        return last.this_update + _DAY
    local = last.this_update.astimezone(JST)
    tonight = datetime.combine(local.date(), _NIGHT)
    return (tonight if tonight > local else tonight + _DAY).astimezone(last.this_update.tzinfo)


def play_next(world: World, step: Step) -> dict[str, Any]:
    """Plays it; refuses where the sandbox has caught up with real time."""
    this_update = next_publication(world, step)
    if this_update > world.clock.real_now():
        raise RequestRefused(
            409,
            "REAL_TIME_REACHED",
            f"the next publication would be at {wire(this_update)}, and no clock runs ahead of real time; "
            "wait, or found another sandbox whose first day lies further back",
        )
    return world.play(this_update)
