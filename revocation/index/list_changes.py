"""A list's entries told as what changed in them: the set before has the others already.

Only where the set before holds that earlier list entry for entry does it say the same as the list read whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from revocation.index._harvest import Harvest
from revocation.index.layout import Code, ListPresence, ListState
from revocation.index.search import Index


@dataclass(frozen=True, slots=True, repr=False)
class ListChanges:
    """What a list has and the earlier one had not, and the other way round."""

    added: Harvest
    removed: Harvest
    #: Digest of the earlier list (``crl/digest.py``).
    since: bytes
    #: Entries of the list itself.
    count: int
    #: All its entries, read anew from the list with the given digest, where the changes are of no use.
    whole: Callable[[bytes], Harvest]

    def __repr__(self) -> str:
        return f"ListChanges(count={self.count})"


def holds_each_entry(index: Index, number: int, since: bytes) -> bool:
    """Does the index hold, of this partition, the list with that digest, each of its entries by itself?

    Where a list repeats a serial, or other lists have it too and speak louder, an index has fewer of its
    entries than the list. What remains when one of them goes is not to be told from the index then.
    """
    state = index.lists.get(number)
    return (
        state is not None
        and state.state is not ListPresence.ABSENT
        and state.sha256 == since
        and index.listed_by_partition is not None
        and index.listed_by_partition.get(number, 0) == state.entries
    )


def is_based_on(changes: ListChanges, number: int, state: ListState, index: Index | None) -> bool:
    """May the changes be made to the entries of this index? ``state``: what the new set says of the list.

    Each entry that left must stand there as it did in its list. Asked of every one: a file that is not
    what it seems must end in a list that is read whole, not in an entry lost.
    """
    if index is None or not holds_each_entry(index, number, changes.since):
        return False
    before = index.lists[number]
    if before.point_sha256 != state.point_sha256:
        return False  # under one number another partition: what that one listed is gone
    if changes.count != before.entries + changes.added.count - changes.removed.count:
        return False
    if any(Code(number, *code) not in index.known_codes for code in changes.removed.codes):
        return False
    seen: set[bytes] = set()
    for serial, date, reason, _ in changes.removed:
        if serial in seen or index.get(serial) != (date, reason, number):
            return False
        seen.add(serial)
    return True
