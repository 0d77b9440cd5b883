"""How many certificates a cycle newly listed, by reason, where its lists were told by what changed in them.

On a usual night each accepted list is known as what was added and removed since the list of the published
set. Only what was added can be new then, and looking that up is much less work than comparing two files of
tens of millions. Wherever it is not certain, the files are compared whole:

- A set is nothing but the one that it was built upon (``Manifest.previous``), less what ended, and what its
  new lists add. So it must have been built upon the set that this cycle had before it, and so must each
  set of this cycle before that, back to the first. Another process may have published in between, and a
  set that rotted is built around.
- A list that is carried over, absent, closed, merged or of a key that is not configured adds nothing.
- A new list adds what its changes add only if the builder used them: it reads a list whole where they do
  not fit the set before. Asked is what the builder asked, of the same set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from revocation.additions import named
from revocation.authorities import Lineage, ListScope
from revocation.index.list_changes import ListChanges, is_based_on
from revocation.snapshot.current import Snapshot
from revocation.snapshot.plan import AcceptedList

#: Looking up one change takes about as long as comparing so many entries: with more changes the comparison
#: is no dearer, and they would only take memory.
_ENTRIES_TO_A_CHANGE: Final = 500
#: Done in no time, in however small a set.
_FEW_CHANGES: Final = 1_000

#: As ``Harvest.packed_serials`` has them.
_SERIAL_OCTETS: Final = 20

#: What changed in each list that a set took anew.
Changes: TypeAlias = Mapping[ListScope, ListChanges]


def changes_told(lists: Mapping[ListScope, AcceptedList], now: Snapshot) -> Changes | None:
    """None where a list was read whole, or too much changed: of those lists nothing is to be kept."""
    most = _most_changes(now)
    told: dict[ListScope, ListChanges] = {}
    count = 0
    for scope, accepted in lists.items():
        entries = accepted.list.entries
        if not isinstance(entries, ListChanges):
            return None
        count += entries.added.count + entries.removed.count
        if count > most:
            return None
        told[scope] = entries
    return told


def _most_changes(now: Snapshot) -> int:
    return max(_FEW_CHANGES, now.entries // _ENTRIES_TO_A_CHANGE)


class ToldAdditions:
    """For one cycle, whose sets are all asked about, in order, each when it was published.

    In one thread at a time. From the set that does not qualify on, each is compared whole.
    """

    def __init__(self) -> None:
        #: What the lists of the sets up to now added, and nobody else did; None where nobody knows.
        self._added: dict[Lineage, bytes] | None = {}

    def by_reason(
        self,
        first: Snapshot | None,
        before: Snapshot | None,
        now: Snapshot,
        changes: Changes | None,
        *,
        otherwise: Callable[[], Mapping[str, int]],
    ) -> Mapping[str, int]:
        """By RFC 5280 reason name: what ``now`` knows and ``first`` did not. ``otherwise`` compares both.

        ``before`` is the set of this cycle that ``changes`` made ``now`` of, ``first`` the earliest such.
        """
        # Only an end without any doubt makes it known again.
        added, self._added = self._added, None
        if added is None or first is None or before is None or changes is None:
            return otherwise()
        if now.manifest.previous != (before.seq, before.manifest.sha256):
            return otherwise()
        if not _are_all_used(changes, before, now):
            return otherwise()
        gathered: dict[Lineage, list[bytes]] = {}
        for scope, one in changes.items():
            gathered.setdefault(scope.lineage, []).append(one.added.packed_serials())
        added |= {
            lineage: b"".join((added.get(lineage, b""), *serials)) for lineage, serials in gathered.items()
        }
        count = sum(map(len, added.values())) // _SERIAL_OCTETS
        found = None if count > _most_changes(now) else _counted(first, now, added)
        if found is None:
            return otherwise()
        self._added = added
        return found


def _are_all_used(changes: Changes, before: Snapshot, now: Snapshot) -> bool:
    """Did the builder make each of these changes to the entries of the set before?"""
    for scope, one in changes.items():
        index = now.index(scope.lineage)
        state = None if index is None else index.lists.get(scope.partition_number)
        if state is None:
            return False
        if not is_based_on(one, scope.partition_number, state, before.index(scope.lineage)):
            return False
    return True


def _counted(first: Snapshot, now: Snapshot, added: Mapping[Lineage, bytes]) -> dict[str, int] | None:
    """Of the added ones those that the first set does not know at all. None: the files must be compared."""
    found = Counter[int]()
    for lineage, serials in added.items():
        old, new = first.index(lineage), now.index(lineage)
        if old is None or new is None:
            return None
        states = old.get_many(serials).states
        starts = range(0, len(serials), _SERIAL_OCTETS)
        # Each once: two lists may have it, or one list twice.
        unknown = {
            serials[at : at + _SERIAL_OCTETS] for at, state in zip(starts, states, strict=True) if state == 0
        }
        answers = new.get_many(b"".join(unknown))
        # What a list added is listed now, or gone by a late list; else something here is not understood.
        if 0 in answers.states:
            return None
        found.update(answers.reasons)
    return named(found)
