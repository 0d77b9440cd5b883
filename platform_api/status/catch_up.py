"""Wait until this process serves a set at least as new as one that somebody was already told of.

The night publishes, then detects; a serving process opens the set within about a second. An institution
that reads an event of set n and then asks for a status must not be answered from set n-1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from platform_api.snapshots import CurrentSnapshot

#: Longer than any opening of a set; after it the answer is given as it stands, or refused by the caller.
PATIENCE_S: Final = 5.0


async def caught_up(snapshots: CurrentSnapshot, set_seq: int, *, patience_s: float = PATIENCE_S) -> bool:
    """True as soon as set ``set_seq`` (or a newer one) is served; False when patience ends."""
    if set_seq <= 0:
        return True
    snapshot = await snapshots.wait_newer(set_seq - 1, patience_s)
    return snapshot is not None and snapshot.seq >= set_seq
