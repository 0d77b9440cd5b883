"""What changed in a list since the last one, by comparing their octets: nearly all of both are the same.

Everything here may give up at any time, by saying None: then the list is read whole, which takes longer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from revocation.crl._changed import EntryComparison
from revocation.crl.entries import EntrySink, EntryWalk, take_entries
from revocation.crl.entry_region import EntryRegion, EntryRules
from revocation.crl.familiar import FamiliarList
from revocation.crl.list_file import ListFile
from revocation.crl.pages import WINDOW_OCTETS, PagesBehind
from revocation.errors import OutsideFailed

#: A list of which more is other than before than this part, and so many octets, is as soon read whole.
_MOST_PART: Final = 8
_FREE_OCTETS: Final = 64 * 1024

Sink = TypeVar("Sink", bound=EntrySink)


def changes_since(
    before: FamiliarList,
    folder: Path | str,
    today: EntryRegion,
    sink: Callable[[], Sink],
    between: Callable[[int], None],
) -> tuple[Sink, Sink] | None:
    """The entries that ``today`` has and the list before has not, and those that it has no more.

    ``folder`` is the archive's. ``between`` is called now and then with the offset that is reached.
    """
    if before.rules != today.rules:
        return None
    with suppress(OutsideFailed), ListFile(f"{folder}/{before.path}") as file:
        if not file.facts.is_untouched_since(before.file) or before.end > len(file.octets):
            return None
        found = _compared(today, file.octets, before, between)
        # Written to while it was read: then nothing is known of it.
        if not file.is_as_it_was():
            return None
        if found is not None:
            added, removed = _read(found[0], today.rules, sink()), _read(found[1], today.rules, sink())
            return None if added is None or removed is None else (added, removed)
    return None


def _compared(
    today: EntryRegion, octets: bytes | memoryview, before: FamiliarList, between: Callable[[int], None]
) -> tuple[bytes, bytes] | None:
    most = max(today.end - today.start, before.end - before.start) // _MOST_PART + _FREE_OCTETS
    comparison = EntryComparison(today.data, today.start, today.end, octets, before.start, before.end, most)
    behind = (PagesBehind(today.buffer), PagesBehind(octets))
    while more := comparison.advance(WINDOW_OCTETS):
        behind[0].drop(comparison.new_at)
        behind[1].drop(comparison.old_at)
        between(comparison.new_at)
    behind[0].drop(comparison.new_at)
    behind[1].drop(comparison.old_at)
    return None if more is None else (comparison.added, comparison.removed)


def _read(octets: bytes, rules: EntryRules, sink: Sink) -> Sink | None:
    """The few entries, strictly; a refusal is for the reading of the whole list to put into words."""
    if not octets:
        return sink
    walk = EntryWalk(octets, 0, len(octets), *rules)
    take_entries(walk, sink, PagesBehind(octets), lambda: None)
    return sink if walk.refusal is None else None
