"""Who speaks for a partition that was merged: its successor, from the successor's first list since then.

In JPKI a partition is a municipality. A list from before a merger knows nothing of those merged into it.
"""

from __future__ import annotations

from collections.abc import Callable

from revocation.authorities import Authority, Partition
from revocation.clock import jst_day
from revocation.index.layout import ListState


def open_partition(authority: Authority, number: int) -> Partition | None:
    """The partition that speaks for a certificate today: a merged municipality's is its successor's."""
    return _way(authority, number)[-1]


def speaking(
    authority: Authority, number: int, list_of: Callable[[Partition], ListState | None]
) -> list[Partition]:
    """Whose lists must speak for the certificates of a partition: that of the open one at the end of its
    successors. One from before a merger does not speak for those merged into it; until the first list
    since then is there, the merged partition's own last list must be in force too.

    Empty where the way ends at nobody: a closed partition without a successor.
    """
    way = [each for each in _way(authority, number) if each is not None]
    if not way or way[-1].closed is not None:
        return []
    found = [way[-1]]
    for merged, successor in zip(way[-2::-1], way[:0:-1], strict=True):
        state = list_of(successor)
        since = None if state is None or state.this_update is None else jst_day(state.this_update)
        if since is not None and merged.closed is not None and since >= merged.closed:
            break
        found.append(merged)
    return found


def _way(authority: Authority, number: int) -> list[Partition | None]:
    """A partition, its successor, and so on to the open one; None at the end where there is none.

    Ends, because the approved list has no ring of successors (``partitions.check_partitions``).
    """
    way = [authority.partition(number)]
    while (last := way[-1]) is not None and last.closed is not None:
        way.append(None if last.successor is None else authority.partition(last.successor))
    return way
