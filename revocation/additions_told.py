"""How many certificates a cycle newly listed, by reason, where its lists were told by what changed in them.

On a usual night each accepted list is known as what was added and removed since the list of the published
set. Only what was added can be new then, and that all of it is new follows from how many entries the two
sets have: no file is read for it. Wherever that is not certain, the files are compared whole:

- A set is nothing but the one that it was built upon (``Manifest.previous``), less what ended, and what its
  new lists add. So it must have been built upon the set that this cycle had before it, and so must each
  set of this cycle before that, back to the first. Another process may have published in between, and a
  set that rotted is built around.
- A list that is carried over, absent, closed, merged or of a key that is not configured adds nothing.
- A new list adds what its changes add only if the builder used them: it reads a list whole where they do
  not fit the set before. Asked is what the builder asked, of the same set.
- The entries of the set, listed and gone, must have become as many more as were added. Fewer: one came
  back that was gone, or is in two lists, or a hold ended that had left its list before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from revocation.additions import named
from revocation.authorities import Lineage, ListScope
from revocation.index.list_changes import ListChanges, is_based_on
from revocation.index.search import Index
from revocation.snapshot.current import Snapshot
from revocation.snapshot.plan import AcceptedList

#: Looking at one change takes about as long as comparing so many entries: with more changes the comparison
#: is no dearer, and they would only take memory.
_ENTRIES_TO_A_CHANGE: Final = 500
#: Done in no time, in however small a set.
_FEW_CHANGES: Final = 1_000

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
        #: By reason octet, of the sets up to now; None where only a comparison can tell.
        self._found: Counter[int] | None = Counter()

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
        found, self._found = self._found, None
        if found is None or first is None or before is None or changes is None:
            return otherwise()
        if now.manifest.previous != (before.seq, before.manifest.sha256):
            return otherwise()
        if not _are_all_used(changes, before, now):
            return otherwise()
        more = _new_in(changes, first, before, now)
        if more is None:
            return otherwise()
        self._found = found + more
        return named(self._found)


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


def _new_in(changes: Changes, first: Snapshot, before: Snapshot, now: Snapshot) -> Counter[int] | None:
    """By reason octet, if what was added is new without exception, and stays so in ``now``."""
    told: dict[Lineage, list[ListChanges]] = {}
    for scope, one in changes.items():
        told.setdefault(scope.lineage, []).append(one)
    found = Counter[int]()
    for lineage, lists in told.items():
        new = _new_of(lists, first.index(lineage), before.index(lineage), now.index(lineage))
        if new is None:
            return None
        found.update(new)
    return found


def _new_of(
    lists: Iterable[ListChanges], first: Index | None, before: Index | None, now: Index | None
) -> Counter[int] | None:
    if first is None or before is None or now is None:
        return None
    # What left one list and came to another, or came back to its own with another reason, is not new.
    left = list({serial for one in lists for serial, *_ in one.removed})
    # What an earlier set of this cycle added, and counted, must not have left since.
    if 0 in first.get_many(left).states:
        return None
    ended = now.get_many(left).states.tolist().count(0)
    known = frozenset(left)
    found = Counter(reason for one in lists for serial, _, reason, _ in one.added if serial not in known)
    # Not more than these can be new, and not fewer of the set before can have ended: so where the sum is
    # right, each of these is new, by itself and under its own reason, and nothing else ended.
    return found if _count(now) - _count(before) == found.total() - ended else None


def _count(index: Index) -> int:
    return index.entry_count + index.gone_count
